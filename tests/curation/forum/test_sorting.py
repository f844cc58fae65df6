"""Claims about sorting beyond memory: every record comes back once, in its group, in the order in which it came."""

from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation.forum.sorting import Grouped

RECORDS = st.lists(st.tuples(st.integers(-3, 3) | st.integers(-(2**62), 2**62), st.text(max_size=5)), max_size=40)


@given(RECORDS, st.integers(1, 5000))
def test_groups_are_the_same_however_little_memory_there_is(records, run_bytes):
    with Grouped(run_bytes) as grouped:
        for key, value in records:
            grouped.add(key, value)
        found = list(grouped.groups(2**20))
    assert found == [
        (key, 0, [value for other, value in records if other == key]) for key in sorted({key for key, _ in records})
    ]


def test_records_longer_than_what_is_read_at_a_time_are_whole():
    values = [letter * 300_000 for letter in "abc"]
    with Grouped(1) as grouped:
        for number, value in enumerate(values):
            grouped.add(-number, value)
        assert [group for _, _, group in grouped.groups(2**30)] == [[value] for value in reversed(values)]


def test_a_large_group_comes_in_parts():
    with Grouped() as grouped:
        for _ in range(10):
            grouped.add(5, "x" * 100)
        grouped.add(6, "y")
        found = [(key, part, len(records)) for key, part, records in grouped.groups(450)]
    assert found == [(5, 0, 4), (5, 1, 4), (5, 2, 2), (6, 0, 1)]
