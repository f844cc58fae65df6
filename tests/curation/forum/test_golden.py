"""Claims about all real samples: every text is what it was when it was last read through, and no law is broken."""

import re

import pytest
import xxhash

from gristmill.curation import forum
from gristmill.curation.documents import Extracted, ReadOptions, meta_json
from gristmill.curation.markup import plain_lines

GOLDEN = {  # documents, their characters, digest of records, texts and meta
    "hackernews-items.jsonl": (251, 83643, "c50cf99a3bf66f92"),
    "mailinglist/2001-November.mbox": (28, 68501, "79e1017314177ce8"),
    "mailinglist/r-devel-2009-November.txt.gz": (154, 621414, "b6e3e46753389f67"),
    "mailinglist/r-help-2005-June.txt.gz": (817, 1272469, "c8b820e0551356b7"),
    "mailinglist/r-help-2013-July.txt.gz": (460, 936297, "24277c46f7286f37"),
    "mailinglist/r-package-devel-2020q1.txt.gz": (113, 305819, "0c5d74f71628e24e"),
    "oasst/en_100_message.jsonl": (100, 196008, "5c6c4e5d1207981b"),
    "oasst/en_100_tree.jsonl": (100, 196008, "5c6c4e5d1207981b"),
    "oasst/oasst1-en-validation.messages.jsonl": (154, 281828, "75683bbc2fab36dc"),
    "stackexchange/beer.stackexchange/Posts.xml": (663, 1521799, "2c50e313cc2cd04c"),
    "stackexchange/coffee.stackexchange/Posts.xml": (225, 445787, "688c26e0ae06f8a3"),
    "stackexchange/datascience.meta/Posts.xml": (257, 535385, "c771232bcaec4f30"),
    "ubuntu-irc.tar.gz": (80, 6737552, "e236e55530708459"),
}

EXCERPTS = {  # of one document each: record, its first two lines and its last two
    "hackernews-items.jsonl": (
        "121",
        "Hard disc test surprises Google\ndankelley:",
        "Elfan:\nCompanies would be interested in saving on cooling costs if its not providing any significant benefit.",
    ),
    "mailinglist/2001-November.mbox": (
        "3BF395DB.DA1C34A4@mecha.uni-stuttgart.de",
        "Numpy, BLAS, LAPACK, f2py\nNils Wagner:",
        "but better check the README first).\nbest regards -- Gerard",
    ),
    "mailinglist/r-devel-2009-November.txt.gz": (
        "20091110023019.0A45E282EEFA@mail.pubhealth.ku.dk",
        "Regression: PR#9602 - bquote(function(x,y) T)\nph.ebay:",
        "language       R\nversion.string R version 2.10.0 Patched (2009-10-26 r50212)",
    ),
    "mailinglist/r-help-2005-June.txt.gz": (
        "BAY101-F24CD930E8E97C74B15C0F7E8FC0@phx.gbl",
        "Help with SOM membership\nKen Termiso:",
        "Edgar Acuna\nUPRM",
    ),
    "mailinglist/r-help-2013-July.txt.gz": (
        "CAKO0Dpi0u4ckOGxLECcztLKm_AeTGvmgPqADX3gAuB_D8bDO1w@mail.gmail.com",
        "calculate time from dates\narun:",
        "Hope this helps,\nRui Barradas",
    ),
    "mailinglist/r-package-devel-2020q1.txt.gz": (
        "E786988A-1355-4D38-83A3-18AB6EE8A7D4@noaa.gov",
        "Suggests in a Package\nRoy Mendelssohn - NOAA Federal:",
        "Thanks.  And thanks for the tip.\n-Roy",
    ),
    "oasst/en_100_message.jsonl": (
        "1ffbe474-e15b-41bc-84e5-0fcf2d064f47",
        "User: Can you create a short Youtube Script for a video about how AI is changing everything?\nAssistant: [Intro Music & Animation]",
        "[Outro Music & Animation]\nUser: Add some sarcastic humor to the script.",
    ),
    "oasst/en_100_tree.jsonl": (
        "1ffbe474-e15b-41bc-84e5-0fcf2d064f47",
        "User: Can you create a short Youtube Script for a video about how AI is changing everything?\nAssistant: [Intro Music & Animation]",
        "[Outro Music & Animation]\nUser: Add some sarcastic humor to the script.",
    ),
    "oasst/oasst1-en-validation.messages.jsonl": (
        "571eed79-ebe8-4fac-9c98-22b7664ee603",
        "User: Write me a poem in the style of neruda\nAssistant: In the style of Neruda, I present to you this poem:",
        "| Birds | Fly |\n| Flowers | Sunny sky |",
    ),
    "stackexchange/beer.stackexchange/Posts.xml": (
        "904",
        "Are there any microbrewery in Lisbon/Tomar in portugal?\nAre there any microbrewery in Lisbon/Tomar in Portugal?",
        "- Cerveja Aroeira Lisbon Portugal\n- Dois Corvos Cervejeira Lisbon Portugal",
    ),
    "stackexchange/coffee.stackexchange/Posts.xml": (
        "1583",
        "What is essential for a proper tamp?\nThere are competing theories as to what you should do when tamping grounds in a portafilter. Some of these include:",
        "3. Coffee Research\n4. CoffeeGeek",
    ),
    "stackexchange/datascience.meta/Posts.xml": (
        "2279",
        "Rename [scikit] tag to [scikit-learn]\nI'm proposing the renaming/synonymizing of [scikit] tag to [scikit-learn].",
        "Answer 1:\nThat sounds reasonable to me. I have implemented both of those mappings now.",
    ),
    "ubuntu-irc.tar.gz": (
        "data/train/2006-05-15.train-c.raw.txt",
        "<apokryphos> kopete, woo\n<deep> But kopete is so uglu ^^",
        "<schmity> would stop loading up\n<greyhill> roger_mudd (sounds over my head) do you know what device that is? ( lsusb )",
    ),
}

_FENCE = re.compile(r"(`{3,})(\S*)")
_MARKED = re.compile(r"[ \t]{0,2}>[> \t]*")
_PROSE = re.compile(r"[*(\"'-]? ?[A-Za-z][\w',;-]*(?: [A-Za-z(][\w',;.)-]*){4,}[?!.:,;]*(?: |$)")
_PHONE = re.compile(r"^\W*(?:tel|phone|fax|ph)\b[^\n]{0,8}[:+(]?[^\n]*\d{3}", re.IGNORECASE | re.MULTILINE)


def documents(samples, name) -> list[Extracted]:
    with (samples / "forum" / name).open("rb") as stream:
        return [record for record in forum.read(stream, name, ReadOptions()) if isinstance(record, Extracted)]


@pytest.mark.parametrize("name", GOLDEN)
def test_real_samples_read_as_they_did(samples, name):
    found = documents(samples, name)
    digest = xxhash.xxh3_64()
    record, first, last = EXCERPTS[name]  # says what changed, as a digest does not
    (lines,) = [[line for line in one.text.split("\n") if line] for one in found if one.record == record]
    assert ("\n".join(lines[:2]), "\n".join(lines[-2:])) == (first, last)
    for record in found:
        digest.update(f"{record.record}\0{record.text}\0{meta_json(record.meta)}\0".encode())
        assert record.text == plain_lines(record.text)
    assert (len(found), sum(len(record.text) for record in found), digest.hexdigest()) == GOLDEN[name]


@pytest.mark.parametrize("name", [name for name in GOLDEN if "stackexchange" in name or "hackernews" in name])
def test_code_blocks_are_balanced(samples, name):
    for record in documents(samples, name):
        fence = None
        for line in record.text.split("\n"):
            if (found := _FENCE.fullmatch(line.strip())) and fence is None:
                fence = found[1]
            elif found and found[1] == fence and not found[2]:
                fence = None
        assert fence is None, record.record


QUOTING = {  # messages that show code, output, a page or their own words behind marks
    "4B00A12D.3030107@citycable.ch",
    "4B0351D1.5040105@citycable.ch",
    "4B0DD96C.9060104@citycable.ch",
    "4B11B75C.9070806@citycable.ch",
    "20050615154058.1053.qmail@web51806.mail.yahoo.com",
    "CAN9sA6GUJU5U+LV8o76_iyyUja79_Fh==A4WbEH1bma61phnDg@mail.gmail.com",
    "a2dfd6f8-de25-e1cb-12f2-4a7b238dd895@auckland.ac.nz",
    "42BC1502.4010001@free.fr",  # the fault that is left: a reply that nothing shows to be one
}


@pytest.mark.parametrize("name", [name for name in GOLDEN if "mailinglist" in name])
def test_no_quoted_mail_is_left(samples, name):
    """No line that says who wrote, no copied mail, and behind a mark nothing but code, but for the messages QUOTING."""
    for record in documents(samples, name):
        for line in record.text.split("\n"):
            assert "-----Original Message-----" not in line, record.record
            assert not re.match(r"On .*\d{4}.* wrote:$", line), record.record
            marked = _MARKED.match(line)
            if marked and _PROSE.match(line, marked.end()):
                assert record.record in QUOTING, (record.record, line)


@pytest.mark.parametrize("name", [name for name in GOLDEN if "mailinglist" in name])
def test_no_signature_is_left(samples, name):
    """Hardly a line of telephones, no "Sent from my phone", no cut disclaimer and no address of a mailbox below a rule."""
    text = "\n".join(record.text for record in documents(samples, name))
    assert not re.search(r"^Sent from my ", text, re.MULTILINE)
    assert not re.search(r"\{\{dropped(?::\d+)?\}\}\n\n", text)
    assert len(_PHONE.findall(text)) <= 7  # three are code


@pytest.mark.parametrize("name", [name for name in GOLDEN if "mailinglist" in name])
def test_no_quoted_printable_is_left(samples, name):
    """No =3D but in code that searches for it, and in one reply that quotes it behind `mb>`."""
    for record in documents(samples, name):
        lines = [line for line in record.text.split("\n") if "=3D" in line or line.endswith("=20")]
        assert all(line.startswith("    mb> ") for line in lines), (record.record, lines)
