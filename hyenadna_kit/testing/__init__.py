"""Toy data for tests, examples and the quickstart: made from a seed, small, with its truth.

In: a seed. Out: a genome with the positions of what was planted in it, variants of it, and both as
files (FASTA, VCF).
"""

from hyenadna_kit.testing.genome import MIN_TOY_LENGTH as MIN_TOY_LENGTH
from hyenadna_kit.testing.genome import TOY_LENGTH as TOY_LENGTH
from hyenadna_kit.testing.genome import ToyGenome as ToyGenome
from hyenadna_kit.testing.genome import toy_genome as toy_genome
from hyenadna_kit.testing.genome import write_toy_genome as write_toy_genome
from hyenadna_kit.testing.variants import toy_variants as toy_variants
from hyenadna_kit.testing.variants import write_toy_vcf as write_toy_vcf
