"""Sites to windows: the statuses that need a window, and the same in every number of processes."""

import os

import numpy as np
import pytest

from hyenadna_kit.errors import InputError
from hyenadna_kit.genome.interval import Strand
from hyenadna_kit.io.fasta import Fasta
from hyenadna_kit.scoring.placement import Placement
from hyenadna_kit.scoring.prepare import Preparation, chunked, is_scorable, prepare_sites
from hyenadna_kit.scoring.status import Site

PLACEMENT = Placement(window=32, horizon=8, min_left_context=16)
BASES = "ACGTTGCATCAAACCCGGGTTTGATTACAGATTACAACGTACGTCCATGGAA" * 2
CONTIGS = {"c": BASES + "N" * 40 + BASES, "short": "ACGTACGTAC", "gap": "ACG" + "N" * 60}


class LoggedFasta(Fasta):
    """A FASTA that writes a line beside it whenever it arrives in another process."""

    def __setstate__(self, state):
        self.__dict__.update(state)
        with self.path.with_suffix(".log").open("a") as log:
            log.write(f"{os.getpid()}\n")


@pytest.fixture(scope="module")
def genome(write_genome):
    return write_genome(CONTIGS)


def prepare(genome, *, strands=tuple(Strand), policy="skip"):
    return Preparation(genome=genome, placement=PLACEMENT, strands=strands, on_ref_mismatch=policy)


def sites(number):
    return [Site("c", i % 100, BASES[i % 100], ("ACGT"[i % 4], "*", "TT")) for i in range(number)]


@pytest.mark.parametrize(
    ("site", "policy", "expected"),
    [
        (("c", 48, BASES[48], ("T",)), "skip", "PASS"),
        (("c", 3, "T", ("A",)), "skip", "EDGE_PADDED"),
        (("c", 13, BASES[13], ("T",)), "skip", "EDGE_PADDED"),  # on the forward strand alone
        (("c", 233, "C", ("T",)), "skip", "EDGE_PADDED"),  # on the reverse strand alone
        (("c", 242, "A", ("T",)), "skip", "EDGE_PADDED"),
        (("short", 5, "C", ("T",)), "skip", "EDGE_PADDED"),
        (("c", 40, BASES[40:73], (BASES[40],)), "skip", "PASS"),  # 32 bases are deleted, a window
        (("c", 40, BASES[40:74], (BASES[40],)), "skip", "TOO_LONG"),
        (("c", 40, BASES[40:74], (BASES[40] + BASES[73],)), "skip", "PASS"),
        (("gap", 2, "G", ("GT",)), "skip", "N_WINDOW"),
        (("gap", 1, "CG", ("C",)), "skip", "N_WINDOW"),
        (("short", 9, "C", ("CA",)), "skip", "N_WINDOW"),
        (("short", 0, "A", ("TA",)), "skip", "N_WINDOW"),  # nothing lies beyond it on the reverse strand
        (("c", 3, "A", ("G",)), "swap", "REF_MISMATCH"),
        (("c", 3, "A", ("T",)), "swap", "REF_MISMATCH|EDGE_PADDED"),
        (("c", 48, "T", (BASES[48],)), "swap", "REF_MISMATCH|PASS"),
        (("c", 40, "G", (BASES[40:74],)), "swap", "TOO_LONG"),
        (("c", 3, "A", ("T",)), "skip", "REF_MISMATCH"),
    ],
    ids=str,
)
def test_status_that_needs_the_windows(genome, site, policy, expected):
    (alleles,) = prepare(genome, policy=policy).alleles([Site(*site)])
    (allele,) = alleles
    assert "|".join(allele.statuses) == expected
    scored = "PASS" in expected or "EDGE_PADDED" in expected
    assert len(allele.windows) == (2 if scored else 0)
    assert allele.sign == (-1 if scored and policy == "swap" else 1)


def test_one_strand_needs_no_more_than_its_own_bases(genome):
    site = Site("short", 0, "A", ("TA",))
    for strand, status in ((Strand.FORWARD, "EDGE_PADDED"), (Strand.REVERSE, "N_WINDOW")):
        ((allele,),) = prepare(genome, strands=(strand,)).alleles([site])
        assert allele.statuses == (status,)


def test_nothing_is_scorable_without_windows():
    assert not is_scorable(())


def plain(prepared):
    """Return what was prepared in a form that can be compared."""
    return [
        [
            (
                allele.statuses,
                allele.sign,
                [[np.asarray(part).tolist() for part in w[1:]] for w in allele.windows],
            )
            for allele in alleles
        ]
        for alleles in prepared
    ]


@pytest.mark.dist
def test_other_processes_prepare_the_same_in_order_and_read_the_genome_once(genome, tmp_path):
    path = tmp_path / "g.fa"
    path.write_bytes(genome.path.read_bytes())
    expected = plain(prepare_sites(prepare(genome), sites(700), num_workers=0))
    found = plain(prepare_sites(prepare(LoggedFasta(path)), sites(700), num_workers=2))
    assert found == expected
    processes = path.with_suffix(".log").read_text().split()
    assert 1 <= len(processes) == len(set(processes)) <= 2
    assert str(os.getpid()) not in processes


@pytest.mark.dist
def test_genome_that_changes_meanwhile_is_refused(tmp_path):
    path = tmp_path / "g.fa"
    path.write_text(">c\nACGTACGT\n")
    genome = Fasta(path)
    assert genome.contigs == {"c": 8}
    path.write_text(">c\nACGTACGA\n")
    with pytest.raises(InputError, match="has changed since it was opened"):
        list(prepare_sites(prepare(genome), [Site("c", 1, "C", ("T",))], num_workers=1))


@pytest.mark.parametrize("num_workers", [0, pytest.param(1, marks=pytest.mark.dist)])
def test_sites_are_read_a_little_ahead_only(genome, num_workers):
    taken = []

    def endless():
        while True:
            taken.append(None)
            yield Site("c", 3, "T", ("A",))

    prepared = prepare_sites(prepare(genome), endless(), num_workers=num_workers)
    for _ in range(100):
        next(prepared)
    prepared.close()
    assert len(taken) <= 100 + 64 * (1 + 4 * num_workers)


@pytest.mark.parametrize(
    ("number", "size", "expected"),
    [(0, 3, []), (2, 3, [[0, 1]]), (3, 3, [[0, 1, 2]]), (4, 3, [[0, 1, 2], [3]])],
)
def test_chunks_hold_everything_once(number, size, expected):
    assert list(chunked(iter(range(number)), size)) == expected
