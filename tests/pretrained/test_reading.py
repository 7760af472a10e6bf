"""Published folders: every key and tensor is understood, ignored on purpose, or refused by name."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from hyenadna_kit.errors import CheckpointError, ConfigError, HyenaDNAKitError
from hyenadna_kit.model import HyenaDNA, HyenaDNAConfig
from hyenadna_kit.pretrained.reading import load_pretrained

GOLDEN = Path(__file__).parents[1] / "data" / "golden" / "a_d16_l64"
IDS = torch.randint(0, 12, (1, 40), generator=torch.Generator().manual_seed(0))

EMBEDDING = "backbone.embeddings.word_embeddings.weight"
FILTER = "backbone.layers.0.mixer.filter_fn."

FORMATS = {
    "original": ("config.json", "weights_original.safetensors", "model."),
    "hf": ("config_hf.json", "weights_hf.safetensors", "hyena."),
}

both_formats = pytest.mark.parametrize("kind", FORMATS)


class Folder:
    """A published model whose configuration and tensors a test changes before it is read."""

    def __init__(self, path, kind):
        config, weights, self.prefix = FORMATS[kind]
        self.path, self.kind = path, kind
        self.config = json.loads((GOLDEN / config).read_text())
        self.tensors = load_file(GOLDEN / weights)
        self.head = "lm_head.weight" if kind == "hf" else "model.lm_head.weight"

    @property
    def layer(self):
        """The part of the configuration with the keys of the operator."""
        return self.config if self.kind == "hf" else self.config["layer"]

    def write(self):
        (self.path / "config.json").write_text(json.dumps(self.config))
        save_file(self.tensors, self.path / "model.safetensors")
        return self.path

    def read(self, **options):
        return HyenaDNA.from_pretrained(self.write(), **options)

    def refusal(self, error_class=HyenaDNAKitError):
        """Return the one line with which the folder is refused."""
        with pytest.raises(error_class) as error:
            self.read()
        message = str(error.value)
        assert str(self.path) in message
        assert "\n" not in message
        return message


@pytest.fixture
def folder(tmp_path):
    return lambda kind="original": Folder(tmp_path, kind)


@both_formats
def test_configuration_becomes_ours(folder, kind):
    config = folder(kind).read().config
    assert isinstance(config, HyenaDNAConfig)
    backbone, filters = config.backbone, config.backbone.mixer.filter
    assert (backbone.d_model, backbone.num_layers, backbone.d_inner) == (16, 2, 64)
    assert (backbone.context_length, backbone.vocab_size, backbone.padded_vocab_size) == (64, 12, 16)
    assert (backbone.embed_dropout, backbone.resid_dropout) == (0.1, 0.0)
    assert (backbone.mixer.order, backbone.mixer.short_filter_order) == (2, 3)
    assert (filters.emb_dim, filters.filter_order, filters.num_inner_mlps) == (5, 16, 2)
    assert filters.activation_frequency == 10.0
    assert filters.modulate
    # No published configuration states these: what its code does.
    assert filters.shift == 0.05
    assert filters.beyond_context == "truncate"
    assert filters.features == "computed"
    assert config.head.tied


@both_formats
def test_tensors_are_those_of_the_model_alone(folder, kind):
    own = {name for name, _ in folder(kind).read().named_parameters()}
    assert set(load_pretrained(folder(kind).write()).tensors) == own


# Key of the original layer, key of the -hf format, a value, and the field that takes it.
FILTER_KEYS = [
    ("num_inner_mlps", "num_inner_mlps", 3, "num_inner_mlps"),
    ("w", "activation_freq", 4, "activation_frequency"),
    ("train_freq", "train_freq", False, "train_frequency"),
    ("shift", None, 0.0, "shift"),
    ("fast_decay_pct", None, 0.5, "fast_decay_fraction"),
    ("slow_decay_pct", None, 1.25, "slow_decay_fraction"),
    ("target", None, 0.1, "decay_target"),
    ("modulate", None, False, "modulate"),
]


@pytest.mark.parametrize(("original", "hf", "value", "name"), FILTER_KEYS, ids=str)
def test_keys_of_the_filter_reach_it(folder, original, hf, value, name):
    for kind, key in (("original", original), ("hf", hf)):
        if key is None:
            continue
        published = folder(kind)
        published.layer[key] = value
        # Tables that no longer agree with their formulas would be refused.
        published.tensors = {
            tensor_name: tensor
            for tensor_name, tensor in published.tensors.items()
            if not tensor_name.endswith(("pos_emb.t", "modulation.deltas"))
        }
        config = load_pretrained(published.write()).config
        assert config["backbone"]["mixer"]["init_args"]["filter"][name] == value


@pytest.mark.parametrize(
    ("kind", "place", "key", "value", "path"),
    [
        ("original", "top", "resid_dropout", 0.2, "resid_dropout"),
        ("original", "top", "embed_dropout", 0.3, "embed_dropout"),
        ("original", "top", "layer_norm_epsilon", 1e-3, "layer_norm_epsilon"),
        ("original", "layer", "order", 3, "mixer.init_args.order"),
        ("original", "layer", "short_filter_order", 5, "mixer.init_args.short_filter_order"),
        ("original", "layer", "dropout", 0.25, "mixer.init_args.dropout"),
        ("hf", "top", "layer_norm_epsilon", 1e-3, "layer_norm_epsilon"),
        ("hf", "top", "hyena_order", 3, "mixer.init_args.order"),
        ("hf", "top", "short_filter_order", 5, "mixer.init_args.short_filter_order"),
        ("hf", "top", "hyena_dropout", 0.25, "mixer.init_args.dropout"),
    ],
)
def test_keys_of_backbone_and_mixer_reach_them(folder, kind, place, key, value, path):
    published = folder(kind)
    (published.config if place == "top" else published.layer)[key] = value
    published.tensors = {
        name: tensor for name, tensor in published.tensors.items() if not name.endswith("modulation.deltas")
    }
    found = load_pretrained(published.write()).config["backbone"]
    for part in path.split("."):
        found = found[part]
    assert found == value


IGNORED = {
    "original": {"fused_mlp": True, "checkpoint_mixer": True, "return_hidden_state": False},
    "hf": {"torch_dtype": "bfloat16", "transformers_version": "4.35.0", "use_cache": False},
}


@both_formats
def test_keys_that_do_not_change_the_function_are_ignored(folder, kind):
    expected = folder(kind).read()(IDS).logits
    published = folder(kind)
    published.config |= IGNORED[kind]
    if kind == "original":
        published.layer.update({"lr": 1.0, "wd": 3.0, "filter_dropout": 0.5, "local_order": 9})
    assert torch.equal(published.read()(IDS).logits, expected)


UNKNOWN_KEYS = [
    ("original", "top", "d_modle", "; did you mean 'd_model'?"),
    ("original", "top", "n_layers", "; did you mean 'n_layer'?"),
    ("original", "layer", "lmax", "; did you mean 'l_max'?"),
    ("original", "layer", "filter_oder", "; did you mean 'filter_order'?"),
    ("original", "layer", "zzz", "; known: _name_, activation,"),
    ("original", "layer", "two\nlines", "; known: "),
    ("hf", "top", "max_seq_length", "; did you mean 'max_seq_len'?"),
    ("hf", "top", "activation_freqs", "; did you mean 'activation_freq'?"),
    ("hf", "top", "shift", "; known: "),
]


@pytest.mark.parametrize(("kind", "place", "key", "remedy"), UNKNOWN_KEYS)
def test_unknown_key_is_refused_with_the_nearest_known_one(folder, kind, place, key, remedy):
    published = folder(kind)
    (published.config if place == "top" else published.layer)[key] = 1
    assert f"config.json: unknown key {key!r}{remedy}" in published.refusal(CheckpointError)


MISSING_KEYS = [
    *(("original", "top", key) for key in ("d_model", "n_layer", "vocab_size")),
    *(("original", "layer", key) for key in ("l_max", "emb_dim")),
    *(
        ("hf", "top", key)
        for key in ("d_model", "n_layer", "vocab_size", "max_seq_len", "emb_dim", "activation_freq")
    ),
]


@pytest.mark.parametrize(("kind", "place", "key"), MISSING_KEYS)
def test_missing_key_is_named_and_never_guessed(folder, kind, place, key):
    published = folder(kind)
    del (published.config if place == "top" else published.layer)[key]
    assert f"config.json lacks the keys ['{key}']" in published.refusal(CheckpointError)


UNSUPPORTED = [
    ("original", "_name_", "mha", "only 'hyena'"),
    ("original", "bidirectional", True, "only False"),
    ("original", "num_heads", 4, "only 1"),
    ("original", "normalized", True, "only False"),
    ("original", "modulation_lr", 1e-3, "only 0.0"),
    ("original", "use_bias", False, "only True"),
    ("hf", "use_bias", False, "only True"),
    ("hf", "hyena_filter_dropout", 0.1, "only 0.0"),
]


@pytest.mark.parametrize(("kind", "key", "value", "supported"), UNSUPPORTED)
def test_value_that_would_change_the_function_is_refused(folder, kind, key, value, supported):
    published = folder(kind)
    published.layer[key] = value
    assert f"{key}={value!r} is not supported, {supported}" in published.refusal(CheckpointError)


BAD_VALUES = [
    ("d_model", "16", "d_model: expected int, got '16'"),
    ("d_model", 16.5, "d_model: expected int, got 16.5"),
    ("d_model", True, "d_model: expected int, got True"),
    ("n_layer", 0, "num_layers must be at least 1, got 0"),
    ("embed_dropout", None, "embed_dropout: expected float, got None"),
    ("emb_dim", 4, "emb_dim must be odd and at least 3, got 4"),
    ("short_filter_order", 0, "short_filter_order >= 1, got 2 and 0"),
]


@pytest.mark.parametrize(("key", "value", "message"), BAD_VALUES)
@both_formats
def test_value_of_the_wrong_kind_is_refused(folder, kind, key, value, message):
    published = folder(kind)
    (published.config if key in published.config else published.layer)[key] = value
    assert message in published.refusal(ConfigError)


@pytest.mark.parametrize(
    "config",
    [{}, {"model_type": "bert"}, {"layer": 3}, {"format": "hyenadna_kit.model/2", "config": {}}],
    ids=["empty", "another model", "layer is no object", "later format"],
)
def test_folder_of_no_known_format_is_refused(folder, config):
    published = folder()
    published.config = config
    message = published.refusal(CheckpointError)
    assert "is of no known format: expected format 'hyenadna_kit.model/1', model_type 'hyenadna'" in message
    assert f"got the keys {sorted(config)}" in message


def test_missing_folder_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"model folder .*LongSafari.* does not exist"):
        HyenaDNA.from_pretrained(tmp_path / "LongSafari" / "hyenadna-tiny-1k-seqlen")


def test_folder_without_weights_is_refused(folder):
    published = folder()
    published.write()
    (published.path / "model.safetensors").unlink()
    with pytest.raises(CheckpointError) as error:
        HyenaDNA.from_pretrained(published.path)
    expected = "has no weights: none of model.safetensors, weights.ckpt, weights.safetensors"
    assert str(error.value) == f"{published.path} {expected}"


def rename(tensors, old, new):
    tensors[new] = tensors.pop(old)


TENSOR_CHANGES = {
    "missing": (
        lambda tensors, prefix: tensors.pop(f"{prefix}backbone.ln_f.bias"),
        "does not fit its config.json: missing backbone.ln_f.bias",
    ),
    "extra": (
        lambda tensors, prefix: tensors.update({"decoder.0.output_transform.weight": torch.ones(2)}),
        "unexpected 'decoder.0.output_transform.weight'",
    ),
    "misspelt": (
        lambda tensors, prefix: rename(tensors, f"{prefix}backbone.ln_f.bias", f"{prefix}backbone.lnf.bias"),
        "missing backbone.ln_f.bias; unexpected 'backbone.lnf.bias'",
    ),
    "layer too many": (
        lambda tensors, prefix: tensors.update({f"{prefix}backbone.layers.2.norm1.bias": torch.ones(16)}),
        "unexpected 'backbone.layers.2.norm1.bias'",
    ),
    "foreign shape": (
        lambda tensors, prefix: tensors.update({f"{prefix}{FILTER}bias": torch.ones(17)}),
        f"{FILTER}bias has shape (17,), expected (16,)",
    ),
    "foreign embedding": (
        lambda tensors, prefix: tensors.update({f"{prefix}{EMBEDDING}": torch.ones(24, 16)}),
        f"{EMBEDDING} has shape (24, 16), expected (16, 16)",
    ),
    "integers": (
        lambda tensors, prefix: tensors.update({f"{prefix}{FILTER}bias": torch.ones(16, dtype=torch.int8)}),
        f"{FILTER}bias holds torch.int8, expected torch.float32",
    ),
    "z of another length": (
        lambda tensors, prefix: tensors.update({f"{prefix}{FILTER}pos_emb.z": torch.ones(1, 65, 5)}),
        f"'{FILTER}pos_emb.z' has shape (1, 65, 5), expected (1, 64, 5)",
    ),
    "t of another length": (
        lambda tensors, prefix: tensors.update({f"{prefix}{FILTER}pos_emb.t": torch.ones(1, 65, 1)}),
        f"'{FILTER}pos_emb.t' has shape (1, 65, 1), expected (1, 64, 1)",
    ),
    "deltas of another width": (
        lambda tensors, prefix: tensors.update({f"{prefix}{FILTER}modulation.deltas": torch.ones(1, 1, 8)}),
        f"'{FILTER}modulation.deltas' has shape (1, 1, 8), expected (1, 1, 16)",
    ),
    "trained deltas": (
        lambda tensors, prefix: tensors[f"{prefix}{FILTER}modulation.deltas"].mul_(1.001),
        f"'{FILTER}modulation.deltas' differs from its formula: trained decays are not supported",
    ),
    "trained times": (
        lambda tensors, prefix: tensors[f"{prefix}{FILTER}pos_emb.t"][0, 5].add_(1e-3),
        f"'{FILTER}pos_emb.t' differs from its formula",
    ),
    "deltas that are no number": (
        lambda tensors, prefix: tensors[f"{prefix}{FILTER}modulation.deltas"].fill_(float("nan")),
        "differs from its formula",
    ),
    "frequencies that differ": (
        lambda tensors, prefix: tensors.update(
            {f"{prefix}{FILTER}implicit_filter.5.freq": torch.full((1, 16), 3.0)}
        ),
        f"'{FILTER}implicit_filter.1.freq'",
    ),
    "two spellings that differ": (
        lambda tensors, prefix: tensors.update(
            {f"{prefix}backbone.layers.0.mlp.layer.fc2.bias": torch.ones(16)}
        ),
        "differs from another spelling of 'backbone.layers.0.mlp.fc2.bias'",
    ),
}


@pytest.mark.parametrize(("change", "message"), TENSOR_CHANGES.values(), ids=TENSOR_CHANGES.keys())
@both_formats
def test_tensors_that_are_not_those_of_the_configuration_are_refused(folder, kind, change, message):
    published = folder(kind)
    change(published.tensors, published.prefix)
    assert message in published.refusal(CheckpointError)


@both_formats
def test_head_that_is_a_scalar_is_refused(folder, kind):
    published = folder(kind)
    published.tensors[published.head] = torch.tensor(1.0)
    assert "head.weight has shape (), expected (16, 16)" in published.refusal(CheckpointError)


@both_formats
def test_file_without_embedding_is_refused(folder, kind):
    published = folder(kind)
    del published.tensors[published.prefix + EMBEDDING]
    assert f"missing {EMBEDDING}" in published.refusal(CheckpointError)


@both_formats
def test_head_equal_to_the_embedding_or_absent_is_tied(folder, kind):
    expected = folder(kind).read()
    published = folder(kind)
    del published.tensors[published.head]
    model = published.read()
    assert model.config.head.tied
    assert expected.config.head.tied
    assert torch.equal(model(IDS).logits, expected(IDS).logits)


@both_formats
def test_head_that_differs_from_the_embedding_is_untied(folder, kind):
    published = folder(kind)
    published.tensors[published.head] = published.tensors[published.head].clone()
    published.tensors[published.head][3, 2] += 1e-3
    model = published.read()
    assert not model.config.head.tied
    assert torch.equal(model.head.weight, published.tensors[published.head])
    out = model(IDS)
    torch.testing.assert_close(out.logits, out.last_hidden_state @ model.head.weight.T)


@pytest.mark.parametrize(
    ("kind", "rate", "features"),
    [
        ("original", 0.0, "stored"),
        ("original", None, "stored"),
        ("original", 1e-5, "learned"),
        ("hf", None, "learned"),
    ],
)
def test_position_features_that_deviate_are_kept(folder, kind, rate, features):
    published = folder(kind)
    published.layer.pop("lr_pos_emb", None)
    if rate is not None:
        published.layer["lr_pos_emb"] = rate
    name = f"{FILTER}pos_emb.z"
    z = published.tensors[published.prefix + name].clone()
    z[0, 10, 1] += 0.01
    published.tensors[published.prefix + name] = z
    model = published.read()
    assert model.config.backbone.mixer.filter.features == features
    parameter = dict(model.named_parameters())[name]
    assert torch.equal(parameter, z)
    assert parameter.requires_grad == (features == "learned")


@both_formats
def test_position_features_within_rounding_are_computed(folder, kind):
    published = folder(kind)
    published.tensors[f"{published.prefix}{FILTER}pos_emb.z"] += 2e-6
    assert published.read().config.backbone.mixer.filter.features == "computed"


@both_formats
def test_tables_need_not_be_stored(folder, kind):
    expected = folder(kind).read()(IDS).logits
    published = folder(kind)
    tables = (".pos_emb.z", ".pos_emb.t", ".modulation.deltas")
    published.tensors = {n: tensor for n, tensor in published.tensors.items() if not n.endswith(tables)}
    assert torch.equal(published.read()(IDS).logits, expected)


def test_sign_of_the_stored_deltas_does_not_count(folder):
    expected = folder().read()(IDS).logits
    published = folder()
    for index in range(2):
        published.tensors[f"model.backbone.layers.{index}.mixer.filter_fn.modulation.deltas"].neg_()
    assert torch.equal(published.read()(IDS).logits, expected)


def test_filters_without_modulation_need_no_decays(folder):
    published = folder()
    published.layer["modulate"] = False
    published.tensors[f"model.{FILTER}modulation.deltas"].mul_(2)
    assert not published.read().config.backbone.mixer.filter.modulate


@pytest.mark.parametrize("alias", [3, 5])
def test_frequency_is_found_under_any_of_its_names(folder, alias):
    published = folder()
    expected = published.read()(IDS).logits
    for name in [name for name in published.tensors if name.endswith(".freq")]:
        if f".{alias}.freq" not in name:
            del published.tensors[name]
    assert torch.equal(published.read()(IDS).logits, expected)


@both_formats
def test_tensors_of_metrics_are_dropped(folder, kind):
    published = folder(kind)
    published.tensors["train_torchmetrics.accuracy.total"] = torch.ones(1)
    published.read()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_weights_of_any_precision_are_read_in_float32(folder, dtype):
    published = folder()
    exact = published.tensors[f"model.{FILTER}bias"]
    published.tensors = {
        name: tensor if name.endswith(("z", ".t", "deltas")) else tensor.to(dtype)
        for name, tensor in published.tensors.items()
    }
    model = published.read()
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert torch.equal(model.backbone.layers[0].mixer.filter_fn.bias, exact.to(dtype).float())


def test_reading_is_the_same_every_time_and_in_eval_mode(folder):
    published = folder()
    torch.manual_seed(1)
    one = published.read()
    torch.manual_seed(2)
    other = published.read()
    assert not one.training
    assert torch.equal(one(IDS).logits, other(IDS).logits)


@both_formats
def test_published_model_saved_as_ours_is_the_same(folder, kind, tmp_path):
    model = folder(kind).read()
    model.save_pretrained(tmp_path / "ours")
    again = HyenaDNA.from_pretrained(tmp_path / "ours")
    assert again.config == model.config
    assert torch.equal(again(IDS).logits, model(IDS).logits)
    with pytest.warns(UserWarning, match="does not decay"):
        HyenaDNA.from_pretrained(tmp_path / "ours", beyond_context="continue")(torch.zeros(1, 65).long())


CHECKPOINTS = {
    "no dictionary": (["state_dict"], "has no 'state_dict': not a Lightning checkpoint"),
    "other key": ({"model": {}}, "has no 'state_dict': not a Lightning checkpoint"),
    "no tensors": ({"state_dict": 3}, "has no 'state_dict': not a Lightning checkpoint"),
    "empty": ({"state_dict": {}}, "does not fit its config.json: it has 0 layers, expected 2"),
    "no names": ({"state_dict": {3: torch.ones(1)}}, "it has 0 layers, expected 2"),
    "text for a tensor": ({"state_dict": {"model." + EMBEDDING: "x"}}, "it has 0 layers, expected 2"),
}


@pytest.mark.parametrize(("content", "message"), CHECKPOINTS.values(), ids=CHECKPOINTS.keys())
def test_ckpt_that_is_no_lightning_checkpoint_is_refused(tmp_path, content, message):
    (tmp_path / "config.json").write_bytes((GOLDEN / "config.json").read_bytes())
    torch.save(content, tmp_path / "weights.ckpt")
    with pytest.raises(CheckpointError) as error:
        HyenaDNA.from_pretrained(tmp_path)
    found = str(error.value)
    assert message in found
    assert str(tmp_path) in found
    assert "\n" not in found


def test_ckpt_cut_short_is_refused(tmp_path):
    (tmp_path / "config.json").write_bytes((GOLDEN / "config.json").read_bytes())
    whole = (GOLDEN / "weights.ckpt").read_bytes()
    (tmp_path / "weights.ckpt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match=r"weights\.ckpt is cut short"):
        HyenaDNA.from_pretrained(tmp_path)


def test_safetensors_cut_short_are_refused(folder):
    published = folder()
    path = published.write() / "model.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(CheckpointError, match=r"model\.safetensors are damaged or cut short"):
        HyenaDNA.from_pretrained(published.path)
