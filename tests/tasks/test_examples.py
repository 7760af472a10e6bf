"""Windows at sites, what makes a window unfit, and classes of one size."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.tasks.examples import (
    BEYOND_CONTIG,
    HOLDS_N,
    NOT_DRAWN,
    SAME_BASES,
    Example,
    Screen,
    anchored_window,
    balanced,
)
from tests.tasks.made import interval, text_genome


@given(st.integers(0, 60), st.integers(1, 4), st.integers(1, 30), st.data(), st.sampled_from("+-"))
def test_site_begins_after_the_upstream_bases_on_either_strand(start, width, length, data, strand):
    upstream = data.draw(st.integers(0, length))
    site = interval("c", start, start + width, strand)
    window = anchored_window(site, length, upstream)
    assert (window.length, window.strand, window.contig) == (length, site.strand, "c")
    in_reading_order = list(range(window.start, window.end))[:: 1 if strand == "+" else -1]
    first_of_site = start if strand == "+" else start + width - 1
    if upstream < length:
        assert in_reading_order[upstream] == first_of_site
    else:
        assert in_reading_order[-1] == first_of_site - (1 if strand == "+" else -1)


def test_unfit_windows_are_refused_and_counted():
    screen = Screen(text_genome({"c": "ACGTNACGTAACC", "d": "GGTT"}))
    windows = {
        "first": interval("c", 0, 4),
        "the same bases elsewhere": interval("c", 5, 9),
        "another place": interval("c", 9, 13),
        "with N": interval("c", 3, 7),
        "before the contig": interval("d", -1, 3),
        "behind the contig": interval("d", 1, 5),
        "reverse complement is other bases": interval("c", 9, 13, "-"),
        "reverse complement of GGTT is AACC": interval("d", 0, 4, "-"),
    }
    admitted = [name for name, window in windows.items() if screen.admits(Example(window, "x"))]
    assert admitted == ["first", "another place", "reverse complement is other bases"]
    assert screen.left_out == {("x", SAME_BASES): 2, ("x", HOLDS_N): 1, ("x", BEYOND_CONTIG): 2}


def test_other_ambiguous_letters_count_as_n():
    screen = Screen(text_genome({"c": "ACRT"}))
    assert screen.objection(interval("c", 0, 4)) == HOLDS_N
    assert not screen.left_out


def examples(labels):
    return [Example(interval("c", place, place + 1), label) for place, label in enumerate(labels)]


@given(st.lists(st.sampled_from("ab"), min_size=2), st.none() | st.integers(1, 5), st.integers(0, 9))
def test_classes_are_of_one_size_and_in_order(labels, most, seed):
    found, counts, left_out = examples(labels), Counter(labels), Counter()
    if len(counts) < 2:
        with pytest.raises(InputError, match=r"no window of class '[ab]' is left"):
            balanced(found, "ab", most, rng=np.random.default_rng(seed), left_out=left_out)
        return
    size = min(*counts.values(), most or 10**9)
    drawn = balanced(found, "ab", most, rng=np.random.default_rng(seed), left_out=left_out)
    assert Counter(example.label for example in drawn) == {"a": size, "b": size}
    assert drawn == sorted(set(drawn), key=found.index)
    assert {label: left_out[label, NOT_DRAWN] for label in "ab"} == {
        label: counts[label] - size for label in "ab"
    }


def test_every_example_can_be_drawn():
    found = examples("aaaab")
    drawn = {
        example
        for seed in range(50)
        for example in balanced(found, "ab", None, rng=np.random.default_rng(seed), left_out=Counter())
    }
    assert drawn == set(found)


def test_empty_class_is_an_error_with_the_reasons():
    left_out = Counter({("b", HOLDS_N): 1200, ("a", SAME_BASES): 1})
    with pytest.raises(InputError, match=r"class 'b' is left \(1,200 holds N\); try another length"):
        balanced(examples("aa"), "ab", None, rng=np.random.default_rng(0), left_out=left_out)
    with pytest.raises(InputError, match=r"class 'b' is left \(the annotation has none\)"):
        balanced(examples("aa"), "ab", None, rng=np.random.default_rng(0), left_out=Counter())
