"""``hyenadna-kit fetch-genome`` against a real server on this machine, and killed for real."""

import gzip
import hashlib
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hyenadna_kit import cli
from hyenadna_kit.io import known_genomes
from hyenadna_kit.io.known_genomes import KnownGenome
from tests.io.file_server import Fault, File, FileServer

ROOT = Path(__file__).parents[2]
BASES = bytes(random.Random(0).choices(b"ACGT", k=50_000))
FASTA = gzip.compress(b">c1\nACGTNACGT\n>c2\n" + BASES + b"\n", mtime=0)
MD5 = hashlib.md5(FASTA).hexdigest()
PATH = "/all/toy/toy_genomic.fna.gz"
LIST = "/all/toy/md5checksums.txt"
MAIN = "import sys; from hyenadna_kit.cli import main; sys.exit(main())"


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A server with a genome and its list of checksums; the current folder is a new one."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.chdir(tmp_path)
    server = FileServer()
    server.files[PATH] = File(FASTA)
    server.files[LIST] = File(f"{MD5}  ./toy_genomic.fna.gz\n".encode())
    yield server
    server.close()


@pytest.fixture
def toy(server, monkeypatch):
    """The same genome in the table, under the name toy."""
    genome = KnownGenome("toy", "a toy", "GCF_1.1", "50 kbp", "c1", server.url(PATH), server.url(LIST))
    monkeypatch.setattr(known_genomes, "KNOWN_GENOMES", {"toy": genome})
    return genome


def run(capsys, *words):
    """Return the exit status, stdout and stderr."""
    return cli.main(["fetch-genome", *words]), *capsys.readouterr()


def names():
    return sorted(path.name for path in Path().iterdir())


def test_known_genome_arrives_verified_and_is_told_what_to_do_with(server, toy, capsys):
    status, out, _ = run(capsys, "toy")
    assert status == 0
    assert Path("toy.fa.gz").read_bytes() == FASTA
    assert names() == ["toy.fa.gz"]
    first, then = out.splitlines()
    assert first == f"toy.fa.gz: {len(FASTA):,} bytes from {toy.url}, MD5 {MD5}, as {server.url(LIST)} says"
    assert then == "next: hyenadna-kit prepare toy.fa.gz --out toy"
    assert cli.main(then.split()[2:]) == 0
    assert "2 contigs, 50,009 bases" in capsys.readouterr().out


def test_genome_that_is_there_is_not_fetched_again(toy, server, capsys):
    run(capsys, "toy")
    status, _, err = run(capsys, "toy")
    assert (status, err) == (0, "toy.fa.gz was there already: nothing was fetched\n")
    assert [path for path, _ in server.requests].count(PATH) == 1


def test_own_address_takes_the_name_of_its_file_and_the_list_beside_it(server, capsys):
    status, out, _ = run(capsys, "--url", server.url(PATH))
    assert status == 0
    assert Path("toy_genomic.fna.gz").read_bytes() == FASTA
    assert f"as {server.url(LIST)} says" in out
    assert out.endswith("next: hyenadna-kit prepare toy_genomic.fna.gz --out toy_genomic\n")


def test_mirror_of_a_known_genome_keeps_its_name(server, toy, capsys):
    server.files["/mirror/x.fa.gz"] = File(FASTA)
    status, _, _ = run(capsys, "toy", "--url", server.url("/mirror/x.fa.gz"), "--md5", MD5.upper())
    assert status == 0
    assert names() == ["toy.fa.gz"]


def test_names_with_blanks_are_quoted(server, capsys):
    status, out, _ = run(capsys, "--url", server.url(PATH), "--out", "my genomes/e coli.fa")
    assert status == 0
    assert out.endswith("next: hyenadna-kit prepare 'my genomes/e coli.fa' --out 'e coli'\n")


def test_without_any_checksum_nothing_is_fetched_unless_told(server, capsys):
    del server.files[LIST]
    url = server.url(PATH)
    status, _, err = run(capsys, "--url", url)
    assert status == 1
    assert err == (
        f"hyenadna-kit fetch-genome: {url} has no list of checksums beside it "
        "(md5checksums.txt or md5sum.txt); give --md5, or take it --unverified\n"
    )
    assert names() == []
    status, out, _ = run(capsys, "--url", url, "--unverified")
    assert status == 0
    assert f"MD5 {MD5}, not verified" in out


def test_own_checksum_needs_no_list(server, capsys):
    del server.files[LIST]
    status, out, _ = run(capsys, "--url", server.url(PATH), "--md5", MD5)
    assert status == 0
    assert "as --md5 says" in out
    assert [path for path, _ in server.requests] == [PATH]


@pytest.mark.parametrize("source", ["list", "--md5"])
def test_wrong_checksum_is_one_line_with_both_sums(server, toy, capsys, source):
    wrong = "0123456789abcdef" * 2
    server.files[LIST] = File(f"{wrong}  ./toy_genomic.fna.gz\n".encode())
    words = ["toy", "--md5", wrong] if source == "--md5" else ["toy"]
    status, out, err = run(capsys, *words)
    assert (status, out) == (1, "")
    line = err.splitlines()[-1]
    assert MD5 in line
    assert wrong in line
    assert "nothing was kept" in line
    assert names() == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name a genome: hg38, hg19, chm13, .*--list tells more"),
        (["hg83"], "genome 'hg83' is not in the table of --list, and has no --url; did you mean 'hg38'"),
        (["hg38", "--md5", "xyz"], "an MD5 has 32 hexadecimal digits, got 'xyz'"),
        (["--url", "http://example.org/g.fa", "--out", "g"], "http://example.org/md5.* is not encrypted"),
        (["--url", "https://example.org/"], "ends in no name for a file; name one"),
        (["hg38", "--timeout", "0"], "--timeout must be above 0"),
        (["hg38", "--attempts", "0"], "--attempts 1 or more"),
    ],
    ids=["nothing", "unknown", "no MD5", "not encrypted", "no file name", "no time", "no attempt"],
)
def test_mistake_is_one_line(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    status, out, err = run(capsys, *words)
    assert (status, out) == (1, "")
    assert re.fullmatch(f"hyenadna-kit fetch-genome: .*{message}.*\n", err)
    assert names() == []


def test_server_that_does_not_answer_is_given_up(server, toy, capsys):
    server.faults[PATH] = [Fault(hang_after=1000)] * 5
    status, _, err = run(capsys, "toy", "--timeout", "0.2", "--attempts", "1")
    assert status == 1
    assert err.splitlines()[-1].endswith("1,000 bytes are kept: run the same command again to go on")


def test_broken_connection_is_told(server, toy, capsys):
    server.faults[PATH] = [Fault(drop_after=1000)]
    status, _, err = run(capsys, "toy")
    assert status == 0
    assert f"the connection ended {len(FASTA) - 1000:,} bytes early; trying again in 1 s" in err


def test_table_names_every_genome_and_its_accession(capsys):
    status, out, _ = run(capsys, "--list")
    assert status == 0
    header, *rows = [re.split(r" {2,}", line) for line in out.splitlines()]
    assert header == ["name", "bases", "contigs", "accession", "organism"]
    assert [row[0] for row in rows] == list(known_genomes.KNOWN_GENOMES)
    assert ["ecoli", "4.6 Mbp", "NC_000913.3", "GCF_000005845.2", "Escherichia coli K-12 MG1655"] in rows


@pytest.mark.kill
@pytest.mark.parametrize("place", [0, 1, 100_000], ids=["before the first byte", "one byte", "in the middle"])
def test_killed_download_goes_on_where_it_stopped(server, place):
    content = os.urandom(200_000)
    server.files["/big.fa.gz"] = File(content)
    server.faults["/big.fa.gz"] = [Fault(hang_after=place)]
    words = ["fetch-genome", "--url", server.url("/big.fa.gz"), "--md5", hashlib.md5(content).hexdigest()]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", MAIN, *words]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    part = Path(".big.fa.gz.part")
    deadline = time.monotonic() + 30
    while not (part.exists() and part.stat().st_size == place) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert part.stat().st_size == place
    assert not Path("big.fa.gz").exists()
    finished = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (finished.returncode, Path("big.fa.gz").read_bytes()) == (0, content)
    assert server.ranges("/big.fa.gz") == [None, f"bytes={place}-" if place else None]
    assert [name for name in names() if not name.endswith(".lock")] == ["big.fa.gz"]


@pytest.mark.real_data
def test_real_genome_comes_through_whole(server, data, capsys):
    source = data / "genomes/bacteria/ecoli_K12_MG1655.fna.gz"
    content = source.read_bytes()
    server.files["/ecoli.fna.gz"] = File(content)
    server.faults["/ecoli.fna.gz"] = [Fault(drop_after=len(content) // 3)]
    md5 = "170af4c734a9d96281bf54b3d002e8ed"  # of this copy, by md5sum
    assert run(capsys, "--url", server.url("/ecoli.fna.gz"), "--md5", md5)[0] == 0
    assert cli.main(["prepare", "ecoli.fna.gz", "--out", "store"]) == 0
    assert "1 contig, 4,641,652 bases, 0.00% N" in capsys.readouterr().out
