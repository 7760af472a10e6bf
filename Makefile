.PHONY: check lint test format fuzz mutants nightly

FUZZ_SECONDS = 60
FUZZ_TARGETS = $(patsubst tests/fuzz/target_%.py,%,$(wildcard tests/fuzz/target_*.py))

check: lint test

lint:
	ruff check
	ruff format --check
	mypy
	lint-imports --no-logo

test:
	pytest -n auto --dist loadfile

format:
	ruff check --fix
	ruff format

# Kernels with one line made wrong: each must make a test fail.
mutants:
	python -m tests.mutants.run_mutants

# Every parser for FUZZ_SECONDS, guided by coverage; needs the fuzz extra. Without it `make test` fuzzes with Hypothesis.
fuzz:
	for format in $(FUZZ_TARGETS); do python -m tests.fuzz.run_atheris $$format $(FUZZ_SECONDS) || exit 1; done

# 10,000 variant files and 100,000 variants that are made up, and a job and runs that are killed 30 times; minutes. Jobs in
# shards and sweeps of recipes, on this machine and on SLURM, where the extra `pipelines` and the packages slurm-wlm
# and munge are installed.
nightly:
	HYENADNA_KIT_EXAMPLES=10000 HYENADNA_KIT_KILLS=30 pytest -n auto --dist loadfile \
		tests/scoring/test_any_vcf.py tests/commands/test_score_kill.py tests/training/test_kills.py \
		tests/pipelines tests/test_readme_batch.py tests/commands/test_score_bcftools.py
