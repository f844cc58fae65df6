"""Where a text is split before BPE: no token reaches across a split."""

import re
from dataclasses import dataclass

from tokenizers import Regex, pre_tokenizers

_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}DIGITS| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_GPT4 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}DIGITS| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_DIGITS = {None: "+", 1: "", 2: "{1,2}", 3: "{1,3}"}
_FAMILIES = {"gpt2": (_GPT2, None), "gpt4": (_GPT4, 3), "llama3": (_GPT4, 3)}
"""An expression and its longest run of digits. Llama 3 took GPT-4's pattern (cl100k) over; both names are for those who
look."""


@dataclass(frozen=True)
class Pattern:
    """A regular expression whose matches are the pre-tokens, and what it is one of."""

    expression: str
    """In Oniguruma's syntax, as tokenizers reads it."""
    gpt4: bool | None = None
    """Of GPT-4's family, or else of GPT-2's; None for any other expression."""
    digits: int = -1
    """Digits in one pre-token, -1 for any number."""

    def pre_tokenizer(self) -> pre_tokenizers.PreTokenizer:
        """Splits a text, and writes its bytes as letters.

        GPT-2's own pattern is written as GPT-2's tokenizer.json does, by which other programs know it.
        """
        if self.expression == PATTERNS["gpt2"]:
            return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
        return pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(self.expression), behavior="isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )


def named(pattern: str, digits: int | None = None) -> Pattern:
    """The pattern behind a name, or a regular expression of one's own.

    `digits` is the longest run of digits in one pre-token, 1 to 3, if not the pattern's own (3 of gpt4 and llama3, any of
    gpt2). Raises ValueError for an unknown name, a broken expression, or digits of one's own expression.
    """
    if digits is not None and digits not in (1, 2, 3):
        raise ValueError(f"digits: {digits} is not 1, 2 or 3; leave it out for the pattern's own.")
    if pattern in _FAMILIES:
        expression, own = _FAMILIES[pattern]
        chosen = digits or own
        return Pattern(expression.replace("DIGITS", _DIGITS[chosen]), expression is _GPT4, chosen or -1)
    if re.fullmatch(r"[\w.-]*", pattern):
        raise ValueError(
            f"pattern: {pattern!r} is not known; use {', '.join(_FAMILIES)} or a regular expression of your own."
        )
    if digits is not None:
        raise ValueError("digits: the pattern is a regular expression of your own, which splits digits itself.")
    try:
        Regex(pattern)
    except Exception as error:  # tokenizers raises bare Exception
        raise ValueError(f"pattern: {pattern!r} is no valid regular expression ({error}).") from None
    return Pattern(pattern)


PATTERNS = {name: named(name).expression for name in _FAMILIES}
"""The expressions behind the names."""
