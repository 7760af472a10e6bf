"""The folder of a task: tables that the csv module and pyarrow read, and a report that adds up."""

import csv
import json
import math
from collections import Counter

import pyarrow.parquet as pq
import pytest

from hyenadna_kit.genome.annotation import Annotation
from hyenadna_kit.genome.interval import Strand
from hyenadna_kit.tasks.make_task import TaskRequest, make_task
from hyenadna_kit.tasks.task_folder import write_task
from tests.tasks.made import gene, random_bases, read_bases, text_genome

CONTIGS = {"a": random_bases(1, 9000).lower(), "b": random_bases(2, 4000)}
GENES = Annotation(
    tuple(
        gene(f"g{contig}{n}", contig, "+-"[n % 2], ([(300 * n + 40, 300 * n + 180)],) * 2)
        for contig in CONTIGS
        for n in range(len(CONTIGS[contig]) // 300)
    )
)
ORIGIN = {"parameters": {"task": "coding"}}


@pytest.fixture(scope="module")
def made():
    return make_task(text_genome(CONTIGS), GENES, TaskRequest(task="coding", length=60))


def write(folder, made, table_format="csv", columns="both"):
    genome = text_genome(CONTIGS)
    return write_task(folder, genome, made, table_format=table_format, columns=columns, origin=ORIGIN)


def rows_of(path):
    if path.suffix == ".parquet":
        return [{k: str(v) for k, v in row.items()} for row in pq.read_table(path).to_pylist()]
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t" if path.suffix == ".tsv" else ","))


@pytest.mark.parametrize("table_format", ["csv", "tsv", "parquet"])
@pytest.mark.parametrize(
    ("columns", "names"),
    [
        ("coordinates", ["contig", "start", "end", "strand", "label"]),
        ("sequence", ["sequence", "label"]),
        ("both", ["sequence", "contig", "start", "end", "strand", "label"]),
    ],
)
def test_tables_hold_every_example_on_its_side(tmp_path, made, table_format, columns, names):
    write(tmp_path / "t", made, table_format, columns)
    assert {path.name for path in (tmp_path / "t").iterdir()} == {
        "task.json",
        *(f"{side}.{table_format}" for side in ("train", "validation", "test")),
    }
    for side in ("train", "validation", "test"):
        examples = [e for e, of in zip(made.found.examples, made.sides.of_example, strict=True) if of == side]
        rows = rows_of(tmp_path / "t" / f"{side}.{table_format}")
        assert list(rows[0]) == names
        assert [row["label"] for row in rows] == [label for _, label in examples]
        if columns != "coordinates":
            assert [row["sequence"] for row in rows] == [read_bases(CONTIGS, w) for w, _ in examples]
        if columns != "sequence":
            assert [(r["contig"], r["start"], r["end"], r["strand"]) for r in rows] == [
                (w.contig, str(w.start), str(w.end), "+" if w.strand is Strand.FORWARD else "-")
                for w, _ in examples
            ]


def test_report_adds_up(tmp_path, made):
    report = json.loads(json.dumps(write(tmp_path / "t", made)))
    assert report == json.loads((tmp_path / "t" / "task.json").read_text())
    assert report["format"] == "hyenadna_kit.task/1"
    assert report["parameters"] == ORIGIN["parameters"]
    for side, counts in report["sides"].items():
        rows = rows_of(tmp_path / "t" / f"{side}.csv")
        assert counts == Counter(row["label"] for row in rows)
    for label, gc in report["gc_fraction"].items():
        bases = [read_bases(CONTIGS, window) for window, of in made.found.examples if of == label]
        shares = [sum(base in "GC" for base in window) / 60 for window in bases]
        mean = sum(shares) / len(shares)
        assert gc["mean"] == pytest.approx(mean, abs=1e-6)
        assert gc["std"] == pytest.approx(
            math.sqrt(sum((share - mean) ** 2 for share in shares) / len(shares)), abs=1e-6
        )
    assert sum(report["similarity"]["counts"]) == sum(report["sides"]["test"].values())
    assert all(0 not in reasons.values() for reasons in report["left_out"].values())


def test_task_is_replaced_whole_and_a_link_is_followed(tmp_path, made):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write(tmp_path / "link", made, "csv")
    write(tmp_path / "link", made, "tsv")
    assert (tmp_path / "link").is_symlink()
    assert not list((tmp_path / "real").glob("*.csv"))
    assert len(list((tmp_path / "real").glob("*.tsv"))) == 3
