"""Methylation labels against a simulated truth on both strands, htslib, and what must be refused."""

import array
import gzip
from collections import Counter
from typing import NamedTuple

import numpy as np
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyenadna_kit.errors import ContigNotFoundError, InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.bam import Bam, ReadFilter
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.io.methylation import (
    MethylationCalling,
    MethylationLabels,
    collapse_cpg,
    count_methylation,
    read_cpg_methylation,
    read_methylation,
)
from hyenadna_kit.io.modified_bases import called_bases

HEADER = pysam.AlignmentHeader.from_references(["chr1", "chr2"], [400, 100])
LENGTH = 400
COMPLEMENT = dict(zip("ACGTN", "TGCAN", strict=True))
ML_VALUES = [0, 40, 50, 51, 127, 204, 205, 220, 255]
MATCH, INSERTION, DELETION, SKIP, SOFT, HARD, EQUAL, DIFFERENT = 0, 1, 2, 3, 4, 5, 7, 8
ALIGNED = (MATCH, EQUAL, DIFFERENT)
OTHERS = [("G", "-", "m"), ("A", "+", "a"), ("T", "+", "g")]
ENTRIES = [
    [("C", "+", "m"), ("C", "+", "h"), *OTHERS],
    [("C", "+", "mh"), *OTHERS],
    [("N", "+", "m"), ("C", "+", "76792"), *OTHERS],
]


class Known(NamedTuple):
    """What is called on one base of a read: probability of each code, and the codes left unknown."""

    probabilities: dict
    unsure: set


def segment(sequence, cigar, start=0, *, reverse=False, tags=(), contig=0):
    """Return an alignment; ``sequence`` is on the forward strand of the reference, as files store it."""
    made = pysam.AlignedSegment(HEADER)
    made.query_name, made.flag, made.mapping_quality = "r", 16 if reverse else 0, 60
    made.reference_id, made.reference_start = contig, start
    made.query_sequence, made.cigartuples = sequence, cigar
    for name, value in tags:
        made.set_tag(name, value)
    return made


def tags(mm, ml=None, names=("MM", "ML")):
    return [(names[0], mm)] + ([] if ml is None else [(names[1], array.array("B", ml))])


class Simulation:
    """Reads of one reference, and what an observer of every base of them would count."""

    def __init__(self, random, num_reads):
        self.random = random
        self.reference = "".join(random.choice("CCGGAT") for _ in range(LENGTH))
        # Strand and position on the reference, base there as the read has it, what is known of it.
        self.calls = []
        self.segments = [self.read() for _ in range(num_reads)]

    def read(self):
        """Return one read with indels, clips and tags, and note what is called on it."""
        start, reverse = self.random.randrange(LENGTH - 150), self.random.random() < 0.5
        cigar = self.cigar()
        columns = list(self.columns(cigar, start))
        stored = "".join(base for base, _ in columns)
        sequenced = [(COMPLEMENT[base], place) for base, place in columns[::-1]] if reverse else columns
        return segment(stored, cigar, start, reverse=reverse, tags=self.call(sequenced, reverse))

    def cigar(self):
        """Draw blocks with gaps between them, and clips around."""
        draw, cigar = self.random.randint, []
        for block in range(draw(1, 4)):
            if block:
                cigar.append((self.random.choice([INSERTION, DELETION, SKIP]), draw(1, 6)))
            cigar.append((self.random.choice(ALIGNED), draw(1, 20)))
        clips = [[(SOFT, draw(1, 5))] if draw(0, 1) else [] for _ in range(2)]
        return [*clips[0], *cigar, *clips[1]]

    def columns(self, cigar, position):
        """Yield each base of a read and its position on the reference; some differ from it."""
        for operation, length in cigar:
            for _ in range(length):
                if operation in ALIGNED:
                    is_same = self.random.random() < 0.9
                    yield self.reference[position] if is_same else self.random.choice("ACGTN"), position
                elif operation in (INSERTION, SOFT):
                    yield self.random.choice("ACGT"), None
                position += operation in (*ALIGNED, DELETION, SKIP)

    def call(self, sequenced, reverse):
        """Return MM and ML of a read, and note the calls."""
        known = {sign: [Known({}, set()) for _ in sequenced] for sign in "+-"}
        letters = "".join(base for base, _ in sequenced)
        mm, ml = "", []
        entries = self.random.choice(ENTRIES)
        for base, sign, codes in self.random.sample(entries, self.random.randint(1, len(entries))):
            text, values = self.entry(letters, base, codes, known[sign])
            mm, ml = mm + f"{base}{sign}{text}", ml + values
        for sign in "+-":
            for (letter, place), at_base in zip(sequenced, known[sign], strict=True):
                if place is not None:
                    carrier = letter if sign == "+" else COMPLEMENT[letter]
                    self.calls.append((int(reverse != (sign == "-")), place, carrier, at_base))
        return tags(mm, ml, self.random.choice([("MM", "ML"), ("Mm", "Ml")]))

    def entry(self, letters, base, codes, known):
        """Return an entry of MM behind its base and sign, and the values of ML; note what it says."""
        mark = self.random.choice(["", ".", "?"])
        names = ["h"] if codes == "76792" else list(codes)
        skips, values, num_skipped = "", [], 0
        for index in (i for i, letter in enumerate(letters) if base in ("N", letter)):
            if self.random.random() < 0.5:
                skips, num_skipped = f"{skips},{num_skipped}", 0
                drawn = [self.random.choice(ML_VALUES) for _ in names]
                values += drawn
                known[index].probabilities.update(zip(names, [(ml + 0.5) / 256 for ml in drawn], strict=True))
            else:
                num_skipped += 1
                if mark == "?":
                    known[index].unsure.update(names)
                else:
                    known[index].probabilities.update(dict.fromkeys(names, 0.0))
        return f"{codes}{mark}{skips};", values

    def counts(self, calling):
        """Return how often each base of the reference is modified and unmodified, by strand."""
        modified, unmodified = np.zeros((2, 2, LENGTH), dtype=int)
        for strand, place, carrier, known in self.calls:
            if calling.base not in ("N", carrier):
                continue
            wanted = [known.probabilities[code] for code in calling.codes if code in known.probabilities]
            modified[strand, place] += sum(wanted) >= calling.min_modified
            is_sure = wanted and not known.unsure.intersection(calling.codes)
            unmodified[strand, place] += bool(
                is_sure and sum(known.probabilities.values()) <= calling.max_unmodified
            )
        return modified, unmodified


CALLINGS = [
    MethylationCalling(),
    MethylationCalling(codes=("m", "h")),
    MethylationCalling(codes=("h",), min_modified=0.5, max_unmodified=0.1),
    MethylationCalling(codes=("a",), base="A"),
    MethylationCalling(codes=("m", "a"), base="N"),
]


@pytest.mark.parametrize("calling", CALLINGS, ids=lambda calling: f"{calling.base}{''.join(calling.codes)}")
@settings(max_examples=60, deadline=None)
@given(random=st.randoms(use_true_random=False), data=st.data())
def test_labels_equal_the_simulated_truth_on_both_strands(calling, random, data):
    simulation = Simulation(random, random.randint(1, 6))
    modified, unmodified = simulation.counts(calling)
    start = data.draw(st.integers(0, LENGTH))
    interval = Interval("chr1", start, data.draw(st.integers(start, LENGTH)))
    labels = count_methylation(simulation.segments, interval, calling)
    assert (labels.modified == modified[:, start : interval.end]).all()
    assert (labels.unmodified == unmodified[:, start : interval.end]).all()
    reverse = count_methylation(simulation.segments, interval.reverse_complement(), calling)
    assert (reverse.modified == labels.modified[::-1, ::-1]).all()
    assert (reverse.unmodified == labels.unmodified[::-1, ::-1]).all()


@settings(max_examples=60, deadline=None)
@given(random=st.randoms(use_true_random=False))
def test_listed_bases_are_those_of_htslib(random):
    for read in Simulation(random, 3).segments:
        if read.has_tag("Mm"):
            continue
        expected = Counter()
        for (base, strand, code), calls in (read.modified_bases or {}).items():
            # htslib tells the strand of the stored bases.
            opposite = bool(strand) != read.is_reverse
            letter = {76792: "h"}.get(code, code)
            expected.update((base, opposite, letter, place, (ml + 0.5) / 256) for place, ml in calls)
        found = Counter(
            (each.base, each.is_opposite, each.code, int(place), float(probability))
            for each in called_bases(read, "reads")
            for place, probability in zip(each.positions, each.probabilities, strict=True)
            if probability > 0
        )
        assert found == expected


def label(read, calling=None, interval=None):
    return count_methylation([read], interval or Interval("chr1", 0, 12), calling)


def counted(counts):
    """Return ``row:column`` of every count, repeated as often as it says."""
    return [
        f"{row}:{column}" for row, column in np.argwhere(counts).tolist() for _ in range(counts[row, column])
    ]


#            0123456789 : C at 1, 4, 5 and 8
SEQUENCE = "ACGTCCGTCG"
WHOLE = [(MATCH, 10)]
CALLED = tags("C+m,0;", [255])
MANY = "C+m,0,0,0,0,0;"


@pytest.mark.parametrize(
    ("mm", "ml", "modified", "unmodified"),
    [
        pytest.param("C+m,1;", [255], ["0:4"], ["0:1", "0:5", "0:8"], id="skipped_bases_are_unmodified"),
        pytest.param("C+m.,1;", [255], ["0:4"], ["0:1", "0:5", "0:8"], id="dot_says_the_same"),
        pytest.param("C+m?,1;", [255], ["0:4"], [], id="question_mark_leaves_them_unknown"),
        pytest.param("C+m?,0,0,0,0;", [204, 205, 50, 51], ["0:4"], ["0:5"], id="thresholds"),
        pytest.param("C+m;", [], [], ["0:1", "0:4", "0:5", "0:8"], id="nothing_listed"),
        pytest.param("C+m?;", [], [], [], id="nothing_listed_nothing_known"),
        pytest.param("", [], [], [], id="no_entries"),
        pytest.param("C+m?,0;", None, ["0:1"], [], id="without_ml_a_listed_base_is_modified"),
        pytest.param("C+mh?,0,0;", [10, 240, 240, 10], ["0:4"], [], id="5hmc_is_neither"),
        pytest.param("C+m?,0;C+h?,0;", [10, 10], [], ["0:1"], id="neither_5mc_nor_5hmc"),
        pytest.param("C+m?,0;C+h?,0;", [30, 30], [], [], id="together_too_likely_for_unmodified"),
        pytest.param("C+h?,0;", [255], [], [], id="other_code_alone"),
        pytest.param("C+27551?,0;", [255], ["0:1"], [], id="number_of_chebi"),
        pytest.param("G-m?,1;", [255], ["1:6"], [], id="opposite_strand"),
        pytest.param("C+m?,0;G-m?,0;", [255, 255], ["0:1", "1:2"], [], id="both_strands"),
        pytest.param("N+m?,1,2;", [255, 255], ["0:1", "0:4"], [], id="any_base_counts"),
        pytest.param("N+m?,0;", [255], [], [], id="any_base_but_not_cytosine"),
        pytest.param("N+m,1;", [255], ["0:1"], ["0:4", "0:5", "0:8"], id="any_base_skipped"),
        pytest.param("A+a?,0;C+m?,0;", [255, 0], [], ["0:1"], id="other_base"),
        pytest.param("U+m?,0;C+m?,0;", [255, 0], [], ["0:1"], id="uracil_is_thymine"),
    ],
)
def test_tags_of_a_forward_read(mm, ml, modified, unmodified):
    labels = label(segment(SEQUENCE, WHOLE, tags=tags(mm, ml)))
    assert counted(labels.modified) == modified
    assert counted(labels.unmodified) == unmodified
    assert labels.reads == {"used": 1}


def test_thresholds_belong_to_what_they_part():
    calling = MethylationCalling(min_modified=128.5 / 256, max_unmodified=3.5 / 256)
    labels = label(segment(SEQUENCE, WHOLE, tags=tags("C+m?,0,0,0,0;", [127, 128, 3, 4])), calling)
    assert counted(labels.modified) == ["0:4"]
    assert counted(labels.unmodified) == ["0:5"]


def test_reverse_read_counts_from_its_other_end_on_the_reverse_strand():
    # As sequenced: CGACGGACGT; its Cs lie on the reverse strand, under G at 9, 6 and 2 of the reference.
    read = segment("ACGTCCGTCG", WHOLE, reverse=True, tags=tags("C+m?,1;", [255]))
    assert read.get_forward_sequence() == "CGACGGACGT"
    labels = label(read)
    assert counted(labels.modified) == ["1:6"]
    opposite = label(segment("ACGTCCGTCG", WHOLE, reverse=True, tags=tags("G-m?,0;", [255])))
    assert counted(opposite.modified) == ["0:8"]


def test_clips_and_indels_shift_positions():
    cigar = [(SOFT, 2), (EQUAL, 2), (INSERTION, 3), (MATCH, 1), (DELETION, 2), (EQUAL, 2)]
    read = segment("CCACTTCCAC", cigar, 3, tags=tags("C+m,2,0;", [255, 255]))
    # C of the read at 0, 1 (clipped), 3, 6 (inserted), 7, 9; listed are the third and the fourth.
    labels = label(read)
    assert counted(labels.modified) == ["0:4"]
    assert counted(labels.unmodified) == ["0:5", "0:9"]


@pytest.mark.parametrize(
    ("read", "reason"),
    [
        pytest.param(segment(SEQUENCE, [(HARD, 2), *WHOLE], tags=CALLED), "hard_clipped", id="hard_left"),
        pytest.param(segment(SEQUENCE, [*WHOLE, (HARD, 2)], tags=CALLED), "hard_clipped", id="hard_right"),
        pytest.param(segment(SEQUENCE, WHOLE), "no_tags", id="no_tags"),
        pytest.param(segment(None, WHOLE, tags=CALLED), "no_sequence", id="no_sequence"),
        pytest.param(segment(SEQUENCE, WHOLE, tags=[*CALLED, ("MN", 11)]), "other_length", id="mn"),
        pytest.param(segment(SEQUENCE, WHOLE, tags=tags("C+m,4;", [1])), "other_length", id="skips_too_many"),
        pytest.param(segment(SEQUENCE, WHOLE, tags=tags(MANY, [1] * 5)), "other_length", id="lists_too_many"),
        pytest.param(segment(SEQUENCE, WHOLE, tags=tags("C+m,999999999;", [1])), "other_length", id="huge"),
        pytest.param(segment(SEQUENCE, WHOLE, 20, tags=CALLED), "elsewhere", id="behind"),
        pytest.param(segment(SEQUENCE, WHOLE, contig=1, tags=CALLED), "elsewhere", id="other_contig"),
    ],
)
def test_read_that_cannot_be_used_is_counted(read, reason):
    labels = label(read)
    assert labels.reads == {reason: 1}
    assert not labels.modified.any()
    assert not labels.unmodified.any()


def test_unmapped_read_is_counted():
    read = segment(SEQUENCE, None, tags=tags("C+m,0;", [255]))
    read.is_unmapped = True
    assert label(read).reads == {"unmapped": 1}


def test_length_tag_that_agrees_is_accepted():
    read = segment(SEQUENCE, WHOLE, tags=[*tags("C+m,0;", [255]), ("MN", 10)])
    assert label(read).reads == {"used": 1}


@pytest.mark.parametrize(
    ("made", "problem"),
    [
        pytest.param(tags("C+m,0", [255]), "its MM 'C.m,0' is not like", id="no_end"),
        pytest.param(tags("C+,0;", [255]), "not like", id="no_code"),
        pytest.param(tags("Cm,0;", [255]), "not like", id="no_strand"),
        pytest.param(tags("X+m,0;", [255]), "not like", id="no_base"),
        pytest.param(tags("C+m,-1;", [255]), "not like", id="negative"),
        pytest.param(tags("C+m,9999999999;", [255]), "not like", id="beyond_every_read"),
        pytest.param(tags("C+m,0;\n", [255]), "not like", id="line_end"),
        pytest.param([("MM", 5)], "its MM '5' is not like", id="number"),
        pytest.param(tags("C+m,0;", []), "ML has 0 values .*MM lists 1", id="ml_empty"),
        pytest.param(tags("C+mh,0;", [255]), "ML has 1 values .*MM lists 2", id="ml_short"),
        pytest.param(tags("C+m,0;", [1, 2]), "ML has 2 values .*MM lists 1", id="ml_long"),
        pytest.param([("MM", "C+m,0;"), ("ML", array.array("H", [300]))], "uint16, MM lists 1", id="ml_wide"),
        pytest.param([("MM", "C+m,0;"), ("ML", "z")], "MM lists 1", id="ml_text"),
    ],
)
def test_garbled_tags_are_refused(made, problem):
    with pytest.raises(InputError, match=problem) as caught:
        count_methylation([segment(SEQUENCE, WHOLE, tags=made)], Interval("chr1", 0, 9), source="x.bam")
    assert str(caught.value).startswith("x.bam, read 'r': ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"min_modified": 0.2, "max_unmodified": 0.2}, "max_unmodified < min_modified"),
        ({"min_modified": 1.1}, "got 0.2 and 1.1"),
        ({"max_unmodified": -0.1}, "got -0.1"),
        ({"codes": ()}, "one modification or more"),
        ({"base": "c"}, "got 'c'"),
        ({"base": ""}, "got ''"),
    ],
)
def test_calling_that_makes_no_sense_is_refused(options, problem):
    with pytest.raises(InputError, match=problem):
        MethylationCalling(**options)


def test_interval_may_reach_beyond_the_contig():
    read = segment(SEQUENCE, [(SOFT, 3), (MATCH, 7)], tags=tags("C+m,0,0;", [255, 255]))
    labels = label(read, interval=Interval("chr1", -4, 20))
    assert counted(labels.modified) == ["0:5"]
    assert counted(labels.unmodified) == ["0:6", "0:9"]
    nothing = label(read, interval=Interval("chr1", -9, -4))
    assert nothing.modified.shape == (2, 5)
    assert nothing.reads == {"elsewhere": 1}


def labels_of(modified, unmodified, interval):
    return MethylationLabels(
        interval, np.array(modified, dtype=np.int32), np.array(unmodified, dtype=np.int32)
    )


def test_fractions_are_of_the_sure_reads():
    labels = labels_of([[3, 0, 1, 0], [0] * 4], [[1, 2, 0, 0], [0, 0, 0, 5]], Interval("c", 0, 4))
    assert labels.fractions().tolist()[0][:3] == [0.75, 0.0, 1.0]
    assert np.isnan(labels.fractions()).tolist() == [[False] * 3 + [True], [True] * 3 + [False]]
    assert np.isnan(labels.fractions(min_reads=2)).tolist()[0] == [False, False, True, True]
    with pytest.raises(InputError, match="min_reads must be 1 or more, got 0"):
        labels.fractions(0)


def test_cpgs_are_collapsed_and_nothing_else_is_left():
    #                 0  1  2  3  4  5  6  7    the reference: G CG C CG A C
    modified = [[1, 2, 4, 8, 16, 32, 64, 128], [1, 10, 100, 1000, 10000, 100000, 7, 9]]
    labels = labels_of(modified, [[0] * 8, [1] * 8], Interval("c", 0, 8))
    for bases in ("GCGCCGAC", "gcgCcGac"):
        collapsed = collapse_cpg(labels, bases)
        assert collapsed.modified.tolist() == [[0, 102, 0, 0, 100016, 0, 0, 0], [0] * 8]
        assert collapsed.unmodified.tolist() == [[0, 1, 0, 0, 1, 0, 0, 0], [0] * 8]
    with pytest.raises(InputError, match="c:1-8 has 8 bp, got 7 bases"):
        collapse_cpg(labels, "GCGCCGA")


@pytest.mark.parametrize("strand", Strand)
def test_cropped_labels_keep_their_places(strand):
    labels = labels_of([[*range(8)], [*range(10, 18)]], [[0] * 8] * 2, Interval("c", 100, 108, strand))
    cropped = labels.crop(1, 6)
    assert cropped.modified.tolist() == [[1, 2, 3, 4, 5], [11, 12, 13, 14, 15]]
    expected = (101, 106) if strand is Strand.FORWARD else (102, 107)
    assert (cropped.interval.start, cropped.interval.end, cropped.interval.strand) == (*expected, strand)


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """Return a simulation, its reads as an indexed BAM, and its reference as FASTA."""
    import random

    folder = tmp_path_factory.mktemp("bam")
    simulation = Simulation(random.Random(7), 100)
    clipped = segment("CCCC", [(HARD, 3), (MATCH, 4)], 30, tags=tags("C+m,0;", [255]))
    poor = segment("CCCC", [(MATCH, 4)], 30, tags=tags("C+m,0,0,0,0;", [255] * 4))
    poor.mapping_quality = 3
    reads = sorted([*simulation.segments, clipped, poor], key=lambda read: read.reference_start)
    with pysam.AlignmentFile(str(folder / "reads.bam"), "wb", header=HEADER) as handle:
        for read in reads:
            handle.write(read)
    pysam.index(str(folder / "reads.bam"))
    (folder / "genome.fa").write_text(f">chr1\n{simulation.reference}\n>chr2\n{'A' * 100}\n")
    return simulation, Bam(folder / "reads.bam"), Fasta(folder / "genome.fa")


@pytest.mark.parametrize("strand", Strand)
def test_labels_of_a_bam_equal_the_simulated_truth(sample, strand):
    simulation, bam, _ = sample
    wanted = ReadFilter(min_mapping_quality=10)
    for calling in CALLINGS:
        modified, unmodified = simulation.counts(calling)
        for start, end in ((0, LENGTH), (100, 180), (-5, LENGTH + 5)):
            labels = read_methylation(
                bam, Interval("1", start, end, strand), calling=calling, read_filter=wanted
            )
            step = 1 if strand is Strand.FORWARD else -1
            inside = labels.modified[:, max(0, -start) : max(0, -start) + LENGTH]
            assert (inside == modified[::step, max(start, 0) : min(end, LENGTH)][:, ::step]).all()
            inside = labels.unmodified[:, max(0, -start) : max(0, -start) + LENGTH]
            assert (inside == unmodified[::step, max(start, 0) : min(end, LENGTH)][:, ::step]).all()
            assert labels.interval == Interval("1", start, end, strand)
    whole = read_methylation(bam, Interval("chr1", 0, LENGTH), read_filter=wanted)
    assert whole.reads == {"used": len(simulation.segments), "hard_clipped": 1}


@pytest.mark.parametrize("strand", Strand)
def test_cpg_labels_do_not_depend_on_where_an_interval_ends(sample, strand):
    simulation, bam, genome = sample
    wanted = ReadFilter(min_mapping_quality=10)
    modified, _ = simulation.counts(MethylationCalling())
    expected = Counter()
    for place in range(LENGTH - 1):
        if simulation.reference[place : place + 2] == "CG":
            sites = modified[0, place] + modified[1, place + 1]
            expected[place if strand is Strand.FORWARD else place + 1] = sites
    found = Counter()
    for start in range(0, LENGTH, 7):
        interval = Interval("chr1", start, start + 7, strand)
        labels = read_cpg_methylation(bam, genome, interval, read_filter=wanted)
        assert labels.interval == interval
        assert not labels.modified[1].any()
        own = labels.modified[0] if strand is Strand.FORWARD else labels.modified[0, ::-1]
        found.update({start + i: int(count) for i, count in enumerate(own)})
    assert +found == +expected
    assert sum(found.values()) > 20


def test_what_bam_and_calling_lack_is_refused(sample):
    _, bam, genome = sample
    with pytest.raises(ContigNotFoundError):
        read_methylation(bam, Interval("chr9", 0, 10))
    with pytest.raises(InputError, match="got the base 'A'"):
        read_cpg_methylation(bam, genome, Interval("chr1", 0, 9), calling=MethylationCalling(base="A"))


def test_error_names_the_file_and_the_read(tmp_path):
    path = tmp_path / "bad.bam"
    with pysam.AlignmentFile(str(path), "wb", header=HEADER) as handle:
        handle.write(segment(SEQUENCE, WHOLE, tags=tags("C+m,0", [255])))
    pysam.index(str(path))
    with pytest.raises(InputError, match=r"bad\.bam, read 'r': its MM"):
        read_methylation(Bam(path), Interval("chr1", 0, 9))


def test_tags_and_names_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "reads.bam"
    with pysam.AlignmentFile(str(path), "wb", header=HEADER) as handle:
        handle.write(segment(SEQUENCE, WHOLE, tags=tags("C+m,0;", [255])))
    content = gzip.decompress(path.read_bytes())
    for name, problem in (
        (b"r\0", "read 'r': its MM cannot be read"),
        (b"\xff\0", "whose name is not text: its MM"),
    ):
        # The name lies right before the CIGAR of one operation, 10M.
        damaged = content.replace(b"r\0\xa0\0\0\0", name + b"\xa0\0\0\0").replace(b"C+m,0;", b"C+\xff,0;")
        with pysam.BGZFile(str(path), "wb") as handle:
            handle.write(damaged)
        pysam.index(str(path))
        with pytest.raises(InputError, match=problem):
            read_methylation(Bam(path), Interval("chr1", 0, 9))


@pytest.mark.real_data
def test_nanopore_reads_with_the_older_tags(data):
    path, interval = data / "bam/methylation/chr20_mod_call_sample.bam", Interval("chr20", 13830169, 13865055)
    labels = read_methylation(Bam(path), interval)
    modified, unmodified = np.zeros((2, 2, interval.length), dtype=int)
    with pysam.AlignmentFile(str(path)) as handle:
        for read in handle:
            listed = {place: ml for calls in read.modified_bases.values() for place, ml in calls}
            for place, position in read.get_aligned_pairs(matches_only=True):
                if read.query_sequence[place] == ("G" if read.is_reverse else "C"):
                    # Neither "." nor "?" stands in these tags: what is not listed is unmodified.
                    probability = (listed[place] + 0.5) / 256 if place in listed else 0
                    counts = modified if probability >= 0.8 else unmodified if probability <= 0.2 else None
                    if counts is not None:
                        counts[int(read.is_reverse), position - interval.start] += 1
    assert (labels.modified == modified).all()
    assert (labels.unmodified == unmodified).all()
    assert labels.reads == {"used": 6}
    assert labels.modified.sum(axis=1).tolist() == [166, 108]
    assert labels.unmodified.sum(axis=1).tolist() == [7810, 10551]
    genome = Fasta(data / "bam/methylation/chr20_from_MD.fa")
    ((contig, length),) = genome.contigs.items()
    bases = genome.fetch(Interval(contig, 0, length))
    sites = [i for i in range(length - 1) if bases[i : i + 2] == "CG"]
    collapsed = collapse_cpg(labels, bases)
    assert collapsed.modified.sum() == sum(modified[0, i] + modified[1, i + 1] for i in sites) == 245
    assert collapsed.unmodified.sum() == sum(unmodified[0, i] + unmodified[1, i + 1] for i in sites)
