"""Exceptions that callers catch.

Every class here is a mistake that a user can make and mend: its message is one line that names the
file, the record, the value and the remedy. The command line prints that line and exits with 1.
"""


class HyenaDNAKitError(Exception):
    """Base of every error that a user can cause."""


class InputError(HyenaDNAKitError, ValueError):
    """A file or a value that was given cannot be used."""


class ContigNotFoundError(HyenaDNAKitError, LookupError):
    """A contig is not in the genome, under any of its usual names."""


class ConfigError(HyenaDNAKitError, ValueError):
    """A configuration has an unknown key or a value of the wrong kind."""


class CheckpointError(HyenaDNAKitError, ValueError):
    """A model folder or a checkpoint is damaged, foreign or unsafe."""


class GenomeStoreError(HyenaDNAKitError, ValueError):
    """A folder is not a genome store, or not the store of the FASTA that was given."""


class TrainingError(HyenaDNAKitError, RuntimeError):
    """Training came to a point from which it cannot go on."""


class BackendUnavailableError(HyenaDNAKitError, RuntimeError):
    """A kernel backend was named that cannot run here."""


class MemoryLimitError(HyenaDNAKitError, RuntimeError):
    """What was asked for needs more memory than there is, or than was allowed."""
