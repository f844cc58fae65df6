"""What datatrove's tests ask of PII removal (tests/pipeline/test_pii_removal.py), and where Gristmill answers differently.

dolma publishes no tests of its PII taggers; the forms that its patterns are made for stand below too. Domains are ones
that are not set aside for documentation, as Gristmill leaves those alone (`email@example.com` is its own placeholder).
"""

import pytest

from gristmill.curation.phones import PLACEHOLDER as PHONE
from gristmill.curation.pii import EMAIL_PLACEHOLDER as EMAIL
from gristmill.curation.pii import IPV4_PLACEHOLDER as IP
from gristmill.curation.pii import KINDS
from tests.curation.masking import masking

masked = masking(*KINDS)


@pytest.mark.parametrize(
    "text",
    ["999.999.999.999.", "108.0.0.01", "0.1.2.3", "00.0000.00.00", "192.168.l.1", "912.456.123.123", "192.168.o.0"],
)
def test_invalid_addresses_stay(text):
    assert masked(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "172.16.0.9",
        "172.16.4.1",
        "172.17.1.1",
        "127.0.0.2",
        "10.0.1.5",
        "10.0.0.1",
        "10.155.155.155",
        "10.255.255.254",
        "172.16.0.4",
        "172.31.254.254",
        "192.168.1.2",
        "192.168.254.0",
    ],
)
def test_local_addresses_stay(text):
    assert masked(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "163.36.107.25",
        "114.35.103.54",
        "57.120.21.121",
        "13.83.69.70",
        "29.116.31.158",
        "193.163.229.23",
        "211.160.67.46",
        "4.132.211.142",
        "214.70.227.4",
        "35.88.121.75",
    ],
)
def test_public_addresses_are_masked(text):
    assert masked(text) == IP


def test_a_number_that_goes_on_is_no_address():
    # datatrove has no boundaries: ".3.3.3.0" becomes ".IP", and "section 1.2.3.4" and "12345.67.89.1011" are hit too.
    for text in (".3.3.3.0", "section 1.2.3.4", "12345.67.89.1011"):
        assert masked(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "email@mill.org",
        "firstname.lastname@mill.org",
        "email@subdomain.mill.org",
        "firstname+lastname@mill.org",
        "1234567890@mill.org",
        "email@mill-one.com",
        "_______@mill.org",
        "email@mill.name",
        "email@mill.museum",
        "email@mill.co.jp",
        "firstname-lastname@mill.org",
        "email@mill.web",
    ],
)
def test_valid_addresses_are_masked(text):
    assert masked(text) == EMAIL


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Joe Smith <email@mill.org>", f"Joe Smith <{EMAIL}>"),
        ("email@mill.org (Joe Smith)", f"{EMAIL} (Joe Smith)"),
        (".email@mill.org", f".{EMAIL}"),
        ("email@mill@mill.org", f"email@{EMAIL}"),
        ("email@123.123.123.123", f"email@{IP}"),  # datatrove: the whole of it, as an e-mail address
        ("email@[123.123.123.123]", f"email@[{IP}]"),
        ("email..email@mill.org", EMAIL),  # datatrove leaves the first half
        ("Abc..123@mill.org", EMAIL),
    ],
)
def test_the_address_goes_and_what_surrounds_it_stays(text, expected):
    assert masked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "plainaddress",
        "#@%^%#$@#$@#.com",
        "@mill.org",
        "email.mill.org",
        "email.@mill.org",
        '"email"@mill.org',
        "あいうえお@mill.org",
        "email@mill",
        "email@mill..com",
    ],
)
def test_what_is_no_address_stays(text):
    assert masked(text) == text


@pytest.mark.parametrize("number", ["(212) 736-5000", "212-736-5000", "212.736.5000"])
def test_the_phone_numbers_that_dolma_looks_for(number):
    assert masked(f"call {number} now") == f"call {PHONE} now"


def test_digits_alone_are_no_phone_number():
    # dolma's pattern takes any ten digits after white space: ids, sums and rows of tables with them.
    for text in (" 2127365000 ", "id 2127365000", "212 736 5000"):
        assert masked(f"x {text} y") == f"x {text} y"
