"""Addresses of people are masked, and numbers or words that only look like them are not."""

import gzip
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation.pii import PiiParams, find

BOTH = PiiParams(email="mask", ip="mask")


def masked(text: str, params: PiiParams = BOTH) -> str:
    pieces, end = [], 0
    for span in find(text, params):
        pieces += [text[end : span.start], span.replacement]
        end = span.end
    return "".join(pieces) + text[end:]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to jane.doe+mill@mail.example-mill.co.uk.", "Write to email@example.com."),
        ("<a href='mailto:tj@vision-media.ca'>", "<a href='mailto:email@example.com'>"),
        ("für max.müller@grünkern.de!", "für email@example.com!"),
        ("请发邮件到abc@mill.cn谢谢", "请发邮件到email@example.com谢谢"),
        ("a@mill.org,b@mill.org;c@mill.org", "email@example.com,email@example.com;email@example.com"),
        ("JANE@MILL.ORG wrote", "email@example.com wrote"),
        ("iasupport [AT] archive [DOT] org", "email@example.com"),
        ("presse(at)jugend-forscht.de", "email@example.com"),
        ("to " + "bounce-" * 12 + "a@mill.org", "to email@example.com"),
        ("jane@mill.org@foo.org and a@b.org@c.org@d.org", "email@example.com and email@example.com"),
    ],
)
def test_an_address_becomes_the_documentation_address(text, expected):
    assert masked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "logo@2x.png",
        "@app.route('/')",
        "git@github.com:pallets/click.git",
        "this@MainActivity.applicationContext",
        "x@np.transpose(y)",
        "user@localhost and root@db.internal",
        "jane@example.com, joe@mail.example.org",
        "@jane@mastodon.social",
        "5 apples @ 2.50 each",
        "react@17.0.2",
        "a@b",
    ],
)
def test_what_only_looks_like_an_address_stays(text):
    assert masked(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "From jjl at pobox.com  Thu Nov  1 11:19:14 2001",
            "From email@example.com  Thu Nov  1 11:19:14 2001",
        ),
        ("From: jjl at pobox.com (John J. Lee)", "From: email@example.com (John J. Lee)"),
        ("Peter Ripley <ripley at stats.ox.ac.uk> wrote:", "Peter Ripley <email@example.com> wrote:"),
        ("On 30/10/2009, Mark.Bravington at csiro.au wrote:", "On 30/10/2009, email@example.com wrote:"),
        ("Konrad Hinsen | E-Mail: hinsen at cnrs-orleans.fr", "Konrad Hinsen | E-Mail: email@example.com"),
        ("Perry [mailto:perry at stsci.edu]", "Perry [mailto:email@example.com]"),
        ("> R.M.Everson at exeter.ac.uk     Secretary:", "> email@example.com     Secretary:"),
        ("To: a at mill.org, b.c at mill.org", "To: email@example.com, email@example.com"),
    ],
)
def test_an_address_written_out_by_a_list_archive_is_masked(text, expected):
    assert masked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "The text is available at archive.org.",
        "Apache/2.2.3 Server at www.hideout.com.br Port 80",
        "He is a professor at stanford.edu, and works at night.",
        "Look at python.org",
        "From what I saw at archive.org it is gone.",
    ],
)
def test_english_about_a_host_stays(text):
    assert masked(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Submission from: (NULL) (86.11.78.110)", "Submission from: (NULL) (192.0.2.1)"),
        ("at 93.184.216.34.", "at 192.0.2.1."),
        ("http://93.184.216.34:8080/x", "http://192.0.2.1:8080/x"),
        ("93.184.216.34-93.184.216.40", "192.0.2.1-192.0.2.1"),
        ("<10664.1118923458.squirrel@66.92.23.42>", "<10664.1118923458.squirrel@192.0.2.1>"),
        ("::ffff:93.184.216.34", "::ffff:192.0.2.1"),
        ("inet 52.95.110.1/24, http://93.184.216.34/42", "inet 192.0.2.1/24, http://192.0.2.1/42"),
        ("from 2a00:1450:4001:81b::200e port", "from 2001:db8::1 port"),
        ("[2607:f8b0:4004:0c1b:0000:0000:0000:0065]:443", "[2001:db8::1]:443"),
    ],
)
def test_a_public_address_becomes_the_documentation_address(text, expected):
    assert masked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "section 1.2.3.4",
        "§ 11.2.3.4 and Chapter 12.3.4.5",
        "1.2.3.4 Methods\nWe",
        "Intro\n  ## 3.2.1.4. Results",
        "12345.67.89.1011",
        "93.184.216.345",
        "v1.2.3.4, version 20.0.0.1, Version: 31.4.2.1",
        "foo==23.4.5.6 and Chrome/99.1.2.3 and Rpy-11.4.2.1",
        "OID 1.3.6.1.4.1.311",
        "127.0.0.1 10.0.0.1 192.168.1.1 172.16.0.9 169.254.1.1 0.0.0.0 224.0.0.1 255.255.255.255 192.0.2.7",
        "nameserver 8.8.8.8",
        "1.208.0.0/12 and 52.95.110.0/24",
        "Linux 2.6.27.30-170.2.82.fc10.x86_64",
        "::1 fe80::1 fc00::1 2001:db8::7 12:30:45 2009:12:31 std::vector 2009::ab",
    ],
)
def test_numbers_that_are_no_public_address_stay(text):
    assert masked(text) == text


def test_each_kind_is_masked_only_if_asked():
    text = "jane@mill.org from 93.184.216.34"
    assert masked(text, PiiParams(email="mask", ip=None)) == "email@example.com from 93.184.216.34"
    assert masked(text, PiiParams(email=None, ip="mask")) == "jane@mill.org from 192.0.2.1"
    assert find(text, PiiParams(email=None, ip=None)) == []
    with pytest.raises(ValueError, match='email is "hash"; write email: mask'):
        PiiParams(email="hash")


def test_spans_count_code_points_and_name_their_rule():
    text = "🙂 jane@mill.org é 93.184.216.34"
    first, second = find(text, BOTH)
    assert text[first.start : first.end] == "jane@mill.org"
    assert text[second.start : second.end] == "93.184.216.34"
    assert (first.rule, second.rule) == ("pii.email", "pii.ip")


pieces = st.lists(
    st.sampled_from(
        [
            "+49 30 901820",
            "212-736-5000",
            "(212) 736-5000",
            "Tel. 030 / 23 45 67",
            "Phone: ",
            "4111 1111 1111 1111",
            "5500005555555559",
            "+",
            "-",
            "(",
            ")",
            "12",
            "345",
            "jane@mill.org",
            "93.184.216.34",
            " at ",
            "a",
            ".",
            "@",
            "1",
            ",",
            "<",
            ">",
            "\n",
            " ",
            "mill.org",
            "e-mail: ",
        ]
    )
)


@given(pieces.map("".join))
def test_masking_twice_is_masking_once_and_spans_are_disjoint(text):
    spans = find(text, BOTH)
    assert all(0 <= s.start < s.end <= len(text) for s in spans)
    assert all(a.end <= b.start for a, b in pairwise(spans))
    assert masked(masked(text)) == masked(text)


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit",
    [
        "a@",
        "a.",
        "1.",
        "a at b.",
        "2001:",
        "a[at]b[dot]",
        " ",
        "-",
        "a" * 99 + "@b.",
        "@",
        "1",
        "1 ",
        "+1 ",
        "(1) ",
        "tel ",
        "tel:1",
        "+1-",
        "212-736-5000 ",
        "1234 5678 ",
        "4111-",
        "((((+1",
        "1/1-",
        "fax\n\n ",
        "1.2.3.4 ",
        "1.2.3.4, ",
        "99.2.3.4, ",
        "v1.2.3.4-",
        "a@b.org@",
        "a.b@c.de,",
        "from (",
    ],
)
def test_time_is_linear_in_hostile_text(unit):
    def seconds(size: int) -> float:
        text = unit * (size // len(unit)) + "@"
        start = time.process_time()
        find(text, BOTH)
        return time.process_time() - start

    once = min(seconds(100_000) for _ in range(3))
    # Ten times the text in ten times the time; quadratic would be a hundred. What is fast anyway is left alone.
    assert seconds(1_000_000) < max(40 * once, 0.2)


def test_a_list_archive_keeps_no_address_in_its_headers(samples):
    path = samples / "forum" / "mailinglist" / "r-devel-2009-November.txt.gz"
    text = gzip.open(path, "rt", encoding="latin-1").read()
    result = masked(text)
    assert "ripley at stats.ox.ac.uk" in text
    assert not [line for line in result.splitlines() if line.startswith("From: ") and " at " in line.split("(")[0]]
    assert "Submission from: (NULL) (75.61.102.255)" in text
    assert "75.61.102.255" not in result
    assert "R-2.10.0" in result
