"""What lies where in a transcript, base by base, on both strands."""

import pytest

from hyenadna_kit.genome.annotation import Transcript, hull
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.genome.transcript_consequence import TranscriptConsequences
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io.genetic_codes import genetic_codes
from tests.oracles.made_genes import TextGenome, turned

# Lower case is not transcribed or is spliced out:  5'UTR CC | ATG A  intron  AA TGG TAA | 3'UTR GCAT
BASES = "tttt" "CCATGA" "gtaagtcctttttcttacag" "AATGGTAAGCAT" "tttt"  # fmt: skip
EXONS, CDS, SIZE = [(4, 10), (30, 42)], [(6, 10), (30, 38)], len(BASES)


def model(exons=EXONS, cds=CDS, bases=BASES, strand="+", **more):
    """Return the transcript; on the reverse strand it is turned with its contig."""
    if strand == "-":
        exons, cds = (
            [(len(bases) - e, len(bases) - s) for s, e in reversed(spans)] for spans in (exons, cds)
        )
        bases = turned(bases.upper())
    parts = [tuple(Interval("c", *span, Strand(strand)) for span in spans) for spans in (exons, cds)]
    transcript = Transcript("t", "g", hull(parts[0]), *parts, **more)
    return TranscriptConsequences(transcript, genetic_codes()[1], TextGenome({"c": bases.upper()}).fetch)


def variant(position, ref, alt, strand, bases=BASES):
    """Return a variant, given in the direction of reading."""
    assert bases[position : position + len(ref)].upper() == ref
    if strand == "+":
        return Variant("c", position, ref, alt)
    return Variant("c", len(bases) - position - len(ref), turned(ref), turned(alt))


@pytest.mark.parametrize("strand", "+-")
@pytest.mark.parametrize(
    ("position", "ref", "alt", "expected"),
    [
        pytest.param(3, "T", "G", None, id="before the transcript"),
        pytest.param(4, "C", "G", "5_prime_UTR_variant", id="first base"),
        pytest.param(4, "", "G", None, id="insertion before the first base"),
        pytest.param(5, "", "G", "5_prime_UTR_variant", id="insertion behind the first base"),
        pytest.param(6, "", "G", "5_prime_UTR_variant", id="insertion before the CDS"),
        pytest.param(6, "A", "G", "start_lost", id="first base of the CDS"),
        pytest.param(5, "CA", "TG", "start_lost", id="UTR and first base, as many"),
        pytest.param(5, "CA", "", "start_lost", id="UTR and first base deleted"),
        pytest.param(3, "TCCA", "", "start_lost", id="from before the transcript into the CDS"),
        pytest.param(9, "A", "G", "missense_variant", id="codon across the junction: GAA"),
        pytest.param(10, "", "C", "frameshift_variant", id="insertion between exon and intron"),
        pytest.param(10, "", "TAG", "inframe_insertion", id="insertion there: A TAG | AA"),
        pytest.param(10, "", "TTAACG", "inframe_insertion", id="insertion there: A TT AAC G | AA"),
        pytest.param(10, "G", "C", "splice_donor_variant", id="first base of the intron"),
        pytest.param(11, "T", "C", "splice_donor_variant", id="second"),
        pytest.param(11, "", "C", "splice_donor_variant", id="insertion between the two"),
        pytest.param(12, "", "C", "splice_region_variant", id="insertion behind the two"),
        pytest.param(9, "AG", "", "splice_donor_variant", id="exon and donor deleted"),
        pytest.param(12, "A", "C", "splice_region_variant", id="third"),
        pytest.param(17, "C", "G", "splice_region_variant", id="eighth"),
        pytest.param(18, "T", "G", "intron_variant", id="ninth"),
        pytest.param(21, "T", "G", "intron_variant", id="ninth from its end"),
        pytest.param(22, "T", "G", "splice_region_variant", id="eighth from its end"),
        pytest.param(28, "A", "G", "splice_acceptor_variant", id="last but one"),
        pytest.param(29, "G", "C", "splice_acceptor_variant", id="last"),
        pytest.param(30, "", "GGG", "inframe_insertion", id="insertion between intron and exon"),
        pytest.param(30, "", "CCT", "stop_gained", id="insertion there: A | CC T AA"),
        pytest.param(31, "A", "G", "splice_region_variant", id="synonymous beside the junction: AAG"),
        pytest.param(32, "T", "G", "missense_variant", id="TGG>GGG beside the junction"),
        pytest.param(34, "G", "A", "stop_gained", id="TGG>TGA"),
        pytest.param(36, "A", "G", "stop_retained_variant", id="TAA>TGA"),
        pytest.param(37, "A", "C", "stop_lost", id="TAA>TAC"),
        pytest.param(38, "", "A", "3_prime_UTR_variant", id="insertion behind the CDS"),
        pytest.param(38, "G", "A", "3_prime_UTR_variant", id="behind the CDS"),
        pytest.param(37, "AG", "GC", "stop_retained_variant", id="stop and UTR, as many: TAG"),
        pytest.param(36, "AAG", "", "stop_lost", id="stop and UTR deleted: TCA"),
        pytest.param(41, "TT", "", "3_prime_UTR_variant", id="last base and one behind"),
        pytest.param(42, "T", "G", None, id="behind the transcript"),
        pytest.param(5, "CATGAGTAAG", "", "splice_donor_variant", id="CDS and donor deleted"),
    ],
)
def test_place_in_the_transcript_decides(position, ref, alt, expected, strand):
    assert model(strand=strand).of(variant(position, ref, alt, strand)) == expected


@pytest.mark.parametrize("strand", "+-")
def test_whole_transcript_is_ablated(strand):
    whole = BASES[3:43].upper()
    assert model(strand=strand).of(variant(3, whole, "", strand)) == "transcript_ablation"
    assert model(strand=strand).of(variant(4, whole[1:-1], "AC", strand)) == "transcript_ablation"


@pytest.mark.parametrize("strand", "+-")
@pytest.mark.parametrize(("first", "last"), [(5, 18), (5, 17), (6, 18), (6, 17)])
def test_cds_that_is_deleted_has_lost_its_stop(first, last, strand):
    bases = "CCCC" "CCATGAAATAACC" "CCCC"  # fmt: skip
    found = model(exons=[(4, 17)], cds=[(6, 15)], bases=bases, strand=strand)
    assert found.of(variant(first, bases[first:last], "", strand, bases)) == "stop_lost"


@pytest.mark.parametrize("strand", "+-")
@pytest.mark.parametrize(
    ("position", "expected"),
    [
        (4, "non_coding_transcript_exon_variant"),
        (9, "splice_region_variant"),
        (11, "splice_donor_variant"),
        (19, "intron_variant"),
        (37, "non_coding_transcript_exon_variant"),
    ],
)
def test_transcript_without_cds_has_exons_and_introns(position, expected, strand):
    change = variant(position, BASES[position].upper(), "N", strand)
    assert model(cds=[], strand=strand).of(change) == expected


@pytest.mark.parametrize("strand", "+-")
@pytest.mark.parametrize(
    ("position", "ref", "alt", "expected"),
    [
        pytest.param(4, "G", "C", "coding_sequence_variant", id="of no whole codon"),
        pytest.param(7, "G", "A", "missense_variant", id="ATG>ATA, no start"),
        pytest.param(10, "A", "G", "synonymous_variant", id="AAA>AAG"),
        pytest.param(13, "G", "A", "stop_gained", id="TGG>TGA"),
        pytest.param(16, "A", "G", "stop_retained_variant", id="TAA>TAG"),
    ],
)
def test_phase_of_the_first_segment_is_honoured(position, ref, alt, expected, strand):
    bases, spans = "CCCC" "GATGAAATGGTAA" "CCCC", [(4, 17)]  # fmt: skip
    found = model(exons=spans, cds=spans, bases=bases, strand=strand, cds_phase=1)
    assert found.of(variant(position, ref, alt, strand, bases)) == expected


@pytest.mark.parametrize("strand", "+-")
@pytest.mark.parametrize(
    ("position", "ref", "alt", "expected"),
    [
        pytest.param(7, "A", "G", "missense_variant", id="before the slip: ACC>GCC"),
        pytest.param(10, "T", "A", "coding_sequence_variant", id="base that is left out"),
        pytest.param(11, "G", "A", "missense_variant", id="behind it: GGG>AGG"),
        pytest.param(13, "G", "A", "synonymous_variant", id="behind it: GGG>GGA"),
        pytest.param(9, "CT", "", "coding_sequence_variant", id="deletion of it and another"),
        pytest.param(16, "A", "G", "stop_retained_variant", id="the stop"),
    ],
)
def test_base_that_the_ribosome_leaves_out_is_not_known(position, ref, alt, expected, strand):
    # ATG ACC (T) GGG TAA
    bases, cds = "CCCC" "ATGACC" "T" "GGGTAA" "CCCC", [(4, 10), (11, 17)]  # fmt: skip
    found = model(exons=[(4, 17)], cds=cds, bases=bases, strand=strand)
    assert found.of(variant(position, ref, alt, strand, bases)) == expected


@pytest.mark.parametrize("strand", "+-")
@pytest.mark.parametrize(
    ("position", "ref", "alt", "expected"),
    [
        pytest.param(8, "C", "A", "missense_variant", id="before the slip: ACC>AAC"),
        pytest.param(9, "C", "A", "coding_sequence_variant", id="base that is read twice"),
        pytest.param(10, "G", "A", "missense_variant", id="behind it: CGG>CAG"),
        pytest.param(11, "G", "A", "synonymous_variant", id="behind it: CGG>CGA"),
        pytest.param(8, "CC", "", "coding_sequence_variant", id="deletion of it and another"),
        pytest.param(13, "A", "G", "stop_retained_variant", id="the stop: TAA>TGA"),
    ],
)
def test_base_that_the_ribosome_reads_twice_is_not_known(position, ref, alt, expected, strand):
    # ATG ACC, then CGG TAA from the last C on.
    bases, cds = "CCCC" "ATGACC" "GGTAA" "CCCC", [(4, 10), (9, 15)]  # fmt: skip
    found = model(exons=[(4, 15)], cds=cds, bases=bases, strand=strand)
    assert found.of(variant(position, ref, alt, strand, bases)) == expected


@pytest.mark.parametrize(("gap", "expected"), [(9, "coding_sequence_variant"), (10, "splice_donor_variant")])
def test_gap_that_no_intron_fits_in_is_none(gap, expected):
    bases = f"CCCCATGAAA{'G' * gap}AAATAACCCC"
    exons = [(4, 10), (10 + gap, 16 + gap)]
    found = model(exons=exons, cds=exons, bases=bases)
    assert found.of(variant(10, "G", "C", "+", bases)) == expected


def test_stop_behind_the_transcript_is_found_again():
    bases = "CC" "ATGAAATAA" "ACC"  # fmt: skip
    found = model(exons=[(2, 11)], cds=[(2, 11)], bases=bases)
    assert found.of(variant(10, "AA", "", "+", bases)) == "stop_lost"
    assert found.of(variant(9, "AA", "", "+", bases)) == "frameshift_variant"
    assert found.of(variant(10, "A", "", "+", bases)) == "stop_retained_variant"
