"""Toy data for tests, examples and the quickstart: made from a seed, small, with its truth.

In: a seed. Out: a genome with the positions of what was planted in it, variants of it, both as files
(FASTA, VCF), and a model.
"""

from typing import TYPE_CHECKING, Any

from hyenadna_kit.testing.genome import MIN_TOY_LENGTH as MIN_TOY_LENGTH
from hyenadna_kit.testing.genome import TOY_LENGTH as TOY_LENGTH
from hyenadna_kit.testing.genome import ToyGenome as ToyGenome
from hyenadna_kit.testing.genome import toy_genome as toy_genome
from hyenadna_kit.testing.genome import write_toy_genome as write_toy_genome
from hyenadna_kit.testing.variants import toy_variants as toy_variants
from hyenadna_kit.testing.variants import write_toy_vcf as write_toy_vcf

if TYPE_CHECKING:
    from hyenadna_kit.testing.models import tiny_model as tiny_model


def __getattr__(name: str) -> Any:
    """Load what needs PyTorch when it is used: toy data alone does not."""
    if name == "tiny_model":
        from hyenadna_kit.testing.models import tiny_model

        return tiny_model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
