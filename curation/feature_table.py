"""What is measured about a text: the names of all features, what each counts, and after whom.

`features.measure` fills these columns. The data alone stands here, so that rules and manifests know every feature without
what measures it.
"""

import pyarrow as pa

from gristmill.curation import whitespace_words
from gristmill.curation.repetition import DUPLICATE_NGRAMS, TOP_NGRAMS

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
"""Gopher's stop words; compared as written, so "The" is none."""

LONG_LINE = 200
"""C4's paragraph filter calls lines of at least so many code points paragraphs."""

_WHOLE = (
    ("num_chars", "code points"),
    ("num_newlines", "newline characters"),
    ("num_words", "words; the documents' share of `word_hashes`"),
    ("num_tokens", "words and symbols; what Gopher's ratios are relative to in datatrove"),
    ("num_lines", "lines that are not blank"),
    ("num_paragraphs", "stretches of lines between blank lines"),
    ("num_sentences", "counted line by line; a line's unfinished rest is one"),
    ("num_stop_words", "how many of Gopher's eight English stop words occur"),
    ("num_language_stop_words", "how many different stop words of its language occur (FineWeb2)"),
    ("max_word_length", "longest stretch without white space, in scripts that use it; code points (C4)"),
    ("max_line_length", "longest line with its indentation; code points (BigCode)"),
    ("num_long_lines", "lines of at least 200 code points, with their indentation (C4's paragraphs)"),
    ("num_lorem_ipsum_lines", 'lines with "lorem ipsum" in any case (C4)'),
    ("num_curly_bracket_lines", 'lines with "{" (C4)'),
)
_SHARES = (
    ("mean_word_length", "code points per word (Gopher)"),
    ("mean_line_length", "code points per line, blank lines and indentation included (BigCode)"),
    ("compression_ratio", "bytes after LZ4 compression per byte of UTF-8 (the inverse of Whisper's, which takes zlib)"),
    ("unigram_entropy", "Shannon entropy of the words without case and accents; nats (RedPajama)"),
    ("distinct_word_frac", "different words per word, without case and accents (RedPajama)"),
    ("alpha_word_frac", "tokens with a letter, per token (Gopher)"),
    ("hash_word_ratio", '"#" per token (Gopher)'),
    ("ellipsis_word_ratio", '"..." and "…" per token (Gopher)'),
    ("bullet_line_frac", 'lines that start with "•" or "-" (Gopher)'),
    ("ellipsis_line_frac", 'lines that end in "..." or "…" (Gopher)'),
    ("alpha_frac", "letters per character"),
    ("alnum_frac", "letters and digits per character (BigCode)"),
    ("digit_frac", "digits and other numbers per character"),
    ("upper_frac", "capital letters per letter"),
    ("space_frac", "white space per character"),
    ("line_punct_frac", "lines that end in terminal punctuation of any script (FineWeb)"),
    ("short_line_frac", "lines of up to 30 code points (FineWeb)"),
    ("char_dup_ratio", "characters in lines seen before, per character that is no newline (FineWeb)"),
    ("newline_word_ratio", "newlines per token (FineWeb)"),
    ("dup_line_frac", "lines seen before, per line (Gopher)"),
    ("dup_para_frac", "paragraphs seen before, per paragraph (Gopher)"),
    ("dup_line_char_frac", "characters in lines seen before, per character (Gopher)"),
    ("dup_para_char_frac", "characters in paragraphs seen before, per character (Gopher)"),
    *(
        (
            f"top_{n}_gram_char_frac",
            f"characters in the most frequent word {n}-gram, overlaps too: may exceed 1 (Gopher)",
        )
        for n in TOP_NGRAMS
    ),
    *((f"dup_{n}_gram_char_frac", f"characters in repeated word {n}-grams (Gopher)") for n in DUPLICATE_NGRAMS),
)
_AFTER = (
    ("num_chars", pa.int64()),
    ("num_lines", pa.int64()),
    ("num_words", pa.int64()),
    ("num_sentences", pa.int64()),
    ("num_lorem_ipsum_lines", pa.int64()),
    ("num_curly_bracket_lines", pa.int64()),
    ("line_punct_frac", pa.float64()),
    ("short_line_frac", pa.float64()),
    ("char_dup_ratio", pa.float64()),
    ("newline_word_ratio", pa.float64()),
)
AFTER_CUTS = {"fineweb": "_after_cuts", "c4": "_after_c4_cuts"}
"""Variant of C4's line cuts -> suffix of the features that see the text without the lines it removes."""

CUTS = (*AFTER_CUTS, "dclm")
"""The line cuts that kept texts can have: C4's variants, and DCLM's line modifiers."""


def _field(name: str, kind: pa.DataType, says: str, nullable: bool = False) -> pa.Field:
    return pa.field(name, kind, nullable=nullable, metadata={"doc": says})


FEATURES: pa.Schema = pa.schema(
    [_field(name, pa.int64(), says) for name, says in _WHOLE]
    + [_field(name, pa.float64(), says) for name, says in _SHARES]
    + [
        _field(name + suffix, kind, f"`{name}` of what stays after the line cuts of {variant}")
        for variant, suffix in AFTER_CUTS.items()
        for name, kind in _AFTER
    ]
    + [_field(*field, nullable=True) for field in whitespace_words.FIELDS]
)
"""The columns of `Measured.table`; each field's metadata says under `doc` what it counts, in what unit, and after whom."""

VARIANTS: frozenset[str] = frozenset(name for name, _, _ in whitespace_words.FIELDS)
"""Features that cost extra: Dolma's, DCLM's and the Common Pile's own definitions. Null where nobody asked for them."""
