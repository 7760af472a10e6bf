"""``hyenadna-kit loglik``: tracks of every base and the sum of each region."""

import gzip
import math
import re
from pathlib import Path

import pytest
import torch
from Bio import SeqIO

from hyenadna_kit import cli
from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.model import HyenaDNA, HyenaDNAConfig

SEQUENCE = "ACGTTGCANNACCGGTTacgtaACGGTCATTGCAGGTCATGACCTAGGTC"
HEADER = ["region", "bases", "log_likelihood", "bits_per_base"]


def save_model(folder, context_length=64):
    torch.manual_seed(0)
    mixer = HyenaConfig(filter=FilterConfig(filter_order=4))
    backbone = BackboneConfig(d_model=8, num_layers=1, context_length=context_length, mixer=mixer)
    model = HyenaDNAConfig(backbone=backbone).build()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    model.save_pretrained(folder)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a genome ``g.fa`` and a model ``m``."""
    monkeypatch.chdir(tmp_path)
    Path("g.fa").write_text(f">one\n{SEQUENCE}\n>two\n{'ACGTA' * 40}\n")
    save_model("m")
    return tmp_path


def loglik(capsys, *options, out="t.tsv"):
    words = ["loglik", "--model", "m", "--genome", "g.fa", "--out", out, "--device", "cpu", *options]
    return cli.main(words), *capsys.readouterr()


def table(text):
    return [line.split("\t") for line in text.splitlines()]


def forward():
    """Return log p (nats) and entropy (bits) of the whole contig ``one``, which one window covers."""
    ids = ["ACGTN".index(base) + 7 for base in "N" + SEQUENCE.upper()]
    with torch.inference_mode():
        log_probs = HyenaDNA.from_pretrained("m")(torch.tensor([ids[:-1]])).logits[0].double().log_softmax(1)
    entropy = -(log_probs.exp() * log_probs).sum(1) / math.log(2)
    return log_probs[range(len(SEQUENCE)), ids[1:]].tolist(), entropy.tolist()


def test_every_base_is_a_line_and_the_sum_is_printed(folder, capsys):
    status, out, err = loglik(capsys, "--regions", "one,two:3-5")
    assert status == 0
    counted = [i for i, base in enumerate(SEQUENCE.upper()) if base != "N"]
    values, entropies = forward()
    rows = table(Path("t.tsv").read_text())
    assert rows[0] == ["contig", "position", "base", "log_likelihood", "entropy"]
    assert [row[:3] for row in rows[1:-3]] == [["one", str(i + 1), SEQUENCE[i].upper()] for i in counted]
    assert [row[:3] for row in rows[-3:]] == [["two", "3", "G"], ["two", "4", "T"], ["two", "5", "A"]]
    assert [float(row[3]) for row in rows[1:-3]] == pytest.approx([values[i] for i in counted], abs=1e-4)
    assert [float(row[4]) for row in rows[1:-3]] == pytest.approx([entropies[i] for i in counted], abs=1e-4)
    header, first, second = table(out)
    assert header == HEADER
    total = sum(values[i] for i in counted)
    assert first[:2] == ["one:1-50", "48"]
    assert float(first[2]) == pytest.approx(total, abs=1e-3)
    assert float(first[3]) == pytest.approx(-total / 48 / math.log(2), abs=1e-5)
    assert second[:2] == ["two:3-5", "3"]
    assert float(second[2]) == pytest.approx(sum(float(row[3]) for row in rows[-3:]), abs=1e-4)
    last = err.splitlines()
    assert re.fullmatch(r"53 bases in \d+\.\d s \([\d,]+ bases/s\)", last[0])
    assert last[1:] == ["wrote t.tsv"]


def test_formats_hold_the_same_numbers(folder, capsys):
    outputs = [loglik(capsys, "--regions", "one", out=out)[:2] for out in ("t.tsv", "t.tsv.gz", "t.bedgraph")]
    assert len(set(outputs)) == 1
    rows = table(Path("t.tsv").read_text())[1:]
    assert table(gzip.decompress(Path("t.tsv.gz").read_bytes()).decode())[1:] == rows
    for name, column in (("t.bedgraph", 3), ("t.entropy.bedgraph", 4)):
        expected = [[row[0], str(int(row[1]) - 1), row[1], row[column]] for row in rows]
        assert table(Path(name).read_text()) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"out": "t.wig"}, "--out t.wig must end in .bedgraph, .bg, .tsv, with or without .gz"),
        ({"regions": "one:1-51"}, "one:1-51 must hold a base and end inside contig 'one', which has 50 bp"),
        ({"regions": "three"}, "contig 'three' is not in g.fa; it has one, two (2 in all)"),
        ({"length": "1"}, "windows must be at least 2 tokens long, got 1"),
        ({"batch_size": "0"}, "batch_size must be at least 1, got 0"),
        ({"bed": "r.bed"}, "either --regions"),
    ],
    ids=["suffix", "past the end", "contig", "length", "batch", "regions and BED"],
)
def test_mistake_is_one_line_and_leaves_nothing(folder, capsys, options, message):
    before = sorted(folder.rglob("*"))
    out = options.pop("out", "t.tsv")
    words = [word for name, value in ({"regions": "one"} | options).items() for word in (f"--{name}", value)]
    status, printed, err = loglik(capsys, *words, out=out)
    assert (status, printed) == (1, "")
    assert message in err
    assert len(err.splitlines()) == 1
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("out", ["t.tsv", "t.bedgraph"])
def test_damaged_model_leaves_an_older_track(folder, capsys, out):
    Path(out).write_text("old")
    weights = Path("m/model.safetensors")
    weights.write_bytes(weights.read_bytes()[:-10])
    status, _, err = loglik(capsys, "--regions", "one", out=out)
    assert status == 1
    assert "m/model.safetensors are damaged or cut short" in err
    assert Path(out).read_text() == "old"


@pytest.mark.real_data
def test_whole_of_lambda(data, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    fasta = data / "genomes/phage/lambda_NC_001416.fa"
    record = SeqIO.read(fasta, "fasta")
    save_model("m", context_length=512)
    words = ["loglik", "--model", "m", "--genome", str(fasta), "--regions", record.id, "--out", "t.tsv"]
    assert cli.main(words) == 0
    rows = table(Path("t.tsv").read_text())[1:]
    assert [int(row[1]) for row in rows] == list(range(1, 48_503))
    assert "".join(row[2] for row in rows) == str(record.seq).upper()
    summed = table(capsys.readouterr().out)[1]
    assert summed[1] == "48502"
    # Six digits a line.
    assert float(summed[2]) == pytest.approx(sum(float(row[3]) for row in rows), rel=1e-6)


def test_stream_sees_all_of_a_region(folder, capsys):
    assert loglik(capsys, "--regions", "one", "--stream", "true")[0] == 0
    likelihoods, entropies = forward()
    found = table(Path("t.tsv").read_text())[1:]
    for contig, position, base, likelihood, entropy in found:
        place = int(position) - 1
        assert (contig, base) == ("one", SEQUENCE[place].upper())
        assert float(likelihood) == pytest.approx(likelihoods[place], abs=1e-5)
        assert float(entropy) == pytest.approx(entropies[place], abs=1e-5)
    assert len(found) == sum(base in "ACGT" for base in SEQUENCE.upper())


def test_stream_goes_on_beyond_the_context(folder, capsys):
    assert loglik(capsys, "--regions", "two:11-200", "--stream", "true")[0] == 0
    found = [float(row[3]) for row in table(Path("t.tsv").read_text())[1:]]
    tokens = torch.tensor([["ACGTN".index(base) + 7 for base in ("ACGTA" * 40)[9:]]])
    with torch.inference_mode():
        log_probs = HyenaDNA.from_pretrained("m")(tokens[:, :-1]).logits[0].log_softmax(1)
    expected = log_probs[range(190), tokens[0, 1:]]
    assert found == pytest.approx(expected.tolist(), abs=1e-4)
    assert loglik(capsys, "--regions", "two:11-200", "--stream", "true", "--taps", "4", out="u.tsv")[0] == 0
    shorter = [float(row[3]) for row in table(Path("u.tsv").read_text())[1:]]
    assert shorter != pytest.approx(found, abs=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [((), "its outputs are not known before the sequence ends"), (("--taps", "3"), "leave taps out")],
)
def test_model_whose_filters_stretch_is_no_stream(folder, capsys, options, message):
    mixer = HyenaConfig(filter=FilterConfig(filter_order=4, beyond_context="interpolate"))
    backbone = BackboneConfig(d_model=8, num_layers=1, context_length=64, mixer=mixer)
    HyenaDNAConfig(backbone=backbone).build().save_pretrained("m")
    status, _, err = loglik(capsys, "--regions", "one", "--stream", "true", *options)
    assert status == 1
    assert message in err.splitlines()[-1]
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--stream", "true", "--length", "32"), "--length 32 is of windows, and --stream has none"),
        (("--taps", "4"), "--taps 4 is for --stream"),
        (("--stream", "true", "--taps", "0"), "taps must be at least 1, got 0"),
    ],
)
def test_options_of_streams_and_windows_are_told_apart(folder, capsys, options, message):
    status, _, err = loglik(capsys, "--regions", "one", *options)
    assert status in (1, 2)
    assert message in err
    assert not Path("t.tsv").exists()
