"""What a model makes of sequences: against passes of one sequence, whatever it is batched with."""

import jaxtyping
import numpy as np
import pytest
import torch

import hyenadna_kit as hk
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.errors import InputError
from hyenadna_kit.evaluation.embeddings import Embedder, embed
from hyenadna_kit.heads.masked_language_model import MaskedLanguageModelHeadConfig
from hyenadna_kit.heads.variant_effect import VariantEffectHeadConfig
from hyenadna_kit.model import HyenaDNAConfig

MODELS = {
    "causal": {},
    "truncated": {"beyond_context": "truncate"},
    "stretched": {"beyond_context": "interpolate"},
    "bidirectional": {"bidirectional": True},
    "both strands": {"both_strands": True},
    "of variants": {"head": VariantEffectHeadConfig(objective="binary", labels=("a", "b"))},
}
LENGTHS = (5, 1, 40, 17, 17, 64, 3, 29, 64, 30, 2)


def build(bidirectional=False, both_strands=False, beyond_context="continue", head=None):
    torch.manual_seed(0)
    taps = FilterConfig(filter_order=6, beyond_context=beyond_context)
    mixer = hk.HyenaConfig(filter=taps, bidirectional=bidirectional)
    head = head or (MaskedLanguageModelHeadConfig() if bidirectional or both_strands else None)
    model = HyenaDNAConfig(
        backbone=hk.BackboneConfig(d_model=8, num_layers=2, context_length=32, mixer=mixer),
        head=head or hk.LanguageModelHeadConfig(),
        both_strands=both_strands,
    ).build()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    return model.with_context_length(64).eval()


def sequences():
    generator = np.random.default_rng(0)
    return ["".join(generator.choice(list("ACGTN"), length)) for length in LENGTHS]


@pytest.mark.parametrize("options", MODELS.values(), ids=MODELS.keys())
@pytest.mark.parametrize("layer", [0, 1, -2, -1])
def test_batches_change_no_number(options, layer):
    model = build(**options)
    for pooling in ("none", "mean", "max", "last"):
        alone = embed(model, sequences(), layer=layer, pooling=pooling, batch_size=1)
        together = embed(model, sequences(), layer=layer, pooling=pooling, batch_size=64)
        for one, other in zip(alone, together, strict=True):
            assert np.abs(one - other).max() < 1e-5


def test_row_is_that_of_its_base():
    model = build()
    (rows,) = embed(model, ["ACGTA"], pooling="none")
    with torch.no_grad():
        expected = model(torch.tensor([[7, 8, 9, 10, 7]])).last_hidden_state[0].numpy()
    assert rows == pytest.approx(expected, abs=1e-6)
    (embeddings,) = embed(model, ["ACGTA"], layer=0, pooling="none")
    assert np.array_equal(embeddings, model.backbone.embedding_weight[[7, 8, 9, 10, 7]].detach().numpy())


def test_poolings_are_what_numpy_makes_of_the_rows():
    model, texts = build(), sequences()
    rows = embed(model, texts, pooling="none")
    ways = {
        "mean": lambda each: each.mean(0),
        "max": lambda each: each.max(0),
        "first": lambda each: each[0],
        "last": lambda each: each[-1],
        "centre": lambda each: each[len(each) // 2],
    }
    for pooling, way in ways.items():
        found = np.concatenate(embed(model, texts, pooling=pooling))
        assert found == pytest.approx(np.stack([way(each) for each in rows]), abs=1e-5)


def test_both_strands_embed_a_sequence_as_its_reverse_complement():
    model = build(both_strands=True)
    (first,) = embed(model, ["ACGGTCA"], pooling="none")
    (second,) = embed(model, ["TGACCGT"], pooling="none")
    assert first == pytest.approx(second[::-1], abs=1e-5)


def test_layers_count_as_in_python():
    model = build()
    for layer in range(4):
        (first,) = embed(model, ["ACGTA"], layer=layer)
        (second,) = embed(model, ["ACGTA"], layer=layer - 4)
        assert np.array_equal(first, second)


@pytest.mark.parametrize("pooling", ["none", "mean", "first"])
def test_several_layers_stand_side_by_side_in_the_order_they_are_named(pooling):
    model, texts = build(), sequences()
    together = embed(model, texts, layer=(-1, 0, 2), pooling=pooling)
    alone = [embed(model, texts, layer=layer, pooling=pooling) for layer in (-1, 0, 2)]
    for row, *parts in zip(together, *alone, strict=True):
        assert np.array_equal(row, np.concatenate(parts, axis=1))


@pytest.mark.parametrize("layer", [0, 1, -1, (1, -1)])
def test_averaged_strands_are_the_mean_over_a_sequence_and_its_reverse_complement(layer):
    model, texts = build(), sequences()
    others = [hk.reverse_complement(text) for text in texts]
    averaged = embed(model, texts, layer=layer, pooling="none", average_strands=True)
    first, second = (embed(model, each, layer=layer, pooling="none") for each in (texts, others))
    for row, one, other in zip(averaged, first, second, strict=True):
        assert row == pytest.approx((one + other[::-1]) / 2, abs=1e-5)


def test_a_model_of_both_strands_averages_them_anyway():
    model = build(both_strands=True)
    rows = [embed(model, ["ACGGTCA"], average_strands=average)[0] for average in (False, True)]
    assert np.array_equal(*rows)


def test_published_name():
    assert hk.embed is embed


MISTAKES = {
    "layer": ({"layers": (0, 4)}, "layer must be -4 to 3 for a model of 2 blocks"),
    "same layer": ({"layers": (3, -1)}, r"layer must name one layer or several, each once, got \[3, -1\]"),
    "no layer": ({"layers": ()}, "layer must name one layer or several, each once"),
    "pooling": ({"pooling": "attention"}, "pooling must be one of mean, max, last, first, centre, none"),
    "batch_size": ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
}


@pytest.mark.parametrize(("options", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes_name_value_and_choices(no_shape_checks, options, message):
    with pytest.raises(InputError, match=message):
        Embedder(model=build(), **options)


UNREADABLE = {
    "": "sequence 2 holds no base; leave it out",
    "A" * 65: "sequence 2 has 65 bases, and the model reads 64; cut it",
    "AC!T": "sequence 2: character '!' at position 2 is no nucleotide code",
}


@pytest.mark.parametrize(("sequence", "message"), UNREADABLE.items(), ids=["empty", "long", "no base"])
def test_sequences_that_the_model_does_not_read_are_refused(sequence, message):
    with pytest.raises(InputError, match=message):
        embed(build(), ["ACGT", sequence])


def test_sequences_and_layers_may_be_anything_that_is_gone_through_once():
    model, texts = build(), sequences()
    expected = embed(model, texts, layer=(1, 2))
    found = embed(model, (text for text in texts), layer=np.array([1, 2]))
    assert all(map(np.array_equal, expected, found))
    assert np.array_equal(embed(model, ["ACGT"], layer=np.int64(1)), embed(model, ["ACGT"], layer=1))


def test_what_is_no_list_of_texts_is_refused(monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(TypeError, match="must be a list of texts, got one text"):
        embed(build(), "ACGT")
    with pytest.raises(TypeError, match="interpreted as an integer"):
        embed(build(), ["ACGT"], layer="1,2")
