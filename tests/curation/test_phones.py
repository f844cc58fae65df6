"""Phone numbers are masked, and the many other numbers that a text holds are left alone."""

import gzip

import pytest

from gristmill.curation.phones import PLACEHOLDER
from gristmill.curation.pii import PiiParams, find
from tests.curation.masking import masking

masked = masking("phone")


@pytest.mark.parametrize(
    "number",
    [
        "+1 212-736-5000",
        "+1 (212) 736-5000",
        "+12127365000",
        "+1.212.736.5000",
        "+44 20 8765 4321",
        "+44 (0)20 8765 4321",
        "(+49) 30 901820",
        "+49/30/901820",
        "+49 30 90182-0",
        "+33 1 42 68 53 00",
        "+91 9611190435",
        "+81-158-23-2012",
        "(212) 736-5000",
        "(212)736-5000",
        "212-736-5000",
        "212.736.5000",
        "1-212-736-5000",
    ],
)
@pytest.mark.parametrize(
    "around", ["{}", "Write or call {}.", "home {}, office", "<a href='tel:{}'>", "({})", "x\n{}\ny"]
)
def test_a_number_in_a_clear_form_is_masked(number, around):
    assert masked(around.format(number)).replace("((", "(") == around.format(PLACEHOLDER)


@pytest.mark.parametrize(
    "text",
    [
        "Tel.: {030 / 90 18 20}",
        "Tel. {0228-999582-5777}",
        "Telefon: {(0341) 696290}, Fax: {(0341) 6892826}",
        "Tél. {01 42 68 53 00}",
        "tel {020 8765 4321}",
        "Phone {415-561-6767}.",
        "phone: {(406)994-5340}",
        "Tel: {617/392-8396}    Fax:{617/476-6389}",
        "Fax:\n{617-432-3557}",
        "Tel.: {+ 32 14 33 58 22}",
        'phone = "{2127365000}"',
        "mobile: {079 555 12 34}",
        "电话：{010-6552-9988}",
        "TEL {+49 30 9599 8099}",
        "{905-525-9140}x23604",
        "tel {555-1234} 2012-05-06 12:34:56",
        "Tel.: {0228 8491 4444} 2019/12/31",
    ],
)
def test_a_telling_word_allows_the_form_of_any_country(text):
    expected = text
    while "{" in expected:
        expected = expected[: expected.index("{")] + PLACEHOLDER + expected[expected.index("}") + 1 :]
    assert masked(text.replace("{", "").replace("}", "")) == expected


@pytest.mark.parametrize(
    "text",
    [
        "ISBN 0-306-40615-2, ISBN 978-3-16-148410-0, ISBN-13: 9783161484100, ISSN 2049-3630",
        "doi:10.1000/182, 10.1038/s41586-020-2649-2",
        "2009-11-30, 30.11.2009, 11/30/2009, 20091130 12:30:45, 2005-06-22T23:35:00+02:00",
        "1990-2000, pp. 1234-1256, 1914-1918 and 100-200-300",
        "telephone 1876-1900, phone 2007-2010, Fax 01.02.2005",
        "version 212.736.5000.1 and 1.2.3-4567890",
        "account 4512-998-7123-44, order no. 212-736-5000, ISBN: 212-736-5000, bug #212-736-5000",
        "a sum of 2,127,365,000 or $2127365000",
        "+1.2127365000 +2.3456789012 -1.2127365000",
        "x = 1+2127365000; y = a*+12127365000",
        "48.856613, 2.352222 and +48.8566 2.3522",
        "212 736 5000\n313 555 1234\n",
        "0x2127365000 2127365000L 5551234567 1234567890123",
        "20.5 1982 2003 1.0 2.5 3.7",
        "5575.310 4994.921 5481.967",
        "550e8400-e29b-41d4-a716-446655440000",
        "123-45-6789 and 12-3456789",
        "Cell 144, 646-674 (2011); call 1234567 times; hotel 2127365000; a telling 2127365",
        "123-456-7890 and 112-736-5000 and 212-136-5000 are in no plan",
        "at 12:30 +0100 (CET)",
        "Mon, 22 Jun 2005 23:35:10 +0200",
    ],
)
def test_other_numbers_stay(text):
    assert masked(text) == text


def test_fiction_stays():
    text = "212-555-0123, (202) 555-0199, +1 202-555-0100, Tel. 1-800-555-0199"
    assert masked(text) == text
    assert masked("212-555-1234") == PLACEHOLDER


def test_a_number_ends_where_the_next_word_begins():
    assert masked("+44 20 8765 4321 20 people") == f"{PLACEHOLDER} 20 people"
    assert masked("+386 1 7217861 +386 1 7217888") == f"{PLACEHOLDER} {PLACEHOLDER}"


def test_a_list_archive_keeps_no_number_of_its_signatures(samples):
    text = gzip.open(samples / "forum" / "mailinglist" / "r-help-2005-June.txt.gz", "rt", encoding="latin-1").read()
    found = find(text, PiiParams(email=None, ip=None, secrets=None, credit_card=None))
    assert len(found) > 300
    assert not [edit for edit in found if sum(c.isdigit() for c in text[edit.start : edit.end]) < 7]
