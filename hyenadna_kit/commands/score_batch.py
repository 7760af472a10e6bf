"""``hyenadna-kit score-batch``: a VCF in, the same with scores out, by shards that run beside each other."""

import sys
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyenadna_kit.commands.score import TOO_FEW_SCORED, ScoreOptions, refuse_calibrated_background
from hyenadna_kit.commands.scorer_options import placement_of

if TYPE_CHECKING:
    from hyenadna_kit.scoring.placement import Placement

_OF_THE_WHOLE = ("vcf", "out", "max_unscored", "dry_run")
"""Options of score that a shard does not get as they are."""
_WITHOUT_EFFECT = ("model", "genome", "workers")
"""Options that scores do not depend on, or whose content is compared and not their name."""
_FILES = ("background", "calibration")
"""Options of score that name a file, which is as good as what is in it."""
_CHECKSUM = "_sha256"
"""Behind the name of a file's option stands what is in it."""


@dataclass(frozen=True, kw_only=True)
class ScoreBatchOptions(ScoreOptions):
    """Score a large VCF or BCF in shards: split, score, gather, report.

    The output is, byte for byte, what score writes with as many threads. Kill it anywhere: the same command
    goes on and gives the same bytes. report.html and report.json are in the folder --work. Exit status 3
    tells that all was written but that too few ALTs of the whole file could be scored.
    """

    model: str = field()
    """Model folder."""
    vcf: str
    """VCF, VCF.gz or BCF; a file, no pipe."""
    out: str
    """.vcf, .vcf.gz (bgzipped and indexed) or .bcf."""
    shards: int = 8
    """Parts of the file, each one run of score; 20,000 to 100,000 records in each are good."""
    cores: int = 1
    """Cores of this machine that shards take together; on a cluster, jobs at a time."""
    threads: int = 1
    """Cores of one shard."""
    profile: str = "local"
    """Where shards run: local, on this machine; slurm, on a cluster; or a folder with a Snakemake profile."""
    work: str | None = None
    """Folder of shards, logs and report, which may be removed at the end; default: OUT.work."""
    annotation: str | None = None
    """Genes of the genome (GFF3, GTF, BED or GenBank): the report tells scores apart by consequence."""


def run(options: ScoreBatchOptions) -> int:
    """Run the workflow and say what became of the ALTs.

    Raises:
        InputError: An option does not fit, the folder holds another job, or a shard failed.
        CheckpointError: The model folder is damaged.
    """
    import json

    from hyenadna_kit.commands import score
    from hyenadna_kit.commands.score_workflow import Workflow, only_one
    from hyenadna_kit.files import atomic_file
    from hyenadna_kit.scoring.gather import Receipt

    _check(options)
    if options.dry_run:
        return score.run(options)
    work, out = Path(options.work or f"{options.out}.work").resolve(), Path(options.out).resolve()
    workflow = Workflow(work=work, profile=options.profile, cores=options.cores)
    workflow.words()  # refuses a profile that is not there before anything is written
    with only_one(work) as lock:
        placement, job = _job(options)
        _claim(work / "job.json", job)
        with atomic_file(work / "config.json") as temporary:
            temporary.write_text(json.dumps(_config(options, placement, work), indent=1) + "\n")
        receipt = work / "gathered.json"
        if not Receipt.covers(receipt, out):
            receipt.unlink(missing_ok=True)
        workflow.run(lock)
    return _tell(options, work)


def _check(options: ScoreBatchOptions) -> None:
    """Refuse what would fail only after hours, in the last step."""
    from hyenadna_kit.errors import InputError

    if not 0 <= options.max_unscored <= 1:
        raise InputError(f"--max_unscored is a share between 0 and 1, got {options.max_unscored:g}")
    if options.lookup is not None:
        raise InputError("--lookup takes seconds and needs no shards; give it to hyenadna-kit score")
    for name in ("shards", "cores", "threads"):
        if getattr(options, name) < 1:
            raise InputError(f"--{name} must be at least 1, got {getattr(options, name)}")
    refuse_calibrated_background(options)
    _check_files(options)


def _check_files(options: ScoreBatchOptions) -> None:
    from hyenadna_kit.errors import InputError
    from hyenadna_kit.io.vcf import read_variants
    from hyenadna_kit.io.vcf_source import STDIO
    from hyenadna_kit.io.vcf_writer import VariantWriter

    if STDIO in (options.vcf, options.out):
        raise InputError("score-batch reads and writes files; name one with --vcf and one with --out")
    if Path(options.out).resolve() == Path(options.vcf).resolve():
        raise InputError(f"output {options.out} is the input itself; choose another name")
    for name in ("annotation", *_FILES):
        path = getattr(options, name)
        if path is not None and not Path(path).is_file():
            raise InputError(f"--{name} {path} is no file; check the path")
    with read_variants(options.vcf) as reader:
        VariantWriter(options.out, reader.header, info=[], provenance=[])


def _job(options: ScoreBatchOptions) -> "tuple[Placement, dict[str, object]]":
    """Return where windows lie, and what the output depends on."""
    from importlib.metadata import version

    from hyenadna_kit.files import fingerprint
    from hyenadna_kit.io.genome import open_genome
    from hyenadna_kit.model import HyenaDNA

    model = HyenaDNA.from_pretrained(options.model)
    placement = placement_of(model, options, kind=options.placement)
    given = _score_options(options)
    files = {f"{name}{_CHECKSUM}": fingerprint(Path(given.pop(name))) for name in _FILES if name in given}
    score = {name: value for name, value in given.items() if name not in _WITHOUT_EFFECT}
    return placement, {
        "version": version("hyenadna_kit"),
        f"vcf{_CHECKSUM}": fingerprint(Path(options.vcf)),
        f"model{_CHECKSUM}": model.fingerprint(),
        f"genome{_CHECKSUM}": open_genome(options.genome).fingerprint,
        "shards": options.shards,
        "threads": options.threads,
        **files,
        **score,
    }


def _claim(path: Path, job: dict[str, object]) -> None:
    """Write down which job a folder is of, or see that it is of this one.

    Raises:
        InputError: It is of another job.
    """
    import json

    from hyenadna_kit.errors import InputError
    from hyenadna_kit.files import atomic_file

    text = json.dumps(job, indent=1) + "\n"
    if not path.exists():
        with atomic_file(path) as temporary:
            temporary.write_text(text)
    theirs = json.loads(path.read_text())
    ours = json.loads(text)
    if theirs != ours:
        differ = (name for name in theirs | ours if theirs.get(name) != ours.get(name))
        names = sorted({name.removesuffix(_CHECKSUM) for name in differ})
        raise InputError(
            f"{path.parent} holds another job ({', '.join(names)} differ); give --work another folder, or "
            "remove that one"
        )


def _score_options(options: ScoreBatchOptions) -> dict[str, Any]:
    """Return the options of score that are not as they are by default, by name."""
    own = (each for each in fields(ScoreOptions) if each.name not in _OF_THE_WHOLE)
    return {
        each.name: getattr(options, each.name) for each in own if getattr(options, each.name) != each.default
    }


def _config(options: ScoreBatchOptions, placement: "Placement", work: Path) -> dict[str, object]:
    """Return the configuration of the workflow; its Snakefile says what each entry means."""
    import shlex

    from hyenadna_kit.commands.score_workflow import program
    from hyenadna_kit.scoring.shards import shard_suffix

    layout = {
        "window": placement.window,
        "horizon": placement.horizon,
        "min_left_context": placement.min_left_context,
        "placement": placement.kind,
    }
    annotation = None if options.annotation is None else str(Path(options.annotation).resolve())
    return {
        "program": shlex.join(program()),
        "folder": str(Path.cwd()),
        "work": str(work),
        "vcf": str(Path(options.vcf).resolve()),
        "out": str(Path(options.out).resolve()),
        "suffix": shard_suffix(options.vcf),
        "num_shards": options.shards,
        "placement": _words(layout),
        "score": _words(_score_options(options)),
        "threads": options.threads,
        "annotation": annotation,
        "genome": str(Path(options.genome).resolve()),
    }


def _words(options: dict[str, Any]) -> str:
    """Return options as a command line has them, quoted for the shell."""
    import shlex

    return shlex.join(word for name, value in options.items() for word in (f"--{name}", _text(value)))


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _tell(options: ScoreBatchOptions, work: Path) -> int:
    import json

    report = json.loads((work / "report.json").read_text())
    statuses = ", ".join(f"{status} {count:,}" for status, count in report["statuses"].items())
    num_records, num_scored, num_alts = (report[name] for name in ("records", "scored", "alts"))
    print(
        f"{options.out}: {num_records:,} records, {num_scored:,} of {num_alts:,} ALTs scored\n"
        f"status: {statuses}\nreport: {work / 'report.html'}",
        file=sys.stderr,
    )
    if report["unscored_fraction"] <= options.max_unscored:
        return 0
    print(
        f"hyenadna-kit score-batch: {report['unscored_fraction']:.1%} of the ALTs in {options.vcf} have no "
        f"score, more than --max_unscored {options.max_unscored:g}; all records are in {options.out}; "
        "HK_STATUS gives the reasons",
        file=sys.stderr,
    )
    return TOO_FEW_SCORED
