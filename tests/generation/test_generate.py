"""Generation: what is drawn is what recomputing every sequence from its beginning would draw."""

import jaxtyping
import numpy as np
import pytest
import torch

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.mixer_stream import StreamSize
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.errors import InputError
from hyenadna_kit.generation.generate import generate
from hyenadna_kit.generation.sampling import Sampler
from hyenadna_kit.generation.sampling_options import SamplingOptions
from hyenadna_kit.generation.stream import LanguageModelStream
from hyenadna_kit.heads.sequence import SequenceHeadConfig
from hyenadna_kit.model import HyenaDNAConfig

PROMPT = "ACGTTGCA"
CONTEXT = 64


def build(order=2, **more):
    torch.manual_seed(0)
    mixer = HyenaConfig(order=order, filter=FilterConfig(filter_order=8))
    backbone = BackboneConfig(d_model=8, num_layers=2, context_length=CONTEXT, mixer=mixer)
    model = HyenaDNAConfig(backbone=backbone, **more).build().double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.2)
    return model


@pytest.fixture(scope="module")
def model():
    return build()


def bases(model, count=2, num_bases=100, prompt=PROMPT, **more):
    return [each.bases for each in generate(model, prompt, num_bases, count=count, **more)]


def recompute(model, num_bases, options, number):
    """Draw one sequence by a whole pass for each base."""
    ids, sampler = model.tokenizer.encode(PROMPT).tolist(), Sampler(options, range(number, number + 1))
    for _ in range(num_bases):
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[:, -1]
        ids.append(int(sampler.draw(logits)[0]))
    return model.tokenizer.decode(ids[len(PROMPT) :])


@pytest.mark.parametrize(
    "options",
    [
        SamplingOptions(seed=3),
        SamplingOptions(temperature=0.0),
        SamplingOptions(temperature=0.5, top_k=3),
        SamplingOptions(top_p=0.6, alphabet="ACG"),
    ],
)
def test_bases_are_those_of_recomputing_the_whole_sequence(model, options):
    found = bases(model, count=3, sampling=options, batch_size=2)
    assert found == [recompute(model, 100, options, number) for number in range(3)]


@pytest.mark.slow
@pytest.mark.parametrize("order", [2, 3])
def test_logits_over_4096_tokens_are_those_of_a_whole_pass(order):
    model = build(order)
    ids = torch.randint(7, 11, (1, 4096), generator=torch.Generator().manual_seed(1))
    stream = LanguageModelStream(model, StreamSize(batch=1, num_steps=4096))
    found = torch.cat([stream.step(ids[:, place : place + 1]) for place in range(4096)], dim=1)
    with torch.no_grad():
        torch.testing.assert_close(found, model(ids).logits, atol=1e-9, rtol=0)


def test_likelihoods_are_those_of_the_model(model):
    (found,) = generate(model, PROMPT, 50)
    ids = torch.from_numpy(model.tokenizer.encode(PROMPT + found.bases).copy())[None]
    with torch.no_grad():
        log_probs = model(ids).logits[0].log_softmax(1)
    expected = log_probs[torch.arange(len(PROMPT) - 1, ids.shape[1] - 1), ids[0, len(PROMPT) :].long()]
    np.testing.assert_allclose(found.log_likelihoods, expected, atol=1e-6)
    assert found.bits_per_base == pytest.approx(-float(expected.mean()) / np.log(2), abs=1e-6)


def test_sequences_do_not_depend_on_the_batch_or_on_how_many_there_are(model):
    found = bases(model, count=5, batch_size=5)
    assert bases(model, count=5, batch_size=2) == found
    assert bases(model, count=2) == found[:2]
    assert len(set(found)) == 5
    assert bases(model, count=2, sampling=SamplingOptions(seed=1)) != found[:2]


def test_sequence_ends_behind_the_first_word_that_stops_it(model):
    whole = bases(model, count=6)
    stopped = bases(model, count=6, stop=("TAA", "GC"))
    for each, cut in zip(whole, stopped, strict=True):
        ends = [each.find(word) + len(word) for word in ("TAA", "GC") if word in each]
        assert cut == each[: min(ends, default=len(each))]
    assert bases(model, count=6, stop=("taa", "gc")) == stopped


def test_model_with_filters_that_end_is_another_model(model):
    short = model.with_filter_taps(4)
    assert bases(short, count=1) == [recompute(short, 100, SamplingOptions(), 0)]
    assert bases(model, count=1, taps=4) == bases(short, count=1) != bases(model, count=1)


def test_frequencies_are_the_probabilities():
    logits = torch.full((1, 16), -5.0)
    logits[0, 7:11] = torch.tensor([0.1, 0.2, 0.3, 0.4]).log()
    sampler = Sampler(SamplingOptions(), range(1))
    counts = np.bincount([int(sampler.draw(logits)) - 7 for _ in range(20_000)], minlength=4)
    np.testing.assert_allclose(counts / 20_000, [0.1, 0.2, 0.3, 0.4], atol=0.015)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0.1, 0.2, 0.3, 0.4]),
        ({"top_k": 2}, [0, 0, 3 / 7, 4 / 7]),
        ({"top_p": 0.7}, [0, 0, 3 / 7, 4 / 7]),
        ({"top_p": 0.71}, [0, 2 / 9, 3 / 9, 4 / 9]),
        ({"top_p": 0.3}, [0, 0, 0, 1]),
        ({"temperature": 0.5}, [1 / 30, 4 / 30, 9 / 30, 16 / 30]),
        ({"top_k": 9}, [0.1, 0.2, 0.3, 0.4]),
    ],
)
def test_probabilities_that_are_drawn_with(options, expected):
    found = Sampler(SamplingOptions(**options), range(1)).probabilities(np.log([[0.1, 0.2, 0.3, 0.4]]))
    np.testing.assert_allclose(found[0], expected, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -1.0}, "temperature must be at least 0, got -1.0"),
        ({"top_k": 0}, "top_k must be at least 1, got 0"),
        ({"top_p": 0.0}, "top_p must be above 0"),
        ({"alphabet": "ACX"}, "alphabet must hold letters of ACGTN, got 'ACX'"),
        ({"alphabet": ""}, "alphabet must hold"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SamplingOptions(**options)


def test_text_in_place_of_words_is_refused(model, monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # it would refuse before we do
    with pytest.raises(TypeError, match=r"stop takes words, got the text 'TAA'; write stop=\('TAA',\)"):
        bases(model, stop="TAA")


def test_calls_that_make_no_sense_are_refused(model):
    for call, message in (
        ({"prompt": ""}, "at least one base"),
        ({"num_bases": 0}, "num_bases must be at least 1, got 0"),
        ({"prompt": "AC!"}, "no nucleotide code"),
        ({"stop": ("TAA", "")}, "a stop word needs at least one base"),
    ):
        with pytest.raises(InputError, match=message):
            bases(model, **call)
    classifier = build(head=SequenceHeadConfig(objective="binary", labels=("a", "b")))
    with pytest.raises(InputError, match="needs a language model"):
        bases(classifier)
    with pytest.raises(InputError, match=r"this model is in torch.bfloat16; call \.float\(\)"):
        bases(build().to(torch.bfloat16))
