"""Score one variant with a model, on both strands.

    python examples/score_one_variant.py MODEL GENOME CONTIG POSITION REF ALT

POSITION counts from 1, as in a VCF.
"""

import sys

import hyenadna_kit as hk


def main(model_folder: str, genome_path: str, contig: str, position: str, ref: str, alt: str) -> None:
    """Print every score of the variant."""
    model = hk.HyenaDNA.from_pretrained(model_folder)
    genome = hk.open_genome(genome_path)
    placement = hk.Placement.for_window(model.context_length)
    scorer = hk.VariantScorer(model, placement, strands=tuple(hk.Strand))
    (scores,) = scorer.score(genome, [hk.Variant(contig, int(position) - 1, ref, alt)])
    print(scores)


if __name__ == "__main__":
    main(*sys.argv[1:])
