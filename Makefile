# Everything that people and CI do. `make` alone lists it. Each step prints how long it took.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help tools run stop demo test fuzz bench bench-rosters audit fmt fmt-check lint docs proto-lint proto-base unit \
    build-tests test-suite test-crates clean

export CARGO_TERM_COLOR ?= auto
# What is built once and thrown away needs nothing that only a second build uses: a third of the time, and twelve of twenty GB.
ifdef CI
export CARGO_INCREMENTAL ?= 0
export CARGO_PROFILE_DEV_DEBUG ?= 0
endif
target := $(or $(CARGO_TARGET_DIR),target)
# Without the allocator of what is deployed: three minutes of C that no test looks at.
lean := --locked --workspace --no-default-features --quiet
# Clippy compiles what `make test` runs. It is the compiler with more lints, and run by itself it goes through everything that
# the tests need a second time: a third of the whole.
linted := MAKEFLAGS= RUSTC_WORKSPACE_WRAPPER="$$(rustc --print sysroot)/bin/clippy-driver" CLIPPY_ARGS=-D__CLIPPY_HACKERY__warnings
buf := .tools/venv/bin/buf
# Wheels with programs that only the benches need.
bench_wheels := tests/tools/requirements-bench.txt
roster_wheels := tests/tools/requirements-rosters.txt

# $(call timed,NAME,COMMAND): says what runs, and how long it took. The shell's -e does not look inside a list joined
# by &&, so a failure is passed on by hand.
define timed
@printf '\n== %s\n' '$(1)'; start=$$SECONDS; { $(2); } || exit 1; printf '== %s: %d s\n' '$(1)' $$((SECONDS - start))
endef

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

tools: ## install what is missing: buf, protoc, NATS, Postgres (below .tools, Postgres by apt when root)
	@tests/tools/install.sh

run: tools ## the whole suite on this machine, with a demo merchant; Ctrl-C stops it, nothing is lost
	@cargo build --locked --package jinpai --no-default-features
	@exec $(target)/debug/jinpai up

stop: ## stop a running suite of this project
	@$(target)/debug/jinpai down

demo: tools ## a throw-away suite: ingest, draw, verify; the last line is one JSON object
	@cargo build --locked --package jinpai --no-default-features
	@exec $(target)/debug/jinpai demo

test: tools fmt-check proto-lint unit ## everything that must be green before a change goes in

fmt: ## format Rust and proto files
	@cargo fmt --all
	@$(buf) format --write proto

fmt-check: tools
	$(call timed,format,cargo fmt --all --check && $(buf) format --exit-code --diff proto)

# What is on main is released: proto/base.binpb has every contract of it, and nothing in there may be broken.
proto-lint: tools ## lint the contracts, and compare them with the released ones (proto/base.binpb)
	$(call timed,proto lint,$(buf) lint proto)
	$(call timed,proto breaking,$(buf) breaking proto --against proto/base.binpb)
	$(call timed,proto base,$(buf) build proto --exclude-source-info --output -#format=binpb | cmp - proto/base.binpb \
	    || { echo 'proto/base.binpb lacks what was added: make proto-base' >&2; false; })

proto-base: tools ## with every addition to the contracts: from now on it must not be broken either
	@$(buf) breaking proto --against proto/base.binpb
	@$(buf) build proto --output proto/base.binpb --exclude-source-info

lint: tools ## clippy alone on everything, warnings are errors
	$(call timed,clippy,cargo clippy $(lean) --all-targets -- -D warnings)

docs: tools ## the documentation alone, warnings are errors
	$(call timed,docs,RUSTDOCFLAGS='-D warnings' cargo doc $(lean) --no-deps)

# Properties are tried on the same cases each time: a change is judged by what it does, not by luck.
unit: export PROPTEST_RNG_SEED ?= 20261122
unit: build-tests ## lints, documentation and all tests, with a private Postgres and NATS
	$(call timed,tests,$(target)/debug/testkit run -- $(MAKE) --no-print-directory --keep-going --jobs 2 test-suite test-crates)

build-tests: tools
	$(call timed,build and lint,$(linted) cargo test $(lean) --no-run && $(linted) cargo test $(lean) --no-run --bench rosters)

# Two halves beside each other. What drives whole suites mostly waits: for kills, deadlines and followers.
test-suite:
	@$(linted) cargo test $(lean) --test suite > $(target)/test-suite.log 2>&1 || { cat $(target)/test-suite.log; false; }
	@grep 'test result' $(target)/test-suite.log
	@RUSTDOC=tests/tools/rustdoc $(linted) cargo test $(lean) --doc

# proto has no unit tests, and would be compiled for them.
test-crates:
	@$(linted) cargo test $(lean) --test it
	@$(linted) cargo test $(lean) --exclude proto --lib

# The crates that take what strangers write. A case that fails is printed, and becomes a test of its own.
CASES ?= 5000
fuzz: ## new cases of the properties of what reads foreign text (CASES each, some minutes)
	@PROPTEST_CASES=$(CASES) cargo test --locked --package importers --package textcheck --package agreement \
	    --package calendar --test it

bench: tools ## measure against the peers; writes target/bench/report.json
	@test ! -f $(bench_wheels) || .tools/venv/bin/python -m pip install --quiet --disable-pip-version-check -r $(bench_wheels)
	@cargo build --locked --release --package gateway --package e2e --package testkit --bins
	@$(target)/release/testkit run -- $(target)/release/bench

# What make bench-rosters measures: make bench-rosters INSTANCES=1,2 SECONDS=10 PEER_CACHE=target/bench/cpsat.json
# Without INSTANCES all that are there.
INSTANCES ?=
SECONDS ?= 10,60
SEEDS ?= 3
THREADS ?= 2
bench-rosters: ## rosters beside CP-SAT (INSTANCES, SECONDS, SEEDS, THREADS, PEER_CACHE, PEER_SUBSOLVERS); target/bench/rosters.json
	@test -x .tools/rosters/bin/python || python3 -m venv .tools/rosters
	@.tools/rosters/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: -r $(roster_wheels)
	@cargo bench --locked --quiet --package rostering --bench rosters -- $(if $(INSTANCES),--instances $(INSTANCES)) --seconds $(SECONDS) \
	    --seeds $(SEEDS) --threads $(THREADS) $(if $(PEER_CACHE),--peer-cache $(PEER_CACHE)) $(if $(PEER_SUBSOLVERS),--peer-subsolvers $(PEER_SUBSOLVERS))

audit: ## licences, bans and sources of the dependencies (builds cargo-deny once: some minutes)
	@test -x .tools/cargo/bin/cargo-deny || cargo install --quiet --locked --root .tools/cargo cargo-deny@0.20.2
	@PATH="$$PWD/.tools/cargo/bin:$$PATH" cargo deny --all-features check bans licenses sources

clean: ## remove what was built; .tools and the suite's data stay
	@cargo clean
