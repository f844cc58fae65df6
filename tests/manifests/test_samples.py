"""The real samples by `manifests/samples.yaml`: nothing is lost between the records and the ledger."""

from collections import Counter

import pytest

from gristmill.curation.ledger import read_ledger
from gristmill.manifests import schema
from gristmill.manifests.runner import Place, run
from gristmill.manifests.status import status
from tests.conftest import PROJECT
from tests.manifests.test_run import Quiet

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ran(samples, tmp_path_factory):
    """The samples run up to shards: (status, ledger rows, warnings)."""
    patch = pytest.MonkeyPatch()
    patch.setenv("GRISTMILL_DATA", str(samples))
    root = tmp_path_factory.mktemp("samples")
    loaded = schema.load(PROJECT / "manifests" / "samples.yaml")
    place = Place.of(loaded, root / "store", root / "runs")
    progress = Quiet()
    run(loaded, place, progress, "shards", 2)
    columns = ["id", "source", "locator", "status", "stage", "rule", "duplicate_of"]
    yield status(loaded, place), read_ledger(place.run / "ledger", columns).to_pylist(), progress.warnings
    patch.undo()


def test_records_and_documents_are_conserved_in_every_source(ran):
    found, ledger, _ = ran
    rows = Counter(row["source"] for row in ledger)
    for name, counts in found["sources"].items():
        assert counts["records"] == counts["documents"] + sum(counts["not_documents"].values())
        assert counts["documents"] == counts["kept"] + sum(counts["dropped"].values()) == rows[name]
        assert counts["kept"] > 0


def test_ids_are_unique_and_every_duplicate_points_to_a_kept_document(ran):
    _, ledger, _ = ran
    status_of = {row["id"]: row["status"] for row in ledger}
    assert len(status_of) == len(ledger)
    assert {status_of[row["duplicate_of"]] for row in ledger if row["duplicate_of"]} == {"kept"}


def test_every_html_response_of_the_two_big_archives_has_a_row(ran):
    _, ledger, _ = ran
    files = Counter(row["locator"].split("#")[0].rsplit("/", 1)[-1] for row in ledger)
    assert files["trafilatura-eval.warc.gz"] + files["scrapinghub-articles.warc.gz"] == 824


def test_locators_keep_the_variable_of_the_manifest(ran):
    _, ledger, _ = ran
    assert all(row["locator"].startswith("$GRISTMILL_DATA/") for row in ledger)
