"""Write the sequences of which configs/pretrain/regulatory.yaml pretrains a model, as FASTA.

    python benchmarks/regulatory_corpus.py GUE HUMAN OUT.fa

GUE is the folder of the suite, HUMAN that of the pieces of the human genome. Of the suite the training tables
are taken: sequences that share 31 bases, on either strand, with any validation or test sequence of any of its
tasks are left out, and of equal ones all but the first. They are shuffled and stand in twenty contigs, one N
between two. The labels are not read. Prints and records how many were left out.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from record import record

from hyenadna_kit.genome.alphabet import reverse_complement
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.io.tables import read_labelled_table

TASKS = (
    *("tf/0", "tf/1", "tf/2", "tf/4", "mouse/0", "mouse/2", "mouse/4"),
    *("prom_core_all", "prom_core_notata", "prom_core_tata"),
)
PIECES = (
    "grch37_chr17_1-1000000.fa",
    "grch37_chr1_1-1000000.fa",
    "grch38_chr20_1-1000000.fa",
    "hg19_chr20_9995001-11095000.fa.gz",
)
SHARED_BASES = 31
NUM_CONTIGS = 20


def main(gue: str, human: str, out: str) -> None:
    """Write the corpus."""
    sequences, figures = unseen_sequences(Path(gue))
    np.random.default_rng(0).shuffle(sequences)
    contigs = np.array_split(np.array(sequences, dtype=object), NUM_CONTIGS)
    with Path(out).open("w") as handle:
        for name in PIECES:
            for contig, bases in contigs_of(Path(human) / name):
                handle.write(f">{Path(name).name.partition('.')[0]}_{contig}\n{bases}\n")
        for number, each in enumerate(contigs):
            handle.write(f">regulatory{number}\n{'N'.join(each)}\n")
    print(
        record(
            "regulatory_corpus", "python benchmarks/regulatory_corpus.py GUE HUMAN OUT.fa", figures
        ).read_text()
    )


def unseen_sequences(gue: Path) -> tuple[list[str], dict[str, dict[str, int]]]:
    """Return the training sequences of all tasks, and how many rows of each were left out."""
    held_out = {
        kmer
        for task in TASKS
        for side in ("dev", "test")
        for each in rows(gue, task, side)
        for kmer in kmers(each)
    }
    kept: dict[str, None] = {}
    figures = {}
    for task in TASKS:
        train, before = rows(gue, task, "train"), len(kept)
        unseen = [each for each in train if held_out.isdisjoint(kmers(each))]
        kept.update(dict.fromkeys(unseen))
        new = len(kept) - before
        figures[task] = {"rows": len(train), "share_31_bases": len(train) - len(unseen), "kept": new}
    return list(kept), figures


def rows(gue: Path, task: str, side: str) -> tuple[str, ...]:
    """Return the sequences of one table."""
    sequences = read_labelled_table(gue / task / f"{side}.csv.gz").sequences
    assert sequences is not None
    return sequences


def kmers(sequence: str) -> Iterator[str]:
    """Yield every stretch of a sequence, as it reads on the strand that comes first in the alphabet."""
    for start in range(len(sequence) - SHARED_BASES + 1):
        bases = sequence[start : start + SHARED_BASES]
        yield min(bases, reverse_complement(bases))


def contigs_of(path: Path) -> Iterator[tuple[str, str]]:
    """Yield names and bases of the contigs of a FASTA file."""
    fasta = Fasta(path)
    for name, length in fasta.contigs.items():
        yield name, fasta.fetch(Interval(name, 0, length))


if __name__ == "__main__":
    main(*sys.argv[1:])
