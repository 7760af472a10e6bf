"""What misleads readers of published weights: each against a direct sum over the tensors of the file."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from hyenadna_kit.model import HyenaDNA
from tests.oracles import direct_hyena

WIDTH, LAYERS, FILTER_ORDER = 8, 2, 16
TIED = "backbone.embeddings.word_embeddings.weight"


def published_config(**layer):
    """Return keyword arguments of the published code."""
    top = {name: layer.pop(name) for name in ("d_inner", "checkpoint_mixer") if name in layer}
    return {
        "d_model": WIDTH,
        "n_layer": LAYERS,
        "d_inner": 4 * WIDTH,
        "vocab_size": 12,
        "pad_vocab_size_multiple": 8,
        "layer": {
            "_name_": "hyena",
            "emb_dim": 5,
            "filter_order": FILTER_ORDER,
            "l_max": 64,
            "lr_pos_emb": 0.0,
        }
        | layer,
    } | top


def published_tensors(config, seed=0):
    """Return random weights and the tables of the formulas, under the names of the published code."""
    generator = torch.Generator().manual_seed(seed)
    layer, filter_order = config["layer"], FILTER_ORDER
    order, emb_dim, l_max = layer.get("order", 2), layer["emb_dim"], layer["l_max"]
    channels, projections, inner = WIDTH * (order - 1), WIDTH * (order + 1), config["d_inner"]
    shapes = {
        "mixer.in_proj": (projections, WIDTH),
        "mixer.out_proj": (WIDTH, WIDTH),
        "mixer.short_filter": (projections, 1, 3),
        "mixer.filter_fn.implicit_filter.0": (filter_order, emb_dim),
        "mixer.filter_fn.implicit_filter.2": (filter_order, filter_order),
        "mixer.filter_fn.implicit_filter.4": (filter_order, filter_order),
        "mlp.fc1": (inner, WIDTH),
        "mlp.fc2": (WIDTH, inner),
        "norm1": (WIDTH,),
        "norm2": (WIDTH,),
    }
    draw = lambda *shape: 0.5 * torch.randn(*shape, generator=generator)  # noqa: E731
    tensors = {TIED: draw(16, WIDTH)}
    for index in range(LAYERS):
        prefix = f"backbone.layers.{index}."
        for name, shape in shapes.items():
            tensors |= {f"{prefix}{name}.weight": draw(*shape), f"{prefix}{name}.bias": draw(shape[0])}
        own = prefix + "mixer.filter_fn."
        frequency = 4 + draw(1, filter_order)
        tensors |= {f"{own}implicit_filter.{place}.freq": frequency.clone() for place in (1, 3, 5)}
        tensors |= {
            f"{own}implicit_filter.6.weight": draw(channels, filter_order),
            f"{own}bias": draw(channels),
            f"{own}pos_emb.z": torch.from_numpy(direct_hyena.position_features(l_max, emb_dim, l_max))[
                None
            ].float(),
            f"{own}pos_emb.t": torch.linspace(0, 1, l_max)[None, :, None],
            f"{own}modulation.deltas": torch.linspace(
                np.log(1e-2) / 1.5, np.log(1e-2) / 0.3, channels, dtype=torch.float64
            )[None, None].float(),
        }
    tensors |= {"backbone.ln_f.weight": draw(WIDTH), "backbone.ln_f.bias": draw(WIDTH)}
    return tensors


def as_hf(config, tensors):
    """Return a model as its ``-hf`` repository has it."""
    layer = config["layer"]
    own = {
        "model_type": "hyenadna",
        "d_model": WIDTH,
        "n_layer": LAYERS,
        "d_inner": config["d_inner"],
        "vocab_size": 12,
        "pad_vocab_size_multiple": 8,
        "max_seq_len": layer["l_max"],
        "emb_dim": layer["emb_dim"],
        "filter_order": FILTER_ORDER,
        "activation_freq": 10,
        "hyena_order": 2,
        "short_filter_order": 3,
        "tie_word_embeddings": False,
    }
    aliases = (".implicit_filter.3.freq", ".implicit_filter.5.freq")
    return own, {
        (name if name == "lm_head.weight" else "hyena." + name): tensor
        for name, tensor in tensors.items()
        if not name.endswith(aliases)
    }


def published_logits(config, tensors, ids):
    """Return what the published code computes, in float64 and from its formulas."""
    layer = config["layer"]
    exact = {name: tensor.double().numpy() for name, tensor in tensors.items()}
    if "lm_head.weight" in exact:
        exact["head.weight"] = exact.pop("lm_head.weight")
    if not layer["lr_pos_emb"]:
        exact = {name: tensor for name, tensor in exact.items() if not name.endswith("pos_emb.z")}
    options = direct_hyena.Options(
        context_length=layer["l_max"],
        order=layer.get("order", 2),
        modulate=layer.get("modulate", True),
        shift=layer.get("shift", 0.05),
    )
    return direct_hyena.model_logits(exact, options, ids.numpy())


def our_logits(folder, config, tensors, ids):
    """Return those of the model that is read from the files."""
    (folder / "config.json").write_text(json.dumps(config))
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "model.safetensors")
    return HyenaDNA.from_pretrained(folder).double()(ids).logits.detach().numpy()


def original(tensors):
    """Return tensors under the names of a Lightning checkpoint; a tied head stands there once more."""
    head = {"lm_head.weight": tensors[TIED].clone()}
    return {f"model.{name}": tensor for name, tensor in (head | tensors).items()}


TRAPS = {
    "shift 0.05 though no key says so": {},
    "shift 0": {"shift": 0.0},
    "order 3": {"order": 3},
    "no modulation": {"modulate": False},
    "l_max not round": {"l_max": 130, "emb_dim": 7},
    "l_max a prime": {"l_max": 61, "emb_dim": 3},
    "inner width of its own": {"d_inner": 24},
    "z a parameter": {"lr_pos_emb": 1e-5},
}


@pytest.mark.parametrize("layer", TRAPS.values(), ids=TRAPS)
def test_logits_are_those_of_the_published_formulas(layer, tmp_path):
    config = published_config(**layer)
    tensors = published_tensors(config)
    if config["layer"]["lr_pos_emb"]:
        for name in [name for name in tensors if name.endswith("pos_emb.z")]:
            tensors[name] += 0.05 * torch.randn(
                tensors[name].shape, generator=torch.Generator().manual_seed(1)
            )
    ids = torch.randint(0, 12, (2, config["layer"]["l_max"]), generator=torch.Generator().manual_seed(2))
    found = our_logits(tmp_path, config, original(tensors), ids)
    assert np.abs(found - published_logits(config, tensors, ids)).max() < 1e-9


# What a reader who overlooks the trap would compute differs by far more than rounding.
@pytest.mark.parametrize(
    ("layer", "overlooked"),
    [
        ({}, {"shift": 0.0}),
        ({"modulate": False}, {"modulate": True}),
        ({"lr_pos_emb": 1e-5}, {"lr_pos_emb": 0.0}),
        ({"l_max": 130}, {"l_max": 132}),
    ],
    ids=["shift", "modulation", "z", "l_max"],
)
def test_a_trap_that_is_overlooked_shows(layer, overlooked):
    config = published_config(**layer)
    tensors = published_tensors(config)
    for name in [name for name in tensors if name.endswith("pos_emb.z")]:
        tensors[name] += 0.05
    ids = torch.randint(0, 12, (1, 50), generator=torch.Generator().manual_seed(2))
    other = published_config(**(layer | overlooked))
    assert np.abs(published_logits(config, tensors, ids) - published_logits(other, tensors, ids)).max() > 1e-3


@pytest.mark.parametrize("untied", [False, True], ids=["tied", "untied"])
@pytest.mark.parametrize("kind", ["original", "hf"])
def test_tied_and_untied_heads(kind, untied, tmp_path):
    config = published_config()
    tensors = published_tensors(config)
    if untied:
        tensors["lm_head.weight"] = published_tensors(config, seed=3)[TIED]
    ids = torch.randint(0, 12, (2, 40), generator=torch.Generator().manual_seed(2))
    files = as_hf(config, tensors) if kind == "hf" else (config, original(tensors))
    found = our_logits(tmp_path, *files, ids)
    assert np.abs(found - published_logits(config, tensors, ids)).max() < 1e-9


def test_stored_z_of_the_hf_layout_is_read_where_it_was_trained(tmp_path):
    config = published_config(lr_pos_emb=1e-5)
    tensors = published_tensors(config)
    for name in [name for name in tensors if name.endswith("pos_emb.z")]:
        tensors[name] += 0.05
    ids = torch.randint(0, 12, (2, 64), generator=torch.Generator().manual_seed(2))
    found = our_logits(tmp_path, *as_hf(config, tensors), ids)
    assert np.abs(found - published_logits(config, tensors, ids)).max() < 1e-9


@pytest.mark.parametrize("parts", [("mixer",), ("mlp",), ("mixer", "mlp")], ids="+".join)
def test_names_of_gradient_checkpointing(parts, tmp_path):
    config = published_config()
    tensors = published_tensors(config)
    renamed = original(tensors)
    for part in parts:
        renamed = {name.replace(f".{part}.", f".{part}.layer."): tensor for name, tensor in renamed.items()}
    ids = torch.randint(0, 12, (2, 64), generator=torch.Generator().manual_seed(2))
    found = our_logits(tmp_path, config, renamed, ids)
    assert np.abs(found - published_logits(config, tensors, ids)).max() < 1e-9


@pytest.mark.parametrize("kept", [(1, 3, 5), (1,), (3,), (5,)], ids=str)
def test_one_frequency_under_three_names(kept, tmp_path):
    config = published_config()
    tensors = published_tensors(config)
    absent = [f".implicit_filter.{place}.freq" for place in (1, 3, 5) if place not in kept]
    files = {name: t for name, t in original(tensors).items() if not name.endswith(tuple(absent))}
    ids = torch.randint(0, 12, (2, 64), generator=torch.Generator().manual_seed(2))
    found = our_logits(tmp_path, config, files, ids)
    assert np.abs(found - published_logits(config, tensors, ids)).max() < 1e-9
