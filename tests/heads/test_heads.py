"""What every head must do, whatever it predicts."""

import math

import pytest
import torch

from hyenadna_kit import heads
from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.mixers.attention import AttentionConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.batch import IGNORED_LABEL
from hyenadna_kit.config import from_mapping, known_classes, to_mapping
from hyenadna_kit.heads.base import HeadConfig
from hyenadna_kit.heads.language_model import LanguageModelHeadConfig
from hyenadna_kit.heads.masked_language_model import MaskedLanguageModelHeadConfig
from hyenadna_kit.heads.nucleotide import NucleotideHeadConfig
from hyenadna_kit.heads.sequence import SequenceHeadConfig
from hyenadna_kit.heads.token_logits import TokenHead
from hyenadna_kit.heads.variant_effect import VariantEffectHeadConfig
from hyenadna_kit.model import HyenaDNA, HyenaDNAConfig

BATCH, LENGTH, VOCAB, PAD = 4, 12, 16, 4
VARIANTS, BIN = BATCH // 2, 3
BINS = LENGTH // BIN
TOKENS = torch.randint(7, 11, (BATCH, LENGTH), generator=torch.Generator().manual_seed(0))
FEW, MANY = ("no", "yes"), ("a", "b", "c")


def hyena(*, bidirectional):
    mixer = HyenaConfig(filter=FilterConfig(filter_order=4), bidirectional=bidirectional)
    return BackboneConfig(d_model=8, num_layers=1, context_length=16, mixer=mixer)


BACKBONE = hyena(bidirectional=False)


def classes(*shape, count=2):
    """Return labels of which every class has some."""
    return (torch.arange(math.prod(shape)) % count).view(shape)


def values(*shape):
    """Return labels in units far from 0 and 1."""
    return 100 + 5 * torch.randn(shape, generator=torch.Generator().manual_seed(1))


SCALED = {
    "objective": "regression",
    "labels": ("a", "b"),
    "target_mean": (100.0, 98.0),
    "target_std": (5.0, 4.0),
}
BINARY = {"objective": "binary", "labels": FEW}
WEIGHED = {"objective": "multiclass", "labels": MANY, "class_weights": (1.0, 2.0, 0.5)}

# Whoever adds a head adds its variants here: configuration, labels that fit it, shape of its logits.
HEADS = {
    "LanguageModelHeadConfig": [
        (LanguageModelHeadConfig(tied=True), TOKENS, (BATCH, LENGTH, VOCAB)),
        (LanguageModelHeadConfig(tied=False), TOKENS, (BATCH, LENGTH, VOCAB)),
    ],
    "MaskedLanguageModelHeadConfig": [
        (MaskedLanguageModelHeadConfig(tied=True), TOKENS, (BATCH, LENGTH, VOCAB)),
        (MaskedLanguageModelHeadConfig(tied=False), TOKENS, (BATCH, LENGTH, VOCAB)),
    ],
    "SequenceHeadConfig": [
        (SequenceHeadConfig(**BINARY), classes(BATCH), (BATCH, 1)),
        (SequenceHeadConfig(**BINARY, pooling="first"), classes(BATCH), (BATCH, 1)),
        (SequenceHeadConfig(**BINARY, pooling="centre"), classes(BATCH), (BATCH, 1)),
        (SequenceHeadConfig(**WEIGHED, pooling="max"), classes(BATCH, count=3), (BATCH, 3)),
        (
            SequenceHeadConfig(objective="multilabel", labels=MANY, pooling="attention"),
            classes(BATCH, 3).float(),
            (BATCH, 3),
        ),
        (SequenceHeadConfig(**SCALED, pooling="last"), values(BATCH, 2), (BATCH, 2)),
        (
            SequenceHeadConfig(**WEIGHED, pooling="positions", num_positions=2 * LENGTH),
            classes(BATCH, count=3),
            (BATCH, 3),
        ),
    ],
    "NucleotideHeadConfig": [
        (NucleotideHeadConfig(**BINARY), classes(BATCH, LENGTH), (BATCH, LENGTH, 1)),
        (NucleotideHeadConfig(**WEIGHED), classes(BATCH, LENGTH, count=3), (BATCH, LENGTH, 3)),
        (
            NucleotideHeadConfig(objective="multilabel", labels=MANY),
            classes(BATCH, LENGTH, 3).float(),
            (BATCH, LENGTH, 3),
        ),
        (NucleotideHeadConfig(**SCALED, bin_size=BIN), values(BATCH, BINS, 2), (BATCH, BINS, 2)),
    ],
    "VariantEffectHeadConfig": [
        (VariantEffectHeadConfig(**BINARY), classes(VARIANTS), (VARIANTS, 1)),
        (VariantEffectHeadConfig(**BINARY, combine="concatenation"), classes(VARIANTS), (VARIANTS, 1)),
        (VariantEffectHeadConfig(**WEIGHED, pooling="centre"), classes(VARIANTS, count=3), (VARIANTS, 3)),
        (VariantEffectHeadConfig(**SCALED, pooling="attention"), values(VARIANTS, 2), (VARIANTS, 2)),
        (
            VariantEffectHeadConfig(**BINARY, pooling="positions", num_positions=2 * LENGTH),
            classes(VARIANTS),
            (VARIANTS, 1),
        ),
    ],
}
CASES = [
    pytest.param(*case, id=f"{name}-{index}") for name in HEADS for index, case in enumerate(HEADS[name])
]

every_head = pytest.mark.parametrize(("config", "labels", "shape"), CASES)


def configure(config, *, backbone=BACKBONE, both_strands=False):
    """Return a model's configuration, with another backbone where the head cannot have this one."""
    if config.predicts_next:
        backbone = BACKBONE
    if isinstance(config, MaskedLanguageModelHeadConfig) and backbone.mixers.causal and not both_strands:
        backbone = hyena(bidirectional=True)
    return HyenaDNAConfig(backbone=backbone, head=config, both_strands=both_strands)


def build(config, **options):
    torch.manual_seed(0)
    return configure(config, **options).build().eval()


def loud(model):
    """Return the model in float64 with weights large enough for every term to show."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
    return model.double()


def of_tokens(config, logits, before):
    """Return the logits of sequences of ``LENGTH`` tokens out of those with padding ``before`` them."""
    if config.build(BACKBONE).pools:
        return logits
    bin_size = getattr(config, "bin_size", 1)
    return logits[:, :BINS] if bin_size > 1 else logits[:, before : before + LENGTH]


def no_labels(config, labels):
    """Return as many labels as there are, none of which counts."""
    is_regression = getattr(config, "objective", None) == "regression"
    return torch.full_like(labels, torch.nan if is_regression else IGNORED_LABEL)


def test_table_has_every_head():
    assert heads.__doc__
    assert set(HEADS) == set(known_classes(HeadConfig))


@every_head
def test_head_is_picked_by_its_short_name(config, labels, shape):
    mapping = to_mapping(configure(config))
    assert mapping["head"]["class_path"] == type(config).__name__
    assert from_mapping(HyenaDNAConfig, mapping, "f").head == config


@every_head
def test_logits_and_predictions_have_their_shape(config, labels, shape):
    model = build(config)
    logits = model(TOKENS).logits
    assert logits.shape == shape
    assert logits.isfinite().all()
    predictions = model.head.predictions(logits)
    assert predictions.shape == shape
    assert predictions.isfinite().all()


@every_head
def test_loss_is_a_finite_number_of_float32_in_every_precision(config, labels, shape):
    for dtype in (torch.float32, torch.bfloat16):
        model = build(config).to(dtype)
        loss = model.head.loss(model(TOKENS).logits, labels)
        assert loss.shape == ()
        assert loss.dtype == torch.float32
        assert loss.isfinite()


@every_head
def test_autocast_rounds_no_logits(config, labels, shape):
    model = build(config)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = model(TOKENS)
    assert out.logits.dtype == torch.float32
    expected = model.head(out.last_hidden_state, model.backbone.embedding_weight)
    assert torch.equal(out.logits, expected)


@every_head
def test_every_parameter_has_a_finite_gradient(config, labels, shape):
    model = build(config).train()
    model.head.loss(model(TOKENS).logits, labels).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        # What is added to the states of both alleles is not in their difference.
        is_felt = name != "backbone.ln_f.bias" or getattr(config, "combine", None) != "difference"
        assert not is_felt or parameter.grad.abs().max() > 0, name


@every_head
def test_step_against_the_gradient_lowers_the_loss(config, labels, shape):
    model = build(config).double()
    before = model.head.loss(model(TOKENS).logits, labels)
    before.backward()
    step = 1e-4
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.sub_(step * parameter.grad)
        after = model.head.loss(model(TOKENS).logits, labels)
    # The first-order gain is the step times the squared norm of the gradient.
    gain = step * sum(parameter.grad.square().sum() for parameter in model.parameters())
    assert (before - after).item() == pytest.approx(gain.item(), rel=0.05)


@every_head
def test_one_class_alone_gives_a_finite_loss_and_gradients(config, labels, shape):
    model = build(config).train()
    alone = (
        labels
        if getattr(config, "objective", None) == "regression"
        else labels.flatten()[0].expand_as(labels)
    )
    loss = model.head.loss(model(TOKENS).logits, alone)
    loss.backward()
    assert loss.isfinite()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


@every_head
def test_batch_without_labels_has_loss_0_and_zero_gradients(config, labels, shape):
    model = build(config).train()
    loss = model.head.loss(model(TOKENS).logits, no_labels(config, labels))
    loss.backward()
    assert loss.item() == 0
    assert not any(parameter.grad.any() for parameter in model.parameters())


@every_head
def test_weights_of_1_change_nothing_and_0_leaves_a_row_out(config, labels, shape):
    head = build(config).head
    logits, ones = build(config)(TOKENS).logits, torch.ones(labels.shape)
    expected = head.loss(logits, labels).item()
    assert head.loss(logits, labels, ones).item() == pytest.approx(expected, rel=1e-6)
    ones[-1] = 0
    expected = head.loss(logits[:-1], labels[:-1]).item()
    assert head.loss(logits, labels, ones).item() == pytest.approx(expected, rel=1e-6)


@every_head
def test_loss_does_not_depend_on_the_scale_of_the_weights(config, labels, shape):
    model = build(config)
    logits, weights = model(TOKENS).logits, torch.rand(labels.shape)
    one, other = (model.head.loss(logits, labels, scale * weights).item() for scale in (1.0, 1e-4))
    assert one == pytest.approx(other, rel=1e-5)


@pytest.mark.parametrize("both_strands", [False, True])
@pytest.mark.parametrize(("before", "after"), [(1, 0), (0, 1), (7, 0), (0, 7), (4, 3)])
@every_head
def test_padding_changes_no_output(config, labels, shape, before, after, both_strands):
    model = loud(build(config, both_strands=both_strands and not config.predicts_next)).float()
    padded = torch.nn.functional.pad(TOKENS, (before, after), value=PAD)
    mask = torch.nn.functional.pad(torch.ones_like(TOKENS, dtype=torch.bool), (before, after))
    expected, found = model(TOKENS).logits, model(padded, mask).logits
    torch.testing.assert_close(of_tokens(config, found, before), expected, rtol=1e-5, atol=1e-5)


@every_head
def test_batch_of_1_and_of_64_agree(config, labels, shape):
    model = loud(build(config)).float()
    tokens = torch.randint(7, 11, (128, LENGTH), generator=torch.Generator().manual_seed(4))
    together = model(tokens).logits
    for row in (0, 1, 30, 63):
        pair = tokens[[row, row + 64]]  # REF and ALT of one variant, or two sequences
        torch.testing.assert_close(model(pair).logits[0], together[row], rtol=1e-5, atol=1e-5)


BACKBONES = {
    "causal": BACKBONE,
    "bidirectional": hyena(bidirectional=True),
    "attention": BackboneConfig(
        d_model=8, num_layers=1, context_length=16, mixer=AttentionConfig(num_heads=2, bidirectional=True)
    ),
}


@pytest.mark.parametrize("backbone", BACKBONES.values(), ids=BACKBONES.keys())
@every_head
def test_row_of_padding_alone_is_finite_and_disturbs_no_other(config, labels, shape, backbone):
    model = build(config, backbone=backbone).train()
    mask = torch.ones(TOKENS.shape, dtype=torch.bool)
    mask[-1] = False
    torch.manual_seed(5)  # of dropout
    logits = model(TOKENS.masked_fill(~mask, PAD), mask).logits
    torch.manual_seed(5)
    torch.testing.assert_close(logits[:-1], model(TOKENS).logits[:-1], rtol=1e-5, atol=1e-5)
    loss = model.head.loss(logits, labels)
    loss.backward()
    assert logits.isfinite().all()
    assert loss.isfinite()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize("padding", [(0, 0), (5, 0), (1, 3)])
@pytest.mark.parametrize("backbone", BACKBONES.values(), ids=BACKBONES.keys())
@every_head
def test_other_strand_gets_the_same_answer(config, labels, shape, backbone, padding):
    if config.predicts_next:
        with pytest.raises(ValueError, match="both_strands shows each position what follows it"):
            build(config, both_strands=True)
        return
    model = loud(build(config, backbone=backbone, both_strands=True))
    mask = torch.nn.functional.pad(torch.ones_like(TOKENS, dtype=torch.bool), padding)
    one, other = (
        model(torch.nn.functional.pad(tokens, padding, value=PAD), mask).logits
        for tokens in (TOKENS, 17 - TOKENS.flip(1))  # A, C, G, T are 7 to 10
    )
    one, other = (of_tokens(config, logits, padding[0]) for logits in (one, other))
    if isinstance(model.head, TokenHead):
        one, other = one[..., [7, 8, 9, 10]], other[..., [10, 9, 8, 7]]
    expected = one if model.head.pools else one.flip(1)
    torch.testing.assert_close(other, expected, rtol=0, atol=1e-12)
    assert one.std() > 0.01


@every_head
def test_saved_head_is_read_back_to_the_bit(config, labels, shape, tmp_path):
    model = build(config)
    model.save_pretrained(tmp_path)
    again = HyenaDNA.from_pretrained(tmp_path)
    assert again.config == model.config
    state, other = model.state_dict(), again.state_dict()
    assert state.keys() == other.keys()
    assert all(torch.equal(state[name], other[name]) for name in state)
    assert torch.equal(again(TOKENS).logits, model(TOKENS).logits)


@every_head
def test_part_of_the_positions_is_read_alone(config, labels, shape):
    model = loud(build(config))
    mask = torch.ones(TOKENS.shape, dtype=torch.bool)
    mask[:, :4] = False
    found = model(TOKENS, mask, read_from=3)
    expected = model.head(found.last_hidden_state, model.backbone.embedding_weight, mask[:, 3:])
    assert torch.equal(found.logits, expected)
