"""Parts by any column, and a split that parts nothing that belongs together."""

import json

import numpy as np
import pyarrow as pa
import pytest

from gristmill.tokenizer.buckets import BUCKETS_SCHEMA, BucketParams
from gristmill.tokenizer.catalogue import Divided, TokenShard, catalogue, held_out
from gristmill.tokenizer.mixture import MixtureParams, Phase
from gristmill.tokenizer.pack import PackParams, pack
from gristmill.tokenizer.rows import open_rows

LANGUAGES = ["en", "en", "de", None]


@pytest.fixture
def shards(token_shard, tmp_path):
    """400 documents of web in two languages and without one, 40 of books in English: with their document shards."""

    def make(name: str, count: int, languages, hashes=None, metas=None, kind="crawl") -> TokenShard:
        lengths = np.random.default_rng(count).integers(1, 40, count).tolist()
        rows = {
            "id": [f"{name}-{i}" for i in range(count)],
            "kind": [kind] * count,
            "language": [languages[i % len(languages)] for i in range(count)],
            "licence": ["CC0-1.0" if i % 2 else None for i in range(count)],
            "content_hash": hashes or [f"{name} {i}" for i in range(count)],
            "meta": metas or [json.dumps({"score": i % 3, "tags": ["x"]}) for i in range(count)],
        }
        path = tmp_path / f"{name}.documents.arrow"
        table = pa.table({n: pa.array(v, pa.string()) for n, v in rows.items()})
        with pa.ipc.new_file(str(path), table.schema) as writer:
            writer.write_table(table)
        return TokenShard(name, "part", token_shard(name, lengths), path)

    return make


def both(shards) -> list[TokenShard]:
    return [shards("web", 400, LANGUAGES), shards("books", 40, ["en"])]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        (("source",), ["books", "web"]),
        (("source", "language"), ["books/en", "web/de", "web/en", "web/none"]),
        (("language", "licence"), ["de/none", "en/CC0-1.0", "en/none", "none/CC0-1.0"]),
        (("meta.score",), ["0", "1", "2"]),
        (("kind", "meta.tags"), ['crawl/["x"]']),
        (None, ["books", "web"]),
    ],
)
def test_parts_are_the_values_of_the_columns(shards, by, expected):
    documents, _ = catalogue(both(shards), by, {}, None, 5)
    assert documents.parts == expected
    assert sum(documents.tokens(np.ones(440, bool)).values()) == documents.length.sum()


def test_a_document_is_in_the_part_of_its_own_values(shards):
    documents, _ = catalogue(both(shards), ("source", "language"), {}, None, 5)
    for source, row, part in zip(documents.source, documents.row, documents.part, strict=True):
        name = documents.sources[source]
        language = LANGUAGES[row % 4] or "none" if name == "web" else "en"
        assert documents.parts[part] == f"{name}/{language}"


def test_quality_buckets_are_a_column_too(shards, tmp_path):
    web, books = both(shards)
    ids, path = pa.array([f"web-{i}" for i in range(400)]), tmp_path / "buckets.arrow"
    with pa.ipc.new_file(str(path), BUCKETS_SCHEMA) as writer:
        writer.write_table(pa.table([ids, pa.array([i % 2 for i in range(400)], pa.int16())], schema=BUCKETS_SCHEMA))
    divided = {"web": Divided(BucketParams("num_words", (5,), (1, 3), (1, 2)), {"part": path})}
    by = ("source", "language", "quality_bucket")
    documents, _ = catalogue([web, books], by, divided, None, 5)
    # Rows 0 and 2 of four are in bucket 0; their languages are en and de.
    assert documents.parts == ["books/en/none", "web/de/0", "web/en/0", "web/en/1", "web/none/1"]
    mixture = MixtureParams(2000, by=by, weights={"web/en": 0.5, "*": 0.5})
    counts = pack([web, books], PackParams(31), mixture, None, {"web": 1, "books": 3}, 5, tmp_path / "packed", divided)
    had = {part: count["available"] for part, count in counts["parts"].items()}
    inside = had["web/en/0"] + had["web/en/1"]
    # Without weights of sources, a key shares by the buckets' own weights: bucket 1 has three quarters of web.
    assert counts["parts"]["web/en/0"]["tokens"] + counts["parts"]["web/en/1"]["tokens"] == 1000
    assert inside > 0
    assert all(count["epochs"] <= 3 for count in counts["parts"].values())


def test_a_part_of_several_sources_keeps_the_smallest_of_their_epochs(shards, tmp_path):
    mixture = MixtureParams(by=("language",), weights={"en": 1, "*": 0})
    counts = pack(both(shards), PackParams(31), mixture, None, {"web": 4, "books": 2}, 5, tmp_path / "packed")
    assert counts["parts"]["en"]["epochs"] == pytest.approx(2)
    assert counts["sources"]["books"]["epochs"] <= 2


def test_equal_texts_and_chapters_of_one_book_are_on_one_side(shards):
    hashes = [f"text {i // 2}" for i in range(400)]  # every text twice
    metas = [json.dumps({"book": f"book {i // 10}", "chapter": i % 10}) for i in range(400)]
    for documents, _ in (
        catalogue([shards("web", 400, ["en"], hashes)], None, {}, None, 5),
        catalogue([shards("books", 400, ["en"], None, metas, "books")], None, {}, None, 5),
    ):
        chosen = held_out(documents, np.ones(400, bool), 0.1)
        size = 2 if documents.sources == ["web"] else 10
        sides = chosen.reshape(-1, size)
        assert (sides.all(axis=1) | ~sides.any(axis=1)).all()
        assert 0 < chosen.sum() < 120


def test_validation_rows_are_of_one_source_and_one_language(shards, tmp_path):
    counts = pack(both(shards), PackParams(31), MixtureParams(validation=0.2), None, {}, 5, tmp_path)
    table = open_rows(tmp_path / "validation").table
    seen: dict[str, int] = {}
    for row in table.to_pylist():
        assert {s["source"] for s in row["segments"]} == {row["source"]}
        wanted = {"en"} if row["source"] == "books" else {LANGUAGES[s["row"] % 4] or "none" for s in row["segments"]}
        assert wanted == {row["language"]}
        seen[f"{row['source']}/{row['language']}"] = seen.get(f"{row['source']}/{row['language']}", 0) + 1
    assert seen == counts["validation"]["groups"]
    assert sorted(seen) == ["books/en", "web/de", "web/en", "web/none"]


def test_a_source_with_one_document_trains_on_it(shards, tmp_path):
    for seed in range(8):
        counts = pack(
            [shards("web", 400, LANGUAGES), shards("memo", 1, ["en"])],
            PackParams(31),
            MixtureParams(validation=0.5),
            None,
            {},
            seed,
            tmp_path / str(seed),
        )
        assert counts["sources"]["memo"]["documents"] == 1
        assert counts["validation"]["without"] == ["memo"]


def test_every_source_that_is_large_enough_is_validated(shards):
    for seed in range(8):
        documents, _ = catalogue([shards("web", 400, LANGUAGES), shards("memo", 120, ["en"])], None, {}, None, seed)
        chosen = held_out(documents, np.ones(520, bool), 0.01)
        assert set(documents.source[chosen]) == {0, 1}


def test_a_column_without_document_shards_and_too_many_parts_are_refused(shards):
    web, _ = both(shards)
    with pytest.raises(ValueError, match="by: language are columns of document shards"):
        catalogue([web._replace(documents=None)], ("source", "language"), {}, None, 5)
    many = shards("many", 3000, ["en"], None, [json.dumps({"n": i}) for i in range(3000)])
    with pytest.raises(ValueError, match="make more than 2,000 parts; name fewer columns"):
        catalogue([many], ("meta.n",), {}, None, 5)


def test_tokens_of_other_documents_are_refused(shards):
    web, books = both(shards)
    with pytest.raises(ValueError, match="has the tokens of other documents than"):
        catalogue([web._replace(documents=books.documents)], None, {}, None, 5)


def test_a_part_of_weight_zero_may_come_in_later(shards, tmp_path):
    mixture = MixtureParams(900, weights={"web": 1, "books": 0}, phases=(Phase({"web": 0, "books": 1}, start=0.8),))
    counts = pack(both(shards), PackParams(31), mixture, None, {"books": 2}, 5, tmp_path)
    assert [phase["asked"] for phase in counts["phases"]] == [{"web": 1.0}, {"books": 1.0}]
    assert counts["sources"]["books"]["tokens"] == 180
