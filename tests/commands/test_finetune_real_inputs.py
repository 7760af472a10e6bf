"""``hyenadna-kit finetune`` as README.md has it, on real files of every kind, to metrics and report."""

import csv
import gzip
import json
import shlex
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pysam
import pytest

from hyenadna_kit import cli
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.bam import Bam
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.io.fasta_places import read_fasta_places
from tests.commands.finetune_folder import finetune, start
from tests.oracles.bigwig import BEDGRAPH, bigwig_bytes
from tests.test_readme import shell_lines

pytestmark = pytest.mark.real_data

LINES = [line for line in shell_lines("Fine-tuning") if " finetune " in line]
SIZES = {"train": 160, "validation": 60, "test": 60}
BACTERIA = {
    "ecoli": "ecoli_K12_MG1655.fna.gz",
    "salmonella": "salmonella_LT2_GCF_000006945.1.fna.gz",
    "legionella": "legionella_pneumophila_GCF_000048645.fna.gz",
    "pseudomonas": "pseudomonas_aeruginosa_GCF_000006765.fna.gz",
    "anthrax": "bacillus_anthracis_GCF_000008445.fna.gz",
    "haemophilus": "haemophilus_influenzae_GCA_000027305.fna.gz",
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The current folder, with a model ``m``."""
    start(tmp_path, monkeypatch)


def as_in_readme(*words, **quick):
    """Run the only command of README.md with these words, quickly; return its status."""
    (line,) = [each for each in LINES if all(word in each.split() for word in words)]
    flags = shlex.split(line)[2:]
    named = {flag.removeprefix("--"): value for flag, value in zip(flags[::2], flags[1::2], strict=True)}
    return finetune(**named | {"model": "m", "out": "run"} | quick)


def metrics(*names):
    """Return some metrics of the test side of a run that ended with its report."""
    assert "</html>" in Path("run/report.html").read_text()
    found = json.loads(Path("run/metrics.json").read_text())["test"]["seeds"]["0"]
    return [found[name] for name in names]


def files(suffix):
    return {side: f"{side}{suffix}" for side in SIZES}


def divided(rows):
    """Return runs of rows for the sides."""
    ends = np.cumsum([0, *SIZES.values()])
    return {side: rows[ends[number] : ends[number + 1]] for number, side in enumerate(SIZES)}


def gue(data):
    """Return sequences and classes of a task of GUE, by its own sides."""
    sides = {}
    for side, name in {"train": "train", "validation": "dev", "test": "test"}.items():
        with gzip.open(data / f"benchmarks/GUE/mouse/2/{name}.csv.gz", "rt") as lines:
            sides[side] = [(row["sequence"], row["label"]) for row in csv.DictReader(lines)][: SIZES[side]]
    return sides


def test_folder_of_gue(data):
    Path("GUE").symlink_to(data / "benchmarks/GUE")
    assert as_in_readme("GUE/mouse/2", length="128", batch_size="128") == 0
    assert all(0 <= value <= 1 for value in metrics("auroc", "accuracy"))


def test_table_of_sequences(data):
    for side, rows in gue(data).items():
        text = [f"{bases},{label}\n" for bases, label in rows]
        Path(f"{side}.csv").write_text("sequence,label\n" + "".join(text))
    assert as_in_readme("train.csv", length="128") == 0
    assert 0 <= metrics("auroc")[0] <= 1


def test_parquet_of_sequences(data):
    for side, rows in gue(data).items():
        bases, labels = zip(*rows, strict=True)
        pq.write_table(pa.table({"sequence": bases, "label": list(map(int, labels))}), f"{side}.parquet")
    assert finetune(**files(".parquet"), length="128") == 0
    assert 0 <= metrics("auroc")[0] <= 1


def test_fasta_with_labels_of_their_own(data):
    labels = ["name\tclass\n"]
    for side, rows in gue(data).items():
        Path(f"{side}.fa").write_text(
            "".join(f">{side}{number}\n{bases}\n" for number, (bases, _) in enumerate(rows))
        )
        labels += [f"{side}{number}\t{label}\n" for number, (_, label) in enumerate(rows)]
    Path("labels.tsv").write_text("".join(labels))
    assert as_in_readme("train.fa", "labels.tsv", length="128") == 0
    assert 0 <= metrics("auroc")[0] <= 1


def test_folder_of_the_nucleotide_transformer(data):
    folder = Path("nucleotide_transformer/enhancers")
    folder.mkdir(parents=True)
    for side, rows in gue(data).items():
        if side != "validation":
            text = [f">r{number}|{label}\n{bases}\n" for number, (bases, label) in enumerate(rows)]
            (folder / f"{side}.fna").write_text("".join(text))
    assert as_in_readme("nucleotide_transformer/enhancers", length="128") == 0
    assert 0 <= metrics("auroc")[0] <= 1


def test_places_with_many_columns_of_labels(data):
    """The layout of DeepSEA, on places of a real genome; what is labelled is what their bases hold."""
    genome = data / "genomes/yeast/Saccharomyces_cerevisiae.R64-1-1.dna.toplevel.fa.gz"
    contigs = Fasta(genome)
    Path("genome.fa.gz").symlink_to(genome)
    Path("chromatin").mkdir()
    for number, (side, name) in enumerate({"train": "train", "validation": "val", "test": "test"}.items()):
        rows = ["Chr_No,Start,End,y_0,y_1\n"]
        for low in range(100_000 * number, 100_000 * number + 64 * SIZES[side], 64):
            bases = contigs.fetch(Interval("IV", low, low + 64))
            rows.append(f"IV,{low},{low + 64},{int('TATA' in bases)},{int('GCG' in bases)}\n")
        Path(f"chromatin/{name}_yeast.csv").write_text("".join(rows))
    assert as_in_readme("chromatin") == 0
    assert 0 <= metrics("auroc")[0] <= 1


def test_fasta_with_labels_in_headers(data):
    for side, rows in gue(data).items():
        text = [f">r{number} label={label}\n{bases}\n" for number, (bases, label) in enumerate(rows)]
        Path(f"{side}.fa").write_text("".join(text))
    assert as_in_readme("train.fa", "classifier", length="128") == 0
    assert 0 <= metrics("auroc")[0] <= 1


def test_folders_of_classes(data):
    for side, rows in gue(data).items():
        for number, (bases, label) in enumerate(rows):
            path = Path("enhancers") / ("test" if side == "test" else "train") / label / f"{side}{number}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(bases)
    assert as_in_readme("enhancers", length="128") == 0
    assert 0 <= metrics("auroc")[0] <= 1


def test_bed_with_scores(data):
    lines = (data / "genomes/yeast/Scer_transcripts_w_verifiedORFs.bed").read_text().splitlines()
    places = [line.split("\t") for line in lines if float(line.split("\t")[4]) > 0]
    for side, rows in divided(places).items():
        text = [
            f"{contig}\t{int(start) + 100}\t{int(start) + 164}\t{name}\t{score}\t{strand}\n"
            for contig, start, _, name, score, strand in rows
        ]
        Path(f"{side}.bed").write_text("".join(text))
    Path("genome.fa.gz").symlink_to(
        data / "genomes/yeast/Saccharomyces_cerevisiae.R64-1-1.dna.toplevel.fa.gz"
    )
    assert as_in_readme("train.bed", "score") == 0
    assert -1 <= metrics("spearman")[0] <= 1


def test_vcf_with_frequencies(data):
    with gzip.open(data / "human/grch37_chr20_1-2Mb.vcf.gz", "rt") as lines:
        every = lines.readlines()
    header = [line for line in every if line.startswith("#")]
    for side, rows in divided(every[len(header) :]).items():
        Path(f"{side}.vcf").write_text("".join(header + rows))
    Path("genome.fa").symlink_to(data / "human/grch37_chr20_1-2Mb.fa")
    assert as_in_readme("train.vcf", window="32") == 0
    assert -1 <= metrics("pearson")[0] <= 1


def test_table_of_measured_variants(data):
    """A saturation-mutagenesis assay: of the promoter of SORT1, by place."""
    fasta = data / "variants/mpra_elements_GRCh38.fa"
    before = read_fasta_places(fasta)["SORT1"].start
    with gzip.open(data / "variants/mpra_elements.tsv.gz", "rt") as lines:
        rows = [row for row in csv.DictReader(lines, delimiter="\t") if row["Element"] == "SORT1"]
    snvs = [row for row in rows if row["Release"] == "GRCh38" and row["Alt"] != "-"]
    for side, some in divided(snvs).items():
        lines = [
            f"SORT1\t{int(row['Pos']) - before}\t{row['Ref']}\t{row['Alt']}\t{row['Coefficient']}\n"
            for row in some
        ]
        Path(f"{side}.tsv").write_text("chrom\tpos\tref\talt\teffect\n" + "".join(lines))
    Path("elements.fa").symlink_to(fasta)
    assert as_in_readme("train.tsv", window="32") == 0
    assert -1 <= metrics("spearman")[0] <= 1


def write_coverage(data):
    """Write an indexed BAM, its coverage as bigWig, and places of the covered part of chrM for every side."""
    target = Path("reads.bam")
    target.write_bytes((data / "bam/chrM/NA12878.chrM.bam").read_bytes())
    pysam.index(str(target))
    for side, (first, last) in {"train": (0, 640), "validation": (640, 832), "test": (832, 1088)}.items():
        lines = [f"chrM\t{start}\t{start + 32}\n" for start in range(first, last, 32)]
        Path(f"{side}.bed").write_text("".join(lines))
    length = Bam(target).contigs["chrM"]
    coverage = Bam(target).coverage(Interval("chrM", 0, length)).tolist()
    items = [(place, place + 1, value) for place, value in enumerate(coverage[:2000])]
    Path("coverage.bw").write_bytes(bigwig_bytes({"chrM": length}, [("chrM", BEDGRAPH, items)]))


def test_tracks_of_a_bam_and_of_its_bigwig_are_the_same(data):
    write_coverage(data)
    Path("genome.fa").symlink_to(data / "human/grch38_chrM.fa")
    assert as_in_readme("reads.bam") == 0
    assert np.isfinite(metrics("pearson")[0])
    assert as_in_readme("coverage.bw", out="again") == 0
    found, again = (json.loads(Path(run, "metrics.json").read_text()) for run in ("run", "again"))
    assert found["test"] == again["test"]


def test_species_from_their_genomes(data):
    genomes = ",".join(f"{name}={data / 'genomes/bacteria' / file}" for name, file in BACTERIA.items())
    words = ["--genomes", genomes, "--length", "64", "--count", "40", "--out", "species"]
    assert cli.main(["make-species-task", *words]) == 0
    assert as_in_readme("species") == 0
    assert 0 <= metrics("accuracy")[0] <= 1
    assert json.loads(Path("run/metrics.json").read_text())["labels"] == sorted(BACTERIA)
