"""MathML in one line of text."""

import pytest
from lxml import etree

from gristmill.curation.markup import parse_xml
from gristmill.curation.mathml import formula, tex_source


@pytest.mark.parametrize(
    ("inner", "text"),
    [
        ("<mi>E</mi><mo>=</mo><mi>m</mi><msup><mi>c</mi><mn>2</mn></msup>", "E = mc²"),
        ("<mfrac><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><mi>c</mi></mfrac>", "(a + b)/c"),
        ("<msqrt><mi>x</mi></msqrt><mroot><mi>y</mi><mn>3</mn></mroot>", "√x³√y"),
        ("<msubsup><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></msubsup><msub><mi>x</mi><mi>i</mi></msub>", "∑_(i = 1)ⁿx_i"),
        ("<mover><mi>x</mi><mo>¯</mo></mover>", "x\u0304"),
        ("<mfenced><mi>a</mi><mi>b</mi></mfenced>", "(a, b)"),
        ("<mfenced separators='' open='['><mi>a</mi><mi>b</mi></mfenced>", "[ab)"),
        ("<semantics><mi>x</mi><annotation encoding='application/x-tex'>\\xi</annotation></semantics>", "$\\xi$"),
        ("<mtable><mtr><mtd><mi>a</mi></mtd></mtr><mtr><mtd><mi>b</mi></mtd></mtr></mtable>", "a; b"),
    ],
)  # fmt: skip
def test_constructs_are_linear(inner, text):
    assert formula(parse_xml(f"<math>{inner}</math>".encode())) == text


def test_the_document_that_publishers_wrap_round_a_formula_is_removed():
    assert tex_source("\\documentclass[12pt]{minimal} \\begin{document}$$x^2$$\\end{document}") == "$$x^2$$"
    assert tex_source(" x_1 ") == "$x_1$"


def test_an_accent_given_twice_is_written_once():
    twice = "<math><mover><mover><mi>C</mi><mo>¯</mo></mover><mo>‾</mo></mover></math>"
    assert formula(etree.fromstring(twice)) == "C\u0304"


def test_a_formula_nested_very_deep_keeps_its_words():
    root = etree.Element("math")
    element = root
    for _ in range(3000):
        element = etree.SubElement(element, "mrow")
    element.text = "x"
    assert formula(root) == "x"
