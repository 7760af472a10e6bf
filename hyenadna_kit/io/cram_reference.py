"""The FASTA that the bases of a CRAM are stored against.

In: a FASTA with its index. Out: its path, once the contigs of the CRAM are known to be those in it.
A wrong reference would decode to wrong bases; htslib would look for a missing one on the network.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pysam

from hyenadna_kit.errors import InputError
from hyenadna_kit.io.bam_file import FAILURES
from hyenadna_kit.io.htslib import quiet

_PIECE_BASES = 1 << 24


class CramReference:
    """An indexed FASTA, checked against one CRAM."""

    def __init__(self, path: Path, cram: Path) -> None:
        """Find the FASTA ``path`` and its index.

        Raises:
            InputError: One of them is missing, or cannot be read.
        """
        self.path = path
        self._cram = cram
        self._verified: set[str] = set()
        if not path.is_file():
            raise InputError(
                f"reference {path} of {cram} is no file; name the FASTA that it was written with"
            )
        # htslib would write the missing index beside a file that is not ours.
        if not Path(f"{path}.fai").is_file():
            raise InputError(f"reference {path} has no index beside it; make one: samtools faidx {path}")
        with self._open() as fasta:
            self._lengths = dict(zip(fasta.references, fasta.lengths, strict=True))

    def check_contigs(self, contigs: Mapping[str, int]) -> None:
        """Refuse a reference without all ``contigs`` of the CRAM (length in bp by name).

        Raises:
            InputError: A contig is missing or has another length.
        """
        for contig, length in contigs.items():
            if contig not in self._lengths:
                raise InputError(
                    f"contig {contig!r} of {self._cram} is not in the reference {self.path}; "
                    "name the FASTA that the CRAM was written with"
                )
            if self._lengths[contig] != length:
                raise InputError(
                    f"contig {contig!r} has {length} bp in {self._cram} and {self._lengths[contig]} bp in "
                    f"the reference {self.path}; name the FASTA that the CRAM was written with"
                )

    def verify(self, contig: str, expected_md5: str | None) -> None:
        """Compare the bases of ``contig`` with the checksum that the CRAM gives, once.

        Args:
            contig: Name in the CRAM.
            expected_md5: M5 of its header, the MD5 of the upper-case bases; None where there is none.

        Raises:
            InputError: They differ.
        """
        if expected_md5 is None or contig in self._verified:
            return
        digest = hashlib.md5(usedforsecurity=False)
        with self._open() as fasta:
            for start in range(0, self._lengths[contig], _PIECE_BASES):
                piece = fasta.fetch(contig, start, min(start + _PIECE_BASES, self._lengths[contig]))
                digest.update(piece.upper().encode("ascii"))
        if digest.hexdigest() != expected_md5.lower():
            raise InputError(
                f"contig {contig!r} of the reference {self.path} has MD5 {digest.hexdigest()}, "
                f"{self._cram} was written with {expected_md5}; name the FASTA that the CRAM was written with"
            )
        self._verified.add(contig)

    def _open(self) -> pysam.FastaFile:
        with quiet():
            try:
                return pysam.FastaFile(str(self.path))
            except FAILURES as error:
                reason = getattr(error, "strerror", None) or error
                raise InputError(
                    f"reference {self.path} cannot be read: {reason}; it must be plain or bgzip, "
                    "indexed by 'samtools faidx'"
                ) from None
