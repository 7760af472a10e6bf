"""Options of the training windows: what they name is checked, and what they ask for is drawn."""

import math
import pickle
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from hyenadna_kit.config import from_mapping, to_mapping
from hyenadna_kit.errors import ConfigError, InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.io.genome_store import build_store
from hyenadna_kit.io.regions import whole_genome
from hyenadna_kit.windows.sampling import SamplingConfig, build_stream, contig_factors, n_runs, read_excluded
from hyenadna_kit.windows.stream import CounterStream, LengthSchedule

RNG = np.random.default_rng(5)
BASES = {name: "".join(RNG.choice(list("ACGT"), size)) for name, size in (("chr1", 900), ("chr2", 300))}
N_SPANS = {"chr1": [(0, 40), (200, 203), (500, 600)], "chr2": [(290, 300)]}
DRAWS = 3000


def with_n(name):
    bases = list(BASES[name])
    for start, end in N_SPANS[name]:
        bases[start:end] = ["N", "n", "R", "N", "y"][: end - start] + ["N"] * (end - start - 5)
    return "".join(bases)


@pytest.fixture
def genome(tmp_path):
    path = tmp_path / "g.fa"
    path.write_text("".join(f">{name}\n{with_n(name)}\n" for name in BASES))
    return Fasta(path)


@pytest.fixture
def zoo(tmp_path):
    """A store of two species."""
    contigs = {"ape": {"chr1": 600, "chr2": 200}, "yeast": {"I": 100, "II": 100}}
    paths = []
    for label, lengths in contigs.items():
        paths.append(tmp_path / f"{label}.fa")
        paths[-1].write_text("".join(f">{name}\n{'ACGT' * (size // 4)}\n" for name, size in lengths.items()))
    return build_store(paths, tmp_path / "zoo", species=list(contigs))


@pytest.fixture
def write(tmp_path):
    def write(name, *lines):
        path = tmp_path / name
        path.write_text("".join(f"{line}\n" for line in lines))
        return str(path)

    return write


def build(genome, regions=None, *, length=15, **options):
    schedule = {"lengths": LengthSchedule(final=length), "batch_size": 4, "seed": 3, "reverse_fraction": 0.5}
    regions = whole_genome(genome) if regions is None else regions
    return build_stream(genome, regions, sampling=SamplingConfig(**options), **schedule)


def draw(stream, number=DRAWS):
    return [stream[item] for item in range(number)]


def counts_n(genome, window):
    return genome.fetch(window).count("N")


def test_default_options_leave_the_stream_as_it_is(genome):
    regions = [Interval("chr2", 5, 300), Interval("chr1", 100, 800), Interval("chr1", 0, 90)]
    plain = CounterStream(regions, LengthSchedule(final=15), batch_size=4, seed=3, reverse_fraction=0.5)
    assert draw(build(genome, regions), 200) == draw(plain, 200)
    assert build(genome, regions).regions == tuple(regions)


def test_options_that_rule_nothing_out_leave_the_stream_as_it_is(genome, write):
    # The tenth of N is never reached by windows of the regions, and what is excluded lies outside them.
    regions = [Interval("chr2", 0, 280), Interval("chr1", 210, 490)]
    bed = write("x.bed", "chr1\t0\t210", "chr1\t490\t495", "chrM\t0\t5")
    assert draw(build(genome, regions, max_n_fraction=0.1, exclude=bed), 200) == draw(
        build(genome, regions), 200
    )


def test_excluded_bases_are_in_no_window_and_all_others_are(genome, write):
    bed = write(
        "x.bed",
        "track name=x",
        "chr1\t100\t130\ta",
        "1\t120\t333",
        "chr1\t700\t701",
        "2\t0\t10",
        "chr9\t0\t9",
    )
    forbidden = {("chr1", p) for p in [*range(100, 333), 700]} | {("chr2", p) for p in range(10)}
    stream = build(genome, exclude=bed)
    drawn = {(w.contig, p) for w in draw(stream) for p in range(w.start, w.end)}
    assert not drawn & forbidden
    everything = {(name, p) for name, bases in BASES.items() for p in range(len(bases))}
    # A stretch between two excluded ones is drawn where it holds a window of 16 bp.
    assert everything - forbidden - drawn == set()


def test_stretches_between_excluded_ones_that_hold_no_window_are_left_out(genome, write):
    bed = write("x.bed", "chr1\t50\t60", "chr1\t75\t900", "chr2\t16\t300")
    starts = Counter((w.contig, w.start) for w in draw(build(genome, exclude=bed), 500))
    assert sorted(starts) == [("chr1", start) for start in range(35)] + [("chr2", 0)]


def test_a_stretch_of_one_window_is_room_enough(genome, write):
    bed = write("x.bed", "chr1\t0\t884", "chr2\t0\t300")
    assert build(genome, exclude=bed).places(15).num_places == 1
    with pytest.raises(InputError, match="windows of 17 bp have no room"):
        build(genome, exclude=bed, length=16)


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.5, 0.99])
@pytest.mark.parametrize("kind", ["fasta", "store"])
def test_no_window_has_more_n_than_allowed_and_every_other_is_drawn(genome, tmp_path, fraction, kind):
    source = genome if kind == "fasta" else build_store([genome.path], tmp_path / "store")
    allowed = {
        (name, start)
        for name, bases in BASES.items()
        for start in range(len(bases) - 15)
        if genome.fetch(Interval(name, start, start + 16)).count("N") / 16 <= fraction
    }
    stream = build(source, max_n_fraction=fraction)
    places = stream.places(15)
    starts = [(w.contig, w.start) for w in map(places.window, range(places.num_places))]
    assert sorted(starts) == sorted(allowed)
    for window in draw(stream, 300):
        assert counts_n(genome, window) / 16 <= fraction


def test_runs_of_n_are_those_of_the_sequence(genome, tmp_path):
    expected = [Interval(name, start, end) for name, spans in N_SPANS.items() for start, end in spans]
    assert list(n_runs(genome, BASES).intervals) == expected
    assert list(n_runs(build_store([genome.path], tmp_path / "store"), BASES).intervals) == expected
    assert n_runs(genome, ["chr2"]).num_bases == 10


def test_runs_of_n_are_whole_across_the_blocks_of_a_scan(genome, monkeypatch):
    monkeypatch.setattr("hyenadna_kit.windows.sampling._SCAN_BLOCK", 7)
    expected = [Interval(name, start, end) for name, spans in N_SPANS.items() for start, end in spans]
    assert list(n_runs(genome, BASES).intervals) == expected


def share(windows, contigs):
    return np.mean([window.contig in contigs for window in windows])


@pytest.mark.parametrize(
    ("weights", "contigs", "expected"),
    [
        # Windows of 16 bp: 585 and 185 places of the ape, 85 and 85 of the yeast.
        ((), ["yeast.I", "yeast.II"], 170 / 940),
        (("yeast=10",), ["yeast.I", "yeast.II"], 1700 / 2470),
        (("ape=0.1",), ["yeast.I", "yeast.II"], 170 / 247),
        (("yeast=10", "yeast.II=0"), ["yeast.I"], 850 / 1620),
        (("yeast=2", "yeast.II=3"), ["yeast.II"], 510 / 1450),
        (("ape.1=0",), ["ape.chr1"], 0),
        (("ape=0", "yeast.I=0"), ["yeast.II"], 1),
    ],
    ids=["none", "species", "other species", "both", "product", "alias", "one left"],
)
def test_contigs_and_species_are_drawn_by_their_factor(zoo, weights, contigs, expected):
    windows = draw(build(zoo, weights=weights))
    assert share(windows, contigs) == pytest.approx(
        expected, abs=5 * math.sqrt(0.25 / DRAWS) * (0 < expected < 1)
    )


def test_factors_are_by_contig(zoo, genome):
    assert contig_factors(("yeast=2", "ape.chr1=0.5", "yeast.I=4"), zoo) == {
        "yeast.I": 8.0,
        "yeast.II": 2.0,
        "ape.chr1": 0.5,
    }
    assert contig_factors(("1= 2.5e3", "chr2=0"), genome) == {"chr1": 2500.0, "chr2": 0.0}


@pytest.mark.parametrize(
    "weight", ["chr1", "chr1=", "=2", "chr1=x", "chr1=-1", "chr1=nan", "chr1=inf", "chr1=1e10", ""]
)
def test_what_is_no_weight_is_refused(weight):
    with pytest.raises(
        InputError, match=rf"weight {re.escape(repr(weight))} is not NAME=FACTOR with a factor"
    ):
        SamplingConfig(weights=("chr2=1", weight))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (("yaest=2",), "'yaest' is for no contig and no species of .*did you mean 'yeast'"),
        (("ape.chr3=2",), "'ape.chr3' is for no contig .*did you mean 'ape.chr"),
        (("ape=2", "ape=3"), "weight of 'ape' is given twice"),
        (("ape.chr1=2", "ape.1=3"), "weight of 'ape.1' is given twice"),
        (("ape=0", "yeast=0"), "weights ape=0, yeast=0 and exclude None leave stretches of at most 0 bp"),
    ],
    ids=["species", "contig", "twice", "twice by alias", "all zero"],
)
def test_weights_that_cannot_be_used_are_refused(zoo, weights, message):
    with pytest.raises(InputError, match=message):
        build(zoo, weights=weights)


def test_a_name_that_is_a_contig_and_a_species_is_refused(tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.fa").write_text(f">{name}\nACGTACGT\n>{name}b\nACGTACGT\n")
    store = build_store([tmp_path / "one.fa"], tmp_path / "s", species=["one"])
    with pytest.raises(InputError, match="'one' is for a contig or for a species of"):
        contig_factors(("one=2",), store)
    assert contig_factors(("oneb=2",), store) == {"oneb": 2.0}


def test_a_species_of_one_contig_may_have_its_name(tmp_path):
    (tmp_path / "one.fa").write_text(">phage\nACGTACGT\n")
    store = build_store([tmp_path / "one.fa"], tmp_path / "s", species=["phage"])
    assert contig_factors(("phage=2",), store) == {"phage": 2.0}


def test_features_whose_middle_is_past_the_contig_are_passed_over(genome, write):
    # As GFF3 writes what crosses the origin of a circle.
    bed = write("f.bed", "chr2\t290\t330", "chr2\t50\t60", f"chr2\t0\t{2**63 - 1}")
    assert build(genome, features=bed, feature_fraction=1.0).places(15).num_features == 1


def test_windows_around_features_hold_their_middle(genome, write):
    # Middles 420, 700 and 150; one is on a contig that is not trained on, one past the windows.
    bed = write(
        "f.bed", "chr1\t400\t440\tf\t0\t-", "1\t700\t701", "chr1\t100\t200", "chr2\t50\t60", "chr1\t899\t900"
    )
    regions = [Interval("chr1", 100, 890)]
    stream = build(genome, regions, features=bed, feature_fraction=1.0)
    assert stream.places(15).num_features == 3
    offsets = Counter(
        (middle, middle - window.start)
        for window in draw(stream)
        for middle in (420, 700, 150)
        if window.start <= middle < window.end
    )
    assert sorted(offsets) == [(middle, offset) for middle in (150, 420, 700) for offset in range(16)]
    expected = DRAWS / 48
    assert sum((count - expected) ** 2 / expected for count in offsets.values()) < 91.6  # 1 in 10,000 at 47


def test_features_are_read_on_the_strand_that_is_drawn_whatever_their_own(genome, write):
    bed = write("f.bed", "chr1\t400\t440\tf\t0\t-")
    strands = Counter(w.strand for w in draw(build(genome, features=bed, feature_fraction=1.0)))
    assert strands[Strand.REVERSE] == pytest.approx(DRAWS / 2, abs=5 * math.sqrt(DRAWS / 4))


def test_genes_of_an_annotation_are_its_features(genome, write):
    gff = write(
        "f.gff3",
        "##gff-version 3",
        "chr1\tx\tregion\t1\t900\t.\t+\t.\tID=r",
        "chr1\tx\tgene\t401\t441\t.\t+\t.\tID=g",
        "chr1\tx\tmRNA\t401\t441\t.\t+\t.\tID=t;Parent=g",
        "chr1\tx\texon\t401\t405\t.\t+\t.\tParent=t",
        "chr1\tx\texon\t431\t441\t.\t+\t.\tParent=t",
    )
    windows = draw(build(genome, features=gff, feature_fraction=1.0), 300)
    assert all(window.contains(Interval("chr1", 420, 421)) for window in windows)


def test_all_options_hold_together(genome, write):
    bed = write("f.bed", "chr1\t40\t50", "chr1\t640\t660", "chr2\t100\t101")
    exclude = write("x.bed", "chr1\t650\t700", "chr2\t0\t50")
    stream = build(
        genome,
        weights=("chr2=4",),
        exclude=exclude,
        features=bed,
        feature_fraction=0.5,
        max_n_fraction=0.25,
    )
    banned = [Interval("chr1", 650, 700), Interval("chr2", 0, 50)]
    windows = draw(stream)
    assert not any(window.overlaps(stretch) for window in windows for stretch in banned)
    assert max(counts_n(genome, window) for window in windows) == 4
    near = [w for w in windows if w.contig == "chr2" and w.contains(Interval("chr2", 100, 101))]
    # The middle of the second feature, 650, is excluded: 4 to 1 between the other two.
    assert len(near) / DRAWS == pytest.approx(0.4 + 0.5 * 4 * 16 / (4 * 235 + 716), abs=0.06)


def test_stream_with_options_survives_pickling(genome, write):
    bed = write("f.bed", "chr1\t400\t440")
    stream = build(genome, weights=("chr2=4",), features=bed, feature_fraction=0.5, max_n_fraction=0.25)
    assert draw(pickle.loads(pickle.dumps(stream)), 100) == draw(stream, 100)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"feature_fraction": 0.5}, "go together, got features None and feature_fraction 0.5"),
        ({"features": "x.bed"}, "go together, got features x.bed and feature_fraction 0.0"),
        ({"features": "x.bed", "feature_fraction": 1.5}, "feature_fraction must lie in 0 to 1, got 1.5"),
        ({"features": "x.bed", "feature_fraction": -1.0}, "feature_fraction must lie in 0 to 1, got -1.0"),
        ({"max_n_fraction": -0.1}, "max_n_fraction must lie in 0 to 1, got -0.1"),
        ({"max_n_fraction": 1.1}, "max_n_fraction must lie in 0 to 1, got 1.1"),
        ({"max_n_fraction": math.nan}, "max_n_fraction must lie in 0 to 1, got nan"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        SamplingConfig(**options)


@pytest.mark.parametrize("option", ["exclude", "features"])
@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["chr9\t0\t10", "NC_1\t5\t9"], "has no interval on a contig of .*which has chr1, chr2"),
        ([], "has no interval on a contig of"),
        (
            ["chr1\t899\t905", "chr2\t300\t301"],
            "chr2:301-301 starts beyond contig 'chr2' of .*300 bp; use a file",
        ),
        (["chr1\t9\t5"], "line 1: "),
    ],
    ids=["other names", "empty", "other assembly", "broken"],
)
def test_files_that_do_not_fit_the_genome_are_refused(genome, write, option, lines, message):
    path = write("x.bed", *lines)
    options = {option: path} | ({"feature_fraction": 0.5} if option == "features" else {})
    with pytest.raises(InputError, match=message) as caught:
        build(genome, **options)
    assert path in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_is_refused(genome, tmp_path):
    with pytest.raises(InputError, match=r"none\.bed"):
        build(genome, exclude=str(tmp_path / "none.bed"))


def test_excluded_lines_that_reach_beyond_the_contig_are_cut(genome, write):
    bed = write("x.bed", f"chr1\t890\t{2**62}", "chr2\t0\t0")
    assert read_excluded(Path(bed), genome).intervals == (Interval("chr1", 890, 900),)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"length": 800},
            "windows of 801 bp have no room: weights of 1 and exclude .*x.bed leave .* at most 560 bp",
        ),
        (
            {"max_n_fraction": 0.0, "length": 500},
            "no window of 501 bp in the training regions has at most 0.00% of N",
        ),
    ],
    ids=["excluded", "N"],
)
def test_options_that_leave_no_place_are_refused(genome, write, options, message):
    bed = write("x.bed", "chr1\t300\t340")
    with pytest.raises(InputError, match=message):
        build(genome, exclude=bed, **options)


def test_features_without_a_window_are_refused(genome, write):
    bed = write("x.bed", "chr1\t300\t340")
    with pytest.raises(InputError, match="no window of 16 bp that is allowed in the training regions holds"):
        build(genome, [Interval("chr2", 0, 300)], features=bed, feature_fraction=0.1)


def test_options_are_written_and_read_as_plain_data():
    options = SamplingConfig(
        weights=("chr1=2", "yeast=0"), features="f.bed", feature_fraction=0.5, max_n_fraction=0.1
    )
    assert from_mapping(SamplingConfig, to_mapping(options), "x.yaml") == options
    assert from_mapping(SamplingConfig, {}, "x.yaml") == SamplingConfig()
    with pytest.raises(ConfigError, match=r"x\.yaml: weight 'chr1' is not NAME=FACTOR"):
        from_mapping(SamplingConfig, {"weights": ["chr1"]}, "x.yaml")


@pytest.mark.real_data
def test_windows_of_a_human_chromosome_end_with_the_n_that_was_allowed(data):
    genome = Fasta(data / "human" / "grch37_chr1_1-1000000.fa")
    text = "".join(genome.path.read_text().split("\n", 1)[1].split())
    is_n = np.frombuffer(text.upper().encode(), dtype=np.uint8) == ord("N")
    assert is_n.sum() == 160_000
    num_n_before = np.append(0, np.cumsum(is_n))
    for length in (127, 1023, 16_383):
        window = length + 1
        expected = int(np.sum((num_n_before[window:] - num_n_before[:-window]) / window <= 0.05))
        assert build(genome, length=length, max_n_fraction=0.05).places(length).num_places == expected


@pytest.mark.real_data
def test_windows_of_yeast_are_drawn_around_its_tata_boxes(data):
    folder = data / "genomes" / "yeast"
    genome = Fasta(folder / "Saccharomyces_cerevisiae.R64-1-1.dna.toplevel.fa.gz")
    bed = folder / "rhee2012-TATAboxes-cleaned.bed"
    rows = [line.split("\t") for line in bed.read_text().splitlines()]
    middles = {(row[0].removeprefix("chr"), (int(row[1]) + int(row[2])) // 2) for row in rows}
    stream = build(genome, length=255, features=str(bed), feature_fraction=1.0)
    assert stream.places(255).num_features == len(rows)
    for window in draw(stream, 200):
        assert any((window.contig, place) in middles for place in range(window.start, window.end))
