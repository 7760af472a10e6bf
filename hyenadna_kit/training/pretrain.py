"""Pretraining: data, model, trainer, and a model folder in the end."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from lightning import seed_everything

from hyenadna_kit.backbone.memory import in_words
from hyenadna_kit.config import to_mapping
from hyenadna_kit.devices import available_memory, pick_device
from hyenadna_kit.errors import InputError
from hyenadna_kit.files import locked
from hyenadna_kit.planning import check_training, recomputes
from hyenadna_kit.training.callbacks import announce
from hyenadna_kit.training.checkpoint_io import has_checkpoint
from hyenadna_kit.training.datamodule import PretrainingData
from hyenadna_kit.training.meeting import Meeting, Prepared
from hyenadna_kit.training.module import BITS_PER_BASE, JointTrainingModule, TrainingModule
from hyenadna_kit.training.pretrain_config import PretrainConfig
from hyenadna_kit.training.pretrain_data import DataPlan, plan_data
from hyenadna_kit.training.processes import Processes, find_processes
from hyenadna_kit.training.run_folder import RunFolder, telling_how_to_go_on
from hyenadna_kit.training.spread import check_spread, spread_windows
from hyenadna_kit.training.start import Start, prepare_start
from hyenadna_kit.training.tensorboard_rows import require_tensorboard
from hyenadna_kit.training.trainer import build_trainer, fit, validate


@dataclass(frozen=True)
class PretrainResult:
    """What a run came to."""

    folder: Path
    """The run, which is a model folder."""
    steps: int
    """Steps taken in all."""
    validation_bits_per_base: float
    """On the validation part, after the last step."""
    was_finished: bool
    """The folder held the trained model before: nothing was done."""
    rank: int = 0
    """Number of this process among those of the run; the first, 0, wrote the folder."""


def pretrain(config: PretrainConfig) -> PretrainResult:
    """Train, or go on training, until ``max_steps``; then write the model into the run folder.

    With several processes each calls this; what they are asked for is what torchrun or srun started, or
    what the first one starts.

    Raises:
        InputError: The genome is too short, regions overlap, the folder holds another run, or the processes
            are not as many as asked for.
        CheckpointError: The checkpoint of the run is damaged, or the model that it starts from.
        MemoryLimitError: A step needs more memory than there is.
        TrainingError: The loss is no number, the disk is full, or another process of the run has ended.
        SystemExit: The process was sent SIGTERM; the status is 143, and the run can go on. Or it is not the
            first one, which says what is wrong; the status is 1.
    """
    processes = find_processes(config.devices, config.num_nodes)
    config = _as_it_runs(config, processes)
    folder = RunFolder(Path(config.out))
    with ExitStack() as held:
        meeting = held.enter_context(Meeting(processes))
        prepared, found = meeting.hear(partial(_prepare, config, folder, processes, held))
        bits = prepared.final_bits
        if bits is not None:
            return PretrainResult(folder.path, config.max_steps, bits, was_finished=True, rank=processes.rank)
        with meeting.connected(pick_device("auto"), "pretrain", to_mapping(config)), telling_how_to_go_on():
            start, plan = found or _prepare_alike(config, folder)
            bits = _train(start, plan, prepared, folder, processes)
    return PretrainResult(folder.path, config.max_steps, bits, was_finished=False, rank=processes.rank)


def _as_it_runs(config: PretrainConfig, processes: Processes) -> PretrainConfig:
    """Return the options with the processes there are: they decide what a step is made of."""
    if processes.count == 1:
        return replace(config, devices=None, num_nodes=None)
    return replace(config, devices=processes.per_node, num_nodes=processes.num_nodes)


def _prepare(
    config: PretrainConfig, folder: RunFolder, processes: Processes, held: ExitStack
) -> tuple[Prepared, tuple[Start, DataPlan]]:
    """Begin the run in its folder, or find that it is finished; ``held`` keeps others out of it."""
    if config.tensorboard:
        require_tensorboard()
    folder.refuse_foreign()
    start = prepare_start(config)
    check_spread(start.config, processes)
    device = pick_device("auto")
    for mixer in start.config.model.backbone.mixers:
        mixer.check_device(device)
    held.enter_context(_alone_in(folder))
    plan = plan_data(start.config, folder)
    check_spread(start.config, processes, lengths=plan.lengths.all)
    options, record = to_mapping(start.config), plan.record | start.record
    folder.refuse_other(options, record)
    prepared = Prepared(final_bits=folder.final_bits(config.max_steps))
    if prepared.final_bits is None:
        goes_on = has_checkpoint(folder.checkpoint)
        recompute = _check_memory(start.config, plan.lengths.final, processes)
        prepared = Prepared(recompute=recompute, goes_on=goes_on)
    folder.start(options, record)
    return prepared, (start, plan)


def _prepare_alike(config: PretrainConfig, folder: RunFolder) -> tuple[Start, DataPlan]:
    """Return what the first process found, in another one."""
    start = prepare_start(config)
    return start, plan_data(start.config, folder)


def _check_memory(config: PretrainConfig, length: int, processes: Processes) -> bool:
    """Say what a step takes and whether to recompute activations; refuse what does not fit into memory."""
    device = pick_device("auto")
    # The processes of a machine share its memory, unless each has that of a GPU.
    sharing = processes.per_node if device.type == "cpu" else 1
    size = config.model.pass_size(config.batch_size, length // config.context_parallel)
    recompute = recomputes(config.recompute, size, device, config.precision, processes=sharing)
    needed = check_training(
        config.model, size, device, config.precision, recompute=recompute, processes=sharing
    )
    room = available_memory(device)
    of_room = "" if room is None else f" of {in_words(room)} that are free on {device}"
    each = f" of {sharing} processes" if sharing > 1 else ""
    beside = (
        f"; those beside this one take {in_words(needed.others)} for PyTorch itself" if needed.others else ""
    )
    again = "; activations are computed again in the backward pass" if recompute else ""
    announce(
        f"a step takes {in_words(needed.tensors)}{of_room}: weights, gradients, moments and activations"
        f"{each}{beside}{again}"
    )
    return recompute


def _train(
    start: Start, plan: DataPlan, prepared: Prepared, folder: RunFolder, processes: Processes
) -> float:
    """Train in this process, and return the bits per base in the end; the first one writes the model."""
    config = start.config
    seed_everything(config.seed, verbose=False)
    model = start.fresh_model()
    model.backbone.recompute_activations(enabled=prepared.recompute)
    spread_windows(model, config, processes)
    kind = TrainingModule if processes.count == 1 else JointTrainingModule
    module = kind(model, config.optimizer, max_steps=config.max_steps, seed=config.seed)
    data = PretrainingData(
        plan,
        batch_size=config.batch_size,
        num_workers=config.num_workers,
        context_parallel=config.context_parallel,
    )
    trainer = build_trainer(config, BITS_PER_BASE, folder, processes)
    fit(trainer, module, data, folder, goes_on=prepared.goes_on)
    # The first process alone knows what was measured, and all take part in measuring.
    if trainer.strategy.broadcast(folder.validation_at(config.max_steps) is None):
        validate(trainer, module, data)
    if processes.is_first:
        module.model.save_pretrained(folder.path)
    bits: float | None = trainer.strategy.broadcast(folder.validation_at(config.max_steps))
    assert bits is not None
    return bits


@contextmanager
def _alone_in(folder: RunFolder) -> Iterator[None]:
    """Hold the lock of a run, or raise InputError where another process trains in the folder.

    Folders that are made for it and stay empty are taken away again.
    """

    def refuse() -> None:
        """Say that the folder is in use."""
        raise InputError(
            f"another process is training in {folder.path}; wait until it ends, or choose another --out"
        )

    path = folder.path.resolve()
    made = [place for place in path.parents if not place.exists()]
    try:
        with locked(path, on_wait=refuse):
            yield
    finally:
        with suppress(OSError):
            for place in made:
                place.rmdir()
