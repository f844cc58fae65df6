"""Chunks of English that spaCy splits, or leaves whole, against its general rules: contractions, abbreviations, smileys.

The facts are those of spaCy 3.8 (`lang/en`, `lang/tokenizer_exceptions`), which is what datatrove 0.10.1 takes for English.
Every entry with an apostrophe stands for the typographic one as well.
"""

from collections.abc import Iterator
from functools import cache

_PRONOUNS = ("i", "you", "he", "she", "it", "we", "they")
_QUESTIONS = ("who", "what", "when", "where", "why", "how", "there")
_SINGULAR, _PLURAL = ("that", "this"), ("these", "those")
_MODALS = ("could", "might", "must", "should", "would")

# What goes behind which words, each also without its apostrophes and with a capital: "they'll've", "theyllve", "Theyll".
_ENDINGS: tuple[tuple[tuple[str, ...], tuple[tuple[str, ...], ...]], ...] = (
    (("i",), (("'m",), ("'m", "a"))),
    ((*_PRONOUNS, *_QUESTIONS, *_SINGULAR, *_PLURAL), (("'ll",), ("'ll", "'ve"), ("'d",), ("'d", "'ve"))),
    (("i", "you", "we", "they", *_QUESTIONS, *_PLURAL, *_MODALS), (("'ve",),)),
    (("you", "we", "they", *_QUESTIONS, *_PLURAL), (("'re",),)),
    (("he", "she", "it", *_QUESTIONS, *_SINGULAR), (("'s",),)),
    (
        ("ca", "do", "does", "did", "had", "may", "need", "ought", "sha", "wo", *_MODALS),
        (("n't",), ("n't", "'ve")),
    ),
    (("ai", "are", "is", "was", "were", "have", "has", "dare"), (("n't",),)),
    (("not",), (("'ve",),)),
)
_NOT_SPLIT = ("ill", "its", "hell", "shell", "shed", "were", "well", "whore")  # words of their own without apostrophe

_SPLIT = (
    "y' all|y all|how 'd 'y|How 'd 'y|can not|Can not|gon na|Gon na|got ta|Got ta|let 's|Let 's|c'm on|C'm on|"
    "° c .|° f .|° k .|° C .|° F .|° K ."
)
_WHOLE = (
    # short for something
    "doin doin' goin goin' nothin nothin' nuthin nuthin' ol ol' somethin somethin' lovin lovin' havin havin' "
    "Doin Doin' Goin Goin' Nothin Nothin' Nuthin Nuthin' Ol Ol' Somethin Somethin' Lovin Lovin' Havin Havin' "
    "em 'em ll 'll nuff 'nuff 'S 's ‘S ‘s 're 'd 'Cause 'cause 'cos 'Cos 'coz 'Coz 'cuz 'Cuz 'bout "
    "and/or w/o ma'am Ma'am o'clock O'clock ' '' \\\") <space> C++ — \\t \\n "
    # with a full stop that is their own
    "Mt. Ak. Ala. Apr. Ariz. Ark. Aug. Calif. Colo. Conn. Dec. Del. Feb. Fla. Ga. Ia. Id. Ill. Ind. Jan. Jul. Jun. Kan. "
    "Kans. Ky. La. Mar. Mass. Mich. Minn. Miss. N.C. N.D. N.H. N.J. N.M. N.Y. Neb. Nebr. Nev. Nov. Oct. Okla. Ore. Pa. "
    "S.C. Sep. Sept. Tenn. Va. Wash. Wis. a.m. Adm. Bros. co. Co. Corp. D.C. Dr. e.g. E.g. E.G. Gen. Gov. i.e. I.e. I.E. "
    "Inc. Jr. Ltd. Md. Messrs. Mo. Mont. Mr. Mrs. Ms. p.m. Ph.D. Prof. Rep. Rev. Sen. St. vs. v.s. ä. ö. ü. "
    # smileys
    ":) :-) :)) :-)) :))) :-))) (: (-: =) (= :] :-] [: [-: [= =] :o) (o: :} :-} 8) 8-) (-8 ;) ;-) (; (-; :( :-( :(( :-(( "
    ":((( :-((( ): )-: =( >:( :') :'-) :'( :'-( :/ :-/ =/ =| :| :-| ]= =[ :1 :P :-P :p :-p :O :-O :o :-o :0 :-0 :() >:o "
    ":* :-* :3 :-3 =3 :> :-> :X :-X :x :-x :D :-D ;D ;-D =D xD XD xDD XDD 8D 8-D ^_^ ^__^ ^___^ >.< >.> <.< ._. ;_; -_- "
    "-__- v.v V.V v_v V_V o_o o_O O_o O_O 0_o o_0 0_0 o.O O.o O.O o.o 0.0 o.0 0.o @_@ <3 <33 <333 </3 (^_^) (-_-) (._.) "
    "(>_<) (*_*) (¬_¬) ಠ_ಠ ಠ︵ಠ (ಠ_ಠ) ¯\\(ツ)/¯ (╯°□°）╯︵┻━┻ ><(((*>"
)


@cache
def exceptions() -> dict[str, tuple[str, ...]]:
    """Chunk (no white space inside) -> the words that it is split into.

    >>> exceptions()["Can't"], exceptions()["cannot"], exceptions()["e.g."]
    (('Ca', "n't"), ('can', 'not'), ('e.g.',))
    """
    found = {"".join(pieces): pieces for pieces in _entries()}
    for chunk, pieces in list(found.items()):
        if "'" in chunk:
            found.setdefault(chunk.replace("'", "’"), tuple(piece.replace("'", "’") for piece in pieces))
    return found


def _entries() -> Iterator[tuple[str, ...]]:
    for stems, endings in _ENDINGS:
        for stem in (*stems, *(stem.title() for stem in stems)):
            for ending in endings:
                yield stem, *ending
                plain = tuple(piece.replace("'", "") for piece in ending)
                if (stem + "".join(plain)).lower() not in _NOT_SPLIT:
                    yield stem, *plain
    for hour in range(1, 13):
        for half in ("a.m.", "am", "p.m.", "pm"):
            yield str(hour), half
    for letter in "abcdefghijklmnopqrstuvwxyz":
        yield (f"{letter}.",)
    for pieces in _SPLIT.split("|"):
        yield tuple(pieces.split())
    for whole in _WHOLE.split():
        yield (whole,)
