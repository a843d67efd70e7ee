# `make help` lists the targets.
.DEFAULT_GOAL := build
.DELETE_ON_ERROR:
# Prerequisites are built in the order in which they are listed. cargo uses every processor anyway.
.NOTPARALLEL:
CARGO ?= cargo
PYTHON ?= python3

# Keeps the paths of this machine and the name of its registry out of the artefacts. SOURCES is
# expanded late: the directories exist only after the first fetch.
CARGO_HOME ?= $(HOME)/.cargo
SOURCES = $(shell ls -d $(CARGO_HOME)/registry/src/* 2>/dev/null)
export RUSTFLAGS = $(foreach source,$(SOURCES),--remap-path-prefix=$(source)=) \
	--remap-path-prefix=$(CURDIR)=libcas
export CFLAGS = $(foreach source,$(SOURCES),-ffile-prefix-map=$(source)=)

RELEASE := target/release
VENV := target/venv
PYTHON_TOOLS := target/python-tools
ALIYUN_CERT := target/aliyun-cert
NODE := target/node
MOTO := target/moto
TESTCONTAINERS := target/testcontainers
ZIG := target/zig
RUST_WEB := target/rust-web
PLANTED := target/planted/debug
UNSTRIPPED := target/planted/unstripped.so

.PHONY: fetch
fetch:
	@$(CARGO) fetch --locked --quiet

# Sources with test certificates, which are read and never compiled.
CORPORA := tests/fixtures/corpora/Cargo.toml
.PHONY: fetch-corpora
fetch-corpora:
	@$(CARGO) fetch --locked --quiet --manifest-path $(CORPORA) --target $(HOST)

.PHONY: build
build: fetch ## release build of libcas.so, libcas.a, casctl, cas-emulator in target/release
	$(CARGO) build --release --locked
	@ln -sf libcas.so $(RELEASE)/libcas.so.0

# Checks the tools that a goal needs and installs the missing ones, before anything is built.
.PHONY: setup-run setup-test setup-check setup-dist
setup-run setup-test setup-check setup-dist: setup-%:
	@CARGO='$(CARGO)' PYTHON='$(PYTHON)' tools/setup.sh $*

# Passed through the environment, where a quote in a name needs no escape.
export NAME CERT KEY ENDPOINT
.PHONY: run
run: setup-run build ## upload a certificate from C (your own: NAME= CERT= KEY= ENDPOINT=)
	@examples/run.sh

# Tests wait more than they compute: run twice as many at once as there are cores.
.PHONY: test
test: setup-test build fetch-corpora
test: $(VENV)/.ready $(PYTHON_TOOLS)/.ready $(ALIYUN_CERT)/.ready $(NODE)/.ready $(ZIG)/.ready
test: $(PLANTED)/libcas.so
test: ## every test (INSTALL=1: with sudo)
	@rm -rf target/acceptance
	RUST_TEST_THREADS=$$(($$(nproc) * 2)) $(CARGO) test --workspace --locked --no-fail-fast

.PHONY: test-cancel
test-cancel: setup-test build ## cas_client_cancel in every state, 200 times each, and the times
	CANCEL_TIMES=$${CANCEL_TIMES:-200} $(CARGO) test --package acceptance --locked --test host \
		-- --nocapture cancel::

.PHONY: prove
prove: fetch ## the model of uploads: every scenario and planted defect (slow)
	@CARGO='$(CARGO)' tools/prove.sh

.PHONY: test-exactly-once
test-exactly-once: setup-test build ## every combination of failures, and many killed processes
	EXACTLY_ONCE_TIMES=$${EXACTLY_ONCE_TIMES:-20} RUST_TEST_THREADS=$$(($$(nproc) * 2)) \
		$(CARGO) test --package acceptance --locked --test upload -- --nocapture

.PHONY: test-bulk
test-bulk: setup-test build ## casctl with a thousand certificates and faults (minutes)
	CASCTL_BULK=$${CASCTL_BULK:-1000} $(CARGO) test --package acceptance --locked --test casctl \
		-- --nocapture bulk::

# Each load prints how long others waited, so one runs at a time. CAS_EMULATOR is another program.
.PHONY: test-emulator
test-emulator: build ## the emulator under loads, and killed 50 times, on an idle machine (slow)
	EMULATOR_LOAD=1 CAS_EMULATOR=$${CAS_EMULATOR:-$(CURDIR)/$(RELEASE)/cas-emulator} \
		$(CARGO) test --package cas-emulator --locked --test emulator -- --nocapture \
		--test-threads 1 load:: durable:: bounded::

# As root without cargo: `make stage` as yourself, then `sudo target/stage/install.sh`.
STAGE := target/stage
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
.PHONY: stage
stage: build
	@mkdir -p target/package
	tools/package/link.sh $(RELEASE)/libcas.a target/package/libcas.so
	tools/package/localise.sh $(RELEASE)/libcas.a target/package/libcas.a
	tools/package/stage.sh $(STAGE) $(HOST) target/package/libcas.so target/package/libcas.a \
		$(RELEASE)/cas-emulator $(RELEASE)/casctl

.PHONY: install
install: stage ## into PREFIX (/usr/local), with LIBDIR and DESTDIR
	$(STAGE)/install.sh

.PHONY: uninstall
uninstall: ## removes what `make install` with the same variables installed
	tools/package/install.sh uninstall

.PHONY: wheel
wheel: stage ## libcas for Python, for this system, in target/wheel
	$(PYTHON) -B tools/package/wheel.py linux_$$(uname -m) $(STAGE) target/wheel

# RUSTC= selects another compiler than that of tools/package/rust-web.sh.
.PHONY: dist
dist: setup-dist fetch $(ZIG)/.ready $(if $(RUSTC),,$(RUST_WEB)/rustc)
dist: ## the release in target/dist, for every platform (DIST_TARGETS=)
	$(PYTHON) tools/package/dist.py $(DIST_TARGETS)

.PHONY: test-dist
test-dist: dist ## installs the release in empty Debian systems, and runs it in qemu (root; slow)
	@tools/package/test-dist.sh
	@for platform in aarch64-linux-gnu i686-linux-gnu x86_64-linux-musl aarch64-linux-musl; do \
		tools/package/test-foreign.sh $$platform || exit 1; \
	done

.PHONY: test-packages
test-packages: dist ## installs, upgrades and removes the packages in empty systems (root; slow)
	@tools/package/test-packages.sh

.PHONY: test-image
test-image: build $(TESTCONTAINERS)/.ready ## the image and its recipes, in podman (as root)
	tools/package/test-image.sh $(RELEASE)/cas-emulator

.PHONY: test-reproducible
test-reproducible: dist ## the release again, in another folder: the same bytes (slow)
	@tools/package/test-reproducible.sh

.PHONY: test-bare
test-bare: ## `make run` and `make test` in an empty Debian system (as root; slow)
	@tools/test-bare.sh

.PHONY: check
check: setup-check fetch target/tools/bin/cargo-deny docs
check: ## format, lints, docs, interface, licences
	tools/test-setup.sh
	$(CARGO) fmt --all -- --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --locked --quiet
	$(CARGO) test --package cas-ffi --test header --locked --quiet
	@$(MAKE) --no-print-directory $(UNSTRIPPED)
	$(PYTHON) -B tools/package/abi.py compare $(UNSTRIPPED) crates/cas-ffi/libcas.abi
	target/tools/bin/cargo-deny --locked check licenses bans sources
	@if target/tools/bin/cargo-deny fetch db >/dev/null 2>&1; then \
		target/tools/bin/cargo-deny --locked check advisories; \
	else \
		echo 'advisories NOT CHECKED: the RustSec database cannot be reached'; \
	fi

.PHONY: bench
bench: build $(VENV)/.ready $(MOTO)/.ready
bench: ## speed and size, compared with other clients and another emulator in the same run
	$(PYTHON) benches/run.py
	$(PYTHON) benches/emulator.py

.PHONY: header
header: ## regenerate include/cas.h from crates/cas-ffi
	UPDATE_HEADER=1 $(CARGO) test --package cas-ffi --test header --quiet

.PHONY: abi
abi: $(UNSTRIPPED) ## for a release: describe its binary interface, in crates/cas-ffi/libcas.abi
	$(PYTHON) -B tools/package/abi.py write $< crates/cas-ffi/libcas.abi

.PHONY: findings
findings: ## regenerate docs/findings.md from cas-core's table
	UPDATE_FINDINGS=1 $(CARGO) test --package cas-core --lib --quiet document_is_up_to_date

# A warning of mdbook fails, and so does a link to nothing. The Chinese manual is inside the other.
.PHONY: docs
docs: target/tools/bin/mdbook ## the manual in English and Chinese, in target/docs
	@rm -rf target/docs
	@for book in docs docs/zh-CN; do \
		log=$$($< build $$book 2>&1) && ! echo "$$log" | grep -E 'WARN|ERROR' || \
			{ echo "$$log" >&2; exit 1; }; \
	done
	@find target/docs -name book.toml -delete
	$(PYTHON) -B tools/manual/links.py target/docs
	@echo target/docs/index.html target/docs/zh-CN/index.html

.PHONY: error-pages
error-pages: ## regenerate docs/errors/codes, in both languages, from cas-core's table
	$(PYTHON) -B tools/manual/errors.py

.PHONY: man
man: build ## regenerate packaging/man/cas-emulator.1 from its --help
	$(PYTHON) -B tools/manual/man.py emulator $(RELEASE)/cas-emulator \
		> packaging/man/cas-emulator.1

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 19

# The official SDKs, used as clients of the emulator. `.ready` comes last: without it, or when the
# interpreter is gone, the environment is created again from nothing.
$(VENV)/.ready: tests/fixtures/python/requirements.txt \
		$(shell test -x $(VENV)/bin/python || echo FORCE)
	@rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

# pytest and mypy for the tests of bindings/python, which install them without a network. Debian's
# own Python may have no pip.
$(PYTHON_TOOLS)/.ready: bindings/python/requirements.txt $(VENV)/.ready
	@rm -rf $(PYTHON_TOOLS)
	$(VENV)/bin/pip download --quiet --disable-pip-version-check --dest $(PYTHON_TOOLS) \
		--requirement $<
	@touch $@

# A tool that needs other versions of the SDKs.
$(ALIYUN_CERT)/.ready: tests/fixtures/python/aliyun-cert.txt \
		$(shell test -x $(ALIYUN_CERT)/bin/python || echo FORCE)
	@rm -rf $(ALIYUN_CERT)
	$(PYTHON) -m venv $(ALIYUN_CERT)
	$(ALIYUN_CERT)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

# Another emulator, for `make bench`. Its dependencies are not those of the official SDKs.
$(MOTO)/.ready: benches/peers/requirements.txt $(shell test -x $(MOTO)/bin/python || echo FORCE)
	@rm -rf $(MOTO)
	$(PYTHON) -m venv $(MOTO)
	$(MOTO)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

# What the recipes of examples/testing/testcontainers need.
RECIPES := examples/testing/testcontainers
$(TESTCONTAINERS)/.ready: $(addprefix $(RECIPES)/,requirements.txt package.json) \
		$(shell test -x $(TESTCONTAINERS)/bin/python || echo FORCE)
	@rm -rf $(TESTCONTAINERS)
	$(PYTHON) -m venv $(TESTCONTAINERS)
	$(TESTCONTAINERS)/bin/pip install --quiet --disable-pip-version-check \
		--requirement $(RECIPES)/requirements.txt
	@cp $(RECIPES)/package.json $(TESTCONTAINERS)
	npm --prefix $(TESTCONTAINERS) install --ignore-scripts --no-audit --no-fund --silent
	@touch $@

# The official package for Node.js: a second opinion on where access keys come from.
$(NODE)/.ready: $(addprefix tests/fixtures/node/,package.json package-lock.json)
	@mkdir -p $(@D)
	@cp $^ $(@D)
	npm --prefix $(@D) ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

# The compiler of the release.
$(RUST_WEB)/rustc: tools/package/rust-web.sh
	$<
	@touch $@

# The linker of the release: tools/package/link.sh.
$(ZIG)/.ready: tools/package/requirements.txt $(shell test -x $(ZIG)/bin/python || echo FORCE)
	@rm -rf $(ZIG)
	$(PYTHON) -m venv $(ZIG)
	$(ZIG)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

.PHONY: FORCE
FORCE:

target/tools/bin/cargo-deny:
	RUSTFLAGS= CFLAGS= $(CARGO) install cargo-deny --version 0.20.2 --locked --quiet \
		--root target/tools --target-dir target/tools/build
	@rm -rf target/tools/build

target/tools/bin/mdbook:
	RUSTFLAGS= CFLAGS= $(CARGO) install mdbook --version 0.5.4 --locked --quiet \
		--no-default-features --features search --root target/tools --target-dir target/tools/build
	@rm -rf target/tools/build

# A library with a planted panic, to show that panics do not cross the C interface. It is built
# along with the tests, whose dependencies it shares. Other builds write the same libcas.so:
# `cargo clean` makes sure that this one is built, and the copy that it stays.
.PHONY: $(PLANTED)/libcas.so
$(PLANTED)/libcas.so:
	@$(CARGO) clean --package cas-ffi --profile dev --locked --quiet
	$(CARGO) build --workspace --lib --tests --features cas-ffi/plant-panic --locked
	@mkdir -p $(@D)
	@cp target/debug/libcas.so target/debug/libcas.a $(@D)

# The same with versions of its symbols, for abidiff.
$(UNSTRIPPED): $(PLANTED)/libcas.so
	@STRIP= tools/package/link.sh $(PLANTED)/libcas.a $@
