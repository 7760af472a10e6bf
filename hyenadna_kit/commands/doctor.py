"""``hyenadna-kit doctor``: this machine in, what runs on it, how fast a way, and what is missing out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from hyenadna_kit.commands.installation import Extra, Program
    from hyenadna_kit.commands.machine import Gpu, Memory, Processor
    from hyenadna_kit.ops.inventory import OperatorOnDevice

Facts = Iterator[tuple[str, str]]

_GIBIBYTE = 1 << 30


@dataclass(frozen=True, kw_only=True)
class DoctorOptions:
    """Say what this machine has, which kernels run on it, what is chosen and why."""

    json: str | None = None
    """Where to write the same as JSON."""


class Diagnosis(NamedTuple):
    """All that is known of this machine and this installation."""

    versions: Mapping[str, str]
    """Of Python and of packages, by name."""
    processor: "Processor"
    """The CPU."""
    memory: "Memory"
    """Main memory."""
    gpus: "list[Gpu]"
    """NVIDIA GPUs."""
    why_no_gpu: str | None
    """Reason, where there is none."""
    triton_interpreter: bool
    """Whether kernels run on CPU tensors, for tests."""
    operators: "list[OperatorOnDevice]"
    """Every operator on every device."""
    extras: "list[Extra]"
    """Optional parts of this package."""
    programs: "list[Program]"
    """Programs beside it."""


def run(options: DoctorOptions) -> int:
    """Print one line a fact, and write them as JSON where that is asked for."""
    import json

    from hyenadna_kit.files import atomic_file

    found = diagnose()
    if options.json is not None:
        with atomic_file(Path(options.json)) as path:
            path.write_text(json.dumps(_plain(found), indent=2) + "\n")
    for name, value in facts(found):
        print(f"{name:<44}  {value}")
    return 0


def diagnose() -> Diagnosis:
    """Look at this machine and this installation; nothing is computed on the way."""
    import torch

    from hyenadna_kit.commands import installation, machine
    from hyenadna_kit.ops.inventory import inspect_operator, operators
    from hyenadna_kit.ops.triton_support import is_interpreted

    gpus = machine.gpus()
    devices = ["cpu", *(gpu.device for gpu in gpus)]
    return Diagnosis(
        versions=installation.versions(),
        processor=machine.processor(),
        memory=machine.memory(),
        gpus=gpus,
        why_no_gpu=None if gpus else machine.why_no_gpu(),
        triton_interpreter=is_interpreted(),
        operators=[
            inspect_operator(name, backends, torch.device(device))
            for name, backends in operators().items()
            for device in devices
        ],
        extras=list(installation.extras()),
        programs=list(installation.programs()),
    )


def _plain(found: Diagnosis) -> dict[str, object]:
    """Return the diagnosis as what JSON can hold."""
    from dataclasses import asdict

    return found._asdict() | {
        "processor": asdict(found.processor),
        "memory": asdict(found.memory),
        "gpus": [asdict(each) for each in found.gpus],
        "operators": [asdict(each) for each in found.operators],
        "extras": [asdict(each) for each in found.extras],
        "programs": [asdict(each) for each in found.programs],
    }


def facts(found: Diagnosis) -> Facts:
    """Yield what is printed: the name and the value of every fact."""
    yield from found.versions.items()
    yield from _processor_facts(found.processor)
    yield from _memory_facts(found.memory)
    for gpu in found.gpus:
        yield from _gpu_facts(gpu)
    if found.why_no_gpu:
        yield "gpu", f"none: {found.why_no_gpu}"
    if found.triton_interpreter:
        yield "Triton's interpreter", "on: kernels run on CPU tensors, slowly, for tests"
    for each in found.operators:
        yield from _operator_facts(each)
    yield from _extra_facts(found.extras)
    yield from _program_facts(found.programs)


def _processor_facts(processor: "Processor") -> Facts:
    yield "cpu", processor.model
    yield "  cores", f"{processor.cores}, of which {processor.usable_cores} usable"
    yield "  threads of PyTorch", str(processor.threads)
    yield "  bfloat16", processor.bfloat16


def _memory_facts(memory: "Memory") -> Facts:
    yield "memory", _gibibytes(memory.total)
    yield "  available", _gibibytes(memory.available)
    if memory.limit is not None:
        yield "  limit of this container", _gibibytes(memory.limit)


def _gpu_facts(gpu: "Gpu") -> Facts:
    yield f"gpu {gpu.device}", gpu.name
    yield "  compute capability", gpu.capability
    yield "  multiprocessors", str(gpu.multiprocessors)
    yield "  memory", f"{_gibibytes(gpu.total)}, {_gibibytes(gpu.free)} free"
    yield "  shared memory of a program", f"{gpu.shared_memory / 1024:,.0f} KiB"


def _operator_facts(each: "OperatorOnDevice") -> Facts:
    yield "operator", f"{each.operator} on {each.device}"
    for backend, obstacle in each.obstacles.items():
        yield f"  {backend}", f"cannot run: {obstacle}" if obstacle else "can run"
    lengths: dict[tuple[str, str], list[str]] = {}
    for choice in each.choices:
        why = "".join(f"; not {name}: {reason}" for name, reason in choice.passed_over.items())
        lengths.setdefault((choice.dtype, f"{choice.backend}{why}"), []).append(f"{choice.length:,}")
    for (dtype, taken), where in lengths.items():
        yield f"  auto, {dtype}", f"at {', '.join(where)}: {taken}"


def _extra_facts(extras: "Iterable[Extra]") -> Facts:
    for extra in extras:
        if extra.missing:
            state = f"missing ({', '.join(extra.missing)}); it adds {extra.adds}: {extra.remedy}"
        else:
            state = f"installed: {extra.adds}"
        yield f"extra {extra.name}", state


def _program_facts(programs: "Iterable[Program]") -> Facts:
    for program in programs:
        yield f"program {program.name}", f"{program.path or 'not installed'}; {program.use}"


def _gibibytes(number: int | None) -> str:
    return "unknown" if number is None else f"{number / _GIBIBYTE:.1f} GiB"
