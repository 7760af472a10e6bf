"""Consequences against another program: bcftools csq, on genes that are made up.

Source of that program: Danecek and McCarthy 2017, doi:10.1093/bioinformatics/btx100.
"""

import random
import shutil
import subprocess

import pytest

from hyenadna_kit.genome.consequence_finder import ConsequenceFinder
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io.annotation import read_annotation
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.io.genetic_codes import genetic_codes
from tests.oracles.made_genes import MadeGene, TextGenome, as_annotation, draw, ensembl_gff3, make_gene
from tests.oracles.mutated_protein import ORDER, Change, outermost

pytestmark = [
    pytest.mark.skipif(shutil.which("bcftools") is None, reason="bcftools is not installed"),
    pytest.mark.usefixtures("no_shape_checks"),
]

TERMS = {
    "5_prime_utr": "5_prime_UTR_variant",
    "3_prime_utr": "3_prime_UTR_variant",
    "non_coding": "non_coding_transcript_exon_variant",
    "inframe_altering": "protein_altering_variant",
}
IN_FRAME = {"inframe_deletion", "stop_gained"}


def term_of(name):
    """Return the term of the Sequence Ontology for what bcftools writes."""
    name = name.lstrip("*")
    return name if name in ORDER else TERMS.get(name, f"{name}_variant")


def consequences_of_bcftools(folder, genes, changes):
    """Return the most severe consequence of every change, by bcftools csq; changes are (gene, Change)."""
    (folder / "g.fa").write_text("".join(f">{made.contig}\n{made.bases}\n" for made in genes))
    (folder / "g.gff3").write_text(ensembl_gff3(genes))
    lines = ["##fileformat=VCFv4.2"]
    lines += [f"##contig=<ID={made.contig},length={len(made.bases)}>" for made in genes]
    lines.append("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO")
    for number, (made, (position, ref, alt)) in enumerate(changes):
        lines.append(f"{made.contig}\t{position + 1}\t{number}\t{ref}\t{alt}\t.\t.\t.")
    (folder / "in.vcf").write_text("\n".join([*lines, ""]))
    options = ["--local-csq", "--ncsq", "100", "--fasta-ref", "g.fa", "--gff-annot", "g.gff3", "in.vcf"]
    result = subprocess.run(["bcftools", "csq", *options], cwd=folder, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    records = [line.split("\t") for line in result.stdout.splitlines() if line[0] != "#"]
    assert [int(record[2]) for record in records] == [*range(len(changes))]
    return [most_severe_of(record[7]) for record in records]


def most_severe_of(info):
    """Return the first in our order of all terms in INFO/BCSQ; what has none lies between genes."""
    _, _, found = info.partition("BCSQ=")
    terms = [term_of(name) for entry in found.split(",") if found for name in entry.split("|")[0].split("&")]
    return min(terms, key=ORDER.index, default="intergenic_variant")


@pytest.fixture(scope="module")
def genes():
    rng = random.Random(3)
    return [make_gene(rng, f"c{number}", "+-"[number % 2], number % 4 + 1) for number in range(40)]


def finder_of(folder):
    """Return a finder from the files that bcftools read."""
    return ConsequenceFinder(
        read_annotation(folder / "g.gff3"), Fasta(folder / "g.fa"), codes=genetic_codes()
    )


def has_split_start(made):
    """Say whether a junction lies in the start codon."""
    first = made.cds[0] if made.strand == "+" else made.cds[-1]
    return first[1] - first[0] < 3


def test_every_snv_has_the_consequence_of_bcftools(genes, tmp_path):
    changes = [
        (made, Change(at, made.bases[at], alt))
        for made in genes
        for at in range(made.exons[0][0] - 3, made.exons[-1][1] + 3)
        for alt in "ACGT"
        if alt != made.bases[at]
    ]
    theirs = consequences_of_bcftools(tmp_path, genes, changes)
    found = finder_of(tmp_path)
    differing = set()
    for (made, change), expected in zip(changes, theirs, strict=True):
        consequence = found.find(Variant(made.contig, *change))
        if consequence != expected:
            # bcftools knows a start codon by its place in one exon, and calls a split one as any other codon.
            assert (consequence, expected, has_split_start(made)) == ("start_lost", "missense_variant", True)
            differing.add(made.contig)
    assert len(changes) > 10_000
    assert len(differing) <= sum(map(has_split_start, genes)) < len(genes) / 4


def lies_inside(made, change):
    """Say whether a change, however it is written, stays clear of all ends of exons and of the CDS.

    At those the two differ: bcftools takes the spelling that it is given, and we what the changed genome
    still has; it counts a base beside an insertion as changed; and an insertion or deletion in a start codon
    is a start_lost to it, where Ensembl's order puts frameshift_variant first.
    """
    outer = outermost(made.bases, change)
    first, last = outer[0].position - 3, outer[-1].position + len(outer[-1].ref) + 3
    reach = 0 if any(start <= first and last <= end for start, end in made.exons) else 6
    ends = [at for span in (*made.exons, *made.cds) for at in span]
    return not any(first - reach <= at <= last + reach for at in ends)


def test_insertions_and_deletions_have_the_consequence_of_bcftools(genes, tmp_path):
    rng = random.Random(4)
    changes = []
    for made in genes:
        for at in range(made.exons[0][0], made.exons[-1][1], 3):
            anchor, size = made.bases[at], rng.choice([1, 2, 3, 6])
            changes.append((made, Change(at, made.bases[at : at + size + 1], anchor)))
            changes.append((made, Change(at, anchor, anchor + draw(rng, size))))
    theirs = consequences_of_bcftools(tmp_path, genes, changes)
    found, compared = finder_of(tmp_path), []
    for (made, change), expected in zip(changes, theirs, strict=True):
        if not lies_inside(made, change):
            continue
        consequence = found.find(Variant(made.contig, *change))
        compared.append(consequence)
        if consequence == "stop_retained_variant":
            # A stop codon that is inserted right before the stop: the protein is the same.
            assert expected == "stop_gained"
        elif change.gained < 0 and {consequence, expected} == IN_FRAME:
            # bcftools 1.16 reads other codons than are left, by the spelling; see the next test.
            assert change.gained % 3 == 0
        else:
            assert consequence == expected, (made, change)
    assert len(compared) > 800
    assert {"frameshift_variant", "inframe_insertion", "inframe_deletion", "stop_gained"} <= set(compared)


def test_deleted_codons_leave_what_is_left():
    # ATG TTA ATA AAA without ATA is ATG TTA AAA. bcftools 1.16 writes 2LI>2L of TAAT>T and 2LI>2*, which is
    # a stop_gained, of AATA>A, though both delete the same bases.
    made = MadeGene("c", "CCCC" "ATGTTAATAAAATGGTAA" "CCCC", "+", [(4, 22)], [(4, 22)])  # fmt: skip
    found = ConsequenceFinder(as_annotation(made), TextGenome({"c": made.bases}), codes=genetic_codes())
    for change in (Change(8, "TAAT", "T"), Change(9, "AATA", "A")):
        assert found.find(Variant("c", *change)) == "inframe_deletion"
