"""Extraction of pages in a child process that a hostile page may kill.

Every parser has its worst case: some page makes one run for hours, fill the memory or crash, and C code cannot be
interrupted from Python. So pages go through pipes to one long-lived child, which has the kernel end it when a page
takes too much; that page gets a named reason, a new child goes on with the next one, and nothing else changes. Pages
are sent ahead: the child extracts while this process unpacks and decodes the next ones.

No child outlives its parent: it ends with its input, and on Linux the kernel kills it when its parent is gone.
"""

import atexit
import contextlib
import fcntl
import itertools
import logging
import os
import pickle
import select
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from gristmill.curation.crawl.page_worker import SIZES, USED_UP, Fault, GuardFailure, serve
from gristmill.curation.documents import Record

AHEAD_PAGES, AHEAD_BYTES = 64, 8 * 2**20
"""Pages in the child's hands, at most so many, and no further one beyond so many bytes."""

STALLED_SECONDS, STALLED_FACTOR = 60.0, 20
"""A child that says nothing for so many seconds, or so many times the processor time of a page if that is more, is
taken for stopped. The clock alone condemns no page at once: the whole run may have been stopped, or starved."""

NAP_SECONDS = 0.005
"""Sleep before asking a child with half of its pages in hand: on one core, being woken by each page costs 2 %."""

ATTEMPTS = 2
"""A page whose child ends for no reason of ours is tried so often: something else may have killed the child."""

STARTS, START_SECONDS = 3, 600.0
"""A child that so often ends before it is ready, or is not ready in that time, cannot be started. The first one on a
machine compiles the loops of `auto`: 23 s of processor time, which on cores that others share took 150 s."""

PIPE_BYTES = 2**20
"""Asked for both pipes, so that a page crosses in one system call; Linux gives 64 KB unasked."""


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Task:
    """A page to be extracted."""

    body: bytes
    """The page: first argument of the extraction function; crosses to the child as it is."""

    arguments: tuple
    """The other arguments of the extraction function; cross by pickle."""

    finish: Callable[[object], Record]
    """Makes the record out of what the function returns, or out of a Fault; stays in this process."""


class _Place:
    """An item's place in the order of the file: its record, or None while the child has its page."""

    def __init__(self, item: Record | Task):
        self.task, self.record = (item, None) if isinstance(item, Task) else (None, item)
        self.attempts = 0


def guarded(items: Iterable[Record | Task], max_seconds: float, max_mb: int, function: str) -> Iterator[Record]:
    """The records of `items` in their order, those of tasks by way of `function`, "module:name", in the child.

    A page that takes more than `max_seconds` of processor time, or more than `max_mb` of memory beyond what a new
    child has, or that twice ends the child in another way, gets a Fault; so does one that makes the function raise.
    macOS does not enforce the limit on memory; there only time ends such a page. An exception of `items` is raised
    after the records before it. Raises GuardFailure if no page can be extracted at all.
    """
    source, failure, ended = iter(items), None, False
    queue: deque[_Place] = deque()
    child: _Child | None = None
    try:
        while queue or not ended:
            while not ended and len(queue) < AHEAD_PAGES and not (child and child.is_full):
                try:
                    place = _Place(next(source))
                except StopIteration:
                    ended = True
                except Exception as error:
                    ended, failure = True, error
                else:
                    queue.append(place)
                    if place.task:
                        child = child or _borrowed(function, max_seconds, max_mb)
                        child.send(place)
            while queue and queue[0].record is None:
                child.wait()
            while queue and queue[0].record is not None:
                yield queue.popleft().record
        if child:
            child = _given_back(child)
    finally:
        if child:
            child.end()
    if failure:
        raise failure


class _Child:
    """The process that extracts, as its parent sees it: started anew whenever it ends, with what it had in hand."""

    def __init__(self, function: str, max_seconds: float, max_mb: int):
        self.key = (function, max_seconds, max_mb)
        self._parent = os.getpid()
        self._unanswered: deque[_Place] = deque()
        self._unanswered_bytes = 0
        self._stalled = False
        self._failed_starts = 0
        self._start()

    @property
    def is_full(self) -> bool:
        return self._unanswered_bytes > AHEAD_BYTES

    @property
    def is_usable(self) -> bool:
        return self._parent == os.getpid() and self._process.poll() is None and not self._unanswered

    def send(self, place: _Place) -> None:
        self._unanswered.append(place)
        self._unanswered_bytes += len(place.task.body)
        self._outgoing += _request(place.task)
        self._write()

    def wait(self) -> None:
        """Wait until the child takes or gives something; whatever it answered is put in its place."""
        if 2 * len(self._unanswered) > AHEAD_PAGES:
            time.sleep(NAP_SECONDS)
        poll = select.poll()
        poll.register(self._replies, select.POLLIN)
        if self._outgoing:
            poll.register(self._requests, select.POLLOUT)
        patience = max(STALLED_SECONDS, STALLED_FACTOR * self.key[1]) if self._is_ready else START_SECONDS
        if not poll.poll(1000 * patience):
            self._stalled = True
            self._process.kill()
        self._write()
        self._read()

    def end(self) -> None:
        """End the process, whatever it is doing."""
        if self._parent == os.getpid():
            self._process.kill()
            self._process.wait()
        else:  # a fork of the parent holds the pipes, but the child is not its own
            self._process.returncode = 0
        self._close()

    def _close(self) -> None:
        for end in self._pipes:
            os.close(end)
        self._pipes = ()

    def _start(self) -> None:
        request_end, self._requests = os.pipe()
        self._replies, reply_end = os.pipe()
        self._pipes = (self._requests, self._replies)
        for end in self._pipes:
            os.set_blocking(end, False)
            with contextlib.suppress(AttributeError, OSError):  # Linux only, and within a user's allowance
                fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        try:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    f"from {serve.__module__} import serve; serve()",
                    *map(str, (self._parent, *self.key)),
                ],
                stdin=request_end,
                stdout=reply_end,
                stderr=subprocess.DEVNULL,
                # Threads of a numerical library would count against the page's time and memory.
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )
        finally:
            os.close(request_end)
            os.close(reply_end)
        self._outgoing = deque(piece for place in self._unanswered for piece in _request(place.task))
        self._incoming = bytearray()
        self._is_ready = False

    def _write(self) -> None:
        with contextlib.suppress(BlockingIOError, BrokenPipeError):  # full, or dead, which reading will tell
            while self._outgoing:
                written = os.writev(self._requests, list(itertools.islice(self._outgoing, 16)))
                while self._outgoing and written >= len(self._outgoing[0]):
                    written -= len(self._outgoing.popleft())
                if written:
                    self._outgoing[0] = self._outgoing[0][written:]

    def _read(self) -> None:
        try:
            while data := os.read(self._replies, PIPE_BYTES):
                self._incoming += data
                self._answer()
        except BlockingIOError:
            return
        self._restart()

    def _answer(self) -> None:
        """Put the complete replies that came in into their places."""
        start = 0
        while len(self._incoming) >= start + SIZES.size:
            body = start + SIZES.size
            end = body + sum(SIZES.unpack_from(self._incoming, start))
            if len(self._incoming) < end:
                break
            reply = pickle.loads(self._incoming[body:end])
            start = end
            if isinstance(reply, GuardFailure):
                raise reply
            if self._is_ready:
                self._finish(reply)
            self._is_ready, self._failed_starts = True, 0
        del self._incoming[:start]

    def _finish(self, outcome: object) -> None:
        place = self._unanswered.popleft()
        self._unanswered_bytes -= len(place.task.body)
        if isinstance(outcome, Fault):
            log.debug("a page is dropped: %s", outcome)
        place.record = place.task.finish(outcome)

    def _restart(self) -> None:
        """Judge the page that the ended child was at, and give what is left to a new one."""
        self._process.kill()
        status = -self._process.wait()  # of a process that was ended by a signal: its number
        self._close()
        max_seconds = self.key[1]
        if not self._is_ready:
            self._failed_starts += 1
            if self._failed_starts == STARTS:
                raise GuardFailure(f"the process that extracts pages cannot be started: it ended with status {-status}")
        elif self._unanswered and status == signal.SIGPROF:
            self._finish(Fault("page_timeout", max_seconds))
        elif self._unanswered and status != -USED_UP:
            self._unanswered[0].attempts += 1
            if self._unanswered[0].attempts == ATTEMPTS:
                self._finish(
                    Fault("page_timeout", max_seconds) if self._stalled else Fault("page_crashed", float(status))
                )
        self._stalled = False
        self._start()


def _request(task: Task) -> list[memoryview]:
    """The message that brings a page to the child."""
    arguments = pickle.dumps(task.arguments, pickle.HIGHEST_PROTOCOL)
    head = SIZES.pack(len(arguments), len(task.body)) + arguments
    return [memoryview(head), memoryview(task.body)] if task.body else [memoryview(head)]


_idle: list[_Child] = []
"""The child that nobody uses now: with compiled code it takes a second to start, as long as three hundred pages."""


def _borrowed(function: str, max_seconds: float, max_mb: int) -> _Child:
    while _idle:
        child = _idle.pop()
        if child.is_usable and child.key == (function, max_seconds, max_mb):
            return child
        child.end()
    return _Child(function, max_seconds, max_mb)


def _given_back(child: _Child) -> None:
    """Keep a child for the next file; two only meet here where two files are read in turns."""
    _end_idle()
    _idle.append(child)


def _end_idle() -> None:
    while _idle:
        _idle.pop().end()


atexit.register(_end_idle)
os.register_at_fork(after_in_child=_end_idle)
