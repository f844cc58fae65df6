"""The loop of byte-pair encoding (Sennrich et al. 2016): again and again the most frequent pair of tokens becomes one.

It does what the trainer of `tokenizers` 0.23 does (models/bpe/trainer.rs), step by step, so that the merges are the same:
of equally frequent pairs the one with the lower ids goes first; a merge whose bytes are a token already gives that
token, and its pairs then stand in the queue once for every time that they came up, each with the words it was found in.
A pair's count is looked at again when its turn comes, so the queue holds counts that are too high, never too low.
Three differences: pairs are counted in 64 bits, where theirs overflow at 2^31; no merge gives the bytes of a special
token; and none, where that is asked for, more blanks than allowed.
"""

import numpy as np
from numba import types as t

from gristmill.curation.compiled import I8, U1, compiled

_I4, _I8, _PAIRS = t.int32[::1], t.int64[::1], t.int64[:, ::1]

KEY, COUNT, FOUND, STAMP = range(4)
"""What is known of a pair, side by side because it is needed together: its ids, how often it occurs, how many words it
was found in, and the word or the moment at which it was found last."""


@compiled(_PAIRS(_PAIRS))
def _more_pairs(pairs):
    result = np.empty((2 * len(pairs), 4), np.int64)
    for i in range(len(pairs)):  # loops, for assigning slices takes Numba seconds to compile
        for k in range(4):
            result[i, k] = pairs[i, k]
    return result


@compiled(_I8(_I8, t.int64), _I4(_I4, t.int64))
def _grown(array, size):
    result = np.empty(max(size, 2 * len(array)), array.dtype)
    for i in range(len(array)):
        result[i] = array[i]
    return result


@compiled(t.int64(_PAIRS, _I8, t.int64))
def _find(pairs, table, key):
    """The slot of a pair in the table, or the free one where it belongs (-1)."""
    mask = len(table) - 1
    mixed = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)
    slot = np.int64(mixed >> np.uint64(20)) & mask
    while table[slot] >= 0 and pairs[table[slot], KEY] != key:
        slot = (slot + 1) & mask
    return slot


@compiled(_I8(_PAIRS, t.int64, t.int64))
def _table_of(pairs, count, size):
    table = np.full(size, -1, np.int64)
    for i in range(count):
        table[_find(pairs, table, pairs[i, KEY])] = i
    return table


@compiled(t.boolean(t.int64, t.int64, t.int64, t.int64, _I8, _PAIRS))
def _before(count_a, a, count_b, b, pair_of, pairs):
    """Whether queue entry a goes before b: by count, then by the lower pair, then the older one."""
    if count_a != count_b:
        return count_a > count_b
    if pair_of[a] != pair_of[b]:
        return pairs[pair_of[a], KEY] < pairs[pair_of[b], KEY]
    return a < b


@compiled(t.void(_I8, _I8, t.int64, _I8, _PAIRS))
def _sift_up(heap, counts, place, pair_of, pairs):
    entry, count = heap[place], counts[place]
    while place > 0:
        parent = (place - 1) >> 1
        if not _before(count, entry, counts[parent], heap[parent], pair_of, pairs):
            break
        heap[place], counts[place] = heap[parent], counts[parent]
        place = parent
    heap[place], counts[place] = entry, count


@compiled(t.void(_I8, _I8, t.int64, _I8, _PAIRS))
def _sift_down(heap, counts, size, pair_of, pairs):
    """Put the first of `size` entries where it belongs."""
    entry, count, place = heap[0], counts[0], 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and _before(counts[child + 1], heap[child + 1], counts[child], heap[child], pair_of, pairs):
            child += 1
        if not _before(counts[child], heap[child], count, entry, pair_of, pairs):
            break
        heap[place], counts[place] = heap[child], counts[child]
        place = child
    heap[place], counts[place] = entry, count


@compiled(t.int64(U1, I8, t.int64, t.int64, t.int64))
def _hash(data, ends, a, b, seed):
    """Hash of the bytes of token a followed by those of token b."""
    value = np.uint64(seed)
    for token in (a, b):
        if token >= 0:
            for i in range(ends[token], ends[token + 1]):
                value = (value ^ np.uint64(data[i])) * np.uint64(0x9E3779B97F4A7C15)
                value ^= value >> np.uint64(29)
    return np.int64(value >> np.uint64(2))


@compiled(t.int64(U1, I8, I8, t.int64, t.int64))
def _slot_of(data, ends, table, a, b):
    """The slot of the token whose bytes are those of a and b (-1: none), or the free one where it belongs."""
    mask = len(table) - 1
    first = ends[a + 1] - ends[a]
    second = ends[b + 1] - ends[b] if b >= 0 else 0
    slot = _hash(data, ends, a, b, 14695981039346656037 >> 1) & mask
    while table[slot] >= 0:
        token = table[slot]
        if ends[token + 1] - ends[token] == first + second:
            same = True
            start = ends[token]
            for i in range(first):
                if data[start + i] != data[ends[a] + i]:
                    same = False
                    break
            if same:
                for i in range(second):
                    if data[start + first + i] != data[ends[b] + i]:
                        same = False
                        break
            if same:
                break
        slot = (slot + 1) & mask
    return slot


@compiled(t.Tuple((_PAIRS, _I8, t.int64))(_I4, I8, I8))
def _count_pairs(symbols, word_ends, word_counts):
    """Pairs with their counts and numbers of words, the table that finds them, and how many they are."""
    pairs = np.empty((2**16, 4), np.int64)
    table = np.full(2**18, -1, np.int64)
    num_pairs = 0
    start = 0
    for w in range(len(word_ends)):
        for i in range(start, word_ends[w] - 1):
            key = np.int64(symbols[i]) << 32 | np.int64(symbols[i + 1])
            slot = _find(pairs, table, key)
            pair = table[slot]
            if pair < 0:
                if num_pairs == len(pairs):
                    pairs = _more_pairs(pairs)
                    table = _table_of(pairs, num_pairs, 4 * len(pairs))
                    slot = _find(pairs, table, key)
                pair = num_pairs
                num_pairs += 1
                pairs[pair, KEY], pairs[pair, COUNT], pairs[pair, FOUND], pairs[pair, STAMP] = key, 0, 0, -1
                table[slot] = pair
            pairs[pair, COUNT] += word_counts[w]
            if pairs[pair, STAMP] != w:
                pairs[pair, STAMP] = w
                pairs[pair, FOUND] += 1
        start = word_ends[w]
    return pairs, table, num_pairs


@compiled(_I4(_I4, I8, _PAIRS, _I8, t.int64, _I8, t.int64))
def _list_words(symbols, word_ends, pairs, table, num_pairs, entry_first, places):
    """The words that each pair stands in, those of a pair side by side from `entry_first` on; clears the pairs' marks."""
    words = np.empty(max(16, 2 * places), np.int32)
    start = 0
    for w in range(len(word_ends)):
        for i in range(start, word_ends[w] - 1):
            pair = table[_find(pairs, table, np.int64(symbols[i]) << 32 | np.int64(symbols[i + 1]))]
            if pairs[pair, STAMP] != w:
                pairs[pair, STAMP] = w
                words[entry_first[pair] + pairs[pair, FOUND]] = w
                pairs[pair, FOUND] += 1
        start = word_ends[w]
    for pair in range(num_pairs):
        pairs[pair, STAMP] = -1
        pairs[pair, FOUND] = 0
    return words


@compiled(
    t.UniTuple(t.int64, 2)(
        *(_I4, _I4, I8, I8, _I4, t.int64, t.int64, t.int64, t.int64, t.int64, t.int64),
        *(_PAIRS, _I8, t.int64, _I8, _I8),
    )
)
def _apply(
    symbols,
    lengths,
    word_ends,
    word_counts,
    words,
    first,
    last,
    left,
    right,
    result,
    visit,
    pairs,
    table,
    num_pairs,
    changed_pairs,
    changed_words,
):
    """Merge a pair in its words, `words[first:last]`; gives the number of pairs, and of those that came up in a word.

    `visit` marks the first of the words, the next numbers the others. There must be room in `pairs` and `changed_pairs`.
    """
    num_changed = 0
    for number in range(first, last):
        w = words[number]
        start = word_ends[w - 1] if w else 0
        length = lengths[w]
        count = word_counts[w]
        i, kept = start, start  # what stays is moved to the left as the word is read, for words may be long
        end = start + length
        while i < end:
            if i + 1 < end and symbols[i] == left and symbols[i + 1] == right:
                # Up to four pairs change: those with the neighbours go, two with the result come.
                for side in range(4):
                    if side < 2:
                        if kept == start:
                            continue
                        key = np.int64(symbols[kept - 1]) << 32 | (left if side == 0 else result)
                    else:
                        if i + 2 == end:
                            continue
                        key = (right if side == 2 else result) << 32 | np.int64(symbols[i + 2])
                    spot = _find(pairs, table, key)
                    other = table[spot]
                    if other < 0:
                        other = num_pairs
                        num_pairs += 1
                        pairs[other, KEY], pairs[other, COUNT], pairs[other, FOUND], pairs[other, STAMP] = (
                            key,
                            0,
                            0,
                            -1,
                        )
                        table[spot] = other
                    if side == 0 or side == 2:
                        pairs[other, COUNT] -= count
                    else:
                        pairs[other, COUNT] += count
                        if pairs[other, STAMP] != visit:
                            pairs[other, STAMP] = visit
                            changed_pairs[num_changed], changed_words[num_changed] = other, w
                            num_changed += 1
                symbols[kept] = result
                i += 2
            else:
                symbols[kept] = symbols[i]
                i += 1
            kept += 1
        lengths[w] = kept - start
        visit += 1
    return num_pairs, num_changed


@compiled(t.Tuple((t.int64[:, ::1], t.int64, t.int64))(_I4, I8, I8, U1, I8, t.int64, t.int64, t.int64, t.int64))
def merges(symbols, word_ends, word_counts, known, known_ends, num_special, vocab_size, min_count, max_blanks):
    """The merges that take the vocabulary to `vocab_size` tokens, int64[., 3]: left, right, result; how many, and how
    many tokens there are then.

    `symbols` are the ids of all words, which are overwritten, word w ending at `word_ends[w]`. Token i is
    `known[known_ends[i] : known_ends[i + 1]]`; the first `num_special` are special.
    `max_blanks` is the most blanks in one token, -1 any.
    """
    num_words = len(word_ends)
    lengths = np.empty(num_words, np.int32)
    start = 0
    for w in range(num_words):
        lengths[w] = word_ends[w] - start
        start = word_ends[w]

    # Tokens, by their bytes.
    tokens = len(known_ends) - 1
    ends = np.zeros(max(vocab_size, tokens) + 1, np.int64)
    for i in range(tokens + 1):
        ends[i] = known_ends[i]
    data = np.empty(max(16 * vocab_size, 2 * len(known)), np.uint8)
    for i in range(len(known)):
        data[i] = known[i]
    size = 1
    while size < 3 * (vocab_size + tokens):
        size *= 2
    by_bytes = np.full(size, -1, np.int64)
    for token in range(tokens):
        slot = _slot_of(data, ends, by_bytes, token, -1)
        if by_bytes[slot] < 0:
            by_bytes[slot] = token

    pairs, table, num_pairs = _count_pairs(symbols, word_ends, word_counts)
    entries = num_pairs
    entry_counts, entry_pairs = np.empty(max(16, 2 * num_pairs), np.int64), np.empty(max(16, 2 * num_pairs), np.int64)
    entry_first, entry_words = np.empty(max(16, 2 * num_pairs), np.int64), np.empty(max(16, 2 * num_pairs), np.int64)
    places = 0
    for pair in range(num_pairs):
        entry_counts[pair], entry_pairs[pair] = pairs[pair, COUNT], pair
        entry_first[pair], entry_words[pair] = places, pairs[pair, FOUND]
        places += pairs[pair, FOUND]
        pairs[pair, FOUND] = 0
        pairs[pair, STAMP] = -1
    words = _list_words(symbols, word_ends, pairs, table, num_pairs, entry_first, places)
    # Pairs that are too rare to be merged wait apart: they are most, and the queue is quicker without them.
    heap, heap_counts = np.empty(1024, np.int64), np.empty(1024, np.int64)
    apart, queued, waiting = np.empty(1024, np.int64), 0, 0
    for entry in range(entries):
        if entry_counts[entry] < min_count:
            if waiting == len(apart):
                apart = _grown(apart, 0)
            apart[waiting] = entry
            waiting += 1
        else:
            if queued == len(heap):
                heap, heap_counts = _grown(heap, 0), _grown(heap_counts, 0)
            heap[queued], heap_counts[queued] = entry, entry_counts[entry]
            _sift_up(heap, heap_counts, queued, entry_pairs, pairs)
            queued += 1

    made = np.empty((max(1, vocab_size), 3), np.int64)
    num_made = 0
    changed_pairs, changed_words = np.empty(1024, np.int64), np.empty(1024, np.int64)
    touched = np.empty(1024, np.int64)
    visit = np.int64(num_words)  # stamps of the merges: above every word's of the count
    while tokens < vocab_size:
        if not queued:
            # The end is near: what was too rare is looked at once more, for a pair may have come up again.
            for number in range(waiting):
                entry = apart[number]
                if queued == len(heap):
                    heap, heap_counts = _grown(heap, 0), _grown(heap_counts, 0)
                heap[queued], heap_counts[queued] = entry, entry_counts[entry]
                _sift_up(heap, heap_counts, queued, entry_pairs, pairs)
                queued += 1
            waiting = 0
            if not queued:
                break
        entry = heap[0]
        pair = entry_pairs[entry]
        if heap_counts[0] == pairs[pair, COUNT] and pairs[pair, COUNT] < min_count:
            break
        if heap_counts[0] != pairs[pair, COUNT] and pairs[pair, COUNT] >= min_count:
            heap_counts[0] = pairs[pair, COUNT]
            _sift_down(heap, heap_counts, queued, entry_pairs, pairs)
            continue
        queued -= 1
        stale = heap_counts[0] != pairs[pair, COUNT]
        if queued:
            heap[0], heap_counts[0] = heap[queued], heap_counts[queued]
            _sift_down(heap, heap_counts, queued, entry_pairs, pairs)
        if stale:
            entry_counts[entry] = pairs[pair, COUNT]
            if waiting == len(apart):
                apart = _grown(apart, 0)
            apart[waiting] = entry
            waiting += 1
            continue
        left, right = pairs[pair, KEY] >> 32, pairs[pair, KEY] & 0xFFFFFFFF
        slot = _slot_of(data, ends, by_bytes, left, right)
        result = by_bytes[slot]
        if 0 <= result < num_special:
            continue
        if max_blanks >= 0:
            blanks = 0
            for token in (left, right):
                for i in range(ends[token], ends[token + 1]):
                    blanks += data[i] == 32
            if blanks > max_blanks:
                continue
        if result < 0:
            result = tokens
            tokens += 1
            first, second = ends[left + 1] - ends[left], ends[right + 1] - ends[right]
            used = ends[result]
            if used + first + second > len(data):
                longer = np.empty(2 * len(data) + first + second, np.uint8)
                for i in range(used):
                    longer[i] = data[i]
                data = longer
            for i in range(first):
                data[used + i] = data[ends[left] + i]
            for i in range(second):
                data[used + first + i] = data[ends[right] + i]
            ends[result + 1] = used + first + second
            by_bytes[slot] = result
        if num_made == len(made):
            more = np.empty((2 * len(made), 3), np.int64)
            for i in range(num_made):
                for k in range(3):
                    more[i, k] = made[i, k]
            made = more
        made[num_made] = left, right, result
        num_made += 1

        if num_pairs + 2 * tokens + 2 > len(pairs):  # with every token at most two new pairs
            pairs = _more_pairs(pairs)
            while num_pairs + 2 * tokens + 2 > len(pairs):
                pairs = _more_pairs(pairs)
            table = _table_of(pairs, num_pairs, 4 * len(pairs))
        last = entry_first[entry] + entry_words[entry]
        most = 0
        for number in range(entry_first[entry], last):
            most += lengths[words[number]]
        if most > len(changed_pairs):
            changed_pairs, changed_words = _grown(changed_pairs, most), _grown(changed_words, most)
        num_pairs, num_changed = _apply(
            symbols,
            lengths,
            word_ends,
            word_counts,
            words,
            entry_first[entry],
            last,
            left,
            right,
            result,
            visit,
            pairs,
            table,
            num_pairs,
            changed_pairs,
            changed_words,
        )
        visit += entry_words[entry]

        # The words of each pair that came up, side by side; each pair is queued anew.
        num_touched = 0
        for k in range(num_changed):
            other = changed_pairs[k]
            if pairs[other, FOUND] == 0:
                if num_touched == len(touched):
                    touched = _grown(touched, 0)
                touched[num_touched] = other
                num_touched += 1
            pairs[other, FOUND] += 1
        if places + num_changed > len(words):
            words = _grown(words, places + num_changed)
        if entries + num_touched > len(entry_counts):
            entry_counts = _grown(entry_counts, entries + num_touched)
            entry_pairs = _grown(entry_pairs, entries + num_touched)
            entry_first = _grown(entry_first, entries + num_touched)
            entry_words = _grown(entry_words, entries + num_touched)
        first_entry = entries
        for k in range(num_touched):
            other = touched[k]
            entry_pairs[entries], entry_counts[entries] = other, pairs[other, COUNT]
            entry_first[entries], entry_words[entries] = places, 0
            places += pairs[other, FOUND]
            pairs[other, FOUND] = entries
            entries += 1
        for k in range(num_changed):
            other = pairs[changed_pairs[k], FOUND]
            words[entry_first[other] + entry_words[other]] = changed_words[k]
            entry_words[other] += 1
        for k in range(num_touched):
            pairs[touched[k], FOUND] = 0
        if queued + num_touched > len(heap):
            heap, heap_counts = _grown(heap, queued + num_touched), _grown(heap_counts, queued + num_touched)
        if waiting + num_touched > len(apart):
            apart = _grown(apart, waiting + num_touched)
        for other in range(first_entry, entries):
            if entry_counts[other] >= min_count:
                heap[queued], heap_counts[queued] = other, entry_counts[other]
                _sift_up(heap, heap_counts, queued, entry_pairs, pairs)
                queued += 1
            elif entry_counts[other] > 0:
                apart[waiting] = other
                waiting += 1
    return made, num_made, tokens
