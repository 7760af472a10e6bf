"""Regions that a user names, on the genome that they must lie in."""

import pytest

from hyenadna_kit.errors import ContigNotFoundError, InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.io.regions import check_inside, parse_regions, refuse_overlap, regions_or_bed, whole_genome


@pytest.fixture
def genome(tmp_path):
    path = tmp_path / "g.fa"
    path.write_text(">chr1\nACGTACGTAC\n>plain\nACGTA\n>a:1-3\nACGTACG\n")
    return Fasta(path)


@pytest.mark.parametrize(
    ("region", "interval"),
    [
        ("chr1", Interval("chr1", 0, 10)),
        ("1", Interval("chr1", 0, 10)),
        ("chrplain", Interval("plain", 0, 5)),
        ("chr1:1-10", Interval("chr1", 0, 10)),
        ("1:3-3", Interval("chr1", 2, 3)),
        (" chr1:2-1,0 ", Interval("chr1", 1, 10)),
        ("a:1-3", Interval("a:1-3", 0, 7)),
        ("a:1-3:2-4", Interval("a:1-3", 1, 4)),
    ],
    ids=["contig", "alias", "other alias", "all", "one base", "commas", "colon", "colon and region"],
)
def test_region_is_an_interval_under_the_genomes_own_name(genome, region, interval):
    assert parse_regions([region], genome) == [interval]


@pytest.mark.parametrize(
    ("region", "error", "message"),
    [
        ("chr1:0-5", InputError, "'chr1:0-5' must satisfy 1 <= START"),
        ("chr1:6-5", InputError, "'chr1:6-5' must satisfy"),
        ("chr1:2-11", InputError, "chr1:2-11 must hold a base and end inside contig 'chr1', which has 10 bp"),
        ("chr1:5", InputError, "'chr1:5' is not CONTIG:START-END"),
        ("chr2:1-5", ContigNotFoundError, r"'chr2' is not in .*g\.fa; it has chr1, plain, a:1-3"),
        ("chr2", ContigNotFoundError, r"'chr2' is not in .*g\.fa; it has chr1, plain, a:1-3"),
    ],
    ids=["from 0", "backwards", "past the end", "one position", "unknown contig", "unknown name"],
)
def test_wrong_region_is_named(genome, region, error, message):
    with pytest.raises(error, match=message):
        parse_regions(["plain", region], genome)


def test_bed_is_read_inside_the_genome(genome, tmp_path):
    bed = tmp_path / "r.bed"
    bed.write_text("1\t2\t5\tx\t0\t-\nplain\t0\t5\n")
    expected = [Interval("chr1", 2, 5, Strand.REVERSE), Interval("plain", 0, 5)]
    assert regions_or_bed((), str(bed), genome) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "chr1\t2\t11\n",
            r"r\.bed: chr1:3-11 must hold a base and end inside contig 'chr1', which has 10 bp",
        ),
        ("chr1\t5\t5\n", r"r\.bed: .* must hold a base"),
        ("# nothing\n", r"r\.bed holds no intervals"),
    ],
    ids=["past the end", "empty", "no lines"],
)
def test_wrong_bed_is_named(genome, tmp_path, text, message):
    bed = tmp_path / "r.bed"
    bed.write_text(text)
    with pytest.raises(InputError, match=message):
        regions_or_bed((), str(bed), genome)


def test_regions_and_bed_exclude_each_other(genome, tmp_path):
    for regions, bed in ((("chr1",), str(tmp_path / "r.bed")), ((), None)):
        with pytest.raises(InputError, match=r"either --regions CONTIG:START-END\[,\.\.\.\] or --bed FILE"):
            regions_or_bed(regions, bed, genome)
    assert regions_or_bed(("chr1", "plain:1-2"), None, genome) == [
        Interval("chr1", 0, 10),
        Interval("plain", 0, 2),
    ]


def test_a_contig_that_is_missing_is_named_and_not_its_region(genome):
    with pytest.raises(ContigNotFoundError, match="contig 'foo' is not in"):
        regions_or_bed(("foo",), None, genome)


def test_a_base_that_is_named_twice_is_refused(genome, tmp_path):
    bed = tmp_path / "r.bed"
    bed.write_text("chr1\t0\t4\nplain\t0\t2\nchr1\t3\t6\n")
    for regions, source in ((("chr1:1-4", "plain", "chr1:4-6"), None), ((), str(bed))):
        with pytest.raises(InputError, match=r"merge regions that overlap: chr1:1-4 and chr1:4-6"):
            regions_or_bed(regions, source, genome)


def test_whole_genome_is_every_contig_in_order(genome):
    assert whole_genome(genome) == [
        Interval("chr1", 0, 10),
        Interval("plain", 0, 5),
        Interval("a:1-3", 0, 7),
    ]


def test_interval_before_the_contig_is_refused(genome):
    with pytest.raises(InputError, match=r"^here: .* must hold a base and end inside"):
        check_inside(Interval("chr1", -1, 5), genome, "here")


def test_overlap_names_both_regions():
    apart = [Interval("a", 0, 5), Interval("b", 5, 9)]
    refuse_overlap(apart, [Interval("a", 5, 9), Interval("b", 0, 5)], "apart")
    with pytest.raises(InputError, match="must be apart: b:6-9 and b:9-12 overlap"):
        refuse_overlap(apart, [Interval("b", 8, 12)], "must be apart")
