"""How many of its language's stop words a text has; the lists are those of `language_table`.

A stop word is looked for as our words and symbols: one of several ("г.", and Chinese, Japanese or Thai ones of several
letters) is found where they touch, within a longer word too. French "l'" and the like, which are part of the word behind
them here, are not found.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np

from gristmill.curation import language_table, words
from gristmill.curation.counts import total
from gristmill.curation.whitespace_words import PlacedTokens
from gristmill.curation.words import mixed

MAX_TOKENS = 4
"""Stop words of more tokens are left out: a few, in scripts where letters are words."""


def count(tokens: PlacedTokens, leads: np.ndarray, labels: Sequence[str | None]) -> np.ndarray:
    """Different stop words of each document's language, int64; 0 where the language is not known or has no list.

    `leads` are the tokens that stand first in their document, `labels` the documents' languages.
    """
    names = {label: language_table.known(label) for label in set(labels)}
    found = np.zeros(len(labels), dtype=np.int64)
    of_tokens, of_leads = tokens.offsets, np.searchsorted(leads, tokens.offsets)
    for name in sorted({name for name in names.values() if name}):
        here = np.array([names[label] == name for label in labels])
        single, longer = _lists(name)
        chosen = leads[np.repeat(here, np.diff(of_leads))]
        of_chosen = np.concatenate(([0], np.cumsum(np.where(here, np.diff(of_leads), 0))))
        found += total(np.isin(tokens.types.exact, single).take(tokens.type.take(chosen)), of_chosen)
        if longer:
            chosen = np.flatnonzero(np.repeat(here, np.diff(of_tokens)))
            of_chosen = np.concatenate(([0], np.cumsum(np.where(here, np.diff(of_tokens), 0))))
            exact = tokens.types.exact.take(tokens.type.take(chosen))
            found += _runs(exact, tokens.start[chosen], tokens.end[chosen], of_chosen, longer)
    return found


def _runs(
    exact: np.ndarray, start: np.ndarray, end: np.ndarray, offsets: np.ndarray, longer: dict[int, np.ndarray]
) -> np.ndarray:
    """How many of some stop words of several tokens each document has; `longer`: number of tokens -> hashes of runs."""
    found = np.zeros(len(offsets) - 1, dtype=np.int64)
    keys, whole = exact, np.ones(len(exact), dtype=bool)
    for length in range(2, max(longer) + 1):
        keys, whole = (
            _followed(keys[:-1], exact[length - 1 :]),
            whole[:-1] & (start[length - 1 :] == end[length - 2 : -1]),
        )
        for wanted in longer.get(length, ()):
            places = np.flatnonzero(whole & (keys == wanted))
            found += np.diff(np.searchsorted(places, offsets)) > 0
    return found


def _followed(hashes: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Hashes of runs of tokens, one longer."""
    return mixed(hashes) + by


@cache
def _lists(name: str) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """A language's stop words: hashes of those of one token, and by number of tokens those of several."""
    listed = language_table.stop_words(name)
    tokens, lines, _ = words.scan(words.code_points("".join(f"{word}\n" for word in listed).encode()))
    keys: dict[int, list[np.uint64]] = {}
    for exact in np.split(tokens.types.exact[tokens.type], np.cumsum(lines.num_tokens)[:-1]):
        if 0 < len(exact) <= MAX_TOKENS:
            key = exact[:1]
            for following in exact[1:]:
                key = _followed(key, following)
            keys.setdefault(len(exact), []).append(key[0])
    hashes = {length: np.unique(np.array(found, dtype=np.uint64)) for length, found in keys.items()}
    return hashes.pop(1, np.zeros(0, dtype=np.uint64)), hashes
