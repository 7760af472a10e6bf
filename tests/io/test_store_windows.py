"""Windows read by 0 to 8 processes, forked and spawned, against strings that are sliced.

The oracle is the text of the FASTA as Biopython reads it, with N on both sides, and its reverse
complement by Biopython: no window of it knows of an interval, a store or a token. ``make nightly`` reads
millions.
"""

import gzip
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import numpy as np
import pytest

from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.genome_store import GenomeStore, build_store

YEAST = "genomes/yeast/Saccharomyces_cerevisiae.R64-1-1.dna.toplevel.fa.gz"
NUM_WINDOWS = 500 * int(os.environ.get("HYENADNA_KIT_EXAMPLES", "200"))
NUM_WORKERS = {"fork": tuple(range(9)), "spawn": (0, 1, 8)}  # half a second to spawn each
CHUNK = 1000
LONGEST, OVERHANG = 400, 60
TOKENS = bytes.maketrans(b"ACGTN", bytes([7, 8, 9, 10, 11]))
WORKER = {}


class Place(NamedTuple):
    """A window by numbers: which contig, where, and whether it is read on the reverse strand."""

    contig: int
    start: int
    length: int
    is_reverse: bool


def places(chunk, lengths):
    """Return the windows of a chunk: a pure function, so that none need to be sent to a process.

    One in three lies at an end of its contig, where windows reach beyond it.
    """
    generator = np.random.default_rng(chunk)
    contigs = generator.integers(len(lengths), size=CHUNK)
    sizes = generator.integers(0, LONGEST + 1, size=CHUNK)
    starts = generator.integers(-OVERHANG, np.asarray(lengths)[contigs] + OVERHANG)
    kind = generator.integers(6, size=CHUNK)
    starts = np.where(kind == 0, generator.integers(-OVERHANG, 1, size=CHUNK), starts)
    ends = np.asarray(lengths)[contigs] - sizes + generator.integers(0, OVERHANG, size=CHUNK)
    starts = np.where(kind == 1, np.maximum(ends, -OVERHANG), starts)
    reverse = generator.integers(2, size=CHUNK).astype(bool)
    return list(map(Place, contigs.tolist(), starts.tolist(), sizes.tolist(), reverse.tolist()))


def start_worker(store):
    """Keep the store; under fork it comes as it is, open, and under spawn as its path."""
    WORKER.update(store=store, names=list(store.contigs), lengths=list(store.contigs.values()))


def read_chunk(chunk):
    """Return the tokens of the windows of a chunk, end to end."""
    store, names = WORKER["store"], WORKER["names"]
    strands = (Strand.FORWARD, Strand.REVERSE)
    return b"".join(
        store.tokens(Interval(names[contig], start, start + length, strands[is_reverse])).tobytes()
        for contig, start, length, is_reverse in places(chunk, WORKER["lengths"])
    )


class Oracle:
    """Windows as slices of padded strings."""

    def __init__(self, contigs):
        # Here and not above: 18 processes are spawned that import this file and need no Biopython.
        from Bio.Seq import reverse_complement

        margin = "N" * (LONGEST + OVERHANG)
        padded = [f"{margin}{sequence}{margin}" for sequence in contigs.values()]
        self.lengths = list(map(len, contigs.values()))
        self.forward = [text.encode().translate(TOKENS) for text in padded]
        self.reverse = [reverse_complement(text).encode().translate(TOKENS) for text in padded]

    def window(self, place):
        contig, start, length, is_reverse = place
        first = start + LONGEST + OVERHANG
        if is_reverse:
            first = len(self.forward[contig]) - first - length
        return (self.reverse if is_reverse else self.forward)[contig][first : first + length]

    def num_wrong(self, chunk, tokens):
        """Count the windows of a chunk that differ from the tokens that were read."""
        expected = [self.window(place) for place in places(chunk, self.lengths)]
        if b"".join(expected) == tokens:
            return 0
        ends = np.cumsum([len(window) for window in expected]).tolist()
        read = [tokens[end - len(window) : end] for window, end in zip(expected, ends, strict=True)]
        return max(1, sum(map(bytes.__ne__, read, expected)))


def read_chunks(store, method, num_workers, chunks):
    """Yield the tokens of each chunk as ``num_workers`` processes read them; 0 reads here."""
    start_worker(store)
    if num_workers == 0:
        yield from map(read_chunk, chunks)
        return
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(
        num_workers, mp_context=context, initializer=start_worker, initargs=(store,)
    ) as pool:
        yield from pool.map(read_chunk, chunks)


def count_wrong(store, oracle, method):
    """Read every window once, shared by the numbers of workers; return how many were read and are wrong."""
    store.tokens(Interval(next(iter(store.contigs)), 0, 1))  # open before any process starts
    chunks = range(NUM_WINDOWS // CHUNK)
    num_read = num_wrong = 0
    for turn, num_workers in enumerate(NUM_WORKERS[method]):
        mine = chunks[turn :: len(NUM_WORKERS[method])]
        for chunk, tokens in zip(mine, read_chunks(store, method, num_workers, mine), strict=True):
            num_read += CHUNK
            num_wrong += oracle.num_wrong(chunk, tokens)
    return num_read, num_wrong


def generated_contigs():
    """Contigs of 1 to 200,000 bases with runs of N at their ends and within, soft mask and IUPAC codes."""
    generator = np.random.default_rng(0)
    contigs = {}
    for number, length in enumerate((200_000, 60_000, 5_000, 700, 60, 3, 1)):
        letters = generator.choice(np.frombuffer(b"ACGTacgt", np.uint8), size=length)
        for start in generator.integers(0, length, size=length // 900):
            letters[start : start + generator.integers(1, 300)] = ord("N")
        letters[generator.integers(0, length, size=length // 500)] = ord("R")
        letters[: length // 50] = letters[length - length // 70 :] = ord("n")
        contigs[f"contig_{number}"] = letters.tobytes().decode()
    return contigs


def read_by_biopython(handle):
    """Return the contigs of a FASTA in the letters of a genome."""
    from Bio import SeqIO

    folded = str.maketrans("acgtnRr", "ACGTNNN")
    return {record.id: str(record.seq).translate(folded) for record in SeqIO.parse(handle, "fasta")}


def skip_without(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} on {sys.platform}")


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generated")
    with (folder / "genome.fa").open("w") as handle:
        for name, sequence in generated_contigs().items():
            lines = "\n".join(sequence[i : i + 61] for i in range(0, len(sequence), 61))
            handle.write(f">{name}\n{lines}\n")
    with (folder / "genome.fa").open() as handle:
        oracle = Oracle(read_by_biopython(handle))
    return build_store([folder / "genome.fa"], folder / "store"), oracle


# Python 3.12 warns of forking beside the threads of numpy, and this is the case under test.
forking = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
# Checks of types take several times as long as the windows.
unchecked = pytest.mark.usefixtures("no_shape_checks")


@pytest.mark.slow
@forking
@unchecked
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_no_window_of_a_generated_genome_differs(generated, method):
    skip_without(method)
    store, oracle = generated
    assert count_wrong(GenomeStore(store.path), oracle, method) == (NUM_WINDOWS, 0)


@pytest.mark.slow
@pytest.mark.real_data
@forking
@unchecked
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_no_window_of_yeast_differs(data, tmp_path, method):
    skip_without(method)
    with gzip.open(data / YEAST, "rt") as handle:
        contigs = read_by_biopython(handle)
    store = build_store([data / YEAST], tmp_path / "yeast")
    assert sum(store.contigs.values()) == sum(map(len, contigs.values())) == 12_157_105
    assert count_wrong(store, Oracle(contigs), method) == (NUM_WINDOWS, 0)


@unchecked
def test_wrong_windows_are_counted(generated):
    store, oracle = generated
    start_worker(store)
    tokens = bytearray(read_chunk(5))
    assert oracle.num_wrong(5, bytes(tokens)) == 0
    ends = np.cumsum([place.length for place in places(5, oracle.lengths)])
    for end in ends[[10, 500, 999]].tolist():
        tokens[end - 1] ^= 1
    assert oracle.num_wrong(5, bytes(tokens)) == 3
    assert oracle.num_wrong(5, bytes(tokens[:-1])) > 0


def test_windows_reach_beyond_both_ends_on_both_strands():
    drawn = [place for chunk in range(12) for place in places(chunk, [1000, 50])]
    before = {place.is_reverse for place in drawn if place.start < 0}
    after = {place.is_reverse for place in drawn if place.start + place.length > [1000, 50][place.contig]}
    assert before == after == {False, True}
    assert {place.length for place in drawn} == set(range(LONGEST + 1))
