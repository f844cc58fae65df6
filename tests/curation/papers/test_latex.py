"""LaTeX to text: what is printed stays, what TeX does disappears, and nothing makes it slow."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pylatexenc.latex2text import get_default_latex_context_db

from gristmill.curation.papers.latex import latex_text
from gristmill.curation.papers.latexconvert import symbol
from gristmill.curation.papers.latexsource import assemble


def body(tex: str, preamble: str = "") -> str:
    return paper({"main.tex": f"\\documentclass{{article}}{preamble}\\begin{{document}}{tex}\\end{{document}}"})[0]


def paper(files: dict[str, str]) -> tuple[str, str | None]:
    source = assemble(files)
    assert source is not None
    return latex_text(source)


@pytest.mark.parametrize(
    ("tex", "text"),
    [
        (r"\textbf{Bold} and {\it italic} \emph{words}.", "Bold and italic words."),
        (r"As shown~\cite{a,b}, and (see \citep[p.~3]{c}) here [\cite{d}].", "As shown, and here."),
        (r"Figure~\ref{f} and (Eq.~\eqref{e}).", "Figure and (Eq.)."),
        (r"50\% of \$5 \& more\_so \#1 \{x\}", "50% of $5 & more_so #1 {x}"),
        (
            r"Erd\H{o}s, G\"odel, \'{E}cole, \c{c}a, na\"{\i}ve, \ss, \O re, \v Cech",
            "Erdős, Gödel, École, ça, naïve, ß, Øre, Čech",
        ),
        (r"``quoted'' --- pages 3--4 \ldots done", "“quoted” — pages 3–4 …done"),
        (r"\section*{Intro}\label{s} Text.\par More.", "Intro\n\nText.\n\nMore."),
        (r"\href{http://x.org}{a link} and \url{http://y.org}", "a link and http://y.org"),
        (r"Word\footnote{Aside with \emph{stress}.} goes on.", "Word goes on.\n\nAside with stress."),
        (r"\verb|x_1 \y| and \texttt{z}", r"x_1 \y and z"),
        (r"a % comment" + "\n   b", "a b"),
        (r"\iffalse hidden \fi shown", "shown"),
        (r"Line one\\[2mm] line two", "Line one line two"),
        (r"call f() and g(x)", "call f() and g(x)"),
        (r"\textcolor{red}{warm} \resizebox{1in}{!}{wide}", "warm wide"),
        (
            "See \\url{http://a.b/x%20y} for the data and the code.\nNext line.",
            "See http://a.b/x%20y for the data and the code. Next line.",
        ),
        (r"\href{http://a.b/x%20y}{here}, \url{http://a.b/~c/d\_e}", "here, http://a.b/~c/d_e"),
        (r"10\textsuperscript{6} cells, CO\textsubscript{2}, 1\textsuperscript{st}", "10⁶ cells, CO₂, 1st"),
        (r"\SI{10}{\kilo\meter} at \SI{9.81}{\meter\per\second\squared}, \SI{5}{\percent}", "10 km at 9.81 m/s², 5%"),
        (
            r"\SIrange{1}{2}{m}, \numrange{3}{4}, \num{2.5e-3}, \si{\micro\gram}, \ang{90}",
            "1–2 m, 3–4, 2.5×10⁻³, µg, 90°",
        ),
        (r"\qty{3}{\square\meter}, \qty{4}{kg.m^{-1}}, \unit{\newton\meter}", "3 m², 4 kg m⁻¹, N m"),
        (r"\lstinline{code} and \mintinline{py}{x={1}} end", "code and x={1} end"),
        (r"\lstinline[language=C]{int} and \lstinline[style=a]|a{| end", "int and a{ end"),
        (r"\alpha{x} \beta{} \S{2}", "αx β §2"),
        (r"As of \today, we.", "As of, we."),
        (r"\unknown[opt]{kept} \begin{mystery}[x]inside\end{mystery}", "kept\n\ninside"),
    ],
)
def test_words_survive_commands(tex, text):
    assert body(tex) == text


@pytest.mark.parametrize(
    ("tex", "text"),
    [
        (r"Let $x\in\mathbb{R}$ be.", r"Let $x\in\mathbb{R}$ be."),
        (r"So \(a^2\) holds: \[ b = \frac{1}{2} \] ok", "So $a^2$ holds:\n$$b = \\frac{1}{2}$$\nok"),
        (r"\begin{equation}\label{e} E = mc^2 \end{equation}", "$$E = mc^2$$"),
        (
            r"\begin{align} a &= b \\ c &= d \nonumber \end{align}",
            r"$$\begin{aligned} a &= b \\ c &= d \end{aligned}$$",
        ),
        (r"costs \$3 and \$4", "costs $3 and $4"),
    ],
)
def test_maths_stays_tex(tex, text):
    assert body(tex) == text


def test_floats_leave_their_captions_and_lists_their_items():
    tex = (
        r"Before.\begin{figure}[h]\centering\includegraphics[width=3in]{a.png}\caption[short]{A \emph{long} tale~\cite{x}.}"
        r"\label{f}\end{figure}\begin{table}\begin{tabular}{ll}1 & 2\end{tabular}\caption{Numbers.}\end{table}"
        r"\begin{itemize}\item One\item[Two] and\end{itemize}\begin{tikzpicture}\draw (0,0);\end{tikzpicture}After."
    )
    assert body(tex) == "Before.\n\nFigure 1. A long tale.\n\nTable 1. Numbers.\n\n- One\n- Two and\n\nAfter."


def test_theorems_are_named_as_the_paper_names_them():
    preamble = r"\newtheorem{satz}{Theorem}[section]"
    tex = r"\begin{satz}[Main]All $x$ are.\end{satz}\begin{proof}Clear.\end{proof}"
    assert body(tex, preamble) == "Theorem (Main). All $x$ are.\n\nProof. Clear."


def test_the_authors_macros_are_expanded_in_text_and_maths():
    preamble = r"""\newcommand{\R}{\mathbb{R}}\newcommand{\norm}[2][2]{\|#2\|_{#1}}\def\name#1{Dr. #1}\DeclareMathOperator{\tr}{tr}"""
    assert body(r"\name{Who} has $\norm{x}$, $\norm[1]{y}\in\R$ and $\tr A$.", preamble) == (
        r"Dr. Who has $\|x\|_{2}$, $\|y\|_{1}\in\mathbb{R}$ and $\operatorname{tr} A$."
    )


def test_title_and_abstract_come_first_and_the_front_matter_goes():
    text, title = paper(
        {
            "a.tex": r"\documentclass{a}\title{On \emph{Mills}\thanks{NSF}}\begin{abstract}We grind.\end{abstract}"
            r"\author{A. Miller}\begin{document}\maketitle Text.\begin{thebibliography}{9}\bibitem{a} B\end{thebibliography}\end{document}"
        }
    )
    assert title == "On Mills"
    assert text == "On Mills\n\nAbstract\n\nWe grind.\n\nText."


def test_inputs_are_followed_once_and_cycles_end():
    files = {
        "p/main.tex": r"\documentclass{a}\begin{document}A \input{sec/one} \include{sec/two}\input{gone} Z\end{document}",
        "p/sec/one.tex": r"one \input{sec/two}",
        "p/sec/two.tex": r"two \input{main}\input{sec/one}",
        "p/letter.tex": r"\documentclass{letter}\begin{document}Dear editor, " + "please " * 300 + r"\end{document}",
    }
    source = assemble(files)
    assert source.main == "p/main.tex"
    assert source.used == {"p/main.tex", "p/sec/one.tex", "p/sec/two.tex"}
    assert " ".join(latex_text(source)[0].split()) == "A one two two one Z"


def test_a_citation_inside_a_sentence_gets_its_names_from_the_bibliography():
    files = {
        "m.tex": r"\documentclass{a}\begin{document}It extends \citet{knuth} and \citet{gone}.\end{document}",
        "m.bbl": r"\bibitem[{Knuth and F{\"a}rber(1984)}]{knuth} \TeX book",
    }
    assert paper(files)[0] == "It extends Knuth and Färber (1984) and."


def test_files_without_a_document_are_no_paper():
    assert assemble({"a.tex": "just words", "b.sty": "x"}) is None


HOSTILE = {
    "open braces": "{" * 50_000,
    "open groups": "\\textbf{" * 50_000,
    "open maths": "\\( $ \\[ $$" * 20_000,
    "open environments": "\\begin{figure}\\caption{" * 20_000,
    "deep notes": "\\footnote{x" * 20_000 + "}" * 20_000,
    "empty brackets": "( " + ", " * 50_000,
    "spaces": " " * 200_000 + "x",
    "comments": "\\" * 50_000 + "%" * 50_000,
    "open definitions": "\\newcommand\\x" * 20_000,
    "section and spaces": "\\section" + " " * 64_000,
    "captions and spaces": "\\caption" + " " * 64_000 + "x",
    "open addresses": "\\url{" * 20_000,
    "self input": "\\input{main}" * 20_000,
}


@pytest.mark.parametrize("tex", HOSTILE.values(), ids=HOSTILE.keys())
def test_malformed_sources_take_linear_time(tex):
    started = time.process_time()
    assert isinstance(body(tex), str)
    assert time.process_time() - started < 5


def test_an_address_closes_at_its_partner_up_to_forty_braces_deep():
    def address(depth: int) -> str:
        return body(r"See \url{http://x/" + "{" * depth + "%" + "}" * depth + "} now.")

    assert address(39) == "See http://x/" + "{" * 39 + "%" + "}" * 39 + " now."
    assert address(40) != "See http://x/" + "{" * 40 + "%" + "}" * 40 + " now."  # a comment, as in any text


WORDS = r"\aaa word " * 60_000


def test_many_names_for_a_large_macro_take_linear_time():
    names = "".join(
        f"\\let\\{chr(97 + i // 676 % 26)}{chr(97 + i // 26 % 26)}{chr(97 + i % 26)}q\\big" for i in range(10_000)
    )
    started = time.process_time()
    assert body("Words.", f"\\newcommand\\big{{{WORDS}}}{names}") == "Words."
    assert time.process_time() - started < 3


def test_code_in_the_authors_macros_is_code():
    assert (
        body(r"\code{int x} \link{http://x.org}", r"\newcommand\code[1]{\lstinline{#1}}\newcommand\link[1]{\url{#1}}")
        == "int x http://x.org"
    )


def test_no_symbol_depends_on_the_clock():
    database = get_default_latex_context_db()
    names = [name for spec in database.iter_macro_specs() for name in [spec.macroname]]
    assert len(names) > 500
    assert not [name for name in names if re.search(r"\d{4}", symbol(name) or "")]


def test_a_macro_bomb_stops_at_a_size():
    bomb = "".join(f"\\def\\{a}{{{f'{chr(92)}{b}' * 12}}}" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    text = body("\\a" * 50, bomb + "\\def\\i{x}")
    assert len(text) < 64 * 2**20


@given(st.text(alphabet="\\{}$%&~[]()#_^ \nab,beginenditemcite", max_size=300))
def test_nothing_crashes(tex):
    assert isinstance(body(tex), str)


@pytest.mark.parametrize(
    ("tex", "text"),
    [
        (
            r"\section{A}\section{B}\label{s} See \S\ref{s} and \autoref{s}.",
            "A\n\nB\n\nSee §2 and Section 2.",
        ),
        (
            r"\begin{figure}\caption{One.}\label{a}\end{figure}\begin{figure}\begin{subfigure}\caption{x}\label{p}\end{subfigure}"
            r"\caption{Two.}\label{b}\end{figure}Fig.~\ref{a}, \cref{a,b}; Fig.~\ref{p}.",
            "Figure 1. One.\n\nx\n\nFigure 2. Two.\n\nFig. 1, Figures 1 and 2; Fig. 2a.",
        ),
        (
            r"\begin{align} a &= b \label{x}\\ c &= d \nonumber\\ e &= f \label{y}\end{align} By \eqref{x} and~\eqref{y}.",
            "$$\\begin{aligned} a &= b \\\\ c &= d \\\\ e &= f \\end{aligned}$$\nBy (1) and (2).",
        ),
        (r"\appendix\section{More}\label{m} Appendix~\ref{m}, \S\ref{m}.", "More\n\nAppendix A, §A."),
        (r"\begin{lemma}\label{l}Yes.\end{lemma} By Lemma~\ref{l}.", "Lemma 1. Yes.\n\nBy Lemma 1."),
        (r"\begin{figure*}\caption*{Bare.}\end{figure*}\label{z}", "Bare."),
    ],
)
def test_references_have_numbers_that_agree_with_captions(tex, text):
    assert body(tex) == text


@pytest.mark.parametrize(
    ("preamble", "tex", "text"),
    [
        (r"\let\eps\varepsilon\let\emphasise\emph", r"$\eps$ \emphasise{so}", r"$\varepsilon$ so"),
        (r"\let\old\section\renewcommand{\section}[1]{\old{#1 (x)}}", r"\section{One} two", "One\n\ntwo"),
        (
            r"\newenvironment{game}[2][Chess]{\textbf{#1 by #2.} }{ The end.}",
            r"\begin{game}{two}Mate.\end{game}\begin{game}[Go]{four}Atari.\end{game}",
            "Chess by two. Mate. The end.Go by four. Atari. The end.",
        ),
        (r"\newenvironment{eq}{\begin{equation}}{\end{equation}}", r"\begin{eq}a=b\end{eq}", "$$a=b$$"),
        (r"\NewDocumentCommand{\who}{O{nobody} m}{#1 of #2}", r"\who{A}, \who[all]{B}", "nobody of A, all of B"),
        (
            r"\newcommand{\two}{\ensuremath{\mathbf{2}}\xspace}",
            r"element of \two, $\two$",
            r"element of $\mathbf{2}$, ${\mathbf{2}}$",
        ),
        (r"\renewcommand\section{\@startsection{section}{1}{\z@}}", r"\section{Plain} text", "Plain\n\ntext"),
    ],
)
def test_the_papers_own_definitions_hold(preamble, tex, text):
    assert body(tex, preamble) == text


def test_verbatim_text_is_kept_as_it_stands():
    code = "def f(x):  % no comment\n    return x \\cite{y}\n\n    # \\newcommand{\\z}{w} $5"
    for begin, end in (
        (r"\begin{lstlisting}[language=Python, caption={C}]", r"\end{lstlisting}"),
        (r"\begin{minted}{python}", r"\end{minted}"),
        (r"\begin{verbatim}", r"\end{verbatim}"),
    ):
        assert body(f"Before.\n{begin}\n{code}\n{end}\nAfter.") == f"Before.\n\n{code}\n\nAfter."
    assert body(r"Call \verb|50% \ref{x}| or \lstinline!a_b{!.") == r"Call 50% \ref{x} or a_b{."


def test_references_are_kept_if_wanted():
    files = {
        "m.tex": r"\documentclass{a}\begin{document}Text.\bibliography{m}\end{document}",
        "m.bbl": "\\begin{thebibliography}{9}\n\\bibitem[{Knuth(1984)}]{k} D.~Knuth. \\newblock \\emph{The \\TeX book}.\n\\bibitem{l} L.\n\\end{thebibliography}",
    }
    source = assemble(files)
    assert latex_text(source, references=True)[0] == "Text.\n\nReferences\n\n- D. Knuth. The TeXbook.\n- L."
    assert latex_text(source)[0] == "Text."


def test_a_subfile_gives_its_body():
    files = {
        "m.tex": r"\documentclass{a}\begin{document}A \subfile{sub/one} Z\end{document}",
        "sub/one.tex": r"\documentclass[../m]{subfiles}\begin{document}one\end{document}",
    }
    assert " ".join(paper(files)[0].split()) == "A one Z"
