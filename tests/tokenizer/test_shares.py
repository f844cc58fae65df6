"""Shares become tokens: by weights to the token or not at all, by temperature and UniMax as far as epochs reach."""

from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gristmill.tokenizer.mixture import MixtureParams, Phase
from gristmill.tokenizer.shares import Parts, by_temperature, by_weights, change, solve, unimax

NAMES = ["web/en", "web/de", "books/en", "code"]
AVAILABLE = st.dictionaries(st.sampled_from(NAMES), st.integers(1, 10**9), min_size=1)
EPOCHS = st.sampled_from([0.5, 1, 2.5, 4])


@st.composite
def parts(draw) -> Parts:
    available = draw(AVAILABLE)
    return Parts(available, None, {part: draw(EPOCHS) for part in available})


def textbook_unimax(caps: dict[str, int], budget: float) -> dict[str, float]:
    """Algorithm 1 of Chung et al. 2023: the smallest language first, each with what is left divided by who is left."""
    given = {}
    order = sorted(caps, key=caps.get)
    for number, part in enumerate(order):
        given[part] = min(caps[part], budget / (len(order) - number))
        budget -= given[part]
    return given


@given(st.dictionaries(st.sampled_from(NAMES), st.integers(0, 10**9), min_size=1), st.integers(1, 10**10))
def test_unimax_gives_what_the_papers_algorithm_gives(caps, tokens):
    drawn = unimax(caps, tokens)
    assert sum(drawn.values()) == min(tokens, sum(caps.values()))
    for part, expected in textbook_unimax(caps, tokens).items():
        assert drawn[part] <= caps[part]
        assert drawn[part] == pytest.approx(expected, abs=len(caps))


@settings(max_examples=50)
@given(parts(), st.floats(0.3, 20), st.integers(1, 10**10))
def test_a_temperature_keeps_caps_and_gives_all_that_is_asked_for(mixed, temperature, tokens):
    mixture = MixtureParams(tokens, temperature=temperature)
    if tokens > sum(mixed.caps.values()):
        with pytest.raises(ValueError, match=f"set tokens: {sum(mixed.caps.values())} or less, or raise max_epochs"):
            solve(mixture, mixed)
        return
    drawn = solve(mixture, mixed).total
    assert sum(drawn.values()) == tokens
    assert all(drawn[part] <= cap for part, cap in mixed.caps.items())
    free = [part for part in drawn if drawn[part] < mixed.caps[part]]
    powers = {part: mixed.available[part] ** (1 / temperature) for part in free}
    for one in free:  # those that no cap holds keep the proportions of their powers
        for two in free:
            slack = 2 * (powers[one] + powers[two])  # whole tokens
            assert drawn[one] * powers[two] == pytest.approx(drawn[two] * powers[one], rel=1e-6, abs=slack)


def test_temperature_one_is_by_size_and_a_high_one_is_all_alike():
    available = {"a": 900, "b": 100}
    assert by_temperature(available, 1) == {"a": 1, "b": Fraction("0.111111111111")}
    assert float(by_temperature(available, 1e9)["b"]) == pytest.approx(1, abs=1e-8)


def test_keys_share_their_weight_by_size_and_a_star_takes_the_rest():
    mixed = Parts({"web/en": 300, "web/de": 100, "books/en": 50, "code": 10}, None, {})
    shares = by_weights({"web": 0.4, "web/de": 0.2, "*": 0.4}, mixed)
    assert shares == {
        "web/en": Fraction(2, 5),
        "web/de": Fraction(1, 5),
        "books/en": Fraction(1, 3),
        "code": Fraction(1, 15),
    }


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"web": 1}, r"no weight for books/en, code; name each \(0 leaves it out\), or all others by \"\*\""),
        ({"web/fr": 1, "*": 1}, "there is no part web/fr; there are web/en, web/de, books/en, code"),
    ],
)
def test_weights_name_parts_that_are_there_and_all_of_them(weights, message):
    mixed = Parts({"web/en": 300, "web/de": 100, "books/en": 50, "code": 10}, None, {})
    with pytest.raises(ValueError, match=message):
        solve(MixtureParams(100, weights=weights), mixed)


@settings(max_examples=50)
@given(parts(), st.integers(1, 10**9), st.floats(0.05, 0.95), st.data())
def test_phases_share_one_run_and_caps_hold_over_all_of_it(mixed, tokens, start, data):
    weigh = st.fixed_dictionaries({part: st.integers(0, 9) for part in mixed.available})
    first, second = data.draw(weigh), data.draw(weigh)
    assume(any(first.values()) and any(second.values()))
    start = round(start, 3)
    mixture = MixtureParams(tokens, weights=first, phases=(Phase(second, start=start),))
    try:
        solved = solve(mixture, mixed)
    except ValueError as error:
        if "asks for more than there is" not in str(error):
            raise
        return
    assert sum(solved.total.values()) == tokens
    assert all(solved.total[part] <= cap for part, cap in mixed.caps.items())
    for drawn, weights, share in zip(solved.phases, (first, second), (start, 1 - start), strict=True):
        for part, amount in drawn.items():
            assert amount == pytest.approx(tokens * share * weights[part] / sum(weights.values()), abs=3)


def test_the_largest_run_of_two_phases_is_limited_by_both():
    mixed = Parts({"web": 1000, "books": 90}, None, {})
    mixture = MixtureParams(weights={"web": 1, "books": 0}, phases=(Phase({"web": 0.1, "books": 0.9}, start=0.9),))
    assert solve(mixture, mixed).phases == [{"web": 900, "books": 0}, {"web": 10, "books": 90}]


@settings(max_examples=50)
@given(parts(), st.integers(1, 10**9), st.data())
def test_a_change_counts_what_was_used(mixed, tokens, data):
    used = {part: data.draw(st.integers(0, cap)) for part, cap in mixed.caps.items()}
    left = {part: cap - used[part] for part, cap in mixed.caps.items()}
    try:
        drawn = change(Phase(temperature=2, after_rows=1), mixed, tokens, used).total
    except ValueError:
        assert tokens > sum(left.values())
        return
    assert sum(drawn.values()) == tokens
    assert all(drawn[part] <= left[part] for part in left)


def test_a_change_that_asks_for_more_than_is_left_says_what_would_do():
    mixed = Parts({"web": 1000, "books": 100}, None, {"books": 2})
    with pytest.raises(
        ValueError, match=r"books must give 100 tokens and has 50, 50 short.*raise max_epochs of books to 2.5"
    ):
        change(Phase({"web": 0.5, "books": 0.5}, after_rows=1), mixed, 200, {"web": 0, "books": 150})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"by": ()}, "name one column or more"),
        ({"by": ("source", "source")}, "each once"),
        ({"by": ("num_words",)}, "none of source.*a number is weighed by a source's `buckets`"),
        ({"weights": {"web": -1}}, "web has -1; it must be 0 or more"),
        ({"weights": {"web": 0}}, "all are 0"),
        ({"temperature": 0}, "must be above 0"),
        ({"unimax": True}, "needs `tokens`"),
        ({"tokens": 5, "unimax": True, "temperature": 2}, "temperature and unimax: each decides the shares"),
        ({"phases": (Phase({"a": 1}, start=0.5), Phase({"a": 1}, start=0.5))}, "one after the other"),
        ({"phases": (Phase({"a": 1}, after_rows=5), Phase({"a": 1}, start=0.5))}, "put them last"),
    ],
)
def test_parameters_say_what_is_wrong(wrong, message):
    with pytest.raises(ValueError, match=message):
        MixtureParams(**wrong)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"weights": {"a": 1}}, "one of the two"),
        ({"weights": {"a": 1}, "start": 0.5, "after_rows": 5}, "one of the two"),
        ({"weights": {"a": 1}, "start": 1.0}, "between 0 and 1"),
        ({"weights": {"a": 1}, "after_rows": 0}, "at least 1"),
        ({"start": 0.5}, "`weights` or `temperature`"),
        ({"weights": {"a": 1}, "start": 0.5, "tokens": 10}, "are for a phase with `after_rows`"),
    ],
)
def test_phases_say_what_is_wrong(wrong, message):
    with pytest.raises(ValueError, match=message):
        Phase(**wrong)
