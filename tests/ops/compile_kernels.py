"""Compile every kernel for every architecture, without a GPU, and tell what each needs.

    python -m tests.ops.compile_kernels [--only WORD] [--architectures 80 90] [--write | --check | --list]

In: ``compile_cases()`` of the operators: each launch of a kernel with its types and constants. Out: JSON
with the registers of a thread, the bytes that it spills, and the bytes of shared memory of a program.
--write compiles what has changed and puts it into tests/data/compiled_kernels.json; --check compiles
everything, for some minutes, and compares it with what is there. It runs without ``TRITON_INTERPRET``; the
assembler is the one that comes with Triton.
"""

import argparse
import contextlib
import functools
import hashlib
import importlib
import inspect
import io
import json
import os
import re
import sys
import tempfile
import time
import tokenize
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).parents[2]
OPERATORS = ROOT / "hyenadna_kit/ops"
TABLE = ROOT / "tests/data/compiled_kernels.json"

ARCHITECTURES = (80, 86, 89, 90)
"""A100; RTX A6000 and 3090; L40S and RTX 4090; H100 and H200."""

REGISTERS = 255
"""The most that a thread may have, on each of these."""

SLACK = 64
"""Bytes by which the spills of a thread may differ: assemblers differ in their patch releases."""

PROCESSES = 2

_REPORT = re.compile(r"(\d+) bytes spill stores, (\d+) bytes spill loads.*?Used (\d+) registers", re.DOTALL)
_THREADS_OF_A_WARP = 32
_ALIGNED = [["tt.divisibility", 16]]
_NO_CODE = (tokenize.COMMENT, tokenize.NL, tokenize.ENCODING)
_BEGINS_STATEMENT = (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)


def find_cases():
    """Return every case by ``operator/name``."""
    cases = {}
    for path in sorted(OPERATORS.glob("*/*_op.py")):
        module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        if hasattr(module, "compile_cases"):
            for case in module.compile_cases():
                name = f"{path.parent.name}/{case.name}"
                if cases.setdefault(name, case) is not case:
                    raise ValueError(f"two cases are called {name}")
    return cases


@functools.cache
def code_of(path):
    """Return the words of a file of kernels, and of those that it imports, without what is no code."""
    words = []
    before = tokenize.NEWLINE
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type in _NO_CODE:
            continue
        if token.type != tokenize.STRING or before not in _BEGINS_STATEMENT:
            words.append(token.string.strip())
        before = token.type
    others = [other for other in sorted(path.parent.glob("*_kernels.py")) if other.stem in words]
    return " ".join([*words, *(code_of(other) for other in others if other != path)])


def digest(case):
    """Return what changes when the code of a kernel or the way in which it is launched changes."""
    code = code_of(Path(inspect.getsourcefile(case.kernel.fn)))
    arguments = sorted((case.signature | case.constexprs).items())
    fields = [case.kernel.__name__, arguments, case.num_warps, case.num_stages]
    return hashlib.sha256(f"{code} {fields}".encode()).hexdigest()[:16]


def describe(case):
    """Return what is known of a case before it is compiled."""
    return {"digest": digest(case), "least_shared_memory": case.least_shared_memory}


def compile_case(case, architecture):
    """Return registers, spilled bytes and shared memory of one case on one architecture."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    signature = {**case.signature, **dict.fromkeys(case.constexprs, "constexpr")}
    strange = set(case.kernel.arg_names) ^ set(signature)
    if strange:
        raise ValueError(f"{case.name}: {', '.join(sorted(strange))}: no such argument, or no type of it")
    # A launch tells the compiler that tensors begin at multiples of 16 bytes, as those of PyTorch do.
    attributes = {
        (case.kernel.arg_names.index(name),): _ALIGNED
        for name, kind in signature.items()
        if kind.startswith("*")
    }
    source = ASTSource(case.kernel, signature, case.constexprs, attributes)
    options = {"num_warps": case.num_warps, "num_stages": case.num_stages}
    target = GPUTarget("cuda", architecture, _THREADS_OF_A_WARP)
    with contextlib.redirect_stdout(io.StringIO()) as log:
        compiled = triton.compile(source, target=target, options=options)
    stored, loaded, registers = map(int, _REPORT.search(log.getvalue()).groups())
    return {
        "registers": registers,
        "spill_stores": stored,
        "spill_loads": loaded,
        "shared": compiled.metadata.shared,
    }


def compile_by_name(name, architectures):
    """Return what the case of that name needs on each architecture."""
    with tempfile.TemporaryDirectory() as cache:
        # The assembler reports only where something is assembled.
        os.environ |= {"TRITON_CACHE_DIR": cache, "TRITON_ALWAYS_COMPILE": "1", "TRITON_DUMP_PTXAS_LOG": "1"}
        case = find_cases()[name]
        needs = describe(case)
        for architecture in architectures:
            started = time.monotonic()
            needs[f"sm_{architecture}"] = compile_or_say_why_not(case, architecture)
            say(f"{name} for sm_{architecture}: {time.monotonic() - started:.1f} s")
    return needs


def compile_or_say_why_not(case, architecture):
    """Return what :func:`compile_case` does, or what the compiler or the assembler refuses."""
    from triton.compiler.errors import CompilationError
    from triton.runtime.errors import PTXASError

    try:
        return compile_case(case, architecture)
    except (CompilationError, PTXASError) as error:
        return {"error": " ".join(str(error).split())}


def compile_all(wanted):
    """Return what each case needs on its architectures, from a few processes side by side."""
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        return dict(zip(wanted, pool.map(compile_by_name, wanted, wanted.values()), strict=True))


def held_already(cases):
    """Return of the table what is of the cases as they are, compiled with this Triton."""
    import triton

    table = json.loads(TABLE.read_text()) if TABLE.exists() else {}
    if table.get("triton") != triton.__version__:
        return {}
    held = {name: table["kernels"].get(name, {}) for name in cases}
    return {name: held[name] for name, case in cases.items() if describe(case).items() <= held[name].items()}


def sample(cases):
    """Return one case of every kernel with one architecture, all of which have their turn."""
    first = {case.kernel: name for name, case in reversed(cases.items())}
    return {name: (ARCHITECTURES[turn % 4],) for turn, name in enumerate(sorted(first.values()))}


def differences(found, held):
    """Return where the needs in one table are not those in another, as lines.

    Args:
        found: What was compiled now; it may be some of the cases, on some of the architectures.
        held: The table.
    """
    lines = []
    for name, needs in found["kernels"].items():
        for place in (place for place in needs if place.startswith("sm_")):
            now, before = needs[place], held["kernels"].get(name, {}).get(place)
            if before is None or "error" in now:
                lines.append(f"{name} on {place}: {now.get('error', 'not in the table')}")
                continue
            slack = {"shared": 0, "registers": REGISTERS, "spill_stores": SLACK, "spill_loads": SLACK}
            lines += [
                f"{name} on {place}: {key} {now[key]:,}, in the table {before[key]:,}"
                for key in now
                if abs(now[key] - before[key]) > slack[key]
            ]
    return lines


def say(line):
    """Show on stderr how far it is."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def parse(words):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--architectures", type=int, nargs="+", default=ARCHITECTURES)
    parser.add_argument("--only", default="", help="cases with this in their name")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--write", action="store_true", help="write what has changed to the table")
    action.add_argument("--check", action="store_true", help="compare with it")
    action.add_argument("--sample", action="store_true", help="one case of each kernel, on one architecture")
    action.add_argument("--list", action="store_true", help="compile nothing")
    return parser.parse_args(words)


def compiled(options):
    """Return the table that the options ask for."""
    import triton

    cases = find_cases()
    asked = {name: case for name, case in cases.items() if options.only in name}
    if options.list:
        kernels = {name: describe(case) for name, case in asked.items()}
    elif options.sample:
        kernels = compile_all(sample(asked))
    elif options.write:
        held = held_already(cases)
        known = held | compile_all({name: ARCHITECTURES for name in asked if name not in held})
        kernels = {name: known[name] for name in cases if name in known}
    else:
        kernels = compile_all(dict.fromkeys(asked, options.architectures))
    return {"triton": triton.__version__, "kernels": kernels}


def main(words=None):
    options = parse(words)
    if os.environ.get("TRITON_INTERPRET") == "1":
        sys.exit("TRITON_INTERPRET=1 is set: nothing is compiled in the interpreter")
    found = compiled(options)
    text = json.dumps(found, indent=1) + "\n"
    # One line an architecture, so that a change is seen in a few lines.
    text = re.sub(
        r"\{\s+(\"registers[^}]*?)\s+\}", lambda match: "{" + " ".join(match[1].split()) + "}", text
    )
    sys.stdout.write(text)
    if failed := [name for name, case in found["kernels"].items() if '"error"' in json.dumps(case)]:
        sys.exit(f"these do not compile: {', '.join(failed)}")
    if options.write:
        TABLE.write_text(text)
    if options.check and (lines := differences(found, json.loads(TABLE.read_text()))):
        sys.exit("\n".join(lines))


if __name__ == "__main__":
    main()
