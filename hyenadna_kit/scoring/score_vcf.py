"""Score every ALT of a variant file: every record out, in order, with a score or a reason.

In: VCF or BCF. Out: the same records with our INFO fields, and a report of what became of the ALTs.
A run that is killed leaves a journal beside the output, and the same command goes on from it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

import torch

from hyenadna_kit.errors import InputError
from hyenadna_kit.files import fingerprint, locked, remove_left_over
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.io.vcf import VariantRecord, read_variants
from hyenadna_kit.io.vcf_header import InfoField
from hyenadna_kit.io.vcf_source import STDIO
from hyenadna_kit.io.vcf_writer import VariantWriter
from hyenadna_kit.ops.precision import product_dtype
from hyenadna_kit.scoring.journal import Journal
from hyenadna_kit.scoring.score_records import ScoredRecord, ScoringReport, ScoringRun, score_records
from hyenadna_kit.scoring.scored import ScoredAllele
from hyenadna_kit.scoring.scorer import VariantScorer
from hyenadna_kit.scoring.status import Status

SCORE_FIELDS = {
    "delta_ll": InfoField(
        "HK_DELTA_LL",
        "A",
        "Float",
        "Log-likelihood of ALT minus REF over the horizon, in nats; below 0: less likely",
    ),
    "llr": InfoField(
        "HK_LLR", "A", "Float", "Log-likelihood ratio of the replaced bases, in nats; . where lengths differ"
    ),
    "entropy": InfoField(
        "HK_ENTROPY", "A", "Float", "Uncertainty of the model about the first base that differs, in bits"
    ),
    "l2": InfoField(
        "HK_L2", "A", "Float", "Euclidean distance of the mean hidden states of the alleles over the horizon"
    ),
    "cosine": InfoField("HK_COS", "A", "Float", "Cosine distance of those states: 1 - cosine"),
}
"""The INFO field of every score."""

_NUM_TOKENS = InfoField("HK_NTOK", "A", "Integer", "Bases in each of the two sums of HK_DELTA_LL")
_N_FRACTION = InfoField("HK_NFRAC", "A", "Float", "Share of N in the window")
_STATUS = InfoField("HK_STATUS", ".", "String", "What became of each ALT: PASS and EDGE_PADDED carry scores")


def score_vcf(
    scorer: VariantScorer, genome: Genome, vcf: str | Path, out: str | Path, run: ScoringRun | None = None
) -> ScoringReport:
    """Score every ALT of ``vcf`` and write every record to ``out``.

    The formats are those of :class:`~hyenadna_kit.io.vcf_writer.VariantWriter`.

    Args:
        scorer: Model, placement and strands.
        genome: The reference of the file.
        vcf: VCF, VCF.gz, BCF or ``-`` for standard input.
        out: ``.vcf``, ``.vcf.gz``, ``.bcf`` or ``-`` for standard output.
        run: How; the defaults where it is None.

    Raises:
        InputError: The input is damaged (nothing is written under the name of ``out``), or a REF
            does not match and the policy is ``error``, or ``out`` is ``vcf`` itself.
    """
    job = ScoringJob(scorer, genome, vcf, out, run or ScoringRun())
    with read_variants(vcf) as reader:
        writer = VariantWriter(out, reader.header, info=info_fields(scorer.scores), provenance=job.provenance)

        def write(scored: Iterator[ScoredRecord]) -> None:
            """Write all records."""
            with writer:
                for record, alleles in scored:
                    writer.write(record, _info(scorer.scores, alleles))

        report = job.execute(reader, write, source=reader.name)
    report.index_skipped_reason = writer.index_skipped_reason
    return report


@dataclass(frozen=True)
class ScoringJob:
    """One file to be scored into another, whatever their formats.

    Raises:
        InputError: The output is the input.
    """

    scorer: VariantScorer
    """Model, placement and strands."""
    genome: Genome
    """The reference of the file."""
    variants: str | Path
    """What is read; ``-`` is standard input."""
    out: str | Path
    """What is written; ``-`` is standard output."""
    run: ScoringRun
    """How."""

    def __post_init__(self) -> None:
        if str(self.out) != STDIO and Path(self.out).resolve() == Path(self.variants).resolve():
            raise InputError(f"output {self.out} is the input itself; choose another name")

    @cached_property
    def provenance(self) -> list[str]:
        """Header lines that say where the scores come from."""
        return _provenance(self.scorer, self.genome)

    def execute(
        self,
        records: Iterable[VariantRecord],
        write: Callable[[Iterator[ScoredRecord]], None],
        *,
        source: str,
    ) -> ScoringReport:
        """Score ``records``, hand them to ``write`` as they come, and say what became of them.

        Args:
            records: What ``variants`` holds.
            write: Takes every record once and makes the output of them.
            source: What the records come from, for errors.

        Raises:
            InputError: The input is damaged, or a REF does not match and the policy is ``error``.
        """
        report = ScoringReport()
        with self._journal() as journal:
            scored = score_records(
                self.scorer, self.genome, records, self.run, source=source, journal=journal
            )
            write(self._reported(scored, report))
            if journal is not None:
                journal.remove()
        return report

    def _reported(self, scored: Iterable[ScoredRecord], report: ScoringReport) -> Iterator[ScoredRecord]:
        for each in scored:
            yield each
            # Who asks for the next record has written this one.
            report.add(each.alleles)
            if self.run.on_progress is not None:
                self.run.on_progress(report.num_records)

    @contextmanager
    def _journal(self) -> Iterator[Journal | None]:
        """Yield the journal of an output that no other process writes at the same time."""
        if (
            str(self.out) == STDIO or not Path(self.variants).is_file()
        ):  # what comes through a pipe comes once
            yield None
            return
        out = Path(self.out)
        out.parent.mkdir(parents=True, exist_ok=True)
        with locked(out):
            remove_left_over(out)
            with Journal(out.with_name(f"{out.name}.journal"), self._identity()) as journal:
                try:
                    yield journal
                except InputError:
                    journal.remove()  # the same command would end in the same way
                    raise

    def _identity(self) -> dict[str, object]:
        """Return what the scores depend on."""
        return {
            "input": fingerprint(Path(self.variants)),
            "provenance": self.provenance,
            "scores": self.scorer.scores,
            "batch_size": self.scorer.engine.batch_size,
            "on_ref_mismatch": self.run.on_ref_mismatch,
        }


def info_fields(scores: Sequence[str]) -> list[InfoField]:
    """Return the INFO fields of some scores and of what accompanies them, in order."""
    return [*(SCORE_FIELDS[name] for name in scores), _NUM_TOKENS, _N_FRACTION, _STATUS]


def _info(scores: Sequence[str], alleles: Sequence[ScoredAllele]) -> dict[str, Sequence[str | float | None]]:
    if not alleles:
        return {_STATUS.id: [Status.NO_ALT]}
    found = [allele.scores for allele in alleles]
    info: dict[str, Sequence[str | float | None]] = {
        SCORE_FIELDS[name].id: [allele.value(name) for allele in alleles] for name in scores
    }
    info[_NUM_TOKENS.id] = [each.num_tokens if each else None for each in found]
    info[_N_FRACTION.id] = [each.n_fraction if each else None for each in found]
    info[_STATUS.id] = [allele.status for allele in alleles]
    return info


def _provenance(scorer: VariantScorer, genome: Genome) -> list[str]:
    placement, parameter = scorer.placement, next(scorer.model.parameters())
    device, products = parameter.device.type, product_dtype(parameter)
    # htslib drops the whole line over a comma in a value.
    strands = "both" if len(scorer.strands) > 1 else scorer.strands[0].name.lower()
    return [
        f"##hyenadna_kit_version={version('hyenadna_kit')}",
        f"##hyenadna_kit_model_sha256={scorer.model.fingerprint()}",
        f"##hyenadna_kit_genome_sha256={genome.fingerprint}",
        f"##hyenadna_kit_scorer=<window={placement.window},horizon={placement.horizon},"
        f"min_left_context={placement.min_left_context},placement={placement.kind},strands={strands},"
        f"engine={scorer.engine.name}>",
        f"##hyenadna_kit_device=<device={device},dtype={_short(parameter.dtype)},products={_short(products)}>",
    ]


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
