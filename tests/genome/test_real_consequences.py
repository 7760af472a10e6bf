"""Consequences on real genomes: proteins that are those of the database, and shares that biology expects."""

import gzip
import random
from collections import Counter

import pytest
from Bio import SeqIO

from hyenadna_kit.genome.annotation import merge
from hyenadna_kit.genome.coding_part import CodingPart
from hyenadna_kit.genome.consequence_finder import ConsequenceFinder
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io.annotation import read_annotation
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.io.genetic_codes import genetic_codes
from hyenadna_kit.io.placed_annotation import place_annotation

pytestmark = [pytest.mark.real_data, pytest.mark.usefixtures("no_shape_checks")]

SELENOCYSTEINE = {"fdhF", "fdnG", "fdoG"}
"""The genes of E. coli whose proteins have it, for TGA."""


def read(annotation, genome):
    genome = Fasta(genome)
    return place_annotation(read_annotation(annotation), genome, str(annotation)), genome


@pytest.fixture(scope="module")
def ecoli(data):
    stem = data / "genomes/bacteria/ecoli_K12_MG1655"
    return read(stem.with_name(f"{stem.name}.gff.gz"), stem.with_name(f"{stem.name}.fna.gz"))


def frames(annotation, genome):
    """Return the coding transcripts, each with what is read of it."""
    for each in annotation.transcripts:
        if each.is_coding:
            code = genetic_codes()[each.genetic_code or 1]
            exons = merge([*each.exons, *each.cds])
            yield each, CodingPart(each, exons, code=code, fetch=genome.fetch).frame


def protein(frame):
    """Return all amino acids, with the stop."""
    return frame.code.translate(frame.bases[frame.phase : frame.length])


def test_proteins_of_ecoli_are_those_of_the_database(ecoli, data):
    with gzip.open(data / "genomes/bacteria/ecoli_K12_MG1655.gbff.gz", "rt") as handle:
        (record,) = SeqIO.parse(handle, "genbank")
    features = [feature.qualifiers for feature in record.features if feature.type == "CDS"]
    expected = {each["protein_id"][0]: each["translation"][0] for each in features if "translation" in each}
    symbols = {gene.name: gene.symbol for gene in ecoli[0].genes}
    with_inner_stop, slipping, compared = set(), 0, 0
    for transcript, frame in frames(*ecoli):
        found, name = protein(frame), transcript.name.removeprefix("cds-")
        assert transcript.genetic_code == 11
        if transcript.biotype == "pseudogene":
            continue
        assert (frame.has_start, frame.has_stop) == (True, True), name
        if "*" in found[:-1]:
            with_inner_stop.add(symbols[transcript.gene])
        if name in expected:
            # The first codon is read as methionine, whatever it is inside a protein.
            assert found[1:-1].replace("*", "U") == expected[name][1:]
            compared += 1
            slipping += len(transcript.cds) > 1
    assert with_inner_stop == SELENOCYSTEINE
    assert compared > 4200
    assert slipping > 1


def draw_snvs(rng, intervals, genome, count):
    chosen = rng.choices(intervals, [each.length for each in intervals], k=count)
    for interval in chosen:
        at = rng.randrange(interval.start, interval.end)
        ref = genome.fetch(Interval(interval.contig, at, at + 1))
        yield Variant(interval.contig, at, ref, rng.choice([base for base in "ACGT" if base != ref]))


def count_consequences(annotation, genome, intervals, count):
    found = ConsequenceFinder(annotation, genome, codes=genetic_codes())
    return Counter(map(found.find, draw_snvs(random.Random(0), intervals, genome, count)))


def test_a_quarter_of_the_snvs_in_cds_of_ecoli_are_synonymous(ecoli):
    segments = [part for each in ecoli[0].transcripts for part in each.cds]
    counts = count_consequences(*ecoli, segments, 4000)
    shares = {name: counts[name] / 4000 for name in ("synonymous_variant", "missense_variant", "stop_gained")}
    assert 0.2 < shares["synonymous_variant"] < 0.3
    assert 0.65 < shares["missense_variant"] < 0.76
    # Of the 549 changes of one base in a sense codon, 23 make a stop.
    assert 0.02 < shares["stop_gained"] < 0.06
    assert sum(shares.values()) > 0.98


@pytest.mark.parametrize("species", ["athaliana", "celegans", "dmelanogaster"])
def test_genes_with_introns_are_read(data, species):
    folder = data / "genomes/eukaryote_1pct" / species
    annotation, genome = read(folder / "1pct.gff3.gz", folder / "1pct.fa.gz")
    counts = count_consequences(annotation, genome, [gene.interval for gene in annotation.genes], 2000)
    names = ("synonymous_variant", "missense_variant", "intron_variant", "splice_region_variant")
    assert all(counts[name] for name in names)
    assert (
        0.2
        < counts["synonymous_variant"] / (counts["synonymous_variant"] + counts["missense_variant"])
        < 0.35
    )
    proteins = [protein(frame) for _, frame in frames(annotation, genome)]
    assert len(proteins) > 200
    assert sum("*" in each[:-1] for each in proteins) == 0


def test_bed_without_cds_has_exons(data):
    folder = data / "genomes/yeast"
    name = "Scer_nondubious_ORFs_and_blocked_reading_frames.bed"
    annotation, genome = read(folder / name, next(folder.glob("*.fa.gz")))
    counts = count_consequences(annotation, genome, [gene.interval for gene in annotation.genes], 500)
    assert counts == {"non_coding_transcript_exon_variant": 500}
