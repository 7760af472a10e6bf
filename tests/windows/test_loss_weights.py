"""Weights of soft-masked bases, against the case of the letters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.io.genome_store import build_store
from hyenadna_kit.windows.loss_weights import SoftMaskWeights

CONTIGS = {"one": "ACGTacgtnnACGTAc", "two": "ggGGACGTACGatcGATTTTACg"}


@pytest.fixture(scope="module", params=["store", "fasta"])
def genome(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("genome")
    path = folder / "g.fa"
    path.write_text("".join(f">{name}\n{bases}\n" for name, bases in CONTIGS.items()))
    return Fasta(path) if request.param == "fasta" else build_store([path], folder / "store")


@given(data=st.data())
def test_lower_case_has_the_weight_on_either_strand(genome, data):
    contig = data.draw(st.sampled_from(sorted(CONTIGS)))
    start = data.draw(st.integers(-5, 25))
    window = Interval(contig, start, start + data.draw(st.integers(0, 30)))
    bases = CONTIGS[contig]
    expected = [
        0.25 if 0 <= position < len(bases) and bases[position].islower() else 1.0
        for position in range(window.start, window.end)
    ]
    weigh = SoftMaskWeights(genome, 0.25)
    assert weigh(window).tolist() == expected
    assert weigh(window.reverse_complement()).tolist() == expected[::-1]
    assert weigh(window).dtype == np.float32


@pytest.mark.parametrize("weight", [-0.1, 1.5])
def test_weight_outside_0_to_1_is_refused(genome, weight):
    with pytest.raises(InputError, match=f"0 to 1, got {weight}"):
        SoftMaskWeights(genome, weight)
