"""Pretraining on what is more than one plain genome: two species, a soft mask, sequencing reads."""

import json
from dataclasses import replace

import numpy as np
import pysam
import pytest
import torch

from hyenadna_kit.backbone.backbone import BackboneConfig
from hyenadna_kit.backbone.filters import FilterConfig
from hyenadna_kit.backbone.mixers.hyena import HyenaConfig
from hyenadna_kit.errors import InputError
from hyenadna_kit.io.genome_store import build_store
from hyenadna_kit.model import HyenaDNA, HyenaDNAConfig
from hyenadna_kit.testing import write_toy_genome
from hyenadna_kit.training.module import TrainingModule
from hyenadna_kit.training.optim import OptimizerConfig
from hyenadna_kit.training.pretrain import pretrain
from hyenadna_kit.training.pretrain_config import PretrainConfig
from hyenadna_kit.windows.sampling import SamplingConfig

MIXER = HyenaConfig(filter=FilterConfig(filter_order=8))
BACKBONE = BackboneConfig(d_model=16, num_layers=1, context_length=64, mixer=MIXER, embed_dropout=0.0)
CONFIG = PretrainConfig(
    genome="set by the test",
    out="set by the test",
    model=HyenaDNAConfig(backbone=BACKBONE),
    optimizer=OptimizerConfig(learning_rate=1e-2, warmup_fraction=0.1),
    batch_size=8,
    max_steps=30,
    validate_every=30,
    validation_bases=5000,
    log_every=1,
    precision="fp32",
)
READ_LENGTH, NUM_READS = 50, 800


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def batches(monkeypatch):
    """Collect the batches that training sees."""
    seen = []
    original = TrainingModule.training_step

    def watch(self, batch, batch_idx):
        seen.append(batch)
        return original(self, batch, batch_idx)

    monkeypatch.setattr(TrainingModule, "training_step", watch)
    return seen


@pytest.fixture
def contigs():
    rng = np.random.default_rng(4)
    return {name: "".join(rng.choice(list("ACGT"), 6000)) for name in ("one", "two")}


def losses(folder):
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [row["bits_per_base"] for row in rows if "bits_per_base" in row]


def sam_header(contigs):
    return {
        "HD": {"VN": "1.6", "SO": "coordinate"},
        "SQ": [{"SN": n, "LN": len(b)} for n, b in contigs.items()],
    }


def write_bam(path, contigs):
    """Write reads of one, sorted, whose base qualities are 10 in the first half and 30 in the second."""
    rng = np.random.default_rng(5)
    starts = np.sort(rng.integers(0, len(contigs["one"]) - READ_LENGTH, NUM_READS))
    with pysam.AlignmentFile(str(path), "wb", header=sam_header(contigs)) as out:
        for number, start in enumerate(starts.tolist()):
            read = pysam.AlignedSegment(out.header)
            read.query_name, read.flag = f"r{number}", 0
            read.reference_id, read.reference_start, read.mapping_quality = 0, start, 60
            read.cigarstring = f"{READ_LENGTH}M"
            read.query_sequence = contigs["one"][start : start + READ_LENGTH]
            read.query_qualities = pysam.qualitystring_to_array("+" * 25 + "?" * 25)
            out.write(read)
    pysam.index(str(path))
    return starts


def test_reads_of_a_bam_are_trained_on_with_their_qualities_as_weights(tmp_path, batches, contigs):
    starts = write_bam(tmp_path / "reads.bam", contigs)
    config = replace(CONFIG, genome=None, reads=str(tmp_path / "reads.bam"), out=str(tmp_path / "run"))
    result = pretrain(config)
    assert losses(result.folder)[-1] < losses(result.folder)[0] - 0.3
    HyenaDNA.from_pretrained(result.folder)

    # A window is a read: 50 bases, the first of which follows nothing.
    assert {batch.input_ids.shape[1] for batch in batches} == {READ_LENGTH - 1}
    bases = "".join(contigs.values())
    letters = np.array(list("?######ACGTN"))
    text = ["".join(letters[row.numpy()]) for batch in batches for row in batch.input_ids]
    strands = [row in bases for row in text]
    assert 0.3 < np.mean(strands) < 0.7
    weights = torch.cat([batch.weights for batch in batches]).numpy()
    forward = [0.9] * 24 + [0.999] * 25
    reverse = [0.999] * 24 + [0.9] * 25
    assert np.allclose(weights[strands], forward, atol=1e-6)
    assert np.allclose(weights[~np.array(strands)], reverse, atol=1e-6)

    # The last tenth of the reads is never drawn from.
    last = starts[: NUM_READS * 9 // 10].max() + READ_LENGTH
    assert all(contigs["one"].find(row) < last for row, on in zip(text, strands, strict=True) if on)
    assert pretrain(config).was_finished


def test_reads_on_held_out_regions_are_left_out(tmp_path, batches, contigs):
    write_bam(tmp_path / "reads.bam", contigs)
    config = replace(CONFIG, genome=None, reads=str(tmp_path / "reads.bam"), out=str(tmp_path / "run"))
    pretrain(replace(config, held_out=("one:1001-3000",), max_steps=5, reverse_fraction=0.0))
    letters, held_out = np.array(list("?######ACGTN")), contigs["one"][1000:3000]
    text = ["".join(letters[row.numpy()]) for batch in batches for row in batch.input_ids]
    assert text
    assert not any(row in held_out for row in text)
    assert not any(held_out.startswith(row[k:]) for row in text for k in range(len(row) - 12))


def test_two_species_are_trained_on_at_once(tmp_path, batches):
    one = write_toy_genome(tmp_path / "one.fa", length=10_000)
    (tmp_path / "two.fa").write_text(">toy1\n" + "GGGGGCCCCC" * 1000 + "\n")
    store = build_store([one, tmp_path / "two.fa"], tmp_path / "store", species=["one", "two"])
    sampling = SamplingConfig(weights=("two=3",))
    result = pretrain(
        replace(CONFIG, genome=str(store.path), out=str(tmp_path / "run"), sampling=sampling, max_steps=40)
    )
    inputs = torch.cat([batch.input_ids for batch in batches])
    of_two = ((inputs == 8) | (inputs == 9)).all(1).float().mean().item()
    assert of_two == pytest.approx(0.75, abs=0.08)
    HyenaDNA.from_pretrained(result.folder)


@pytest.mark.parametrize("kind", ["store", "fasta"])
def test_soft_masked_bases_count_a_tenth(tmp_path, batches, kind):
    rng = np.random.default_rng(1)
    bases = "".join(rng.choice(list("ACGT"), 3000))
    bases = (
        bases[:1000] + bases[1000:1040].lower() + bases[1040:2000] + bases[2000:2300].lower() + bases[2300:]
    )
    fasta = tmp_path / "g.fa"
    fasta.write_text(f">one\n{bases}\n")
    genome = fasta if kind == "fasta" else build_store([fasta], tmp_path / "store").path
    config = replace(CONFIG, genome=str(genome), out=str(tmp_path / "run"), soft_mask_weight=0.1)
    result = pretrain(replace(config, reverse_fraction=0.0, max_steps=40))
    letters, masked = np.array(list("?######ACGTN")), 0
    for batch in batches:
        for row, weights in zip(batch.input_ids.numpy(), batch.weights.numpy(), strict=True):
            place = bases.upper().index("".join(letters[row]))
            following = bases[place + 1 : place + 65]
            assert weights.tolist() == [np.float32(0.1 if base.islower() else 1) for base in following]
            masked += following.lower() == following
    assert masked > 5
    assert losses(result.folder)[-1] < losses(result.folder)[0]


def test_options_of_a_genome_are_refused_with_reads():
    with pytest.raises(ValueError, match=r"soft_mask_weight is for a genome, got 0\.5 together with reads"):
        PretrainConfig(reads="x.bam", out="o", soft_mask_weight=0.5)
    with pytest.raises(ValueError, match="by --genome or by --reads"):
        PretrainConfig(out="o")


def test_held_out_that_leaves_no_reads_is_refused(tmp_path, contigs):
    write_bam(tmp_path / "reads.bam", contigs)
    config = replace(CONFIG, genome=None, reads=str(tmp_path / "reads.bam"), out=str(tmp_path / "run"))
    with pytest.raises(InputError, match=r"0 reads of .* leave nothing to train on"):
        pretrain(replace(config, held_out=("one",)))


def test_genome_beside_reads_that_hold_their_bases_is_refused(tmp_path, contigs):
    write_bam(tmp_path / "reads.bam", contigs)
    config = replace(CONFIG, genome="g.fa", reads=str(tmp_path / "reads.bam"), out=str(tmp_path / "run"))
    with pytest.raises(InputError, match=r"reads\.bam holds its own bases, and --genome g\.fa is for reads"):
        pretrain(config)
