"""Loops over the characters of a text, for `words` and `lines`: tokens, lines, their hashes and marks."""

import numpy as np
from numba import types as t

from gristmill.curation.characters import BLANK, EXTEND, LETTER, MID_LETTER, MID_NUMBER, NUMBER, SOLO, TERMINAL, WORD
from gristmill.curation.compiled import BOOL, CODES, I4, I8, U1, U4, compiled, read
from gristmill.curation.equals import GOLDEN
from gristmill.curation.words import HASH_BASE

_HASH_BASE = np.uint64(HASH_BASE)


@compiled(t.uint64(t.uint64))
def mixed(value):
    """`words.mixed` for one hash."""
    value ^= value >> np.uint64(30)
    value *= np.uint64(0xBF58476D1CE4E5B9)
    value ^= value >> np.uint64(27)
    value *= np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@compiled(*(t.uint64(codes, t.int64, t.int64) for codes in CODES))
def hash_of_span(codes, start, end):
    """What `words.SpanHasher` gives for one span, in a single pass."""
    total, power = np.uint64(0), np.uint64(1)
    for code in codes[start:end]:
        total += np.uint64(code) * power
        power *= _HASH_BASE
    return mixed(total + np.uint64(end - start) * GOLDEN)


@compiled(*(t.int64(codes, U1, codes, t.uint8[::1], t.int64[::1], t.int64[::1], t.uint64[::1]) for codes in CODES))
def tokens(codes, flags, skeletons, kinds, start, end, exact):
    """Finds the tokens of a block of characters that ends in a newline, and says how many there are.

    Fills `kinds` (flags of each character), and for each token `start`, `end` and `exact`, its hash; these three need
    room for as many tokens as characters. `flags` and `skeletons` are the tables of `characters`.
    """
    count = 0
    key_before, kind_before = codes.dtype.type(BLANK), np.uint8(0)
    total, power = np.uint64(0), np.uint64(1)
    for place in range(len(codes)):
        code = codes[place]
        kind, key = flags[code], skeletons[code]
        kinds[place] = kind
        if kind & (EXTEND | MID_LETTER | MID_NUMBER):
            if kind & EXTEND:  # marks and format characters have the class of what they follow
                key = key_before
            elif key_before == WORD and skeletons[codes[place + 1]] == WORD:
                # Apostrophes, full stops, commas and underscores that stand inside a word are part of it.
                after = flags[codes[place + 1]]
                letters = kind & MID_LETTER and kind_before & (LETTER | EXTEND) and after & LETTER
                numbers = kind & MID_NUMBER and kind_before & (NUMBER | EXTEND) and after & NUMBER
                if letters or numbers or code == 0x5F:
                    key = key_before
        if key != key_before or kind & SOLO:
            if key_before != BLANK:
                end[count] = place
                exact[count] = mixed(total + np.uint64(place - start[count]) * GOLDEN)
                count += 1
            start[count] = place
            total, power = np.uint64(0), np.uint64(1)
        total += np.uint64(code) * power
        power *= _HASH_BASE
        key_before, kind_before = key, kind
    return count


@compiled(
    *(
        t.Tuple((t.uint64[::1], t.boolean[::1], t.boolean[::1], t.uint8[::1]))(codes, U1, codes, U4, I8, I8)
        for codes in CODES
    )
)
def described(codes, flags, skeletons, folds, start, end):
    """Of different tokens the hash without case, accents and marks, if they are words, if they have a letter; and all
    their characters without case, end to end, modulo 256."""
    folded = np.empty(len(start), np.uint64)
    is_word = np.empty(len(start), np.bool_)
    has_letter = np.empty(len(start), np.bool_)
    letters = np.empty((end - start).sum(), np.uint8)
    num_letters = 0
    for token in range(len(start)):
        first = codes[start[token]]
        kinds = np.uint8(0)
        total, power, length = np.uint64(0), np.uint64(1), np.uint64(0)
        for code in codes[start[token] : end[token]]:
            kinds |= flags[code]
            code = folds[code]
            if code != 0:  # marks fold to nothing, so that "e" + accent equals the one-character form
                total += np.uint64(code) * power
                power *= _HASH_BASE
                length += np.uint64(1)
                letters[num_letters] = code & np.uint32(0xFF)
                num_letters += 1
        folded[token] = mixed(total + length * GOLDEN)
        is_word[token] = skeletons[first] == WORD or flags[first] & SOLO != 0
        has_letter[token] = kinds & LETTER != 0
    return folded, is_word, has_letter, letters[:num_letters]


@compiled(
    *(
        t.void(codes, U1, codes, U4, I8, I8, I4, BOOL, I8, t.int64[:, ::1], t.uint64[::1], t.uint32[:, ::1])
        for codes in CODES
    )
)
def lines(codes, flags, skeletons, closing, start, end, token_type, is_word, ends, counts, hashes, edges):
    """Fills in what `words.Lines` says of each line that ends at `ends`: `counts` [8, lines] (text start, text end,
    tokens, visible characters, words, sentences, chunks, longest chunk), `hashes`, and `edges` [lines, 4] (the last three characters, the
    first one); all are zeros before."""
    token = 0
    line_start = 0
    for line in range(len(ends)):
        first_token = token
        num_visible = num_words = words_behind = num_sentences = num_chunks = longest = 0
        chunk_start = 0
        while token < len(start) and start[token] < ends[line]:
            first = codes[start[token]]
            kind = flags[first]
            # Tokens that touch are one word to white space, unless they need none.
            if token == first_token or start[token] != end[token - 1] or kind & SOLO:
                num_chunks += 1
                chunk_start = start[token]
            longest = max(longest, end[token] - chunk_start)
            num_visible += end[token] - start[token]
            if is_word[token_type[token]]:
                num_words += 1
                words_behind += 1
            if kind & TERMINAL:
                # No end if it goes on without a space ("example.com"); in CJK no space is asked for.
                behind = codes[end[token]]
                ends_here = skeletons[behind] == BLANK or first > 0x2FFF
                for mark in closing:
                    ends_here |= behind == mark
                if ends_here:
                    num_sentences += 1
                    words_behind = 0
            token += 1
        text_start = text_end = line_start
        if token > first_token:
            text_start, text_end = start[first_token], end[token - 1]
            edges[line, 3] = codes[text_start]
            for step in range(min(3, text_end - text_start)):
                edges[line, step] = codes[text_end - 1 - step]
        counts[0, line] = text_start
        counts[1, line] = text_end
        counts[2, line] = token - first_token
        counts[3, line] = num_visible
        counts[4, line] = num_words
        counts[5, line] = num_sentences + (words_behind > 0)
        counts[6, line] = num_chunks
        counts[7, line] = longest
        hashes[line] = hash_of_span(codes, text_start, text_end)
        line_start = ends[line] + 1


@compiled(*(t.boolean[:, ::1](codes, I8, read(t.uint8, 2), I8, I8) for codes in CODES))
def lines_with(codes, ends, phrases, lengths, anchors):
    """Which lines, of those that end at `ends`, have which of up to 32 phrases in any case: [phrases, lines].

    `phrases` [phrases, longest] are padded; `anchors` say which character of each, its rarest, to look for.
    """
    found = np.zeros((len(phrases), len(ends)), np.bool_)
    anchored = np.zeros(128, np.uint32)
    for phrase in range(len(phrases)):
        letter = phrases[phrase, anchors[phrase]]
        anchored[letter] |= np.uint32(1) << np.uint32(phrase)
        if 0x61 <= letter <= 0x7A:
            anchored[letter - 0x20] |= np.uint32(1) << np.uint32(phrase)
    begin = 0
    for line in range(len(ends)):
        text = codes[begin : ends[line]]
        begin = ends[line] + 1
        for place in range(len(text)):
            if text[place] < 128 and anchored[text[place]] != 0:
                for phrase in range(len(phrases)):
                    start = place - anchors[phrase]
                    wanted = anchored[text[place]] >> np.uint32(phrase) & np.uint32(1)
                    if not wanted or start < 0 or start + lengths[phrase] > len(text):
                        continue
                    same = 0
                    while same < lengths[phrase]:
                        code = text[start + same]
                        if 0x41 <= code <= 0x5A:
                            code += 0x20
                        if code != phrases[phrase, same]:
                            break
                        same += 1
                    found[phrase, line] |= same == lengths[phrase]
    return found
