"""Windows that are spread over processes: what must hold, and who shares one (context parallelism)."""

from collections.abc import Iterable

from torch.distributed.device_mesh import init_device_mesh

from hyenadna_kit.backbone.context_parallel import check_context_parallel, spread_context
from hyenadna_kit.devices import pick_device
from hyenadna_kit.errors import InputError
from hyenadna_kit.model import HyenaDNA
from hyenadna_kit.ops.shards import Shards
from hyenadna_kit.training.pretrain_config import PretrainConfig
from hyenadna_kit.training.processes import Processes


def check_spread(config: PretrainConfig, processes: Processes, lengths: Iterable[int] = ()) -> None:
    """Do nothing where windows of these lengths can be spread as the options say.

    Raises:
        InputError: Over so many processes they cannot.
    """
    count = config.context_parallel
    if processes.count % count:
        raise InputError(
            f"context_parallel must divide the processes of the run, got {count} for {processes.count}; "
            "name --devices, or start more with torchrun or srun"
        )
    if count > 1 and config.model.both_strands:
        raise InputError(
            f"context_parallel {count} is for models that read one strand; leave it or both_strands out"
        )
    check_context_parallel(config.model.backbone, count, lengths)


def spread_windows(model: HyenaDNA, config: PretrainConfig, processes: Processes) -> None:
    """Let the model take shards of windows that neighbouring processes, now connected, share."""
    if config.context_parallel == 1:
        return
    mesh = init_device_mesh(
        pick_device("auto").type,
        (processes.count // config.context_parallel, config.context_parallel),
        mesh_dim_names=("data", "context"),
    )
    spread_context(model.backbone, Shards(mesh["context"].get_group()))
