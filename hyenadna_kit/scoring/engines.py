"""Windows to readings of both alleles: with whole passes, or with whole passes of the genome alone.

In: REF and ALT windows. Out: what the model says of each allele's horizon. A score must not depend on
the engine: ``full`` is the definition, and ``shared`` computes the same from the linearity of the long
convolution.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from hyenadna_kit.backbone.memory import suffix_bytes
from hyenadna_kit.backbone.suffixes import SuffixPlaces
from hyenadna_kit.model import HyenaDNA, HyenaDNAOutput
from hyenadna_kit.scoring.alleles import AlleleWindows, WindowKey
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.scoring.readings import AlleleReadings, HorizonReading, read_horizons

_SUFFIX_TOKENS = 1 << 16
_SHARE_OF_SUFFIXES = 4
"""Where memory is bounded, suffixes take one part of so many."""
_LEAST_TOGETHER = 64
_MOST_TOGETHER = 1024
_TOGETHER_BASES = 1 << 25


class Engine(ABC):
    """Computes what a model says of both alleles of many variants."""

    name: ClassVar[str]
    """As options and files call it."""

    def __init__(self, model: HyenaDNA, placement: Placement, batch_size: int) -> None:
        self.model = model
        self.placement = placement
        self.horizon = placement.horizon
        self.batch_size = batch_size

    @abstractmethod
    def read(self, variants: Sequence[AlleleWindows]) -> list[AlleleReadings]:
        """Return one entry a variant; windows with the same key are read once."""

    def num_together(self, window: int) -> int:  # noqa: ARG002 - others look at it
        """Return how many variants of windows that long are worth collecting for a call."""
        return _LEAST_TOGETHER

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    def _places(self, rows: Sequence[int], variants: Sequence[AlleleWindows]) -> SuffixPlaces:
        starts = torch.tensor([windows.first for windows in variants], device=self.device)
        return SuffixPlaces(torch.tensor(rows, device=self.device), starts, self.horizon)

    def _tensor(self, arrays: Sequence[np.ndarray]) -> Tensor:
        return torch.from_numpy(np.stack(arrays)).to(self.device)

    def _scored(self, variants: Sequence[AlleleWindows]) -> Tensor:
        return self._tensor([windows.scored for windows in variants])

    def _read_windows(
        self, output: HyenaDNAOutput, tokens: Tensor, variants: Sequence[AlleleWindows], places: SuffixPlaces
    ) -> list[HorizonReading]:
        """Read the horizons that begin at the places, in whole windows."""
        # The position before a base predicts it.
        logits = places.shifted(-1).gather(output.logits.transpose(1, 2)).transpose(1, 2)
        states = places.gather(output.last_hidden_state.transpose(1, 2)).transpose(1, 2)
        bases = places.gather(tokens[:, None])[:, 0]
        return read_horizons(logits, bases, states, self._scored(variants)).arrays()


class FullEngine(Engine):
    """Every window in a pass of its own: any model, any placement."""

    name = "full"

    def read(self, variants: Sequence[AlleleWindows]) -> list[AlleleReadings]:
        """Return one entry a variant."""
        by_key = _by_key(variants)
        ref_windows = [variants[indices[0]].ref for indices in by_key.values()]
        alt_windows = [each.alt for each in variants]
        every = range(len(variants))
        refs = dict(self._read(ref_windows, list(by_key.values()), variants))
        alts = dict(self._read(alt_windows, [[index] for index in every], variants))
        return [AlleleReadings(refs[index], alts[index]) for index in every]

    def _read(
        self, windows: Sequence[np.ndarray], readers: Sequence[list[int]], variants: Sequence[AlleleWindows]
    ) -> Iterator[tuple[int, HorizonReading]]:
        """Yield readings with the index of the variant; each window has the variants that read it."""
        for first in range(0, len(windows), self.batch_size):
            batch = slice(first, first + self.batch_size)
            tokens = self._tensor(windows[batch])
            rows = [(row, index) for row, indices in enumerate(readers[batch]) for index in indices]
            some = [variants[index] for _, index in rows]
            places = self._places([row for row, _ in rows], some)
            with torch.inference_mode():
                readings = self._read_windows(self.model(tokens), tokens, some, places)
            yield from zip((index for _, index in rows), readings, strict=True)


class SharedEngine(Engine):
    """Every REF window in a pass, and beside it the horizons alone of all ALTs in it.

    Left of a variant both alleles have the same states; on the horizon the changed ones follow from
    those of the genome, see ``backbone.mixers.hyena_suffixes``.
    """

    name = "shared"

    def read(self, variants: Sequence[AlleleWindows]) -> list[AlleleReadings]:
        """Return one entry a variant."""
        found: dict[int, AlleleReadings] = {}
        for indices in self._passes(variants):
            some = [variants[index] for index in indices]
            found |= zip(indices, self._pass(some), strict=True)
        return [found[index] for index in range(len(variants))]

    def num_together(self, window: int) -> int:
        """Return many, as neighbours share a window, but not more than a little memory holds."""
        return max(_LEAST_TOGETHER, min(_MOST_TOGETHER, _TOGETHER_BASES // window))

    def _passes(self, variants: Sequence[AlleleWindows]) -> Iterator[list[int]]:
        """Yield which variants go through the model together: few windows, few suffixes."""
        most = max(1, self._suffix_tokens() // self.horizon)
        num_windows, indices = 0, list[int]()
        for group in _by_key(variants).values():
            for part in (group[first : first + most] for first in range(0, len(group), most)):
                if indices and (num_windows == self.batch_size or len(indices) + len(part) > most):
                    yield indices
                    num_windows, indices = 0, []
                num_windows, indices = num_windows + 1, indices + part
        if indices:
            yield indices

    def _suffix_tokens(self) -> int:
        """Return how many tokens of suffixes go through the model together."""
        backbone = self.model.backbone
        if backbone.max_memory is None:
            return _SUFFIX_TOKENS
        a_token = suffix_bytes(1, backbone.config.d_model)
        return min(_SUFFIX_TOKENS, backbone.max_memory // _SHARE_OF_SUFFIXES // a_token)

    def _pass(self, variants: Sequence[AlleleWindows]) -> Iterable[AlleleReadings]:
        windows = {each.key: each.ref for each in variants}
        rows = {key: row for row, key in enumerate(windows)}
        tokens = self._tensor(list(windows.values()))
        suffixes = self._tensor([each.alt[each.first :][: self.horizon] for each in variants])
        places = self._places([rows[each.key] for each in variants], variants)
        read_from = self.placement.min_left_context - 1
        read = places.shifted(-read_from)
        with torch.inference_mode():
            whole, changed = self.model.forward_with_suffixes(tokens, suffixes, places, read_from=read_from)
            ref = self._read_windows(whole, tokens[:, read_from:], variants, read)
            before = whole.logits[read.rows, read.starts - 1][:, None]
            logits = torch.cat([before, changed.logits[:, :-1]], dim=1)
            alt = read_horizons(logits, suffixes, changed.last_hidden_state, self._scored(variants)).arrays()
        return map(AlleleReadings, ref, alt)


def _by_key(variants: Sequence[AlleleWindows]) -> dict[WindowKey, list[int]]:
    groups: dict[WindowKey, list[int]] = {}
    for index, windows in enumerate(variants):
        groups.setdefault(windows.key, []).append(index)
    return groups
