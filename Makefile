.PHONY: check lint test format

check: lint test

lint:
	ruff check
	ruff format --check
	mypy
	lint-imports --no-logo

test:
	pytest

format:
	ruff check --fix
	ruff format
