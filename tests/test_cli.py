import os
import subprocess
import sys
import time
import types
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest

from hyenadna_kit import cli
from hyenadna_kit.errors import ConfigError, InputError

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
MAIN = "import sys; from hyenadna_kit.cli import main; sys.exit(main())"
HEAVY = {"torch", "lightning", "pytorch_lightning", "triton", "numpy", "jsonargparse"}
HELP_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class EchoOptions:
    """Say a word."""

    word: str
    """What to say."""
    times: int = 1
    """How often."""


def install(monkeypatch, run):
    """Make ``run`` the command ``echo``."""
    module = types.ModuleType("fake_echo")
    module.run = run
    module.POSITIONAL = ("word",)
    monkeypatch.setitem(sys.modules, "fake_echo", module)
    monkeypatch.setitem(cli.COMMANDS, "echo", cli.Command("fake_echo", "Say a word."))


def raising(error):
    def run(options: EchoOptions) -> int:
        raise error

    return run


def start(*words, code=MAIN):
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)


def test_options_reach_the_command_and_its_status_comes_back(monkeypatch, capsys):
    def run(options: EchoOptions) -> int:
        sys.stdout.write(options.word * options.times)
        return 7

    install(monkeypatch, run)
    assert cli.main(["echo", "ab", "--times", "2"]) == 7
    assert capsys.readouterr().out == "abab"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InputError("a.fa: line 3: 'x' is no base;\n mend it"), "a.fa: line 3: 'x' is no base; mend it"),
        (ConfigError("config.json: unknown key 'x'"), "config.json: unknown key 'x'"),
        (FileNotFoundError(2, "No such file or directory", "a.fa"), "a.fa: No such file or directory"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError("cannot open"), "cannot open"),
    ],
    ids=["input", "config", "missing file", "full disk", "bare"],
)
def test_error_that_a_user_can_mend_is_one_line(monkeypatch, capsys, error, line):
    install(monkeypatch, raising(error))
    assert cli.main(["echo", "a"]) == 1
    captured = capsys.readouterr()
    assert captured.err == f"hyenadna-kit echo: {line}\n"
    assert captured.out == ""


@pytest.mark.parametrize("error", [ValueError("bug"), KeyError("bug"), RuntimeError("bug")])
def test_bug_keeps_its_traceback(monkeypatch, error):
    install(monkeypatch, raising(error))
    with pytest.raises(type(error), match="bug"):
        cli.main(["echo", "a"])


def test_interrupt_ends_with_130(monkeypatch, capsys):
    install(monkeypatch, raising(KeyboardInterrupt()))
    assert cli.main(["echo", "a"]) == 130
    assert capsys.readouterr().err == "hyenadna-kit: interrupted\n"


@pytest.mark.parametrize(
    ("words", "first"),
    [
        (["echo", "a", "--time", "2"], "hyenadna-kit echo: unknown option --time; did you mean '--times'?"),
        (["echo"], "hyenadna-kit echo: missing WORD"),
        (["echo", "a", "--times", "x"], "hyenadna-kit echo: --times: expected int, got 'x'"),
        (["echo", "a", "b"], "hyenadna-kit echo: unexpected argument 'b'"),
        (["ecko", "a"], "hyenadna-kit: unknown command 'ecko'; did you mean 'echo'?"),
        ([], "hyenadna-kit: no command was given"),
        (["--echo"], "hyenadna-kit: unknown command '--echo'; did you mean 'echo'?"),
    ],
    ids=["unknown flag", "missing", "bad value", "too many", "unknown command", "no command", "flag"],
)
def test_misuse_is_told_in_one_line_and_ends_with_2(monkeypatch, capsys, words, first):
    install(monkeypatch, raising(AssertionError("must not run")))
    assert cli.main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(first)
    assert len(line) < 130


def test_help_lists_every_command(capsys):
    assert cli.main(["--help"]) == 0
    text = capsys.readouterr().out
    for name, command in cli.COMMANDS.items():
        assert f"{name} " in text
        assert command.help in text


LIGHT = sorted(set(cli.COMMANDS) - {"finetune", "pretrain"})
"""Commands that train load torch: their options are those of what they build."""


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_command_has_documented_options_and_a_run(name):
    module = import_module(cli.COMMANDS[name].module)
    options = cli.options_class(module)
    assert options.__dataclass_params__.frozen
    assert all(field.kw_only for field in options.__dataclass_fields__.values())
    assert set(getattr(module, "POSITIONAL", ())) <= set(options.__dataclass_fields__)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_help_of_a_command_documents_every_option(name, capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main([name, "--help"])
    options = cli.options_class(import_module(cli.COMMANDS[name].module))
    text = " ".join(capsys.readouterr().out.split())
    assert options.__doc__.split(".")[0].split("\n")[0] in text
    for field in options.__dataclass_fields__:
        assert f"--{field}" in text


def loaded_by(*words):
    """Return the modules that the command line imports."""
    code = f"""
import contextlib, io, sys
from hyenadna_kit.cli import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main({list(words)!r})
print(" ".join(sys.modules))
"""
    return set(start(code=code).stdout.split())


@pytest.mark.parametrize("words", [["--help"], ["nonsense"], []], ids=["help", "unknown command", "nothing"])
def test_what_needs_no_command_imports_nothing_heavy(words):
    loaded = loaded_by(*words)
    assert "hyenadna_kit.cli" in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize("name", LIGHT)
def test_help_of_a_command_imports_neither_torch_nor_lightning(name):
    assert not loaded_by(name, "--help") & (HEAVY - {"jsonargparse"})


@pytest.mark.parametrize("words", [["--help"], *([name, "--help"] for name in LIGHT)])
def test_help_answers_within_half_a_second(words):
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        assert start(*words).returncode == 0
        seconds.append(time.perf_counter() - begin)
    assert min(seconds) < HELP_SECONDS


def test_version_is_that_of_the_installed_package():
    from importlib.metadata import PackageNotFoundError, version

    try:
        installed = version("hyenadna_kit")
    except PackageNotFoundError:
        pytest.skip("hyenadna_kit is not installed")
    assert start("--version").stdout == f"hyenadna-kit {installed}\n"


def test_console_script_is_installed():
    script = Path(sys.executable).with_name("hyenadna-kit")
    if not script.exists():
        pytest.skip("hyenadna_kit is not installed")
    finished = subprocess.run([script, "prepar"], capture_output=True, text=True, check=False)
    assert finished.returncode == 2
    assert finished.stderr == "hyenadna-kit: unknown command 'prepar'; did you mean 'prepare'?\n"


def test_reader_that_goes_away_is_no_error():
    code = """
import sys, types
from dataclasses import dataclass
from hyenadna_kit import cli

@dataclass(frozen=True, kw_only=True)
class ManyOptions:
    "Print much."

def run(options: ManyOptions) -> int:
    for i in range(1_000_000):
        print(i)
    return 0

sys.modules["many"] = types.ModuleType("many")
sys.modules["many"].run = run
cli.COMMANDS["many"] = cli.Command("many", "Print much.")
sys.exit(cli.main(["many"]))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout.readline() == b"0\n"
    process.stdout.close()
    complaints = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), complaints) == (141, b"")


def test_missing_file_ends_in_one_line_and_leaves_nothing(tmp_path):
    finished = start("prepare", "--genome", "missing.fa", "--out", str(tmp_path / "store"))
    assert finished.returncode == 1
    assert finished.stdout == ""
    assert finished.stderr.startswith("hyenadna-kit prepare: ")
    assert "missing.fa" in finished.stderr
    assert finished.stderr.count("\n") == 1
    assert not (tmp_path / "store").exists()


def test_genome_is_prepared_from_the_command_line(tmp_path):
    fasta = tmp_path / "toy.fa"
    fasta.write_text(">one\nACGTNNac\n>two\nGG\n")
    finished = start("prepare", str(fasta), "--out", str(tmp_path / "store"))
    assert (finished.returncode, finished.stdout.count("\n")) == (0, 1), finished.stderr
    assert "2 contigs, 10 bases" in finished.stdout
    assert (tmp_path / "store").is_dir()
