"""The ``llr`` of every SNV of a stretch of a genome, from passes of the genome alone.

In: a causal model and intervals. Out: one number for each base and each of A, C, G and T. What a causal
model says of a base depends on the bases before it, and those are the same for all its alternatives: one
pass of the window holds the scores of all of them. The windows are those of the grid on which single
variants are scored.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.alphabet import BASES
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.heads.language_model import LanguageModelHead
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.model import HyenaDNA
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.tokenizers.nucleotide import FIRST_BASE, LAST_BASE
from hyenadna_kit.windows.alleles import OrientedContig


class _Tile(NamedTuple):
    """What one window says of one interval, both along one strand."""

    number: int
    """Which of the intervals."""
    contig: OrientedContig
    """Contig and strand."""
    first: int
    """First base that is scored."""
    last: int
    """One past the last base that is scored."""

    @property
    def forward_start(self) -> int:
        """First scored base on the forward strand."""
        return self.first if self.contig.strand is Strand.FORWARD else self.contig.length - self.last


class GenomeScorer:
    """Scores every SNV of whole intervals with one model.

    scorer = GenomeScorer(model, Placement.for_window(1024))
    (llr,) = scorer.llr(genome, [Interval("chr1", 1000, 2000)])
    llr[0, 2]                   # of the base 1001 (1-based) to G, in nats
    """

    def __init__(
        self,
        model: HyenaDNA,
        placement: Placement,
        *,
        strands: tuple[Strand, ...] = (Strand.FORWARD,),
        batch_size: int = 16,
    ) -> None:
        """Take a model and where its windows lie.

        Args:
            model: A language model in eval mode; it runs where its parameters are.
            placement: Where the windows lie; a grid.
            strands: Strands that are read; the scores of two are averaged.
            batch_size: Windows that the model reads at a time.

        Raises:
            InputError: The model has no language-model head or does not keep prefixes, ``batch_size`` is
                less than 1, or the windows are not on a grid.
        """
        if not isinstance(model.head, LanguageModelHead):
            raise InputError(f"scores need a language-model head, this model has {type(model.head).__name__}")
        if not model.config.backbone.mixers.keeps_prefixes:
            raise InputError(
                "every SNV at once needs a causal model whose filters do not stretch with the window; "
                "score the variants one by one"
            )
        if batch_size < 1:
            raise InputError(f"batch_size must be at least 1, got {batch_size}")
        if placement.kind != "grid":
            raise InputError(
                f"placement must be grid, got {placement.kind}: neighbouring bases share their window"
            )
        self.model = model
        self.placement = placement
        self.strands = strands
        self.batch_size = batch_size

    def llr(self, genome: Genome, intervals: Sequence[Interval]) -> list[NDArray[np.float32]]:
        """Return the scores of every base of the intervals, on the forward strand.

        Args:
            genome: Where the bases are.
            intervals: Inside their contigs, under the genome's own names.

        Returns:
            One array a interval with a row a base and a column each for A, C, G and T as ALT: log p(ALT)
            minus log p(REF), in nats. NaN where the genome has that base itself, or none of the four.

        Raises:
            InputError: The model gives a base no finite score.
        """
        scores = [np.zeros((interval.length, len(BASES)), dtype=np.float64) for interval in intervals]
        tiles = self._tiles(genome, intervals)
        while batch := list(islice(tiles, self.batch_size)):
            for tile, values in zip(batch, self._read(batch), strict=True):
                start = tile.forward_start - intervals[tile.number].start
                scores[tile.number][start : start + len(values)] += values
        return [(each / len(self.strands)).astype(np.float32) for each in scores]

    def _tiles(self, genome: Genome, intervals: Sequence[Interval]) -> Iterator[_Tile]:
        stride = self.placement.stride
        for strand in self.strands:
            for number, interval in enumerate(intervals):
                contig = OrientedContig(genome, interval.contig, strand)
                start, end = interval.start, interval.end
                if strand is Strand.REVERSE:
                    start, end = contig.length - end, contig.length - start
                for border in range(start // stride * stride, end, stride):
                    yield _Tile(number, contig, max(start, border), min(end, border + stride))

    def _read(self, tiles: Sequence[_Tile]) -> Iterator[NDArray[np.float64]]:
        """Yield the scores of every tile, along the forward strand."""
        context, stride = self.placement.min_left_context, self.placement.stride
        starts = [self.placement.window_start(tile.first, tile.contig.strand) for tile in tiles]
        # What follows the last base that is scored changes nothing: it is not read.
        tokens = np.stack(
            [
                tile.contig.tokens(start, start + context + stride)
                for tile, start in zip(tiles, starts, strict=True)
            ]
        )
        ratios = self._ratios(tokens)
        for tile, start, row, bases in zip(tiles, starts, ratios, tokens[:, context:], strict=True):
            span = slice(tile.first - start - context, tile.last - start - context)
            values = _without_reference(tile, row[span], bases[span])
            yield values if tile.contig.strand is Strand.FORWARD else values[::-1, ::-1]

    @torch.inference_mode()
    def _ratios(self, tokens: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return log p of A, C, G and T minus that of the base itself, behind the left context."""
        windows = torch.from_numpy(tokens).to(next(self.model.parameters()).device)
        # The position before a base predicts it.
        logits = self.model(windows[:, :-1], read_from=self.placement.min_left_context - 1).logits
        of_bases = logits[..., FIRST_BASE : LAST_BASE + 1].double()
        own = windows[:, self.placement.min_left_context :].clamp(max=LAST_BASE).long() - FIRST_BASE
        # The normaliser of the softmax is the same for all bases: it cancels.
        return (of_bases - of_bases.gather(2, own[..., None])).cpu().numpy()


def _without_reference(
    tile: _Tile, ratios: NDArray[np.float64], bases: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """Return the ratios with NaN where there is nothing to score."""
    known = bases <= LAST_BASE
    wrong = known & ~np.isfinite(ratios).all(1)
    if wrong.any():
        offset = int(np.argmax(wrong))
        position = tile.first + offset
        if tile.contig.strand is Strand.REVERSE:
            position = tile.contig.length - 1 - position
        raise InputError(
            f"the model gives no finite score to base {tile.contig.contig}:{position + 1}; "
            "its weights may hold NaN"
        )
    is_own = bases[:, None] == np.arange(FIRST_BASE, LAST_BASE + 1)
    return np.where(known[:, None] & ~is_own, ratios, np.nan)
