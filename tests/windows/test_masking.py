"""Hidden bases: how many, which, what is read in their place, and that nothing else changes."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from hyenadna_kit.batch import IGNORED_LABEL
from hyenadna_kit.genome.interval import Interval, Strand
from hyenadna_kit.tokenizers.nucleotide import MASK, N, NucleotideTokenizer
from hyenadna_kit.windows.layout import tile_windows
from hyenadna_kit.windows.masking import MaskedDataset, MaskedTiles, Masking, collate_masked

MASKING = Masking(hidden_fraction=0.15, masked_fraction=0.8, random_fraction=0.1, seed=5)
TOKENS = np.random.default_rng(0).integers(7, 12, 200_000, dtype=np.uint8)  # N among them


class Tokens:
    """A genome of one contig."""

    def __init__(self, tokens):
        self.bases = tokens

    def tokens(self, interval):
        inside = np.arange(interval.start, interval.end)
        known = (inside >= 0) & (inside < len(self.bases))
        return np.where(known, self.bases[inside.clip(0, len(self.bases) - 1)], N).astype(np.uint8)


def test_shares_are_those_that_were_asked_for():
    drawn = MASKING.draw(TOKENS, 3)
    hidden = drawn.labels != IGNORED_LABEL
    num_bases = int((TOKENS < N).sum())
    assert hidden.sum() / num_bases == pytest.approx(0.15, abs=0.005)
    read = drawn.inputs[hidden]
    share = {
        "mask": (read == MASK).mean(),
        # One in four random bases is the one that stood there.
        "other": ((read != MASK) & (read != TOKENS[hidden])).mean(),
        "same": (read == TOKENS[hidden]).mean(),
    }
    assert share == pytest.approx({"mask": 0.8, "other": 0.075, "same": 0.125}, abs=0.01)
    random = read[(read != MASK) & (read != TOKENS[hidden])]
    assert set(Counter(random.tolist())) == {7, 8, 9, 10}


def test_only_bases_are_hidden_and_the_rest_is_read_as_it_is():
    drawn = MASKING.draw(TOKENS, 3)
    hidden = drawn.labels != IGNORED_LABEL
    assert not (hidden & (TOKENS == N)).any()
    assert np.array_equal(drawn.inputs[~hidden], TOKENS[~hidden])
    assert np.array_equal(drawn.labels[hidden], TOKENS[hidden])


def test_a_window_hides_the_same_every_time_and_others_hide_others():
    one, again = MASKING.draw(TOKENS, 3), MASKING.draw(TOKENS, 3)
    assert np.array_equal(one.inputs, again.inputs)
    assert np.array_equal(one.labels, again.labels)
    for other in (MASKING.draw(TOKENS, 4), Masking(**(vars(MASKING) | {"seed": 6})).draw(TOKENS, 3)):
        both = (one.labels != IGNORED_LABEL) & (other.labels != IGNORED_LABEL)
        assert both.mean() == pytest.approx(0.8 * 0.15**2, abs=0.003)


@pytest.mark.parametrize(
    ("masked", "random", "unchanged"), [(1.0, 0.0, 0.0), (0.0, 1.0, 0.25), (0.0, 0.0, 1.0)]
)
def test_extreme_shares(masked, random, unchanged):
    masking = Masking(hidden_fraction=1.0, masked_fraction=masked, random_fraction=random, seed=0)
    drawn = masking.draw(TOKENS, 0)
    bases = TOKENS < N
    assert np.array_equal(drawn.labels != IGNORED_LABEL, bases)
    assert (drawn.inputs[bases] == TOKENS[bases]).mean() == pytest.approx(unchanged, abs=0.01)
    assert (drawn.inputs[bases] == MASK).all() == (masked == 1.0)


def test_dataset_hides_bases_of_the_stream_s_windows():
    windows = [Interval("c", 10, 43), Interval("c", 100, 133)]
    weights = np.arange(33, dtype=np.float32)
    dataset = MaskedDataset(Tokens(TOKENS), windows, MASKING, lambda window: weights)
    for item, window in enumerate(windows):
        found, expected = dataset[item], MASKING.draw(TOKENS[window.start : window.end - 1], item)
        assert np.array_equal(found.inputs, expected.inputs)
        assert np.array_equal(found.labels, expected.labels)
        assert np.array_equal(found.weights, weights[:-1])
    batch = collate_masked([dataset[0], dataset[1]])
    assert batch.input_ids.shape == batch.labels.shape == batch.weights.shape == (2, 32)


def test_validation_hides_every_base_in_one_window_alone_and_always_the_same():
    region = Interval("c", 0, 1000)
    tiles = list(tile_windows(region, 64))
    masking = Masking(hidden_fraction=1.0, masked_fraction=1.0, random_fraction=0.0, seed=1)
    batches = MaskedTiles(Tokens(TOKENS), tiles, masking, batch_size=3)
    hidden = Counter()
    for index in range(len(batches)):
        for tile, inputs, labels in zip(
            tiles[3 * index :], batches[index].input_ids.numpy(), batches[index].labels.numpy(), strict=False
        ):
            places = tile.window.start + np.flatnonzero(labels != IGNORED_LABEL)
            hidden.update(places.tolist())
            assert (inputs[labels != IGNORED_LABEL] == MASK).all()
            assert (inputs[labels == IGNORED_LABEL] != MASK).all()
    assert set(hidden.values()) == {1}
    assert sorted(hidden) == [place for place in range(1000) if TOKENS[place] < N]
    one = MaskedTiles(Tokens(TOKENS), tiles, MASKING, batch_size=3)
    other = MaskedTiles(Tokens(TOKENS), tiles[1:], MASKING, batch_size=2)
    assert np.array_equal(one[0].input_ids[1:].numpy(), other[0].input_ids.numpy())


def test_reverse_windows_are_hidden_as_they_are_read():
    tokens = NucleotideTokenizer().encode("ACGTACGTAC")

    class Genome:
        def tokens(self, interval):
            assert interval.strand is Strand.REVERSE
            return tokens

    window = Interval("c", 0, 10, Strand.REVERSE)
    assert len(MaskedDataset(Genome(), [window], MASKING)[0].inputs) == 9


def test_every_seed_is_validated_on_the_same_bases():
    tiles = list(tile_windows(Interval("c", 0, 1000), 64))
    first, second = (
        MaskedTiles(Tokens(TOKENS), tiles, replace(MASKING, seed=seed), batch_size=2)[0] for seed in (1, 2)
    )
    assert np.array_equal(first.input_ids.numpy(), second.input_ids.numpy())
    assert np.array_equal(first.labels.numpy(), second.labels.numpy())
