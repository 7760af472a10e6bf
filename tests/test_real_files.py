"""Every real file is read by the reader of its format, and holds what is known of it."""

import csv
import gzip
from collections import Counter

import pytest

from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.annotation import read_annotation
from hyenadna_kit.io.bam import Bam
from hyenadna_kit.io.bed import read_bed_records
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.io.genbank import read_genbank
from hyenadna_kit.io.gff import read_features
from hyenadna_kit.io.tables import read_labelled_table
from hyenadna_kit.io.vcf import read_variants

pytestmark = pytest.mark.real_data

NO_SEQUENCES = (".tbi", ".bai", ".md")
NUM_FILES = {
    "genome": 23,
    "annotation": 5,
    "GenBank": 3,
    "BED": 5,
    "variants": 1,
    "reads": 3,
    "table": 30,
    "effects": 1,
}


def kind_of(name):
    """Return which of ``NUM_FILES`` a file is, by its suffix, or None for an index or a note."""
    stem = name.removesuffix(".gz")
    if stem.endswith((".fa", ".fna")):
        return "genome"
    if stem.endswith((".gff", ".gff3")):
        return "annotation"
    if stem.endswith((".gb", ".gbk", ".gbff")):
        return "GenBank"
    suffixes = {".bed": "BED", ".vcf": "variants", ".bam": "reads", ".csv": "table", ".tsv": "effects"}
    return next((kind for suffix, kind in suffixes.items() if stem.endswith(suffix)), None)


READ = {
    "genome": lambda path: sum(Fasta(path).contigs.values()),
    "annotation": lambda path: len(list(read_features(path))) and len(read_annotation(path).genes),
    "GenBank": lambda path: sum(len(record.features) for record in read_genbank(path)),
    "BED": lambda path: sum(1 for _ in read_bed_records(path)),
    "variants": lambda path: sum(1 for _ in read_variants(path)),
    "reads": lambda path: sum(1 for _ in Bam(path).reads()),
    "table": lambda path: read_labelled_table(path).num_rows,
    "effects": lambda path: len(rows_of(path)),
}


def rows_of(path):
    with gzip.open(path, "rt") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def test_every_file_is_read(data):
    with (data / "MANIFEST.tsv").open() as lines:
        names = [row["path"] for row in csv.DictReader(lines, delimiter="\t")]
    kinds = {name: kind_of(name) for name in names}
    unknown = [name for name, kind in kinds.items() if kind is None]
    assert all(name.endswith(NO_SEQUENCES) for name in unknown)
    assert Counter(kind for kind in kinds.values() if kind) == NUM_FILES
    empty = [name for name, kind in kinds.items() if kind and not READ[kind](data / name)]
    assert not empty


def test_reporter_assay_has_its_variants_on_its_references(data):
    rows = [row for row in rows_of(data / "variants/mpra_elements.tsv.gz") if row["Release"] == "GRCh38"]
    variants = [row for row in rows if row["Ref"] != "NA"]
    assert (len(variants), len({row["Element"] for row in variants})) == (44_647, 29)
    path = data / "variants/mpra_elements_GRCh38.fa"
    elements = Fasta(path)
    headers = [line[1:].split() for line in path.read_text().splitlines() if line.startswith(">")]
    places = {name: Interval.from_region(region) for name, region, *_ in headers}
    assert {name: place.length for name, place in places.items()} == elements.contigs
    bases = {name: elements.fetch(Interval(name, 0, length)) for name, length in elements.contigs.items()}
    for row in variants:
        place = places[row["Element"]]
        assert place.contig == f"chr{row['Chrom']}"
        assert bases[row["Element"]][int(row["Pos"]) - 1 - place.start] == row["Ref"]
