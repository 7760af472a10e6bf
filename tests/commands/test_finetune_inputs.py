"""``hyenadna-kit finetune`` from every kind of input to metrics, and what it refuses in one line."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from hyenadna_kit.evaluation.metrics import evaluate_predictions
from hyenadna_kit.model import HyenaDNA
from hyenadna_kit.tokenizers.nucleotide import NucleotideTokenizer
from tests.commands.finetune_folder import finetune, start
from tests.oracles.bigwig import BEDGRAPH, bigwig_bytes

ENCODE = NucleotideTokenizer().encode
VCF = "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
OTHER = dict(zip("ACGT", "CGTA", strict=True))
COMPLEMENT = str.maketrans("ACGT", "TGCA")


@pytest.fixture
def contigs(tmp_path, monkeypatch):
    """Contigs of ``g.fa`` in the current folder, which has a model ``m``."""
    return start(tmp_path, monkeypatch)


def found(side="test"):
    return json.loads(Path("run/metrics.json").read_text())[side]["seeds"]["0"]


def logits_of(*sequences):
    """Return what the trained model makes of sequences of one length."""
    model = HyenaDNA.from_pretrained(Path("run/seeds/0"))
    with torch.no_grad():
        return model(torch.from_numpy(np.stack([ENCODE(sequence) for sequence in sequences]))), model.head


def write_variants(contig, window=20):
    """Write SNVs with effects as VCF, and return for each its windows with REF and ALT."""
    pairs = {}
    generator = np.random.default_rng(2)
    for side, positions in {
        "train": range(100, 900, 25),
        "validation": range(1000, 1300, 25),
        "test": range(1400, 1700, 25),
    }.items():
        lines, pairs[side] = [], []
        for position in positions:
            ref, start = contig[position], position - window // 2
            lines.append(
                f"c\t{position + 1}\t.\t{ref}\t{OTHER[ref]}\t.\t.\tEFFECT={generator.normal():.4f}\n"
            )
            before = contig[start : start + window]
            pairs[side].append((before, before[: window // 2] + OTHER[ref] + before[window // 2 + 1 :]))
        Path(f"{side}.vcf").write_text(VCF + "".join(lines))
    return pairs


@pytest.mark.parametrize("average", ["true", "false"])
def test_metrics_of_variants_are_those_of_their_pairs_of_windows(contigs, average):
    pairs = write_variants(contigs["c"])["test"]
    files = {side: f"{side}.vcf" for side in ("train", "validation", "test")}
    options = {"task": "regression", "label_columns": "EFFECT", "genome": "g.fa", "window": "20"}
    assert finetune(average_strands=average, **files, **options) == 0
    ref, alt = ([pair[allele] for pair in pairs] for allele in (0, 1))
    out, head = logits_of(*ref, *alt)
    logits = out.logits
    if average == "true":
        other = [[sequence[::-1].translate(COMPLEMENT) for sequence in each] for each in (ref, alt)]
        logits = (logits + logits_of(*other[0], *other[1])[0].logits) / 2
    labels = [float(line.rpartition("=")[2]) for line in Path("test.vcf").read_text().splitlines()[2:]]
    expected = evaluate_predictions("regression", np.array(labels)[:, None], head.predictions(logits).numpy())
    assert found() == pytest.approx(expected, abs=1e-5)


def write_regions(length=24):
    """Write places of two lengths, and a track of one number a base."""
    places = {"train": range(0, 800, 40), "validation": range(1000, 1300, 50), "test": range(1400, 1700, 50)}
    for side, starts in places.items():
        lines = [
            f"c\t{start}\t{start + length + 8 * (number % 2)}\tx\t0\t{'-+'[number % 2]}\n"
            for number, start in enumerate(starts)
        ]
        Path(f"{side}.bed").write_text("".join(lines))
    values = np.random.default_rng(3).integers(0, 20, 2000).tolist()
    items = [(place, place + 1, value) for place, value in enumerate(values)]
    Path("t.bw").write_bytes(bigwig_bytes({"c": 2000, "d": 600}, [("c", BEDGRAPH, items)]))
    return np.array(values, dtype=float)


@pytest.mark.parametrize("average", ["true", "false"])
def test_metrics_of_a_track_are_over_its_bins(contigs, average):
    values = write_regions()
    files = {side: f"{side}.bed" for side in ("train", "validation", "test")}
    options = {"task": "regression", "track": "t.bw", "bin_size": "8", "genome": "g.fa"}
    assert finetune(average_strands=average, **files, **options) == 0
    labels, predictions = [], []
    for line in Path("test.bed").read_text().splitlines():
        start, end, strand = int(line.split()[1]), int(line.split()[2]), line.split()[5]
        bases, bins = contigs["c"][start:end], values[start:end].reshape(-1, 8).mean(1)
        if strand == "-":
            bases, bins = bases[::-1].translate(COMPLEMENT), bins[::-1]
        out, head = logits_of(bases)
        logits = out.logits[0]
        if average == "true":
            logits = (logits + logits_of(bases[::-1].translate(COMPLEMENT))[0].logits[0].flip(0)) / 2
        labels.append(bins)
        predictions.append(head.predictions(logits).numpy())
    expected = evaluate_predictions(
        "regression", np.concatenate(labels)[:, None], np.concatenate(predictions)
    )
    assert found() == pytest.approx(expected, abs=1e-4)


def test_classes_of_bases_are_learnt_one_by_one(contigs):
    for side, count in {"train": 40, "validation": 12, "test": 14}.items():
        starts = np.random.default_rng(count).integers(0, 1900, count)
        lengths = [20 + 10 * (number % 2) for number in range(count)]
        rows = [contigs["c"][start : start + length] for start, length in zip(starts, lengths, strict=True)]
        states = [row.translate(str.maketrans("ACGT", "wssw")) for row in rows]
        pairs = zip(rows, states, strict=True)
        Path(f"{side}.csv").write_text(
            "sequence,label\n" + "".join(f"{row},{state}\n" for row, state in pairs)
        )
    options = {"labels_of": "base", "epochs": "12", "optimizer.learning_rate": "0.01", "patience": "12"}
    assert finetune(train="train.csv", validation="validation.csv", test="test.csv", **options) == 0
    assert found()["accuracy"] > 0.95  # whether a base is A or T is the same on both strands


def write_classes(contig):
    """Write a folder as GenomicBenchmarks lays it out."""
    for side, first in {"train": 0, "test": 1000}.items():
        for number in range(30):
            path = Path("task") / side / "ab"[number % 2] / f"{number}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(contig[first + 30 * number : first + 30 * number + 30])


def test_folder_without_validation_has_a_share_set_aside_and_written_down(contigs):
    write_classes(contigs["c"])
    assert finetune(data="task", validation_share="0.2", validation_seed="5") == 0
    assert found().keys() == found("validation").keys()
    record = Path("run/seeds/0/config.resolved.yaml").read_text()
    assert "validation_share: 0.2\n" in record
    assert "validation_seed: 5\n" in record
    first = Path("run/metrics.json").read_bytes()
    assert finetune(data="task", validation_share="0.2", validation_seed="5") == 0
    assert Path("run/metrics.json").read_bytes() == first


def test_run_is_not_continued_on_other_labels(contigs, capsys):
    write_classes(contigs["c"])
    assert finetune(data="task") == 0
    Path("task/train/a/0.txt").write_text("ACGTACGTAC")
    assert finetune(data="task") == 1
    assert "holds a run with train_fingerprint" in capsys.readouterr().err


PLACES = {"train": "places.bed", "genome": "g.fa", "label_columns": "name"}
CALLS = {"train": "calls.vcf", "genome": "g.fa", "label_columns": "L"}
MISTAKES = {
    "labels not contiguous": (
        {"train": "gap.csv"},
        "gap.csv: classes that are numbers must be 0 to 1, each with a row",
    ),
    "class absent from train": (
        {"train": "good.csv", "validation": "third.csv"},
        "third.csv, row 3: class 'c' is not in the training table, which has a, b",
    ),
    "longer than the model": ({"train": "long.fa"}, "long.fa, row 2: 65 bases, and the model reads 64; cut"),
    "protein": (
        {"train": "protein.fa"},
        "protein.fa, record 'p': character 'L' at position 2 is no nucleotide",
    ),
    "DNA and RNA": (
        {"train": "mixed.csv"},
        "mixed.csv, row 2: T and U stand in one sequence; write DNA or RNA",
    ),
    "empty file": (
        {"train": "good.csv", "validation": "empty.csv"},
        "empty.csv names its columns but has no rows",
    ),
    "empty split": (
        {"train": "good.csv", "validation_share": "0.1"},
        "good.csv: a validation_share of 0.1 sets 0 of 4 rows aside; take",
    ),
    "NaN": ({"train": "nan.fa"}, "nan.fa, record 'n': column 'label': expected a label, got 'nan'"),
    "no such contig": (
        PLACES | {"train": "elsewhere.bed"},
        "elsewhere.bed, row 1: contig 'x' is not in g.fa",
    ),
    "beyond the contig": (
        PLACES | {"train": "beyond.bed"},
        "must hold a base and end inside contig 'd', which has 600",
    ),
    "REF of another genome": (CALLS, "calls.vcf, row 1: REF 'AAAAAAAAAAAAAAAA' at c:50 is not what g.fa has"),
    "variants without genome": (
        CALLS | {"genome": None},
        "calls.vcf holds variants and no sequences; name their",
    ),
    "window of sequences": (
        {"train": "good.csv", "window": "20"},
        "window is of variants",
    ),
    "variants and sequences": (CALLS | {"validation": "L.csv"}, "L.csv holds sequences; a model of variants"),
    "no label": ({"train": "good.csv", "labels": "labels.tsv"}, "has no column 'name' by which"),
    "track of sequences": (
        {
            "train": "good.csv",
            "validation_share": "0.5",
            "track": "t.bw",
            "task": "regression",
            "genome": "g.fa",
        },
        "holds no places, which tracks are of",
    ),
    "part of a bin": (
        PLACES | {"track": "t.bw", "bin_size": "16", "task": "regression"},
        "places.bed, row 1: 24 bases are no whole number of bins of 16",
    ),
    "track of what": (
        PLACES | {"track": "good.csv", "task": "regression"},
        "track good.csv must be bigWig (.bw, .bigwig) or BAM",
    ),
    "track of classes": (PLACES | {"track": "t.bw"}, "track is what is predicted: take --task regression"),
    "bins of nothing": (PLACES | {"bin_size": "8"}, "bin_size is of tracks, got 8 and no --track"),
    "labels of some bases": ({"train": "bases.csv", "labels_of": "base"}, "row 1: 3 labels for 4 bases"),
    "file that is not there": ({"train": "nowhere.fa"}, "FASTA file nowhere.fa does not exist"),
    "table that is not there": ({"train": "nowhere.csv"}, "table nowhere.csv cannot be read: No such file"),
    "labels that are not there": (
        {"train": "good.fa", "labels": "nowhere.tsv"},
        "table nowhere.tsv cannot be read: No such file",
    ),
    "label of nothing": (
        {"train": "good.fa", "labels": "labels.tsv"},
        "labels.tsv: the label of 'x' belongs to no record of good.fa; remove it, or add the record",
    ),
    "no file": ({}, "name the files by --train (and more), or a folder by --data; got none"),
    "files and folder": ({"train": "good.csv", "data": "."}, "got --train, --data"),
    "no pattern": ({"train": "good.csv", "label_columns": "y_*"}, "good.csv: no column matches 'y_*'"),
    "several columns": (
        {"train": "wide.csv", "label_columns": "*"},
        "* are 2 columns, and a binary task has one",
    ),
    "text": ({"train": "notes.txt"}, "notes.txt must be a table"),
}


@pytest.mark.parametrize(("options", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistake_is_one_line_before_training(contigs, capsys, options, message):
    write_regions()
    for name, text in {
        "good.csv": "sequence,label\nACC,a\nACG,b\nCC,a\nGGT,b\n",
        "good.fa": ">a\nAC\n>b\nAG\n",
        "third.csv": "sequence,label\nAC,a\nAG,b\nCCC,c\n",
        "gap.csv": "sequence,label\nAC,0\nAG,2\nAA,0\nAT,2\n",
        "wide.csv": "sequence,a,b\n" + "".join(f"A{'C' * n},0,1\nC{'A' * n},1,1\n" for n in range(20)),
        "mixed.csv": "sequence,label\nACGU,a\nACTU,b\n",
        "empty.csv": "sequence,label\n",
        "L.csv": "sequence,L\nAC,a\n",
        "bases.csv": "sequence,label\nACGT,001\nAC,01\nA,0\nG,1\n",
        "long.fa": f">s label=a\nAC\n>l label=b\n{'A' * 65}\n",
        "protein.fa": ">d label=a\nAC\n>p label=b\nMKLV\n",
        "nan.fa": ">d label=1\nAC\n>n label=nan\nAC\n",
        "places.bed": "c\t0\t24\ta\nc\t30\t54\tb\nc\t60\t84\ta\nc\t90\t114\tb\n",
        "elsewhere.bed": "x\t0\t24\ta\nc\t30\t54\tb\n",
        "beyond.bed": "d\t590\t610\ta\nc\t30\t54\tb\n",
        "calls.vcf": VCF + f"c\t50\t.\t{'A' * 16}\tC\t.\t.\tL=a\nc\t70\t.\t{'A' * 16}\tC\t.\t.\tL=b\n",
        "labels.tsv": "name\tlabel\nx\t1\n",
        "notes.txt": "nothing",
    }.items():
        Path(name).write_text(text)
    assert finetune(**{"validation_share": "0.5"} | options) in (1, 2)
    (line,) = capsys.readouterr().err.splitlines()[-1:]
    assert message in line
    assert not Path("run/seeds").exists()
