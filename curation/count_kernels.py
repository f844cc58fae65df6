"""Loops over tokens, lines and other items of many documents: which are equal, how many there are, the smallest ones."""

import numpy as np
from numba import types as t

from gristmill.curation.compiled import BOOL, I4, I8, U1, U4, U8, compiled, read
from gristmill.curation.equals import GOLDEN
from gristmill.curation.minhash import NO_SHINGLES
from gristmill.curation.repetition import DUPLICATE_NGRAMS, TOP_NGRAMS

_MAX_PROBES = 256  # at most a quarter of a table is in use: random keys hardly ever need twenty
_LONGEST_NGRAM = DUPLICATE_NGRAMS[-1]


@compiled(t.Tuple((t.int32[::1], t.uint64))(U8, t.int64, t.uint64))
def _hash_table(known, bits, multiplier):
    """A table with the place of each of some different keys (-1: free), and the multiplier that spreads them well."""
    table = np.empty(1 << bits, np.int32)
    shift, mask = np.uint64(64 - bits), np.uint64((1 << bits) - 1)
    while True:
        table[:] = -1
        probes = 0
        for kind in range(len(known)):
            slot = (known[kind] * multiplier) >> shift
            probes = 0
            while table[slot] >= 0 and probes <= _MAX_PROBES:
                slot = (slot + np.uint64(1)) & mask
                probes += 1
            if probes > _MAX_PROBES:
                break
            table[slot] = kind
        if probes <= _MAX_PROBES:
            return table, multiplier
        multiplier *= GOLDEN  # odd again


@compiled(t.Tuple((t.int32[::1], t.int32[::1]))(U8))
def numbered(keys):
    """Which kind each key is, by order of first appearance, and where each kind appears first.

    A hash table with linear probing that grows as kinds are found. Keys made to collide only make it choose another
    multiplier.
    """
    number = np.empty(len(keys), np.int32)
    places = np.empty(len(keys), np.int32)
    known = np.empty(len(keys), np.uint64)
    bits, num_kinds = 10, np.int32(0)
    table, multiplier = _hash_table(known[:0], bits, GOLDEN)
    shift, mask = np.uint64(64 - bits), np.uint64((1 << bits) - 1)
    for place in range(len(keys)):
        key = keys[place]
        slot = (key * multiplier) >> shift
        kind = table[slot]
        probes = 0
        while kind >= 0 and known[kind] != key:
            slot = (slot + np.uint64(1)) & mask
            kind = table[slot]
            probes += 1
        # Whether a key is new cannot be foretold, so there is no branch: a known one is written again.
        is_new = kind < 0
        kind = num_kinds if is_new else kind
        table[slot] = kind
        known[kind] = key
        places[kind] = place if is_new else places[kind]
        number[place] = kind
        num_kinds += np.int32(is_new)
        if 4 * num_kinds > len(table) or probes > _MAX_PROBES:
            if 4 * num_kinds > len(table):
                bits += 2
            table, multiplier = _hash_table(known[:num_kinds], bits, multiplier)
            shift, mask = np.uint64(64 - bits), np.uint64((1 << bits) - 1)
    return number, places[:num_kinds].copy()


@compiled(*(t.int64[::1](read(dtype), I8) for dtype in (t.boolean, t.int32, t.int64)))
def total(values, offsets):
    """`counts.total`."""
    sums = np.zeros(len(offsets) - 1, np.int64)
    for part in range(len(sums)):
        sum_of_part = 0
        for value in values[offsets[part] : offsets[part + 1]]:
            sum_of_part += value
        sums[part] = sum_of_part
    return sums


@compiled(t.int64[::1](U1, t.uint8, I8))
def num_flagged(kinds, flag, offsets):
    """How many characters have a flag between an offset and the next."""
    sums = np.zeros(len(offsets) - 1, np.int64)
    for part in range(len(sums)):
        flagged = 0
        for kind in kinds[offsets[part] : offsets[part + 1]]:
            flagged += kind & flag != 0
        sums[part] = flagged
    return sums


@compiled(t.int64[:, ::1](I4, read(t.int64, 2), I8))
def total_by_type(token_type, values, offsets):
    """Sums of what is true of every token of a type, `values` [types, quantities], for each document: [quantities,
    documents]."""
    num_quantities = values.shape[1]
    sums = np.zeros((num_quantities, len(offsets) - 1), np.int64)
    for document in range(len(offsets) - 1):
        for kind in token_type[offsets[document] : offsets[document + 1]]:
            for quantity in range(num_quantities):
                sums[quantity, document] += values[kind, quantity]
    return sums


@compiled(t.Tuple((t.int32[::1], t.int32[::1]))(I4, I8, t.int64))
def occurrences(kinds, offsets, num_kinds):
    """`repetition.occurrences`."""
    first = np.empty(len(kinds), np.int32)
    counts = np.zeros(len(kinds), np.int32)
    latest = np.full(num_kinds, -1, np.int32)
    for document in range(len(offsets) - 1):
        for place in range(offsets[document], offsets[document + 1]):
            kind = kinds[place]
            if latest[kind] < offsets[document]:
                latest[kind] = place
            first[place] = latest[kind]
            counts[latest[kind]] += 1
    return first, counts


@compiled(t.Tuple((t.int64[::1], t.int64[::1]))(I4, I4, I8))
def word_counts(token_type, word_of_type, offsets):
    """How often each different word of each document occurs, in order of first appearance, and how many each document
    has. `word_of_type` is negative for symbols."""
    num_different = np.zeros(len(offsets) - 1, np.int64)
    counts = np.zeros(len(token_type), np.int64)
    latest = np.full(len(word_of_type), -1, np.int64)
    num_counts = 0
    for document in range(len(offsets) - 1):
        first = num_counts
        for kind in token_type[offsets[document] : offsets[document + 1]]:
            word = word_of_type[kind]
            if word >= 0:
                if latest[word] < first:
                    latest[word] = num_counts
                    num_counts += 1
                counts[latest[word]] += 1
        num_different[document] = num_counts - first
    return counts[:num_counts].copy(), num_different


@compiled(t.uint64[::1](I4, U8, BOOL))
def hashes_of_words(token_type, folded, is_word):
    """The hashes of the tokens that are words, in order."""
    hashes = np.empty(len(token_type), np.uint64)
    num_words = 0
    for kind in token_type:
        hashes[num_words] = folded[kind]
        num_words += is_word[kind]
    return hashes[:num_words].copy()


@compiled(t.Tuple((t.int32[::1], t.int32[::1], t.int32[::1]))(I4, I4))
def longer_by_one(places, first):
    """From the repeated (n-1)-grams (where they start, where each starts first) the repeated n-grams, and how often each
    occurs. What reaches from one document into the next cannot occur twice."""
    starts = np.empty(len(places), np.int32)
    pairs = np.empty(len(places), np.uint64)
    count = 0
    for item in range(len(places) - 1):
        starts[count] = places[item]
        pairs[count] = np.uint64(first[item]) << np.uint64(32) | np.uint64(first[item + 1])
        count += places[item + 1] == places[item] + 1
    number, first_items = numbered(pairs[:count])
    leads = starts[first_items]
    often = np.zeros(len(leads), np.int32)
    for item in range(count):
        often[number[item]] += 1
    repeated = 0
    counts = np.empty(count, np.int32)
    equal = np.empty(count, np.int32)
    for item in range(count):
        kind = number[item]
        starts[repeated], equal[repeated], counts[repeated] = starts[item], leads[kind], often[kind]
        repeated += often[kind] > 1
    return starts[:repeated].copy(), equal[:repeated].copy(), counts[:repeated].copy()


@compiled(t.int64[:, ::1](I4, I4, I4, I8, I8))
def ngram_chars(first, counts, token_type, lengths, offsets):
    """`repetition.ngram_repetition` as int64 [11, documents], row n for n-grams."""
    chars = np.zeros((_LONGEST_NGRAM + 1, len(offsets) - 1), np.int64)
    places = np.empty(len(first), np.int32)
    num_places = 0
    for place in range(len(first)):
        places[num_places] = place
        num_places += counts[first[place]] > 1
    places = places[:num_places]
    equal = first[places]
    for n in range(2, _LONGEST_NGRAM + 1):
        places, equal, often = longer_by_one(places, equal)
        item = 0
        for document in range(len(offsets) - 1):
            begin, end = offsets[document], offsets[document + 1]
            top, most = begin, 1
            onward = 0  # behind an n-gram that counts the search goes on n words later
            while item < len(places) and places[item] < end:
                place = places[item]
                if n <= TOP_NGRAMS[-1]:
                    if often[item] > most:
                        top, most = place, often[item]
                elif equal[item] != place and place >= onward:
                    onward = place + n
                    for kind in token_type[place:onward]:
                        chars[n, document] += lengths[kind]
                item += 1
            if n <= TOP_NGRAMS[-1] and end - begin >= n:
                total = n - 1
                for kind in token_type[top : top + n]:
                    total += lengths[kind]
                chars[n, document] = most * total
    return chars


@compiled(t.uint32[:, ::1](U8, I8, U4, U4))
def smallest_permuted(hashes, offsets, multiply, add):
    """`minhash.signatures`: for each document and permutation the smallest value of its shingles' upper halves."""
    smallest = np.full((len(offsets) - 1, len(multiply)), NO_SHINGLES, np.uint32)
    shingles = np.empty(len(hashes), np.uint32)
    for place in range(len(hashes)):
        shingles[place] = hashes[place] >> np.uint64(32)
    for document in range(len(offsets) - 1):
        own = shingles[offsets[document] : offsets[document + 1]]
        for permutation in range(len(multiply)):
            a, b = multiply[permutation], add[permutation]
            least = NO_SHINGLES
            for place in range(len(own)):
                least = min(least, np.uint32(a * own[place] + b))
            smallest[document, permutation] = least
    return smallest
