"""The store: complete or not there, and equal for equal work."""

from dataclasses import replace

import pytest

from gristmill.manifests.store import Input, Store, Unit

UNIT = Unit(
    "filter",
    "a-1",
    "web",
    1,
    {"min_words": 50},
    (Input("measure/web/a-1/features.arrow", "/x", "d1"),),
    {"numpy": "2"},
    {"workers": 4},
)


def write(folder):
    (folder / "out.txt").write_text("result")
    return {"documents": 3}


@pytest.mark.parametrize(
    "change",
    [
        {"step": "other"},
        {"version": 2},
        {"params": {"min_words": 40}},
        {"source": "b"},
        {"libraries": {"numpy": "3"}},
        {"inputs": (Input(UNIT.inputs[0].name, "/x", "d2"),)},
    ],
    ids=str,
)
def test_the_key_changes_with_all_that_shapes_the_output(change):
    assert replace(UNIT, **change).key != UNIT.key


@pytest.mark.parametrize(
    "change",
    [{"settings": {"workers": 1}}, {"inputs": (Input(UNIT.inputs[0].name, "/elsewhere", "d1", 9),)}],
    ids=str,
)
def test_the_key_ignores_how_and_where_it_is_executed(change):
    assert replace(UNIT, **change).key == UNIT.key


def test_a_built_unit_has_a_record_with_the_digests_of_its_files(tmp_path):
    record = Store(tmp_path).build(UNIT, write)
    assert Store(tmp_path).record(UNIT) == record
    assert record.counts == {"documents": 3}
    assert set(record.outputs) == {"out.txt"}
    assert record.output("out.txt").name == "filter/web/a-1/out.txt"


def test_work_that_fails_leaves_nothing_that_counts(tmp_path):
    def fail(folder):
        (folder / "half.txt").write_text("half")
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        Store(tmp_path).build(UNIT, fail)
    assert Store(tmp_path).record(UNIT) is None
    assert not list((tmp_path / ".building").iterdir())


def test_a_folder_without_a_record_does_not_count_and_is_replaced(tmp_path):
    store = Store(tmp_path)
    store.folder(UNIT).mkdir(parents=True)
    (store.folder(UNIT) / "half.txt").write_text("left by a power cut")
    assert store.record(UNIT) is None
    assert set(store.build(UNIT, write).outputs) == {"out.txt"}
    assert not (store.folder(UNIT) / "half.txt").exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "record.json").write_text("{"),
        lambda folder: (folder / "record.json").write_text("[]"),
        lambda folder: (folder / "out.txt").unlink(),
        lambda folder: (folder / "out.txt").write_text(""),
    ],
    ids=["half a record", "no record", "output gone", "output emptied"],
)
def test_a_damaged_unit_does_not_count_and_is_built_again(tmp_path, damage):
    store = Store(tmp_path)
    record = store.build(UNIT, write)
    damage(store.folder(UNIT))
    assert store.record(UNIT) is None
    assert store.build(UNIT, write).outputs == record.outputs
    assert (store.folder(UNIT) / "out.txt").read_text() == "result"


def test_who_comes_second_keeps_what_the_first_has_built(tmp_path):
    store = Store(tmp_path)

    def overtaken(folder):
        first = store.build(UNIT, write)
        assert first.counts == {"documents": 3}
        return {"documents": 99}

    assert store.build(UNIT, overtaken).counts == {"documents": 3}
