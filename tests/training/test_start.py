"""Runs that begin with the weights of another one."""

import json
from dataclasses import replace

import pytest
import torch
import yaml

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.config import from_mapping
from hyenadna_kit.errors import CheckpointError, InputError
from hyenadna_kit.model import HyenaDNA, HyenaDNAConfig
from hyenadna_kit.testing import write_toy_genome
from hyenadna_kit.training.pretrain import pretrain
from hyenadna_kit.training.pretrain_config import PretrainConfig
from hyenadna_kit.training.run_folder import read_record, seen_ranges
from hyenadna_kit.training.start import prepare_start

MIXER = HyenaConfig(filter=FilterConfig(filter_order=8))
BACKBONE = BackboneConfig(d_model=16, num_layers=1, context_length=64, mixer=MIXER, embed_dropout=0.0)
CONFIG = PretrainConfig(
    genome="set by the test",
    out="set by the test",
    batch_size=8,
    max_steps=3,
    validate_every=3,
    precision="fp32",
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a short run at 64 tokens; ``g.fa`` lies beside it."""
    folder = tmp_path_factory.mktemp("start")
    genome = write_toy_genome(folder / "g.fa", length=10_000)
    model = HyenaDNAConfig(backbone=BACKBONE)
    pretrain(replace(CONFIG, genome=str(genome), out=str(folder / "run"), model=model, max_steps=60))
    return folder / "run"


def options(trained, tmp_path, **more):
    genome = str(trained.parent / "g.fa")
    return replace(CONFIG, genome=genome, out=str(tmp_path / "out"), start_from=str(trained), **more)


def test_run_begins_where_the_other_one_ended(trained, tmp_path):
    first = pretrain(options(trained, tmp_path, optimizer=replace(CONFIG.optimizer, learning_rate=1e-9)))
    before, after = (HyenaDNA.from_pretrained(folder) for folder in (trained, first.folder))
    for one, two in zip(before.parameters(), after.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-6)


def test_longer_windows_keep_the_unit_of_the_filters(trained, tmp_path):
    found = pretrain(options(trained, tmp_path, length=256, batch_size=2))
    model = HyenaDNA.from_pretrained(found.folder)
    backbone = model.config.backbone
    assert (backbone.context_length, backbone.trained_length) == (256, 64)


def test_same_options_and_those_written_down_are_the_same_run(trained, tmp_path):
    config = options(trained, tmp_path)
    first = pretrain(config)
    assert not first.was_finished
    assert pretrain(config).was_finished
    resolved = yaml.safe_load((first.folder / "config.resolved.yaml").read_text())
    assert pretrain(from_mapping(PretrainConfig, resolved, "file")).was_finished


def test_run_from_other_weights_is_another_run(trained, tmp_path):
    config = options(trained, tmp_path)
    pretrain(config)
    other = HyenaDNA.from_pretrained(trained)
    with torch.no_grad():
        other.backbone.ln_f.bias.add_(1)
    other.save_pretrained(tmp_path / "other")
    with pytest.raises(InputError, match="start_fingerprint"):
        pretrain(replace(config, start_from=str(tmp_path / "other")))


def test_run_that_no_longer_begins_with_the_weights_is_another_run(trained, tmp_path):
    found = pretrain(options(trained, tmp_path))
    model = HyenaDNA.from_pretrained(found.folder).config
    with pytest.raises(InputError, match="start_fingerprint"):
        pretrain(replace(options(trained, tmp_path, model=model), start_from=None))


def test_what_the_weights_were_trained_on_is_never_held_out(trained, tmp_path):
    record = json.loads((trained / "run.json").read_text())
    for seen in (record["train"][0], record["validation"][0]):
        with pytest.raises(InputError, match=f"was trained on what is held out.*{seen.partition(':')[0]}"):
            pretrain(options(trained, tmp_path, held_out=(seen,)))


def test_run_inherits_what_the_weights_were_trained_on(trained, tmp_path):
    first = pretrain(options(trained, tmp_path, train_regions=("toy1:1-1000",)))
    second = replace(options(trained, tmp_path), start_from=str(first.folder), out=str(tmp_path / "second"))
    pretrain(second)
    first_record, record = (read_record(folder) for folder in (trained, tmp_path / "second"))
    ranges = [each["ranges"] for each in record["seen_before"]]
    assert ranges == [
        [*read_record(first.folder)["train"], *read_record(first.folder)["validation"]],
        [*first_record["train"], *first_record["validation"]],
    ]
    assert seen_ranges(tmp_path / "second")[2].ranges == tuple(ranges[1])


def test_recipe_of_the_weights_may_stand_beside_them_at_a_longer_length(trained, tmp_path):
    model = HyenaDNAConfig(backbone=BACKBONE)
    start = prepare_start(options(trained, tmp_path, model=model, length=256))
    assert start.config.model.backbone.context_length == 256


def test_model_beside_the_weights_is_refused(trained, tmp_path):
    wider = HyenaDNAConfig(backbone=replace(BACKBONE, d_model=32))
    with pytest.raises(InputError, match="the model is that of start_from"):
        prepare_start(options(trained, tmp_path, model=wider))


def test_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="none"):
        prepare_start(replace(CONFIG, start_from=str(tmp_path / "none")))
