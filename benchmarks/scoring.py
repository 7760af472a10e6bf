"""Variant scoring on the CPU: the shared engine beside two full passes a variant, and whole files.

    python benchmarks/scoring.py                                  # engines: about ten minutes
    python benchmarks/scoring.py --parts human --vcf clinvar.vcf.gz --genome chr22.fa.gz
    python benchmarks/scoring.py --parts genome --genome ecoli.fna.gz
    python benchmarks/scoring.py --parts memory                   # a million records

``engines`` draws variants that share one window of a random genome: substitutions, insertions and
deletions. ``full`` is two passes a variant, which is what scoring without shared windows costs; the
sides take turns. ``human`` scores a file as the command does. ``genome`` scores every SNV of a genome
and compares some of them with what ``score`` says. ``memory`` compares the peak of a process that scores
a million records with that of one that scores ten thousand.
"""

import argparse
import csv
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from generated import write_fasta
from measure import SHAPES, Shape, build_ours, comma_list, table, use
from record import cpu_name, record

from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.io.genome_scores_reader import GenomeScores
from hyenadna_kit.scoring.alleles import AlleleWindows
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.scoring.prepare import Preparation
from hyenadna_kit.scoring.readings import AlleleReadings
from hyenadna_kit.scoring.scorer import VariantScorer
from hyenadna_kit.scoring.scores import SCORES
from hyenadna_kit.testing.models import tiny_model

PARTS = ("engines", "human", "genome", "memory")
FEW, MANY, SPACING = 10_000, 1_000_000, 4
INSERTION, DELETION = 2, 3
COMPARED = 2000
SEPARATE = 3
"""Variants that are scored by two passes of their own; each takes as long as any other."""


class Case(NamedTuple):
    """Variants that share a window."""

    shape: str
    window: int
    horizon: int
    num_variants: int


CASES = {
    "8k": Case("small-32k", 8192, 512, 32),
    "32k": Case("small-32k", 32_768, 1024, 16),
    "saturation": Case("small-32k", 32_768, 512, 768),
}


def main(options: argparse.Namespace) -> None:
    """Measure and record."""
    figures: dict[str, Any] = {}
    if "engines" in options.parts:
        rows = [measure_engines(name, CASES[name], options.rounds) for name in options.cases]
        print(table(rows))
        figures["engines"] = rows
    if "human" in options.parts:
        figures["human"] = measure_file(options)
    if "genome" in options.parts:
        figures["genome"] = measure_genome(options.genome)
    if "memory" in options.parts:
        figures["memory"] = measure_memory()
    command = " ".join(["python benchmarks/scoring.py", *sys.argv[1:]])
    print(record(options.name, command, figures, device=cpu_name()).read_text())


def measure_engines(name: str, case: Case, rounds: int) -> dict[str, object]:
    """Return seconds a variant of both engines, their ratio and how far their scores are apart."""
    model = build_ours(SHAPES[case.shape], case.window).eval()
    placement = Placement.for_window(case.window, horizon=case.horizon)
    windows = draw_windows(placement, case.num_variants)
    shared = VariantScorer(model, placement, engine="shared").engine
    full = VariantScorer(model, placement, engine="full", batch_size=1).engine
    found = shared.read(windows)  # what is made once and kept is neither's cost
    some = np.random.default_rng(0).choice(len(windows), SEPARATE, replace=False).tolist()
    expected = [full.read([windows[index]])[0] for index in some]
    seconds: dict[str, list[float]] = {"shared": [], "full": []}
    for _ in range(rounds):
        seconds["shared"].append(use(lambda: shared.read(windows)).wall / len(windows))
        seconds["full"].append(use(lambda: [full.read([windows[index]]) for index in some]).wall / SEPARATE)
    ratios = [slow / fast for slow, fast in zip(seconds["full"], seconds["shared"], strict=True)]
    errors = [score_errors(windows[i], found[i], exact) for i, exact in zip(some, expected, strict=True)]
    return {
        "case": name,
        **case._asdict(),
        "full_s_a_variant": statistics.median(seconds["full"]),
        "shared_s_a_variant": statistics.median(seconds["shared"]),
        "times_as_fast": round(statistics.median(ratios), 1),
        **{f"error_{score}": max(each[score] for each in errors) for score in errors[0]},
    }


def draw_windows(placement: Placement, count: int) -> list[AlleleWindows]:
    """Return the windows of variants that share one of a random genome."""
    with tempfile.TemporaryDirectory() as folder:
        bases = np.random.default_rng(1).choice(list("ACGT"), 3 * placement.window)
        (Path(folder) / "genome.fa").write_text(f">random\n{''.join(bases)}\n")
        return windows_of(Fasta(Path(folder) / "genome.fa"), placement, count)


def windows_of(genome: Fasta, placement: Placement, count: int) -> list[AlleleWindows]:
    """Return substitutions, insertions and deletions, evenly over the variants of one window."""
    (contig,) = genome.contigs
    first = -(-placement.window // placement.stride) * placement.stride
    rng = np.random.default_rng(0)
    positions = [first + index * placement.stride // count for index in range(count)]
    preparation = Preparation(
        genome=genome, placement=placement, strands=(Strand.FORWARD,), on_ref_mismatch="error"
    )
    windows: list[AlleleWindows] = []
    for index, position in enumerate(positions):
        ref = genome.fetch(Interval(contig, position, position + (6 if index % 4 == DELETION else 1)))
        alt = ref + "".join(rng.choice(list("ACGT"), 7)) if index % 4 == INSERTION else other(ref[0])
        windows += preparation.windows(Variant(contig, position, ref, alt))
    return windows


def score_errors(windows: AlleleWindows, found: AlleleReadings, expected: AlleleReadings) -> dict[str, float]:
    """Return how far every score is from that of two passes."""
    errors: dict[str, float] = {}
    for name, score in SCORES.items():
        values = [score.function(windows, each) for each in (found, expected)]
        errors[name] = 0.0 if None in values else abs(float(np.subtract(*values)))
    return errors


def measure_file(options: argparse.Namespace) -> dict[str, object]:
    """Return what scoring a file takes, all scores, on a model of d_model 128, 2 layers and 1,024 bp."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build_ours(Shape(2, 128), 1024).save_pretrained(folder / "model")
        words = ["--model", folder / "model", "--genome", options.genome, "--vcf", options.vcf]
        return run_command("score", *words, "--out", folder / "out.vcf.gz", "--max_unscored", "1")


def measure_genome(path: Path) -> dict[str, object]:
    """Return what every SNV of a genome takes, and how far some of the scores are from those of ``score``."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build_ours(Shape(2, 128), 1024).save_pretrained(folder / "model")
        words = ["--model", folder / "model", "--genome", path]
        used = run_command("score-genome", *words, "--out", folder / "all.tsv.gz")
        genome, scores = Fasta(path), GenomeScores(folder / "all.tsv.gz")
        write_some_snvs(folder / "some.vcf", genome, COMPARED)
        run_command("score", *words, "--vcf", folder / "some.vcf", "--out", folder / "some.tsv")
        with (folder / "some.tsv").open() as lines:
            rows = list(csv.DictReader(lines, delimiter="\t"))
        found = [scores.llr(row["chrom"], int(row["pos"]) - 1, row["ref"], row["alt"]) for row in rows]
        errors = [abs(value - float(row["llr"])) for value, row in zip(found, rows, strict=True)]
        size = sum(genome.contigs.values())
        return {
            "bases": size,
            "snvs": 3 * size,
            **used,
            "compared": len(errors),
            "largest_error": max(errors),
        }


def write_some_snvs(path: Path, genome: Fasta, count: int) -> None:
    """Write a VCF of substitutions that are spread over the longest contig."""
    contig, length = max(genome.contigs.items(), key=lambda item: item[1])
    with path.open("w") as vcf:
        vcf.write(f"##fileformat=VCFv4.2\n##contig=<ID={contig}>\n")
        vcf.write("\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]) + "\n")
        for position in range(0, length, length // count):
            ref = genome.fetch(Interval(contig, position, position + 1))
            vcf.write(f"{contig}\t{position + 1}\t.\t{ref}\t{other(ref)}\t.\t.\t.\n")


def measure_memory() -> dict[str, object]:
    """Return the peaks of two processes that score few and many records, windows of 64 bp."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tiny_model().save_pretrained(folder / "model")
        write_fasta(folder / "genome.fa", SPACING * MANY * 11 // 10)
        peaks: dict[str, object] = {}
        for count in (FEW, MANY):
            write_snvs(folder / "in.vcf", Fasta(folder / "genome.fa"), count)
            words = ["--model", folder / "model", "--genome", folder / "genome.fa", "--window", "64"]
            used = run_command("score", *words, "--vcf", folder / "in.vcf", "--out", folder / "out.vcf")
            peaks[f"{count} records"] = used
    return peaks


def write_snvs(path: Path, genome: Fasta, count: int) -> None:
    """Write a VCF of one substitution every few bases of the only contig."""
    (contig,) = genome.contigs
    bases = genome.fetch(Interval(contig, 0, genome.contigs[contig]))
    known = (position for position in range(0, len(bases), SPACING) if bases[position] != "N")
    with path.open("w") as vcf:
        vcf.write(f"##fileformat=VCFv4.2\n##contig=<ID={contig}>\n")
        vcf.write("\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]) + "\n")
        for position in islice(known, count):
            ref = bases[position]
            vcf.write(f"{contig}\t{position + 1}\t.\t{ref}\t{other(ref)}\t.\t.\t.\n")


def other(base: str) -> str:
    """Return another base."""
    return "ACGT"["ACGT".index(base.upper()) - 1]


def run_command(*words: object) -> dict[str, object]:
    """Run ``hyenadna-kit`` in a process of its own; return what it took."""
    begin = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "hyenadna_kit.cli", *map(str, words)])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"hyenadna-kit {words[0]} ended with status {os.waitstatus_to_exitcode(status)}")
    return {
        "wall_seconds": round(time.perf_counter() - begin, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_mib": round(usage.ru_maxrss / 1024, 1),
    }


def parse() -> argparse.Namespace:
    """Return the flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", type=comma_list(PARTS), default=["engines"], help=",".join(PARTS))
    parser.add_argument("--cases", type=comma_list(list(CASES)), default=list(CASES), help=",".join(CASES))
    parser.add_argument("--rounds", type=int, default=3, help="turns of both engines")
    parser.add_argument("--vcf", type=Path, help="variants for human")
    parser.add_argument("--genome", type=Path, help="their reference")
    parser.add_argument("--name", default="scoring", help="of the results: DATE_NAME.json")
    options = parser.parse_args()
    if "human" in options.parts and not (options.vcf and options.genome):
        parser.error("--parts human needs --vcf and --genome")
    if "genome" in options.parts and not options.genome:
        parser.error("--parts genome needs --genome")
    return options


if __name__ == "__main__":
    main(parse())
