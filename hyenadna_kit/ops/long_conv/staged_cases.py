"""The launches of ``staged_op`` as the offline compile gate reads them."""

from collections.abc import Iterator
from dataclasses import replace

from hyenadna_kit.ops.compile_case import KernelCase
from hyenadna_kit.ops.long_conv import staged_body_kernels as body
from hyenadna_kit.ops.long_conv import staged_kernels as kernels
from hyenadna_kit.ops.long_conv.staged_plan import (
    HOPPER_MEMORY,
    LARGE_BODY,
    SMALL_BODY,
    SMALLEST_BODY,
    SUMMED,
    Plan,
)


def compile_cases() -> list[KernelCase]:
    """Return the ways in which each kernel is launched, with the tensors of a gated bf16 signal."""
    cases = []
    for name, plan, count, number, memory in (
        ("short", Plan(body=SMALL_BODY), 64, "*bf16", 0),
        ("long", Plan(body=LARGE_BODY), 256, "*bf16", HOPPER_MEMORY),
        ("float32_small", Plan(body=SMALLEST_BODY, precision="tf32x3"), 256, "*fp32", 0),
        ("float32", Plan(body=SMALL_BODY, precision="tf32x3"), 512, "*fp32", HOPPER_MEMORY),
    ):
        made = (*_outer_cases(name, plan, count, number), *_body_cases(name, plan, number))
        cases += [replace(case, least_shared_memory=memory) for case in made]
    rows = ("signal", "gradient", "gate")
    types = dict.fromkeys(rows, "*bf16") | {"sums": "*fp32", "channels": "i32", "length": "i32"}
    types |= {f"{name}_{axis}": "i32" for name in rows for axis in ("batch", "channel")}
    kernel, constants = kernels.inner_products, {"POSITIONS": SUMMED}
    return [*cases, KernelCase(name="staged_sums", kernel=kernel, signature=types, constexprs=constants)]


def _outer_cases(name: str, plan: Plan, count: int, number: str) -> Iterator[KernelCase]:
    table = "*fp32" if number == "*fp32" else "*fp16"
    strides = ("gate_batch", "gate_channel", "channels", "length", "n1_count")
    constants = plan.outer_constants(count)
    warps, stages = constants.pop("num_warps"), constants.pop("num_stages")
    signature = {"source": number, "gate": number, "planes": "*fp32", "table": table}
    signature |= dict.fromkeys(("source_batch", "source_channel", *strides), "i32")
    absent = {"reverse": None, "skip": None}
    filters = signature | {"source": "*fp32", "reverse": "*fp32", "skip": "*fp32"}
    del filters["gate"]
    back = {"planes": "*fp32", "gate": number, "target": number, "table": table}
    back |= dict.fromkeys(("target_batch", "target_channel", *strides), "i32")
    lags = back | {"target": "*fp32", "reverse": "*fp32"}
    del lags["gate"]
    for case, kernel, types, constexprs in (
        ("outer", kernels.outer, signature, absent),
        ("outer_filters", kernels.outer, filters, {"gate": None}),
        ("inverse", kernels.outer_inverse, back, {"reverse": None}),
        ("inverse_lags", kernels.outer_inverse, lags, {"gate": None}),
    ):
        yield KernelCase(
            name=f"staged_{case}_{name}", kernel=kernel, signature=types, constexprs=constants | constexprs,
            num_warps=warps, num_stages=stages,
        )  # fmt: skip


def _body_cases(name: str, plan: Plan, number: str) -> Iterator[KernelCase]:
    constants = plan.body_constants()
    warps, stages = constants.pop("num_warps"), constants.pop("num_stages")
    table = "*fp32" if number == "*fp32" else "*fp16"
    tables = {"first": table, "second": table, "twiddle": "*fp32", "n1_count": "i32"}
    planes = {"planes": "*fp32"} | tables
    product = planes | {"spectrum": "*fp32", "channels": "i32"}
    correlate = dict.fromkeys(("spectrum", "other", "target"), "*fp32") | tables
    correlate |= dict.fromkeys(("rows", "channels", "items"), "i32")
    for case, kernel, types, constexprs in (
        ("transform", body.transform, planes, {}),
        ("product", body.product, product, {"TRANSFORMED": False, "CONJUGATE": False}),
        ("product_back", body.product, product, {"TRANSFORMED": True, "CONJUGATE": True}),
        ("correlate", body.correlate, correlate, {}),
    ):
        yield KernelCase(
            name=f"staged_{case}_{name}", kernel=kernel, signature=types, constexprs=constants | constexprs,
            num_warps=warps, num_stages=stages,
        )  # fmt: skip
