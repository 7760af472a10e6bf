"""Speed of what feeds a model, as ratios to the usual Python ways in one run.

    python benchmarks/loaders.py

Needs no data and about a minute: a genome of 100 Mb and reads are written to a temporary folder. Where
``transformers`` is installed, the windows are also compared with a character tokenizer made of it, as
the published HyenaDNA has one.
"""

import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import numpy as np
import pyfaidx
import pysam
import torch
from generated import CONTIG, write_bam, write_fasta
from numpy.typing import NDArray
from record import record
from torch.utils.data import DataLoader

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.bam import Bam
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.io.genome_store import GenomeStore, build_store
from hyenadna_kit.io.regions import whole_genome
from hyenadna_kit.model import HyenaDNAConfig
from hyenadna_kit.tokenizers.nucleotide import NucleotideTokenizer
from hyenadna_kit.windows.dataset import WindowDataset, collate_next_token
from hyenadna_kit.windows.stream import CounterSampler, CounterStream, LengthSchedule

NUM_BASES = 100_000_000
SHORT, LONG = 1_000, 131_072
NUM_SHORT, NUM_LONG, NUM_PLAIN, NUM_TRANSFORMERS = 50_000, 2_000, 10, 3
DEPTH, READ_LENGTH, READ_BASES = 30, 150, 400_000
NUM_LAYERS, D_MODEL, NUM_BATCHES = 2, 128, 20
REPEATS = 5
PLAIN_IDS = dict(zip("ACGTN", range(7, 12), strict=True))
PLAIN_IDS |= {letter.lower(): token for letter, token in PLAIN_IDS.items()}
Figures = dict[str, float | int | bool]


def main() -> None:
    """Measure and record."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fasta = folder / "genome.fa"
        write_fasta(fasta, NUM_BASES)
        figures = measure_tokenizer(fasta) | measure_build(fasta, folder / "store")
        store = GenomeStore(folder / "store")
        figures |= measure_windows(store, fasta)
        figures |= measure_coverage(folder / "reads.bam")
        figures |= measure_training_step(store)
    print(record("loaders", "python benchmarks/loaders.py", dict(figures)).read_text())


def measure_tokenizer(fasta: Path) -> Figures:
    """Return the speed of the tokenizer beside one dictionary look-up a base."""
    with fasta.open() as handle:
        sequence = handle.read(NUM_BASES // 10).partition("\n")[2].replace("\n", "")
    tokenizer = NucleotideTokenizer()
    ours = len(sequence) / seconds(lambda: tokenizer.encode(sequence))
    short = sequence[: len(sequence) // 10]
    plain = len(short) / seconds(lambda: [PLAIN_IDS[base] for base in short])
    return {
        "tokenizer_megabases_per_second": round(ours / 1e6),
        "tokenizer_over_plain_python": round(ours / plain, 1),
    }


def measure_build(fasta: Path, out: Path) -> Figures:
    """Return the speed of building a genome store."""
    taken = seconds(lambda: build_store([fasta], out, overwrite=True), repeats=3)
    return {"store_build_megabases_per_second": round(NUM_BASES / taken / 1e6)}


def measure_windows(store: GenomeStore, fasta: Path) -> Figures:
    """Return windows a second from the store, and of long ones how many times the plain way."""
    rates = {
        "windows_of_1000_bp_per_second": rate(store, windows(SHORT, NUM_SHORT, [Strand.FORWARD])),
        "windows_of_1000_bp_of_both_strands_per_second": rate(store, windows(SHORT, NUM_SHORT, list(Strand))),
        "windows_of_131072_bp_per_second": rate(store, windows(LONG, NUM_LONG, [Strand.FORWARD])),
        "windows_of_131072_bp_of_both_strands_per_second": rate(store, windows(LONG, NUM_LONG, list(Strand))),
    }
    genome = pyfaidx.Fasta(str(fasta))
    plain = windows(LONG, NUM_PLAIN, [Strand.FORWARD])
    ways = {"plain_python": (plain_tokens, plain)}
    if find_spec("transformers"):
        ways["transformers"] = (transformers_tokenizer(), plain[:NUM_TRANSFORMERS])
    figures: Figures = {name: round(value) for name, value in rates.items()}
    for name, (tokens_of, some) in ways.items():
        assert all((tokens_of(bases(genome, window)) == store.tokens(window)).all() for window in some)
        taken = seconds(lambda f=tokens_of, ws=some: [f(bases(genome, window)) for window in ws])
        theirs = len(some) / taken
        figures[f"pyfaidx_and_{name}_windows_of_131072_bp_per_second"] = round(theirs, 1)
        ratio = rates["windows_of_131072_bp_per_second"] / theirs
        figures[f"windows_of_131072_bp_over_pyfaidx_and_{name}"] = round(ratio)
    return figures


def measure_coverage(bam: Path) -> Figures:
    """Return how many times the speed of pysam coverage has, and whether the arrays are equal."""
    write_bam(bam, READ_BASES, depth=DEPTH, read_length=READ_LENGTH)
    window = Interval(CONTIG, READ_BASES // 2, READ_BASES // 2 + LONG)
    ours = Bam(bam)
    with pysam.AlignmentFile(str(bam)) as theirs:

        def by_pysam() -> NDArray[np.int64]:
            """Add the four arrays, one a base, that pysam counts."""
            counts = theirs.count_coverage(CONTIG, window.start, window.end, quality_threshold=0)
            return np.asarray(counts, dtype=np.int64).sum(axis=0)

        are_equal = np.array_equal(ours.coverage(window), by_pysam())
        ratio = seconds(by_pysam, repeats=3) / seconds(lambda: ours.coverage(window))
    return {"coverage_over_pysam_count_coverage": round(ratio, 1), "coverage_is_equal": are_equal}


def measure_training_step(store: GenomeStore) -> Figures:
    """Return the share of a step on one window of 131,072 bp that the loader takes."""
    stream = CounterStream(whole_genome(store), LengthSchedule(final=LONG), batch_size=1, seed=0)
    loader = DataLoader(
        WindowDataset(store, stream),
        batch_sampler=CounterSampler(batch_size=1),
        collate_fn=collate_next_token,
    )
    batches = iter(loader)
    loading = seconds(lambda: list(islice(batches, NUM_BATCHES))) / NUM_BATCHES
    config = BackboneConfig(d_model=D_MODEL, num_layers=NUM_LAYERS, context_length=LONG)
    model = HyenaDNAConfig(backbone=config).build()
    batch = next(batches)

    def step() -> None:
        """Compute the loss and its gradients."""
        model.head.loss(model(batch.input_ids).logits, batch.labels).backward()

    computing = seconds(step, repeats=2)
    return {
        "loader_milliseconds_of_131072_bp": round(1e3 * loading, 3),
        "step_milliseconds_of_131072_bp": round(1e3 * computing),
        "loader_share_of_a_step_percent": round(100 * loading / (loading + computing), 3),
    }


def seconds(function: Callable[[], object], *, repeats: int = REPEATS) -> float:
    """Return the shortest of a few runs."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    return min(times)


def rate(genome: Genome, some: list[Interval]) -> float:
    """Return how many windows are read a second."""

    def read() -> None:
        """Read each and drop it, as a loader does."""
        for window in some:
            genome.tokens(window)

    return len(some) / seconds(read)


def windows(length: int, count: int, strands: list[Strand]) -> list[Interval]:
    """Return windows at random places, on each of the strands in turn."""
    starts = np.random.default_rng(1).integers(0, NUM_BASES - length, count).tolist()
    return [
        Interval(CONTIG, start, start + length, strands[number % len(strands)])
        for number, start in enumerate(starts)
    ]


def bases(genome: pyfaidx.Fasta, window: Interval) -> str:
    """Return the letters of a window through pyfaidx."""
    return str(genome[CONTIG][window.start : window.end])


def plain_tokens(sequence: str) -> NDArray[np.int64]:
    """Return one token a base, by the shortest Python that does it."""
    return np.array([PLAIN_IDS[base] for base in sequence], dtype=np.int64)


def transformers_tokenizer() -> Callable[[str], NDArray[np.int64]]:
    """Return a character tokenizer built on ``transformers.PreTrainedTokenizer``."""
    from transformers import PreTrainedTokenizer

    class CharacterTokenizer(PreTrainedTokenizer):
        """One character, one token."""

        vocab_size = 12

        def get_vocab(self) -> dict[str, int]:
            """Return the bases and the token that pads and stands for others."""
            return {"[UNK]": 6} | {base: PLAIN_IDS[base] for base in "ACGTN"}

        def _tokenize(self, text: str) -> list[str]:
            return list(text)

        def _convert_token_to_id(self, token: str) -> int:
            return PLAIN_IDS[token]

        def _convert_id_to_token(self, index: int) -> str:
            return "ACGTN"[index - PLAIN_IDS["A"]]

    tokenizer = CharacterTokenizer(unk_token="[UNK]", pad_token="[UNK]")  # noqa: S106 - no password
    return lambda sequence: np.asarray(tokenizer(sequence, add_special_tokens=False)["input_ids"])


if __name__ == "__main__":
    torch.manual_seed(0)
    main()
