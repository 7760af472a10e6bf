"""The k-mer-difference floor of variant effects, held out locus by locus.

    python benchmarks/variant_floor.py FOLDER

FOLDER holds mpra_elements.tsv.gz and mpra_elements_GRCh38.fa: a saturation-mutagenesis reporter assay. Prints
and records the Spearman correlation within each element, and the mean over loci with its 95 % interval,
for k-mers of the forward strand and of both strands.
"""

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from record import record

from hyenadna_kit.evaluation.loci import mean_over_loci, merge_groups, spearman_of_elements
from hyenadna_kit.evaluation.variant_floor import (
    bases_around,
    fit_variant_floor,
    kmer_differences,
    kmer_differences_of_both_strands,
)
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.io.fasta_places import read_fasta_places
from hyenadna_kit.io.measured_variants import VariantColumns, read_measured_table, spelled_out

FEATURES = {"forward": kmer_differences, "both_strands": kmer_differences_of_both_strands}


def main(folder: str) -> None:
    """Fit the floor with each kind of features, and record what it reaches."""
    found = figures(Path(folder))
    command = f"python benchmarks/variant_floor.py {Path(folder).name}"
    print(record("variant_floor", command, found).read_text())


def figures(folder: Path) -> dict[str, Any]:
    """Return the figures of both kinds of features."""
    table = read_measured_table(folder / "mpra_elements.tsv.gz").where(["Release=GRCh38"])
    fasta = folder / "mpra_elements_GRCh38.fa"
    genome, places = Fasta(fasta), read_fasta_places(fasta)
    records = table.variants(VariantColumns(contig="Element"), places)
    rows = [row for row, each in enumerate(records) if each is not None]
    spelled = [spelled_out(each, genome) for each in records if each is not None]
    bases = bases_around(genome, [variant for each in spelled for variant in each.variants() if variant])
    effects = table.numbers("Coefficient")[rows]
    elements = np.array(table.texts("Element"))[rows]
    sites = [(places[each.contig].contig, places[each.contig].start + each.position) for each in spelled]
    loci = merge_groups(elements.tolist(), sites)
    locus_of = dict(zip(elements.tolist(), loci.tolist(), strict=True))
    found: dict[str, Any] = {
        "variants": len(rows),
        "elements": len(locus_of),
        "loci": len(set(loci.tolist())),
    }
    for name, features_of in FEATURES.items():
        begun = time.perf_counter()
        floor = fit_variant_floor(features_of(bases), effects, loci)
        within = spearman_of_elements(effects, floor.predictions, elements)
        mean = mean_over_loci(within, locus_of, generator=np.random.default_rng(0))
        found[name] = {
            "mean_over_loci": [round(each, 4) for each in mean],
            "elements": {element: round(value, 4) for element, value in within.items()},
            "seconds": round(time.perf_counter() - begun, 1),
        }
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
