"""The k-mer-difference floor of variant effects, held out locus by locus.

    python benchmarks/variant_floor.py FOLDER

FOLDER holds mpra_elements.tsv.gz and mpra_elements_GRCh38.fa: a saturation-mutagenesis reporter assay. Prints
and records the Spearman correlation within each element, and the mean over loci with its 95 % interval,
for k-mers of the forward strand and of both strands.
"""

import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from record import record

from hyenadna_kit.evaluation.loci import mean_over_loci, merge_groups, spearman_of_elements
from hyenadna_kit.evaluation.variant_floor import (
    AlleleBases,
    bases_around,
    fit_variant_floor,
    kmer_differences,
    kmer_differences_of_both_strands,
)
from hyenadna_kit.genome.variant import Variant
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.io.fasta_places import read_fasta_places
from hyenadna_kit.io.measured_variants import VariantColumns, read_measured_table, spelled_out

FEATURES = {"forward": kmer_differences, "both_strands": kmer_differences_of_both_strands}


def main(folder: str) -> None:
    """Fit the floor with each kind of features, and record what it reaches."""
    found = figures(Path(folder))
    command = f"python benchmarks/variant_floor.py {Path(folder).name}"
    print(record("variant_floor", command, found).read_text())


class MeasuredEffects(NamedTuple):
    """The variants of the assay that have a place."""

    variants: tuple[Variant, ...]
    """Each as the elements have it."""
    bases: AlleleBases
    """Bases around each."""
    effects: NDArray[np.float64]
    """What was measured, log2 of expression."""
    elements: NDArray[Any]
    """Name of the element of each."""
    loci: NDArray[Any]
    """Name of its locus."""

    @property
    def locus_of(self) -> dict[str, str]:
        """The locus of each element."""
        return dict(zip(self.elements.tolist(), self.loci.tolist(), strict=True))


def measured_effects(folder: Path) -> MeasuredEffects:
    """Read the assay."""
    table = read_measured_table(folder / "mpra_elements.tsv.gz").where(["Release=GRCh38"])
    fasta = folder / "mpra_elements_GRCh38.fa"
    genome, places = Fasta(fasta), read_fasta_places(fasta)
    records = table.variants(VariantColumns(contig="Element"), places)
    rows = [row for row, each in enumerate(records) if each is not None]
    spelled = [spelled_out(each, genome) for each in records if each is not None]
    variants = tuple(variant for each in spelled for variant in each.variants() if variant)
    elements = np.array(table.texts("Element"))[rows]
    sites = [(places[each.contig].contig, places[each.contig].start + each.position) for each in spelled]
    loci = merge_groups(elements.tolist(), sites)
    effects = table.numbers("Coefficient")[rows]
    return MeasuredEffects(variants, bases_around(genome, variants), effects, elements, loci)


def figures(folder: Path) -> dict[str, Any]:
    """Return the figures of both kinds of features."""
    effects = measured_effects(folder)
    found: dict[str, Any] = {
        "variants": len(effects.variants),
        "elements": len(effects.locus_of),
        "loci": len(set(effects.loci.tolist())),
    }
    for name, features_of in FEATURES.items():
        begun = time.perf_counter()
        floor = fit_variant_floor(features_of(effects.bases), effects.effects, effects.loci)
        within = spearman_of_elements(effects.effects, floor.predictions, effects.elements)
        mean = mean_over_loci(within, effects.locus_of, generator=np.random.default_rng(0))
        found[name] = {
            "mean_over_loci": [round(each, 4) for each in mean],
            "elements": {element: round(value, 4) for element, value in within.items()},
            "seconds": round(time.perf_counter() - begun, 1),
        }
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
