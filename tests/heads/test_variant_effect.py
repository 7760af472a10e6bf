"""Effects of variants: the two alleles are told apart, and their difference changes its sign."""

from typing import get_args

import pytest
import torch

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.heads.pooling import Pooling
from hyenadna_kit.heads.variant_effect import VariantEffectHeadConfig
from hyenadna_kit.model import HyenaDNAConfig

REF = torch.randint(7, 11, (5, 13), generator=torch.Generator().manual_seed(2))
ALT = REF.clone()
ALT[:, 6] = 7 + (REF[:, 6] - 6) % 4

every_pooling = pytest.mark.parametrize("pooling", get_args(Pooling))


def build(*, both_strands=False, **options):
    arguments = {"objective": "regression", "labels": ("effect", "spread")} | options
    if arguments.get("pooling") == "positions":
        arguments["num_positions"] = 16
    backbone = BackboneConfig(d_model=8, num_layers=1, context_length=16)
    torch.manual_seed(0)
    config = HyenaDNAConfig(
        backbone=backbone, head=VariantEffectHeadConfig(**arguments), both_strands=both_strands
    )
    model = config.build().eval().double()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
    return model


def rows(*alleles):
    return torch.cat(alleles)


@pytest.mark.parametrize("both_strands", [True, False])
@every_pooling
def test_difference_changes_its_sign_with_the_alleles(pooling, both_strands):
    model = build(pooling=pooling, both_strands=both_strands)
    bias = model.head.linear.bias
    forth, back = (model(rows(*alleles)).logits - bias for alleles in ((REF, ALT), (ALT, REF)))
    torch.testing.assert_close(forth, -back, rtol=1e-10, atol=1e-12)
    assert pooling == "first" or forth.abs().max() > 0.01


@every_pooling
def test_no_change_has_no_difference(pooling):
    model = build(pooling=pooling)
    logits = model(rows(REF, REF)).logits
    torch.testing.assert_close(logits, model.head.linear.bias.expand_as(logits), rtol=0, atol=1e-12)


def test_difference_reads_alt_minus_ref():
    model = build(pooling="mean")
    ref, alt = (model(each.repeat(2, 1)).last_hidden_state[:5].mean(1) for each in (REF, ALT))
    expected = (alt - ref) @ model.head.linear.weight.T + model.head.linear.bias
    torch.testing.assert_close(model(rows(REF, ALT)).logits, expected, rtol=1e-10, atol=1e-12)


def test_concatenation_reads_ref_then_alt():
    model = build(pooling="last", combine="concatenation")
    weight, bias = model.head.linear.weight, model.head.linear.bias
    ref, alt = model(rows(REF, ALT)).last_hidden_state[:, -1].chunk(2)
    expected = ref @ weight[:, :8].T + alt @ weight[:, 8:].T + bias
    torch.testing.assert_close(model(rows(REF, ALT)).logits, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("both_strands", [True, False])
@pytest.mark.parametrize("combine", ["difference", "concatenation"])
@every_pooling
def test_alleles_may_differ_in_length(pooling, combine, both_strands):
    model = build(pooling=pooling, combine=combine, both_strands=both_strands)
    ids, mask = rows(REF, ALT), torch.ones(10, 13, dtype=torch.bool)
    mask[5:, 10:] = False  # ALT is shorter, padded on the right
    found = model(ids.masked_fill(~mask, 4), mask).logits
    on_the_left = torch.cat([REF, torch.full((5, 3), 4), ALT[:, :10]], dim=1)
    left = torch.cat([on_the_left[:, :13], on_the_left[:, 13:]])
    torch.testing.assert_close(
        model(left, torch.cat([mask[:5], mask[5:].flip(1)])).logits, found, rtol=0, atol=1e-10
    )


def test_loss_is_of_variants():
    model = build(objective="binary", labels=("benign", "pathogenic"))
    logits = model(rows(REF, ALT)).logits
    labels = torch.tensor([0, 1, 1, 0, 1])
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits[:, 0], labels.double())
    torch.testing.assert_close(model.head.loss(logits, labels), expected, rtol=1e-10, atol=0)


def test_row_without_its_partner_is_refused():
    with pytest.raises(
        ValueError, match="a row with REF of every variant, then one with ALT of each, got 9 rows"
    ):
        build()(rows(REF, ALT[:4]))


def test_unknown_combination_is_named(no_shape_checks):
    with pytest.raises(ValueError, match="combine must be one of difference, concatenation, got 'ratio'"):
        build(combine="ratio")
