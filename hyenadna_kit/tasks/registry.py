"""Every task by its name. A new task adds its line here."""

from collections.abc import Callable

import numpy as np

from hyenadna_kit.tasks.coding import find_coding
from hyenadna_kit.tasks.examples import Found
from hyenadna_kit.tasks.promoters import find_promoters
from hyenadna_kit.tasks.source import TaskSource
from hyenadna_kit.tasks.splice_sites import find_splice_sites

FindExamples = Callable[[TaskSource, np.random.Generator], Found]
"""A pure function of its source and of the state of the generator."""

TASKS: dict[str, FindExamples] = {
    "coding": find_coding,
    "promoters": find_promoters,
    "splice_sites": find_splice_sites,
}
"""From a genome and its annotation to windows with classes."""
