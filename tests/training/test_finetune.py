"""Fine-tuning: it learns what is planted, keeps the best epoch, and goes on exactly where it was stopped."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.errors import InputError, TrainingError
from hyenadna_kit.io.tables import LabelledTable, write_labelled_table
from hyenadna_kit.model import HyenaDNA, HyenaDNAConfig
from hyenadna_kit.training.finetune import Selection, finetune, prepare_finetuning
from hyenadna_kit.training.finetune_config import FinetuneConfig
from hyenadna_kit.training.finetune_module import FinetuneModule, measures_of
from hyenadna_kit.training.optim import OptimizerConfig

MOTIF = "TATAAAGG"
MIXER = HyenaConfig(filter=FilterConfig(filter_order=8))
BACKBONE = BackboneConfig(d_model=16, num_layers=2, context_length=64, mixer=MIXER, embed_dropout=0.0)


def accuracy(labels, predictions):
    return float(np.mean((predictions[:, 0] > 0.5) == labels))


BY_ACCURACY = Selection("accuracy", accuracy)


def write_task(path, count, seed):
    """Write sequences of 30 to 40 bases, half of them with the motif."""
    generator = np.random.default_rng(seed)
    sequences, labels = [], generator.permutation(np.arange(count) % 2)
    for label in labels:
        bases = "".join(generator.choice(list("ACGT"), generator.integers(30, 41)))
        place = generator.integers(0, len(bases) - len(MOTIF) + 1)
        sequences.append(bases[:place] + MOTIF + bases[place + len(MOTIF) :] if label else bases)
    write_labelled_table(path, LabelledTable(sequences=tuple(sequences), columns={"label": labels}))


def write_folder(folder, **counts):
    """Write a model ``m`` and a table of so many rows for each name."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    HyenaDNAConfig(backbone=BACKBONE).build().save_pretrained(folder / "m")
    for seed, (name, count) in enumerate(counts.items()):
        write_task(folder / f"{name}.csv", count, seed)


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    """A folder with a model ``m`` and the tables of a task."""
    folder = tmp_path_factory.mktemp("task")
    write_folder(folder, train=800, validation=100, test=100)
    return folder


def options(task, out, **more):
    chosen = {
        "epochs": 5,
        "patience": 10,
        "pooling": "max",
        "batch_size": 20,
        "seeds": (0,),
        "reverse_fraction": 0.0,
        "precision": "fp32",
        "log_every": 1,
        "optimizer": OptimizerConfig(learning_rate=1e-2, warmup_fraction=0.1),
    } | more
    files = {name: str(task / f"{name}.csv") for name in ("train", "validation", "test")}
    return FinetuneConfig(model=str(task / "m"), out=str(out), **files, **chosen)


def train(config, selection=BY_ACCURACY):
    torch.set_num_threads(1)
    return list(finetune(prepare_finetuning(config), selection))


def rows(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def trained(task, tmp_path_factory):
    (run,) = train(options(task, tmp_path_factory.mktemp("out") / "run"))
    return run


def test_motif_is_learnt(task, trained):
    labels = [int(line.rpartition(",")[2]) for line in (task / "test.csv").read_text().splitlines()[1:]]
    assert trained.predictions["test"].shape == (100, 1)
    assert accuracy(np.array(labels), trained.predictions["test"]) > 0.85


def test_model_is_that_of_the_best_validation(trained):
    found = [row["validation_accuracy"] for row in rows(trained.folder) if "validation_accuracy" in row]
    assert len(found) == 5
    assert (trained.folder / "model.safetensors").read_bytes() == (
        trained.folder / "checkpoints" / "best" / "model.safetensors"
    ).read_bytes()


def test_run_that_is_stopped_in_an_epoch_goes_on_exactly(task, trained, tmp_path, monkeypatch):
    step, stop_at = FinetuneModule.training_step, 107

    def stopping(self, batch, batch_idx):
        if self.trainer.global_step == stop_at:
            raise KeyboardInterrupt
        return step(self, batch, batch_idx)

    config = options(task, tmp_path / "run")
    monkeypatch.setattr(FinetuneModule, "training_step", stopping)
    with pytest.raises(KeyboardInterrupt):
        train(config)
    monkeypatch.undo()
    (run,) = train(replace(config, num_workers=2))
    assert rows(run.folder) == rows(trained.folder)
    assert np.array_equal(run.predictions["test"], trained.predictions["test"])


def test_run_ends_when_patience_does(task, tmp_path):
    scores = iter([0.1, 0.3, 0.2, 0.3, 0.9, 0.9])
    config = options(task, tmp_path / "run", epochs=6, patience=2)
    (run,) = train(config, Selection("made_up", lambda *_: next(scores)))
    found = [row["validation_made_up"] for row in rows(run.folder) if "validation_made_up" in row]
    assert found == pytest.approx([0.1, 0.3, 0.2, 0.3])


def test_finished_seed_is_not_trained_again_and_another_one_is_beside(task, trained, tmp_path):
    config = options(task, trained.folder.parents[1], seeds=(0, 1))
    first, second = train(config)
    assert np.array_equal(first.predictions["test"], trained.predictions["test"])
    assert not np.array_equal(second.predictions["test"], trained.predictions["test"])


def test_run_without_any_score_is_refused(task, tmp_path):
    config = options(task, tmp_path / "run", epochs=1)
    with pytest.raises(TrainingError, match=r"no validation of .* defines made_up"):
        train(config, Selection("made_up", lambda *_: float("nan")))
    assert not (tmp_path / "run" / "seeds" / "0" / "model.safetensors").exists()


def test_memory_is_that_of_the_examples_there_are(task, tmp_path):
    prepare_finetuning(options(task, tmp_path / "run", batch_size=100_000_000))


@pytest.mark.parametrize(
    ("layers", "kept"), [(0, {"layers.0", "layers.1", "embeddings"}), (1, {"layers.0", "embeddings"})]
)
def test_layers_below_the_trained_ones_stay_as_they_are(task, tmp_path, layers, kept):
    (run,) = train(options(task, tmp_path / "run", epochs=1, trained_layers=layers))
    before, after = (HyenaDNA.from_pretrained(folder).backbone for folder in (task / "m", run.folder))
    changed = {
        ".".join(name.split(".")[:2]) if name.startswith("layers") else name.split(".")[0]
        for (name, one), two in zip(before.named_parameters(), after.parameters(), strict=True)
        if not torch.equal(one, two)
    }
    assert changed == {"layers.0", "layers.1", "embeddings", "ln_f"} - kept


def test_rates_fall_with_depth(task, tmp_path):
    config = options(task, tmp_path / "run", layer_decay=0.5)
    work = prepare_finetuning(config)
    module = FinetuneModule(
        work.model.build(),
        config,
        seed=0,
        max_steps=10,
        validation=work.data.examples["validation"],
        score=accuracy,
        measures=measures_of("accuracy"),
        best=tmp_path,
    )
    names = {"head.linear.weight": 1, "backbone.ln_f.weight": 1, "backbone.layers.1.norm1.weight": 0.5}
    names |= {"backbone.layers.0.norm1.weight": 0.25, "backbone.embeddings.word_embeddings.weight": 0.125}
    own = dict(module.model.named_parameters())
    assert {name: module.share_of(name) for name in names if name in own} == names


MISTAKES = {
    "too long": ({"length": None}, "A" * 65, "row 1: 65 bases, and the model reads 64; cut the sequence"),
    "too many layers": ({"trained_layers": 3}, "ACGT", "trained_layers is 3, and .* has 2 layers"),
}


@pytest.mark.parametrize(("changes", "sequence", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistake_is_told_before_anything_is_trained(task, tmp_path, changes, sequence, message):
    write_labelled_table(
        tmp_path / "t.csv", LabelledTable(sequences=(sequence, "ACGT"), columns={"label": np.array([0, 1])})
    )
    config = replace(options(task, tmp_path / "run", **changes), test=str(tmp_path / "t.csv"))
    with pytest.raises(InputError, match=message):
        prepare_finetuning(config)


def test_longer_sequences_are_read_where_that_is_asked_for(task, tmp_path):
    assert (
        prepare_finetuning(options(task, tmp_path / "run", length=100)).model.backbone.context_length == 100
    )
