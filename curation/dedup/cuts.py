"""What is cut where a passage repeats another one: compared word by word on both texts, then said in code points."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gristmill.curation import characters
from gristmill.curation.dedup import passages
from gristmill.curation.dedup.passages import Words


@dataclass(frozen=True)
class Texts:
    """Some texts, their words, and all their code points end to end."""

    texts: Sequence[str]
    words: Words
    codes: np.ndarray  # uint32
    start: np.ndarray  # int64: where each word starts in `codes`
    end: np.ndarray  # int64

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Texts":
        found = passages.words(pa.array(texts, pa.large_string()))
        codes = np.frombuffer("".join(texts).encode("utf-32-le"), np.uint32)
        before = np.cumsum([0, *map(len, texts)])[:-1]
        base = np.repeat(before, np.diff(found.offsets))
        return cls(texts, found, codes, found.start + base, found.end + base)


@dataclass(frozen=True, slots=True)
class Repeat:
    """A passage of a text, and where another text, or the same one before, has the same words."""

    text: int
    first: int  # words, from the text's first
    words: int
    line: int  # of a line or paragraph: its first line, and how many; of a run of words 0
    lines: int
    of: str  # id of the document that the first copy is in
    of_start: int  # code points of that document's text
    of_end: int


@dataclass(frozen=True, slots=True)
class Cut:
    """Code points of a text that go, and those of the document `of` that say the same."""

    start: int
    end: int
    words: int
    passages: int  # lines or paragraphs that are cut by it; 1 of a run of words
    of: str
    of_start: int
    of_end: int


def agreeing(
    ours: Texts,
    text: np.ndarray,
    first: np.ndarray,
    count: np.ndarray,
    at_least: np.ndarray,
    theirs: Texts,
    other: np.ndarray,
    other_first: np.ndarray,
) -> np.ndarray:
    """Which stretches of runs of words are the same in two texts: int64 [found, 3], run, first word in it, words.

    All int64 [runs]: run i is `count[i]` words of `ours[text[i]]` from `first[i]` on, compared with `theirs[other[i]]` from
    `other_first[i]` on; stretches of fewer than `at_least[i]` words are left out.
    """
    from gristmill.curation.dedup import passage_kernels

    a, b = ours.words.offsets[text] + first, theirs.words.offsets[other] + other_first
    there = (a + count <= ours.words.offsets[text + 1]) & (b + count <= theirs.words.offsets[other + 1])
    runs = np.flatnonzero(there)  # of equal hashes by accident one may be too short
    found = passage_kernels.agreeing(
        *(ours.codes, ours.start, ours.end, theirs.codes, theirs.start, theirs.end, characters.fold_table()),
        *(np.ascontiguousarray(column[runs], np.int64) for column in (a, b, count, at_least)),
    )
    found[:, 0] = runs[found[:, 0]]
    return found


def of_lines(ours: Texts, text: int, repeats: Iterable[Repeat]) -> list[Cut]:
    """The cuts for lines or paragraphs of one text, given in order: neighbours that repeat one document are one cut.

    A line goes with its newline. If all lines of a paragraph go, the blank lines behind go too, so that paragraphs stay
    apart as they were.
    """
    begin, stop = ours.words.line_offsets[text : text + 2]
    starts, visible = ours.words.line_start[begin:stop].tolist(), ours.words.visible[begin:stop].tolist()
    starts.append(len(ours.texts[text]))
    found: list[Cut] = []
    for run in _runs(repeats):
        behind = last = run[-1].line + run[-1].lines
        if run[0].line == 0 or not visible[run[0].line - 1]:
            while behind < len(visible) and not visible[behind]:
                behind += 1
        for number, repeat in enumerate(run):
            start, end = starts[repeat.line], starts[repeat.line + repeat.lines]
            if repeat.line + repeat.lines == last:
                end = starts[behind]
            cut = Cut(start, end, repeat.words, 1, repeat.of, repeat.of_start, repeat.of_end)
            if number and found[-1].of == cut.of:
                before = found.pop()
                cut = Cut(
                    before.start,
                    cut.end,
                    before.words + cut.words,
                    before.passages + 1,
                    cut.of,
                    min(before.of_start, cut.of_start),
                    max(before.of_end, cut.of_end),
                )
            found.append(cut)
    return [cut for cut in found if cut.end > cut.start]


def _runs(repeats: Iterable[Repeat]) -> Iterable[list[Repeat]]:
    """Repeats whose lines stand directly behind each other."""
    run: list[Repeat] = []
    for repeat in repeats:
        if run and repeat.line != run[-1].line + run[-1].lines:
            yield run
            run = []
        run.append(repeat)
    if run:
        yield run


def of_words(ours: Texts, text: int, repeats: Iterable[Repeat]) -> list[Cut]:
    """The cuts for runs of words of one text; they may overlap, where a run is put together from several documents.

    What is written to a run without white space goes with it, quotation marks and full stops, but no part of another
    word; so does the white space on one side, so that what stood apart stays apart by the larger of the two gaps.
    """
    begin, stop = ours.words.offsets[text : text + 2]
    starts, ends = ours.words.start[begin:stop], ours.words.end[begin:stop]
    content = ours.texts[text]
    found = []
    for repeat in repeats:
        last = repeat.first + repeat.words - 1
        start, end = int(starts[repeat.first]), int(ends[last])
        left = int(ends[repeat.first - 1]) if repeat.first else 0
        right = int(starts[last + 1]) if last + 1 < len(starts) else len(content)
        start -= _attached(content[left:start][::-1], repeat.first == 0)
        end += _attached(content[end:right], last + 1 == len(starts))
        before, behind = content[left:start], content[end:right]
        before = before[len(before.rstrip()) :]
        behind = behind[: len(behind) - len(behind.lstrip())]
        if not before and start > 0:  # the run is part of what stands before it
            pass
        elif behind.count("\n") <= before.count("\n") or start == len(before):
            end += len(behind)
        elif behind:
            start -= len(before)
        found.append(Cut(start, end, repeat.words, 1, repeat.of, repeat.of_start, repeat.of_end))
    return found


def _attached(gap: str, outermost: bool) -> int:
    """How many characters between a run and the next word, or the text's end, belong to the run."""
    up_to_space = len(gap.split(maxsplit=1)[0]) if gap and not gap[0].isspace() else 0
    return up_to_space if up_to_space < len(gap) or outermost else 0
