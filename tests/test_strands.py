"""Models that read both strands: a sequence and its reverse complement get the same answer."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.heads.language_model import LanguageModelHeadConfig
from hyenadna_kit.heads.masked_language_model import MaskedLanguageModelHeadConfig
from hyenadna_kit.model import HyenaDNA, HyenaDNAConfig
from hyenadna_kit.strands import Strands, complement_logits
from hyenadna_kit.tokenizers.nucleotide import NucleotideTokenizer, reverse_complement_tokens

IDS = torch.randint(7, 12, (3, 21), generator=torch.Generator().manual_seed(2))
PAD = 4


def build(*, both_strands=True, bidirectional=True, dtype=torch.float64):
    mixer = HyenaConfig(filter=FilterConfig(filter_order=6), bidirectional=bidirectional)
    backbone = BackboneConfig(d_model=8, context_length=32, mixer=mixer)
    head = MaskedLanguageModelHeadConfig(tied=False)
    model = HyenaDNAConfig(backbone=backbone, head=head, both_strands=both_strands).build().eval()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
    return model.to(dtype)


def other_strand(ids):
    return torch.from_numpy(reverse_complement_tokens(ids.numpy().astype(np.uint8)).astype(np.int64))


def complemented(logits):
    """Return logits with the columns of A and T, and of C and G, exchanged."""
    columns = list(range(16))
    columns[7], columns[8], columns[9], columns[10] = 10, 9, 8, 7
    return logits[..., columns]


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("with_gradients", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_other_strand_gets_the_same_answer_in_reverse(bidirectional, with_gradients, dtype, tolerance):
    model = build(bidirectional=bidirectional, dtype=dtype)
    with torch.set_grad_enabled(with_gradients):
        one, other = model(IDS), model(other_strand(IDS))
    close = {"rtol": 0, "atol": tolerance}
    torch.testing.assert_close(other.logits, complemented(one.logits).flip(1), **close)
    torch.testing.assert_close(other.last_hidden_state, one.last_hidden_state.flip(1), **close)
    assert (one.logits[:, 0] - one.logits[:, -1]).abs().max() > 0.1


def test_model_of_one_strand_tells_the_strands_apart():
    model = build(both_strands=False)
    one, other = model(IDS), model(other_strand(IDS))
    assert (other.logits - complemented(one.logits).flip(1)).abs().max() > 0.1


def test_each_strand_is_read_as_the_model_of_one_strand_reads_it():
    model, single = build(), build(both_strands=False)
    one, other = single(IDS), single(other_strand(IDS))
    expected = (one.logits + complemented(other.logits).flip(1)) / 2
    torch.testing.assert_close(model(IDS).logits, expected, rtol=0, atol=1e-12)
    expected = (one.last_hidden_state + other.last_hidden_state.flip(1)) / 2
    torch.testing.assert_close(model(IDS).last_hidden_state, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("before", "after"), [(0, 5), (5, 0), (2, 3)])
def test_complement_is_taken_between_padding(before, after):
    model = build()
    padded = torch.nn.functional.pad(IDS, (before, after), value=PAD)
    mask = torch.nn.functional.pad(torch.ones_like(IDS, dtype=torch.bool), (before, after))
    inside = slice(before, before + IDS.shape[1])
    found = model(padded, mask).logits[:, inside]
    torch.testing.assert_close(found, model(IDS).logits, rtol=0, atol=1e-10)
    second = Strands(padded, mask).ids[3:]
    assert torch.equal(second[:, inside], other_strand(IDS))
    assert (second[:, :before] == PAD).all()
    assert (second[:, inside.stop :] == PAD).all()


def test_rows_of_different_length_each_have_their_own_complement():
    encode = NucleotideTokenizer().encode
    rows = ["ACGTN", "AAC", "G"]
    ids = torch.full((3, 5), PAD)
    mask = torch.zeros(3, 5, dtype=torch.bool)
    for row, text in enumerate(rows):
        ids[row, row : row + len(text)] = torch.from_numpy(encode(text).astype(np.int64))
        mask[row, row : row + len(text)] = True
    second = Strands(ids, mask).ids[3:]
    for row, text in enumerate(["NACGT", "GTT", "C"]):
        assert second[row, row : row + len(text)].tolist() == encode(text).tolist()


def test_complemented_logits_leave_special_tokens_alone():
    logits = torch.arange(16.0)
    assert complement_logits(logits).tolist() == [0, 1, 2, 3, 4, 5, 6, 10, 9, 8, 7, 11, 12, 13, 14, 15]


def test_next_token_on_both_strands_sees_its_answer_and_is_refused():
    with pytest.raises(ValueError, match="both_strands shows each position what follows it"):
        HyenaDNAConfig(head=LanguageModelHeadConfig(), both_strands=True)


def test_part_of_the_positions_is_refused():
    with pytest.raises(ValueError, match="reads whole sequences, got read_from=3"):
        build()(IDS, read_from=3)


def test_folder_keeps_the_choice(tmp_path):
    model = build(dtype=torch.float32)
    model.save_pretrained(tmp_path)
    found = HyenaDNA.from_pretrained(tmp_path)
    assert found.config == replace(model.config)
    with torch.inference_mode():
        assert torch.equal(found(IDS).logits, model(IDS).logits)
