"""What the keys of the published configurations mean.

Keys that only choose a kernel, a training option or an initial value are listed here and ignored; keys that
would change the function must be inert.
"""

from typing import Any, NamedTuple

PUBLISHED_SHIFT = 0.05
"""Shift of the standalone and -hf code; no published configuration states it."""


class Schema(NamedTuple):
    """How one published configuration maps to ours."""

    backbone: dict[str, str]
    mixer: dict[str, str]
    filter: dict[str, str]
    required: frozenset[str]
    inert: dict[str, Any]
    """Keys that would change the function, with the only value that is supported."""
    ignored: frozenset[str]

    @property
    def names(self) -> frozenset[str]:
        """Every key that is known."""
        return frozenset({*self.backbone, *self.mixer, *self.filter, *self.inert}) | self.ignored


_SHARED_BACKBONE = {
    name: name
    for name in (
        "d_model",
        "d_inner",
        "vocab_size",
        "pad_vocab_size_multiple",
        "embed_dropout",
        "layer_norm_epsilon",
    )
}
_SHARED_BACKBONE["n_layer"] = "num_layers"

ORIGINAL = Schema(
    backbone=_SHARED_BACKBONE | {"resid_dropout": "resid_dropout", "l_max": "context_length"},
    mixer={"order": "order", "short_filter_order": "short_filter_order", "dropout": "dropout"},
    filter={
        "emb_dim": "emb_dim",
        "filter_order": "filter_order",
        "num_inner_mlps": "num_inner_mlps",
        "w": "activation_frequency",
        "train_freq": "train_frequency",
        "modulate": "modulate",
        "shift": "shift",
        "fast_decay_pct": "fast_decay_fraction",
        "slow_decay_pct": "slow_decay_fraction",
        "target": "decay_target",
    },
    required=frozenset({"d_model", "n_layer", "vocab_size", "l_max", "emb_dim"}),
    inert={
        "_name_": "hyena",
        "activation": "id",
        "attn_cfg": None,
        "attn_layer_idx": None,
        "bidirectional": False,
        "inner_factor": 1,
        "max_position_embeddings": 0,
        "modulation_lr": 0.0,
        "normalized": False,
        "num_blocks": 1,
        "num_heads": 1,
        "outer_mixing": False,
        "post_order_ffn": False,
        "use_bias": True,
    },
    ignored=frozenset(
        {
            "checkpoint_mixer",
            "checkpoint_mlp",
            "filter_dropout",
            "fused_bias_fc",
            "fused_dropout_add_ln",
            "fused_fft_conv",
            "fused_mlp",
            "initializer_cfg",
            "jit_filter",
            "local_order",
            "lr",
            "lr_pos_emb",
            "residual_in_fp32",
            "return_hidden_state",
            "return_state",
            "wd",
        }
    ),
)

HF = Schema(
    backbone=_SHARED_BACKBONE | {"max_seq_len": "context_length"},
    mixer={"hyena_order": "order", "short_filter_order": "short_filter_order", "hyena_dropout": "dropout"},
    filter={
        "emb_dim": "emb_dim",
        "filter_order": "filter_order",
        "num_inner_mlps": "num_inner_mlps",
        "activation_freq": "activation_frequency",
        "train_freq": "train_frequency",
    },
    # The defaults of the published class differ from what the published models use.
    required=frozenset({"d_model", "n_layer", "vocab_size", "max_seq_len", "emb_dim", "activation_freq"}),
    inert={"model_type": "hyenadna", "use_bias": True, "hyena_filter_dropout": 0.0},
    ignored=frozenset(
        {
            "_name_or_path",
            "architectures",
            "auto_map",
            "bos_token_id",
            "dtype",
            "eos_token_id",
            "initializer_range",
            "pad_token_id",
            "problem_type",
            "sep_token_id",
            "tie_word_embeddings",
            "torch_dtype",
            "transformers_version",
            "use_cache",
        }
    ),
)
