"""Which windows can be spread over the processes of a run."""

from dataclasses import replace

import pytest

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.mixers.attention import AttentionConfig
from hyenadna_kit.errors import InputError
from hyenadna_kit.heads.masked_language_model import MaskedLanguageModelHeadConfig
from hyenadna_kit.model import HyenaDNAConfig
from hyenadna_kit.training.pretrain_config import PretrainConfig
from hyenadna_kit.training.processes import Processes
from hyenadna_kit.training.spread import check_spread

MODEL = HyenaDNAConfig(backbone=BackboneConfig(d_model=8, context_length=32))
BOTH_STRANDS = replace(MODEL, head=MaskedLanguageModelHeadConfig(), both_strands=True)
CONFIG = PretrainConfig(genome="g", out="o", model=MODEL)


@pytest.mark.parametrize(
    ("context", "count", "lengths"), [(1, 3, [5]), (2, 2, [32]), (2, 6, [16, 32]), (4, 4, [8]), (8, 8, [16])]
)
def test_windows_are_spread_where_everything_divides(context, count, lengths):
    check_spread(replace(CONFIG, context_parallel=context), Processes(per_node=count), lengths)


REFUSED = {
    "too many": (CONFIG, 4, 2, "must divide the processes of the run, got 4 for 2"),
    "one left over": (CONFIG, 2, 3, "must divide the processes of the run, got 2 for 3"),
    "both strands": (
        replace(CONFIG, model=BOTH_STRANDS),
        2,
        2,
        "context_parallel 2 is for models that read one",
    ),
    "length": (CONFIG, 2, 2, "got 2 for windows of 33"),
}


@pytest.mark.parametrize(("config", "context", "count", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_does_not_divide_is_refused_with_both_numbers(config, context, count, message):
    with pytest.raises(InputError, match=message):
        check_spread(replace(config, context_parallel=context), Processes(per_node=count), [32, 33])


def test_models_of_both_strands_and_attention_train_in_whole_windows():
    attention = replace(MODEL, backbone=replace(MODEL.backbone, mixer=AttentionConfig(num_heads=2)))
    for model in (BOTH_STRANDS, attention):
        check_spread(replace(CONFIG, model=model), Processes(per_node=4), [33])
