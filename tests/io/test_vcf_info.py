"""INFO values as text, and lines that keep every other byte."""

import math
import re

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.vcf_header import InfoField
from hyenadna_kit.io.vcf_info import LineAnnotator, render

STATUS = InfoField("HK_STATUS", ".", "String", "Status")
SCORE = InfoField("HK_LLR", "A", "Float", "Score")
TOKENS = InfoField("HK_NTOK", "A", "Integer", "Tokens")
ONE = InfoField("HK_ONE", "1", "Float", "One value")

INFO_TEXT = st.text(st.characters(codec="latin-1", exclude_characters="\t\r\n\0;"), max_size=8).map(
    lambda text: text.encode("latin-1")
)


@pytest.mark.parametrize(
    ("field", "value", "num_alts", "expected"),
    [
        pytest.param(SCORE, [0.1234567, None], 2, "0.123457,.", id="six_digits_and_hole"),
        pytest.param(SCORE, [math.nan], 1, ".", id="nan"),
        pytest.param(SCORE, np.array([-1234567.8, 0.00001], np.float64), 2, "-1.23457e+06,1e-05", id="array"),
        pytest.param(SCORE, np.array([0.1, np.nan], np.float32), 2, "0.1,.", id="float32"),
        pytest.param(SCORE, [-0.0, 3], 2, "-0,3", id="whole_numbers"),
        pytest.param(SCORE, 0.5, 1, "0.5", id="one_number"),
        pytest.param(SCORE, "0.5,.", 2, "0.5,.", id="text_as_it_is"),
        pytest.param(SCORE, None, 3, ".", id="none"),
        pytest.param(SCORE, ".", 0, ".", id="hole_without_alt"),
        pytest.param(SCORE, [], 0, ".", id="no_alt"),
        pytest.param(TOKENS, [512, np.int64(7), None], 3, "512,7,.", id="integers"),
        pytest.param(STATUS, ["PASS", "N_WINDOW|NAN"], 2, "PASS,N_WINDOW|NAN", id="strings"),
        pytest.param(STATUS, "NO_ALT", 0, "NO_ALT", id="one_string"),
        pytest.param(STATUS, (status for status in ["PASS"]), 1, "PASS", id="generator"),
        pytest.param(ONE, 0.25, 5, "0.25", id="count"),
    ],
)
def test_render(field, value, num_alts, expected):
    assert render(field, value, num_alts=num_alts) == expected


@pytest.mark.parametrize("text", ["a;b", "a=b", "a b", "a\tb", "a\nb", "a\rb", "", "a\0b", "a\u00a0b"])
def test_text_that_would_break_the_line_is_refused(text):
    with pytest.raises(InputError, match=f"HK_STATUS.*{re.escape(repr(text))}"):
        render(STATUS, [text], num_alts=1)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param(STATUS, ["a,b"], id="comma_in_an_item"),
        pytest.param(SCORE, [0.1], id="too_few"),
        pytest.param(SCORE, [0.1, 0.2, 0.3], id="too_many"),
        pytest.param(SCORE, "0.1", id="text_with_too_few"),
        pytest.param(SCORE, "0.1,x", id="text_that_is_no_float"),
        pytest.param(SCORE, "0.1, 0.2", id="text_with_a_blank"),
        pytest.param(TOKENS, [1.5, 2], id="no_integer"),
        pytest.param(ONE, [0.1, 0.2], id="more_than_the_count"),
    ],
)
def test_a_value_that_does_not_suit_its_field_is_refused(field, value):
    with pytest.raises(InputError, match=field.id):
        render(field, value, num_alts=2)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_is_read_back_to_six_digits(number):
    assert float(render(SCORE, [number], num_alts=1)) == pytest.approx(number, rel=5.1e-6, abs=5e-324)


@pytest.mark.parametrize("bad", ["", "1AB", "A B", "A;B", "A=B", "\u00e9"])
def test_an_info_id_that_no_vcf_can_hold_is_refused(bad):
    with pytest.raises(InputError, match=re.escape(repr(bad))):
        InfoField(bad, "1", "Float", "text")


def test_a_description_is_one_line_with_its_quotes_escaped():
    field = InfoField("HK_X", "A", "Float", 'the "best" \\ score')
    expected = b'##INFO=<ID=HK_X,Number=A,Type=Float,Description="the \\"best\\" \\\\ score">'
    assert field.declaration() == expected
    with pytest.raises(InputError, match="one line"):
        InfoField("HK_X", "A", "Float", "two\nlines")


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        pytest.param(b"DP=3", b"DP=3;HK_A=1;HK_B=x", id="appended"),
        pytest.param(b".", b"HK_A=1;HK_B=x", id="missing"),
        pytest.param(b"", b"HK_A=1;HK_B=x", id="empty"),
        pytest.param(b"DP=3;", b"DP=3;HK_A=1;HK_B=x", id="ends_with_semicolon"),
        pytest.param(b"DP=3  ", b"DP=3  ;HK_A=1;HK_B=x", id="trailing_blanks"),
        pytest.param(b"HK_A=7;DP=3", b"DP=3;HK_A=1;HK_B=x", id="old_value_first"),
        pytest.param(b"DP=3;HK_A=7;FLAG", b"DP=3;FLAG;HK_A=1;HK_B=x", id="old_value_between"),
        pytest.param(b"HK_A=7,.;HK_B=a", b"HK_A=1;HK_B=x", id="old_values_alone"),
        pytest.param(b"HK_A;HK_A=2;HK_A=3;DP=3", b"DP=3;HK_A=1;HK_B=x", id="old_flag_and_duplicates"),
        pytest.param(b"HK_AB=7;XHK_A=8;HK_C=9", b"HK_AB=7;XHK_A=8;HK_C=9;HK_A=1;HK_B=x", id="similar_keys"),
        pytest.param(b"NOTE=HK_A=7", b"NOTE=HK_A=7;HK_A=1;HK_B=x", id="key_within_a_value"),
    ],
)
@pytest.mark.parametrize("rest", [b"", b"\n", b"\r\n", b"\tGT\t0/1\n"], ids=["none", "lf", "crlf", "samples"])
def test_info_is_appended_and_old_values_of_ours_are_removed(info, expected, rest):
    head = b"chr1\t5\t.\tA\tC\t29.50\tPASS\t"
    annotator = LineAnnotator(["HK_A", "HK_B"])
    assert annotator.annotate(head + info + rest, {"HK_A": "1", "HK_B": "x"}) == head + expected + rest


@pytest.mark.parametrize(
    ("info", "expected"),
    [(b"", b""), (b".", b"."), (b"DP=3", b"DP=3"), (b"HK_A=1", b"."), (b"HK_A=1;X", b"X")],
)
def test_without_values_only_old_ones_of_ours_go(info, expected):
    head = b"chr1\t5\t.\tA\tC\t.\t.\t"
    assert LineAnnotator(["HK_A"]).annotate(head + info + b"\n", {}) == head + expected + b"\n"


@given(st.lists(INFO_TEXT, max_size=5).map(b";".join), st.sampled_from([b"", b"\n", b"\r\n", b"\tGT\t0/1\n"]))
def test_annotating_twice_gives_the_same_bytes(info, rest):
    assume(not info.endswith(b";;"))
    line = b"chr1\t5\t.\tA\tC\t.\t.\t" + info + rest
    annotator = LineAnnotator(["HK_A"])
    once = annotator.annotate(line, {"HK_A": "1"})
    assert annotator.annotate(once, {"HK_A": "1"}) == once
    assert once.count(b"HK_A=1") == 1


@given(st.lists(INFO_TEXT, min_size=1, max_size=5).map(b";".join))
def test_what_was_there_stays_in_front(info):
    line = b"chr1\t5\t.\tA\tC\t.\t.\t" + info + b"\tGT\t0/1\r\n"
    annotated = LineAnnotator(["HK_A"]).annotate(line, {"HK_A": "1"})
    is_empty = not info.strip(b";") or info.rstrip(b";") == b"."
    kept = b"" if is_empty else info.removesuffix(b";") + b";"
    assert annotated == b"chr1\t5\t.\tA\tC\t.\t.\t" + kept + b"HK_A=1\tGT\t0/1\r\n"
