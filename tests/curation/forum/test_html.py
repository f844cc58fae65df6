"""Claims about the HTML of posts: code is exact, structure stays readable, nothing makes it swell."""

from html import escape

from hypothesis import given
from hypothesis import strategies as st

from gristmill.curation.forum.html import html_text
from gristmill.curation.markup import plain_lines


def test_code_is_exact_wherever_it_stands():
    code = "def f(x):\n\n    if x < 3 and `y`:\n\t\treturn  '```'\n\n\n  # end"
    html = f"<p>Try:</p><ul><li><p>this</p><pre class='lang-py'><code>{escape(code)}\n</code></pre></li></ul><p>ok</p>"
    assert html_text(html) == f"Try:\n\n- this\n\n````py\n{code}\n````\n\nok"


def test_lists_quotations_tables_and_links_stay_readable():
    html = """<p>See <a href="http://x.y">the
      <em>manual</em></a>:<br>10<sup>6</sup> H<sub>2</sub>O x<sup>th</sup> <code>a  b</code></p>
      <ol start="3"><li>one</li><li>two<ul><li>deep</li></ul></li></ol>
      <blockquote><p>he said</p><p>more</p></blockquote>
      <table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>
      <p><img src="x" alt="enter image description here"> 1 &lt; 2 &amp;amp;</p><script>no</script>"""
    assert html_text(html) == (
        "See the manual:\n10⁶ H₂O xth `a b`\n\n3. one\n4. two\n   - deep\n\n> he said\n\n> more\n\n"
        "a | b\n1 | 2\n\n1 < 2 &amp;"
    )


def test_deep_nesting_loses_no_text_and_does_not_swell():
    depth = 5000
    text = html_text("<ul><li>" * depth + "core" + "</li></ul>" * depth + "<p>after</p>")
    assert text.strip().endswith("after")
    assert "core" in text
    assert len(text) < 100


@given(st.text())
def test_any_string_is_read_as_tidy_text(html):
    for text in (html_text(html), plain_lines(html)):
        assert text == plain_lines(text)
        assert "\0" not in text
        assert "\r" not in text
        text.encode()


@given(st.text(alphabet="ab \n<>&`'\"", max_size=60))
def test_any_code_block_keeps_its_lines(code):
    found = html_text(f"<pre><code>{escape(code)}</code></pre>").split("\n")
    lines = plain_lines(code.strip("\n")).split("\n")
    assert found[1:-1] == lines or not code.strip()
