# The door to everything. `make` alone lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup build debug demo test check fmt lint dist bench bench-cel coverage-cel differential policy-equality bench-policy bench-reload bench-mcp sanitize soak-mcp fuzz clean bench-auth coverage-auth

BINARY := .build/release/agentgw

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install the Debian packages that a build and the tests need (as root; says which ones otherwise)
	@scripts/setup.sh build test

build: ## Build the release binary, .build/release/agentgw
	@scripts/setup.sh build
	swift build -c release --product agentgw

demo: build ## Start a gateway that needs no configuration and no network, with calls to try
	$(BINARY) demo

test: ## Build, then run the unit tests and the end-to-end tests
	@scripts/setup.sh build test
	swift test
	swift build -c release --product agentgw
	scripts/conformance.sh
	scripts/e2e.sh

check: ## What CI runs: lint, build without warnings, unit tests, conformance, end-to-end tests, a short fuzz
	@scripts/check.sh

fmt: ## Format every Swift file
	swift format --in-place --parallel $$(git ls-files 'Package.swift' '*.swift')

lint: ## Check format and the code rules
	@scripts/lint.sh

dist: build ## A stripped binary with checksum in dist/
	@mkdir -p dist
	strip --strip-all -o dist/agentgw $(BINARY)
	@cd dist && sha256sum agentgw > agentgw.sha256 && ls -l agentgw

bench: ## Measure the release build beside nginx and Envoy; writes docs/performance.md
	@scripts/setup.sh build bench
	swift build -c release --product agentgw
	bench/run.sh

bench-cel: ## Time the policy engine: nanoseconds and allocations per rule, beside other engines where Python has them
	swift build -c release --product cel-bench
	bench/cel/run.sh

coverage-cel: ## Line coverage of the policy engine by its tests, a row per file; fails below 95 %
	@scripts/setup.sh build test
	scripts/coverage-cel.sh

coverage-auth: ## The truth table, the algorithm table and the challenges: every region run by the auth layer's tests
	@scripts/setup.sh build test
	scripts/coverage-auth.sh

bench-auth: ## Time the auth layer against its bars: tokens known and new, twenty rules, a thousand rules
	swift build -c release --product auth-bench
	.build/release/auth-bench

differential: ## 100,000 generated evaluations by our engine, its reference and cel-cpp: no unexplained difference (SEED=1)
	@scripts/setup.sh build test
	spec-tests/cel/differential/run 105000 $${SEED:-1}

policy-equality: ## The same 5,000 generated requests through check-policy and the gateway: identical decisions (AGENTGW_EQUALITY_CASES)
	@scripts/setup.sh build test
	AGENTGW_EQUALITY_CASES=$${AGENTGW_EQUALITY_CASES:-5000} scripts/e2e.sh Tests/EndToEnd/test_policy_equality.py

bench-reload: ## Time hot reloads of 1,000 routes under load against their bar
	swift build -c release --product agentgw
	python3 bench/reload/run.py

bench-policy: ## Time check-policy against its bars: start, cases, mutants, replayed records
	swift build -c release --product agentgw
	python3 bench/policy/run.py

bench-mcp: ## Time the filtering of a list: 500 tools, 50 rules, against its bar
	swift build -c release --product mcp-bench
	.build/release/mcp-bench

sanitize: ## Unit tests and an end-to-end pass under ThreadSanitizer and AddressSanitizer
	@scripts/setup.sh build test
	scripts/sanitize.sh

soak-mcp: ## MCP sessions, dying children, leaving clients and reloads for SOAK_SECONDS (600); fails when something is left
	@scripts/setup.sh build test
	swift build -c release --product agentgw
	scripts/soak-mcp.sh

fuzz: ## Run every fuzz target for a minute in all (FUZZ_SECONDS changes that)
	@scripts/setup.sh build
	scripts/fuzz.sh

clean: ## Remove what was built
	rm -rf .build .build-* dist .venv-e2e
