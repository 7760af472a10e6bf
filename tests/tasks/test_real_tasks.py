"""Tasks of real genomes, every example worked out again from the GFF with Biopython and plain loops.

The command runs in a process of its own: without the type checks of the tests it is ten times as fast.
"""

import csv
import gzip
import json
import subprocess
import sys
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from Bio import SeqIO

pytestmark = pytest.mark.real_data

ROOT = Path(__file__).parents[2]
ECOLI = ("bacteria/ecoli_K12_MG1655.fna.gz", "bacteria/ecoli_K12_MG1655.gff.gz")
YEAST = (
    "yeast/Saccharomyces_cerevisiae.R64-1-1.dna.toplevel.fa.gz",
    "yeast/Scer_polIItranscripts-adjustedTSS.bed",
)
SPECIES = ("athaliana", "celegans", "dmelanogaster")


class Row(NamedTuple):
    """A line of a table, with the bases that Biopython reads at its place."""

    contig: str
    start: int
    end: int
    strand: str
    label: str
    side: str
    bases: str


@pytest.fixture
def make_task(data, tmp_path):
    """Return a function from files and options to contigs, the rows of all tables and the report."""

    def run(files, *words):
        fasta, annotation = (data / "genomes" / name for name in files)
        command = [
            sys.executable,
            "-m",
            "hyenadna_kit.cli",
            "make-task",
            "--columns",
            "both",
            "--out",
            tmp_path,
        ]
        command += ["--genome", fasta, "--annotation", annotation, *words]
        subprocess.run(list(map(str, command)), cwd=ROOT, check=True, capture_output=True)
        with gzip.open(fasta, "rt") as handle:
            contigs = {record.id: record.seq.upper() for record in SeqIO.parse(handle, "fasta")}
        rows = []
        for side in ("train", "validation", "test"):
            with (tmp_path / f"{side}.csv").open() as lines:
                for row in csv.DictReader(lines):
                    start, end = int(row["start"]), int(row["end"])
                    bases = contigs[row["contig"]][start:end]
                    bases = str(bases if row["strand"] == "+" else bases.reverse_complement())
                    assert row["sequence"] == bases
                    assert set(bases) <= set("ACGT")
                    rows.append(Row(row["contig"], start, end, row["strand"], row["label"], side, bases))
        return contigs, rows, json.loads((tmp_path / "task.json").read_text())

    return run


def gff_lines(path):
    """Yield contig, type, start (0-based), end, strand and attributes of every feature."""
    with gzip.open(path, "rt") as lines:
        for line in lines:
            if not line.startswith("#") and line.strip():
                contig, _, kind, start, end, _, strand, _, attributes = line.rstrip("\n").split("\t")
                pairs = (pair.split("=", 1) for pair in attributes.split(";") if "=" in pair)
                yield contig, kind, int(start) - 1, int(end), strand, dict(pairs)


def refuse_leaks(rows, report):
    """Assert that no base of the genome is on two sides, and that no bases occur twice."""
    furthest, *others = sorted(rows)
    for row in others:
        if row.contig == furthest.contig and row.start < furthest.end:
            assert row.side == furthest.side
        if row.contig != furthest.contig or row.end > furthest.end:
            furthest = row
    assert len({row.bases for row in rows}) == len(rows)
    assert report["similarity"]["num_similar"] == 0


def test_ecoli_coding_windows_are_in_cds_lines_and_others_in_no_gene(data, make_task):
    contigs, rows, report = make_task(ECOLI, "--task", "coding", "--length", 150)
    is_gene = np.zeros(len(contigs["NC_000913.3"]), dtype=bool)
    pseudogenes, cds = set(), []
    for _, kind, start, end, strand, attributes in gff_lines(data / "genomes" / ECOLI[1]):
        if kind in ("gene", "pseudogene"):
            is_gene[start:end] = True
        if kind == "pseudogene":
            pseudogenes.add(attributes["ID"])
        if kind == "CDS":
            cds.append((start, end, strand == "-", attributes["Parent"]))
    starts, ends, reverse = np.array([line[:3] for line in cds if line[3] not in pseudogenes]).T
    counts = Counter(row.label for row in rows)
    assert counts["coding"] == counts["intergenic"] > 1500
    for row in rows:
        if row.label == "intergenic":
            assert not is_gene[row.start : row.end].any()
        else:
            holds = (starts <= row.start) & (row.end <= ends) & (reverse == (row.strand == "-"))
            assert holds.any()
    refuse_leaks(rows, report)


def test_yeast_promoters_are_at_the_start_sites_and_background_has_their_gc(data, make_task):
    contigs, rows, report = make_task(
        YEAST, "--task", "promoters", "--upstream", 150, "--downstream", 50, "--max_per_class", 4000
    )
    sites, near = set(), {contig: np.zeros(len(bases), dtype=bool) for contig, bases in contigs.items()}
    with (data / "genomes" / YEAST[1]).open() as lines:
        for line in lines:
            contig, start, end, _, _, strand = line.split()[:6]
            contig = contig.removeprefix("chr")
            site = int(start) if strand == "+" else int(end) - 1
            sites.add((contig, site, strand))
            first = site - 150 if strand == "+" else site - 49
            near[contig][max(first, 0) : first + 200] = True
    gc = defaultdict(list)
    for row in rows:
        gc[row.label].append((row.bases.count("G") + row.bases.count("C")) * 50 // 200)
        if row.label == "promoter":
            site = row.start + 150 if row.strand == "+" else row.end - 1 - 150
            assert (row.contig, site, row.strand) in sites
        else:
            assert not near[row.contig][row.start : row.end].any()
    assert len(gc["promoter"]) == 4000
    assert Counter(gc["promoter"]) == Counter(gc["background"])
    refuse_leaks(rows, report)


def annotated_sites(path):
    """Return contig, start and strand of the two bases at either end of every intron."""
    parts = defaultdict(set)
    for contig, kind, start, end, strand, attributes in gff_lines(path):
        if kind in ("exon", "pseudogenic_exon", "CDS"):
            for parent in attributes.get("Parent", "").split(","):
                parts[parent, kind == "CDS", contig, strand].add((start, end))
    sites = {"donor": set(), "acceptor": set()}
    for (_, _, contig, strand), exons in parts.items():
        for (_, start), (end, _) in pairwise(sorted(exons)):
            first, last = (start, end - 2) if strand == "+" else (end - 2, start)
            sites["donor"].add((contig, first, strand))
            sites["acceptor"].add((contig, last, strand))
    return sites


@pytest.mark.parametrize("species", SPECIES)
def test_splice_sites_are_at_introns_and_nearly_all_are_canonical(data, make_task, species):
    files = (f"eukaryote_1pct/{species}/1pct.fa.gz", f"eukaryote_1pct/{species}/1pct.gff3.gz")
    _, rows, report = make_task(files, "--task", "splice_sites", "--length", 200)
    sites = annotated_sites(data / "genomes" / files[1])
    middles = defaultdict(Counter)
    for row in rows:
        middles[row.label][row.bases[99:101]] += 1
        site = (row.contig, row.start + 99 if row.strand == "+" else row.end - 101, row.strand)
        if row.label == "decoy":
            assert site not in sites["donor"] | sites["acceptor"]
        else:
            assert site in sites[row.label]
    size = middles["decoy"].total()
    assert size == middles["donor"].total() == middles["acceptor"].total() > 350
    assert middles["decoy"] == {"GT": size - size // 2, "AG": size // 2}
    for label, bases in (("donor", "GT"), ("acceptor", "AG")):
        share = middles[label][bases] / size
        assert share >= 0.97
        assert report["facts"]["canonical_fraction"][label] == pytest.approx(share, abs=0.01)
    refuse_leaks(rows, report)
