# Two commands for a newcomer: `make demo` and `make test`. Each sets up what it needs.
SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# A virtual environment that is active is used; otherwise one of our own is made.
VENV := $(if $(VIRTUAL_ENV),$(VIRTUAL_ENV),.venv)
PYTHON ?= python3.11
BIN := $(VENV)/bin
STAMP := $(VENV)/.hourglass-nas-$(shell cat pyproject.toml constraints.txt | cksum | cut -d' ' -f1)
export OMP_NUM_THREADS := 1

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

$(STAMP):
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is not there; say which one with PYTHON=…"; exit 1; }
	@echo "Setting up $(VENV), once: this downloads PyTorch and takes some minutes …"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[data,onnx,searchers,dashboard,databases,cluster,logs,docs,references,dev]'
	@touch $@

setup: $(STAMP)  ## the virtual environment with everything in it

demo: $(STAMP)  ## search architectures for MNIST-1D on two cores, in under three minutes
	$(BIN)/nas search experiments/demo.yaml --directory runs/demo --fresh
	$(BIN)/nas report runs/demo
	$(BIN)/nas export runs/demo --knee -o runs/demo/knee.py
	@echo "Open runs/demo/report.html. For the command nas in this shell: source $(VENV)/bin/activate"

test: $(STAMP)  ## the tests, without the slow ones
	$(BIN)/python -m pytest -m "not slow" -n 2

test-all: $(STAMP)  ## every test
	$(BIN)/python -m pytest -m "not alone" -n 2
	$(BIN)/python -m pytest -m alone

lint: $(STAMP)  ## ruff, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(STAMP)  ## the documentation, into build/site
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	echo "Open build/site/index.html; to search in it: $(BIN)/mkdocs serve"

check: lint docs test-all  ## all that CI runs

.PHONY: help setup demo test test-all lint docs check
