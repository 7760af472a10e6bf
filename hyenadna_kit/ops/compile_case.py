"""One kernel with all that its compiler must know: what the offline compile gate reads.

In: a Triton kernel and the types and constants of one launch. Out: a value that needs no GPU, no tensor
and no import of Triton.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class KernelCase:
    """One way in which an operator launches one kernel."""

    name: str
    """The case in one word, unique within its operator: ``"conv_8192_bf16"``."""

    kernel: Any
    """The function under ``@triton.jit``."""

    signature: dict[str, str]
    """Type of every argument that is no constant: ``{"signal": "*bf16", "length": "i32"}``."""

    constexprs: dict[str, Any] = field(default_factory=dict)
    """Value of every ``tl.constexpr`` argument."""

    num_warps: int = 4
    """Warps of one program."""

    num_stages: int = 3
    """Stages of the compiler's software pipeline."""

    least_shared_memory: int = 0
    """Bytes of shared memory of a program below which the operator never launches it; 0: it always may."""
