"""``store.json`` of a genome store, beside the binary files that it once described."""

import shutil
import tempfile
from pathlib import Path

from hyenadna_kit.genome.interval import Interval
from hyenadna_kit.io.genome_store import GenomeStore, build_store

FILES = {}


def built(**options):
    """Return ``store.json`` of a small store, and keep its binary files."""
    with tempfile.TemporaryDirectory() as folder:
        fastas = [Path(folder, name) for name in ("a.fa", "b.fa")]
        fastas[0].write_bytes(b">chr1\nACGTNNacgt\n>chr2\nnnRT\n")
        fastas[1].write_bytes(b">chr3\nTT\n")
        Path(folder, "aliases").write_text("x\tchr1\nx\tchr1\n")
        store = build_store(fastas, Path(folder, "store"), aliases=Path(folder, "aliases"), **options)
        FILES.update({path.name: path.read_bytes() for path in store.path.iterdir()})
        return FILES.pop("store.json")


SEEDS = [built(), built(species=["human"])]


def parse(path):
    """Read every contig and its runs."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in FILES.items():
            Path(folder, name).write_bytes(content)
        shutil.copyfile(path, Path(folder, "store.json"))
        store = GenomeStore(folder)
        for contig, length in store.contigs.items():
            assert len(store.fetch(Interval(contig, -1, length + 1))) == length + 2
            store.n_runs(contig)
            store.soft_masked_runs(contig)
