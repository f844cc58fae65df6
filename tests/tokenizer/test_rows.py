import numpy as np
import pytest

from gristmill.tokenizer.encode import open_tokens
from gristmill.tokenizer.mixture import MixtureParams
from gristmill.tokenizer.pack import PackParams, pack
from gristmill.tokenizer.rows import gather, open_rows, segment_numbers


@pytest.fixture(params=["best_fit", "concat"])
def packed(token_shard, tmp_path, request):
    """Packed rows of width 17 over two shards, and the open token shards."""
    lengths = np.random.default_rng(1).integers(1, 40, 50).tolist()
    paths = {
        ("a", "a/x.arrow"): token_shard("x", lengths[:30]),
        ("b", "b/x.arrow"): token_shard("y", lengths[30:], first=5000),
    }
    shards = [(source, "x", path) for (source, _), path in paths.items()]
    pack(shards, PackParams(16, request.param), MixtureParams(validation=0.1), None, {}, 3, tmp_path / "packed")
    return open_rows(tmp_path / "packed" / "train"), {key: open_tokens(path) for key, path in paths.items()}


def test_gathering_gives_the_tokens_that_the_segments_name(packed):
    rows, shards = packed
    tokens, numbers = gather(rows.table, shards, 17, 99), segment_numbers(rows.table, 17)
    assert tokens.dtype == np.int64
    assert tokens.shape == numbers.shape == (len(rows.table), 17)
    for segments, line, number in zip(rows.table["segments"].to_pylist(), tokens, numbers, strict=True):
        place = 0
        for n, s in enumerate(segments):
            document = shards[s["source"], s["shard"]].document(s["row"])
            part = slice(place, place + s["length"])
            assert line[part].tolist() == document[s["start"] : s["start"] + s["length"]].tolist()
            assert (number[part] == n).all()
            place += s["length"]
        assert (line[place:] == 99).all()
        assert (number[place:] == -1).all()


def test_a_slice_gathers_as_the_whole_does(packed):
    rows, shards = packed
    whole = gather(rows.table, shards, 17, 0)
    for first, count in ((0, 1), (3, 5), (len(rows.table) - 2, 2)):
        part = rows.table.slice(first, count)
        assert (gather(part, shards, 17, 0) == whole[first : first + count]).all()
        assert (segment_numbers(part, 17) == segment_numbers(rows.table, 17)[first : first + count]).all()


def test_no_rows_are_an_empty_batch(packed):
    rows, shards = packed
    assert gather(rows.table.slice(0, 0), shards, 17, 0).shape == (0, 17)


def test_a_folder_without_rows_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="no packed rows; run the pack step"):
        open_rows(tmp_path)
