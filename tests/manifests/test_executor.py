"""Units in processes: a failure is named, a dead worker is noticed, and one worker gives what four give."""

import os
import signal
from dataclasses import replace

import pytest

from gristmill.manifests.executor import run_units
from gristmill.manifests.store import Store, Unit

UNITS = [Unit("step", f"u-{i}", "s", 1, {"i": i}, (), {}, {}) for i in range(6)]


def work(unit, out):
    i = unit.params["i"]
    if i == 2:
        raise ValueError("unit two is not to be had")
    if i == 3 and unit.params.get("kill"):
        os.kill(os.getpid(), signal.SIGKILL)
    (out / "out.txt").write_text(str(i * i))
    return {"documents": i, "kept": i}


@pytest.mark.parametrize("workers", [1, 3])
def test_units_that_fail_are_named_and_the_others_are_built(tmp_path, workers):
    lines = []
    store = Store(tmp_path)
    failures = run_units(UNITS, work, store, workers, lines.append)
    assert [(f.unit.name, f.error) for f in failures] == [("u-2", "unit two is not to be had")]
    assert [u.name for u in UNITS if store.record(u) is None] == ["u-2"]
    assert sorted(line["index"] for line in lines) == [0, 1, 2, 3, 4, 5]


def test_a_unit_that_kills_its_worker_is_named_and_the_others_are_built(tmp_path):
    units = [replace(u, params={**u.params, "kill": True}) for u in UNITS if u.name != "u-2"]
    store = Store(tmp_path)
    failures = run_units(units, work, store, 2)
    assert [f.unit.name for f in failures] == ["u-3"]
    assert "killed" in failures[0].error
    assert [u.name for u in units if store.record(u) is None] == ["u-3"]
