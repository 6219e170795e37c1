# snowmelt: `make help` lists what can be done.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
PORT ?= 5000
STAMP := $(VENV)/installed
# Stages run `python`: the project's own, whatever the caller's shell has activated.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export PYTHONPATH := $(CURDIR)/src

.DEFAULT_GOAL := help
.PHONY: help repository setup repro sweep experiments gallery films ui test test-slow bench bench-quality bench-bridges bench-gpu mutation tutorials docs lint format clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

# What needs git says so before a set-up takes minutes.
ifneq ($(filter repro test test-slow,$(MAKECMDGOALS)),)
$(STAMP): | repository
endif

repository:
	@$(PYTHON) .ci/can_set_up repository

setup: $(STAMP) ## make .venv with the pinned packages

$(STAMP): requirements.txt pyproject.toml
	@test -e $(STAMP) || $(PYTHON) .ci/can_set_up setup $(VENV)
	@echo 'setting up $(VENV) (some gigabytes, a few minutes)'
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $(STAMP)

repro: repository $(STAMP) ## the whole pipeline: dvc repro
	@dvc repro
	@echo 'samples: reports/figures/samples.png   numbers: reports/metrics.json   report: reports/index.html   runs: make ui'

sweep: $(STAMP) ## compare schedules over three seeds (about 15 minutes); ARGS='sweep=predictions seed=0,1' for others
	@snowmelt pipeline $(if $(filter sweep=%,$(ARGS)),,sweep=schedules) $(ARGS)

# Without what is a consequence: resolved settings, and digests of files.
experiments: $(STAMP) ## the experiments of DVC: what each changed, and what came of it
	@dvc exp show --only-changed --drop '(?!params\.yaml:).*[./]|conf$$|Created|Executor'

SHOWN := double_gaussian llama

gallery: $(STAMP) ## every animation of two known densities, with what a model learns of them (minutes)
	@set -e; for name in $(SHOWN); do \
	  learned=outputs/gallery/learned/$$name; \
	  snowmelt pipeline experiment=$$name tracking=none out=$$learned; \
	  snowmelt gallery density=$$name checkpoint=$$learned/outputs/model/model.ckpt; \
	done
	@echo 'gallery: $(SHOWN:%=outputs/gallery/%/index.html)   reports: $(SHOWN:%=outputs/gallery/learned/%/reports/index.html)'

films: gallery

ui: $(STAMP) ## the newest comparison in MLflow's UI on http://127.0.0.1:5000 (PORT=5000)
	@snowmelt ui --port $(PORT)

# The notebooks that take longest: the answers, and the later lessons.
LONG := $(wildcard notebooks/*_answers*.ipynb notebooks/03_*.ipynb notebooks/04*.ipynb notebooks/05_*.ipynb notebooks/06*.ipynb)

# Files in their own order: those of few tests, which xdist leaves to the end, take longest.
test: $(STAMP) ## the tests, and the shorter notebooks
	@OMP_NUM_THREADS=1 pytest -n 2 --dist loadfile --no-loadscope-reorder --nbmake tests notebooks $(LONG:%=--ignore=%)

test-slow: $(STAMP) ## the tests and the notebooks that take long
	@OMP_NUM_THREADS=1 pytest -m slow
	@OMP_NUM_THREADS=1 pytest --nbmake $(LONG)

bench: $(STAMP) ## the speed of training beside other libraries (most of an hour); ARGS=--quick to try it
	@python -m tests.benchmarks $(ARGS)

bench-quality: $(STAMP) ## what ten minutes of training draw, beside other libraries (two hours; goes on where it was stopped)
	@python -m tests.benchmarks.quality $(ARGS)

bench-bridges: $(STAMP) ## published tables of flows and bridges, made anew (hours; goes on where it was stopped)
	@OMP_NUM_THREADS=1 python -m tests.benchmarks.bridges $(ARGS)

bench-gpu: $(STAMP) ## the speed of training on a GPU (ten minutes or more, with compiling); without one a dry run
	@python -m tests.benchmarks.gpu $(ARGS)

mutation: $(STAMP) ## how many wrong formulas the tests notice (an hour or two); goes on where it was stopped
	@OMP_NUM_THREADS=1 mutmut run --max-children 2
	@mutmut results

tutorials: $(STAMP) ## run the notebooks that changed, for their pages in docs/tutorials/
	@OMP_NUM_THREADS=1 python docs/building/tutorials.py $(ARGS)

docs: tutorials ## the documentation in site/; a broken link or reference is an error
	@NO_MKDOCS_2_WARNING=1 mkdocs build --strict
	@echo 'documentation: site/index.html'

lint: $(STAMP) ## style, types, and the order of the rooms
	@ruff check .
	@ruff format --check .
	@mypy
	@lint-imports --no-cache

format: $(STAMP) ## let ruff mend what it can
	@ruff check --fix .
	@ruff format .

clean: ## remove what the pipeline made (not the runs in mlflow.db, not .venv)
	rm -rf site outputs multirun data/prepared reports/index.html reports/figures reports/sweep reports/likelihood.csv reports/score_error.csv reports/by_class.csv .snowmelt/resume .snowmelt/prepare .snowmelt/prepared
