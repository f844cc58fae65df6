"""What every Unicode character is to the features: one table lookup per character, whole arrays at a time.

`flags(codes)` says what a character is, `skeletons(codes)` maps it to what decides where words end, `folded(codes)`
to the form under which words are compared across documents. The tables follow the `unicodedata` of the running Python
(`unicodedata.unidata_version`) and are built on first use, in about 0.2 s.
"""

import unicodedata
from functools import cache

import numpy as np

LETTER, NUMBER, UPPER, EXTEND, SOLO, TERMINAL, MID_LETTER, MID_NUMBER = (1 << bit for bit in range(8))
"""Flags of a character.

- `LETTER`: str.isalpha; `NUMBER`: str.isalnum without being a letter; `UPPER`: str.isupper.
- `EXTEND`: combining mark, joiner or other invisible format character; belongs to whatever it follows (UAX #29, WB4).
- `SOLO`: letter of a script written without spaces; each is a word by itself.
- `TERMINAL`: ends a sentence in some script (Unicode property Sentence_Terminal, and the halfwidth ideographic stop).
- `MID_LETTER`, `MID_NUMBER`: joins the letters, or the digits, on both sides into one word (UAX #29); the underscore is
  both and joins letters to digits as well.
"""

BLANK = 0x20
"""Skeleton of white space."""

WORD = 0x61
"""Skeleton of letters and numbers that form words in runs. Every other character is its own skeleton."""

_NUM_CODES = 0x110000
_ZERO_WIDTH_SPACE = 0x200B

# Letters of scripts that put no space between words. Tibetan (tsheg), Ethiopic and Hangul separate theirs.
_SOLO_RANGES = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x19DF),  # Tai Le, New Tai Lue
    (0x1A20, 0x1AAF),  # Tai Tham
    (0x1B00, 0x1B7F),  # Balinese
    (0x3005, 0x3007),  # ideographic iteration mark, closing mark, zero
    (0x3021, 0x30FF),  # Hangzhou numerals, Hiragana, Katakana
    (0x3105, 0x312F),  # Bopomofo
    (0x31A0, 0x31FF),  # Bopomofo extended, Katakana phonetic extensions
    (0x3400, 0x4DBF),  # Han, extension A
    (0x4E00, 0x9FFF),  # Han
    (0xA000, 0xA48F),  # Yi
    (0xA980, 0xA9FF),  # Javanese, Myanmar extended B
    (0xAA60, 0xAA7F),  # Myanmar extended A
    (0xF900, 0xFAFF),  # Han, compatibility
    (0xFF66, 0xFF9F),  # halfwidth Katakana
    (0x1AFF0, 0x1B16F),  # Kana supplements
    (0x20000, 0x323AF),  # Han, extensions B to H
)

# Sentence_Terminal in Unicode 15, which no module of the standard library carries.
_TERMINAL = (
    "!.?։؝؞؟۔܀܁܂߹࠷࠹࠽࠾।॥၊။።፧፨᙮᜵᜶។៕᠃᠉᥄᥅᪨᪩᪪᪫᭚᭛᭞᭟᭽᭾᰻᰼᱾᱿‼‽⁇⁈⁉⸮⸼⹓⹔。｡꓿꘎꘏꛳꛷꡶꡷꣎꣏꤯꧈꧉꩝꩞꩟꫰꫱꯫﹒﹖﹗！．？"
    "𐩖𐩗𐽕𐽖𐽗𐽘𐽙𐾆𐾇𐾈𐾉𑁇𑁈𑂾𑂿𑃀𑃁𑅁𑅂𑅃𑇅𑇆𑇍𑇞𑇟𑈸𑈹𑈻𑈼𑊩𑑋𑑌𑗂𑗃𑗉𑗊𑗋𑗌𑗍𑗎𑗏𑗐𑗑𑗒𑗓𑗔𑗕𑗖𑗗𑙁𑙂𑜼𑜽𑜾𑥄𑥆𑩂𑩃𑪛𑪜𑱁𑱂𑻷𑻸𑽃𑽄𖩮𖩯𖫵𖬷𖬸𖭄𖺘𛲟𝪈"
    "៖៙៚"  # Khmer signs that datatrove's list adds
)

_APOSTROPHES = "'\u2019\uff07"  # the ASCII one, the typographic one, the fullwidth one


def flags(codes: np.ndarray) -> np.ndarray:
    """The flags of each code point, uint8; `codes` is uint8 (pure ASCII), uint16 or uint32."""
    return flag_table().take(codes)


def skeletons(codes: np.ndarray) -> np.ndarray:
    """What decides where a token ends: `BLANK`, `WORD`, or the character itself; the dtype of `codes`."""
    return skeleton_table(codes.dtype.str).take(codes)


def folded(codes: np.ndarray) -> np.ndarray:
    """Each code point without case, accents and typographic variety, uint32; 0 for a combining mark.

    "É", "e\u0301" and "e" are the same after folding, and so are the apostrophes. Characters whose full folding is
    longer than one letter ("ß") stay as they are.
    """
    return fold_table().take(codes)


@cache
def flag_table() -> np.ndarray:
    characters = np.arange(_NUM_CODES, dtype=np.uint32).view("U1")
    letter = np.strings.isalpha(characters)
    table = np.where(letter, LETTER, 0).astype(np.uint8)
    table[np.strings.isalnum(characters) & ~letter] |= NUMBER
    table[np.strings.isupper(characters)] |= UPPER
    # Marks and format characters are neither letters nor numbers, and above 0x20000 only tags and variation selectors.
    rest = np.flatnonzero(table[:0x20000] == 0)
    extend = [code for code in rest.tolist() if unicodedata.category(chr(code)) in ("Mn", "Mc", "Me", "Cf")]
    table[extend] |= EXTEND
    table[0xE0001:0xE01F0] |= EXTEND
    table[_ZERO_WIDTH_SPACE] = 0
    for first, last in _SOLO_RANGES:
        block = table[first : last + 1]
        block[(block & (LETTER | NUMBER)) != 0] |= SOLO
    table[0x0E50:0x0E5A] &= ~np.uint8(SOLO)  # Thai and Lao digits form numbers
    table[0x0ED0:0x0EDA] &= ~np.uint8(SOLO)
    table[[ord(character) for character in _TERMINAL]] |= TERMINAL
    table[[ord(character) for character in _APOSTROPHES + "._·\u05f3\u05f4"]] |= MID_LETTER
    table[[ord(character) for character in _APOSTROPHES + "._,\u066b\u066c"]] |= MID_NUMBER
    return table


@cache
def skeleton_table(dtype: str) -> np.ndarray:
    if np.dtype(dtype).itemsize < 4:
        return skeleton_table(np.dtype(np.uint32).str)[: 1 << 8 * np.dtype(dtype).itemsize].astype(dtype)
    table = np.arange(_NUM_CODES, dtype=np.uint32)
    table[np.strings.isspace(table.view("U1"))] = BLANK
    table[_ZERO_WIDTH_SPACE] = BLANK
    kinds = flag_table()
    table[((kinds & (LETTER | NUMBER)) != 0) & ((kinds & SOLO) == 0)] = WORD
    table[(kinds & EXTEND) != 0] = BLANK  # with nothing to follow; otherwise it takes the class of what it follows
    return table


@cache
def fold_table() -> np.ndarray:
    table = np.arange(_NUM_CODES, dtype=np.uint32)
    kinds = flag_table()
    # Han and Hangul, four letters of five, have neither case nor accents, but compatibility Han has a base form.
    cased = (kinds & LETTER) != 0
    cased[0x3400:] &= (kinds[0x3400:] & SOLO) == 0
    cased[0xAC00:0xD7A4] = False
    cased[0xF900:0xFB00] = True
    for code in np.flatnonzero(cased).tolist():
        table[code] = _fold(code)
    for apostrophe in _APOSTROPHES:
        table[ord(apostrophe)] = ord("'")
    table[(kinds & EXTEND) != 0] = 0
    return table


def _fold(code: int) -> int:
    character = chr(code)
    lower = character.casefold()
    if len(lower) > 1:
        lower = character.lower()[0]
    base = [c for c in unicodedata.normalize("NFD", lower) if not unicodedata.category(c).startswith("M")]
    return ord(base[0]) if len(base) == 1 else ord(lower)
