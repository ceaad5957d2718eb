# Everything a developer types. Each stage is a script that is silent when its work is done already.

WORKLOAD ?= mlp
STUDY ?= studies/smoke.toml
ARGS ?=

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev build tune study test test-fast test-sanitize fuzz lint format bench bench-compare bench-tuner bench-peers clean distclean

help:
	@echo "make tune           set up, build and tune a workload: WORKLOAD=mlp ARGS='--trials 32 --seed 0'"
	@echo "make study          set up, build and run a study: STUDY=studies/smoke.toml"
	@echo "make test           set up, build and run all tests"
	@echo "make test-fast      only those that do not load TVM"
	@echo "make test-sanitize  tests under AddressSanitizer + UBSan, and under ThreadSanitizer"
	@echo "make fuzz           a million spoilt replies through the parser, under sanitizers: REPLIES=1000000"
	@echo "make lint           clang-format check and clang-tidy; 'make format' rewrites"
	@echo "make bench          benchmarks of our own parts; results in build/bench/<commit>"
	@echo "make bench-compare  results against an earlier commit's, by ratio: BASE=<commit or folder>"
	@echo "make bench-tuner    trials per second, time to the first candidate, growth: ARGS='--seeds 3'"
	@echo "make bench-peers    kernels against OpenBLAS, oneDNN, IREE, MetaSchedule: ARGS='--workloads mlp --seeds 3'"
	@echo "make setup          Debian packages and the virtual environment in .venv"
	@echo "make build          build/release/banyan"
	@echo "make clean          remove build/; 'make distclean' also .venv/"

setup:
	@scripts/setup.sh

setup-dev:
	@scripts/setup.sh dev

build: setup
	@scripts/build.sh release banyan

tune: build
	@build/release/banyan tune $(WORKLOAD) $(ARGS)

study: build
	@build/release/banyan study $(STUDY) $(ARGS)

test: setup
	@scripts/build.sh release
	@scripts/test.sh release

test-fast: setup
	@scripts/build.sh release
	@scripts/test.sh release -L fast

# Of the room `model` what has threads: the rest is one thread's work, ten minutes of it.
TSAN_TESTS = ^((base|measure|search|store)_test[.]|model_test[.](HttpClient|LanguageModel|CommandModel)$$|e2e[.]providers$$)

test-sanitize: setup
	@scripts/build.sh asan-ubsan
	@scripts/test.sh asan-ubsan -LE slow -E '^e2e[.](report|study)$$'  # pages and the making of many runs
	@scripts/build.sh tsan tsan_tests
	@scripts/test.sh tsan -R '$(TSAN_TESTS)' -E GenerationReference  # one thread, two minutes

fuzz: setup
	@scripts/fuzz.sh $(REPLIES)

lint: setup-dev
	@scripts/lint.sh

format: setup-dev
	@scripts/lint.sh --fix

bench: setup
	@scripts/build.sh release banyan benchmarks
	@scripts/bench.sh

bench-compare:
	@$${BANYAN_VENV:-.venv}/bin/python bench/compare.py "$(BASE)" "$(or $(NEW),$$(scripts/bench.sh --folder))" $(ARGS)

bench-tuner: build
	@mkdir -p "$$(scripts/bench.sh --folder)"
	@$${BANYAN_VENV:-.venv}/bin/python bench/tuner.py --out "$$(scripts/bench.sh --folder)/tuner.json" $(ARGS)

bench-peers:
	@scripts/setup.sh bench
	@scripts/build.sh release banyan banyan_vendor
	@$${BANYAN_VENV:-.venv}/bin/python bench/peers/peers.py --out "$$(scripts/bench.sh --folder)" $(ARGS)

clean:
	@rm -rf build

distclean: clean
	@rm -rf .venv
