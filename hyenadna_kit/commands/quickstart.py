"""``hyenadna-kit quickstart``: nothing in, a trained model and a scored VCF out.

Runs the commands that a user would run, one after the other, on a synthetic genome.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

_CONFIG_NAME = "quickstart.yaml"
_HELD_OUT = "toy3"


@dataclass(frozen=True, kw_only=True)
class QuickstartOptions:
    """Prepare a toy genome, train on it, evaluate and score variants, in about two minutes.

    The genome is synthetic and made on the spot (see ``hyenadna_kit.testing``); its contig toy3 is
    held out.
    """

    out: str = "quickstart"
    """Folder for everything that is made. A quickstart that was stopped continues."""


def run(options: QuickstartOptions) -> int:
    """Run every step and say where everything is.

    Raises:
        InputError: ``out`` holds other files.
    """
    from hyenadna_kit.commands import evaluate, prepare, pretrain, score
    from hyenadna_kit.config import from_mapping
    from hyenadna_kit.strict_yaml import load_yaml
    from hyenadna_kit.testing import toy_genome, toy_variants, write_toy_genome, write_toy_vcf
    from hyenadna_kit.training.pretrain_config import PretrainConfig

    out, config = Path(options.out), _shipped_config()
    fasta, store, model = out / "genome.fa", out / "genome", out / "model"
    vcf, scored = out / "variants.vcf", out / "scored.vcf.gz"
    write_toy_genome(fasta)
    contigs = toy_genome().contigs
    write_toy_vcf(vcf, contigs, toy_variants(contigs), with_faults=True)
    _say(f"hyenadna-kit prepare {fasta} --out {store}")
    prepare.run(prepare.PrepareOptions(genome=(str(fasta),), out=str(store)))
    _say(f"hyenadna-kit pretrain --config {config} --genome {store} --out {model}")
    mapping = load_yaml(config) | {"genome": str(store), "out": str(model)}
    pretrain.run(from_mapping(PretrainConfig, mapping, str(config)))
    _say(f"hyenadna-kit evaluate --model {model} --genome {store} --regions {_HELD_OUT}")
    evaluate.run(evaluate.EvaluateOptions(model=str(model), genome=str(store), regions=(_HELD_OUT,)))
    _say(f"hyenadna-kit score --model {model} --genome {store} --vcf {vcf} --out {scored}")
    score.run(score.ScoreOptions(model=str(model), genome=str(store), vcf=str(vcf), out=str(scored)))
    print(_closing(out))
    return 0


def _shipped_config() -> Path:
    """Return the configuration that lies in the installed package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "_configs" / _CONFIG_NAME
    return installed if installed.exists() else package.parent / "configs" / _CONFIG_NAME


def _say(command: str) -> None:
    print(f"\n$ {command}", file=sys.stderr, flush=True)


def _closing(out: Path) -> str:
    return f"""
everything is in {out}/
  genome.fa, genome/    the toy genome, as FASTA and as genome store
  model/                config.json, model.safetensors, tokenizer.json, metrics.jsonl, report.html
  scored.vcf.gz         every record of variants.vcf with HK_DELTA_LL, HK_LLR and HK_STATUS

the same with a genome of your own:
  hyenadna-kit prepare genome.fa.gz --out genome
  hyenadna-kit pretrain --genome genome --out model --max_steps 2000
  hyenadna-kit score --model model --genome genome --vcf in.vcf.gz --out out.vcf.gz"""
