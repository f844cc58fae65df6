"""`gristmill why` of a duplicate: both texts, what differs, and what went for a document that is kept."""

import json
import re
import shutil
from pathlib import Path

import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from gristmill.curation.dedup.text_diff import compare
from gristmill.curation.ledger import read_ledger
from gristmill.manifests import removal, side_by_side
from gristmill.manifests.store import Store
from gristmill.manifests.why import explain_document
from tests.manifests.corpus import document
from tests.manifests.test_index import edited, go, told, write

WHOLE = document(1, 40)
COPIES = 14

MANIFEST = """\
sources:
  a_books: {kind: text, paths: [books.jsonl], filters: []}
  web: {kind: text, paths: [web.jsonl], filters: []}
curate:
  languages: null
  dedup: {url: true}
"""


def write_pages(path: Path, pages: dict[str, str]) -> None:
    path.write_text("".join(json.dumps({"url": url, "text": text}) + "\n" for url, text in pages.items()))


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("removal")
    books = {
        "http://books.org/whole": WHOLE,
        "http://books.org/equal": document(2),
        "http://books.org/page": document(3),
        "http://books.org/alone": document(4),
    }
    web = {
        "http://web.org/near": edited(WHOLE, 30, 200).replace("river", "river\x1b[2J", 1) + " 漢字かな",
        "http://web.org/equal": document(2).replace(" ", "  "),
        "https://www.books.org/page/?utm_source=x": document(5),
    } | {f"http://web.org/{n}": edited(WHOLE, 60 + n, 160 + n, *[250] * (n % 2)) for n in range(COPIES)}
    write_pages(root / "books.jsonl", books)
    write_pages(root / "web.jsonl", web)
    (root / "m.yaml").write_text(MANIFEST)
    go(root / "m.yaml", "shards")
    return root


def row(root: Path, url: str) -> dict:
    (found,) = read_ledger(root / "runs/m/ledger", filters=pc.field("url") == url).to_pylist()
    return found


def why(root: Path, *arguments: str) -> tuple[dict, str]:
    """What it says as data and as text."""
    code, out, err = told("why", "m.yaml", *arguments, cwd=root)
    assert (code, err) == (0, "")
    return json.loads(told("why", "m.yaml", *arguments, "--json", cwd=root)[1]), out


def test_a_near_duplicate_is_shown_beside_the_one_that_is_kept(place):
    url = "http://web.org/near"
    found, out = why(place, url)
    said = found["duplicate"]
    ledger = row(place, url)
    assert said["removed"]["id"] == found["id"] == ledger["id"]
    assert said["kept"]["id"] == ledger["duplicate_of"]
    assert (said["kept"]["source"], said["removed"]["source"]) == ("a_books", "web")
    assert (said["similarity"], said["threshold"], said["measure"]) == (ledger["value"], 0.8, "jaccard")
    for side in ("kept", "removed"):
        assert said[side]["id"] in out
        assert said[side]["locator"] in out
        assert said[side]["url"] in out
    assert "{+" in out
    assert "[-other200-]" in out
    assert f"similarity {ledger['value']:.4f}, at least 0.8 was asked for" in out


def test_the_similarity_on_record_is_that_of_the_texts_in_the_store(place):
    said = why(place, "http://web.org/near")[0]["duplicate"]
    shingles = said["shingles"]
    assert said["similarity"] == shingles["both"] / (shingles["kept"] + shingles["removed"] - shingles["both"])


def test_differences_as_data_are_places_in_the_texts_that_the_store_has(place):
    said = why(place, "http://web.org/near", "--full")[0]["duplicate"]
    texts = {}
    for side in ("kept", "removed"):
        where = said[side]["texts"]
        texts[side] = removal.shards.take(place / where["file"], [where["row"]], "text").to_pylist()[0]
    assert texts["kept"] == WHOLE
    changed, end = "", 0
    for difference in said["diff"]["shown"]:
        kept, removed = difference["kept"], difference["removed"]
        for side, span in (("kept", kept), ("removed", removed)):
            assert span["text"] == texts[side][span["start"] : span["end"]]
        changed += texts["kept"][end : kept["start"]] + " " + removed["text"] + " "
        end = kept["end"]
    changed += texts["kept"][end:]
    assert "".join(changed.split()) == "".join(texts["removed"].split())


@pytest.mark.parametrize("width", [40, 80, 133, 400])
def test_no_line_is_wider_than_the_screen_and_nothing_steers_the_terminal(place, width):
    url = "http://web.org/near"
    pair = removal.pair(place / "runs/m", Store(place / "store"), *_found(place, url), None)
    for everything in (False, True):
        lines = [line.plain for line in side_by_side.lines(pair, width, True, everything)]
        assert max(map(cell_len, lines)) <= min(width, side_by_side.MOST_WIDTH)
        assert all(line.isprintable() for line in lines)
    assert any("\\x1b" in line for line in lines)


def _found(root: Path, url: str) -> tuple[dict, str]:
    found = explain_document(url, [root / "runs/m"])
    return found, found["unit"]


def test_all_of_both_texts_stands_there_if_asked_for(place):
    out = why(place, "http://web.org/near", "--full")[1]
    pairs = [line.split(" │ ") for line in out.splitlines() if " │ " in line]
    left = " ".join(pair[0] for pair in pairs)
    assert "".join(WHOLE.split()) in "".join(re.sub(r"\{\+|\+\}", "", left).split())


@given(*[st.text("ab, 漢\n\x1b\u202e", max_size=60)] * 2, st.integers(0, 60))
def test_whatever_the_texts_all_of_them_is_shown_in_their_column(kept, removed, width):
    """Marks are colours here, so that the columns hold nothing but the texts."""
    about = dict.fromkeys(removal.ABOUT, "")
    sides = [removal.Text(about, Path(), 0, text) for text in (kept, removed)]
    pair = removal.Pair(*sides, "dedup.exact", 1.0, 1.0, None, None, None, compare(kept, removed))
    lines = [line.plain for line in side_by_side.lines(pair, width, True, True)]
    cut = next(number for number, line in enumerate(lines) if " words" in line) + 1
    columns = [(line + " ").partition(" │ ") for line in lines[cut:] if "│" in line]
    for number, text in ((0, kept), (2, removed)):
        shown = "".join(column[number] for column in columns)
        assert "".join(shown.split()) == "".join(side_by_side.visible(text).split())


def test_colours_mark_what_differs_where_there_are_any(place):
    pair = removal.pair(place / "runs/m", Store(place / "store"), *_found(place, "http://web.org/near"), None)
    lines = list(side_by_side.lines(pair, 80, True))
    styled = {str(span.style) for line in lines for span in line.spans}
    assert {"green", "red"} <= styled
    assert not any("{+" in line.plain for line in lines)


def test_equal_texts_and_versions_of_a_page_are_called_so(place):
    said, out = why(place, "http://web.org/equal")
    assert "the texts are equal up to white space" in out
    assert said["duplicate"]["diff"]["differences"] == 0
    assert said["duplicate"]["shingles"] is None
    said, out = why(place, "https://www.books.org/page/?utm_source=x")
    assert "two versions of one page: both addresses mean books.org/page; their texts were not compared" in " ".join(
        out.split()
    )
    assert said["duplicate"]["similarity"] is None


def test_a_kept_document_names_what_went_for_it_most_similar_first_and_in_bounds(place):
    found, out = why(place, "http://books.org/whole")
    cluster = found["cluster"]
    assert cluster["size"] == found["cluster_size"] == COPIES + 2
    assert len(cluster["documents"]) == 2 * removal.SHOWN_OF_CLUSTER
    assert cluster["left_out"] == COPIES + 1 - len(cluster["documents"])
    assert f"{COPIES + 1} documents went for it" in out
    assert f"... {cluster['left_out']} more, which --full names ..." in out
    everything = why(place, "http://books.org/whole", "--full")[0]["cluster"]["documents"]
    similarities = [document["similarity"] for document in everything]
    assert len(everything) == COPIES + 1
    assert similarities == sorted(similarities, reverse=True)
    ledger = read_ledger(place / "runs/m/ledger", filters=pc.field("duplicate_of") == found["id"])
    assert {document["id"] for document in everything} == set(ledger["id"].to_pylist())
    assert why(place, "http://books.org/alone")[0].keys() & {"cluster", "duplicate"} == set()


def test_of_a_long_text_passages_are_left_out_and_counted(place, monkeypatch):
    monkeypatch.setattr(side_by_side, "SHOWN_PASSAGES", 1)
    monkeypatch.setattr(removal, "SHOWN_DIFFERENCES", 1)
    monkeypatch.setattr(removal, "SHOWN_CHARACTERS", 3)
    found, out = why(place, "http://web.org/near")
    diff = found["duplicate"]["diff"]
    assert diff["left_out"] == diff["differences"] - 1 > 0
    assert all(len(difference["removed"]["text"]) <= 3 for difference in diff["shown"])
    assert f"{diff['differences'] - 1} more differences are left out" in out
    assert "--full shows everything" in out


def test_a_passage_of_many_words_is_shortened(place):
    pair = removal.pair(
        place / "runs/m", Store(place / "store"), *_found(place, "https://www.books.org/page/?utm_source=x"), None
    )
    short, full = (list(side_by_side.lines(pair, 80, False, everything)) for everything in (False, True))
    assert "words …" in " ".join(line.plain for line in short)
    assert len(short) < len(full)


def test_documents_that_are_not_there_or_not_alone_are_an_error_that_says_so(place):
    ids = read_ledger(place / "runs/m/ledger")["id"].to_pylist()
    for asked, says in {
        "f" * 32: "no document",
        "abc": "no document 'abc'",
        ids[0][:3]: "at least 4 digits",
        "http://web.org/": "no document",
    }.items():
        code, out, err = told("why", "m.yaml", asked, "--json", cwd=place)
        assert (code, out) == (1, "")
        assert says in err


def test_a_prefix_of_several_ids_names_them(place, monkeypatch):
    monkeypatch.setattr("gristmill.manifests.why.LEAST_DIGITS", 1)
    ids = read_ledger(place / "runs/m/ledger")["id"].to_pylist()
    first = max({i[0] for i in ids}, key=lambda digit: sum(i.startswith(digit) for i in ids))
    code, _, err = told("why", "m.yaml", first, cwd=place)
    assert code == 1
    assert "give the id of one" in err
    assert all(i in err for i in ids if i.startswith(first))


@pytest.mark.parametrize("harm", ["gone", "cut off", "no lock"])
def test_a_store_that_lost_the_texts_is_said_and_the_rest_is_told(place, tmp_path, harm):
    root = tmp_path / "copy"
    shutil.copytree(place, root, symlinks=True)
    if harm == "no lock":
        (root / "runs/m/manifest.lock.yaml").unlink()
    for file in (root / "store/extract").glob("*/texts.arrow"):
        if harm == "gone":
            shutil.rmtree(file.parent)
        elif harm == "cut off":
            file.write_bytes(file.read_bytes()[:-1])
    found, out = why(root, "http://web.org/near")
    assert "dropped by dedup, rule dedup.near" in out
    assert "are not in the store store any more, or are damaged; gristmill run MANIFEST --until shards" in out
    assert out.rstrip().endswith(found["duplicate"]["lost"])


def test_texts_that_changed_after_the_ledger_was_written_are_not_taken_for_those_of_then(place, tmp_path):
    root = tmp_path / "copy"
    shutil.copytree(place, root, symlinks=True)
    pages = {
        json.loads(line)["url"]: json.loads(line)["text"] for line in (root / "web.jsonl").read_text().splitlines()
    }
    write_pages(root / "web.jsonl", pages | {"http://web.org/13": document(77)})
    go(root / "m.yaml", "filter")
    assert "have changed since the ledger was written" in why(root, "http://web.org/near")[0]["duplicate"]["lost"]


@pytest.mark.slow
def test_with_an_index_the_kept_document_may_be_another_manifests(tmp_path):
    shared = tmp_path / "shared"
    for name, text in (("first", WHOLE), ("second", edited(WHOLE, 30, 200))):
        write_pages(tmp_path / f"{name}.jsonl", {f"http://{name}.org": text})
        go(write(tmp_path, name, {f"crawl_{name}": [f"{name}.jsonl"]}), "shards")
    code, out, _ = told("why", "second.yaml", "http://second.org", cwd=tmp_path)
    assert code == 0
    assert "first: crawl_first" in out
    assert "[-other200-]" in out
    without = json.loads(told("why", "http://second.org", "--json", cwd=tmp_path)[1])["duplicate"]
    assert without["kept"]["manifest"] == "first"  # found in the run beside it
    go(tmp_path / "first.yaml", "shards")
    kept = told("why", "first.yaml", "http://first.org", cwd=tmp_path)[1]
    assert "second: second.jsonl" in kept
    shutil.rmtree(tmp_path / "runs/second")
    kept = told("why", "first.yaml", "http://first.org", cwd=tmp_path)[1]
    assert "and 1 of other manifests of the index, which no ledger here has" in kept
    go(tmp_path / "second.yaml", "shards")
    shutil.rmtree(tmp_path / "store/extract")
    lost = told("why", "second.yaml", "http://second.org", cwd=tmp_path)[1]
    assert "the texts cannot be shown" in lost
    assert shared.is_dir()


def test_the_same_document_in_two_manifests_is_shown_though_its_ids_are_equal(tmp_path):
    write_pages(tmp_path / "pages.jsonl", {"http://web.org": WHOLE})
    for name in ("first", "second"):
        go(write(tmp_path, name, {"web": ["pages.jsonl"]}), "shards")
    said = json.loads(told("why", "second.yaml", "http://web.org", "--json", cwd=tmp_path)[1])
    assert said["duplicate_of"] == said["id"]
    assert said["duplicate"]["kept"]["manifest"] == "first"
    assert said["duplicate"]["says"] == "the texts are equal, character by character"


def test_containment_counts_what_the_removed_one_has(tmp_path):
    excerpt = WHOLE[: len(WHOLE) * 2 // 3]
    write_pages(tmp_path / "pages.jsonl", {"http://a.org": WHOLE, "http://b.org": excerpt})
    near = "near: {measure: containment}, quality: num_words"
    go(write(tmp_path, "m", {"web": ["pages.jsonl"]}, near), "shards")
    said = json.loads(told("why", "m.yaml", "http://b.org", "--json", cwd=tmp_path)[1])["duplicate"]
    assert said["similarity"] == said["shingles"]["both"] / said["shingles"]["removed"]
    assert "of the removed one's" in said["says"]
