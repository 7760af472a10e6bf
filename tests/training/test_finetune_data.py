"""What a fine-tuning reads: the same rows from every kind of file, their labels, and what predicts them."""

from pathlib import Path

import numpy as np
import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.heads.nucleotide import NucleotideHeadConfig
from hyenadna_kit.heads.sequence import SequenceHeadConfig
from hyenadna_kit.heads.variant_effect import VariantEffectHeadConfig
from hyenadna_kit.io.tables import LabelledTable, write_labelled_table
from hyenadna_kit.tokenizers.nucleotide import NucleotideTokenizer
from hyenadna_kit.training.finetune_config import FinetuneConfig
from hyenadna_kit.training.finetune_data import read_finetune_data
from hyenadna_kit.windows.epochs import Draw
from hyenadna_kit.windows.examples import ExampleDataset, collate_examples
from tests.oracles.bigwig import BEDGRAPH, bigwig_bytes
from tests.oracles.mutated_contig import mutate

TOKENIZER = NucleotideTokenizer()
COMPLEMENT = str.maketrans("ACGTN", "TGCAN")
SIZES = {"train": 12, "validation": 6, "test": 6}
LENGTH = 16


def reverse(sequence):
    return sequence[::-1].translate(COMPLEMENT)


@pytest.fixture
def contig(tmp_path, monkeypatch):
    """The one contig, ``c``, of ``g.fa`` in the current folder."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(5)
    bases = "".join(generator.choice(list("ACGT"), 1000))
    Path("g.fa").write_text(f">c\n{bases}\n")
    return bases


def read(length=64, **options):
    return read_finetune_data(FinetuneConfig(model="m", out="o", **options), TOKENIZER, length)


def rows(contig):
    """Return places of 16 bases, their strands, bases and classes, for each side."""
    start, found = 0, {}
    for side, count in SIZES.items():
        found[side] = []
        for number in range(count):
            strand = "-" if number % 3 == 0 else "+"
            bases = contig[start : start + LENGTH]
            found[side].append((start, strand, bases if strand == "+" else reverse(bases), "ab"[number % 2]))
            start += LENGTH
    return found


def write_fasta(side, each):
    text = "".join(f">{side}{start} label={label}\n{bases}\n" for start, _, bases, label in each)
    Path(f"{side}.fa").write_text(text)


def write_bed(side, each):
    lines = [f"c\t{start}\t{start + LENGTH}\t{label}\t0\t{strand}\n" for start, strand, _, label in each]
    Path(f"{side}.bed").write_text("".join(lines))


def write_headed_bed(side, each):
    lines = [f"c\t{start}\t{start + LENGTH}\t{label}\t{strand}\n" for start, strand, _, label in each]
    Path(f"{side}.bed").write_text("#chrom\tstart\tend\tlabel\tstrand\n" + "".join(lines))


def write_csv(side, each):
    Path(f"{side}.csv").write_text("".join(["sequence,label\n", *(f"{row[2]},{row[3]}\n" for row in each)]))


def write_named_csv(side, each):
    Path(f"{side}.csv").write_text(
        "".join(["name,sequence\n", *(f"{side}{row[0]},{row[2]}\n" for row in each)])
    )


def write_genome_csv(side, each):
    lines = [f"g.fa,c,{start},{start + LENGTH},{strand},{label}\n" for start, strand, _, label in each]
    Path(f"{side}.csv").write_text("".join(["genome,chrom,start,end,strand,label\n", *lines]))


def write_folder(side, each):
    for start, _, bases, label in each:
        path = Path(f"task/{side}/{label}/{start:04}.txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(bases)


KINDS = {
    "table": (write_csv, ".csv", {}),
    "table and labels": (write_named_csv, ".csv", {"labels": "labels.tsv"}),
    "several genomes": (write_genome_csv, ".csv", {}),
    "FASTA": (write_fasta, ".fa", {}),
    "FASTA and labels": (write_fasta, ".fa", {"labels": "labels.tsv"}),
    "BED": (write_bed, ".bed", {"genome": "g.fa", "label_columns": ("name",)}),
    "BED with a header": (write_headed_bed, ".bed", {"genome": "g.fa"}),
    "folder of classes": (write_folder, None, {"data": "task"}),
}


@pytest.mark.parametrize(("write", "suffix", "options"), KINDS.values(), ids=KINDS.keys())
def test_same_rows_come_out_of_every_kind_of_file(contig, write, suffix, options):
    found = rows(contig)
    names = [(f"{side}{row[0]}", row[3]) for side, each in found.items() for row in each]
    Path("labels.tsv").write_text(
        "name\tlabel\n" + "".join(f"{name}\t{label}\n" for name, label in names[::-1])
    )
    for side, each in found.items():
        write(side, each)
    files = {} if suffix is None else {side: f"{side}{suffix}" for side in found}
    data = read(**files, **options)
    assert data.head == SequenceHeadConfig(objective="binary", labels=("a", "b"), dropout=0.1)
    for side, each in found.items():
        examples = data.examples[side]
        got = [
            (TOKENIZER.decode(*examples.pieces.tokens(row)), data.head.labels[examples.labels[row]])
            for row in range(len(examples))
        ]
        assert sorted(got) == sorted((bases, label) for _, _, bases, label in each)
        assert suffix is None or got == [(bases, label) for _, _, bases, label in each]


VARIANTS = [
    (40, "snv"),
    (47, "insertion"),
    (300, "deletion"),
    (5, "snv"),
    (990, "deletion"),
    (500, "insertion"),
]


def variant_of(contig, position, kind):
    other = "ACGT"["ACGT".index(contig[position]) - 1]
    if kind == "snv":
        return contig[position], other
    return (
        (contig[position], contig[position] + other * 3)
        if kind == "insertion"
        else (
            contig[position : position + 4],
            contig[position],
        )
    )


@pytest.mark.parametrize("suffix", [".vcf", ".csv"])
def test_pair_of_a_variant_is_a_slice_of_the_contig_before_and_after_it(contig, suffix):
    variants = [(position, *variant_of(contig, position, kind)) for position, kind in VARIANTS]
    lines = []
    for number, (position, ref, alt) in enumerate(variants):
        row = ("c", position + 1, f"v{number}", ref, alt, number / 2)
        lines.append("{},{},{},{},{},{}\n" if suffix == ".csv" else "{}\t{}\t{}\t{}\t{}\t.\t.\tlabel={}\n")
        lines[-1] = lines[-1].format(*row)
    header = "chrom,pos,id,ref,alt,label\n"
    if suffix == ".vcf":
        header = "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    Path(f"train{suffix}").write_text(header + "".join(lines))
    Path(f"validation{suffix}").write_text(header + "".join(lines[:3]))
    files = {"train": f"train{suffix}", "validation": f"validation{suffix}", "genome": "g.fa"}
    data = read(task="regression", window=20, combine="concatenation", pooling="centre", **files)
    head = data.head
    assert isinstance(head, VariantEffectHeadConfig)
    assert (head.combine, head.pooling, head.labels) == ("concatenation", "centre", ("label",))
    assert data.examples["train"].num_sequences == 2
    assert data.examples["train"].labels[:, 0].tolist() == [number / 2 for number in range(6)]
    for number, (position, ref, alt) in enumerate(variants):
        found_ref, found_alt = (
            TOKENIZER.decode(each) for each in data.examples["train"].pieces.tokens(number)
        )
        flank = "N" * 20
        before, after = flank + contig + flank, flank + mutate(contig, position, ref, alt) + flank
        # Wherever the change is moved to among equal spellings, both windows are slices from one place.
        places = [place for place in range(len(before)) if before.startswith(found_ref, place)]
        assert len(places) == 1
        assert after[places[0] : places[0] + 20] == found_alt
        first = next(at for at in range(len(after)) if before[at : at + 1] != after[at : at + 1])
        assert 0 <= first - places[0] - 10 <= 4


def write_track(path, values):
    items = [(place, place + 1, value) for place, value in enumerate(values) if value is not None]
    Path(path).write_bytes(bigwig_bytes({"c": len(values)}, [("c", BEDGRAPH, items)]))


def write_regions(**sides):
    for side, regions in sides.items():
        lines = [f"c\t{start}\t{end}\tx\t0\t{strand}\n" for start, end, strand in regions]
        Path(f"{side}.bed").write_text("".join(lines))
    return {side: f"{side}.bed" for side in sides} | {"genome": "g.fa", "task": "regression"}


REGIONS = [(0, 12, "+"), (12, 20, "-"), (30, 46, "-")]


def test_labels_of_a_track_are_means_of_bins_as_the_region_is_read(contig):
    values = np.random.default_rng(1).integers(0, 50, 1000).astype(float)
    write_track("t.bw", [None if 4 <= place < 8 else value for place, value in enumerate(values)])
    options = write_regions(train=REGIONS, validation=REGIONS[:2])
    data = read(track=("t.bw",), bin_size=4, **options)
    assert isinstance(data.head, NucleotideHeadConfig)
    assert (data.head.bin_size, data.head.labels) == (4, ("t",))
    examples = data.examples["train"]
    assert examples.first_rows.tolist() == [0, 3, 5, 9]
    expected = []
    for start, end, strand in REGIONS:
        bins = values[start:end].reshape(-1, 4).mean(1)
        expected += list(bins if strand == "+" else bins[::-1])
    expected[1] = np.nan
    np.testing.assert_allclose(examples.labels[:, 0], expected, rtol=1e-6)
    known = np.delete(expected, 1)
    assert data.head.target_mean == pytest.approx((known.mean(),), rel=1e-6)
    assert data.head.target_std == pytest.approx((known.std(),), rel=1e-6)


def test_labels_of_positions_change_places_with_the_strand(contig):
    write_track("t.bw", list(range(1000)))
    write_track("u.bw", list(range(1000, 0, -1)))
    data = read(track=("t.bw", "u.bw"), bin_size=4, **write_regions(train=REGIONS, validation=REGIONS[:2]))
    dataset = ExampleDataset(data.examples["train"], reverse_fraction=1.0)
    (tokens,), labels = dataset[Draw(0, 0)]
    assert TOKENIZER.decode(tokens) == reverse(contig[:12])
    assert labels.tolist() == [[9.5, 990.5], [5.5, 994.5], [1.5, 998.5]]
    batch = collate_examples([dataset[Draw(0, 0)], dataset[Draw(1, 0)]])
    assert batch.labels.shape == (2, 3, 2)
    assert batch.labels[1].isnan().all(1).tolist() == [False, False, True]


def write_states(**sides):
    for side, cells in sides.items():
        Path(f"{side}.csv").write_text(
            "sequence,label\n" + "".join(f"{bases},{states}\n" for bases, states in cells)
        )
    return {side: f"{side}.csv" for side in sides} | {"task": "multiclass", "labels_of": "base"}


def test_classes_of_bases_are_read(contig):
    options = write_states(train=[("ACGT", "0012"), ("GG", "10")], validation=[("ACG", "211")])
    data = read(**options)
    assert data.head == NucleotideHeadConfig(objective="multiclass", labels=("0", "1", "2"), dropout=0.1)
    assert data.examples["train"].labels.tolist() == [0, 0, 1, 2, 1, 0]
    assert data.examples["validation"].labels_of(0).tolist() == [2, 1, 1]
    batch = collate_examples([ExampleDataset(data.examples["train"])[Draw(row, 0)] for row in (0, 1)])
    assert batch.labels.tolist() == [[0, 0, 1, 2], [1, 0, -100, -100]]


def bases_of(examples):
    return [TOKENIZER.decode(*examples.pieces.tokens(row)) for row in range(len(examples))]


def test_validation_share_keeps_equal_sequences_together_and_classes_apart(contig):
    sequences = [contig[10 * number : 10 * number + 10] for number in range(90)]
    sequences += [reverse(sequence) for sequence in sequences[:30]] + sequences[:30]
    labels = ["rare" if number % 10 == 0 else "usual" for number in range(90)]
    labels += labels[:30] * 2
    columns = {"label": tuple(labels)}
    write_labelled_table(Path("train.csv"), LabelledTable(sequences=tuple(sequences), columns=columns))
    options = {"train": "train.csv", "validation_share": 0.2}
    data, same, other = (read(**options, validation_seed=seed) for seed in (3, 3, 4))
    sides = {side: bases_of(each) for side, each in data.examples.items()}
    assert len(sides["train"]) + len(sides["validation"]) == 150
    kept = {min(bases, reverse(bases)) for bases in sides["train"]}
    assert kept.isdisjoint(min(bases, reverse(bases)) for bases in sides["validation"])
    counts = np.bincount(data.examples["validation"].labels)
    assert counts == pytest.approx([0.2 * labels.count("rare"), 0.2 * labels.count("usual")], abs=2)
    assert bases_of(same.examples["validation"]) == sides["validation"]
    assert bases_of(other.examples["validation"]) != sides["validation"]


def test_many_columns_are_named_by_a_pattern(contig):
    Path("train.csv").write_text("Chr_No,Start,End,y_1,y_2,other\nc,0,8,0,1,x\nc,8,16,1,0,x\nc,9,17,1,1,x\n")
    Path("dev.csv").write_text("Chr_No,Start,End,y_1,y_2,other\nc,20,28,0,1,x\nc,8,16,1,0,x\n")
    data = read(data=".", genome="g.fa", task="multilabel", label_columns=("y_*",))
    assert data.head.labels == ("y_1", "y_2")
    assert data.examples["train"].labels.tolist() == [[0, 1], [1, 0], [1, 1]]


def test_equal_files_of_two_sides_are_refused(contig):
    Path("train.csv").write_text("sequence,label\nA,0\nC,1\n")
    Path("test.csv").write_text("sequence,label\nA,0\nC,1\n")
    with pytest.raises(
        InputError, match=r"train.csv is given as train table and test.csv, with the same content"
    ):
        read(train="train.csv", test="test.csv")
