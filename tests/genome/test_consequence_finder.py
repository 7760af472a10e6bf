"""Consequences over all transcripts of a genome, against spliced, mutated and translated genes."""

import random
from dataclasses import replace

import pytest

from hyenadna_kit.errors import ContigNotFoundError, InputError
from hyenadna_kit.genome.annotation import Annotation, Gene, Transcript
from hyenadna_kit.genome.consequence_finder import ConsequenceFinder
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io.genetic_codes import genetic_codes
from tests.oracles.made_genes import TextGenome, as_annotation, as_gene, draw, make_gene, turned
from tests.oracles.mutated_protein import ORDER, Change, expected_consequence, outermost

# Thousands of variants: what is checked in every call of the other tests is not checked here.
many = pytest.mark.usefixtures("no_shape_checks")
GENES = [(strand, num_exons) for strand in "+-" for num_exons in (1, 2, 3, 4)]
NUM_GENES, NUM_CHANGES = 8, 30


def finder(*made, **more):
    genome = TextGenome({each.contig: each.bases for each in made})
    return ConsequenceFinder(as_annotation(*made, **more), genome, codes=genetic_codes())


def draw_change(rng, made):
    """Return a change of any kind in the gene or near it; of whole codons more often than by chance."""
    at = rng.randrange(made.exons[0][0] - 8, made.exons[-1][1] + 8)
    num_removed = rng.choice([0, 0, 1, 1, 1, 2, 3, 3, 6, rng.randint(1, 30)])
    ref = made.bases[at : at + num_removed]
    if num_removed and rng.random() < 0.4:
        return Change(at, ref, "")
    repeat = made.bases[at - 3 * rng.randint(1, 2) : at]
    others = [draw(rng, rng.randint(1, 7)), repeat, rng.choice(["TAA", "TAG", "TGA", "AGA"])]
    alt = draw(rng, num_removed) if num_removed and rng.random() < 0.6 else rng.choice(others)
    return Change(at, ref, alt) if alt != ref else draw_change(rng, made)


@many
@pytest.mark.parametrize(
    ("strand", "num_exons", "table"),
    [(*each, 1) for each in GENES] + [("+", 2, 2), ("-", 2, 2), ("+", 2, 11)],
)
def test_consequence_is_that_of_the_mutated_protein(strand, num_exons, table):
    rng = random.Random(f"{strand}{num_exons}{table}")
    for _ in range(NUM_GENES):
        made = make_gene(rng, "c", strand, num_exons, table=table)
        found = finder(made, genetic_code=table)
        for change in (draw_change(rng, made) for _ in range(NUM_CHANGES)):
            expected = expected_consequence(made, *change, table)
            assert found.find(Variant("c", *change)) == expected, (made, change)


@many
def test_changes_that_are_drawn_have_every_consequence_of_a_complete_gene():
    rng = random.Random(0)
    met = set()
    for _ in range(60):
        made = make_gene(rng, "c", rng.choice("+-"), 3, table=2)
        found = finder(made, genetic_code=2)
        met |= {found.find(Variant("c", *draw_change(rng, made))) for _ in range(30)}
    others = {"transcript_ablation", "non_coding_transcript_exon_variant", "coding_sequence_variant"}
    assert set(ORDER) - met - {"start_retained_variant"} == others | {"sequence_variant"}


def spellings(made, change):
    """Yield all ways to write a change, with up to three bases more on either side."""
    outer = outermost(made.bases, change)
    mutated = change.apply(made.bases, change.alt)
    last_end = outer[-1].position + len(outer[-1].ref)
    for first in range(outer[0].position - 3, outer[-1].position + 1):
        for end in range(first + max(0, -change.gained), last_end + 4):
            spelling = Change(first, made.bases[first:end], mutated[first : end + change.gained])
            if spelling.apply(made.bases, spelling.alt) == mutated:
                yield spelling


@many
@pytest.mark.parametrize(("strand", "num_exons"), GENES)
def test_spellings_of_a_change_have_one_consequence(strand, num_exons):
    rng = random.Random(f"{strand}{num_exons}")
    num_spelled = 0
    for _ in range(NUM_GENES):
        made = make_gene(rng, "c", strand, num_exons)
        found = finder(made)
        for change in (draw_change(rng, made) for _ in range(10)):
            spelled = [*spellings(made, change)]
            spelled = rng.sample(spelled, min(12, len(spelled)))
            consequences = {found.find(Variant("c", *spelling)) for spelling in spelled}
            assert consequences == {found.find(Variant("c", *change))}
            num_spelled += len(spelled)
    assert num_spelled > 40 * NUM_GENES


@many
@pytest.mark.parametrize("num_exons", [1, 2, 3, 4])
def test_gene_on_the_other_strand_has_the_same_consequences(num_exons):
    rng = random.Random(num_exons)
    for _ in range(NUM_GENES):
        made = make_gene(rng, "c", "+", num_exons)
        one, other = finder(made), finder(made.turned())
        for at, ref, alt in (draw_change(rng, made) for _ in range(NUM_CHANGES)):
            mirrored = Variant("c", len(made.bases) - at - len(ref), turned(ref), turned(alt))
            assert one.find(Variant("c", at, ref, alt)) == other.find(mirrored)


def on(start, end, strand="+", contig="c"):
    return Interval(contig, start, end, Strand(strand))


def transcript(*exons, cds=(), strand="+", name="t", **more):
    exons, cds = (tuple(on(*span, strand) for span in spans) for spans in (exons, cds))
    whole = replace(exons[0], end=exons[-1].end)
    return Transcript(name, "g", whole, exons, cds, **more)


def gene(*transcripts, **more):
    start = min(each.interval.start for each in transcripts)
    return Gene("g", on(start, max(each.interval.end for each in transcripts)), transcripts, **more)


def small_finder(bases, *genes, **more):
    return ConsequenceFinder(Annotation(genes), TextGenome({"c": bases}), codes=genetic_codes(), **more)


READ = "CCC" "ATGAAATGGTAA" "CCC"  # fmt: skip


def test_most_severe_over_all_transcripts_is_told():
    coding = gene(transcript((3, 15), cds=[(3, 15)]))
    long = gene(transcript((0, 1), (17, 18), name="long"))
    bare = Gene("bare", on(8, 10))
    expected = {  # TGG>TGA, AAA>AAG, AAA>GAA, and what lies beside the CDS
        (11, "G", "A"): ["stop_gained", "splice_region_variant", "intergenic_variant", "stop_gained"],
        (8, "A", "G"): [
            "synonymous_variant",
            "splice_region_variant",
            "non_coding_transcript_exon_variant",
            "splice_region_variant",
        ],
        (15, "C", "A"): [
            "intergenic_variant",
            "splice_acceptor_variant",
            "intergenic_variant",
            "splice_acceptor_variant",
        ],
    }
    for change, consequences in expected.items():
        genes = [[coding], [long], [bare], [coding, long, bare]]
        assert [small_finder(READ, *each).find(Variant("c", *change)) for each in genes] == consequences


@pytest.mark.parametrize(
    "more",
    [
        {"biotype": "pseudogene"},
        {"biotype": "transcribed_unprocessed_pseudogene"},
        {"kind": "pseudogenic_transcript"},
    ],
)
def test_cds_of_a_pseudogene_is_an_exon(more):
    change = Variant("c", 11, "G", "A")
    of_gene = {key: value for key, value in more.items() if key == "biotype"}
    for pseudogene in (
        gene(transcript((3, 15), cds=[(3, 15)], **more)),
        gene(transcript((3, 15), cds=[(3, 15)], kind=more.get("kind", "mRNA")), **of_gene),
    ):
        assert small_finder(READ, pseudogene).find(change) == "non_coding_transcript_exon_variant"


def test_code_of_the_annotation_comes_before_the_default():
    change = Variant("c", 11, "G", "A")  # TGG>TGA: a stop, or W in mitochondria
    for named, default, expected in [
        (None, 1, "stop_gained"),
        (None, 2, "synonymous_variant"),
        (2, 1, "synonymous_variant"),
        (1, 2, "stop_gained"),
    ]:
        coding = gene(transcript((3, 15), cds=[(3, 15)], genetic_code=named))
        assert small_finder(READ, coding, default_code=default).find(change) == expected


def test_code_that_there_is_not_is_refused():
    coding = gene(transcript((3, 15), cds=[(3, 15)], genetic_code=7))
    with pytest.raises(InputError, match="genetic code 8 is none of those known"):
        small_finder(READ, coding, default_code=8)
    with pytest.raises(InputError, match="genetic code 7 is none of those known"):
        small_finder(READ, coding).find(Variant("c", 11, "G", "A"))


@pytest.mark.parametrize(
    ("position", "ref", "alt", "expected"),
    [
        pytest.param(11, "G", "G", "sequence_variant", id="nothing changes"),
        pytest.param(11, "gg", "GG", "sequence_variant", id="nothing but case changes"),
        pytest.param(11, "g", "a", "stop_gained", id="lower case"),
        pytest.param(8, "ATG", "A", "frameshift_variant", id="with an anchor"),
        pytest.param(8, "CTG", "C", "frameshift_variant", id="with an anchor that the genome has not"),
        pytest.param(8, "ACC", "A", "sequence_variant", id="deletion of what the genome has not"),
        pytest.param(10, "GC", "GCTT", "frameshift_variant", id="insertion behind another anchor"),
        pytest.param(11, "A", "G", "coding_sequence_variant", id="the genome has ALT: a stop inside"),
        pytest.param(11, "T", "A", "stop_gained", id="the genome has neither"),
        pytest.param(2, "A", "T", "intergenic_variant", id="between genes"),
    ],
)
def test_ref_is_taken_as_it_is_where_lengths_are_equal(position, ref, alt, expected):
    assert small_finder(READ, gene(transcript((3, 15), cds=[(3, 15)]))).find(
        Variant("c", position, ref, alt)
    ) == (expected)


def test_names_of_contigs_are_the_usual_ones():
    coding = gene(transcript((3, 15), cds=[(3, 15)]))
    genome = TextGenome({"c": READ, "chr2": READ})
    found = ConsequenceFinder(Annotation((coding,)), genome, codes=genetic_codes())
    assert found.find(Variant("chrc", 11, "G", "A")) == "stop_gained"
    assert found.find(Variant("2", 11, "G", "A")) == "intergenic_variant"
    with pytest.raises(ContigNotFoundError, match="contig 'd' is not in the genome of the consequences"):
        found.find(Variant("d", 11, "G", "A"))


@many
@pytest.mark.parametrize("strand", "+-")
def test_gene_across_the_origin_is_found_on_both_sides(strand):
    rng = random.Random(1)
    for _ in range(NUM_GENES):
        made = make_gene(rng, "c", strand, 2, flank=100)
        size = len(made.bases)
        turn = rng.randrange(made.exons[0][0] + 1, made.exons[-1][1])
        circle = made.bases[turn:] + made.bases[:turn]
        shifted = made._replace(
            exons=[(s + size - turn, e + size - turn) for s, e in made.exons],
            cds=[(s + size - turn, e + size - turn) for s, e in made.cds],
        )
        genome = TextGenome({"c": circle})
        crossing = ConsequenceFinder(Annotation((as_gene(shifted),)), genome, codes=genetic_codes())
        linear = finder(made)
        for at in range(made.exons[0][0] - 5, made.exons[-1][1] + 5):
            ref = made.bases[at]
            alt = rng.choice([base for base in "ACGT" if base != ref])
            there = (at - turn) % size
            assert crossing.find(Variant("c", there, ref, alt)) == linear.find(Variant("c", at, ref, alt))


@many
def test_genes_are_found_among_many():
    rng = random.Random(2)
    bases = draw(rng, 3000)
    spans = [sorted(rng.sample(range(3000), 2)) for _ in range(3)]
    spans += [(start, start + rng.randint(1, 60)) for start in rng.sample(range(2900), 40)]
    found = small_finder(bases, *(Gene(f"g{number}", on(*span)) for number, span in enumerate(spans)))
    for at in range(2990):
        ref = bases[at : at + rng.choice([1, 1, 4])]
        start, end = at, at + len(ref)
        consequence = found.find(Variant("c", at, ref, turned(ref)[::-1]))
        assert (consequence != "intergenic_variant") == any(s < end and start < e for s, e in spans)
        is_whole = any(start <= s and e <= end for s, e in spans)
        assert (consequence == "transcript_ablation") == is_whole
