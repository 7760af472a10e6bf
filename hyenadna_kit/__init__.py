"""Model DNA at single-nucleotide resolution, over up to a million bases.

The flow is the layout. Sequences come in through ``io`` and are cut into ``windows`` of tokens; a
``batch`` goes through the ``backbone`` and a head; ``training``, ``evaluation`` and ``scoring`` sit on
top::

    genome = hk.open_genome("genome.fa.gz")                  # or a store made by hyenadna-kit prepare
    genome.fetch(hk.Interval("chr1", 100, 200))              # 0-based, half-open; N beyond the ends
    model = hk.HyenaDNA.from_pretrained("folder")
    model(input_ids).logits                                  # batch length vocab
    hk.score_vcf(hk.VariantScorer(model, hk.Placement.for_window(1024)), genome, "in.vcf.gz", "out.vcf.gz")

Names are imported when they are first used: ``import hyenadna_kit`` loads no torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hyenadna_kit import errors as errors
    from hyenadna_kit import ops as ops
    from hyenadna_kit import testing as testing
    from hyenadna_kit.backbone.backbone import BackboneConfig as BackboneConfig
    from hyenadna_kit.backbone.filters import FilterConfig as FilterConfig
    from hyenadna_kit.backbone.mixers.attention import AttentionConfig as AttentionConfig
    from hyenadna_kit.backbone.mixers.hyena import HyenaConfig as HyenaConfig
    from hyenadna_kit.batch import Batch as Batch
    from hyenadna_kit.evaluation.embeddings import embed as embed
    from hyenadna_kit.generation.generate import generate as generate
    from hyenadna_kit.generation.sampling_options import SamplingOptions as SamplingOptions
    from hyenadna_kit.genome.alphabet import reverse_complement as reverse_complement
    from hyenadna_kit.genome.interval import Interval as Interval
    from hyenadna_kit.genome.interval import Strand as Strand
    from hyenadna_kit.genome.interval_set import IntervalSet as IntervalSet
    from hyenadna_kit.genome.variant import Variant as Variant
    from hyenadna_kit.heads.language_model import LanguageModelHeadConfig as LanguageModelHeadConfig
    from hyenadna_kit.heads.nucleotide import NucleotideHeadConfig as NucleotideHeadConfig
    from hyenadna_kit.heads.sequence import SequenceHeadConfig as SequenceHeadConfig
    from hyenadna_kit.heads.variant_effect import VariantEffectHeadConfig as VariantEffectHeadConfig
    from hyenadna_kit.io.annotation import read_annotation as read_annotation
    from hyenadna_kit.io.bam import Bam as Bam
    from hyenadna_kit.io.bigwig import BigWig as BigWig
    from hyenadna_kit.io.fasta import Fasta as Fasta
    from hyenadna_kit.io.genome import open_genome as open_genome
    from hyenadna_kit.io.genome_store import GenomeStore as GenomeStore
    from hyenadna_kit.io.hdf5 import RowTable as RowTable
    from hyenadna_kit.io.hdf5 import write_rows as write_rows
    from hyenadna_kit.io.read_store import ReadStore as ReadStore
    from hyenadna_kit.io.tables import read_labelled_table as read_labelled_table
    from hyenadna_kit.io.vcf import read_variants as read_variants
    from hyenadna_kit.io.vcf_writer import VariantWriter as VariantWriter
    from hyenadna_kit.model import HyenaDNA as HyenaDNA
    from hyenadna_kit.model import HyenaDNAConfig as HyenaDNAConfig
    from hyenadna_kit.scoring.placement import Placement as Placement
    from hyenadna_kit.scoring.score_tables import score_file as score_file
    from hyenadna_kit.scoring.score_vcf import score_vcf as score_vcf
    from hyenadna_kit.scoring.scorer import VariantScorer as VariantScorer
    from hyenadna_kit.tokenizers.nucleotide import NucleotideTokenizer as NucleotideTokenizer
    from hyenadna_kit.windows.dataset import WindowDataset as WindowDataset
    from hyenadna_kit.windows.layout import tile as tile
    from hyenadna_kit.windows.layout import tile_windows as tile_windows
    from hyenadna_kit.windows.similarity import split_by_similarity as split_by_similarity

_SUBMODULES = ("errors", "ops", "testing")
_HOMES = {
    "AttentionConfig": "backbone.mixers.attention",
    "BackboneConfig": "backbone.backbone",
    "Bam": "io.bam",
    "Batch": "batch",
    "BigWig": "io.bigwig",
    "Fasta": "io.fasta",
    "FilterConfig": "backbone.filters",
    "GenomeStore": "io.genome_store",
    "HyenaConfig": "backbone.mixers.hyena",
    "HyenaDNA": "model",
    "HyenaDNAConfig": "model",
    "Interval": "genome.interval",
    "IntervalSet": "genome.interval_set",
    "LanguageModelHeadConfig": "heads.language_model",
    "NucleotideHeadConfig": "heads.nucleotide",
    "NucleotideTokenizer": "tokenizers.nucleotide",
    "Placement": "scoring.placement",
    "ReadStore": "io.read_store",
    "RowTable": "io.hdf5",
    "SamplingOptions": "generation.sampling_options",
    "SequenceHeadConfig": "heads.sequence",
    "Strand": "genome.interval",
    "Variant": "genome.variant",
    "VariantEffectHeadConfig": "heads.variant_effect",
    "VariantScorer": "scoring.scorer",
    "VariantWriter": "io.vcf_writer",
    "WindowDataset": "windows.dataset",
    "embed": "evaluation.embeddings",
    "generate": "generation.generate",
    "open_genome": "io.genome",
    "read_annotation": "io.annotation",
    "read_labelled_table": "io.tables",
    "read_variants": "io.vcf",
    "reverse_complement": "genome.alphabet",
    "score_file": "scoring.score_tables",
    "score_vcf": "scoring.score_vcf",
    "split_by_similarity": "windows.similarity",
    "tile": "windows.layout",
    "tile_windows": "windows.layout",
    "write_rows": "io.hdf5",
}

__all__ = sorted([*_HOMES, *_SUBMODULES])  # noqa: PLE0605 - a list, sorted


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562)."""
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
