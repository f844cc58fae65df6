import doctest
import re

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import gristmill.tokenizer.allocation
import gristmill.tokenizer.shares
from gristmill.tokenizer.allocation import allocate
from gristmill.tokenizer.mixture import MixtureParams, is_validation

NAMES = ["web", "books", "code", "forum"]
AVAILABLE = st.dictionaries(st.sampled_from(NAMES), st.integers(1, 10**9), min_size=1)


@st.composite
def mixtures(draw):
    """Available tokens, weights (one at least above 0) and epochs of some sources."""
    available = draw(AVAILABLE)
    weights = {s: draw(st.integers(0, 100)) / 20 for s in available}
    assume(any(weights.values()))
    return available, weights, {s: draw(st.sampled_from([0.5, 1, 2.5, 4])) for s in available}


def test_the_worked_example_holds():
    assert not any(doctest.testmod(m).failed for m in (gristmill.tokenizer.allocation, gristmill.tokenizer.shares))


@given(AVAILABLE)
def test_natural_sizes_take_everything_once(available):
    assert allocate(available, None, {}, None) == available
    assert allocate(available, None, dict.fromkeys(available, 4), None) == available


@given(mixtures(), st.integers(1, 10**10))
def test_an_allocation_meets_tokens_weights_and_caps_or_says_why_not(mixture, tokens):
    available, weights, epochs = mixture
    try:
        drawn = allocate(available, weights, epochs, tokens)
    except ValueError as error:
        mended = int(re.search(r"set tokens: (\d+)", str(error))[1])
        assert mended < tokens
        if mended:
            assert sum(allocate(available, weights, epochs, mended).values()) == mended
        raised = re.search(r"raise max_epochs of (.*?), (or|lower|set)", str(error))[1]
        more = {s: float(n) for s, n in re.findall(r"(\w+) to ([\d.e+]+)", raised)}
        assert sum(allocate(available, weights, epochs | more, tokens).values()) == tokens
        return
    assert sum(drawn.values()) == tokens
    total = sum(weights.values())
    for source, amount in drawn.items():
        assert amount <= available[source] * epochs[source]
        assert abs(amount - tokens * weights[source] / total) <= 1 + 1e-6
        assert amount == 0 or weights[source] > 0


@given(mixtures())
def test_without_tokens_the_allocation_is_the_largest_that_keeps_the_weights(mixture):
    available, weights, epochs = mixture
    most = sum(allocate(available, weights, epochs, None).values())
    with pytest.raises(ValueError, match="asks for more than there is"):
        allocate(available, weights, epochs, most + 1)


@given(mixtures(), st.integers(1, 10**10))
def test_the_lower_weights_that_an_error_proposes_are_enough(mixture, tokens):
    available, weights, epochs = mixture
    try:
        allocate(available, weights, epochs, tokens)
    except ValueError as error:
        if proposal := re.search(r"lower the weight of (.*?), or", str(error)):
            lower = {s: float(n) for s, n in re.findall(r"(\w+) to ([\d.e+-]+)", proposal[1])}
            assert all(lower[s] < weights[s] for s in lower)
            assert sum(allocate(available, weights | lower, epochs, tokens).values()) == tokens


def test_an_error_names_every_short_source_and_the_ways_out():
    with pytest.raises(ValueError, match="asks for more") as raised:
        allocate({"web": 900, "books": 50, "code": 300}, {"web": 5, "books": 3, "code": 2}, {"books": 4}, 1500)
    assert str(raised.value) == (
        "the mixture asks for more than there is: books must give 450 tokens and has 200, 250 short. To mend it, "
        "raise max_epochs of books to 9, or set tokens: 666 or less."
    )
    with pytest.raises(ValueError, match=r"or lower the weight of books to 1\.555, or set tokens: 666"):
        allocate({"web": 900, "books": 50, "code": 300}, {"web": 5, "books": 3, "code": 2}, {"books": 4}, 1100)


def test_weight_zero_gives_nothing():
    assert allocate({"web": 100, "books": 50}, {"web": 1, "books": 0}, {}, None) == {"web": 100, "books": 0}


@pytest.mark.parametrize(
    ("weights", "epochs", "message"),
    [
        ({"web": 1}, {}, "no weight for books"),
        ({"web": 1, "books": -1}, {}, "weight of books is -1"),
        ({"web": 1, "books": float("nan")}, {}, "weight of books is nan"),
        ({"web": 1, "books": 1, "bokos": 1}, {}, "no such source: bokos"),
        ({"web": 1, "books": 1}, {"books": 0}, "max_epochs of books is 0"),
        ({"web": 0, "books": 0}, {}, "no source has tokens"),
        (None, {"wbe": 2}, "no such source: wbe"),
    ],
)
def test_what_is_wrong_with_a_mixture_is_said(weights, epochs, message):
    with pytest.raises(ValueError, match=message):
        allocate({"web": 100, "books": 50}, weights, epochs, None)


def test_a_weighted_source_without_tokens_is_an_error_and_a_natural_one_is_not():
    with pytest.raises(ValueError, match="no tokens in books"):
        allocate({"web": 100, "books": 0}, {"web": 1, "books": 1}, {}, None)
    assert allocate({"web": 100, "books": 0}, None, {}, None) == {"web": 100, "books": 0}


def test_validation_goes_by_the_id_alone():
    ids = [f"{i:032x}" for i in range(4000)]
    chosen = is_validation(ids, 0.05, 17)
    assert abs(chosen.mean() - 0.05) < 0.015
    assert (is_validation(ids[1000:], 0.05, 17) == chosen[1000:]).all()
    assert (is_validation(ids, 0.1, 17) >= chosen).all()
    assert not is_validation(ids, 0, 17).any()
    assert not np.array_equal(is_validation(ids, 0.05, 18), chosen)


@pytest.mark.parametrize("wrong", [{"tokens": 0}, {"validation": 1.0}, {"validation": -0.1}])
def test_parameters_say_what_is_wrong(wrong):
    with pytest.raises(ValueError, match="must be"):
        MixtureParams(**wrong)
