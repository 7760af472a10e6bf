"""Haplotypes and consensus sequences against bcftools, a naive application, and what must be refused."""

import gzip
import re
import tracemalloc

import numpy as np
import pysam
import pysam.bcftools
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.io.genome_store import build_store
from hyenadna_kit.io.haplotype_fasta import write_haplotype
from hyenadna_kit.io.haplotype_rules import HaplotypeRules, Outcome
from hyenadna_kit.io.haplotypes import (
    HaplotypeReport,
    applied_variants,
    haplotype_tokens,
    read_haplotypes,
)
from hyenadna_kit.io.vcf import read_variants
from tests.oracles.vcf import WRITERS, write_bcf, write_bgzip

HEADER = (
    b"##fileformat=VCFv4.2\n"
    b'##FILTER=<ID=q10,Description="Quality below 10">\n##FILTER=<ID=s50,Description="Half">\n'
    b'##ALT=<ID=DEL,Description="Deletion">\n'
    b'##INFO=<ID=END,Number=1,Type=Integer,Description="End">\n'
    b'##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    b'##FORMAT=<ID=PS,Number=1,Type=Integer,Description="Phase set">\n'
    b"##contig=<ID=a>\n##contig=<ID=b>\n##contig=<ID=lost>\n"
)
COLUMNS = b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
H1, S = {"haplotype": 1}, {"sample": "S"}
CONTIGS = {"b": "ACGTACGTACGTACGTACGT", "a": "TTTTGGGGCCCCAAAA"}


def vcf(path, *records, samples=("S",), write=None):
    """Write records like ``a 5 G T 0|1``, a genotype a sample behind the ALT; return the path."""
    lines = []
    for record in records:
        contig, position, ref, alt, *rest = record.split()
        extra = [word for word in rest if word.startswith("FILTER=")]
        genotypes = [word for word in rest if word not in extra]
        filters = extra[0].removeprefix("FILTER=") if extra else "."
        keys = "GT:PS" if any(":" in genotype for genotype in genotypes) else "GT"
        columns = [contig, position, ".", ref, alt, ".", filters, "."]
        lines.append("\t".join(columns + ([keys, *genotypes] if samples else [])) + "\n")
    names = "".join(f"\t{name}" for name in ("FORMAT", *samples)) if samples else ""
    text = HEADER + COLUMNS + names.encode() + b"\n" + "".join(lines).encode()
    (write or type(path).write_bytes)(path, text)
    return path


@pytest.fixture(scope="session")
def genome(tmp_path_factory):
    return store_of(tmp_path_factory.mktemp("genome"), CONTIGS)


def store_of(folder, contigs):
    fasta = folder / "genome.fa"
    fasta.write_text("".join(f">{name}\n{bases}\n" for name, bases in contigs.items()))
    return build_store([fasta], folder / "store")


def applied(path, genome, **rules):
    """Return the variants, without their contigs, and the outcomes."""
    report = HaplotypeReport()
    with read_variants(path) as reader:
        found = list(applied_variants(reader, genome, HaplotypeRules(**rules), report))
    assert sum(report.outcomes.values()) == report.num_records
    return [(v.position, v.ref, v.alt) for v in found], {str(k): n for k, n in report.outcomes.items() if n}


def refused(path, genome, **rules):
    with pytest.raises(InputError) as caught, read_variants(path) as reader:
        list(applied_variants(reader, genome, HaplotypeRules(**rules), HaplotypeReport()))
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    return message


def fasta(path):
    """Return contig -> bases as Python reads them."""
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    records = text.decode().split(">")[1:]
    return {lines[0]: "".join(lines[1:]) for lines in (record.split("\n") for record in records)}


ALLELE = st.text("ACGT", min_size=1, max_size=4)


@st.composite
def phased_files(draw):
    """Draw two contigs and a sorted file of records on them, many of which overlap."""
    contigs = {name: draw(st.text("ACGT", min_size=40, max_size=40)) for name in ("b", "a")}
    records = []
    for contig in draw(st.permutations(["a", "b"])):
        for position in sorted(draw(st.lists(st.integers(1, 40), max_size=12))):
            ref = contigs[contig][position - 1 :][: draw(st.integers(1, 4))]
            insertion = ALLELE.map(ref.__add__)
            alts = draw(
                st.lists(st.one_of(ALLELE, insertion, st.just(ref[0])), min_size=1, max_size=2, unique=True)
            )
            alts = [alt for alt in alts if alt != ref]
            if alts:
                genotype = draw(genotypes(len(alts)))
                records.append(
                    f"{contig} {position} {ref} {','.join(alts)} FILTER={draw(FILTERS)} {genotype}"
                )
    return contigs, records


FILTERS = st.sampled_from(["PASS", ".", "q10"])


@st.composite
def genotypes(draw, num_alts):
    """Draw a phased genotype; bcftools -H A differs from us where two ALTs meet, or ALT and nothing."""
    other = draw(st.integers(1, num_alts))
    pairs = [f"0|{other}", f"{other}|0", f"{other}|{other}", "0|0", ".|.", "0|.", f"{other}"]
    return draw(st.sampled_from(pairs))


def by_bcftools(genome_path, calls, *options):
    return pysam.bcftools.consensus("-f", str(genome_path), *options, str(calls))


@pytest.mark.parametrize("suffix", [".vcf.gz", ".bcf"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drawn=phased_files())
def test_haplotypes_and_consensus_are_those_of_bcftools(tmp_path_factory, suffix, drawn):
    contigs, records = drawn
    folder = tmp_path_factory.mktemp("calls")
    genome, calls, out = store_of(folder, contigs), folder / f"calls{suffix}", folder / "out.fa"
    vcf(calls, *records, write=write_bcf if suffix == ".bcf" else write_bgzip)
    pysam.bcftools.index(str(calls))
    for rules, options in (
        ({"haplotype": 1}, ["-s", "S", "-H", "1"]),
        ({"haplotype": 2, "sample": "S"}, ["-s", "S", "-H", "2"]),
        ({"sample": "S"}, ["-s", "S", "-H", "A"]),
        ({}, ["-s", "-"]),
        ({"filters": ("PASS", ".")}, ["-s", "-", "-i", 'FILTER="PASS" || FILTER="."']),
    ):
        write_haplotype(genome, calls, out, HaplotypeRules(**rules))
        assert out.read_text() == by_bcftools(folder / "genome.fa", calls, *options)


@settings(max_examples=40, deadline=None)
@given(drawn=phased_files(), number=st.sampled_from([1, 2]))
def test_haplotype_is_an_independent_application_of_its_records(tmp_path_factory, drawn, number):
    contigs, records = drawn
    folder = tmp_path_factory.mktemp("calls")
    # One record in each stretch of five bases, so that none overlaps another.
    apart, taken = [], set()
    for record in records:
        contig, position, ref, *_ = record.split()
        stretches = {(contig, place // 5) for place in range(int(position), int(position) + len(ref))}
        if not stretches & taken:
            taken |= stretches
            apart.append(record)
    expected = dict(contigs)
    for record in reversed(apart):
        contig, position, ref, alts, _, genotype = record.split()
        index = genotype.split("|")[number - 1 :][:1]
        if index and index[0] not in "0.":
            bases, start = expected[contig], int(position) - 1
            expected[contig] = bases[:start] + alts.split(",")[int(index[0]) - 1] + bases[start + len(ref) :]
    genome, calls = store_of(folder, contigs), vcf(folder / "calls.vcf", *apart)
    rules = HaplotypeRules(haplotype=number)
    write_haplotype(genome, calls, folder / "out.fa", rules)
    assert fasta(folder / "out.fa") == expected
    for haplotype in read_haplotypes(calls, genome, rules):
        bases = expected[haplotype.contig]
        assert haplotype.length == len(bases)
        tokens = haplotype_tokens(genome, haplotype, 0, len(bases))
        assert tokens.tolist() == ["ACGTN".index(base) + 7 for base in bases]
        exact = haplotype.to_reference(np.arange(len(bases)))
        for position, base, is_exact in zip(exact.positions, bases, exact.is_exact, strict=True):
            # Bases that are no part of a variant are those of the reference there.
            if is_exact and not any(v.position <= position < v.end for v in haplotype.variants):
                assert contigs[haplotype.contig][position] == base


@pytest.mark.parametrize(
    ("rules", "records", "expected", "outcomes"),
    [
        pytest.param({}, ["a 5 G T 0/0"], [(4, "G", "T")], {"applied": 1}, id="consensus_of_every_record"),
        pytest.param({}, ["a 5 G T,C 0/2"], [(4, "G", "T")], {"applied": 1}, id="first_alt"),
        pytest.param({}, ["a 5 G ."], [], {"no_alt": 1}, id="no_alt"),
        pytest.param({}, ["a 5 G <DEL>"], [], {"symbolic": 1}, id="symbolic"),
        pytest.param({}, ["a 5 G G]b:4]"], [], {"symbolic": 1}, id="breakend"),
        pytest.param({}, ["a 5 G *,T"], [], {"star": 1}, id="star"),
        pytest.param({}, ["a 0 N <DEL>"], [], {"symbolic": 1}, id="symbolic_telomere"),
        pytest.param({}, ["a 0 N A"], [], {"telomere": 1}, id="telomere"),
        pytest.param({}, ["a 5 g t"], [(4, "G", "T")], {"applied": 1}, id="case_is_ignored"),
        pytest.param({}, ["chra 5 G T"], [(4, "G", "T")], {"applied": 1}, id="usual_names"),
        pytest.param(
            {}, ["lost 5 C T", "a 1 T C"], [(0, "T", "C")], {"applied": 1, "no_contig": 1}, id="lost"
        ),
        pytest.param({}, ["a 8 GC GCC"], [(8, "", "C")], {"applied": 1}, id="trimmed"),
        pytest.param({}, ["a 16 A ATT"], [(16, "", "TT")], {"applied": 1}, id="at_the_end"),
        pytest.param(S, ["a 5 G T,C 2/0"], [(4, "G", "C")], {"applied": 1}, id="alt_of_sample"),
        pytest.param(S, ["a 5 G T,C 2/1"], [(4, "G", "C")], {"applied": 1}, id="its_first_alt"),
        pytest.param(S, ["a 5 G T 0/0"], [], {"reference": 1}, id="reference"),
        pytest.param(S, ["a 5 G T ./."], [], {"missing": 1}, id="missing"),
        pytest.param(S, ["a 5 G T ./1"], [(4, "G", "T")], {"applied": 1}, id="half_missing_alt"),
        pytest.param(S, ["a 5 G T 0/."], [], {"missing": 1}, id="half_missing_reference"),
        pytest.param(S, ["a 5 G T,* 0/2"], [], {"star": 1}, id="star_of_sample"),
        pytest.param(H1, ["a 5 G T 1|0"], [(4, "G", "T")], {"applied": 1}, id="first"),
        pytest.param({"haplotype": 2}, ["a 5 G T 1|0"], [], {"reference": 1}, id="second"),
        pytest.param({"haplotype": 2}, ["a 5 G T 1/1"], [(4, "G", "T")], {"applied": 1}, id="homozygous"),
        pytest.param(H1, ["a 5 G T 1"], [(4, "G", "T")], {"applied": 1}, id="haploid"),
        pytest.param({"haplotype": 2}, ["a 5 G T 1"], [], {"no_haplotype": 1}, id="haploid_second"),
        pytest.param({"haplotype": 3}, ["a 5 G T 0|0|1"], [(4, "G", "T")], {"applied": 1}, id="triploid"),
        pytest.param(H1, ["a 5 G T .|1"], [], {"missing": 1}, id="phased_missing"),
        pytest.param(H1, ["a 5 G T ./0"], [], {"missing": 1}, id="unphased_without_alt"),
        pytest.param(
            {"haplotype": 1, "unphased": "reference"},
            ["a 5 G T 0/1"],
            [],
            {"unphased": 1},
            id="unphased_reference",
        ),
        pytest.param(
            {"haplotype": 2, "unphased": "alternative"},
            ["a 5 G T,C 2/0", "a 9 C A ./1"],
            [(4, "G", "C"), (8, "C", "A")],
            {"applied": 2},
            id="unphased_alternative",
        ),
        pytest.param(
            {"haplotype": 1, "unphased": "iupac"},
            ["a 5 G T 0/1", "a 6 g a,c 2/1", "a 7 G GA 0/1", "a 8 G A ./1", "a 9 C A 1|0"],
            [(4, "G", "K"), (5, "G", "M"), (8, "C", "A")],
            {"applied": 3, "unphased": 2},
            id="unphased_iupac",
        ),
        pytest.param(
            {"filters": ("PASS",)},
            ["a 5 G T FILTER=PASS", "a 6 G T", "a 7 G T FILTER=q10", "a 8 G T FILTER=q10;s50"],
            [(4, "G", "T")],
            {"applied": 1, "filtered": 3},
            id="pass",
        ),
        pytest.param(
            {"filters": (".", "s50")},
            ["a 5 G T FILTER=PASS", "a 6 G T", "a 7 G T FILTER=q10", "a 8 G T FILTER=q10;s50"],
            [(5, "G", "T"), (7, "G", "T")],
            {"applied": 2, "filtered": 2},
            id="some_filters",
        ),
    ],
)
def test_record_is_applied_or_counted(tmp_path, genome, rules, records, expected, outcomes):
    has_genotypes = any(len(record.split()) > 4 and "FILTER" not in record for record in records)
    samples = ("S",) if has_genotypes else ()
    path = vcf(tmp_path / "calls.vcf", *records, samples=samples)
    assert applied(path, genome, **rules) == (expected, outcomes)


# Every answer is that of bcftools 1.16.
@pytest.mark.parametrize(
    ("records", "bases", "num_overlaps"),
    [
        pytest.param(["b 5 A G", "b 5 A AT"], "ACGTGTCGTACG", 0, id="insertion_behind_snv"),
        pytest.param(["b 5 A G", "b 5 AC A"], "ACGTGGTACG", 0, id="deletion_behind_snv"),
        pytest.param(["b 5 A AT", "b 5 A G"], "ACGTATCGTACG", 1, id="snv_at_the_anchor_of_an_insertion"),
        pytest.param(["b 5 A AT", "b 5 A AC"], "ACGTATCGTACG", 1, id="two_insertions"),
        pytest.param(["b 5 A AT", "b 5 AC A"], "ACGTATCGTACG", 1, id="deletion_behind_insertion"),
        pytest.param(["b 5 AC A", "b 6 C CTT"], "ACGTATTGTACG", 0, id="insertion_behind_deletion"),
        pytest.param(["b 5 AC A", "b 6 C T"], "ACGTAGTACG", 1, id="snv_in_deletion"),
        pytest.param(["b 5 ACG ATG", "b 7 G T"], "ACGTATGTACG", 1, id="snv_at_the_unchanged_end_of_a_ref"),
        pytest.param(["b 5 A AT", "b 6 C G"], "ACGTATGGTACG", 0, id="snv_after_insertion"),
        pytest.param(
            ["b 5 A G", "b 5 ACG ATTT"], "ACGTGCGTACG", 1, id="replacement_that_shares_its_first_base"
        ),
        pytest.param(["b 5 A G", "b 5 AC C"], "ACGTGCGTACG", 1, id="deletion_without_anchor"),
        pytest.param(
            ["b 5 ACG A", "b 7 G GA", "b 7 G GT"], "ACGTAATACG", 1, id="second_insertion_behind_deletion"
        ),
    ],
)
def test_overlapping_record_is_left_out_and_counted(tmp_path, genome, records, bases, num_overlaps):
    path = vcf(tmp_path / "calls.vcf", *records, samples=())
    report = write_haplotype(genome, path, tmp_path / "out.fa", HaplotypeRules())
    assert fasta(tmp_path / "out.fa")["b"].startswith(bases)
    assert report.outcomes[Outcome.OVERLAP] == num_overlaps
    if num_overlaps:
        message = refused(path, genome, overlaps="error")
        assert re.search(r"record \d \(b:\d\): begins within the REF", message)
        assert "--overlaps skip" in message


@pytest.mark.parametrize(
    ("rules", "records", "problem"),
    [
        pytest.param(
            {}, ["a 5 G T", "a 9 CCG T"], r"record 2 \(a:9\): REF 'CCG' .*'CCC'", id="ref_is_compared_whole"
        ),
        pytest.param({}, ["a 16 AN T"], r"record 1 \(a:16\): REF 'AN'", id="ref_reaches_beyond_the_contig"),
        pytest.param({}, ["a 40 N T"], r"record 1 \(a:40\): REF 'N'", id="beyond_the_contig"),
        pytest.param(
            {}, ["a 5 G T", "a 5 T C"], r"record 2.*REF 'T'", id="ref_of_an_overlap_is_compared_too"
        ),
        pytest.param({}, ["a 5 G A-C"], r"record 1.*'A-C' is no sequence", id="letters"),
        pytest.param({}, ["a 6 G T", "a 5 G T"], r"record 2 \(a:5\): comes after a:6", id="unsorted"),
        pytest.param(
            {}, ["a 6 G T", "b 1 A T", "a 9 C T"], r"record 3.*contig a comes a second time", id="split"
        ),
        pytest.param({}, ["lost 6 G T", "lost 7 A T"], r"no contig of its 2 records", id="no_contig_at_all"),
        pytest.param(H1, ["a 5 G T 1|1", "a 6 G T 0/1"], r"record 2 \(a:6\).*unphased.*'S'", id="unphased"),
        pytest.param(H1, ["a 6 G T ./1"], r"record 1 \(a:6\).*unphased", id="unphased_half_missing"),
        pytest.param(H1, ["a 5 G T 0|1:5", "a 6 G T 0|1:6"], r"record 2.*set 6 follows 5", id="sets"),
        pytest.param(H1, ["a 5 G T 0|1:5", "a 6 G T 0|1:."], r"record 2.*set \. follows 5", id="set_ends"),
        pytest.param({"haplotype": 1, "sample": "T"}, ["a 6 G T 0|1"], "no sample 'T'", id="sample"),
    ],
)
def test_record_that_cannot_be_used_is_refused(tmp_path, genome, rules, records, problem):
    samples = ("S",) if rules else ()
    assert re.search(
        problem, refused(vcf(tmp_path / "calls.vcf", *records, samples=samples), genome, **rules)
    )


def test_ref_of_n_is_what_the_genome_has_for_other_codes(tmp_path):
    genome = store_of(tmp_path, {"a": "ACRN"})
    path = vcf(tmp_path / "calls.vcf", "a 3 R A", "a 4 N C", samples=())
    assert applied(path, genome) == ([(2, "R", "A"), (3, "N", "C")], {"applied": 2})


def test_ref_that_is_not_applied_is_not_compared(tmp_path, genome):
    path = vcf(tmp_path / "calls.vcf", "a 5 N <DEL> 1|1", "a 6 T C 0|0")
    assert applied(path, genome, haplotype=1) == ([], {"symbolic": 1, "reference": 1})


def test_phase_sets_are_joined_where_told(tmp_path, genome):
    records = [
        "a 5 G T 0|1:5",
        "a 6 G T 1|1:6",
        "a 7 G T 0|1:5",
        "a 8 G T 0|1:8",
        "b 1 A T 0|1:9",
        "b 2 C T 1|0:9",
    ]
    path = vcf(tmp_path / "calls.vcf", *records)
    report = HaplotypeReport()
    with read_variants(path) as reader:
        rules = HaplotypeRules(haplotype=2, phase_sets="join")
        found = list(applied_variants(reader, genome, rules, report))
    assert [v.position for v in found] == [4, 5, 6, 7, 0]
    assert report.num_joined == 1


def test_homozygous_and_consensus_genotypes_need_no_phase_set(tmp_path, genome):
    path = vcf(tmp_path / "calls.vcf", "a 5 G T 0|1:5", "a 6 G T 1|1:6", "a 7 G T 1:7")
    assert applied(path, genome, haplotype=1)[1] == {"reference": 1, "applied": 2}
    path = vcf(tmp_path / "calls.vcf", "a 5 G T 0|1:5", "a 6 G T 0|1:6", "a 7 G T 0/1:7")
    assert applied(path, genome, sample="S")[1] == {"applied": 3}


def test_haplotype_number_starts_at_1():
    with pytest.raises(InputError, match="haplotype must be 1 or more, got 0"):
        HaplotypeRules(haplotype=0)


@pytest.mark.parametrize("form", WRITERS)
def test_every_encoding_gives_the_same_sequence(tmp_path, genome, form):
    path = vcf(tmp_path / "calls", "b 5 A G 0|1", "b 9 AC A 1|1", "a 5 G GTT 1|0", write=WRITERS[form])
    write_haplotype(genome, path, tmp_path / "out.fa", HaplotypeRules(haplotype=1))
    assert (tmp_path / "out.fa").read_text() == ">b\nACGTACGTAGTACGTACGT\n>a\nTTTTGTTGGGCCCCAAAA\n"


@pytest.mark.parametrize("suffix", [".fa", ".fasta", ".fna", ".fa.gz", ".fna.gz"])
def test_output_is_fasta_that_others_index(tmp_path, suffix):
    rng = np.random.default_rng(0)
    contigs = {f"c{n}": "".join(rng.choice([*"ACGT"], n)) for n in (59, 60, 61, 119, 120, 2_500_000, 1)}
    out = tmp_path / f"out{suffix}"
    progress = []
    (tmp_path / "g").mkdir()
    ref = contigs["c61"][59:61]
    path = vcf(tmp_path / "calls.vcf", f"c61 60 {ref} {ref[0]}", samples=())
    genome = store_of(tmp_path / "g", contigs)
    write_haplotype(genome, path, out, HaplotypeRules(), on_progress=lambda *done: progress.append(done))
    expected = contigs | {"c61": contigs["c61"][:60]}
    with pysam.FastaFile(str(out)) as indexed:
        assert {name: indexed.fetch(name) for name in indexed.references} == expected
        assert list(indexed.references) == list(contigs)
    text = gzip.decompress(out.read_bytes()) if suffix.endswith("gz") else out.read_bytes()
    assert max(map(len, text.split(b"\n"))) == 60
    assert text.endswith(b"\n")
    total = sum(map(len, contigs.values()))
    assert progress == sorted(progress)
    assert progress[-1] == (total, total)


@pytest.mark.parametrize("kind", ["store", "fasta"])
def test_soft_mask_stays_and_alts_take_the_case_of_what_they_replace_or_follow(tmp_path, kind):
    store = store_of(tmp_path, {"a": "ACGTacgtACGTnnRyacgt"})
    genome = store if kind == "store" else Fasta(tmp_path / "genome.fa")
    records = ["a 2 C t", "a 4 T TGG", "a 5 a G", "a 8 t TGG", "a 9 AC GG", "a 20 t TAA"]
    path = vcf(tmp_path / "calls.vcf", *records, samples=())
    write_haplotype(genome, path, tmp_path / "out.fa", HaplotypeRules())
    assert fasta(tmp_path / "out.fa") == {"a": "ATGTGGgcgtggGGGTnnNnacgtaa"}


def test_contigs_come_in_the_order_of_the_genome(tmp_path, genome):
    path = vcf(tmp_path / "calls.vcf", "a 5 G T", "b 1 A T", samples=())
    write_haplotype(genome, path, tmp_path / "out.fa", HaplotypeRules())
    assert list(fasta(tmp_path / "out.fa")) == ["b", "a"]
    assert [h.contig for h in read_haplotypes(path, genome, HaplotypeRules())] == ["a", "b"]


def test_contig_without_variants_is_written_as_it_is(tmp_path, genome):
    for records in (["a 5 G T"], []):
        write_haplotype(
            genome, vcf(tmp_path / "calls.vcf", *records, samples=()), tmp_path / "out.fa", HaplotypeRules()
        )
        assert fasta(tmp_path / "out.fa")["b"] == CONTIGS["b"]


@pytest.mark.parametrize(
    ("records", "problem"),
    [
        pytest.param(["a 5 G T", "b 5 T G"], "record 2", id="late_mismatch"),
        pytest.param(["a 1 " + CONTIGS["a"] + " <DEL>", "b 1 A T", "b 1 A"], "columns", id="damaged"),
        pytest.param(["lost 1 A T"], "no contig", id="foreign"),
    ],
)
def test_failure_leaves_nothing(tmp_path, genome, records, problem):
    out = tmp_path / "out.fa"
    path = tmp_path / "calls.vcf"
    bodies = ["\t".join([*record.split()[:2], ".", *record.split()[2:], ".", ".", "."]) for record in records]
    path.write_bytes(HEADER + COLUMNS + b"\n" + "\n".join(bodies).encode() + b"\n")
    out.write_text("before")
    with pytest.raises(InputError, match=problem):
        write_haplotype(genome, path, out, HaplotypeRules())
    assert out.read_text() == "before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["calls.vcf", "out.fa"]


def test_contig_that_is_deleted_whole_is_refused(tmp_path, genome):
    # Without an anchor, as no VCF should spell it.
    path = vcf(tmp_path / "calls.vcf", f"a 1 {CONTIGS['a']} T", "b 1 A T", samples=())
    write_haplotype(genome, path, tmp_path / "out.fa", HaplotypeRules())
    assert fasta(tmp_path / "out.fa")["a"] == "T"


@pytest.mark.parametrize(
    "name", ["out.txt", "out.vcf", "out.gz", "out.fa.bz2", "folder.fa", "calls.fa", "genome.fa"]
)
def test_output_that_cannot_be_written_is_refused(tmp_path, name):
    store_of(tmp_path, CONTIGS)
    (tmp_path / "folder.fa").mkdir()
    path = vcf(tmp_path / "calls.fa", samples=())
    with pytest.raises(InputError, match="output .*/" + name):
        write_haplotype(Fasta(tmp_path / "genome.fa"), path, tmp_path / name, HaplotypeRules())
    assert fasta(tmp_path / "genome.fa") == CONTIGS


def test_tokens_of_a_stretch_of_a_haplotype(tmp_path, genome):
    path = vcf(tmp_path / "calls.vcf", "a 5 G GTT", "a 9 CCC C", "a 14 A R", samples=())
    (haplotype,) = read_haplotypes(path, genome, HaplotypeRules())
    assert haplotype.variants == (
        Variant("a", 5, "", "TT"),
        Variant("a", 9, "CC", ""),
        Variant("a", 13, "A", "R"),
    )
    whole = "TTTTGTTGGGCCANAA"
    assert haplotype.length == len(whole)
    for start in range(len(whole) + 1):
        for end in range(start, len(whole) + 1):
            tokens = haplotype_tokens(genome, haplotype, start, end)
            assert tokens.dtype == np.uint8
            assert tokens.tolist() == [7 + "ACGTN".index(base) for base in whole[start:end]]


def test_memory_does_not_grow_with_the_file(tmp_path):
    peaks = []
    for length in (2_000_000, 6_000_000):
        bases = "ACGT" * (length // 4)
        (tmp_path / str(length)).mkdir()
        genome = store_of(tmp_path / str(length), {"a": bases})
        records = [f"a {position} {bases[position - 1]} N" for position in range(1, length, 4_000)]
        path = vcf(tmp_path / "calls.vcf", *records, samples=())
        tracemalloc.start()
        try:
            report = write_haplotype(genome, path, tmp_path / "out.fa", HaplotypeRules())
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        assert report.outcomes[Outcome.APPLIED] == len(records)
    assert max(peaks) < 10_000_000
    assert peaks[1] < peaks[0] + 20_000


@pytest.mark.real_data
def test_consensus_of_real_sites_is_that_of_bcftools(tmp_path, data):
    source, calls = data / "human/grch37_chr20_1-2Mb.vcf.gz", tmp_path / "calls.vcf.gz"
    (tmp_path / "z.fa").write_bytes((data / "human/grch37_chr20_1-2Mb.fa").read_bytes())
    # bcftools stops at alleles like <CN0>.
    pysam.bcftools.view("-e", 'ALT~"<"', "-Oz", "-o", str(calls), str(source), catch_stdout=False)
    pysam.bcftools.index(str(calls))
    expected = by_bcftools(tmp_path / "z.fa", calls)
    genome = build_store([tmp_path / "z.fa"], tmp_path / "store")
    report = write_haplotype(genome, source, tmp_path / "out.fa", HaplotypeRules())
    assert (tmp_path / "out.fa").read_text() == expected
    assert report.num_records == 28_998
    assert report.outcomes == {Outcome.APPLIED: 28_924, Outcome.OVERLAP: 50, Outcome.SYMBOLIC: 24}


@pytest.mark.real_data
def test_real_sites_lift_every_base_that_they_do_not_touch(tmp_path, data):
    calls = tmp_path / "calls.vcf"
    source = str(data / "human/grch37_chr20_1-2Mb.vcf.gz")
    pysam.bcftools.view("-r", "z:1-100000", "-o", str(calls), source, catch_stdout=False)
    genome = Fasta(data / "human/grch37_chr20_1-2Mb.fa")
    (haplotype,) = read_haplotypes(calls, genome, HaplotypeRules())
    write_haplotype(genome, calls, tmp_path / "out.fa", HaplotypeRules())
    changed = np.array([*fasta(tmp_path / "out.fa")["z"].upper()])
    reference = np.array([*genome.fetch(Interval("z", 0, 1_000_000))])
    assert haplotype.length == changed.size
    lifted = haplotype.to_haplotype(np.arange(1_000_000))
    kept = lifted.is_exact.copy()
    for variant in haplotype.variants:
        kept[variant.position : variant.end] = False
    assert kept.sum() > 995_000
    assert (changed[lifted.positions[kept]] == reference[kept]).all()
