# make lab    the environment, then JupyterLab on the first lesson
# make test   the environment, then every test
# make build  notebooks from their sources (NAMES="01_attention 1_2_parallel" for some of them)
# make check  are the committed notebooks the ones that the sources give? (seconds)
# make site   the course as web pages: build/site/html/index.html (docs/site.md)
# make grade  a class: NAME=01_attention FROM=the folder with what was handed in (docs/grading.md)
# make env    the environment alone
#
# The environment lies in your cache, not in this folder (course/environment.sh).
#   make lab PYTHON=python3.12        another Python (3.10 to 3.13)
#   make lab TORCH_INDEX=URL          another place to take PyTorch from (GPU builds: docs/install.md)

NAMES ?=
NAME ?= 01_attention
FROM ?= submitted
export PYTHON TORCH TORCH_INDEX

# $(IN) before a command runs it in the environment.
IN = bin=$$(sh course/environment.sh) && PATH="$$bin:$$PATH"
IN_TEST = bin=$$(sh course/environment.sh test) && PATH="$$bin:$$PATH"
IN_SITE = bin=$$(sh course/environment.sh site) && PATH="$$bin:$$PATH"

.PHONY: lab test build check site grade env

lab:
	@$(IN) sh course/lab.sh lessons/00_start_here.ipynb

test:
	@sh tests/system.sh
	@$(IN_TEST) python -m pytest -n 2

build:
	@$(IN) python -m course build $(NAMES)

check:
	@$(IN) python -m course build --check $(NAMES)

site:
	@$(IN_SITE) python -m course site

grade:
	@$(IN) python -m course grade "$(NAME)" "$(FROM)" $(OPTIONS)

env:
	@sh course/environment.sh
