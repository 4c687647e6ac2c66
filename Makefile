# Starts tox, nothing more; the tasks themselves are in tox.ini.
#
#   make demo          watch one customer buy across channels
#   make up            run the platform here; ARGS="--fresh" to start with empty data
#   make audit         compare what all services of the running platform have written
#   make test          everything that must pass, in this order:
#                      lint, types, protos, unit, integration, journeys (each a target, too)
#   make unit ARGS="services/cart -k coupon"
#   make faults        breaks everything once; SIZE=full for a night's worth of kills
#   make containers    builds all images and runs the compose project, where there is podman
#   make mutations     plants bugs and shows which test catches each; ARGS="outbox" for some
#   make bench         all figures; NAME=checkout for one

PYTHON ?= python3
TOX := .venv/bin/tox
TESTS := lint types protos unit integration journeys
WHICH := 'import sys; print(sys.base_prefix, sys.version)'
comma := ,
empty :=
space := $(empty) $(empty)

.DEFAULT_GOAL := help
.PHONY: help bootstrap test $(TESTS) faults containers mutations up demo audit bench lock clean

help:
	@sed -n 's/^#  \{0,1\}//p' Makefile

# Marked as done only at the end, so that an interrupted download is taken up again.
.venv/bootstrapped: requirements/bootstrap.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Comptoir needs Python 3.11 or newer; say which: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
		-r requirements/bootstrap.txt
	@touch $@

bootstrap: .venv/bootstrapped
ifeq ($(origin PYTHON),command line)
	@[ "$$($(PYTHON) -c $(WHICH))" = "$$(.venv/bin/python -c $(WHICH))" ] \
		|| { echo "this folder was prepared with another Python: make clean, then again" >&2; exit 1; }
endif

test: bootstrap
	@$(TOX) run -e $(subst $(space),$(comma),$(TESTS))

$(TESTS) containers mutations up demo audit: bootstrap
	@$(TOX) run -q -e $@ -- $(ARGS)

faults: bootstrap
	@FAULTS_SIZE=$(SIZE) $(TOX) run -q -e faults -- $(ARGS)

bench: bootstrap
	@$(TOX) run -q -e bench -- $(NAME) $(ARGS)

lock: bootstrap
	@$(TOX) run -q -e lock -- $(UPGRADE)

clean:
	rm -rf .venv .tox build .mypy_cache .ruff_cache
