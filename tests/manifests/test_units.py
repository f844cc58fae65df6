"""Units depend on files and sizes alone, and a new file moves as few of its neighbours as possible."""

from hypothesis import given
from hypothesis import strategies as st

from gristmill.manifests.inputs import RawFile
from gristmill.manifests.units import BZ2_RANGE_BYTES, GROUP_BYTES, RANGE_BYTES, SMALL_BYTES, plan

MB = 2**20


def files(sizes: dict[str, int]) -> list[RawFile]:
    return [RawFile(name, f"/{name}", size) for name, size in sorted(sizes.items())]


def test_a_large_file_is_a_unit_and_small_ones_share_one():
    groups = plan("web", "crawl", files({"big.warc.gz": 5 * MB, "a.warc.gz": 10, "b.warc.gz": 20}))
    assert [[p.file.locator for p in g.pieces] for g in groups] == [
        ["big.warc.gz"],
        ["a.warc.gz", "b.warc.gz"],
    ]
    assert [g.name.rsplit("-", 1)[0] for g in groups] == ["big", "files"]


def test_a_large_jsonl_is_cut_into_ranges_that_tile_it():
    size = 3 * RANGE_BYTES + 5
    groups = plan("t", "text", files({"x.jsonl": size}))
    edges = sorted((g.pieces[0].start, g.pieces[0].end) for g in groups)
    assert [start for start, _ in edges] == [0, *(end for _, end in edges[:-1])]
    assert edges[-1][1] == size
    assert len({g.name for g in groups}) == 4
    assert len(plan("t", "text", files({"x.jsonl.gz": size}))) == 1


def test_a_large_dump_is_cut_into_ranges_that_tile_it():
    size = 5 * BZ2_RANGE_BYTES + 3
    name = "enwiki-20240601-pages-articles-multistream.xml.bz2"
    groups = plan("w", "wikipedia", files({name: size}))
    edges = sorted((g.pieces[0].start, g.pieces[0].end) for g in groups)
    assert [start for start, _ in edges] == [0, *(end for _, end in edges[:-1])]
    assert edges[-1][1] == size
    assert len({g.name for g in groups}) == 6
    index = name.replace(".xml", "-index.txt")
    assert [len(plan("w", "wikipedia", files({other: size}))) for other in (index, "a.xml.gz", "a.xml.7z")] == [1, 1, 1]
    assert len(plan("c", "crawl", files({name: size}))) == 1


@given(st.dictionaries(st.text("abcdef/", min_size=1), st.integers(0, 3 * MB), max_size=30))
def test_every_file_is_in_exactly_one_unit(sizes):
    groups = plan("s", "forum", files(sizes))
    assert sorted(p.file.locator for g in groups for p in g.pieces) == sorted(sizes)
    assert len({g.name for g in groups}) == len(groups)


def test_a_new_small_file_changes_one_group_of_many():
    sizes = {f"{i}.txt": SMALL_BYTES - 1 for i in range(int(3.5 * GROUP_BYTES / SMALL_BYTES))}
    before = {g.name: g.pieces for g in plan("b", "books", files(sizes))}
    after = {g.name: g.pieces for g in plan("b", "books", files({**sizes, "new.txt": 10}))}
    assert len(before) == 4
    assert before.keys() == after.keys()
    assert sum(before[name] != after[name] for name in before) == 1
