"""The toy genome, its variants and their files against Biopython, pysam and bcftools."""

import gzip
import hashlib
import itertools
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress

import numpy as np
import pysam
import pytest
from Bio.Seq import Seq
from Bio.SeqIO.FastaIO import SimpleFastaParser
from hypothesis import given, settings
from hypothesis import strategies as st

from hyenadna_kit.errors import ContigNotFoundError, InputError
from hyenadna_kit.evaluation.markov import fit_markov, markov_bits_per_base
from hyenadna_kit.genome.interval import Strand
from hyenadna_kit.genome.variant import Variant, normalize
from hyenadna_kit.testing import toy_genome, toy_variants, write_toy_genome, write_toy_vcf

TOKENS = bytes.maketrans(b"ACGTNacgt", bytes([7, 8, 9, 10, 11, 7, 8, 9, 10]))
KINDS = ("genes", "promoters", "terminators", "repeats", "tandem_repeats")


@pytest.fixture(scope="module")
def toy():
    return toy_genome()


@pytest.fixture(scope="module")
def variants(toy):
    return toy_variants(toy.contigs)


def bases_of(toy, interval):
    """Return the bases on the interval's strand, in upper case."""
    bases = Seq(toy.contigs[interval.contig][interval.start : interval.end].upper())
    return str(bases if interval.strand is Strand.FORWARD else bases.reverse_complement())


def upstream_of(toy, interval, length):
    """Return the bases just before the interval on its strand."""
    bases = toy.contigs[interval.contig].upper()
    if interval.strand is Strand.FORWARD:
        return bases[interval.start - length : interval.start]
    return str(Seq(bases[interval.end : interval.end + length]).reverse_complement())


def tokens(sequence):
    return np.frombuffer(sequence.encode().translate(TOKENS), dtype=np.uint8)


def differing_fraction(sequences, pattern):
    """Return the share of bases that differ from ``pattern``."""
    return np.mean([[a != b for a, b in zip(s, pattern, strict=True)] for s in sequences])


def test_default_genome_is_always_the_same():
    contigs = toy_genome().contigs
    assert contigs["toy1"].startswith("ATTATCTTCTTTATCAAATGAGAGCTCTCCATTAGGTCGAGTAGATGG")
    assert digest(contigs) == "faadba08b263f849336d545927cf91139dbc3a3dd527bc133f66eb980f8a87e0"
    assert digest(toy_genome(seed=1).contigs) == (
        "aba6c458ce6f95badf2b772a9cfa5d07db6862db3915f8273e30a5303b8f06e8"
    )


def digest(contigs):
    return hashlib.sha256("".join(f"{name}{bases}" for name, bases in contigs.items()).encode()).hexdigest()


def test_equal_arguments_give_equal_genomes(toy):
    assert toy_genome(seed=0) == toy
    assert toy_genome(seed=1) != toy


@pytest.mark.parametrize("length", [10_000, 12_345, 400_000])
def test_contigs_share_the_length(length):
    lengths = {name: len(bases) for name, bases in toy_genome(length=length).contigs.items()}
    assert sum(lengths.values()) == length
    assert list(lengths) == ["toy1", "toy2", "toy3"]
    assert lengths["toy2"] == pytest.approx(0.3 * length, abs=5)
    assert lengths["toy3"] == pytest.approx(0.1 * length, abs=5)


def test_one_run_of_n_lies_in_the_middle_of_the_first_contig(toy):
    runs = [(n, m.start(), m.end()) for n, bases in toy.contigs.items() for m in re.finditer("N+", bases)]
    assert runs == [("toy1", 120_000, 120_500)]
    assert set("".join(toy.contigs.values())) == set("ACGTNacgt")


@pytest.mark.parametrize("seed", range(5))
def test_the_shortest_genome_holds_genes(seed):
    assert len(toy_genome(seed, 10_000).genes) >= 4


def test_generation_takes_less_than_a_second():
    start = time.process_time()
    toy_genome(seed=2)
    assert time.process_time() - start < 1.0


def test_a_genome_too_short_is_refused():
    with pytest.raises(InputError, match="at least 10000 bp, got length=9999"):
        toy_genome(length=9_999)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_planted_intervals_lie_in_order_on_both_strands_and_apart(seed):
    toy = toy_genome(seed)
    order = list(toy.contigs)
    for kind in KINDS:
        places = [(order.index(i.contig), i.start) for i in getattr(toy, kind)]
        assert places == sorted(places)
        assert {i.strand for i in getattr(toy, kind)} == set(Strand)
    planted = sorted(
        itertools.chain.from_iterable(getattr(toy, kind) for kind in KINDS),
        key=lambda i: (i.contig, i.start),
    )
    assert not any(one.overlaps(other) for one, other in itertools.pairwise(planted))
    assert all(30 <= i.start < i.end <= len(toy.contigs[i.contig]) for i in planted)


@pytest.mark.parametrize("seed", [0, 1])
def test_every_gene_is_an_open_reading_frame_on_its_strand(seed):
    toy = toy_genome(seed)
    assert len(toy.genes) > 300
    for gene in toy.genes:
        bases = bases_of(toy, gene)
        assert bases.startswith("ATG")
        # Biopython refuses a coding sequence with a stop in frame, without one at its end, or cut.
        protein = Seq(bases).translate(table=11, cds=True)
        assert 81 <= len(protein) <= 401


def test_codons_follow_the_squared_usage_of_ecoli(toy):
    codons = Counter(re.findall("...", "".join(bases_of(toy, gene)[3:] for gene in toy.genes)))
    leucine = [codons[codon] for codon in ("CTG", "CTA", "CTC", "CTT", "TTA", "TTG")]
    # 53.3, 3.9, 11.2, 11.0, 13.8 and 13.7 in a thousand, squared.
    assert leucine[0] / sum(leucine) == pytest.approx(0.816, abs=0.015)
    stops = [codons[codon] for codon in ("TAA", "TGA", "TAG")]
    assert sum(stops) == len(toy.genes)
    assert stops[0] / sum(stops) == pytest.approx(0.84, abs=0.06)


@pytest.mark.real_data
def test_the_codon_usage_is_that_of_ecoli(data):
    from Bio import SeqIO

    from hyenadna_kit.testing.genome import _CODON_USAGE

    with gzip.open(data / "genomes/bacteria/ecoli_K12_MG1655.gbff.gz", "rt") as handle:
        record = SeqIO.read(handle, "genbank")
    counts = Counter()
    for feature in record.features:
        if feature.type == "CDS" and len(feature.location.parts) == 1:
            counts.update(re.findall("...", str(feature.extract(record.seq))))
    codons = map("".join, itertools.product("ACGT", repeat=3))
    assert [round(1000 * counts[codon] / counts.total(), 1) for codon in codons] == list(_CODON_USAGE)


def test_promoters_precede_their_genes(toy):
    assert len(toy.promoters) == len(toy.genes)
    boxes = [bases_of(toy, promoter) for promoter in toy.promoters]
    assert {len(box) for box in boxes} == {6 + 17 + 6}
    assert differing_fraction([box[:6] for box in boxes], "TTGACA") == pytest.approx(0.1, abs=0.02)
    assert differing_fraction([box[-6:] for box in boxes], "TATAAT") == pytest.approx(0.1, abs=0.02)
    for promoter, gene in zip(toy.promoters, toy.genes, strict=True):
        assert promoter.strand is gene.strand
        forward = gene.strand is Strand.FORWARD
        between = gene.start - promoter.end if forward else promoter.start - gene.end
        assert 20 + 6 + 7 <= between <= 40 + 6 + 7


def test_a_ribosome_binding_site_lies_seven_bases_before_every_gene(toy):
    sites = [upstream_of(toy, gene, 13)[:6] for gene in toy.genes]
    assert differing_fraction(sites, "AGGAGG") == pytest.approx(0.1, abs=0.02)


def test_terminators_fold_back_and_follow_their_genes(toy):
    for terminator, gene in zip(toy.terminators, toy.genes, strict=True):
        bases = bases_of(toy, terminator)
        stem, loop, other_stem, tail = bases[:10], bases[10:14], bases[14:24], bases[24:]
        assert (loop, other_stem, tail) == ("TTCG", str(Seq(stem).reverse_complement()), "TTTTTTT")
        forward = gene.strand is Strand.FORWARD
        assert 0 <= (terminator.start - gene.end if forward else gene.start - terminator.end) <= 40


def test_intergenic_bases_are_rich_in_a_and_t(toy):
    gene_parts = (toy.genes, toy.promoters, toy.terminators)
    units = [
        (parts[0].contig, min(p.start for p in parts), max(p.end for p in parts))
        for parts in zip(*gene_parts, strict=True)
    ]
    units = sorted(units + [(i.contig, i.start, i.end) for i in (*toy.repeats, *toy.tandem_repeats)])
    gaps = [
        toy.contigs[contig][end:start]
        for (contig, _, end), (next_contig, start, _) in itertools.pairwise(units)
        if contig == next_contig and "N" not in toy.contigs[contig][end:start]
    ]
    assert (min(map(len, gaps)), max(map(len, gaps))) == (30, 150)
    share = Counter("".join(gaps))
    assert (share["A"] + share["T"]) / share.total() == pytest.approx(0.62, abs=0.01)


@pytest.mark.parametrize("seed", [0, 1])
def test_exactly_the_repeats_are_in_lower_case(seed):
    toy = toy_genome(seed)
    repeats = [(i.contig, i.start, i.end) for i in (*toy.repeats, *toy.tandem_repeats)]
    soft_masked = [
        (name, match.start(), match.end())
        for name, bases in toy.contigs.items()
        for match in re.finditer("[a-z]+", bases)
    ]
    assert sorted(repeats) == soft_masked
    share = sum(end - start for _, start, end in repeats) / sum(map(len, toy.contigs.values()))
    assert 0.05 < share < 0.15


def test_copies_of_a_family_differ_by_a_few_per_cent(toy):
    families = {}
    for repeat in toy.repeats:
        families.setdefault(repeat.length, []).append(bases_of(toy, repeat))
    assert set(families) == {300, 700, 1300}
    for copies in families.values():
        assert len(copies) > 4
        consensus = [Counter(column).most_common(1)[0][0] for column in zip(*copies, strict=True)]
        assert differing_fraction(copies, consensus) == pytest.approx(0.05, abs=0.008)


def test_tandem_repeats_repeat_a_unit_that_no_other_has(toy):
    units = set()
    for array in toy.tandem_repeats:
        bases = bases_of(toy, array)
        period = min(range(8, 61), key=lambda shift: differing_fraction([bases[shift:]], bases[:-shift]))
        # Two copies that differ from their unit with probability 0.05 each differ with about 0.097.
        assert differing_fraction([bases[period:]], bases[:-period]) < 0.2
        units.add(bases[:8])
    assert len(units) == len(toy.tandem_repeats) > 10


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_held_out_contig_can_be_learnt_and_markov_models_leave_some_of_it(seed):
    toy = toy_genome(seed)
    train, test = [tokens(toy.contigs["toy1"]), tokens(toy.contigs["toy2"])], tokens(toy.contigs["toy3"])
    bits = markov_bits_per_base(train, [(test, 0)], orders=range(1, 11))
    assert 1.90 < bits[6] < 1.95
    assert min(bits.values()) > 1.90
    markov_bits = fit_markov(train, 6).bits(test)
    markov_in_genes = np.mean(
        np.concatenate([markov_bits[g.start : g.end] for g in toy.genes if g.contig == "toy3"])
    )
    assert in_frame_bits(toy, train=("toy1", "toy2"), test="toy3") < markov_in_genes - 0.1


def in_frame_bits(toy, train, test):
    """Return the bits per base of the codons of one contig, counted in frame on the others."""
    counts = Counter()
    for gene in toy.genes:
        if gene.contig in train:
            counts.update(re.findall("...", bases_of(toy, gene)))
    codons = [c for gene in toy.genes if gene.contig == test for c in re.findall("...", bases_of(toy, gene))]
    total = counts.total() + 64
    return float(np.mean([-np.log2((counts[codon] + 1) / total) for codon in codons])) / 3


def test_torch_is_not_imported():
    code = "import sys, hyenadna_kit.testing; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_fasta_holds_the_genome_in_rows_of_80(tmp_path):
    path = write_toy_genome(tmp_path / "toy.fa", 3, length=12_345)
    with path.open() as handle:
        assert dict(SimpleFastaParser(handle)) == toy_genome(3, 12_345).contigs
    rows = path.read_text().splitlines()
    assert max(map(len, rows)) == 80
    assert sum(len(row) < 80 for row in rows) <= 6


def test_compressed_fasta_is_the_same_file_every_time(tmp_path):
    plain = write_toy_genome(tmp_path / "toy.fa", length=10_000)
    one, two = (write_toy_genome(tmp_path / name, length=10_000) for name in ("one.fa.gz", "two.fa.gz"))
    assert gzip.decompress(one.read_bytes()) == plain.read_bytes()
    assert one.read_bytes() == two.read_bytes()
    time_stamp = one.read_bytes()[4:8]
    assert time_stamp == bytes(4)


def kind_of(variant):
    ref, alt = len(variant.ref), len(variant.alt)
    if ref == alt:
        return "snv" if ref == 1 else "mnv"
    return "insertion" if ref == 0 else "deletion" if alt == 0 else "delins"


def test_every_kind_of_variant_occurs(variants):
    # 190 sites in turns of eight, four of them SNVs, and ten second ALTs.
    expected = {"snv": 95 + 10, "insertion": 24, "deletion": 24, "mnv": 24, "delins": 23}
    assert Counter(map(kind_of, variants)) == expected
    assert {len(v.ref) for v in variants if kind_of(v) == "mnv"} == {2, 3, 4}
    assert max(max(len(v.ref), len(v.alt)) for v in variants) == 12
    contigs = Counter(v.contig for v in variants)
    assert contigs["toy1"] > contigs["toy2"] > contigs["toy3"] > 0


def test_ref_alleles_are_the_bases_of_the_genome(toy, variants):
    for variant in variants:
        bases = toy.contigs[variant.contig][variant.position : variant.end]
        assert variant.ref == bases.upper()
        assert set(variant.ref + variant.alt) <= set("ACGT")
        assert variant.ref != variant.alt


def test_variants_are_the_same_for_the_same_seed(toy, variants):
    assert toy_variants(toy.contigs) == variants
    assert len(set(variants) & set(toy_variants(toy.contigs, seed=1))) < 5
    assert toy_variants({n: b.upper() for n, b in toy.contigs.items()}) == variants


def test_second_alts_share_place_and_ref_with_an_snv(variants):
    places = Counter((v.contig, v.position, v.ref) for v in variants)
    shared = [place for place, number in places.items() if number == 2]
    assert len(shared) == 10
    assert all(len(ref) == 1 for _, _, ref in shared)
    assert len(set(variants)) == len(variants) == 200


def test_variants_are_in_order_and_their_anchored_spans_do_not_overlap(toy, variants):
    order = list(toy.contigs)
    spans = sorted({(order.index(v.contig), v.position, v.end) for v in variants})
    assert [span[:2] for span in spans] == list(
        dict.fromkeys((order.index(v.contig), v.position) for v in variants)
    )
    for (contig, _, end), (next_contig, start, _) in itertools.pairwise(spans):
        assert contig < next_contig or end < start


@settings(max_examples=40, deadline=None)
@given(
    contigs=st.lists(st.text(alphabet="ACGTacgtN", min_size=1, max_size=300), min_size=1, max_size=3),
    seed=st.integers(0, 1000),
    count=st.integers(0, 5),
)
def test_variants_of_any_genome_are_amid_its_bases(contigs, seed, count):
    genome = {f"c{number}": bases for number, bases in enumerate(contigs)}
    found = []
    with suppress(InputError):
        found = toy_variants(genome, seed, count)
        assert len(found) == count
    for variant in found:
        bases = genome[variant.contig].upper()
        assert variant.position >= 1
        assert "N" not in bases[variant.position - 1 : variant.end + 1]
        assert variant.ref == bases[variant.position : variant.end]


@pytest.mark.parametrize(
    ("genome", "count"),
    [({}, 1), ({"c": ""}, 1), ({"c": "N" * 1000}, 1), ({"c": "ACGT" * 100}, 19)],
    ids=["no contig", "no base", "only N", "too many"],
)
def test_more_variants_than_fit_are_refused(genome, count):
    total = sum(map(len, genome.values()))
    with pytest.raises(InputError, match=rf"^a genome of {total} bp has no room for {count} sites"):
        toy_variants(genome, count=count)


@pytest.fixture
def read_vcf(tmp_path):
    def read(genome, variants, **options):
        with pysam.VariantFile(str(write_toy_vcf(tmp_path / "toy.vcf", genome, variants, **options))) as vcf:
            return dict(vcf.header.contigs.items()), [record.copy() for record in vcf]

    return read


def test_vcf_holds_exactly_the_variants(toy, variants, read_vcf):
    contigs, records = read_vcf(toy.contigs, reversed(variants))
    assert {name: contig.length for name, contig in contigs.items()} == {
        "toy1": 240_000,
        "toy2": 120_000,
        "toy3": 40_000,
    }
    found = []
    for record in records:
        bases = toy.contigs[record.contig].upper()
        assert record.ref == bases[record.start : record.start + len(record.ref)]
        for alt in record.alts:
            spelled = Variant(record.contig, record.start, record.ref, alt)
            found.append(normalize(spelled, lambda start, end, bases=bases: bases[start:end]))
    assert found == variants
    assert sum(len(record.alts) == 2 for record in records) == 10


def test_indels_of_the_vcf_are_anchored(toy, variants, read_vcf):
    _, records = read_vcf(toy.contigs, [v for v in variants if kind_of(v) in ("insertion", "deletion")])
    for record in records:
        (alt,) = record.alts
        assert 1 == min(len(record.ref), len(alt)) < max(len(record.ref), len(alt))
        assert record.ref[0] == alt[0]


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        (Variant("c", 3, "", "GG"), (3, "G", ("GGG",))),
        (Variant("c", 3, "TA", ""), (3, "GTA", ("G",))),
        (Variant("c", 0, "", "GG"), (1, "A", ("GGA",))),
        (Variant("c", 0, "AC", ""), (1, "ACG", ("G",))),
        (Variant("c", 8, "", "T"), (8, "T", ("TT",))),
        (Variant("c", 0, "A", "CC"), (1, "A", ("CC",))),
    ],
    ids=["insertion", "deletion", "insertion first", "deletion first", "insertion last", "delins"],
)
def test_an_empty_allele_takes_the_base_before_or_at_the_start_the_one_after(variant, expected, read_vcf):
    _, (record,) = read_vcf({"c": "ACgTACGT"}, [variant])
    assert (record.pos, record.ref, record.alts) == expected


def test_bcftools_finds_every_ref_right_and_nothing_to_align(tmp_path):
    if shutil.which("bcftools") is None:
        pytest.skip("bcftools is not installed")
    genome = toy_genome(length=40_000).contigs
    fasta = write_toy_genome(tmp_path / "toy.fa", length=40_000)
    vcf = write_toy_vcf(tmp_path / "toy.vcf", genome, toy_variants(genome))
    command = ["bcftools", "norm", "--check-ref", "e", "--fasta-ref", str(fasta), str(vcf)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert re.search(r"total/split/.*realigned/.*:\s+190/0/(0/)?0/", done.stderr), done.stderr
    records = [line for line in done.stdout.splitlines() if not line.startswith("##")]
    assert records == [line for line in vcf.read_text().splitlines() if not line.startswith("##")]


def test_faults_are_added_to_the_variants(toy, variants, read_vcf):
    _, plain = read_vcf(toy.contigs, variants)
    _, records = read_vcf(toy.contigs, variants, with_faults=True)
    assert len(records) == len(plain) + 3
    faults = {record.id: record for record in records if record.id}
    bases = toy.contigs["toy1"].upper()
    symbolic, spanned, mismatch = (faults[name] for name in ("symbolic", "spanned", "mismatch"))
    assert (symbolic.ref, symbolic.alts, symbolic.stop) == (bases[symbolic.start], ("<DEL>",), 30)
    assert symbolic.start < spanned.start < symbolic.stop
    assert spanned.ref == bases[spanned.start]
    assert spanned.alts[1] == "*"
    assert spanned.alts[0] in set("ACGT") - {spanned.ref}
    assert mismatch.ref != bases[mismatch.start]
    assert [r.start for r in records if r.contig == "toy1"] == sorted(
        r.start for r in records if r.contig == "toy1"
    )


@pytest.mark.parametrize("base", "ACGTn")
def test_neither_allele_of_the_mismatch_is_the_base_of_the_genome(base, read_vcf):
    _, records = read_vcf({"c": base * 41}, [], with_faults=True)
    mismatch = records[2]
    assert (mismatch.id, mismatch.start) == ("mismatch", 40)
    assert len({mismatch.ref, *mismatch.alts, base.upper()}) == 3


@pytest.mark.parametrize(
    ("name", "genome", "variant", "error", "message"),
    [
        ("toy.vcf.gz", {"c": "A" * 99}, ("c", 1), InputError, "name it .vcf, not 'toy.vcf.gz'"),
        ("toy.vcf", {"c": "A" * 99}, ("d", 1), ContigNotFoundError, "contig 'd' is not in the genome"),
        ("toy.vcf", {"c": "A" * 40}, ("c", 1), InputError, "a first contig of over 40 bp, c has 40"),
    ],
    ids=["compressed", "unknown contig", "no room for faults"],
)
def test_what_cannot_be_written_is_named_and_leaves_no_file(tmp_path, name, genome, variant, error, message):
    with pytest.raises(error, match=re.escape(message)):
        write_toy_vcf(tmp_path / name, genome, [Variant(*variant, "A", "C")], with_faults=True)
    assert list(tmp_path.iterdir()) == []
