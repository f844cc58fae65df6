"""What LaTeX's commands and environments leave in plain text: tables for `latex`, no code.

Anything not named here is transparent: a command vanishes and its argument is printed, an environment is its content.
"""

from gristmill.curation.markup import names

MATH_ENVIRONMENTS = {
    "equation": "", "displaymath": "", "math": "", "dmath": "", "subequations": "", "align": "aligned",
    "eqnarray": "aligned", "flalign": "aligned", "alignat": "aligned", "xalignat": "aligned", "split": "aligned",
    "aligned": "aligned", "IEEEeqnarray": "aligned", "gather": "gathered", "multline": "gathered",
    "gathered": "gathered", "array": "array", "cases": "cases",
}  # fmt: skip
"""Environments that are displayed maths -> the environment that does the same between dollars, if one is needed."""

FLOATS = names(
    "figure table wrapfigure wraptable sidewaysfigure sidewaystable algorithm algorithm2e longtable supertabular"
    " SCfigure marginfigure margintable floatingfigure teaserfigure subfigure subtable listing"
)
"""Environments of which only the captions are kept."""

DROPPED_ENVIRONMENTS = names(
    "thebibliography tikzpicture pgfpicture picture pspicture forest tikzcd overpic scope axis comment filecontents"
    " tabular tabularx tabulary tabbing algorithmic algorithmicx CCSXML keyword keywords IEEEkeywords"
)
VERBATIM = names("verbatim Verbatim BVerbatim lstlisting minted alltt code")
"""Environments whose lines are printed as they are."""

ENVIRONMENT_ARGUMENTS = {
    "minipage": 1, "multicols": 1, "adjustwidth": 2, "spacing": 1, "list": 2, "alignat": 1, "xalignat": 1, "array": 1,
    "IEEEeqnarray": 1, "otherlanguage": 1, "textblock": 1, "CJK": 2,
}  # fmt: skip
"""Arguments of an environment that are not text."""

THEOREMS = {
    "theorem": "Theorem", "thm": "Theorem", "lemma": "Lemma", "lem": "Lemma", "proposition": "Proposition",
    "prop": "Proposition", "corollary": "Corollary", "cor": "Corollary", "definition": "Definition",
    "defn": "Definition", "remark": "Remark", "rem": "Remark", "example": "Example", "claim": "Claim",
    "conjecture": "Conjecture", "proof": "Proof", "assumption": "Assumption", "observation": "Observation",
}  # fmt: skip
"""Environments that begin with a word, unless the paper names them itself."""

HEADINGS = names("part chapter section subsection subsubsection paragraph subparagraph addsec frametitle")

DROPPED = {
    command: count
    for count, commands in {
        0: "today maketitle tableofcontents listoffigures listoftables newpage clearpage cleardoublepage appendix noindent"
        " indent centering raggedright raggedleft bigskip medskip smallskip printbibliography fi else protect relax"
        " hfill vfill linebreak pagebreak sloppy tiny scriptsize footnotesize small normalsize large Large LARGE huge"
        " footnotemark xspace qed qedhere unskip ignorespaces left right displaystyle allowdisplaybreaks",
        1: "label ref eqref pageref autoref cref Cref vref Vref nameref Autoref subref prettyref labelcref fref Fref"
        " cite citep citealp citeyear citeyearpar citenum nocite parencite autocite footcite fullcite citealias Citep"
        " Cite Citealt citefullauthor onlinecite citen supercite setcitestyle newcites bibitem bibliography"
        " bibliographystyle addbibresource includegraphics epsfig epsffile psfig includepdf graphicspath"
        " DeclareGraphicsExtensions captionsetup vspace hspace phantom vphantom hphantom usepackage RequirePackage"
        " input include hypersetup pagestyle thispagestyle pagenumbering linespread hyphenation lstset tikzset"
        " pgfplotsset usetikzlibrary index title author affiliation affil address email thanks date institute"
        " institution titlerunning authorrunning keywords pacs subjclass correspondingauthor orcid editor received"
        " accepted published doi ead cortext tnotetext fntext acmConference acmYear acmDOI acmISBN copyrightyear"
        " setcopyright ccsdesc affiliations icmlaffiliation city country postcode streetaddress department todo"
        " marginpar fancyhead fancyfoot lhead chead rhead lfoot cfoot rfoot",
        2: "setlength addtolength setcounter addtocounter markboth rule numberwithin newcolumntype fontsize"
        " pdfbookmark icmlauthor icmlcorrespondingauthor newcommand renewcommand providecommand DeclareMathOperator",
        3: "addcontentsline definecolor",
    }.items()
    for command in commands.split()
}
"""Commands that leave nothing -> how many of their arguments go with them."""

NAMED_CITATIONS = names("citet Citet citeauthor textcite Textcite newcite citealt shortcite citeasnoun")
"""Citations that are part of the sentence."""

LENGTH_COMMANDS = names(
    "itemsep parsep topsep partopsep leftmargin rightmargin labelsep tabcolsep columnsep lineskip vskip hskip kern parskip parindent baselineskip textwidth textheight oddsidemargin topmargin"
)
"""Commands followed by a length without braces."""

PRINTED = {
    "TeX": "TeX", "LaTeX": "LaTeX", "LaTeXe": "LaTeX2e", "BibTeX": "BibTeX", "XeTeX": "XeTeX", "XeLaTeX": "XeLaTeX",
    "LuaTeX": "LuaTeX", "AmS": "AMS", "slash": "/", "textbar": "|", "textless": "<", "textgreater": ">",
    "textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^", "textquotesingle": "'", "textmu": "µ",
    "textdegree": "°", "degree": "°", "textregistered": "®", "texttrademark": "™", "textcopyright": "©",
    "textdollar": "$", "textunderscore": "_", "textbraceleft": "{", "textbraceright": "}", "S": "§", "P": "¶",
}  # fmt: skip
"""Commands that print a sign or a name, where pylatexenc has none or another."""

LATER_ARGUMENT = {
    "href": 1, "textcolor": 1, "color": 1, "colorbox": 1, "cellcolor": 1, "rowcolor": 1, "scalebox": 1, "resizebox": 2,
    "parbox": 1, "raisebox": 1, "rotatebox": 1, "adjustbox": 1, "multicolumn": 2, "multirow": 2, "hyperref": 0,
    "hyperlink": 1, "hypertarget": 1, "foreignlanguage": 1, "selectlanguage": 1, "fontfamily": 1, "fontseries": 1,
    "fontshape": 1, "sisetup": 1, "makebox": 0,
}  # fmt: skip
"""Commands that print the argument after this many others."""

ACCENTS = {
    "`": "\u0300", "'": "\u0301", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304", ".": "\u0307",
    "c": "\u0327", "v": "\u030c", "u": "\u0306", "H": "\u030b", "k": "\u0328", "r": "\u030a", "d": "\u0323",
    "b": "\u0331", "t": "\u0361",
}  # fmt: skip
"""Accent commands -> combining characters."""

SIGNS = {",": " ", ";": " ", ":": " ", ">": " ", " ": " ", "\n": " "}
"""Commands of one sign that are white space; `\\%` and the like are told by `ESCAPED`, the others leave nothing."""

ESCAPED = frozenset("%&_#${}")

MARKS = {"~": " ", "&": " ", "``": "“", "''": "”", "--": "–", "---": "—", "{": "", "}": ""}
"""Signs with a meaning of their own."""
