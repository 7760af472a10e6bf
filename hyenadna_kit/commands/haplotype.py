"""``hyenadna-kit haplotype``: a genome and a VCF in, the genome of a haplotype or a consensus out."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from hyenadna_kit.io.haplotypes import HaplotypeReport


@dataclass(frozen=True, kw_only=True)
class HaplotypeOptions:
    """Write a genome with the variants of a VCF or BCF in it, as FASTA.

    A haplotype takes the alleles of one chromosome of a sample. A consensus takes the first ALT of every
    record or, with --sample, the first ALT that the sample has. The records that are not applied are
    counted by reason. REF is compared whole with the genome; where it differs nothing is written.
    """

    genome: str
    """Genome store or FASTA: the reference of the VCF."""
    vcf: str
    """VCF, VCF.gz or BCF, sorted; - is standard input."""
    out: str
    """.fa, .fasta or .fna, with .gz behind it bgzipped."""
    haplotype: Literal[1, 2, "consensus"] = "consensus"
    """Which of the two alleles of a genotype, or a consensus."""
    sample: str | None = None
    """Whose genotypes; a haplotype of the only sample of a file needs no name."""
    unphased: Literal["refuse", "reference", "alternative", "iupac"] = "refuse"
    """Heterozygous and unphased (0/1): stop; keep the reference; apply its first ALT; or write the code of
    its bases (single bases; else the reference). A consensus does not need phases."""
    phase_sets: Literal["refuse", "join"] = "refuse"
    """Several phase sets (PS) on one contig: stop, or take them as one."""
    overlaps: Literal["skip", "error"] = "skip"
    """A record that begins within the REF of an applied one: leave it out, or stop."""
    filters: tuple[str, ...] = ()
    """FILTER values of the records that count, such as PASS,. ; default: every record."""


def run(options: HaplotypeOptions) -> int:
    """Write the FASTA and say what became of the records.

    Raises:
        InputError: A file is damaged or does not fit, or a record is refused by the options.
    """
    from hyenadna_kit.commands.progress import Unit, show_progress
    from hyenadna_kit.io.genome import open_genome
    from hyenadna_kit.io.haplotype_fasta import write_haplotype
    from hyenadna_kit.io.haplotype_rules import HaplotypeRules

    rules = HaplotypeRules(
        haplotype=None if options.haplotype == "consensus" else options.haplotype,
        sample=options.sample,
        unphased=options.unphased,
        phase_sets=options.phase_sets,
        overlaps=options.overlaps,
        filters=options.filters,
    )
    genome = open_genome(options.genome)
    with show_progress(Unit("Mb", 1_000_000, 1, "writing", "wrote")) as on_progress:
        report = write_haplotype(genome, options.vcf, Path(options.out), rules, on_progress=on_progress)
    print(_summary(report, options))
    return 0


def _summary(report: "HaplotypeReport", options: HaplotypeOptions) -> str:
    counts = [f"{outcome.replace('_', ' ')} {count:,}" for outcome, count in report.outcomes.most_common()]
    counts += [f"phase sets joined {report.num_joined:,}"] if report.num_joined else []
    records = f"{report.num_records:,} records" + (f": {', '.join(counts)}" if counts else "")
    return f"{options.out}: {_made(options)}; {records}"


def _made(options: HaplotypeOptions) -> str:
    if options.haplotype == "consensus" and options.sample is None:
        return "first ALT of every record"
    made = "consensus" if options.haplotype == "consensus" else f"haplotype {options.haplotype}"
    return f"{made} of {options.sample}" if options.sample else made
