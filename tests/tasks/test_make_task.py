"""Examples on their sides: what is asked for, the order, and no copy on another side."""

from collections import Counter

import numpy as np
import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.annotation import Annotation
from hyenadna_kit.tasks.make_task import TaskRequest, make_task
from hyenadna_kit.tasks.registry import TASKS
from hyenadna_kit.tasks.sides import assign_sides
from tests.tasks.made import COMPLEMENTS, gene, random_bases, text_genome

SPACING, NUM_GENES = 4000, 24


def duplicated():
    """Return contigs a and b, b the reverse complement of a with 4 % substitutions, and genes on both."""
    length = SPACING * NUM_GENES
    bases = list(random_bases(11, length))
    plans = []
    for number in range(NUM_GENES):
        start, strand = SPACING * number + 1200, "+-"[number % 2]
        exons = [(start, start + 600), (start + 900, start + 1500)]
        donor, acceptor = ("GT", "AG") if strand == "+" else ("CT", "AC")
        bases[start + 600 : start + 602], bases[start + 898 : start + 900] = donor, acceptor
        plans.append((strand, exons))
    rng = np.random.default_rng(12)
    copy = [COMPLEMENTS[base] if rng.random() > 0.04 else "A" for base in reversed(bases)]
    genes = [gene(f"a{n}", "a", strand, (exons, exons)) for n, (strand, exons) in enumerate(plans)]
    for number, (strand, exons) in enumerate(plans):
        flipped = [(length - end, length - start) for start, end in reversed(exons)]
        genes.append(gene(f"b{number}", "b", "-" if strand == "+" else "+", (flipped, flipped)))
    return {"a": "".join(bases), "b": "".join(copy)}, Annotation(tuple(genes)), length


@pytest.mark.parametrize("task", TASKS)
def test_copies_are_on_one_side_and_classes_on_all(task):
    contigs, annotation, length = duplicated()
    request = TaskRequest(task=task, length=500, validation_fraction=0.2, test_fraction=0.2, seed=3)
    found, sides = make_task(text_genome(contigs), annotation, request)
    placed = []
    for (window, _), side in zip(found.examples, sides.of_example, strict=True):
        # Everything in the coordinates of contig a.
        a = (
            (window.start, window.end)
            if window.contig == "a"
            else (length - window.end, length - window.start)
        )
        placed.append((*a, window.contig, side))
    pairs = leaks = 0
    for number, (start, end, contig, side) in enumerate(placed):
        for other_start, other_end, other_contig, other_side in placed[:number]:
            shared = min(end, other_end) - max(start, other_start)
            if shared > 0 and (contig == other_contig or shared >= 250):
                pairs += contig != other_contig
                leaks += side != other_side
    assert pairs >= 10
    assert leaks == 0
    counts = Counter(zip((label for _, label in found.examples), sides.of_example, strict=True))
    total = Counter(label for _, label in found.examples)
    assert len(set(total.values())) == 1
    assert set(counts) == {
        (label, side) for label in found.classes for side in ("train", "validation", "test")
    }


@pytest.mark.parametrize("task", TASKS)
def test_examples_are_in_the_order_of_the_genome_and_the_same_every_time(task):
    contigs, annotation, _ = duplicated()
    contigs = dict(reversed(contigs.items()))
    request = TaskRequest(task=task, length=300, seed=5)
    one, other = (make_task(text_genome(contigs), annotation, request) for _ in range(2))
    assert one == other
    places = [(list(contigs).index(w.contig), w.start) for w, _ in one.found.examples]
    assert places == sorted(places)
    assert make_task(text_genome(contigs), annotation, TaskRequest(task=task, length=300, seed=6)) != one
    sides = assign_sides(text_genome(contigs), one.found.examples, request.fractions, seed=5)
    assert sides == one.sides


def test_side_without_a_part_is_not_made():
    contigs, annotation, _ = duplicated()
    request = TaskRequest(task="coding", length=300, validation_fraction=0.0, test_fraction=0.25)
    assert request.fractions == {"train": 0.75, "test": 0.25}
    assert set(make_task(text_genome(contigs), annotation, request).sides.of_example) == {"train", "test"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "promoter"}, r"unknown task 'promoter'; did you mean 'promoters'\?"),
        ({"length": 1}, "at least 2 bp, got length 1"),
        ({"upstream": 99}, r"upstream must lie in 0\.\.98 for windows of 100 bp, got 99"),
        ({"upstream": -1}, r"upstream must lie in 0\.\.98 .*, got -1"),
        ({"max_per_class": 0}, "max_per_class must be at least 1, got 0"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"test_fraction": -0.1}, "test_fraction -0.1 must be at least 0"),
        ({"validation_fraction": 0.5, "test_fraction": 0.5}, "0.5 and test_fraction 0.5 .* leave a part"),
    ],
    ids=["task", "length", "upstream", "negative", "classes", "seed", "fraction", "nothing to train on"],
)
def test_request_that_makes_no_sense_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        TaskRequest(**{"task": "coding", "length": 100, **changes})
