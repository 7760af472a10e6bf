"""``hyenadna-kit gather-scores``: scored shards in, one scored file out."""

import sys
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class GatherScoresOptions:
    """Put scored shards together, byte for byte as one run of score writes the whole file.

    Number, order and content of the shards are checked against the manifest that split-variants wrote.
    """

    manifest: str
    """manifest.json of split-variants."""
    scored: str
    """Folder of the scored shards, each under the name of its shard."""
    out: str
    """.vcf, .vcf.gz (bgzipped and indexed) or .bcf; - is standard output."""
    receipt: str | None = None
    """JSON file to write at the end: records, and the SHA-256 of the output."""


def run(options: GatherScoresOptions) -> int:
    """Write the whole file and say how many records it has.

    Raises:
        InputError: A shard is missing, is not the one of the manifest, or was scored in another way.
    """
    from pathlib import Path

    from hyenadna_kit.errors import InputError
    from hyenadna_kit.io.vcf_source import STDIO
    from hyenadna_kit.scoring.gather import Receipt, gather_scores
    from hyenadna_kit.scoring.shards import Manifest

    if options.receipt is not None and options.out == STDIO:
        raise InputError("--receipt is of a file; standard output has none: name a file with --out")
    gathered = gather_scores(Manifest.load(Path(options.manifest)), Path(options.scored), options.out)
    if options.receipt is not None:
        Receipt.of(Path(options.out), gathered).save(Path(options.receipt))
    print(f"{options.out}: {gathered.num_records:,} records", file=sys.stderr)
    if gathered.index_skipped_reason:
        print(f"no index: {gathered.index_skipped_reason}", file=sys.stderr)
    return 0
