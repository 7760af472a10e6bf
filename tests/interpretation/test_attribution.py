"""Attributions against finite differences, sums that must hold, and models whose answer is known."""

import numpy as np
import pytest
import torch

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.mixers.attention import AttentionConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.errors import InputError
from hyenadna_kit.heads.masked_language_model import MaskedLanguageModelHeadConfig
from hyenadna_kit.heads.sequence import SequenceHeadConfig
from hyenadna_kit.interpretation.attribution import (
    LogitTarget,
    LogLikelihoodTarget,
    attribute,
    substitution_effects,
    value_of,
)
from hyenadna_kit.interpretation.receptive_field import receptive_field
from hyenadna_kit.model import HyenaDNAConfig
from hyenadna_kit.tokenizers.nucleotide import FIRST_BASE, LAST_BASE, N

IDS = torch.randint(FIRST_BASE, LAST_BASE + 1, (24,), generator=torch.Generator().manual_seed(0))
BACKBONES = {
    "hyena": BackboneConfig(d_model=8, num_layers=2, context_length=32),
    "order_3": BackboneConfig(d_model=8, num_layers=1, context_length=32, mixer=HyenaConfig(order=3)),
    "attention": BackboneConfig(d_model=8, num_layers=1, mixer=AttentionConfig(num_heads=2)),
}
BINARY = SequenceHeadConfig(objective="binary", labels=("no", "yes"), pooling="mean")
THREE = SequenceHeadConfig(objective="multiclass", labels=("a", "b", "c"), pooling="last")


def model_of(backbone="hyena", **options):
    """Return a model of float64 whose answers are far from flat."""
    torch.manual_seed(0)
    model = HyenaDNAConfig(backbone=BACKBONES[backbone], **options).build().double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(4)
    return model


CASES = {
    "log_likelihood": ({}, LogLikelihoodTarget(first=10)),
    "order_3": ({"backbone": "order_3"}, LogLikelihoodTarget(first=1)),
    "attention": ({"backbone": "attention"}, LogLikelihoodTarget(first=23)),
    "binary": ({"head": BINARY}, LogitTarget(label="yes")),
    "multiclass": ({"head": THREE}, LogitTarget(label="b")),
}
every_case = pytest.mark.parametrize(("options", "target"), CASES.values(), ids=CASES)


def shares_of(ids, vocabulary=16):
    return torch.nn.functional.one_hot(ids, vocabulary).double()


@every_case
def test_value_is_that_of_the_model(options, target):
    model = model_of(**options)
    found = attribute(model, IDS, target, steps=1).value
    with torch.inference_mode():
        logits = model(IDS[None]).logits
    if isinstance(target, LogitTarget):
        expected = logits[0, 0 if options["head"] is BINARY else 1]
    else:
        log_probs = logits[0].log_softmax(1)
        expected = sum(log_probs[at - 1, IDS[at]] for at in range(target.first, len(IDS)))
    assert found == pytest.approx(float(expected), abs=1e-9)


@every_case
def test_gradients_agree_with_finite_differences(options, target):
    model = model_of(**options)
    gradients = attribute(model, IDS, target, steps=1).gradients
    step, expected = 1e-5, np.zeros_like(gradients)
    for place in range(len(IDS)):
        for base in range(4):
            values = []
            for sign in (1, -1):
                shares = shares_of(IDS)
                shares[place, FIRST_BASE + base] += sign * step
                values.append(value_of(model, shares, IDS, target).item())
            expected[place, base] = (values[0] - values[1]) / (2 * step)
    expected -= expected.mean(1, keepdims=True)
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(gradients, expected, atol=1e-7 * np.abs(expected).max(), rtol=1e-5)


@every_case
def test_integrated_gradients_add_up_to_what_the_value_gained(options, target):
    model = model_of(**options)
    found = attribute(model, IDS, target, steps=64)
    assert found.integrated_gradients.sum() == pytest.approx(found.value - found.baseline, rel=1e-3)
    quarter = torch.zeros(len(IDS), 16, dtype=torch.float64)
    quarter[:, FIRST_BASE : LAST_BASE + 1] = 0.25
    assert found.baseline == pytest.approx(value_of(model, quarter, IDS, target).item())


def test_input_x_gradient_is_that_of_the_base_which_is_there():
    found = attribute(model_of(), IDS, LogLikelihoodTarget(first=10))
    rows = np.arange(len(IDS))
    np.testing.assert_array_equal(found.input_x_gradient, found.gradients[rows, IDS.numpy() - FIRST_BASE])
    np.testing.assert_allclose(found.gradients.sum(1), 0, atol=1e-12)


def test_what_comes_last_has_no_part_in_its_own_likelihood():
    found = attribute(model_of(), IDS, LogLikelihoodTarget(first=10))
    for values in (found.input_x_gradient, found.integrated_gradients):
        assert abs(values[-1]) < 1e-12  # of FFTs
    assert np.abs(found.input_x_gradient[:-1]).min() > 0


def test_letters_without_a_base_get_nothing_and_change_nothing_else():
    ids = IDS.clone()
    ids[[5, 15]] = N
    found = attribute(model_of(), ids, LogLikelihoodTarget(first=10))
    for values in (found.input_x_gradient, found.integrated_gradients, np.abs(found.gradients).sum(1)):
        assert (values[[5, 15]] == 0).all()
    assert np.isfinite(found.value)
    effects = substitution_effects(model_of(), ids, LogLikelihoodTarget(first=10))
    assert np.isnan(effects[[5, 15]]).all()


@every_case
def test_effects_of_substitutions_are_differences_of_two_passes(options, target):
    model = model_of(**options)
    effects = substitution_effects(model, IDS, target, batch_size=7)
    reference = attribute(model, IDS, target, steps=1).value
    for place in (0, 11, 23):
        for base in range(4):
            if IDS[place] == FIRST_BASE + base:
                assert np.isnan(effects[place, base])
                continue
            changed = IDS.clone()
            changed[place] = FIRST_BASE + base
            expected = attribute(model, changed, target, steps=1).value - reference
            assert effects[place, base] == pytest.approx(expected, abs=1e-9)


def test_negative_class_has_the_sign_turned():
    model = model_of(head=BINARY)
    yes, no = (attribute(model, IDS, LogitTarget(label=label), steps=4) for label in ("yes", "no"))
    np.testing.assert_allclose(no.integrated_gradients, -yes.integrated_gradients)
    assert no.value == -yes.value


@pytest.mark.parametrize(
    ("options", "target", "message"),
    [
        ({"head": BINARY}, LogLikelihoodTarget(first=3), "is of a language model, this one has SequenceHead"),
        ({}, LogitTarget(label="x"), "a label is of a model of whole sequences"),
        ({"head": BINARY}, LogitTarget(label="maybe"), "has no label 'maybe'; it has no, yes"),
        ({}, LogLikelihoodTarget(first=0), "begins at 1 to 23 of the window, got 0"),
        ({}, LogLikelihoodTarget(first=24), "begins at 1 to 23 of the window, got 24"),
    ],
)
def test_target_that_a_model_does_not_have_is_refused(options, target, message):
    with pytest.raises(InputError, match=message):
        attribute(model_of(**options), IDS, target)


def test_model_that_drops_or_reads_twice_is_refused():
    with pytest.raises(ValueError, match="training mode"):
        attribute(model_of().train(), IDS, LogLikelihoodTarget(first=3))
    both = model_of(head=BINARY, both_strands=True)
    with pytest.raises(ValueError, match="both strands"):
        attribute(both, IDS, LogitTarget(label="yes"))


def test_model_is_left_as_it_was():
    model = model_of()
    before = model.fingerprint()
    attribute(model, IDS, LogLikelihoodTarget(first=3))
    assert model.fingerprint() == before
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not model.backbone.embeddings._forward_hooks


def test_receptive_field_is_the_size_of_the_jacobian():
    model = model_of()
    found = receptive_field(model, np.stack([IDS.numpy().astype(np.uint8)] * 2))
    weight = model.backbone.embedding_weight.detach()

    def answer(embedded):
        handle = model.backbone.embeddings.register_forward_hook(lambda *_: embedded)
        logits = model(IDS[None]).logits[0, -1, FIRST_BASE : LAST_BASE + 1]
        handle.remove()
        return logits

    jacobian = torch.autograd.functional.jacobian(answer, weight[IDS][None])[:, 0]
    expected = jacobian.square().sum((0, 2)).sqrt().flip(0).detach().numpy()
    np.testing.assert_allclose(found.sizes, expected, rtol=1e-9)
    assert found.num_sequences == 2


def test_receptive_field_ends_with_the_taps():
    model = model_of().with_filter_taps(3)
    sizes = receptive_field(model, IDS.numpy().astype(np.uint8)[None]).sizes
    # Two layers, each with a short filter of three taps before a long one of three.
    assert (sizes[:9] > 1e-6).all()
    assert (sizes[9:] < 1e-12).all()


def test_reach_holds_the_share():
    field = receptive_field(model_of(), IDS.numpy().astype(np.uint8)[None])
    squares = np.square(field.sizes)
    for share in (0.5, 0.9, 0.99):
        reach = field.reach(share)
        assert squares[:reach].sum() >= share * squares.sum() * (1 - 1e-12)
        assert squares[: reach - 1].sum() < share * squares.sum()


def test_receptive_field_of_another_head_is_refused():
    with pytest.raises(InputError, match="is of a language model"):
        receptive_field(model_of(head=BINARY), IDS.numpy().astype(np.uint8)[None])
    head = MaskedLanguageModelHeadConfig()
    with pytest.raises(InputError, match="is of a language model"):
        receptive_field(model_of(head=head, both_strands=True), IDS.numpy().astype(np.uint8)[None])
