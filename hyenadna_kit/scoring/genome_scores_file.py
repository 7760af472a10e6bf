"""Score every SNV of a genome and write the scores: a table with its index, and tracks by choice.

In: a model and a genome. Out: ``X.tsv.gz``, and ``X.A.bw`` to ``X.T.bw``. Memory does not grow with the
genome. A run that is killed leaves its parts beside the output, and the same command goes on from them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.files import atomic_file, remove_left_over
from hyenadna_kit.genome.alphabet import BASES
from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.bigwig_writer import Values, require_bigwig_writer, write_bigwig
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.io.genome_scores_table import SUFFIX, Scored, assemble, check_table_path, write_lines
from hyenadna_kit.io.regions import refuse_overlap, whole_genome
from hyenadna_kit.scoring.genome_scores import GenomeScorer
from hyenadna_kit.scoring.genome_scores_parts import PartsFolder, divide, parts_folder
from hyenadna_kit.scoring.provenance import provenance_lines
from hyenadna_kit.tokenizers.nucleotide import LAST_BASE


@dataclass(frozen=True, kw_only=True)
class GenomeScoresReport:
    """What was written."""

    num_bases: int
    """Bases in the regions: lines of the table."""
    num_scored: int
    """Bases whose three SNVs have a score: A, C, G and T."""
    paths: tuple[Path, ...]
    """The table, then the tracks."""


@dataclass(frozen=True)
class _Job:
    """What is computed, and where its parts lie."""

    scorer: GenomeScorer
    genome: Genome
    parts: list[list[Interval]]
    folder: PartsFolder
    bigwig: bool

    def compute(self, number: int) -> None:
        """Compute one part and write it; the lines last, which say that it is complete."""
        intervals = self.parts[number]
        scores = self.scorer.llr(self.genome, intervals)
        if self.bigwig:
            with atomic_file(self.folder.array(number)) as temporary, temporary.open("wb") as handle:
                np.save(handle, np.concatenate(scores))
        tokens = [self.genome.tokens(interval) for interval in intervals]
        write_lines(self.folder.table(number), map(Scored, intervals, tokens, scores))

    def values(self, column: int) -> Iterator[Values]:
        """Yield one column of all parts, by the name of the contig."""
        pieces: list[tuple[Interval, int, int]] = []
        for number, intervals in enumerate(self.parts):
            first = 0
            for interval in intervals:
                pieces.append((interval, number, first))
                first += interval.length
        for interval, number, first in sorted(pieces, key=lambda piece: (piece[0].contig, piece[0].start)):
            array: NDArray[np.float32] = np.load(self.folder.array(number), mmap_mode="r")
            yield interval, np.array(array[first : first + interval.length, column])


def score_genome(
    scorer: GenomeScorer,
    genome: Genome,
    out: str | Path,
    *,
    regions: Sequence[Interval] = (),
    bigwig: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> GenomeScoresReport:
    """Write the ``llr`` of every SNV of a genome.

    Args:
        scorer: Model, placement and strands.
        genome: Where the bases are.
        out: ``X.tsv.gz``; ``X.tsv.gz.tbi`` (or ``.csi``) stands beside it.
        regions: What is scored, inside the contigs; the whole genome where there are none.
        bigwig: Write ``X.A.bw``, ``X.C.bw``, ``X.G.bw`` and ``X.T.bw`` too: the score of that base as ALT.
        on_progress: Called with the number of bases that are done.

    Raises:
        InputError: The name does not suit, regions overlap, the model gives no finite score, or the parts
            of another job lie beside the output.
    """
    table = Path(out)
    check_table_path(table)
    wanted = _in_order(regions or whole_genome(genome), genome)
    tracks = {base: _track(table, base) for base in BASES} if bigwig else {}
    if bigwig:
        require_bigwig_writer(tracks[BASES[0]])
    header = _header(scorer, genome)
    job = {
        "header": header,
        "regions": [region.region for region in wanted],
        "batch_size": scorer.batch_size,
        "bigwig": bigwig,
    }
    with parts_folder(table, job) as folder:
        parts = list(divide(wanted, scorer.placement.stride, scorer.batch_size))
        work = _Job(scorer, genome, parts, folder, bigwig)
        num_scored = _compute(work, on_progress)
        for column, track in enumerate(tracks.values()):
            remove_left_over(track)
            write_bigwig(track, genome.contigs, work.values(column))
        reach = max(genome.contigs[region.contig] for region in wanted)
        assemble(table, header, [folder.table(number) for number in range(len(parts))], reach=reach)
    num_bases = sum(region.length for region in wanted)
    return GenomeScoresReport(num_bases=num_bases, num_scored=num_scored, paths=(table, *tracks.values()))


def _compute(job: _Job, on_progress: Callable[[int], None] | None) -> int:
    """Compute the parts that are not there and return how many bases have scores."""
    num_bases = num_scored = 0
    for number, intervals in enumerate(job.parts):
        if not job.folder.table(number).exists():
            job.compute(number)
        num_bases += sum(interval.length for interval in intervals)
        num_scored += sum(int((job.genome.tokens(each) <= LAST_BASE).sum()) for each in intervals)
        if on_progress is not None:
            on_progress(num_bases)
    return num_scored


def _in_order(regions: Sequence[Interval], genome: Genome) -> list[Interval]:
    """Return the regions in the order of the genome, as an index needs it."""
    order = {contig: number for number, contig in enumerate(genome.contigs)}
    found = sorted(regions, key=lambda region: (order[region.contig], region.start))
    for one, following in pairwise(found):
        refuse_overlap([one], [following], "every base has one line, so merge regions that overlap")
    for region in found:
        if region.contig.startswith("#"):
            raise InputError(
                f"{genome.path}: contig {region.contig!r} begins with '#', a comment in a table; rename it"
            )
    return found


def _track(table: Path, base: str) -> Path:
    return table.with_name(f"{table.name.removesuffix(SUFFIX)}.{base}.bw")


def _header(scorer: GenomeScorer, genome: Genome) -> list[str]:
    return [
        *provenance_lines(scorer.model, genome, scorer.placement, scorer.strands),
        "##hyenadna_kit_columns=<pos from 1; A to T: log p of that base as ALT minus log p of ref, in nats>",
    ]
