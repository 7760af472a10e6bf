"""Downloads over a real HTTP server that drops, hangs, changes its mind and lies."""

import hashlib
import random
import threading
from pathlib import Path

import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.files import locked
from hyenadna_kit.io import download as download_module
from hyenadna_kit.io.checksums import Checksum, file_name, find_checksum, parse_md5
from hyenadna_kit.io.download import download
from hyenadna_kit.io.http import Patience, require_address
from hyenadna_kit.io.known_genomes import KNOWN_GENOMES, find_genome
from tests.io.file_server import NOTHING, Fault, File, FileServer

CONTENT = random.Random(0).randbytes(300_000)
OTHER = random.Random(1).randbytes(300_000)
MD5 = hashlib.md5(CONTENT).hexdigest()
CHECKSUM = Checksum(MD5, "the test")
PATH = "/genomes/g.fa.gz"
QUICK = Patience(timeout=5.0, attempts=3, backoff=0.001)
IMPATIENT = Patience(timeout=0.2, attempts=2, backoff=0.001)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    server = FileServer()
    server.files[PATH] = File(CONTENT)
    yield server
    server.close()


@pytest.fixture
def out(tmp_path):
    return tmp_path / "g.fa.gz"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def fetch(server, out, **options):
    options = {"checksum": CHECKSUM, "patience": QUICK} | options
    return download(server.url(PATH), out, **options)


def assert_arrived(out):
    assert out.read_bytes() == CONTENT
    assert names(out.parent) == [out.name]


def interrupt(server, out, num_bytes, *faults):
    """Leave what a process leaves that is killed after ``num_bytes``."""
    server.faults[PATH] = [Fault(drop_after=num_bytes), *faults]
    with pytest.raises(InputError, match="are kept: run the same command again"):
        fetch(server, out, patience=Patience(timeout=5.0, attempts=1))
    assert names(out.parent) == [f".{out.name}.part", f".{out.name}.part.json"]
    assert len((out.parent / f".{out.name}.part").read_bytes()) == num_bytes


def test_file_arrives_whole(server, out):
    told = []
    fetched = fetch(server, out, on_progress=lambda done, total: told.append((done, total)))
    assert fetched == (out, len(CONTENT), MD5, True)
    assert_arrived(out)
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in told] == sorted({done for done, _ in told})


def test_folder_of_the_file_is_made(server, tmp_path):
    fetch(server, tmp_path / "new" / "g.fa.gz")
    assert_arrived(tmp_path / "new" / "g.fa.gz")


def test_file_that_is_there_and_right_is_kept(server, out):
    fetch(server, out)
    assert fetch(server, out) == (out, len(CONTENT), MD5, False)
    assert len(server.requests) == 1


@pytest.mark.parametrize("checksum", [CHECKSUM, None], ids=["verified", "unverified"])
def test_file_that_is_there_and_another_is_left_alone(server, out, checksum):
    out.write_bytes(OTHER)
    with pytest.raises(InputError, match=r"is there already, with MD5 .*; remove it or choose another name"):
        fetch(server, out, checksum=checksum)
    assert out.read_bytes() == OTHER
    assert server.requests == []


def test_folder_in_the_place_of_the_file_is_refused(server, out):
    out.mkdir()
    with pytest.raises(InputError, match="is a folder; name the file in it"):
        fetch(server, out)


def test_broken_connections_are_taken_up_where_they_broke(server, out):
    server.faults[PATH] = [Fault(drop_after=100_000), Fault(drop_after=50_000), NOTHING]
    told = []
    fetch(server, out, on_retry=told.append)
    assert_arrived(out)
    assert server.ranges(PATH) == [None, "bytes=100000-", "bytes=150000-"]
    assert server.requests[1][1]["If-Range"] == '"version-1"'
    assert told[0] == "the connection ended 200,000 bytes early; trying again in 0.001 s"


def test_another_run_goes_on_where_the_first_was_killed(server, out):
    interrupt(server, out, 123_456)
    told = []
    fetch(server, out, on_progress=lambda done, total: told.append(done))
    assert_arrived(out)
    assert server.ranges(PATH) == [None, "bytes=123456-"]
    assert told[0] > 123_456


def test_modification_time_tells_versions_apart_where_there_is_no_strong_tag(server, out):
    server.files[PATH] = File(CONTENT, etag='W/"weak"')
    interrupt(server, out, 1000)
    fetch(server, out)
    assert_arrived(out)
    assert server.requests[1][1]["If-Range"] == File(b"").last_modified
    assert server.ranges(PATH)[1] == "bytes=1000-"


def test_part_of_an_unknown_version_is_not_gone_on_with(server, out):
    server.files[PATH] = File(CONTENT, etag=None, last_modified=None)
    interrupt(server, out, 1000)
    fetch(server, out)
    assert_arrived(out)
    assert server.ranges(PATH) == [None, None]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(ignore_range=True),
        Fault(ignore_if_range=True),
        Fault(shift=7),
        Fault(status=416),
        Fault(status=204),
        Fault(garbage=True),
    ],
    ids=["ignores Range", "ignores If-Range", "rest from elsewhere", "no such range", "nothing", "no HTTP"],
)
def test_answer_that_is_not_the_rest_is_not_appended(server, out, fault):
    interrupt(server, out, 1000, fault)
    fetch(server, out)
    assert_arrived(out)


@pytest.mark.parametrize("ignore", [False, True], ids=["well-behaved", "ignores If-Range"])
def test_file_that_changed_between_two_runs_is_fetched_anew(server, out, ignore):
    server.files[PATH] = File(OTHER, etag='"version-0"')
    interrupt(server, out, 1000, Fault(ignore_if_range=ignore))
    server.files[PATH] = File(CONTENT)
    fetch(server, out)
    assert_arrived(out)


def test_file_of_another_size_under_the_same_tag_is_fetched_anew(server, out):
    server.files[PATH] = File(OTHER + OTHER)
    interrupt(server, out, 1000)
    server.files[PATH] = File(CONTENT)
    fetch(server, out)
    assert_arrived(out)


def test_part_that_is_longer_than_the_file_has_become_is_given_up(server, out):
    interrupt(server, out, 200_000)
    small = File(OTHER[:1000], etag='"version-2"')
    server.files[PATH], server.faults[PATH] = small, [Fault(ignore_if_range=True)] * 10
    fetch(server, out, checksum=None)
    assert out.read_bytes() == small.content


def test_part_of_another_address_is_not_gone_on_with(server, out):
    interrupt(server, out, 1000)
    server.files["/other"] = File(OTHER)
    download(server.url("/other"), out, checksum=None, patience=QUICK)
    assert out.read_bytes() == OTHER
    assert server.ranges("/other") == [None]


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"{}",
        b"[1, 2]",
        b"\xff",
        b"[" * 100_000,
        b'{"url": "%s", "validator": 3, "size": 300000}',
        b'{"url": "%s", "validator": "a\\r\\nX-Evil: 1", "size": 300000}',
        b'{"url": "%s", "validator": "\\"version-1\\"", "size": "300000"}',
    ],
    ids=["empty", "no fields", "list", "binary", "deep", "number", "line end", "text for a number"],
)
def test_damaged_note_is_no_note(server, out, note):
    interrupt(server, out, 1000)
    (out.parent / f".{out.name}.part.json").write_bytes(note.replace(b"%s", server.url(PATH).encode()))
    fetch(server, out)
    assert_arrived(out)
    assert server.ranges(PATH) == [None, None]


def test_part_without_a_note_is_no_part(server, out):
    (out.parent / f".{out.name}.part").write_bytes(OTHER)
    fetch(server, out)
    assert_arrived(out)
    assert server.ranges(PATH) == [None]


def test_part_that_was_complete_is_verified_without_another_request(server, out, monkeypatch):
    def killed(path):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(download_module, "_md5", killed)
        with pytest.raises(KeyboardInterrupt):
            fetch(server, out)
    assert not out.exists()
    fetch(server, out)
    assert_arrived(out)
    assert len(server.requests) == 1


def test_damaged_part_is_noticed(server, out):
    interrupt(server, out, 1000)
    (out.parent / f".{out.name}.part").write_bytes(bytes(1000))
    with pytest.raises(InputError, match=f"but the test says {MD5}; nothing was kept"):
        fetch(server, out)
    assert names(out.parent) == []


def test_wrong_checksum_leaves_nothing(server, out):
    wrong = "0" * 32
    with pytest.raises(InputError, match=f"MD5 {MD5} arrived, but the list says {wrong}; nothing was kept"):
        fetch(server, out, checksum=Checksum(wrong, "the list"))
    assert names(out.parent) == []


def test_body_without_a_length_is_verified_by_its_checksum(server, out):
    server.faults[PATH] = [Fault(without_length=True)]
    fetch(server, out)
    assert_arrived(out)


def test_cut_body_without_a_length_is_noticed(server, out):
    server.faults[PATH] = [Fault(without_length=True, drop_after=1000)]
    with pytest.raises(InputError, match="nothing was kept"):
        fetch(server, out)
    assert names(out.parent) == []


def test_server_that_hangs_is_given_up(server, out):
    server.faults[PATH] = [Fault(hang_after=1000), Fault(hang_after=0)]
    with pytest.raises(InputError, match="the server does not answer; 1,000 bytes are kept"):
        fetch(server, out, patience=Patience(timeout=0.2, attempts=1))


def test_server_that_hangs_once_is_asked_again(server, out):
    server.faults[PATH] = [Fault(hang_after=1000)]
    fetch(server, out, patience=IMPATIENT)
    assert_arrived(out)
    assert server.ranges(PATH) == [None, "bytes=1000-"]


def test_patience_counts_attempts_that_bring_nothing_new(server, out):
    server.faults[PATH] = [Fault(drop_after=10_000)] * 20
    fetch(server, out)
    assert_arrived(out)
    assert len(server.requests) == 21


def test_server_that_always_breaks_at_the_same_place_is_given_up(server, out):
    server.faults[PATH] = [Fault(drop_after=10_000, ignore_range=True)] * 20
    with pytest.raises(InputError, match="10,000 bytes are kept"):
        fetch(server, out)
    assert len(server.requests) == QUICK.attempts


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_passing_failure_is_tried_again(server, out, status):
    server.faults[PATH] = [Fault(status=status), Fault(status=status)]
    fetch(server, out)
    assert_arrived(out)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (404, "the server has no such file (status 404)"),
        (410, "the server has no such file (status 410)"),
        (403, "the server refuses it with status 403"),
        (401, "the server refuses it with status 401"),
    ],
)
def test_lasting_failure_is_told_at_once(server, out, status, message):
    server.faults[PATH] = [Fault(status=status)]
    with pytest.raises(InputError) as caught:
        fetch(server, out)
    assert message in str(caught.value)
    assert server.url(PATH) in str(caught.value)
    assert len(server.requests) == 1
    assert names(out.parent) == []


def test_server_that_is_not_there_is_given_up(server, out):
    url = server.url(PATH)
    server.close()
    told = []
    with pytest.raises(InputError, match="Connection refused"):
        download(url, out, checksum=None, patience=IMPATIENT, on_retry=told.append)
    assert len(told) == IMPATIENT.attempts - 1
    assert names(out.parent) == []


def test_redirect_is_followed_and_the_rest_is_asked_there(server, out):
    moved = (("Location", server.url("/moved")),)
    server.files["/moved"] = File(CONTENT)
    server.faults[PATH] = [Fault(status=302, headers=moved)] * 2
    server.faults["/moved"] = [Fault(drop_after=5000)]
    fetch(server, out)
    assert_arrived(out)
    assert server.ranges("/moved") == [None, "bytes=5000-"]


def test_circle_of_redirects_is_refused(server, out):
    server.faults[PATH] = [Fault(status=302, headers=(("Location", server.url(PATH)),))] * 50
    with pytest.raises(InputError, match="more than 5 redirects, or a circle"):
        fetch(server, out)
    assert len(server.requests) < 10


@pytest.mark.parametrize(
    "target",
    ["http://example.org/g.fa.gz", "ftp://127.0.0.1/g", "file:///etc/passwd", "https://a:b@example.org/g"],
    ids=["not encrypted", "ftp", "file", "password"],
)
def test_redirect_to_where_we_would_not_go_is_refused(server, out, target):
    server.faults[PATH] = [Fault(status=302, headers=(("Location", target),))]
    with pytest.raises(InputError):
        fetch(server, out)
    assert names(out.parent) == []


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://example.org/g.fa", "is not encrypted"),
        ("ftp://example.org/g.fa", "no address of a web server"),
        ("file:///etc/passwd", "no address of a web server"),
        ("data:,ACGT", "no address of a web server"),
        ("/tmp/g.fa", "no address of a web server"),
        ("", "no address of a web server"),
        ("https://example.org/g fa", "no address of a web server"),
        ("https://example.org/g\r\nX: 1", "no address of a web server"),
        ("https://user:secret@example.org/g.fa", "no user or password"),
        ("https:///g.fa", "must name a host"),
        ("https://[::1/g.fa", "is no address"),
        ("https://example.org:http/g.fa", "is no address"),
        ("https://a..b/g.fa", "names a host that cannot be"),
    ],
)
def test_address_that_is_not_asked(tmp_path, url, message):
    with pytest.raises(InputError) as caught:
        download(url, tmp_path / "g", checksum=None, patience=IMPATIENT)
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)
    assert names(tmp_path) == []


def test_plain_http_is_taken_where_it_is_allowed():
    require_address("http://example.org/g", Patience(plain_http=True))


def test_more_than_the_disk_has_room_for_is_not_begun(server, out, monkeypatch):
    monkeypatch.setattr(download_module.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(InputError, match=r"has 300,000 bytes, and .* has room for 1,000"):
        fetch(server, out)
    assert names(out.parent) == []


def test_two_processes_download_once(server, out):
    results = []
    with locked(out):
        threads = [threading.Thread(target=lambda: results.append(fetch(server, out))) for _ in range(3)]
        for thread in threads:
            thread.start()
        assert server.requests == []
    for thread in threads:
        thread.join()
    assert sorted(result.is_new for result in results) == [False, False, True]
    assert len(server.requests) == 1
    assert_arrived(out)


LISTS = {
    "NCBI": f"{'1' * 32}  ./g.gff.gz\n{MD5}  ./g.fa.gz\n{'2' * 32}  ./sub/g.fa.gz\n",
    "UCSC": f"{'1' * 32}  hg38.chromFa.tar.gz\n{MD5}  g.fa.gz\n{'2' * 32}  big.g.fa.gz\n",
    "binary mark": f"{MD5} *g.fa.gz\n",
    "upper case, Windows": f"# sums\r\n{MD5.upper()}  g.fa.gz\r\n",
    "twice the same": f"{MD5}  g.fa.gz\n{MD5}  ./g.fa.gz\n",
}


@pytest.mark.parametrize("text", LISTS.values(), ids=LISTS)
@pytest.mark.parametrize("name", ["md5checksums.txt", "md5sum.txt"])
def test_checksum_is_found_in_the_list_beside_the_file(server, text, name):
    server.files[f"/genomes/{name}"] = File(text.encode())
    found = find_checksum(server.url(PATH), patience=QUICK)
    assert found == (MD5, server.url(f"/genomes/{name}"))


def test_file_without_a_list_has_no_checksum(server):
    assert find_checksum(server.url(PATH), patience=QUICK) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{MD5}  other.fa.gz\n", "does not name 'g.fa.gz'"),
        (f"{MD5}  g.fa.gz\n{'1' * 32}  g.fa.gz\n", "has several checksums of 'g.fa.gz'"),
        ("<html>not found</html>", "does not name 'g.fa.gz'"),
        ("", "does not name 'g.fa.gz'"),
        (f"{MD5[:-1]}  g.fa.gz\n", "does not name 'g.fa.gz'"),
        ("\0\xff" * 100, "does not name 'g.fa.gz'"),
    ],
    ids=["other file", "two sums", "HTML", "empty", "short", "binary"],
)
def test_list_that_does_not_say_is_refused(server, text, message):
    server.files["/genomes/md5sum.txt"] = File(text.encode("latin-1"))
    with pytest.raises(InputError, match=message):
        find_checksum(server.url(PATH), patience=QUICK)


def test_list_is_asked_for_again_after_a_passing_failure(server):
    server.files["/genomes/md5checksums.txt"] = File(f"{MD5}  g.fa.gz\n".encode())
    server.faults["/genomes/md5checksums.txt"] = [Fault(status=503), Fault(drop_after=5)]
    assert find_checksum(server.url(PATH), patience=QUICK).md5 == MD5


def test_list_that_cannot_be_reached_is_an_error_and_no_absence(server):
    server.faults["/genomes/md5checksums.txt"] = [Fault(status=503)] * 10
    with pytest.raises(InputError, match=r"md5checksums.txt cannot be read: .*503.*; try again later"):
        find_checksum(server.url(PATH), patience=QUICK)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://example.org/a/g.fa.gz", "g.fa.gz"),
        ("https://example.org/a/g.fa.gz?version=2#x", "g.fa.gz"),
        ("https://example.org/a/my%20genome.fa", "my genome.fa"),
        ("https://example.org/..%2F..%2Fetc%2Fg.fa", "g.fa"),
    ],
)
def test_name_of_a_file_is_the_last_part_of_its_address(url, name):
    assert file_name(url) == name
    assert Path(file_name(url)).name == name


@pytest.mark.parametrize(
    "url",
    ["https://example.org", "https://example.org/", "https://h/..", "https://h/.bashrc", "https://h/%00"],
)
def test_address_without_a_name_is_refused(url):
    with pytest.raises(InputError, match="ends in no name for a file; name one"):
        file_name(url)


@pytest.mark.parametrize("text", ["", "1", MD5 + "0", "g" * 32, "٣" * 32])
def test_what_is_no_md5_is_refused(text):
    with pytest.raises(InputError, match="32 hexadecimal digits"):
        parse_md5(text)


@pytest.mark.parametrize("genome", KNOWN_GENOMES.values(), ids=KNOWN_GENOMES)
def test_known_genome_has_an_encrypted_address_and_a_list_beside_it(genome):
    assert genome.url.startswith("https://")
    assert genome.url.endswith(".gz")
    assert genome.checksums_url.rpartition("/")[0] == genome.url.rpartition("/")[0]
    assert find_genome(genome.name) == find_genome(genome.accession) == genome


def test_addresses_of_known_genomes():
    """Literals: as these archives lay out their folders."""
    assert KNOWN_GENOMES["ecoli"].url == (
        "https://ftp.ncbi.nlm.nih.gov/genomes/all/GCF/000/005/845/GCF_000005845.2_ASM584v2/"
        "GCF_000005845.2_ASM584v2_genomic.fna.gz"
    )
    assert KNOWN_GENOMES["hg38"].url == "https://hgdownload.soe.ucsc.edu/goldenPath/hg38/bigZips/hg38.fa.gz"
    assert KNOWN_GENOMES["hg38"].checksums_url.endswith("/hg38/bigZips/md5sum.txt")


@pytest.mark.parametrize(
    ("name", "known"), [("GRCh38", "hg38"), ("hs1", "chm13"), ("gcf_000005845.2", "ecoli"), ("hg18", None)]
)
def test_genome_is_found_under_its_usual_names(name, known):
    found = find_genome(name)
    assert (found.name if found else None) == known
