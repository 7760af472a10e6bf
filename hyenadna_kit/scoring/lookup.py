"""Records to the scores that a table of every SNV has for them, without a model.

In: records of a variant file. Out: the same with one score an ALT, equal to what scoring the record would
give but for the digits of the table.
"""

from collections.abc import Iterable, Iterator

from hyenadna_kit.genome.variant import Variant, trim
from hyenadna_kit.io.genome import Genome
from hyenadna_kit.io.genome_scores_reader import GenomeScores
from hyenadna_kit.io.vcf import VariantRecord
from hyenadna_kit.scoring.journal import Journal
from hyenadna_kit.scoring.score_columns import STATUS_COLUMN, ScoreColumn, score_columns
from hyenadna_kit.scoring.score_records import ScoredRecord, ScoringRun, refuse_mismatch
from hyenadna_kit.scoring.scored import ScoredAllele
from hyenadna_kit.scoring.scorer import VariantScores
from hyenadna_kit.scoring.sources import ScoreSource
from hyenadna_kit.scoring.status import Allele, Status, examine

_SCORE = "llr"
_OF_THE_TABLE = "columns"
"""What a table says of itself and not of its scores."""


class TableScores(ScoreSource):
    """Scores of single changed bases from a table of all of them."""

    def __init__(self, table: GenomeScores, genome: Genome, run: ScoringRun) -> None:
        """Take a table and the genome that it scores.

        Args:
            table: What ``score-genome`` wrote.
            genome: The reference of the records, where their REF is looked up.
            run: How.

        Raises:
            InputError: The table is of another genome.
        """
        table.check_genome(genome)
        self.table = table
        self.genome = genome
        self.run = run

    @property
    def columns(self) -> tuple[ScoreColumn, ...]:
        """The score and the status."""
        return (*score_columns([_SCORE]), STATUS_COLUMN)

    @property
    def provenance(self) -> list[str]:
        """What the table says of its scores."""
        metadata = self.table.metadata
        return [f"##hyenadna_kit_{name}={metadata[name]}" for name in metadata if name != _OF_THE_TABLE]

    @property
    def identity(self) -> dict[str, object]:
        """What the scores depend on."""
        return {
            "provenance": self.provenance,
            "on_ref_mismatch": self.run.on_ref_mismatch,
            "include": self.run.include,
        }

    def score(
        self, records: Iterable[VariantRecord], *, source: str, journal: Journal | None
    ) -> Iterator[ScoredRecord]:
        """Yield every record; a look is so fast that nothing is taken from a journal."""
        del journal
        for record in records:
            alleles = examine(self.run.site(record), self.genome, self.run.on_ref_mismatch)
            if self.run.on_ref_mismatch == "error":
                refuse_mismatch(record, (allele.status for allele in alleles), source)
            yield ScoredRecord(record, [self._scored(allele) for allele in alleles])

    def _scored(self, allele: Allele) -> ScoredAllele:
        if allele.variant is None:
            return ScoredAllele(allele.status, None, allele.sign)
        value = look_up(self.table, allele.variant)
        if value is None:
            return ScoredAllele(Status.NOT_IN_TABLE, None, allele.sign)
        passed = Status.PASS
        status = passed if allele.status is passed else f"{allele.status}|{passed}"
        return ScoredAllele(status, VariantScores({_SCORE: value}, 1, 0.0), allele.sign)


def look_up(scores: GenomeScores, variant: Variant) -> float | None:
    """Return the ``llr`` of a variant whose REF the genome has, in nats.

    A variant that spells one changed base with more (CAG>CTG) has a score, too. None is that of another
    change, and of a base that the table does not hold.

    Raises:
        InputError: The table is damaged.
    """
    changed = trim(variant)
    if len(changed.ref) != 1 or len(changed.alt) != 1:
        return None
    return scores.llr(variant.contig, changed.position, changed.ref, changed.alt)
