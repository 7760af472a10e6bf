"""Pretraining on a toy genome, and which of its bases play which part."""

import json
import math
from dataclasses import replace

import pytest
import torch
import yaml

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig, ImplicitFilter
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.errors import ContigNotFoundError, InputError
from hyenadna_kit.evaluation.likelihood import base_likelihoods, sum_regions
from hyenadna_kit.heads.masked_language_model import MaskedLanguageModelHeadConfig
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.io.regions import parse_regions
from hyenadna_kit.model import HyenaDNA, HyenaDNAConfig
from hyenadna_kit.testing import write_toy_genome
from hyenadna_kit.training.module import TrainingModule
from hyenadna_kit.training.optim import OptimizerConfig
from hyenadna_kit.training.pretrain import pretrain
from hyenadna_kit.training.pretrain_config import PretrainConfig
from hyenadna_kit.training.pretrain_data import choose_regions

MIXER = HyenaConfig(filter=FilterConfig(filter_order=8))
BACKBONE = BackboneConfig(d_model=16, num_layers=1, context_length=64, mixer=MIXER, embed_dropout=0.0)
CONFIG = PretrainConfig(
    genome="set by the test",
    out="set by the test",
    model=HyenaDNAConfig(backbone=BACKBONE),
    optimizer=OptimizerConfig(learning_rate=1e-2, warmup_fraction=0.1),
    held_out=("toy3",),
    batch_size=8,
    max_steps=60,
    validate_every=30,
    validation_bases=10**6,
    log_every=1,
    checkpoint_every=60,
    precision="fp32",
)


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def fasta(tmp_path_factory):
    return write_toy_genome(tmp_path_factory.mktemp("toy") / "g.fa", length=10_000)


@pytest.fixture
def train(fasta, tmp_path):
    """Return a function that trains with some options and gives the result and its metrics."""

    def call(out="run", **options):
        result = pretrain(replace(CONFIG, genome=str(fasta), out=str(tmp_path / out), **options))
        lines = (result.folder / "metrics.jsonl").read_text().splitlines()
        return result, [json.loads(line) for line in lines]

    return call


def losses(rows):
    return [row["bits_per_base"] for row in rows if "bits_per_base" in row]


def validations(rows):
    return [row["validation_bits_per_base"] for row in rows if "validation_bits_per_base" in row]


def test_loss_falls_and_the_folder_is_a_model(train, fasta):
    result, rows = train(validate_every=20)
    assert (result.steps, result.was_finished) == (60, False)
    assert losses(rows)[0] > 2.5
    assert max(losses(rows)[-5:]) < 2.1
    assert validations(rows)[2] < validations(rows)[0]
    files = {str(path.relative_to(result.folder)) for path in result.folder.rglob("*") if path.is_file()}
    model_files = {"config.json", "model.safetensors", "tokenizer.json"}
    assert files == model_files | {
        "config.resolved.yaml",
        "run.json",
        "metrics.jsonl",
        "timing.jsonl",
        "checkpoints/last.ckpt",
    }
    model = HyenaDNA.from_pretrained(result.folder)
    assert model.config == CONFIG.model

    # What was measured in training is what the saved model costs on the whole validation part.
    genome = Fasta(fasta)
    record = json.loads((result.folder / "run.json").read_text())
    assert record["genome_fingerprint"] == genome.fingerprint
    regions = parse_regions(record["validation"], genome)
    sums = sum_regions(regions, base_likelihoods(model, genome, regions))
    nats, bases = sum(each.log_likelihood for each in sums), sum(each.num_bases for each in sums)
    assert -nats / bases / math.log(2) == pytest.approx(result.validation_bits_per_base, abs=1e-5)
    assert bases == 900


def test_resolved_configuration_holds_every_option(train):
    result, _ = train(max_steps=1)
    resolved = yaml.safe_load((result.folder / "config.resolved.yaml").read_text())
    assert resolved.keys() == PretrainConfig.__dataclass_fields__.keys()
    assert resolved["model"]["backbone"]["mixer"]["init_args"]["filter"]["filter_order"] == 8
    assert (resolved["held_out"], resolved["seed"]) == (["toy3"], 0)


def test_validation_that_ends_training_is_not_repeated(train):
    assert len(validations(train("a", max_steps=4, validate_every=2)[1])) == 2
    rows = train("b", max_steps=5, validate_every=2)[1]
    assert [row["step"] for row in rows if "validation_bits_per_base" in row] == [2, 4, 5]


def test_finished_run_is_not_trained_again(train, monkeypatch):
    first, rows = train(max_steps=3)
    monkeypatch.setattr("hyenadna_kit.training.pretrain.fit", None)
    second, again = train(max_steps=3)
    assert second == replace(first, was_finished=True)
    assert again == rows


def test_accumulated_batches_are_one_large_batch(train):
    options = {"train_regions": ("toy2",), "max_steps": 10, "validate_every": 5}  # toy1 holds N
    _, whole = train("whole", batch_size=8, **options)
    _, parts = train("parts", batch_size=4, accumulate_batches=2, **options)
    assert [row["step"] for row in parts] == [row["step"] for row in whole]
    assert losses(parts) == pytest.approx(losses(whole), abs=2e-4)
    assert validations(parts) == pytest.approx(validations(whole), abs=2e-4)


def test_windows_grow_by_the_step_whatever_a_step_is_made_of(train, monkeypatch):
    seen = []
    original = TrainingModule.training_step

    def watch(self, batch, batch_idx):
        seen.append((self.trainer.global_step, batch.input_ids.shape[1]))
        return original(self, batch, batch_idx)

    monkeypatch.setattr(TrainingModule, "training_step", watch)
    train(batch_size=2, accumulate_batches=2, initial_length=16, steps_per_length=2, max_steps=5)
    lengths = [16, 16, 32, 32, 64]
    assert seen == [(step, lengths[step]) for step in range(5) for _ in range(2)]


def test_masked_bases_are_learned_from_both_sides(train):
    both_sides = replace(BACKBONE, mixer=replace(MIXER, bidirectional=True))
    masked = HyenaDNAConfig(backbone=both_sides, head=MaskedLanguageModelHeadConfig())
    result, rows = train("masked", model=masked, max_steps=150, validate_every=75, batch_size=16)
    assert 1.0 < result.validation_bits_per_base < 1.96
    assert losses(rows)[-1] < losses(rows)[0]
    model = HyenaDNA.from_pretrained(result.folder)
    assert model.config == masked
    # Copying what is read would be no feat: of hidden bases one in ten is read as it is.
    assert result.validation_bits_per_base > 0.5


def test_options_of_stream_and_optimizer_reach_them(train):
    usual = losses(train("usual", max_steps=5)[1])
    assert losses(train("forward", max_steps=5, reverse_fraction=0.0)[1]) != usual
    # A gradient far below AdamW's epsilon moves nothing.
    clipped = replace(CONFIG.optimizer, gradient_clip=1e-12)
    found = losses(train("clipped", max_steps=5, optimizer=clipped)[1])
    assert found[0] == usual[0]
    assert usual[-1] < usual[0] - 0.2
    assert found[-1] == pytest.approx(found[0], abs=0.1)


@pytest.mark.parametrize(("precision", "inner"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_filters_are_float32_in_every_precision(train, monkeypatch, precision, inner):
    seen = {"filters": set(), "inner": set()}

    def watch(owner, name, key):
        original = getattr(owner, name)

        def forward(self, *inputs, **options):
            output = original(self, *inputs, **options)
            seen[key].add(output.dtype)
            return output

        monkeypatch.setattr(owner, name, forward)

    watch(ImplicitFilter, "forward", "filters")
    watch(torch.nn.Linear, "forward", "inner")
    result, rows = train(precision=precision, max_steps=20)
    assert seen["filters"] == {torch.float32}
    assert inner in seen["inner"]
    assert losses(rows)[-1] < losses(rows)[0] - 0.5
    assert {p.dtype for p in HyenaDNA.from_pretrained(result.folder).parameters()} == {torch.float32}


def test_bfloat16_costs_about_what_float32_does(train):
    _, exact = train("exact", max_steps=20, precision="fp32")
    _, rounded = train("rounded", max_steps=20, precision="bf16")
    assert losses(rounded) == pytest.approx(losses(exact), abs=0.05)
    assert losses(rounded) != losses(exact)


def test_seed_decides_the_run(train):
    runs = [losses(train(f"run{number}", seed=seed, max_steps=3)[1]) for number, seed in enumerate((1, 1, 2))]
    assert runs[0] == runs[1] != runs[2]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("small") / "g.fa"
    path.write_text(f">a\n{'ACGTA' * 20}\n>b\n{'TTGCA' * 10}\n")
    return Fasta(path)


@pytest.mark.parametrize(
    ("options", "train", "validation", "held_out"),
    [
        ({}, ["a:1-100", "b:1-35"], ["b:36-50"], []),
        ({"held_out": ("b",)}, ["a:1-90"], ["a:91-100"], ["b:1-50"]),
        (
            {"held_out": ("a:41-60",)},
            ["a:1-40", "a:61-100", "b:1-37"],
            ["b:38-50"],
            ["a:41-60"],
        ),
        ({"held_out": ("a:11-50", "a:41-60", "b")}, ["a:1-10", "a:61-95"], ["a:96-100"], None),
        ({"validation_fraction": 0.7}, ["a:1-45"], ["a:46-100", "b:1-50"], []),
        ({"validation_fraction": 1 / 3}, ["a:1-100"], ["b:1-50"], []),
        (
            {"train_regions": ("b:1-20", "a:1-30"), "held_out": ("a:31-40",)},
            ["b:1-20", "a:1-25"],
            ["a:26-30"],
            ["a:31-40"],
        ),
    ],
    ids=["all", "contig", "middle", "overlapping", "two contigs", "at a border", "named"],
)
def test_genome_is_divided(small, options, train, validation, held_out):
    config = PretrainConfig(genome="g", out="o", **options)
    regions = choose_regions(config, small)
    assert [region.region for region in regions.train] == train
    assert [region.region for region in regions.validation] == validation
    if held_out is not None:
        assert [region.region for region in regions.held_out] == held_out
    parts = [
        {(region.contig, position) for region in part for position in range(region.start, region.end)}
        for part in (regions.train, regions.validation, regions.held_out)
    ]
    assert sum(map(len, parts)) == len(set.union(*parts))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"train_regions": ("a:1-50",), "held_out": ("a:50-60",)},
            InputError,
            "train_regions and held_out must be apart: a:1-50 and a:50-60 overlap",
        ),
        (
            {"train_regions": ("a:1-50", "b", "a:40-90")},
            InputError,
            "train_regions must be apart from each other: a:1-50 and a:40-90 overlap",
        ),
        ({"held_out": ("a", "b")}, InputError, r"0 bp of .*g\.fa .* leave nothing to train on"),
        ({"validation_fraction": 0.001}, InputError, r"150 bp .* validation_fraction 0\.001 leave nothing"),
        ({"validation_fraction": 0.999}, InputError, r"validation_fraction 0\.999 leave nothing"),
        ({"held_out": ("c",)}, ContigNotFoundError, "contig 'c' is not in"),
    ],
    ids=["held out", "twice", "nothing left", "no validation", "no training", "unknown"],
)
def test_division_that_leaks_or_leaves_nothing_is_refused(small, options, error, message):
    with pytest.raises(error, match=message):
        choose_regions(PretrainConfig(genome="g", out="o", **options), small)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *((name, 0) for name in ("validate_every", "batch_size", "accumulate_batches", "max_steps")),
        *(
            (name, -1)
            for name in ("log_every", "checkpoint_every", "validation_bases", "num_workers", "seed")
        ),
        ("seed", 1 << 32),
        ("validation_fraction", 0.0),
        ("validation_fraction", 1.0),
        ("validation_fraction", 1.5),
        ("reverse_fraction", -0.1),
        ("soft_mask_weight", 1.1),
    ],
)
def test_option_outside_its_range_is_named_with_its_value(option, value):
    with pytest.raises(ValueError, match=rf"{option} must .*, got {value}"):
        PretrainConfig(genome="g", out="o", **{option: value})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tokens_per_step": 100}, r"a multiple of batch_size \* length = 128, got 100"),
        ({"tokens_per_step": 0}, r"a multiple of batch_size \* length = 128, got 0"),
        ({"tokens_per_step": 256, "accumulate_batches": 2}, "say the same"),
    ],
)
def test_tokens_that_no_batches_hold_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        replace(CONFIG, batch_size=2, **options)


def test_tokens_of_a_step_are_batches_of_the_last_length():
    assert replace(CONFIG, batch_size=2, tokens_per_step=512).batches_per_step == 4
    assert replace(CONFIG, batch_size=2, accumulate_batches=3).batches_per_step == 3


def test_every_step_of_a_warm_up_has_as_many_tokens(train, monkeypatch):
    seen = []
    original = TrainingModule.training_step

    def watch(self, batch, batch_idx):
        seen.append((self.trainer.global_step, batch.input_ids.numel()))
        return original(self, batch, batch_idx)

    monkeypatch.setattr(TrainingModule, "training_step", watch)
    train(batch_size=2, tokens_per_step=256, initial_length=16, steps_per_length=2, max_steps=5)
    assert seen == [(step, 128) for step in range(5) for _ in range(2)]


@pytest.mark.parametrize(
    ("options", "final", "first"),
    [({}, 64, 64), ({"length": 100}, 100, 100), ({"length": 40, "initial_length": 10}, 40, 10)],
)
def test_window_length_is_the_context_unless_given(options, final, first):
    lengths = replace(CONFIG, **options).lengths
    assert (lengths.at(0), lengths.at(10**9)) == (first, final)


def test_window_of_no_length_is_refused():
    with pytest.raises(InputError, match="length must be at least 2, got 0"):
        _ = replace(CONFIG, length=0).lengths
