"""Models by their name on the hub: fetched once, gone on with, checked, refused in one line."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from huggingface_hub.utils import _http

from hyenadna_kit import cli
from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.errors import CheckpointError
from hyenadna_kit.model import HyenaDNA, HyenaDNAConfig
from hyenadna_kit.pretrained.hub import HubName, hub_name, model_folder
from tests.oracles.hub import commit, hub_of
from tests.pretrained.published import original_files, published_files

GOLDEN = Path(__file__).parents[1] / "data" / "golden" / "a_d16_l64"
SMALL, SMALL_HF = "LongSafari/small", "LongSafari/small-hf"

# Width, layers and longest input of the published models.
SHAPES = {
    "hyenadna-tiny-1k-seqlen": (128, 2, 1026),
    "hyenadna-tiny-1k-seqlen-d256": (256, 2, 1026),
    "hyenadna-tiny-16k-seqlen-d128": (128, 2, 16_386),
    "hyenadna-small-32k-seqlen": (256, 4, 32_770),
    "hyenadna-medium-160k-seqlen": (256, 8, 160_002),
    "hyenadna-medium-450k-seqlen": (256, 8, 450_002),
    "hyenadna-large-1m-seqlen": (256, 8, 1_000_002),
}
PARAMETERS = {(128, 2): 436_096, (256, 2): 1_641_088, (256, 4): 3_277_568, (256, 8): 6_550_528}


def golden(config, weights, name):
    files = {"config.json": (GOLDEN / config).read_bytes(), name: (GOLDEN / weights).read_bytes()}
    # What must not come along.
    return files | {"modeling_hyena.py": b"raise SystemExit('the code of the repository was run')"}


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub with one model in both formats, its cache in the current folder."""
    original = golden("config.json", "weights.ckpt", "weights.ckpt")
    changed = json.loads(original["config.json"]) | {"embed_dropout": 0.25}
    states = {"main": original, "v1": original | {"config.json": json.dumps(changed).encode()}}
    hf = golden("config_hf.json", "weights_hf.safetensors", "model.safetensors")
    with hub_of(
        {SMALL: states, SMALL_HF: {"main": hf}, "LongSafari/code": {"main": {"x.py": b""}}}
    ) as served:
        ask_here(served, tmp_path, monkeypatch)
        yield served


def model_of(width, layers, length):
    """Return a model of a published shape, with weights drawn at random."""
    torch.manual_seed(0)
    mixer = HyenaConfig(filter=FilterConfig(shift=0.05, beyond_context="truncate"))
    backbone = BackboneConfig(d_model=width, num_layers=layers, context_length=length, mixer=mixer)
    return HyenaDNAConfig(backbone=backbone).build().eval()


def ask_here(hub, folder, monkeypatch):
    """Make this process ask a hub on this machine, from an empty folder."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(constants, "ENDPOINT", hub.address)
    address = hub.address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder / "cache"))


def asked_for(hub):
    """Return the addresses of the files whose content was sent."""
    return [path for method, path, _ in hub.requests if method == "GET" and not path.startswith("/api/")]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("LongSafari/hyenadna-tiny-1k-seqlen", HubName("LongSafari/hyenadna-tiny-1k-seqlen")),
        ("a/b@v1.0", HubName("a/b", "v1.0")),
        ("a/b@refs/pr/1", HubName("a/b", "refs/pr/1")),
        ("here/b@v1", HubName("here/b", "v1")),
        *(
            (each, None)
            for each in ("a", "/a/b", "./a/b", "../b", "a/b/c", "here/b", "a/b@", "ecoli-tiny", "")
        ),
    ],
)
def test_name_of_the_hub_is_told_from_a_folder(tmp_path, monkeypatch, name, meant):
    monkeypatch.chdir(tmp_path)
    Path("here").mkdir()
    assert hub_name(name) == meant


@pytest.mark.parametrize("name", [SMALL, SMALL_HF])
def test_model_is_fetched_once_and_is_that_of_the_folder(hub, name):
    model = HyenaDNA.from_pretrained(name)
    Path("local").mkdir()
    shutil.copy(GOLDEN / "config.json", "local/config.json")
    shutil.copy(GOLDEN / "weights.ckpt", "local/weights.ckpt")
    assert model.fingerprint() == HyenaDNA.from_pretrained("local").fingerprint()
    sent = len(asked_for(hub))
    assert sent == 2
    assert HyenaDNA.from_pretrained(name).fingerprint() == model.fingerprint()
    assert len(asked_for(hub)) == sent
    assert sum(method == "HEAD" and "model.safetensors" in path for method, path, _ in hub.requests) == 1


def test_code_of_a_repository_is_left_there(hub):
    model_folder(SMALL_HF)
    assert not any(path.endswith(".py") for path in asked_for(hub))
    assert not list(Path("cache").rglob("*.py"))


def test_revision_is_a_branch_a_tag_or_a_commit(hub):
    states = hub.repositories[SMALL]
    for revision in ("v1", commit(states["v1"])):
        for model in (
            HyenaDNA.from_pretrained(SMALL, revision=revision),
            HyenaDNA.from_pretrained(f"{SMALL}@{revision}"),
        ):
            assert model.config.backbone.embed_dropout == 0.25
    assert HyenaDNA.from_pretrained(SMALL).config.backbone.embed_dropout == 0.1


def test_offline_takes_what_was_fetched_before(hub, monkeypatch):
    fetched = HyenaDNA.from_pretrained(SMALL)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.requests.clear()
    assert HyenaDNA.from_pretrained(SMALL).fingerprint() == fetched.fingerprint()
    with pytest.raises(CheckpointError, match=r"not fetched before .* HF_HUB_OFFLINE is set; unset it"):
        model_folder(SMALL_HF)
    assert not hub.requests


def test_hub_that_does_not_answer_is_told_and_what_is_here_is_read(hub, monkeypatch):
    fetched = HyenaDNA.from_pretrained(SMALL)
    gone = "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", gone)
    assert HyenaDNA.from_pretrained(SMALL).fingerprint() == fetched.fingerprint()
    monkeypatch.setattr(_http.time, "sleep", lambda _: None)  # between tries
    with pytest.raises(CheckpointError, match=r"did not answer .*; on a machine without network"):
        model_folder(SMALL_HF)


def test_fetch_that_was_cut_short_goes_on(tmp_path, monkeypatch):
    name = "LongSafari/hyenadna-small-32k-seqlen-hf"
    model = model_of(*SHAPES["hyenadna-small-32k-seqlen"])
    with hub_of({name: {"main": published_files(model, tmp_path / "made")}}) as served:
        ask_here(served, tmp_path, monkeypatch)
        served.cut_after = constants.DOWNLOAD_CHUNK_SIZE + 100_000
        assert HyenaDNA.from_pretrained(name).fingerprint() == model.fingerprint()
    ranges = [asked for method, path, asked in served.requests if method == "GET" and "/store/" in path]
    assert ranges == [None, f"bytes={constants.DOWNLOAD_CHUNK_SIZE}-"]


def test_connection_that_breaks_every_time_is_one_line(hub, monkeypatch, capsys):
    hub.cut_after, hub.cuts_again = 100, True
    monkeypatch.setattr(_http.time, "sleep", lambda _: None)  # between tries
    assert cli.main(["info", SMALL_HF]) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"hyenadna-kit info: {SMALL_HF}@")
    hub.cut_after = None
    HyenaDNA.from_pretrained(SMALL_HF)


def test_endpoint_that_is_no_address_is_one_line(tmp_path):
    environment = os.environ | {"HF_ENDPOINT": "foo", "HF_HOME": str(tmp_path)}
    program = "import sys; from hyenadna_kit.cli import main; sys.exit(main())"
    words = [sys.executable, "-c", program, "info", SMALL_HF]
    done = subprocess.run(words, capture_output=True, env=environment, text=True, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"hyenadna-kit info: {SMALL_HF}: ")


def test_state_that_is_named_is_of_the_hub_where_a_folder_has_the_name_of_the_owner(hub):
    Path("LongSafari").mkdir()
    with pytest.raises(CheckpointError, match="name a folder, a model of the hub as OWNER/NAME@main, or one"):
        HyenaDNA.from_pretrained(SMALL)
    named = HyenaDNA.from_pretrained(f"{SMALL}@main")
    assert named.fingerprint() == HyenaDNA.from_pretrained(SMALL, revision="main").fingerprint()


def test_damage_in_the_cache_is_seen(hub):
    weights = (model_folder(SMALL_HF) / "model.safetensors").resolve()
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"damaged, its sha256 is not .*: remove .* and try again"):
        HyenaDNA.from_pretrained(SMALL_HF)
    weights.unlink()
    HyenaDNA.from_pretrained(SMALL_HF)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("LongSafari/none", "no such folder here and no such model on the hub"),
        (f"{SMALL}@v9", "the hub has no state 'v9' of it; name a branch, a tag or a commit"),
        ("LongSafari/code", "is no model: the repository has no config.json"),
        ("https://huggingface.co/LongSafari/small", "is an address: a model is named by its folder"),
        ("file:///etc", "is an address"),
    ],
)
def test_what_is_no_model_is_one_line(hub, capsys, name, message):
    assert cli.main(["info", name]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"hyenadna-kit info: {name}")
    assert message in line


def test_revision_of_a_folder_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="a revision is for models of the hub"):
        HyenaDNA.from_pretrained("ecoli-tiny", revision="main")


def test_info_shows_commit_and_digest(hub, capsys):
    assert cli.main(["info", SMALL_HF]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["commit", commit(hub.repositories[SMALL_HF]["main"])] in lines
    (digest,) = [line[-1] for line in lines if line[:3] == ["sha256", "of", "model.safetensors"]]
    assert digest in hub.stored


def test_processes_of_their_own_fetch_convert_and_generate(hub, tmp_path):
    environment = os.environ | hub.environment(tmp_path / "home")
    for words in (
        ["convert", SMALL, "--out", "own"],
        ["convert", "own", "--out", "back", "--layout", "hf"],
        ["generate", "--model", SMALL_HF, "--prompt", "ACGT", "--num_bases", "5", "--out", "g.fa"],
    ):
        program = "import sys; from hyenadna_kit.cli import main; sys.exit(main())"
        subprocess.run([sys.executable, "-c", program, *words], check=True, env=environment)
    assert HyenaDNA.from_pretrained("own").fingerprint() == HyenaDNA.from_pretrained("back").fingerprint()
    assert len(Path("g.fa").read_text().splitlines()[1]) == 5


@pytest.mark.parametrize("files", [original_files, published_files])
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (shape[2] > 1e5)) for name, shape in SHAPES.items()],
)
def test_every_published_shape_is_fetched_and_read(name, files, tmp_path, monkeypatch):
    width, layers, length = SHAPES[name]
    model = model_of(width, layers, length)
    with hub_of({f"LongSafari/{name}": {"main": files(model, tmp_path / "made")}}) as served:
        ask_here(served, tmp_path, monkeypatch)
        found = HyenaDNA.from_pretrained(f"LongSafari/{name}")
    assert found.num_parameters == PARAMETERS[width, layers]
    assert found.context_length == length
    assert found.fingerprint() == model.fingerprint()
    ids = torch.randint(7, 11, (1, 300))
    with torch.inference_mode():
        assert torch.equal(found(ids).logits, model(ids).logits)
