"""Loops over tokens, lines and other items of many documents: which are equal, how many there are, the smallest ones."""

import numpy as np
from numba import types as t

from gristmill.curation.compiled import BOOL, I4, I8, U1, U4, U8, compiled, read
from gristmill.curation.equals import GOLDEN
from gristmill.curation.minhash import NO_SHINGLES
from gristmill.curation.repetition import DUPLICATE_NGRAMS, TOP_NGRAMS
from gristmill.curation.text_kernels import mixed

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


@compiled(t.int64(t.int64, t.int32[::1], t.int32[::1], t.uint64[::1], t.int32[::1]))
def _pairs_of_neighbours(count, places, first, pairs, starts):
    """Which repeated (n-1)-grams follow one another, so that an n-gram may repeat: their pairs, and where they start."""
    num_pairs = 0
    for item in range(count - 1):
        start = places[item]
        pairs[num_pairs] = np.uint64(first[item]) << np.uint64(32) | np.uint64(first[item + 1])
        starts[num_pairs] = start
        num_pairs += places[item + 1] == start + 1
    return num_pairs


@compiled(t.void(t.uint64[::1], t.int32[::1], t.uint64[:, ::1], t.int32[::1]))
def _count_pairs(pairs, starts, table, slots):
    """Fills a table with the pairs, and for each the place where it starts first and how often it occurs; `slots` say
    where each is. The table has room for twice as many, and a key is beside its count: one line of cache for both."""
    bits = np.uint64(4)
    while 1 << bits < 2 * len(pairs):
        bits += np.uint64(1)
    shift, mask = np.uint64(64) - bits, (np.uint64(1) << bits) - np.uint64(1)
    multiplier, probes = GOLDEN, _MAX_PROBES + 1
    while probes > _MAX_PROBES:  # pairs made to collide only make it choose another multiplier
        table[: 1 << bits] = 0
        probes = 0
        for item in range(len(pairs)):
            slot = (pairs[item] * multiplier) >> shift
            probes = 0
            while table[slot, 1] != 0 and table[slot, 0] != pairs[item] and probes <= _MAX_PROBES:
                slot = (slot + np.uint64(1)) & mask
                probes += 1
            if probes > _MAX_PROBES:
                break
            known = table[slot, 1]
            table[slot, 0] = pairs[item]
            table[slot, 1] = (np.uint64(starts[item]) << np.uint64(32) if known == 0 else known) + np.uint64(1)
            slots[item] = slot
        multiplier *= GOLDEN  # odd again


@compiled(t.int64[:, ::1](I4, I4, I4, I8, I8))
def ngram_chars(first, counts, token_type, lengths, offsets):
    """`repetition.ngram_repetition` as int64 [11, documents], row n for n-grams.

    Document by document, so that the table of a page's n-grams stays in the cache.
    """
    chars = np.zeros((_LONGEST_NGRAM + 1, len(offsets) - 1), np.int64)
    longest = 0
    for document in range(len(offsets) - 1):
        longest = max(longest, offsets[document + 1] - offsets[document])
    table = np.empty((16 + 4 * longest, 2), np.uint64)
    pairs = np.empty(longest, np.uint64)
    places, equal = np.empty(longest, np.int32), np.empty(longest, np.int32)
    often, slots = np.empty(longest, np.int32), np.empty(longest, np.int32)
    for document in range(len(offsets) - 1):
        begin, end = offsets[document], offsets[document + 1]
        count = 0
        for place in range(begin, end):
            places[count], equal[count] = place, first[place]
            count += counts[first[place]] > 1
        for n in range(2, _LONGEST_NGRAM + 1):
            num_pairs = _pairs_of_neighbours(count, places, equal, pairs, places)
            _count_pairs(pairs[:num_pairs], places, table, slots)
            count = 0
            for item in range(num_pairs):
                found = table[slots[item], 1]
                places[count], equal[count] = places[item], found >> np.uint64(32)
                often[count] = found & np.uint64(0xFFFFFFFF)
                count += often[count] > 1
            if n > TOP_NGRAMS[-1]:
                onward = begin  # behind an n-gram that counts the search goes on n words later
                for item in range(count):
                    if equal[item] != places[item] and places[item] >= onward:
                        onward = places[item] + n
                        for kind in token_type[places[item] : onward]:
                            chars[n, document] += lengths[kind]
            elif end - begin >= n:
                top, most = begin, 1
                for item in range(count):
                    if often[item] > most:
                        top, most = places[item], often[item]
                total = n - 1
                for kind in token_type[top : top + n]:
                    total += lengths[kind]
                chars[n, document] = most * total
    return chars


@compiled(t.uint64[::1](U8, I8, I8, t.int64, t.uint64))
def shingles(words, word_offsets, offsets, ngram_words, base):
    """`minhash.shingles`; `offsets` say which will be whose."""
    hashes = np.empty(offsets[-1], np.uint64)
    for document in range(len(offsets) - 1):
        own = words[word_offsets[document] : word_offsets[document + 1]]
        for shingle in range(offsets[document + 1] - offsets[document]):
            total = np.uint64(0)
            for step in range(ngram_words):
                total *= base
                if shingle + step < len(own):
                    total += own[shingle + step]
            if len(own) < ngram_words:
                total += np.uint64(len(own)) * GOLDEN
            hashes[offsets[document] + shingle] = mixed(total)
    return hashes


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
