"""``hyenadna-kit info`` and ``convert`` on every format, and on what is none."""

import json
import re
import shutil
from pathlib import Path

import pysam
import pytest
import torch
from safetensors.torch import load_file, save_file

from hyenadna_kit import cli
from hyenadna_kit.model import HyenaDNA

GOLDEN = Path(__file__).parents[1] / "data/golden/a_d16_l64"
FORMATS = ("original", "hf", "own")
IDS = torch.tensor([[7, 8, 9, 10, 11, 7, 7, 10] * 5])


@pytest.fixture
def models(tmp_path, monkeypatch):
    """The current folder, with one golden model in each format."""
    monkeypatch.chdir(tmp_path)
    for name, files in {
        "original": {"config.json": "config.json", "weights.ckpt": "weights.ckpt"},
        "hf": {"config_hf.json": "config.json", "weights_hf.safetensors": "model.safetensors"},
    }.items():
        Path(name).mkdir()
        for source, target in files.items():
            shutil.copyfile(GOLDEN / source, Path(name, target))
    HyenaDNA.from_pretrained("original").save_pretrained("own")
    return tmp_path


def run(capsys, *words):
    """Return the exit status, stdout and stderr."""
    return cli.main(list(words)), *capsys.readouterr()


def facts(text):
    """Return what ``info`` printed, by name; two spaces or more lie between."""
    return dict(re.split(r" {2,}", line.strip(), maxsplit=1) for line in text.splitlines())


def logits(folder):
    with torch.inference_mode():
        return HyenaDNA.from_pretrained(folder)(IDS).logits


@pytest.mark.parametrize("name", FORMATS)
def test_info_on_a_model(models, capsys, name):
    status, out, err = run(capsys, "info", name)
    assert (status, err) == (0, "")
    found = facts(out)
    config = json.loads((GOLDEN / "config.json").read_text())
    assert found["model"] == name
    assert found["backbone.d_model"] == str(config["d_model"]) == "16"
    assert found["backbone.num_layers"] == str(config["n_layer"])
    assert found["backbone.context_length"] == str(config["layer"]["l_max"])
    assert found["backbone.mixer"] == "HyenaConfig"
    assert found["head"] == "LanguageModelHeadConfig"
    weights = load_file(GOLDEN / "weights_original.safetensors")
    computed = (".pos_emb.", ".deltas", ".3.freq", ".5.freq", "lm_head.weight")
    number = sum(
        tensor.numel() for key, tensor in weights.items() if not any(part in key for part in computed)
    )
    assert found["parameters"] == f"{number:,}"


def test_fingerprint_of_a_model_does_not_depend_on_its_format(models, capsys):
    assert len({facts(run(capsys, "info", name)[1])["sha256"] for name in ("original", "own")}) == 1


@pytest.mark.parametrize("name", FORMATS)
def test_converted_model_computes_the_same(models, capsys, name):
    status, out, _ = run(capsys, "convert", name, "--out", "new/model")
    assert status == 0
    sha256 = facts(run(capsys, "info", name)[1])["sha256"]
    assert out.startswith("new/model: ")
    assert out.endswith(f" parameters, sha256 {sha256}\n")
    assert torch.equal(logits("new/model"), logits(name))
    assert sorted(path.name for path in Path("new/model").iterdir()) == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ]
    assert HyenaDNA.from_pretrained("new/model").config == HyenaDNA.from_pretrained(name).config


def test_conversion_of_a_conversion_is_the_same_file(models, capsys):
    assert run(capsys, "convert", "own", "--out", "a")[0] == run(capsys, "convert", "a", "--out", "b")[0] == 0
    for file in ("config.json", "model.safetensors", "tokenizer.json"):
        assert Path("a", file).read_bytes() == Path("b", file).read_bytes()


def test_info_on_a_fasta_and_its_store(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    contigs = {f"c{number}": "ACGTNacgtt" * (number + 1) for number in range(22)}
    Path("g.fa").write_text("".join(f">{name}\n{bases}\n" for name, bases in contigs.items()))
    assert cli.main(["prepare", "g.fa", "--out", "store"]) == 0
    capsys.readouterr()
    (status, text, _), (store_status, store_text, _) = (
        run(capsys, "info", "g.fa"),
        run(capsys, "info", "store"),
    )
    assert (status, store_status) == (0, 0)
    fasta, store = facts(text), facts(store_text)
    assert (fasta["genome"], store["genome"]) == ("g.fa", "store")
    assert fasta["contigs"] == store["contigs"] == "22"
    assert fasta["bases"] == store["bases"] == "2,530"
    assert (store["N"], store["soft-masked"]) == ("10.00%", "50.00%")
    assert fasta["sha256"] == store["sha256"]
    assert (fasta["c0"], fasta["c19"], fasta["..."]) == ("10", "200", "2 more")
    assert "c20" not in fasta


def test_info_on_a_store_of_two_species_and_aliases(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("a.fa").write_text(">chr1\nACGT\n>chr2\nACGTAC\n")
    Path("b.fa").write_text(">chr1\nAC\n")
    Path("aliases.tsv").write_text("NC_1\tworm.chr1\n")
    words = ["a.fa", "b.fa", "--species", "fly,worm", "--aliases", "aliases.tsv", "--out", "store"]
    assert cli.main(["prepare", *words]) == 0
    capsys.readouterr()
    status, text, _ = run(capsys, "info", "store")
    found = facts(text)
    assert (status, found["species"], found["contigs"], found["bases"]) == (0, "2", "3", "12")
    assert (found["fly"], found["worm"]) == ("2 contigs, 10 bases", "1 contig, 2 bases")
    assert (found["fly.chr2"], found["worm.chr1"], found["aliases"]) == ("6", "2", "1")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_converted_weights_take_half_the_room_and_are_the_nearest_numbers(models, capsys, dtype):
    assert run(capsys, "convert", "own", "--out", "new", "--weights", dtype)[0] == 0
    stored, whole = load_file("new/model.safetensors"), load_file("own/model.safetensors")
    assert all(torch.equal(stored[name], tensor.to(getattr(torch, dtype))) for name, tensor in whole.items())
    rounded = HyenaDNA.from_pretrained("own")
    with torch.inference_mode():
        for parameter in rounded.parameters():
            parameter.copy_(parameter.to(getattr(torch, dtype)))
        expected = rounded(IDS).logits
    assert expected.dtype == logits("new").dtype == torch.float32
    assert torch.equal(logits("new"), expected)
    assert not torch.equal(logits("new"), logits("own"))


def test_weights_beyond_the_format_are_refused(models, capsys):
    tensors = load_file("own/model.safetensors")
    name = min(tensors)
    tensors[name][0] = 1e5
    save_file(tensors, "own/model.safetensors", metadata={"format": "pt"})
    status, _, err = run(capsys, "convert", "own", "--out", "new", "--weights", "float16")
    assert (status, len(err.splitlines())) == (1, 1)
    assert "beyond the largest number of torch.float16; choose another format" in err
    assert not Path("new").exists()


def test_info_on_a_read_store(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    header = {"SQ": [{"SN": "chr1", "LN": 1000}, {"SN": "chr2", "LN": 500}]}
    with pysam.AlignmentFile("reads.bam", "wb", header=header) as bam:
        for flag in (0, 16, 4):
            read = pysam.AlignedSegment(bam.header)
            read.query_name, read.query_sequence, read.flag = "read", "ACGTA", flag
            if flag != 4:
                read.reference_id, read.reference_start, read.cigarstring = 0, 7, "5M"
            bam.write(read)
    assert cli.main(["prepare", "reads.bam", "--out", "store"]) == 0
    capsys.readouterr()
    status, text, _ = run(capsys, "info", "store")
    found = facts(text)
    assert (status, found["reads"], found["kept"], found["bases"]) == (0, "store", "2 of 3", "10")
    assert found["dropped: unmapped"] == "1"
    assert (found["contigs of the reference"], found["chr1"], found["chr2"]) == ("2", "1,000", "500")
    assert len(found["sha256"]) == 64


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["info", "none"], "none"),
        (["info", "folder"], "folder"),
        (["info", "notes.txt"], "notes.txt"),
        (["info", "cut"], "cut/weights.ckpt is cut short"),
        (
            ["info", "unknown"],
            "unknown/config.json: backbone: unknown key 'd_modle'; did you mean 'd_model'?",
        ),
        (["convert", "none", "--out", "new"], "model folder none does not exist"),
        (["convert", "folder", "--out", "new"], "folder is not a model folder: it has no config.json"),
        (["convert", "cut", "--out", "new"], "cut/weights.ckpt is cut short"),
        (["convert", "own", "--out", "hf"], "--out hf holds a model already; choose another folder"),
        (["convert", "own", "--out", "own"], "--out own holds a model already"),
        (["convert", "misshapen", "--out", "new"], "misshapen"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else "",
)
def test_mistake_is_one_line_and_leaves_nothing(models, capsys, no_shape_checks, words, message):
    Path("folder").mkdir()
    Path("notes.txt").write_text("no genome\n")
    shutil.copytree("original", "cut")
    weights = Path("cut/weights.ckpt")
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    shutil.copytree("own", "unknown")
    config = json.loads(Path("unknown/config.json").read_text())
    config["config"]["backbone"]["d_modle"] = 3
    Path("unknown/config.json").write_text(json.dumps(config))
    shutil.copytree("own", "misshapen")
    tensors = load_file("misshapen/model.safetensors")
    save_file({key: tensor[:-1] for key, tensor in tensors.items()}, "misshapen/model.safetensors")
    before = {path: path.stat().st_mtime_ns for path in models.rglob("*")}
    status, out, err = run(capsys, *words)
    assert (status, out) == (1, "")
    assert message in err
    assert err.startswith(f"hyenadna-kit {words[0]}: ")
    assert len(err.splitlines()) == 1
    assert {path: path.stat().st_mtime_ns for path in models.rglob("*")} == before
