"""The public names: which there are, that each is there, and that type checkers see the same."""

import ast
from pathlib import Path

import pytest

import hyenadna_kit as hk

SOURCE = Path(hk.__file__).read_text()

NAMES = [
    "AttentionConfig",
    "BackboneConfig",
    "Bam",
    "Batch",
    "BigWig",
    "Fasta",
    "FilterConfig",
    "GenomeStore",
    "HyenaConfig",
    "HyenaDNA",
    "HyenaDNAConfig",
    "Interval",
    "IntervalSet",
    "LanguageModelHeadConfig",
    "NucleotideHeadConfig",
    "NucleotideTokenizer",
    "Placement",
    "ReadStore",
    "RowTable",
    "SamplingOptions",
    "SequenceHeadConfig",
    "Strand",
    "Variant",
    "VariantEffectHeadConfig",
    "VariantScorer",
    "VariantWriter",
    "WindowDataset",
    "embed",
    "errors",
    "generate",
    "open_genome",
    "ops",
    "read_annotation",
    "read_labelled_table",
    "read_variants",
    "reverse_complement",
    "score_file",
    "score_vcf",
    "split_by_similarity",
    "testing",
    "tile",
    "tile_windows",
    "write_rows",
]


def test_public_names_are_these():
    assert dir(hk) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_public_name_is_there(name):
    assert getattr(hk, name).__name__.rpartition(".")[2] == name


def test_type_checkers_see_the_same_names():
    block = next(
        node
        for node in ast.parse(SOURCE).body
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    )
    assert sorted(alias.asname for line in block.body for alias in line.names) == NAMES


def test_name_that_is_not_there_is_refused():
    with pytest.raises(AttributeError, match="has no attribute 'HyenaDna'; it has AttentionConfig, "):
        _ = hk.HyenaDna
