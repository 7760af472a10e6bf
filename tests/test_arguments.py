import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from hyenadna_kit.arguments import parse
from hyenadna_kit.config import ModuleConfig, to_mapping
from hyenadna_kit.errors import ConfigError
from hyenadna_kit.strict_yaml import load_yaml


class LayerConfig(ModuleConfig):
    """Base of two layers."""


@dataclass(frozen=True, kw_only=True)
class WideConfig(LayerConfig):
    """A wide layer."""

    order: int = 2
    """Order of it."""


@dataclass(frozen=True, kw_only=True)
class DeepConfig(LayerConfig):
    """A deep layer."""

    depth: int = 3
    """Depth of it."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The model."""

    d_model: int = 128
    """Width of it."""
    layer: LayerConfig = field(default_factory=WideConfig)
    """What it is made of."""

    def __post_init__(self):
        if self.d_model % 8:
            raise ValueError(f"d_model must be a multiple of 8, got {self.d_model}")


@dataclass(frozen=True, kw_only=True)
class ToyOptions:
    """Do something to a genome.

    A second paragraph.
    """

    genome: tuple[str, ...]
    """FASTA files."""
    out: Path
    """Folder to write."""
    regions: list[str] | None = None
    """Regions to read."""
    seeds: tuple[int, ...] = (0,)
    """Seeds to use."""
    rate: float = 1e-3
    """Learning rate."""
    layer_index: int = -1
    """Layer to read."""
    note: str | None = None
    """Free text."""
    precision: Literal["auto", "float32"] = "auto"
    """Number format."""
    dry_run: bool = False
    """Write nothing."""
    model: ModelConfig = field(default_factory=ModelConfig)
    """The model to train."""


def read(*words):
    return parse("toy", ToyOptions, ("genome",), words)


DEFAULTS = {"genome": ("a.fa",), "out": Path("o")}

ACCEPTED = {
    "flags": ("--genome a.fa --out o", {}),
    "words without a flag": ("a.fa --out o", {}),
    "word after the flags": ("--out o a.fa", {}),
    "two words": ("a.fa b,c.fa --out o", {"genome": ("a.fa", "b,c.fa")}),
    "equals sign": ("a.fa --out=o --note=a=b", {"note": "a=b"}),
    "commas": ("a.fa --out o --regions c:1-2,c:3-4", {"regions": ["c:1-2", "c:3-4"]}),
    "repeated": ("a.fa --out o --regions 20 --regions=x,", {"regions": ["20", "x"]}),
    "list of numbers": ("a.fa --out o --seeds 1,2 --seeds -3", {"seeds": (1, 2, -3)}),
    "list of nothing": ("a.fa --out o --seeds=", {"seeds": ()}),
    "switch alone": ("--dry_run a.fa --out o", {"dry_run": True}),
    "switch at the end": ("a.fa --out o --dry_run", {"dry_run": True}),
    "switch with a value": ("a.fa --out o --dry_run false", {"dry_run": False}),
    "negative number": ("a.fa --out o --layer_index -2", {"layer_index": -2}),
    "exponent": ("a.fa --out o --rate 3e-4", {"rate": 3e-4}),
    "text that looks like a number": ("a.fa --out o --note 1e5", {"note": "1e5"}),
    "text that looks like YAML": ("a.fa --out o --note '{a: *b'", {"note": "{a: *b"}),
    "dash": ("- --out o", {"genome": ("-",)}),
    "value that starts with a dash": ("a.fa --out o --note=--x", {"note": "--x"}),
    "literal": ("a.fa --out o --precision float32", {"precision": "float32"}),
    "group": ("a.fa --out o --model.d_model 64", {"model": ModelConfig(d_model=64)}),
    "class": ("a.fa --out o --model.layer DeepConfig", {"model": ModelConfig(layer=DeepConfig())}),
    "field of the default class": (
        "a.fa --out o --model.layer.order 3",
        {"model": ModelConfig(layer=WideConfig(order=3))},
    ),
    "field before its class": (
        "a.fa --out o --model.layer.depth 5 --model.layer DeepConfig",
        {"model": ModelConfig(layer=DeepConfig(depth=5))},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("words", "changes"), ACCEPTED.values(), ids=ACCEPTED)
def test_words_become_options(words, changes):
    assert read(*shlex.split(words)) == ToyOptions(**(DEFAULTS | changes))


REFUSED = {
    "unknown flag": ("a.fa --outt o", "unknown option --outt; did you mean '--out'?"),
    "hyphen": ("a.fa --dry-run", "unknown option --dry-run; did you mean '--dry_run'?"),
    "abbreviation": ("a.fa --out o --not x", "unknown option --not; did you mean '--note'?"),
    "short flag": ("a.fa -o o", "unknown option --o; did you mean '--out'?"),
    "unknown field": ("a.fa --out o --model.d_modle 8", "did you mean '--model.d_model'?"),
    "unknown field of a class": (
        "a.fa --out o --model.layer.ordr 8",
        "unknown option --model.layer.ordr; did you mean '--model.layer.order'?",
    ),
    "field of a scalar": ("a.fa --out.x o", "unknown option --out.x"),
    "field of an unknown group": ("a.fa --modle.d_model 8", "did you mean '--model'?"),
    "field of another class": (
        "a.fa --out o --model.layer.depth 8",
        "--model.layer.depth: 'depth' is not accepted by WideConfig",
    ),
    "no number in a class": (
        "a.fa --out o --model.layer DeepConfig --model.layer.depth nan",
        "--model.layer.depth: expected int, got 'nan'",
    ),
    "no number in the default class": (
        "a.fa --out o --model.layer.order x",
        "--model.layer.order: expected int, got 'x'",
    ),
    "group": ("a.fa --out o --model x.yaml", "--model is a group of options: --model.d_model and"),
    "unknown class": (
        "a.fa --out o --model.layer DeapConfig",
        "--model.layer: unknown class 'DeapConfig'; did you mean 'DeepConfig'?",
    ),
    "class in YAML": ("a.fa --out o '--model.layer={class_path: a.B}'", "unknown class '{class_path: a.B}'"),
    "class_path": ("a.fa --out o --model.layer.class_path a.B", "unknown option"),
    "missing": ("a.fa", "missing --out"),
    "two missing": ("", "missing GENOME, --out"),
    "no value": ("a.fa --out", "--out needs a value"),
    "flag for a value": ("a.fa --out --dry_run", "--out needs a value"),
    "empty path": ("a.fa --out ''", "--out needs a value"),
    "twice": ("a.fa --out o --out p", "--out is given twice"),
    "word too many": ("--genome a.fa --out o b.fa", "unexpected argument 'b.fa'"),
    "no number": ("a.fa --out o --rate fast", "--rate: expected float, got 'fast'"),
    "no integer": ("a.fa --out o --layer_index 1.5", "--layer_index: expected int, got '1.5'"),
    "wrong item": ("a.fa --out o --seeds 1,x", "--seeds: expected a list of int, got ['1', 'x']"),
    "no literal": ("a.fa --out o --precision f32", "--precision: expected 'auto' or 'float32', got 'f32'"),
    "alias": ("a.fa --out o --layer_index '*a'", "--layer_index: expected int, got '*a'"),
    "refused by the class": ("a.fa --out o --model.d_model 9", "d_model must be a multiple of 8, got 9"),
    "no file": ("a.fa --config no.yaml", "cannot read configuration no.yaml: No such file"),
    "two files": ("a.fa --config a.yaml --config b.yaml", "--config is given twice"),
}  # fmt: skip


@pytest.mark.parametrize(("words", "message"), REFUSED.values(), ids=REFUSED)
def test_mistake_is_refused_in_one_line(words, message):
    with pytest.raises(ConfigError) as error:
        read(*shlex.split(words))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_dotted_class_on_the_command_line_imports_nothing(tmp_path, monkeypatch):
    (tmp_path / "a_trap.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    for flag in ("--model.layer", "--model.layer.help"):
        with pytest.raises(ConfigError, match="unknown class"):
            read("a.fa", "--out", "o", flag, "a_trap.Trap")


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(
        "out: from_file\nrate: 1e-2\nseeds: [4, 5]\nregions: ['x,y']\n"
        "model:\n  d_model: 32\n  layer: {class_path: DeepConfig, init_args: {depth: 7}}\n"
    )
    return path


def test_file_gives_what_the_flags_leave_out(config):
    assert read("a.fa", "--config", str(config)) == ToyOptions(
        genome=("a.fa",),
        out=Path("from_file"),
        rate=0.01,
        seeds=(4, 5),
        regions=["x,y"],
        model=ModelConfig(d_model=32, layer=DeepConfig(depth=7)),
    )


@pytest.mark.parametrize("file_first", [True, False], ids=["file first", "file last"])
def test_flag_overrides_the_file_wherever_it_stands(config, file_first):
    flags = ["--rate", "0.5", "--model.layer.depth", "9", "--seeds", "1"]
    file = ["--config", str(config)]
    options = read("a.fa", *(file + flags if file_first else flags + file))
    assert (options.rate, options.seeds) == (0.5, (1,))
    assert options.model == ModelConfig(d_model=32, layer=DeepConfig(depth=9))


def test_class_on_the_command_line_drops_the_fields_of_the_class_in_the_file(config):
    assert read("a.fa", "--config", str(config), "--model.layer", "WideConfig").model.layer == WideConfig()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rat: 1", "unknown key 'rat'; did you mean 'rate'?"),
        ("model: {d_modle: 8}", "model: unknown key 'd_modle'; did you mean 'd_model'?"),
        ("model: {layer: {class_path: DeepConfig, init_args: {dept: 1}}}", "did you mean 'depth'?"),
        ("model: {layer: {class_path: a.B}}", "class_path 'a.B' must be the short name"),
        ("rate: fast", "rate: expected float, got 'fast'"),
        ("regions: x", "regions: expected a list of str or null, got 'x'"),
        ("a: &a [1]\nb: *a", "line 2: aliases are not allowed"),
        ("config: other.yaml", "unknown key 'config'"),
    ],
)
def test_refusal_of_the_file_names_the_file(tmp_path, text, message):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        read("a.fa", "--out", "o", "--config", str(path))
    assert str(error.value).startswith(str(path))
    assert message in str(error.value)


def test_printed_configuration_gives_the_same_options(config, tmp_path, capsys):
    flags = ["a.fa", "--config", str(config), "--model.layer.depth", "9", "--regions", "1,b"]
    with pytest.raises(SystemExit, match="0"):
        read(*flags, "--print_config")
    printed = tmp_path / "printed.yaml"
    printed.write_text(capsys.readouterr().out)
    assert read("--config", str(printed)) == read(*flags)


def test_configuration_is_printed_without_what_is_required(capsys):
    with pytest.raises(SystemExit, match="0"):
        read("--print_config")
    assert "class_path: WideConfig" in capsys.readouterr().out


def test_only_what_differs_from_the_defaults_is_printed_on_request(capsys, config):
    with pytest.raises(SystemExit, match="0"):
        read("--config", str(config), "--model.d_model", "128", "--print_config=skip_default")
    printed = capsys.readouterr().out
    assert "depth: 7" in printed
    assert "d_model" not in printed
    assert "note" not in printed


def test_resolved_options_written_as_yaml_are_read_back(tmp_path):
    import yaml

    options = read("a.fa", "--out", "o", "--model.layer", "DeepConfig", "--rate", "1e-5")
    path = tmp_path / "config.resolved.yaml"
    path.write_text(yaml.safe_dump(to_mapping(options)))
    assert load_yaml(path)["rate"] == 1e-5
    assert read("--config", str(path)) == options


@pytest.mark.parametrize("word", ["--help", "-h"])
def test_help_tells_every_option_and_its_meaning(word, capsys):
    with pytest.raises(SystemExit, match="0"):
        read(word)
    text = capsys.readouterr().out
    assert text.startswith(
        "usage: toy GENOME ... --out OUT [options]\n\nDo something to a genome.\n\nA second"
    )
    for part in (
        "--regions",
        "Seeds to use.",
        "--model.d_model",
        "Width of it.",
        "--model.layer",
        "DeepConfig",
    ):
        assert part in text
    assert "tests." not in text
    assert "Path to a configuration file" not in text


def test_help_for_one_class_tells_its_fields(capsys):
    with pytest.raises(SystemExit, match="0"):
        read("--model.layer.help", "DeepConfig")
    assert "Depth of it." in capsys.readouterr().out
