"""Journals: what an ended run leaves, what the next one takes, and what belongs to another job."""

import json
import math

import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.scoring.journal import Journal
from hyenadna_kit.scoring.scored import ScoredAllele
from hyenadna_kit.scoring.scorer import VariantScores

JOB = {"input": "abc", "options": ["llr", 16]}


def allele(value, status="PASS", sign=1):
    return ScoredAllele(status, VariantScores({"delta_ll": value, "llr": None}, 8, 0.25), sign)


BATCHES = [
    [[allele(0.1 + 0.2), allele(-1e-30, "REF_MISMATCH|PASS", -1)], []],
    [[ScoredAllele("NO_CONTIG", None, 1)], [allele(math.pi), allele(1e308)]],
    [[allele(2.0**-1074)]],
]
RECORDS = [record for batch in BATCHES for record in batch]


def write(path, batches=BATCHES, job=JOB):
    with Journal(path, job) as journal:
        assert list(journal.read()) == []
        for batch in batches:
            journal.write(batch)


def test_what_was_written_is_read_to_the_bit(tmp_path):
    write(tmp_path / "j")
    for _ in range(2):
        with Journal(tmp_path / "j", JOB) as journal:
            assert list(journal.read()) == RECORDS


def test_a_later_run_goes_on_behind_an_earlier_one(tmp_path):
    write(tmp_path / "whole")
    write(tmp_path / "parts", BATCHES[:1])
    with Journal(tmp_path / "parts", JOB) as journal:
        assert len(list(journal.read())) == len(BATCHES[0])
        for batch in BATCHES[1:]:
            journal.write(batch)
    assert (tmp_path / "parts").read_bytes() == (tmp_path / "whole").read_bytes()


def test_a_file_cut_anywhere_loses_its_last_batch_alone(tmp_path):
    write(tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    ends = [end + 1 for end, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(len(whole) + 1):
        (tmp_path / "cut").write_bytes(whole[:cut])
        complete = max(0, sum(end <= cut for end in ends) - 1)
        with Journal(tmp_path / "cut", JOB) as journal:
            kept = list(journal.read())
            assert kept == [record for batch in BATCHES[:complete] for record in batch]
            for batch in BATCHES[complete:]:
                journal.write(batch)
        assert (tmp_path / "cut").read_bytes() == whole


@pytest.mark.parametrize(
    ("job", "names"),
    [
        (JOB | {"input": "x"}, "input"),
        ({"input": "x", "options": []}, "input, options"),
        ({}, "other fields"),
    ],
)
def test_journal_of_another_job_is_refused_and_kept(tmp_path, job, names):
    write(tmp_path / "j")
    before = (tmp_path / "j").read_bytes()
    with pytest.raises(InputError, match=rf"j holds scores of another job \({names} differ\)"):
        Journal(tmp_path / "j", job).__enter__()
    assert (tmp_path / "j").read_bytes() == before


@pytest.mark.parametrize("text", ["notes\n", "5\n", '["input"]\n'])
def test_what_is_no_journal_is_refused_and_kept(tmp_path, text):
    (tmp_path / "j").write_text(text)
    with pytest.raises(InputError, match="j is no journal; move it away"):
        Journal(tmp_path / "j", JOB).__enter__()
    assert (tmp_path / "j").read_text() == text


def test_job_is_compared_as_it_is_written(tmp_path):
    write(tmp_path / "j", job={"options": ("llr", 16), "input": "abc"})
    with Journal(tmp_path / "j", JOB) as journal:
        assert list(journal.read()) == RECORDS
    assert json.loads((tmp_path / "j").read_text().splitlines()[0]) == JOB


def test_removed_journal_is_gone(tmp_path):
    with Journal(tmp_path / "j", JOB) as journal:
        journal.remove()
    assert not (tmp_path / "j").exists()
