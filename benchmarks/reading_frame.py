"""Where a model of E. coli gains: bits by codon position, and a check that it sees no base it predicts.

    python benchmarks/reading_frame.py MODEL ecoli_K12_MG1655.fna.gz ecoli_K12_MG1655.gff.gz

A base in several coding sequences counts for the last of them. The check takes random bases of the test
range, gives the model only the window that ends before each, and compares with what `evaluate` says of them.
"""

import math
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from record import record

from hyenadna_kit.evaluation.likelihood import base_likelihoods
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.io.annotation import read_annotation
from hyenadna_kit.io.genome import Genome, open_genome
from hyenadna_kit.model import HyenaDNA

TEST = Interval("NC_000913.3", 4_177_486, 4_641_652)
NUM_BASES = TEST.end - TEST.start
NUM_CHECKED = 2_000


def main(model_name: str, genome_path: str, annotation_path: str) -> None:
    """Measure and record."""
    model, genome = HyenaDNA.from_pretrained(model_name), open_genome(genome_path)
    bits = bits_per_base(model, genome)
    kinds = codon_positions(annotation_path)
    places = np.random.default_rng(0).integers(0, NUM_BASES, NUM_CHECKED)
    alone = bits_of_windows_before(model, genome, places)
    figures = {
        "bits_per_base": {name: round(float(bits[kinds == name].mean()), 4) for name in np.unique(kinds)},
        "bases": {name: int((kinds == name).sum()) for name in np.unique(kinds)},
        "random_bases": NUM_CHECKED,
        "their_bits_in_evaluate": round(float(bits[places].mean()), 4),
        "their_bits_from_windows_that_end_before_them": round(float(alone.mean()), 4),
    }
    command = f"python benchmarks/reading_frame.py {model_name} " + " ".join(
        Path(each).name for each in (genome_path, annotation_path)
    )
    print(record("reading_frame", command, figures).read_text())


def bits_per_base(model: HyenaDNA, genome: Genome) -> NDArray[np.float64]:
    """Return what each base of the test range costs."""
    bits = np.full(NUM_BASES, np.nan)
    for each in base_likelihoods(model, genome, [TEST]):
        bits[each.interval.start - TEST.start : each.interval.end - TEST.start] = -each.log_likelihood
    return bits / math.log(2)


def codon_positions(path: str) -> NDArray[np.str_]:
    """Return strand and codon position of each base of the test range, as ``+1``; ``none`` outside of CDS."""
    kinds = np.full(NUM_BASES, "none")
    for coding in coding_sequences(path):
        inside = np.arange(max(coding.start, TEST.start), min(coding.end, TEST.end))
        steps = inside - coding.start if coding.strand is Strand.FORWARD else coding.end - 1 - inside
        kinds[inside - TEST.start] = np.char.add(coding.strand.value, (steps % 3 + 1).astype(str))
    return kinds


def coding_sequences(path: str) -> Iterator[Interval]:
    """Yield the coding sequences of one part; others have a slip of the ribosome or an intron."""
    for gene in read_annotation(Path(path)).genes:
        for transcript in gene.transcripts:
            if len(transcript.cds) == 1:
                yield transcript.cds[0]


def bits_of_windows_before(model: HyenaDNA, genome: Genome, places: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return what the bases at ``places`` cost where the window ends with the base before."""
    length, found = model.context_length, []
    for some in np.array_split(places, len(places) // 50):
        windows = [Interval(TEST.contig, TEST.start + i - length + 1, TEST.start + i + 1) for i in some]
        ids = torch.from_numpy(np.stack([genome.tokens(window) for window in windows]).astype(np.int64))
        with torch.inference_mode():
            log_p = model(ids[:, :-1]).logits[:, -1, : model.tokenizer.vocab_size].log_softmax(-1)
        found.append(-log_p.gather(1, ids[:, -1:])[:, 0].double().numpy() / math.log(2))
    return np.concatenate(found)


if __name__ == "__main__":
    main(*sys.argv[1:])
