"""Wikitext to text: each rule on one line, then laws."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation.wikipedia.params import WikipediaParams
from gristmill.curation.wikipedia.wikitext import plain_text, readable

LEFT_OVER = ("{{", "}}", "[[", "]]", "<ref", "{|", "|}")


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        # links
        ("a [[city]] and [[Paris|the capital]]s", "a city and the capitals"),
        ("[[File:A.png|thumb|A [[caption]] in [[b]]]]Text", "Text"),
        ("[[Datei:A.png|mini|x]][[Fichier:B.png]][[ファイル:C.png]]Text", "Text"),
        ("Text[[Category:Cities]][[de:Stadt]][[zh-min-nan:X]]", "Text"),
        ("[[:Category:Cities]], [[:de:Stadt|Stadt]], [[wikt:city|city]]", "Category:Cities, Stadt, city"),
        ("see [http://a.org the site] or [https://b.org] or http://c.org", "see the site or or http://c.org"),
        ("[[File:A.png|thumb|from [http://a.org b]]] Text", "Text"),
        # bold, italics, apostrophes
        ("'''Köln''' is ''old'' and '''''big'''''", "Köln is old and big"),
        ("lire l'''Iliade'' et '''relire'''", "lire l'Iliade et relire"),
        # references, comments, magic words
        ('One.<ref>x [[y]]</ref><ref name="a" /> Two<ref name=b/>, three.', "One. Two, three."),
        ("a<!-- hidden\n\nwords -->b __NOTOC__ c", "ab c"),
        ("* a\n<!-- c -->\n* b", "- a\n- b"),
        # raw passages
        ("a <nowiki>[[b]] '''c'''</nowiki> d", "a [[b]] '''c''' d"),
        (
            "the mass <math>E = m c^2 \\text{ for } a &lt; b</math>.",
            "the mass $E = m c^2 \\text{ for } a < b$.",
        ),
        ("<syntaxhighlight lang=c>\nif (a[[0]])\n    b();\n</syntaxhighlight>", "if (a[[0]])\n    b();"),
        ("call <code>main()</code> first", "call main() first"),
        # tables, tags, entities
        ("before\n{| class=x\n| a || {{b}}\n|-\n|\n{|\n| inner\n|}\n|}\nafter", "before\n\nafter"),
        ("before<table><tr><td>x</td></tr></table>after", "before\nafter"),
        ("<div style='a'>x</div><span lang=de>y</span> <small>z</small>", "x\n\ny z"),
        ("10<sup>6</sup> H<sub>2</sub>O the 19<sup>th</sup>", "10⁶ H₂O the 19th"),
        ("a&nbsp;b &amp; c &lt;stdio.h&gt;", "a b & c <stdio.h>"),
        ("<gallery>\nA.png|caption\n</gallery>Text", "Text"),
        # templates that carry words, and those that do not
        ("The {{lang|de|Dom}} ({{lang-la|Cathedralis}})", "The Dom (Cathedralis)"),
        (
            "{{convert|10|km|mi|abbr=on}}, {{cvt|5|ft|10|in|m}}, {{convert|3|to|4|sqmi|km2|1}}",
            "10 km, 5 ft 10 in, 3 to 4 sq mi",
        ),
        ("{{unité|4203|hab./km|2}} et {{s|XIX|e}}", "4203 hab./km² et XIXe siècle"),
        ("{{Infobox city\n| name = [[Köln]]\n| area = {{convert|1|km2}}\n}}\nText", "Text"),
        ("{{chem|H|2|O}} {{frac|1|2}} {{val|1.5|e=3|u=kg}}", "H₂O 1/2 1.5×10³ kg"),
        ("{{nihongo|Kyoto|京都|Kyōto}}", "Kyoto (京都, Kyōto)"),
        ("{{quote|All is well.|X}}", "All is well."),
        ("{{formatnum:12345}} {{lc:ABC}} {{#if:a|b}}c", "12345 abc c"),
        ("{{{1|default}}} words", "default words"),
        # what templates leave behind
        ("Köln ({{IPA|kœln}}; born 1950) x", "Köln (born 1950) x"),
        ("Köln ({{IPA|kœln}}, {{audio|a.ogg}}) x", "Köln x"),
        ("Köln （{{IPA|a}}、ケルン） x", "Köln （ケルン） x"),
        ("word {{fact}}. Next {{fact}} word", "word. Next word"),
        ("f() and g( x ) stay", "f() and g( x ) stay"),
        ("the end.<ref>a</ref>. Next, <ref>b</ref>, then ...<ref>c</ref>.", "the end. Next, then ...."),
        ("Köln (German: {{IPA|x}}; Latin: {{lang|la|Colonia}}) x", "Köln (Latin: Colonia) x"),
        ("Köln (pronounced {{IPA|a}}; German: {{IPA|x}}) x", "Köln x"),
        ("It has letters for {{IPA|/a/}} and for {{IPA|/i/}}.", "It has letters for /a/ and for /i/."),
        # templates that nobody has listed: words inside a sentence stay, notes and boxes go
        ("known as {{etwas|Wort}} in it", "known as Wort in it"),
        ("known as ({{etwas|de|Wort}}), so", "known as (Wort), so"),
        ("ein {{Vorlage X|de|texte=Wort}} hier", "ein Wort hier"),
        ("word{{note x|see below}} word {{x|date=May}} and {{x|a.png}} end", "word word and end"),
        ("a {{box|one|two|three|four}} b {{x|12}} c", "a b c"),
        ("* {{twin town|Paris|1960}}\n* b", "- b"),
        # names and numbers as wikis in other languages write them
        ("{{langue|de|texte=Wort}} {{lang|fr|mot}} {{llang|de|Wort}}", "Wort mot Wort"),
        (
            "(born {{birth date and age|1809|2|12}}, {{death date|1865|4|15|df=yes}})",
            "(born February 12, 1809, 15 April 1865)",
        ),
        (
            "{{Höhe|115|DE-NHN}} {{cvt|4.5e6|km2}} {{s|XIX|e}} {{s|два слова}}",
            "115 m 4.5×10⁶ km² XIXe siècle два слова",
        ),
        (
            "{{読み仮名|漢字|かんじ}}は {{bd|1879年|3月14日|1955年|4月18日}}",
            "漢字 (かんじ)は 1879年3月14日－1955年4月18日",
        ),
        ("برلين {{ألمانية|Berlin}} مدينة", "برلين (بالألمانية: Berlin) مدينة"),
        ("برلیناله {{به آلمانی|Berlinale}} است", "برلیناله (به آلمانی: Berlinale) است"),
        ("{{link-de|柏林大學|Universität}} {{le|中文|english}} {{tsl|en|Foo|標籤}}", "柏林大學 中文 標籤"),
        ("Buch. {{ISBN|978-3}} 45{{esd}}km {{esd|a b}}", "Buch. ISBN 978-3 45 km a b"),
        ("{{columns-list|2|\n* a\n* b\n}}", "- a\n- b"),
        # lists and headings
        ("# a\n# b\n## c\n# d", "1. a\n2. b\n  1. c\n3. d"),
        ("; term\n: meaning", "term\nmeaning"),
        (
            "Lead\n== A ==\ntext\n=== B ===\n== See also ==\n{{Portal}}\n== C ==\n=== D ===\nx",
            "Lead\n\nA\n\ntext\n\nC\n\nD\n\nx",
        ),
        ("== External links ==\n* {{official}}\n* [http://a.org]\n", ""),
        # Chinese variants
        ("a __БЕЗ_ОГЛАВЛЕНИЯ__ __AUCUNSOMMAIRE__ __init__ b", "a __init__ b"),
        ("-{zh-cn:软件; zh-tw:軟體}-和-{T|x}-", "软件和"),
        # damage
        ("{{Infobox\n| a = b\n\nProse that follows.", "Prose that follows."),
        ("{|\n| cell\n\nProse after an open table.", "Prose after an open table."),
        ("a <ref>never closed", "a never closed"),
        ("stray ]] and }} and [[ open", "stray and and open"),
    ],
)
def test_markup_becomes_text(wikitext, text):
    assert plain_text(wikitext) == text


TABLE = "x\n{| class=a\n|+ Cap\n! A !! B\n|-\n| style='a' | 1 || '''2'''\n|-\n| [[x|3]]<br>4\n* five\n|}\ny"
HTML_TABLE = "x<table><tr><td>1</td><td>a<br>b</td></tr></table>y"


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        (TABLE, "x\n\nCap\nA | B\n1 | 2\n3 4 five\n\ny"),
        (HTML_TABLE, "x\n\n1 | a b\n\ny"),
        ("{|\n| a\n{|\n| inner || cell\n|}\n|}", "a\ninner | cell"),
        ("{|\n|\n|-\n| {{x}} || –\n|}", ""),
        ("A [[File:a.png|thumb|alt=x|A [[b|cap]]]] c [[File:b.png|200px]] d\n\ne", "A c d\n\nA cap\n\ne"),
        ("[[Kategorie:A|Schlüssel]] [[Bild:a.jpg|mini|hochkant=1.2|Wort]] x", "x\n\nWort"),
    ],
)
def test_tables_and_captions_can_be_kept(wikitext, text):
    assert plain_text(wikitext, (), WikipediaParams(tables="keep", captions="keep")) == text


def test_names_of_a_wiki_s_own_namespaces_are_known_from_its_dump():
    wikitext = "[[Attālis:A.png|thumb|x]]Text[[Grupa:B]]"
    assert plain_text(wikitext, ("attālis", "grupa")) == "Text"


BROKEN = [
    (
        "It is large. It has {{Population|Berlin}} inhabitants. It is old and well known.",
        "It is large. It is old and well known.",
    ),
    ("Sie ist alt und bekannt. Sie ist mit rund {{#expr: 3.7}} Millionen groß.", "Sie ist alt und bekannt."),
    ("Je to velké město v Evropě. Žije zde {{Počet obyvatel}} obyvatel.", "Je to velké město v Evropě."),
    (
        "ドイツの北東部に位置する都市。およそ{{formatnum:{{#expr:{{Population|B}}/1000}}}}万人で最大。",
        "ドイツの北東部に位置する都市。",
    ),
    ("A town (with {{pop}} people) in the hills of the land.", "A town in the hills of the land."),
    ("It is about the money of the time. It cost ${{inflation|US|5|1929}}.", "It is about the money of the time."),
]


@pytest.mark.parametrize(("wikitext", "text"), BROKEN)
def test_a_sentence_that_lacks_a_word_only_the_wiki_knows_is_left_out(wikitext, text):
    assert readable(wikitext) == (text, 1)


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        ("A city.{{citation needed}} It is old {{cn}} and large.", "A city. It is old and large."),
        ("A word{{unknown note|x}} and more.", "A word and more."),
        ("{{Unknown box|a=1}}\nWords of it.", "Words of it."),
        ("It is old {{flagicon|x}} and large.", "It is old and large."),
        ("Has {{pop}} people.", "Has people."),  # nothing would be left
    ],
)
def test_notes_and_boxes_break_no_sentence(wikitext, text):
    assert readable(wikitext) == (text, 0)


def test_a_note_in_italics_above_the_article_is_no_part_of_it():
    note = ": ''Hierdie artikel handel oor die stad. Vir ander, sien [[Berlyn (dubbelsinnig)]].''\n"
    assert plain_text(note + "'''Berlyn''' is 'n stad.") == "Berlyn is 'n stad."
    assert plain_text("Text.\n: ''An indented line.''") == "Text.\nAn indented line."


def test_french_centuries_have_their_ending():
    assert plain_text("au {{s|XIII}} et au {{s|I|er}}, au {{s|I}}") == "au XIIIe siècle et au Ier siècle, au Ier siècle"


HOSTILE = {
    "broken sentences": "It has {{pop}} men. " * 20_000,
    "one long broken sentence": "It has {{pop}} men (and {{pop}} more " * 20_000,
    "open templates": "{{" * 100_000,
    "open links": "[[" * 100_000,
    "nested templates": "{{a|" * 50_000 + "}}" * 50_000,
    "nested links": "[[a|" * 50_000 + "]]" * 50_000,
    "crossed": "{{a|[[" * 50_000 + "}}" * 50_000,
    "one run of braces": "{" * 100_001 + "}" * 100_000,
    "open quotes": "'''" * 100_000,
    "open tables": "{|\n|a\n" * 100_000,
    "labels": "(German: {{x}}; " * 50_000,
    "unknown templates": "word {{x|y}} " * 50_000,
    "captions": "[[File:a|thumb|" * 50_000 + "]]" * 50_000,
    "open references": "<ref>" * 50_000,
    "open external links": "[http://a " * 50_000,
    "empty brackets": "(" * 100_000 + "{{x}})" * 50_000,
    "templates": "{{x}}, " * 50_000,
    "blanks": ("a " + " " * 1_000) * 200,
    "tables": "{|\n" * 50_000 + "|}\n" * 50_000,
    "html tables": "<table>" * 50_000,
    "equals": "=" * 100_000,
    "quotes": "''' ''" * 30_000,
    "text in forty templates": "{{lang|a|" * 40 + "x" * 20_000 + "}}" * 40,
    "stray braces after open links": "[[" * 50_000 + "}} " * 50_000,
    "stray brackets after open templates": "{{" * 50_000 + "]] " * 50_000,
    "references that never close their tag": "<ref " * 50_000,
    "an external link that is never closed": "[http://" + "a" * 200_000,
    "invisible again and again": "<span " + "display:none " * 20_000,
    "three brackets after many pieces": "<ref>\t" * 20_000 + "]]" * 20_000,
    "a blank argument": "{{a|" + " " * 50_000 + "}}",
    "a blank cell": "{|\n|" + " \n" * 50_000 + "|}\n<table>" + " \n" * 50_000 + "</table>",
}


def seconds(wikitext, attempts=1):
    """Processor time, the least of some attempts: whatever else the machine does only adds to it."""
    taken = []
    for _ in range(attempts):
        started = time.process_time()
        plain_text(wikitext)
        plain_text(wikitext, (), WikipediaParams(tables="keep", captions="keep"))
        taken.append(time.process_time() - started)
    return min(taken)


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_time_grows_with_the_length_and_not_with_the_nesting(name):
    """Four times the text takes about four times the time, sixteen if it were quadratic; little time is not compared."""
    wikitext = HOSTILE[name]
    once = seconds(wikitext)
    if once > 0.3 and seconds(wikitext * 2) > 3 * once:
        assert seconds(wikitext * 4, attempts=3) < 9 * seconds(wikitext, attempts=3)


MARKUP = [
    "{{",
    "}}",
    "[[",
    "]]",
    "{|\n",
    "\n|}",
    "|",
    "<ref>",
    "</ref>",
    "'''",
    "''",
    "<nowiki>",
    "</nowiki>",
    "\n",
    "\n== ",
    " ==\n",
]
MARKUP += [
    "<!--",
    "-->",
    "(",
    ")",
    "* ",
    "lang",
    "a",
    "é",
    " ",
    "[http://x ",
    "]",
    "&lt;",
    "\x01",
    "\x02",
    "{{{",
    "<math>",
    "</math>",
    "=",
]


@given(st.lists(st.sampled_from(MARKUP), max_size=60).map("".join))
def test_no_markup_is_left_whatever_the_damage(wikitext):
    text = plain_text(wikitext)
    if "<nowiki>" not in wikitext and "<math>" not in wikitext:
        assert not [mark for mark in LEFT_OVER if mark in text]
    assert "\x01" not in text
    assert "\x02" not in text
    assert text == text.strip()


@given(
    st.text(
        alphabet=st.characters(
            blacklist_categories=("Cs", "Cc", "Cf", "Zs", "Zl", "Zp"),
            blacklist_characters="{}[]|<>'=*#:;&-_~",
        ),
        min_size=1,
    )
)
def test_text_without_markup_stays_as_it_is(text):
    assert plain_text(text) == text
