"""Read windows of a genome on both strands, as bases and as tokens.

    python examples/read_windows.py GENOME CONTIG:START-END

The region counts from 1, as in samtools; in Python it is an interval that counts from 0.
"""

import sys

import hyenadna_kit as hk


def main(genome_path: str, region: str) -> None:
    """Print the region as it reads on either strand, and its first tokens."""
    genome = hk.open_genome(genome_path)
    interval = hk.Interval.from_region(region)
    print(genome.fetch(interval))
    print(genome.fetch(interval.reverse_complement()))
    print(genome.tokens(interval)[:8])


if __name__ == "__main__":
    main(*sys.argv[1:])
