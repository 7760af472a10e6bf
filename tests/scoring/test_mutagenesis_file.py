"""Files of saturation mutagenesis: what is in them, read by other means, and never half of one."""

import gzip
from importlib.metadata import version

import h5py
import numpy as np
import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.hdf5 import write_rows
from hyenadna_kit.io.hdf5_keys import RowKeys
from hyenadna_kit.scoring.mutagenesis import Mutagenesis, NamedRegion
from hyenadna_kit.scoring.mutagenesis_file import (
    MutagenesisJob,
    mutagenesis_provenance,
    read_mutagenesis,
    write_mutagenesis,
)
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.scoring.scorer import VariantScorer

GRID = Placement(window=32, horizon=8, min_left_context=16)
REGIONS = [NamedRegion("a gene", Interval("two", 1, 4)), NamedRegion("one:5-5", Interval("one", 4, 5))]
COLUMNS = ("A", "C", "G", "T", "del")
NAN = np.nan
SCORES = [
    np.array([[NAN, 0.1, -2.5, 1e-9, 3.0], [NAN] * 5, [1.0, NAN, 2.0, NAN, 1 / 3]]),
    np.array([[0.25, 0.5, 0.75, NAN, -1.0]]),
]
REFERENCES = ["ANC", "T"]
TABLE = [
    "region\tcontig\tposition\tref\tA\tC\tG\tT\tdel",
    "a gene\ttwo\t2\tA\t.\t0.1\t-2.5\t1e-09\t3.0",
    "a gene\ttwo\t3\tN\t.\t.\t.\t.\t.",
    "a gene\ttwo\t4\tC\t1.0\t.\t2.0\t.\t0.3333333333333333",
    "one:5-5\tone\t5\tT\t0.25\t0.5\t0.75\t.\t-1.0",
]


@pytest.fixture(scope="module")
def job(write_genome):
    genome = write_genome({"one": "ACGTTGCA", "two": "GANCT"})
    return MutagenesisJob(
        genome=genome, regions=REGIONS, columns=COLUMNS, provenance={"score": "l2", "window": 32}
    )


def results():
    for (name, region), reference, scores in zip(REGIONS, REFERENCES, SCORES, strict=True):
        yield Mutagenesis(
            region=region, name=name, score="l2", reference=reference, columns=COLUMNS, scores=scores
        )


def write(path, job):
    with write_mutagenesis(path, job) as write_region:
        for result in results():
            write_region(result)
    return path


def test_hdf5_has_positions_reference_and_scores(tmp_path, job):
    with h5py.File(write(tmp_path / "x.h5", job)) as file:
        contigs = file["contigs"][...]
        assert contigs[file["contig"][...]].tolist() == [b"two", b"two", b"two", b"one"]
        assert file["position"][...].tolist() == [1, 2, 3, 4]
        assert file["alleles"][...].tobytes() == b"ANCT"
        np.testing.assert_array_equal(file["values"][...], np.concatenate(SCORES).astype(np.float32))
        assert (file.attrs["score"], file.attrs["window"]) == (b"l2", 32)
        assert file["completed_rows"][0] == 4


def test_tsv_has_a_line_a_base_after_where_it_comes_from(tmp_path, job):
    lines = write(tmp_path / "x.tsv", job).read_text().splitlines()
    assert lines == ["# score: l2", "# window: 32", *TABLE]


def test_compressed_tsv_is_the_same_and_the_same_every_time(tmp_path, job):
    first, second = (write(tmp_path / name, job).read_bytes() for name in ("x.tsv.gz", "y.tsv.gz"))
    assert first == second
    assert gzip.decompress(first).decode() == write(tmp_path / "x.tsv", job).read_text()


def test_name_of_a_region_stays_in_its_column(tmp_path, job):
    with write_mutagenesis(tmp_path / "x.tsv", job) as write_region:
        result = next(results())
        write_region(
            Mutagenesis(
                region=result.region,
                name="a\tgene\nof two lines",
                score="l2",
                reference="ANC",
                columns=COLUMNS,
                scores=result.scores,
            )
        )
    rows = [line.split("\t") for line in (tmp_path / "x.tsv").read_text().splitlines()[2:]]
    assert {len(row) for row in rows} == {9}
    assert rows[1][0] == "a gene of two lines"


@pytest.mark.parametrize("name", ["x.h5", "x.tsv", "x.tsv.gz"])
def test_run_that_fails_leaves_what_was_there(tmp_path, job, name):
    path = tmp_path / name
    path.write_text("before")

    def write_one_and_fail():
        with write_mutagenesis(path, job) as write_region:
            write_region(next(results()))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_one_and_fail()
    assert path.read_text() == "before"
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_changes_are_counted_without_n(job):
    assert job.num_changes == 3 * 4


@pytest.mark.parametrize("name", ["x.txt", "x.h5.gz", "tsv"])
def test_other_formats_are_refused(tmp_path, job, name):
    with (
        pytest.raises(InputError, match=r"must end in \.h5, \.tsv, \.tsv\.gz$"),
        write_mutagenesis(tmp_path / name, job),
    ):
        pass
    assert not list(tmp_path.iterdir())


def test_table_is_read_again(tmp_path, model, write_genome):
    genome = write_genome({"one": "ACGTTGCA", "two": "GANCT"})
    scorer = VariantScorer(model, GRID, strands=tuple(Strand))
    provenance = mutagenesis_provenance(scorer, genome, "l2", COLUMNS)
    job = MutagenesisJob(genome=genome, regions=REGIONS, columns=COLUMNS, provenance=provenance)
    table = read_mutagenesis(write(tmp_path / "x.h5", job))
    keys = [(key.contig, key.position, key.ref, key.alt) for key in table.keys(0, 4)]
    assert keys == [("two", 1, "A", ""), ("two", 2, "N", ""), ("two", 3, "C", ""), ("one", 4, "T", "")]
    np.testing.assert_array_equal(table.values(1, 4)[2], SCORES[1][0].astype(np.float32))
    table.close()
    assert dict(table.provenance) == {
        "content": "saturation mutagenesis",
        "hyenadna_kit_version": version("hyenadna_kit"),
        "model_sha256": model.fingerprint(),
        "genome_sha256": genome.fingerprint,
        "score": "l2",
        "columns": "A,C,G,T,del",
        "window": 32,
        "horizon": 8,
        "min_left_context": 16,
        "placement": "grid",
        "strands": "both",
        "engine": "shared",
        "device": "cpu",
        "dtype": "float32",
        "products": "float32",
    }


def test_table_of_something_else_is_refused(tmp_path):
    path = tmp_path / "x.h5"
    with write_rows(path, RowKeys.of_intervals([Interval("one", 0, 1)])) as writer:
        writer.append([1.0])
    with pytest.raises(InputError, match="none of a mutagenesis"):
        read_mutagenesis(path)
