"""The command ``score``: exit statuses, one line for each mistake, pipes, and what a crash leaves."""

import os
import re
import signal
import subprocess
import time

import pysam
import pytest

from hyenadna_kit import cli
from hyenadna_kit.commands.score import TOO_FEW_SCORED
from hyenadna_kit.scoring.journal import Journal
from tests.commands.score_folder import (
    BASES,
    COMMAND,
    ENVIRONMENT,
    SNVS,
    Folder,
    other,
    record,
    save_small_model,
)
from tests.oracles.vcf import records_by_htslib, without_info


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_small_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def folder(tmp_path, model):
    return Folder(tmp_path, model)


def records(text):
    return [line for line in text.splitlines() if not line.startswith("#")]


def statuses(path):
    return [line.split("HK_STATUS=")[1] for line in records(path.read_text())]


def test_scored_file_and_a_summary(folder, capsys):
    lines = [*SNVS, record(100, alt="<DEL>")]
    assert folder.run(folder.write(lines)) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    progress, *summary = captured.err.splitlines()
    assert progress.startswith("161 records in ")
    assert summary == [
        f"{folder.out}: 161 records, 160 of 161 ALTs scored",
        "status: PASS 160, SYMBOLIC 1",
    ]
    found = records(folder.out.read_text())
    assert [without_info(line, "HK_") for line in found] == lines


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "window=32,horizon=8,min_left_context=16,placement=grid,strands=forward,engine=shared"),
        (
            ["--window", "16", "--strands", "reverse"],
            "window=16,horizon=4,min_left_context=8,placement=grid,strands=reverse,engine=shared",
        ),
        (
            ["--window", "20", "--horizon", "3", "--min_left_context", "5", "--strands", "both"],
            "window=20,horizon=3,min_left_context=5,placement=grid,strands=both,engine=shared",
        ),
        (
            ["--placement", "centred"],
            "window=32,horizon=8,min_left_context=16,placement=centred,strands=forward,engine=full",
        ),
    ],
    ids=["defaults", "shorter", "all", "centred"],
)
def test_options_reach_the_header(folder, words, line):
    assert folder.run(folder.write(SNVS[:1]), *words) == 0
    assert f"##hyenadna_kit_scorer=<{line}>\n" in folder.out.read_text()
    with pysam.VariantFile(str(folder.out)) as handle:
        assert f"##hyenadna_kit_scorer=<{line}>\n" in str(handle.header)


def test_dry_run_tells_what_it_would_take_and_writes_nothing(folder, capsys):
    before = {folder.genome.name, "in.vcf"}
    assert folder.run(folder.write([*SNVS, record(9, alt="<DEL>")]), "--dry_run") == 0
    out = capsys.readouterr().out
    assert re.search(r"^ALTs +161, of which 160 can be scored$", out, re.MULTILINE)
    assert re.search(r"^windows +\d+ of 32 bp, engine shared$", out, re.MULTILINE)
    assert re.search(r"^time \(extrapolated\) +\d+ s$", out, re.MULTILINE)
    assert {path.name for path in folder.path.iterdir()} == before


def test_dry_run_reads_tables_too(folder, capsys):
    table = folder.path / "in.tsv"
    table.write_text(f"chrom\tpos\tref\talt\nchr1\t40\t{BASES[39]}\t{other(BASES[39])}\n")
    assert folder.run(table, "--dry_run", out=folder.path / "out.tsv") == 0
    assert re.search(r"^records +1$", capsys.readouterr().out, re.MULTILINE)
    assert not (folder.path / "out.tsv").exists()


def test_batches_and_processes_change_nothing(folder):
    vcf = folder.write(SNVS)
    assert folder.run(vcf, "--strands", "both") == 0
    assert (
        folder.run(vcf, "--strands", "both", "--batch_size", "5", "--workers", "1", out=folder.path / "b.vcf")
        == 0
    )
    one, other_one = records(folder.out.read_text()), records((folder.path / "b.vcf").read_text())
    assert [re.sub(r"HK_(DELTA_LL|LLR)=[^;]*", "", line) for line in one] == [
        re.sub(r"HK_(DELTA_LL|LLR)=[^;]*", "", line) for line in other_one
    ]
    assert deltas(one) == pytest.approx(deltas(other_one), rel=1e-5, abs=1e-6)


def deltas(lines):
    return [float(line.split("HK_DELTA_LL=")[1].split(";")[0]) for line in lines]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--window", "0"], "window of 0 bp"),
        (["--window", "-5"], "window of -5 bp"),
        (["--window", "16", "--horizon", "9"], "min_left_context 8 and horizon 9"),
        (["--horizon", "0"], "at least 1, got 16 and 0"),
        (["--placement", "centred", "--min_left_context", "17"], "beyond 16, got 8 and 17"),
        (["--batch_size", "0"], "batch_size must be at least 1, got 0"),
        (["--workers", "-1"], "num_workers must be 0 or more, got -1"),
        (["--max_unscored", "50"], "--max_unscored is a share between 0 and 1, got 50"),
        (["--max_unscored", "-0.1"], "--max_unscored is a share between 0 and 1, got -0.1"),
        (["--out", "scores.txt"], "scores.txt must end in .vcf, .vcf.gz, .bcf"),
        (["--vcf", "absent.vcf"], "cannot read absent.vcf"),
        (["--genome", "absent.fa"], "genome absent.fa is neither"),
        (["--model", "absent"], "absent"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else "",
)
def test_mistake_is_one_line_with_its_value_and_writes_nothing(folder, capsys, monkeypatch, words, message):
    monkeypatch.chdir(folder.path)
    vcf = folder.write(SNVS[:2])
    before = sorted(folder.path.iterdir())
    defaults = {"--model": folder.model, "--genome": folder.genome, "--vcf": vcf, "--out": folder.out}
    given = defaults | dict(zip(words[::2], words[1::2], strict=True))
    assert cli.main(["score", *(str(word) for pair in given.items() for word in pair)]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("hyenadna-kit score: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert captured.out == ""
    assert sorted(folder.path.iterdir()) == before


@pytest.mark.parametrize(
    ("num_missing", "words", "status"),
    [
        (0, [], 0),
        (2, [], 0),  # half of them, which is allowed
        (3, [], TOO_FEW_SCORED),
        (3, ["--max_unscored", "0.75"], 0),
        (1, ["--max_unscored", "0"], TOO_FEW_SCORED),
        (0, ["--max_unscored", "0"], 0),
        (4, ["--max_unscored", "1"], 0),
    ],
)
def test_too_few_scores_have_an_exit_status_of_their_own(folder, capsys, num_missing, words, status):
    lines = SNVS[: 4 - num_missing] + [record(7, alt="<DEL>")] * num_missing
    assert folder.run(folder.write(lines), *words) == status
    assert len(records(folder.out.read_text())) == 4
    assert ("have no score" in capsys.readouterr().err) == (status == 3)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([record(position, "A", "C", "20") for position in range(1, 51)], "NO_CONTIG 50"),
        (
            [record(position, other(BASES[position - 1]), BASES[position - 1]) for position in range(1, 51)],
            "REF_MISMATCH 50",
        ),
    ],
    ids=["contigs", "bases"],
)
def test_vcf_of_another_genome_comes_out_whole_with_a_clear_line(folder, capsys, lines, reason):
    vcf = folder.write(lines)
    assert folder.run(vcf) == TOO_FEW_SCORED == 3
    *_, status_line, complaint = capsys.readouterr().err.splitlines()
    assert status_line == f"status: {reason}"
    assert complaint == (
        f"hyenadna-kit score: 100.0% of the ALTs in {vcf} have no score, more than --max_unscored 0.5, "
        f"50 of them {reason.split()[0]}; all records are in {folder.out}; "
        f"is {folder.genome} its reference?"
    )
    found = records(folder.out.read_text())
    assert [without_info(line, "HK_") for line in found] == lines
    assert statuses(folder.out) == [reason.split()[0]] * 50


def test_mismatch_is_an_error_where_it_must_be(folder, capsys):
    vcf = folder.write([*SNVS, record(370, other(BASES[369]))])
    before = sorted(folder.path.iterdir())
    assert folder.run(vcf, "--on_ref_mismatch", "error") == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"{vcf}, record 161 (chr1:370): REF '{other(BASES[369])}'" in error
    assert sorted(folder.path.iterdir()) == before


def test_mismatch_is_swapped_where_it_may_be(folder):
    vcf = folder.write([record(100, other(BASES[99]), BASES[99])])
    assert folder.run(vcf, "--on_ref_mismatch", "swap") == 0
    assert statuses(folder.out) == ["REF_MISMATCH|PASS"]


def test_missing_index_is_told_with_its_reason(folder, capsys):
    assert folder.run(folder.write(SNVS[::-1]), out=folder.path / "out.vcf.gz") == 0
    assert "no index: record 2 (chr1:356) is out of order" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["in.vcf", "in.vcf.gz", "in.bcf"])
def test_standard_input_goes_to_standard_output(folder, name):
    lines = [*SNVS[:20], record(399, alt="<DEL>")]
    vcf = folder.write(lines, name)
    piped = folder.start("-", out="-", stdin=vcf.read_bytes())
    assert piped.returncode == 0, piped.stderr
    assert folder.run(folder.write(lines, "plain.vcf")) == 0
    (folder.path / "piped.vcf").write_bytes(piped.stdout)
    assert records_by_htslib(folder.path / "piped.vcf") == records_by_htslib(folder.out)
    assert piped.stderr.decode().splitlines()[1] == "-: 21 records, 20 of 21 ALTs scored"


@pytest.mark.dist
def test_other_processes_work_from_the_console(folder):
    finished = folder.start(folder.write(SNVS), "--workers", "2")
    assert finished.returncode == 0, finished.stderr
    assert folder.run(folder.path / "in.vcf", out=folder.path / "alone.vcf") == 0
    assert deltas(records(folder.out.read_text())) == pytest.approx(
        deltas(records((folder.path / "alone.vcf").read_text())), rel=1e-5, abs=1e-6
    )


def test_truncated_input_is_one_line_and_leaves_an_older_output(folder):
    vcf = folder.write(SNVS * 20, "in.vcf.gz")
    vcf.write_bytes(vcf.read_bytes()[: vcf.stat().st_size * 3 // 4])
    folder.out.write_text("older")
    before = sorted(folder.path.iterdir())
    finished = folder.start(vcf, "--workers", "1")
    assert finished.returncode == 1
    error = finished.stderr.decode()
    assert error.count("\n") == 1
    assert re.match(
        rf"hyenadna-kit score: {re.escape(str(vcf))}: damaged after record \d+: .*truncated", error
    )
    assert folder.out.read_text() == "older"
    assert sorted(folder.path.iterdir()) == before


def start_long(folder):
    """Start scoring 4,800 records with one process beside; return when some are written."""
    vcf = folder.write(SNVS * 30)
    process = subprocess.Popen(
        [*COMMAND, *folder.words(vcf, "--workers", "1")],
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    # The first bytes are on disk when the buffer is full: after the header and some records.
    wait_for(lambda: process.poll() is not None or any(size > 0 for size in temporary_sizes(folder)))
    assert process.poll() is None
    return process


def temporary_sizes(folder):
    return [path.stat().st_size for path in folder.path.glob(".*.tmp.out.vcf")]


def wait_for(holds):
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def processes():
    """Return the running processes and their parents."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True
    )
    rows = [line.split() for line in listed.stdout.splitlines()]
    return {int(pid): int(parent) for pid, parent, state in rows if not state.startswith("Z")}


def children(pid):
    return {child for child, parent in processes().items() if parent == pid}


@pytest.mark.kill
def test_killed_run_leaves_no_process_and_a_journal_that_the_next_one_finishes(folder):
    process = start_long(folder)
    others = children(process.pid)
    assert others
    process.kill()
    assert process.wait() == -signal.SIGKILL
    wait_for(lambda: not others & processes().keys())
    process.stderr.close()
    assert not folder.out.exists()
    vcf, whole = folder.path / "in.vcf", folder.path / "whole.vcf"
    assert folder.run(vcf) == 0
    assert folder.run(vcf, out=whole) == 0
    assert folder.out.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in folder.path.iterdir()) == [
        "genome.fa",
        "in.vcf",
        "out.vcf",
        "whole.vcf",
    ]


@pytest.mark.kill
def test_interrupted_run_says_so_in_one_line_and_leaves_its_journal(folder):
    process = start_long(folder)
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate(timeout=60)[1] == b"hyenadna-kit: interrupted\n"
    assert process.returncode == 130
    assert sorted(path.name for path in folder.path.iterdir()) == [
        "genome.fa",
        "in.vcf",
        "out.vcf.journal",
    ]


def fields_of(path):
    return [
        {entry.partition("=")[0] for entry in line.split("\t")[7].split(";")}
        for line in records(path.read_text())
    ]


@pytest.mark.parametrize("suffix", [".vcf", ".bcf"])
def test_nothing_of_an_earlier_run_is_left(folder, suffix):
    first, second = folder.path / f"first{suffix}", folder.path / f"second{suffix}"
    lines = [*SNVS[:3], SNVS[3].replace("PASS", "q10").replace("\t.\t", "\t.\t", 1)]
    vcf = folder.write([line.replace("q10", "PASS") for line in lines])
    assert folder.run(vcf, out=first) == 0
    assert folder.run(first, "--scores", "llr", "--strands", "reverse", out=second) == 0
    text = second if suffix == ".vcf" else folder.path / "text.vcf"
    if suffix == ".bcf":
        with (
            pysam.VariantFile(str(second)) as source,
            pysam.VariantFile(str(text), "w", header=source.header) as out,
        ):
            for each in source:
                out.write(each)
    assert fields_of(text) == [{"HK_LLR", "HK_NTOK", "HK_NFRAC", "HK_STATUS"}] * 4
    header = [line for line in text.read_text().splitlines() if line.startswith("##hyenadna_kit_scorer")]
    assert [line.count("strands=reverse") for line in header] == [1]
    if suffix == ".vcf":
        assert "ID=HK_DELTA_LL" not in text.read_text()


def test_full_disk_is_told_with_the_file(folder, capsys, monkeypatch):
    def full(self, content):
        raise OSError(28, "No space left on device")

    class Full:
        write = full

    original = Journal.write

    def write(self, batch):
        self._handle, handle = Full(), self._handle
        try:
            original(self, batch)
        finally:
            self._handle = handle

    monkeypatch.setattr(Journal, "write", write)
    assert folder.run(folder.write(SNVS)) == 1
    assert f"{folder.out}.journal: No space left on device" in capsys.readouterr().err
    assert not folder.out.exists()


def test_run_that_is_refused_before_any_score_leaves_no_journal(folder, capsys):
    assert folder.run(folder.write(SNVS), "--max_memory", "1K") == 1
    assert "takes" in capsys.readouterr().err
    assert not (folder.path / "out.vcf.journal").exists()
    assert folder.run(folder.path / "in.vcf", "--scores", "cosine") == 0
