"""A model of ours as the published repositories have theirs: their files by name."""

import json

import torch
from safetensors.torch import load_file

_LAYER = {
    "_name_": "hyena",
    "emb_dim": 5,
    "filter_order": 64,
    "short_filter_order": 3,
    "modulate": True,
    "w": 10,
    "lr": 6e-4,
    "wd": 0.0,
    "lr_pos_emb": 0.0,
}


def published_files(model, folder):
    """Return the files of an ``-hf`` repository."""
    model.save_pretrained(folder, layout="hf")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def original_files(model, folder):
    """Return those of a repository of the original format: keyword arguments and a Lightning checkpoint."""
    model.save_pretrained(folder, layout="hf")
    tensors = load_file(folder / "model.safetensors")
    state = {"model." + name.removeprefix("hyena."): tensor for name, tensor in tensors.items()}
    for name in [name for name in state if name.endswith(".implicit_filter.1.freq")]:
        for place in (3, 5):
            state[name.replace(".1.freq", f".{place}.freq")] = state[name]
    state["train_torchmetrics.accuracy.total"] = torch.zeros(1)
    backbone = model.config.backbone
    config = {
        "d_model": backbone.d_model,
        "n_layer": backbone.num_layers,
        "d_inner": 4 * backbone.d_model,
        "vocab_size": 12,
        "resid_dropout": 0.0,
        "embed_dropout": 0.1,
        "fused_mlp": False,
        "fused_dropout_add_ln": False,
        "residual_in_fp32": True,
        "pad_vocab_size_multiple": 8,
        "return_hidden_state": True,
        "layer": _LAYER | {"l_max": backbone.context_length},
    }
    torch.save({"state_dict": state, "epoch": 99}, folder / "weights.ckpt")
    return {
        "config.json": json.dumps(config).encode(),
        "weights.ckpt": (folder / "weights.ckpt").read_bytes(),
    }
