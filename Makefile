# make help lists the targets.
.DEFAULT_GOAL := build
.DELETE_ON_ERROR:
CARGO ?= cargo
PYTHON ?= python3

# No path of the building machine, and no name of its registry, in what is shipped. Asked anew each time: before
# the first fetch there is nothing to ask.
CARGO_HOME ?= $(HOME)/.cargo
SOURCES = $(shell ls -d $(CARGO_HOME)/registry/src/* 2>/dev/null)
export RUSTFLAGS = $(foreach source,$(SOURCES),--remap-path-prefix=$(source)=) --remap-path-prefix=$(CURDIR)=libcas
export CFLAGS = $(foreach source,$(SOURCES),-ffile-prefix-map=$(source)=)

RELEASE := target/release
VENV := target/venv

.PHONY: fetch
fetch:
	@$(CARGO) fetch --locked --quiet

.PHONY: build
build: fetch ## release build of libcas.so, libcas.a and cas-emulator in target/release
	$(CARGO) build --release --locked
	@ln -sf libcas.so $(RELEASE)/libcas.so.0

# By the environment, so that a quote in a name is no matter.
export NAME CERT KEY ENDPOINT
.PHONY: run
run: build ## upload a certificate from C (NAME= CERT= KEY= ENDPOINT= for your own), print its CertId
	@examples/run.sh

.PHONY: test
test: build $(VENV)/.ready target/planted/debug/libcas.so ## everything that must pass
	@rm -rf target/acceptance
	$(CARGO) test --workspace --locked --no-fail-fast

.PHONY: check
check: fetch target/tools/bin/cargo-deny ## format, lints, docs, header, licences and advisories
	$(CARGO) fmt --all -- --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --locked --quiet
	$(CARGO) test --package cas-ffi --test header --locked --quiet
	target/tools/bin/cargo-deny --locked check licenses bans sources
	@if target/tools/bin/cargo-deny fetch db >/dev/null 2>&1; then \
		target/tools/bin/cargo-deny --locked check advisories; \
	else \
		echo 'advisories NOT CHECKED: the RustSec database cannot be reached from here'; \
	fi

.PHONY: bench
bench: build $(VENV)/.ready ## speed and size, as ratios against peers measured in the same run
	$(PYTHON) benches/run.py

.PHONY: header
header: ## write include/cas.h anew from crates/cas-ffi
	UPDATE_HEADER=1 $(CARGO) test --package cas-ffi --test header --quiet

.PHONY: findings
findings: ## write docs/findings.md anew from cas-core's table
	UPDATE_FINDINGS=1 $(CARGO) test --package cas-core --lib --quiet document_is_up_to_date

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 10

# The official SDKs, as real clients of the emulator.
$(VENV)/.ready: tests/fixtures/python/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

target/tools/bin/cargo-deny:
	RUSTFLAGS= CFLAGS= $(CARGO) install cargo-deny --version 0.20.2 --locked --quiet --root target/tools \
		--target-dir target/tools/build
	@rm -rf target/tools/build

# A library with a planted panic, to show that none crosses the boundary.
.PHONY: target/planted/debug/libcas.so
target/planted/debug/libcas.so:
	$(CARGO) build --package cas-ffi --features plant-panic --target-dir target/planted --locked
