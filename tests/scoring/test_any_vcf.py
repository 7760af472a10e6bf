"""Any VCF goes through without losing a byte, and any variant has the windows of its changed contig."""

import os
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hyenadna_kit.genome.interval import Strand
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.scoring.alleles import allele_windows
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.scoring.score_vcf import score_vcf
from hyenadna_kit.scoring.scorer import VariantScorer
from hyenadna_kit.scoring.status import Status
from hyenadna_kit.windows.alleles import OrientedContig
from tests.oracles import mutated_contig as oracle

EXAMPLES = int(os.environ.get("HYENADNA_KIT_EXAMPLES", "200"))
"""Files that are made; `make nightly` makes more."""
WINDOWS_A_FILE = 500
GRID = Placement(window=32, horizon=8, min_left_context=16)

_RNG = random.Random(8)
CONTIGS = {
    "chr1": "".join(_RNG.choices("ACGT", k=90)) + "N" * 20 + "".join(_RNG.choices("acgtACGTRYKMSWN", k=90)),
    "2": "ACG" * 9 + "T" * 12 + "CA" * 15,
    "chrM": "".join(_RNG.choices("acgt", k=12)),
}
NAMES = ["chr1", "1", "2", "chr2", "chrM", "MT", "M", "chr9", "HLA-A*01:01"]
HEADER = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tNA1\tNA2\n"

bases = st.text("ACGTacgtNRY", min_size=1, max_size=6)
alts = st.one_of(
    bases,
    st.text("ACGT", min_size=30, max_size=45),
    st.sampled_from(["*", "<DEL>", "<INS:ME>", "G]chr1:7]", "[2:9[T", ".A", "<*>"]),
)
infos = st.sampled_from([".", "DP=7", "DB", "AF=1234567.8,0.50;DB", "HK_LLR=9;DP=1", "X=;;Y", "END=9"])


@st.composite
def records(draw):
    """Draw a line: the alleles fit the genome as often as not."""
    name = draw(st.sampled_from(NAMES))
    contig = {"1": "chr1", "chr2": "2", "MT": "chrM", "M": "chrM"}.get(name, name)
    sequence = CONTIGS.get(contig, "A")
    position = draw(st.one_of(st.integers(0, len(sequence) + 2), st.sampled_from([1, len(sequence)])))
    length = draw(st.sampled_from([1, 1, 1, 2, 5, 40]))
    there = sequence[max(0, position - 1) :][:length]
    ref = draw(st.sampled_from([there, there.lower(), there.upper()])) if there else draw(bases)
    ref = draw(st.one_of(st.just(ref), st.just(ref), bases))
    alt = draw(st.one_of(st.lists(alts, min_size=1, max_size=3).map(",".join), st.just(".")))
    rest = draw(st.sampled_from(["29.50\tPASS", ".\t.", "1e3\tq10;s50"]))
    samples = draw(st.sampled_from(["GT\t0/1\t.", "GT:GQ\t0|1:9\t./.", ".\t.\t."]))
    identifier = draw(st.sampled_from([".", "rs1", "rs1;rs2"]))
    return f"{name}\t{position}\t{identifier}\t{ref}\t{alt}\t{rest}\t{draw(infos)}\t{samples}"


@pytest.fixture(scope="module")
def genome(write_genome):
    return write_genome(CONTIGS)


@pytest.mark.slow
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(records(), max_size=8), strands=st.sampled_from([(Strand.FORWARD,), tuple(Strand)]))
def test_any_file_comes_out_as_it_was(model, genome, tmp_path, lines, strands):
    (tmp_path / "in.vcf").write_text(HEADER + "".join(f"{line}\n" for line in lines))
    report = score_vcf(
        VariantScorer(model, GRID, strands=strands), genome, tmp_path / "in.vcf", tmp_path / "out.vcf"
    )
    found = [line for line in (tmp_path / "out.vcf").read_text().splitlines() if not line.startswith("#")]
    assert [stripped(line) for line in found] == [stripped(line) for line in lines]
    assert report.num_records == len(lines)
    for line in found:
        fields = line.split("\t")
        statuses = dict(e.partition("=")[::2] for e in fields[7].split(";"))["HK_STATUS"].split(",")
        assert len(statuses) == len(fields[4].split(","))
        assert {part for status in statuses for part in status.split("|")} <= set(Status)


def stripped(line):
    """Return a line without INFO of ours."""
    fields = line.split("\t")
    kept = [entry for entry in fields[7].split(";") if not entry.startswith("HK_")]
    return [*fields[:7], ";".join(kept) or ".", *fields[8:]]


@pytest.mark.parametrize("seed", range(EXAMPLES // 50))
def test_any_variant_has_the_windows_of_its_changed_contig(genome, seed):
    rng, compared = random.Random(seed), 0
    while compared < WINDOWS_A_FILE:
        name = rng.choice(sorted(CONTIGS))
        upper = "".join(base if base in "ACGTN" else "N" for base in CONTIGS[name].upper())
        position = rng.choice([0, len(upper), rng.randrange(len(upper)), rng.randrange(len(upper))])
        ref = upper[position : position + rng.choice([0, 1, 1, 3, 12])]
        alt = "".join(rng.choices("ACGT", k=rng.choice([len(ref), len(ref), 0, 3, 40])))
        if ref == alt or "N" in ref:
            continue
        strand = rng.choice(tuple(Strand))
        windows = allele_windows(
            OrientedContig(genome, name, strand), Variant(name, position, ref, alt), GRID
        )
        pair = oracle.windows(upper, oracle.mutate(upper, position, ref, alt), GRID, strand.value)
        assert windows.ref.tolist() == oracle.token_ids(pair.ref)
        assert windows.alt.tolist() == oracle.token_ids(pair.alt)
        assert windows.first == pair.first
        compared += 1
