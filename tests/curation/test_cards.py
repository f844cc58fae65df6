"""Card numbers are known by prefix, length and checksum, and nothing else is taken for one."""

import pytest

from gristmill.curation.cards import ISSUERS, PLACEHOLDER, luhn
from gristmill.curation.pii import PiiParams, find
from tests.curation.masking import masking

masked = masking("credit_card")


# Numbers that payment providers publish for tests; no account has them.
@pytest.mark.parametrize(
    "number",
    [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "5555555555554444",
        "2223 0031 2200 3222",
        "378282246310005",
        "3782 822463 10005",
        "6011 1111 1111 1117",
        "3056 930902 5904",
        "3530111333300000",
        "6200 0000 0000 0005",
        "4000 0000 0000 0000 006",
    ],
)
@pytest.mark.parametrize("around", ["{}", "card: {}, exp. 12/27", "({})", "{} 12/27 123", '"{}"'])
def test_a_card_number_is_masked(number, around):
    assert masked(around.format(number)) == around.format(PLACEHOLDER)


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",  # checksum
        "9111 1111 1111 1115",  # no issuer
        "0000 0000 0000 0000",
        "411111111111111",  # 15 digits
        "4111 1111-1111 1111",  # mixed separators
        "84111111111111111, 41111111111111117, 4111111111111111111111",
        "0.4111111111111111 and 4111111111111111.5 and 1e4111111111111111",
        "0x4111111111111111 4111111111111111L a4111111111111111 id_4111111111111111",
        "f47ac10b-4111-1111-1111-1111111111111111",
        "4111 1111 1111 1111 1111\n",
        "1111 4111 1111 1111 1111",
        "620000000000000003",  # 18 digits in one run: the id of a message
        "ISBN 978-3-16-148410-0",
        "http://host/4111111111111111/x?id=4111111111111111",
    ],
)
def test_other_numbers_stay(text):
    assert masked(text) == text


def test_rare_lengths_need_a_word_before_them():
    assert masked("30569309025904") == "30569309025904"
    assert masked("Diners card 30569309025904") == f"Diners card {PLACEHOLDER}"


def test_luhn_finds_every_wrong_digit_and_most_swaps():
    number = "4539148803436467"
    assert luhn(number)
    for place in range(16):
        for digit in set("0123456789") - {number[place]}:
            assert not luhn(number[:place] + digit + number[place + 1 :])
    assert not luhn("4593148803436467")


def test_a_card_after_the_word_phone_is_a_card():
    text = "Phone order: 4012 8888 8888 1881"
    (edit,) = find(text, PiiParams())
    assert edit.rule == "pii.credit_card"


def test_issuers_have_their_ranges():
    for prefix, length, known in [
        ("51", 16, True),
        ("50", 16, False),
        ("2720", 16, True),
        ("2721", 16, False),
        ("34", 15, True),
    ]:
        assert bool(ISSUERS.fullmatch(prefix.ljust(length, "1"))) == known
