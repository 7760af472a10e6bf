"""The tokenizer against the published one, and against letters counted by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
from Bio.Seq import Seq
from hypothesis import given
from hypothesis import strategies as st

from hyenadna_kit.errors import CheckpointError, InputError
from hyenadna_kit.tokenizers.nucleotide import (
    VOCABULARY,
    NucleotideTokenizer,
    NucleotideTokenizerConfig,
    reverse_complement_tokens,
)

PUBLISHED = json.loads((Path(__file__).parents[1] / "data" / "char_tokenizer.json").read_text())
SPECIAL_TOKENS = {"standalone": "cls_sep", "repo": "sep"}
"""Which special tokens each published loader adds by default."""

CASES = [pytest.param(case, id=f"{case['tok']}:{case['seq']}") for case in PUBLISHED["cases"]]
UPPER_CASES = [
    pytest.param(case, id=f"{case['tok']}:{case['seq']}")
    for case in PUBLISHED["cases"]
    if set(case["seq"]) <= set("ACGTN")
]


@pytest.fixture
def tokenizer():
    return NucleotideTokenizer()


@pytest.fixture
def published_tokenizer():
    return NucleotideTokenizerConfig(other_bases="UNK").build()


def test_vocabulary_is_the_published_one():
    assert {token: number for number, token in enumerate(VOCABULARY)} == PUBLISHED["vocab"]


def assert_equals_published(tokenizer, case):
    sequence = case["seq"]
    assert tokenizer.encode(sequence).tolist() == case["no_special"]
    assert tokenizer.encode_for_model(sequence).tolist() == case["no_special"]
    special_tokens = SPECIAL_TOKENS[case["tok"]]
    assert tokenizer.encode_for_model(sequence, special_tokens).tolist() == case["default"]


@pytest.mark.parametrize("case", CASES)
def test_unknown_bases_as_unk_equals_the_published_tokenizer(published_tokenizer, case):
    assert_equals_published(published_tokenizer, case)


@pytest.mark.parametrize("case", UPPER_CASES)
def test_upper_case_bases_equal_the_published_tokenizer(tokenizer, case):
    assert_equals_published(tokenizer, case)


def test_both_kinds_of_case_are_there():
    assert {case["tok"] for case in PUBLISHED["cases"]} == set(SPECIAL_TOKENS)
    assert len(UPPER_CASES) >= 8


@pytest.mark.parametrize(
    ("sequence", "expected"),
    [
        ("ACGTN", [7, 8, 9, 10, 11]),
        ("acgtn", [7, 8, 9, 10, 11]),
        ("Uu", [10, 10]),
        ("RYSWKMBDHVN", [11] * 11),
        ("ryswkmbdhvn", [11] * 11),
        ("", []),
    ],
    ids=["bases", "soft-masked", "rna", "iupac", "soft-masked iupac", "empty"],
)
def test_bases_are_read_in_any_case(tokenizer, sequence, expected):
    tokens = tokenizer.encode(sequence)
    assert tokens.tolist() == tokenizer.encode(sequence.encode()).tolist() == expected
    assert tokens.dtype == np.uint8


@pytest.mark.parametrize(
    ("sequence", "character", "position"),
    [
        ("AC.GT", "'.'", 2),
        ("[MASK]A", "'['", 0),
        ("ACG\n", r"'\n'", 3),
        ("ACé", "'é'", 2),
        ("A\x00", r"'\x00'", 1),
    ],
    ids=["dot", "special token", "line end", "not ascii", "nul"],
)
def test_other_characters_are_named_with_their_place(tokenizer, sequence, character, position):
    with pytest.raises(InputError) as caught:
        tokenizer.encode(sequence)
    assert f"character {character} at position {position} is no nucleotide code" in str(caught.value)


@given(st.text("ACGTN"))
def test_decoding_is_the_inverse(sequence):
    tokenizer = NucleotideTokenizer()
    tokens = tokenizer.encode(sequence)
    assert tokenizer.decode(tokens) == tokenizer.decode(tokens.tolist()) == sequence
    assert tokenizer.decode(tokens.astype(np.int64)) == sequence


def test_special_tokens_are_written_in_brackets(tokenizer):
    assert tokenizer.decode([0, 7, 3, 6, 4, 5, 2, 1]) == "[CLS]A[MASK][UNK][PAD][RESERVED][BOS][SEP]"


@pytest.mark.parametrize("tokens", [[7, 12], [-1], [255, 7]])
def test_ids_outside_the_vocabulary_are_an_error(tokenizer, tokens):
    with pytest.raises(InputError, match=r"must lie in 0\.\.11, got"):
        tokenizer.decode(tokens)


@given(st.text("ACGTN"))
def test_reverse_complement_equals_biopython(sequence):
    tokenizer = NucleotideTokenizer()
    reverse = reverse_complement_tokens(tokenizer.encode(sequence))
    assert tokenizer.decode(reverse) == str(Seq(sequence).reverse_complement())
    assert reverse.dtype == np.uint8


def test_reverse_complement_keeps_special_tokens_and_rows():
    tokens = np.array([[0, 7, 8, 11, 1], [3, 9, 10, 4, 6]], dtype=np.uint8)
    expected = [[1, 11, 9, 10, 0], [6, 4, 7, 8, 3]]
    assert reverse_complement_tokens(tokens).tolist() == expected
    every = np.arange(12, dtype=np.uint8)
    assert reverse_complement_tokens(reverse_complement_tokens(every)).tolist() == list(range(12))


@pytest.mark.parametrize("other_bases", ["N", "UNK"])
def test_tokenizer_survives_its_file(tmp_path, other_bases):
    tokenizer = NucleotideTokenizerConfig(other_bases=other_bases).build()
    tokenizer.save_pretrained(tmp_path)
    again = NucleotideTokenizer.from_pretrained(tmp_path)
    assert again.config == tokenizer.config
    assert again.encode("acgt").tolist() == tokenizer.encode("acgt").tolist()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        json.dumps({"vocabulary": VOCABULARY[::-1], "config": {}}),
        json.dumps({"vocabulary": VOCABULARY}),
    ],
    ids=["empty", "list", "no fields", "other vocabulary", "no config"],
)
def test_foreign_tokenizer_file_is_refused(tmp_path, text):
    (tmp_path / "tokenizer.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"tokenizer\.json"):
        NucleotideTokenizer.from_pretrained(tmp_path)


def test_missing_tokenizer_file_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"tokenizer\.json is not a tokenizer"):
        NucleotideTokenizer.from_pretrained(tmp_path)
