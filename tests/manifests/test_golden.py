"""The golden run: counts, drop reasons and edits of the small corpus, reviewed as a diff when they change (`make golden`)."""

import os
from pathlib import Path

from ruamel.yaml import YAML

from gristmill.curation.ledger import read_ledger
from gristmill.manifests import view
from tests.manifests import corpus
from tests.manifests.test_run import go

GOLDEN = Path(__file__).parent / "golden.yaml"


def test_the_small_run_gives_what_was_reviewed(tmp_path):
    go(corpus.make(tmp_path / "data"), tmp_path)
    run = tmp_path / "runs" / "small"
    columns = ["locator", "status", "stage", "rule", "value", "threshold", "cluster_size", "content_hash"]
    ledger = read_ledger(run / "ledger", columns).to_pylist()
    found = {
        "counts": {step: dict(entry["counts"]) for step, entry in view.read_lock(run).items()},
        "not simply kept": [row for row in ledger if row["status"] == "dropped" or row["cluster_size"] > 1],
        "texts": sorted(row["content_hash"] for row in ledger),
    }
    yaml = YAML()
    yaml.width = 200
    if os.environ.get("GRISTMILL_GOLDEN") == "write":
        with open(GOLDEN, "w", encoding="utf-8") as file:
            yaml.dump(found, file)
    assert YAML(typ="safe").load(GOLDEN.read_text(encoding="utf-8")) == found
