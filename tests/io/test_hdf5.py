"""Row tables: what was written comes back, through kills and processes; files that lie are refused."""

import multiprocessing
import os
import pickle
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io import hdf5_layout
from hyenadna_kit.io.hdf5 import RowTable, write_rows
from hyenadna_kit.io.hdf5_keys import RowKeys

ROOT = Path(__file__).parents[2]
INTERVALS = [
    Interval("chr1", 0, 10),
    Interval("chr2", 5, 5, Strand.REVERSE),
    Interval("chr1", -7, 3_000_000_000),
    Interval("Ärger 1", 1, 2, Strand.REVERSE),
]
VARIANTS = [
    Variant("chr1", 5, "A", "CT"),
    Variant("chr1", 3_000_000_000, "", "T" * 70_000),
    Variant("chrX", 0, "ACGT", ""),
]
KEYS = RowKeys.of_intervals(INTERVALS)
PROVENANCE = {"model": "sha256:12", "empty": "", "µ": "é", "steps": -3, "rate": 0.25}


def rows(first, last, shape=(2, 3)):
    """Return rows whose every number says where it stands."""
    size = int(np.prod(shape, dtype=int))
    return np.arange(first * size, last * size, dtype=np.float32).reshape(last - first, *shape)


def write(path, keys=KEYS, shape=(2, 3), **options):
    with write_rows(path, keys, shape=shape, **options) as writer:
        writer.append(rows(writer.num_completed, writer.num_rows, shape))
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "rows.h5"


@pytest.fixture
def table(path):
    table = RowTable(write(path, provenance=PROVENANCE))
    yield table
    table.close()


def many(count):
    return [Interval(f"c{i % 3}", i, i + 7, list(Strand)[i % 2]) for i in range(count)]


def test_rows_keys_and_provenance_come_back(table):
    assert (table.num_rows, table.num_completed, table.shape) == (4, 4, (2, 3))
    assert table.keys(0, 4) == INTERVALS
    assert table.contigs == ("chr1", "chr2", "Ärger 1")
    assert dict(table.provenance) == PROVENANCE
    values = table.values(0, 4)
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, rows(0, 4))


def test_variants_are_keys_too(path):
    table = RowTable(write(path, RowKeys.of_variants(VARIANTS), shape=()))
    assert table.shape == ()
    assert table.keys(0, 3) == VARIANTS
    assert table.keys(2, 3) == VARIANTS[2:]
    assert table.keys(1, 1) == []
    np.testing.assert_array_equal(table.values(1, 3), rows(1, 3, ()))
    table.close()


@settings(max_examples=20, deadline=None)
@given(
    batches=st.lists(st.integers(0, 700), min_size=1, max_size=6).filter(any),
    shape=st.sampled_from([(), (1,), (3,), (2, 2)]),
    place=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_ranges_of_rows_equal_slices_of_what_was_appended(batches, shape, place):
    with tempfile.TemporaryDirectory() as folder:
        path, total = Path(folder) / "rows.h5", sum(batches)
        with write_rows(path, RowKeys.of_intervals(many(total)), shape=shape) as writer:
            for batch in batches:
                writer.append(rows(writer.num_completed, writer.num_completed + batch, shape))
        table = RowTable(path)
        start, end = sorted(round(p * total) for p in place)
        np.testing.assert_array_equal(table.values(start, end), rows(0, total, shape)[start:end])
        assert table.keys(start, end) == many(total)[start:end]
        table.close()


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.builds(
            Variant,
            st.sampled_from(["chr1", "2", "x y"]),
            st.integers(0, 1 << 40),
            st.text("ACGTN", max_size=5),
            st.text("ACGTN", max_size=5),
        ),
        min_size=1,
        max_size=9,
    )
)
def test_any_variants_come_back(variants):
    with tempfile.TemporaryDirectory() as folder:
        table = RowTable(write(Path(folder) / "v.h5", RowKeys.of_variants(variants), shape=()))
        for start in range(len(variants)):
            assert table.keys(start, len(variants)) == variants[start:]
        table.close()


def test_file_is_plain_hdf5_for_everybody(path):
    write(path, RowKeys.of_intervals(many(3000)), shape=(4,), provenance={"model": "m"})
    with h5py.File(path) as file:
        values = file["values"]
        assert values.dtype == np.float32
        assert 256 <= values.chunks[0] <= 1024
        assert values.compression is None
        np.testing.assert_array_equal(values[...], rows(0, 3000, (4,)))
        assert file["start"][17] == 17
        assert file.attrs["model"] == b"m"


@pytest.mark.parametrize(
    ("num_rows", "shape", "chunk"),
    [
        (5000, (), 1024),
        (5000, (512,), 1024),
        (5000, (1 << 13,), 512),
        (5000, (1 << 20,), 256),
        (100, (512,), 100),
        (5000, (1 << 22,), 128),
    ],
)
def test_chunks_hold_256_to_1024_rows_where_rows_are_of_usual_size(path, num_rows, shape, chunk):
    with write_rows(path, RowKeys.of_intervals(many(num_rows)), shape=shape):
        pass
    with h5py.File(path) as file:
        assert file["values"].chunks == (chunk, *shape)


def test_array_is_the_callers_own(table):
    table.values(0, 2)[:] = 9
    np.testing.assert_array_equal(table.values(0, 2), rows(0, 2))


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (2, 1), (0, 5), (5, 5)])
def test_rows_that_are_not_there_are_refused(table, start, end):
    with pytest.raises(InputError, match=f"has rows 0 to 4 written, not {start} to {end}"):
        table.values(start, end)
    with pytest.raises(InputError, match=f"has rows 0 to 4, not {start} to {end}"):
        table.keys(start, end)


def test_rows_that_are_not_written_yet_are_refused(path):
    with write_rows(path, KEYS, shape=(2, 3)) as writer:
        writer.append(rows(0, 3))
        table = RowTable(path)
        assert (table.num_completed, table.num_rows) == (3, 4)
        np.testing.assert_array_equal(table.values(0, 3), rows(0, 3))
        with pytest.raises(InputError, match="has rows 0 to 3 written, not 3 to 4"):
            table.values(3, 4)
        assert table.keys(3, 4) == INTERVALS[3:]
        table.close()


def test_column_of_the_keys_is_an_array(table):
    assert table.column("end").tolist() == [10, 5, 3_000_000_000, 2]
    with pytest.raises(KeyError, match="values"):
        table.column("values")


def test_unfinished_table_is_gone_on_with(path):
    with write_rows(path, KEYS, shape=(2, 3), provenance=PROVENANCE) as writer:
        writer.append(rows(0, 1))
    with write_rows(path, KEYS, shape=(2, 3), provenance=PROVENANCE) as writer:
        assert writer.num_completed == 1
        writer.append(rows(1, 4))
    with write_rows(path, KEYS, shape=(2, 3), provenance=PROVENANCE) as writer:
        assert writer.num_completed == writer.num_rows == 4
    table = RowTable(path)
    np.testing.assert_array_equal(table.values(0, 4), rows(0, 4))
    table.close()
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["rows.h5"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keys": RowKeys.of_intervals(INTERVALS[::-1])}, "a table of other keys"),
        (
            {"keys": RowKeys.of_intervals([*INTERVALS[:3], Interval("chrZ", 1, 2, Strand.REVERSE)])},
            "other keys",
        ),
        ({"keys": RowKeys.of_variants([*VARIANTS, VARIANTS[0]])}, "a table of other keys"),
        ({"keys": RowKeys.of_intervals(INTERVALS[:3])}, r"other shape, \(4, 2, 3\), not \(3, 2, 3\)"),
        ({"shape": (3, 2)}, r"a table of other shape, \(4, 2, 3\), not \(4, 3, 2\)"),
        ({"provenance": {"model": "b"}}, "provenance: model is 'a', not 'b'"),
        ({"provenance": {}}, "provenance: model is 'a', not None"),
    ],
    ids=["order", "contig", "kind", "number", "shape", "model", "no model"],
)
def test_table_of_something_else_is_not_gone_on_with(path, change, message):
    with write_rows(path, KEYS, shape=(2, 3), provenance={"model": "a"}):
        pass
    before = path.read_bytes()
    options = {"keys": KEYS, "shape": (2, 3), "provenance": {"model": "a"}} | change
    keys = options.pop("keys")
    with pytest.raises(InputError, match=message), write_rows(path, keys, **options):
        pass
    assert path.read_bytes() == before
    with write_rows(path, keys, overwrite=True, **options) as writer:
        assert writer.num_completed == 0


def test_file_that_is_no_table_is_not_written_to(path):
    path.write_bytes(b"precious")
    with pytest.raises(InputError, match="cannot be read as HDF5"), write_rows(path, KEYS):
        pass
    assert path.read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((1, 3, 2)), r"rows must have the shape \(2, 3\), got \(3, 2\)"),
        (np.zeros((2, 3)), r"rows must have the shape \(2, 3\), got \(3,\)"),
        (np.zeros((5, 2, 3)), "5 rows for a table of 4 keys"),
        ([["a"]], "could not convert"),
    ],
)
def test_rows_that_do_not_fit_are_refused_and_nothing_is_counted(path, values, message):
    with write_rows(path, KEYS, shape=(2, 3)) as writer:
        with pytest.raises(ValueError, match=message):
            writer.append(values)
        assert writer.num_completed == 0
    table = RowTable(path)
    assert table.num_completed == 0
    table.close()


@pytest.mark.parametrize(
    ("keys", "shape", "message"),
    [
        (RowKeys.of_intervals([]), (), "holds nothing"),
        (KEYS, (2, 0), "holds nothing"),
        (KEYS, (1 << 40,), "is too large"),
    ],
)
def test_table_that_cannot_be_is_refused(path, keys, shape, message):
    with pytest.raises(InputError, match=message), write_rows(path, keys, shape=shape):
        pass
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("provenance", "message"),
    [
        ({"format": "x"}, "'format' is an attribute of the format itself"),
        ({"model": "x" * 70_000}, "longer than 65536 bytes"),
        ({"model": True}, "must be a text or a number"),
        ({"model": None}, "must be a text or a number"),
    ],
)
def test_provenance_that_cannot_be_stored_is_refused(path, provenance, message, no_shape_checks):
    with pytest.raises(ValueError, match=message), write_rows(path, KEYS, provenance=provenance):
        pass
    assert list(path.parent.iterdir()) == []


# Kills


WRITER = """
import sys
from pathlib import Path
import numpy as np
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.hdf5 import write_rows
from hyenadna_kit.io.hdf5_keys import RowKeys

path, total = Path(sys.argv[1]), int(sys.argv[2])
keys = RowKeys.of_intervals(Interval("c", i, i + 1) for i in range(total))
with write_rows(path, keys, shape=(300,), provenance={"model": "m"}) as writer:
    while writer.num_completed < total:
        first = writer.num_completed
        last = min(total, first + 7)
        writer.append(np.repeat(np.arange(first, last, dtype=np.float32)[:, None], 300, axis=1))
"""


def start_writer(path, total):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(total)], env=environment)


def assert_completed_rows_are_right(path):
    """Return how many there are."""
    table = RowTable(path)
    values, completed = table.values(0, table.num_completed), table.num_completed
    np.testing.assert_array_equal(values, np.repeat(np.arange(completed)[:, None], 300, axis=1))
    assert table.keys(0, 3) == [Interval("c", i, i + 1) for i in range(3)]
    table.close()
    return completed


@pytest.mark.kill
def test_killed_writer_leaves_a_table_that_is_gone_on_with(path):
    rng, total, reached = random.Random(0), 3000, []
    for _ in range(6):
        process = start_writer(path, total)
        before = reached[-1] if reached else 0
        deadline = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < deadline:
            # The table is read while it is being written, too.
            if path.exists() and assert_completed_rows_are_right(path) > before:
                break
        time.sleep(rng.uniform(0, 0.03))
        process.kill()
        process.wait()
        reached.append(assert_completed_rows_are_right(path))
        assert reached[-1] > before
        if reached[-1] == total:
            break
    assert reached[0] < total
    assert start_writer(path, total).wait() == 0
    assert assert_completed_rows_are_right(path) == total


def die_before_counting(path):
    with write_rows(path, KEYS, shape=(2, 3)) as writer:
        writer.append(rows(0, 2))
        hdf5_layout._sync = lambda file: (file.flush(), os.kill(os.getpid(), signal.SIGKILL))
        writer.append(rows(2, 4))


@pytest.mark.kill
def test_writer_that_is_killed_between_rows_and_counter_loses_those_rows_alone(path):
    process = multiprocessing.get_context("spawn").Process(target=die_before_counting, args=(path,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with write_rows(path, KEYS, shape=(2, 3)) as writer:
        assert writer.num_completed == 2
        np.testing.assert_array_equal(writer._values[2:4], rows(2, 4))  # on disk, but not counted
        writer.append(rows(2, 4))


def test_appending_changes_values_and_counter_and_nothing_else(path):
    """Why a kill cannot hurt: there is no moment at which the structure of the file is half written."""
    with write_rows(path, RowKeys.of_intervals(many(1500)), shape=(5,)):
        pass
    with h5py.File(path) as file:
        counter = file["completed_rows"].id.get_offset()
        chunks = [file["values"].id.get_chunk_info(i) for i in range(file["values"].id.get_num_chunks())]
    before = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    with write_rows(path, RowKeys.of_intervals(many(1500)), shape=(5,)) as writer:
        while writer.num_completed < 1500:
            writer.append(rows(writer.num_completed, writer.num_completed + 250, (5,)))
            now = np.frombuffer(path.read_bytes(), dtype=np.uint8)
            changed = np.flatnonzero(before != now)
            changed = changed[changed >= 48]  # the superblock, 48 bytes written as one
            allowed = (changed >= counter) & (changed < counter + 8)
            for chunk in chunks:
                allowed |= (changed >= chunk.byte_offset) & (changed < chunk.byte_offset + chunk.size)
            assert allowed.all()


def test_appending_needs_memory_for_one_batch(path):
    code = f"""
import resource
from pathlib import Path
import numpy as np
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.hdf5 import write_rows
from hyenadna_kit.io.hdf5_keys import RowKeys

keys = RowKeys.of_intervals(Interval("c", i, i + 1) for i in range(8192))
batch = np.ones((256, 4096), dtype=np.float32)
with write_rows(Path({str(path)!r}), keys, shape=(4096,)) as writer:
    writer.append(batch)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    while writer.num_completed < writer.num_rows:
        writer.append(batch)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    finished = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert path.stat().st_size > 8192 * 4096 * 4
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(finished.stdout) * unit < 16 << 20  # of 128 MiB written


def wait_and_append(path, value):
    with write_rows(path, KEYS, shape=()) as writer:
        if writer.num_completed < 4:
            writer.append([value] * 4)
            time.sleep(0.2)


def test_two_writers_follow_each_other(path):
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=wait_and_append, args=(path, value)) for value in (1.0, 2.0)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    table = RowTable(path)
    assert len(set(table.values(0, 4).tolist())) == 1
    table.close()


# Processes


def read_in_process(table, starts):
    return [(table.values(s, s + 40), table.keys(s, s + 2)) for s in starts]


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_processes_never_share_a_handle(path, method):
    intervals = many(2000)
    write(path, RowKeys.of_intervals(intervals), shape=(50,))
    table, starts = RowTable(path), [random.Random(1).randrange(1960) for _ in range(100)]
    table.values(0, 10)  # open before the fork
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:
        jobs = [pool.submit(read_in_process, table, starts) for _ in range(4)]
        here = read_in_process(table, starts)
        for results in [here, *(job.result() for job in jobs)]:
            for start, (values, keys) in zip(starts, results, strict=True):
                np.testing.assert_array_equal(values, rows(start, start + 40, (50,)))
                assert keys == intervals[start : start + 2]
    table.close()


def tell_whose_handle_is_read(table, connection):
    inherited = table._file
    table.values(0, 4)
    connection.send((table._file is inherited, bool(inherited)))


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_forked_process_opens_the_file_for_itself(table):
    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("fork")
    process = context.Process(target=tell_whose_handle_is_read, args=(table, there))
    process.start()
    process.join()
    assert here.recv() == (False, False)
    np.testing.assert_array_equal(table.values(0, 4), rows(0, 4))


def test_pickled_table_has_no_handle_and_reads_the_same(table):
    copy = pickle.loads(pickle.dumps(table))
    np.testing.assert_array_equal(copy.values(1, 3), table.values(1, 3))
    copy.close()


def test_table_that_was_written_anew_is_not_read_on(table):
    table.close()
    write(table.path, RowKeys.of_intervals(many(9)), overwrite=True)
    with pytest.raises(InputError, match="was written anew since it was opened"):
        table.values(0, 1)


# Files that lie


@pytest.fixture
def attack(path):
    """A good table, open for whoever wants to spoil it."""
    write(path, provenance={"model": "m"})
    with h5py.File(path, "r+") as file:
        yield file


def refused(path):
    """Return the one line that a file is refused with."""
    with pytest.raises(InputError) as caught:
        RowTable(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def replace(file, name, **options):
    del file[name]
    return file.create_dataset(name, **options)


def test_small_file_that_declares_gigabytes_is_refused_without_reading_them(path):
    with h5py.File(path, "w", libver="latest") as file:
        file.attrs["format"], file.attrs["version"] = np.bytes_("hyenadna_kit.rows"), 1
        file.create_dataset("values", shape=(5_000_000, 1000), dtype="f4", chunks=(1024, 1000))
    assert path.stat().st_size < 2000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "member 'values' declares 20000000000 bytes and has 0 of them in a file of" in refused(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_compressed_bomb_is_refused(path, attack):
    zeros = np.zeros((4, 1 << 20), dtype=np.float32)
    replace(attack, "values", data=zeros, chunks=(1, 1 << 20), compression="gzip")
    attack.close()
    assert "member 'values' is compressed or filtered" in refused(path)


@pytest.mark.parametrize("name", ["values", "unexpected"])
def test_link_into_another_file_is_refused(path, attack, name, tmp_path):
    write(tmp_path / "secret.h5")
    if name in attack:
        del attack[name]
    attack[name] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/values")
    attack.close()
    assert f"member {name!r} is a link into another file" in refused(path)


def test_soft_link_is_refused(path, attack):
    attack.move("values", "real")
    attack["values"] = h5py.SoftLink("/real")
    attack.close()
    assert "is a soft link" in refused(path)


def test_bytes_in_another_file_are_refused(path, attack, tmp_path):
    (tmp_path / "secret").write_bytes(b"secret" * 100)
    replace(attack, "values", shape=(4, 2, 3), dtype="<f4", external=[(str(tmp_path / "secret"), 0, 96)])
    attack.close()
    assert "member 'values' has its bytes in another file" in refused(path)


def test_virtual_array_is_refused(path, attack, tmp_path):
    other = write(tmp_path / "secret.h5")
    layout = h5py.VirtualLayout(shape=(4, 2, 3), dtype="<f4")
    layout[...] = h5py.VirtualSource(other, "values", shape=(4, 2, 3))
    del attack["values"]
    attack.create_virtual_dataset("values", layout)
    attack.close()
    assert "member 'values' is virtual" in refused(path)


TYPES = {
    "compound": np.dtype([("a", "<f4"), ("b", "<i4")]),
    "text of variable length": h5py.string_dtype(),
    "reference": h5py.ref_dtype,
    "numbers of variable length": h5py.vlen_dtype(np.float32),
    "opaque": np.dtype("V8"),
}


@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES)
def test_member_that_is_no_plain_number_is_refused(path, attack, kind):
    replace(attack, "values", shape=(4, 2, 3), dtype=kind)
    attack.close()
    assert re.search("holds (neither numbers nor text|text of variable length)", refused(path))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("values", {"data": np.zeros((4, 2, 3))}, "values is float64 of shape"),
        ("values", {"data": np.zeros((4, 2, 3), dtype=">f4")}, "values is >f4 of shape"),
        ("values", {"data": np.float32(1)}, "which is not what a table of shape () has"),
        ("start", {"data": np.zeros(3, dtype="<i8")}, "start is int64 of shape (3,)"),
        ("start", {"data": np.zeros((4, 2), dtype="<i8")}, "start is int64 of shape (4, 2)"),
        ("contigs", {"data": np.zeros(4)}, "contigs is float64"),
        ("contigs", {"data": np.array([b"\xff\xfe"])}, "cannot be read as HDF5"),
        ("completed_rows", {"data": np.array([5])}, "5 of 4 rows are written"),
        ("completed_rows", {"data": np.array([-1])}, "-1 of 4 rows are written"),
        ("completed_rows", {"data": np.array([1, 2])}, "completed_rows is int64 of shape (2,)"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_member_of_another_kind_is_refused(path, attack, name, options, message):
    replace(attack, name, **options)
    attack.close()
    assert message in refused(path)


def test_group_is_refused(path, attack):
    attack.create_group("more")
    attack.close()
    assert "member 'more' is no array" in refused(path)


@pytest.mark.parametrize("name", ["values", "contigs", "strand"])
def test_member_that_is_missing_is_told(path, attack, name):
    del attack[name]
    attack.close()
    assert "has the members" in refused(path)


def test_member_too_many_is_refused(path, attack):
    attack["more"] = np.zeros(3)
    attack.close()
    assert "has the members" in refused(path)


def test_thousands_of_members_are_refused(path, attack):
    for number in range(40):
        attack[f"m{number}"] = 0
    attack.close()
    assert "members, expected 32 at most" in refused(path)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("text of variable length", "holds text of variable length"),
        (np.zeros(3), "is an array or longer"),
        (np.zeros((), dtype=[("a", "<i4")]), "holds neither numbers nor text"),
        (np.bytes_(b"\xff\xfe"), "cannot be read as HDF5"),
    ],
    ids=["variable length", "array", "compound", "no text"],
)
def test_attribute_that_is_not_plain_is_refused(path, attack, value, message):
    attack.attrs["model"] = value
    attack.close()
    assert message in refused(path)


def test_hundreds_of_attributes_are_refused(path, attack):
    for number in range(300):
        attack.attrs[f"a{number}"] = 1
    attack.close()
    assert "has more than 256 attributes" in refused(path)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("format", np.bytes_("other"), "is HDF5, but no row table: its attribute format"),
        ("format", None, "is HDF5, but no row table: its attribute format"),
        ("version", 2, "is a row table of version 2, expected 1"),
        ("version", np.bytes_("1"), "is a row table of version '1', expected 1"),
        ("version", None, "is a row table of version None, expected 1"),
    ],
)
def test_file_of_another_format_or_version_is_refused(path, attack, name, value, message):
    del attack.attrs[name]
    if value is not None:
        attack.attrs[name] = value
    attack.close()
    assert message in refused(path)


@pytest.mark.parametrize(
    ("name", "row", "value"),
    [
        ("contig", 1, 3),
        ("contig", 1, -1),
        ("strand", 1, 0),
        ("end", 0, -1),
    ],
)
def test_key_that_cannot_be_is_told_where_it_is_read(path, attack, name, row, value):
    attack[name][row] = value
    attack.close()
    table = RowTable(path)
    with pytest.raises(InputError, match=str(path)):
        table.keys(0, 4)
    assert table.keys(2, 3) == INTERVALS[2:3]
    table.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("allele_start", -1),
        ("allele_start", 1 << 62),
        ("ref_length", -1),
        ("ref_length", (1 << 31) - 1),
        ("alt_length", -5),
        ("alt_length", 1 << 30),
        ("position", -1),
        ("alleles", 255),
    ],
)
def test_variant_that_cannot_be_is_told_where_it_is_read(path, name, value):
    write(path, RowKeys.of_variants(VARIANTS), shape=())
    with h5py.File(path, "r+") as file:
        file[name][0] = value
    table = RowTable(path)
    with pytest.raises(InputError, match=str(path)):
        table.keys(0, 3)
    table.close()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read as HDF5"),
        (b"hello world\n" * 100, r"cannot be read as HDF5 \(.*signature not found.*\)"),
        (b"\x89HDF\r\n\x1a\n", "cannot be read as HDF5"),
    ],
    ids=["empty", "text", "signature alone"],
)
def test_what_is_no_hdf5_is_told_in_one_line(path, content, message):
    path.write_bytes(content)
    assert re.search(message, refused(path))


@pytest.mark.parametrize("name", ["missing.h5", "."])
def test_what_is_no_file_is_told(tmp_path, name):
    assert "does not exist (or is no regular file)" in refused(tmp_path / name)


def test_file_cut_anywhere_is_refused(path):
    content = write(path).read_bytes()
    for length in range(0, len(content), 61):
        path.write_bytes(content[:length])
        refused(path)
