"""A million bases of human chromosome 20 and the variants of 2,504 people on it, the whole file."""

import gzip
import random
from collections import Counter
from itertools import zip_longest

import jaxtyping
import pytest

from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.scoring.score_vcf import score_vcf
from hyenadna_kit.scoring.scorer import VariantScorer
from tests.oracles import mutated_contig as oracle

pytestmark = pytest.mark.real_data

PLACEMENT = Placement(window=64, horizon=16, min_left_context=32)
NUM_RECORDS = 28_998


@pytest.fixture(scope="module")
def contig(data):
    """Return the bases by no reader of ours."""
    name, *lines = (data / "human/grch37_chr20_1-2Mb.fa").read_text().split("\n")
    assert name == ">z"
    return "".join(lines).upper()


@pytest.fixture(scope="module")
def lines(data):
    """Return the record lines as bytes."""
    text = gzip.decompress((data / "human/grch37_chr20_1-2Mb.vcf.gz").read_bytes())
    return [line for line in text.splitlines(keepends=True) if not line.startswith(b"#")]


@pytest.fixture(scope="module")
def scored(data, model, tmp_path_factory):
    """Return the report and the record lines of the scored file."""
    out = tmp_path_factory.mktemp("real") / "out.vcf.gz"
    scorer = VariantScorer(model, PLACEMENT, batch_size=64)
    genome = Fasta(data / "human/grch37_chr20_1-2Mb.fa")
    # Millions of checked calls would take a minute.
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        report = score_vcf(scorer, genome, data / "human/grch37_chr20_1-2Mb.vcf.gz", out)
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)
    text = gzip.decompress(out.read_bytes())
    assert out.with_name("out.vcf.gz.tbi").exists()
    return report, [line for line in text.splitlines(keepends=True) if not line.startswith(b"#")]


def values(line):
    """Return our values by name, one entry an ALT."""
    entries = line.rstrip(b"\n").split(b"\t")[7].split(b";")
    return {
        name.decode(): value.decode().split(",")
        for name, _, value in (entry.partition(b"=") for entry in entries)
        if name.startswith(b"HK_")
    }


def test_every_record_comes_out_in_order_with_all_its_bytes(lines, scored):
    assert len(lines) == NUM_RECORDS
    for before, after in zip_longest(lines, scored[1]):
        kept, _, ours = after.partition(b";HK_DELTA_LL=")
        assert kept + b"\n" == before  # INFO is the last column of this file
        assert ours.count(b";") == 7
        assert ours.endswith(b"\n")


def test_every_alt_is_accounted_for(lines, scored):
    report, found = scored
    alts = [alt for line in lines for alt in line.split(b"\t")[4].split(b",")]
    statuses = Counter(status for line in found for status in values(line)["HK_STATUS"])
    assert statuses == report.statuses == {"PASS": 29_118, "EDGE_PADDED": 2, "SYMBOLIC": 24}
    assert statuses["SYMBOLIC"] == sum(b"<" in alt for alt in alts)
    assert (report.num_records, report.num_alts) == (NUM_RECORDS, len(alts))
    assert report.num_scored == len(alts) - 24


def test_a_sample_is_what_two_forward_passes_of_its_own_say(model, contig, lines, scored):
    everything = [
        (place, number, fields[1], fields[3], alt)
        for number, fields in enumerate(line.decode().split("\t") for line in lines)
        for place, alt in enumerate(fields[4].split(","))
        if "<" not in alt
    ]
    rng = random.Random(0)
    longer = [each for each in everything if len(each[3]) > 1 or len(each[4]) > 1]
    sample = rng.sample(everything, 150) + rng.sample(longer, 150)
    for place, number, position, ref, alt in sample:
        changed = oracle.mutate(contig, int(position) - 1, ref, alt)
        wanted = oracle.scores(model, contig, changed, PLACEMENT)
        found = values(scored[1][number])
        # Six significant digits are written.
        assert float(found["HK_DELTA_LL"][place]) == pytest.approx(wanted.delta_ll, rel=6e-6, abs=1e-5)
        assert int(found["HK_NTOK"][place]) == wanted.num_tokens
        assert (found["HK_LLR"][place] == ".") == (wanted.llr is None)
        if wanted.llr is not None:
            assert float(found["HK_LLR"][place]) == pytest.approx(wanted.llr, rel=6e-6, abs=1e-5)
