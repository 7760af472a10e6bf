"""Call a function in several processes that are connected by Gloo, and collect what it returns."""

import pickle
import tempfile
from pathlib import Path

from tests.training import command


def in_processes(function, count, *arguments):
    """Return what ``function(*arguments)`` returns in each of ``count`` processes, by rank.

    The function lies in a module; inside it ``torch.distributed`` is set up.
    """
    with tempfile.TemporaryDirectory() as folder:
        started = [
            command.CONTEXT.Process(target=_call, args=(function, arguments, rank, count, folder))
            for rank in range(count)
        ]
        for process in started:
            process.start()
        for process in started:
            process.join(command.SECONDS)
        statuses = [process.exitcode for process in started]
        for process in started:
            process.kill()
        assert statuses == [0] * count
        return [pickle.loads((Path(folder) / str(rank)).read_bytes()) for rank in range(count)]


def _call(function, arguments, rank, count, folder):
    import torch
    from torch import distributed

    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=count)
    (Path(folder) / str(rank)).write_bytes(pickle.dumps(function(*arguments)))
    distributed.barrier()
