"""Extraction of pages in a child process that a hostile page may kill.

Every parser has its worst case: some page makes one run for hours, fill the memory or crash, and C code cannot be
interrupted from Python. So pages go through pipes to one long-lived child, which has the kernel end it when a page
takes too much; that page gets a named reason, a new child goes on with the next one, and nothing else changes. Pages
are sent ahead: the child extracts while this process unpacks and decodes the next ones.

No child outlives its parent: it ends with its input, and on Linux the kernel kills it when its parent is gone.
"""

import atexit
import contextlib
import ctypes
import fcntl
import gc
import importlib
import io
import itertools
import logging
import os
import pickle
import resource
import select
import signal
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from resiliparse.parse.html import HTMLParserException

from gristmill.curation.crawl.html import TooComplex
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

STARTS, START_SECONDS = 3, 60.0
"""A child that so often ends before it is ready, or is not ready in that time, cannot be started."""

PIPE_BYTES = 2**20
"""Asked for both pipes, so that a page crosses in one system call; Linux gives 64 KB unasked."""

STATM = "/proc/self/statm"

SIZES = struct.Struct("<QQ")
"""What goes before each message: the length of its pickle, and of the bytes behind it."""


log = logging.getLogger(__name__)


class GuardFailure(Exception):
    """No page can be extracted at all: the child cannot be started, or lacks a module."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a page has no text, as rule and value of its Unextracted."""

    rule: str
    """`page_timeout`, `page_out_of_memory`, `page_too_complex`, `page_crashed` or `page_failed`."""

    value: float | None = None
    """In turn: the limit in seconds, the limit in MB, depth or attributes, the signal that ended the child, None."""

    detail: str | None = None
    """What an exception said; for the log."""


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

    A page that takes more than `max_seconds` of processor time, or more than `max_mb` of memory than its child had
    before it, or that twice ends the child in another way, gets a Fault; so does one that makes the function raise.
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
                [sys.executable, "-c", f"from {__name__} import serve; serve()", *map(str, (self._parent, *self.key))],
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
        elif self._unanswered and status:
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
"""The child that nobody uses now: it takes a quarter of a second to start, as long as fifty pages."""


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


# The child


def serve() -> None:
    """Answer pages until the input ends: the main function of the child."""
    parent, name, max_seconds, max_mb = sys.argv[1:]
    _end_with(int(parent))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent to answer
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # no file of its memory for a page that crashes it
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPROF})
    requests, replies = os.fdopen(os.dup(0), "rb", 0), os.dup(1)
    os.dup2(2, 1)  # what a library prints must not mix with the replies
    reply, extract = None, None
    try:
        module, _, function = name.partition(":")
        extract = getattr(importlib.import_module(module), function)
    except Exception as error:
        reply = GuardFailure(f"pages cannot be extracted: {type(error).__name__}: {error}")
    gc.freeze()  # what was imported stays: no collection need look at it
    statm = os.open(STATM, os.O_RDONLY) if os.path.exists(STATM) else None
    start = _size(statm)
    while True:
        _send(replies, reply)
        size = _size(statm)
        if size > start + int(max_mb) * 2**20:
            return  # grown by what pages left behind: a new process is smaller, and no page is to blame
        counts = requests.read(SIZES.size)
        if len(counts) < SIZES.size:
            return
        arguments, body = (_received(requests, count) for count in SIZES.unpack(counts))
        with _limits(float(max_seconds), size + int(max_mb) * 2**20 if size else None):
            reply = _outcome(extract, (body, *pickle.loads(arguments)), int(max_mb))


def _received(requests: io.FileIO, size: int) -> bytes:
    data = requests.read(size)
    if len(data) == size:
        return data
    pieces, left = [data], size - len(data)
    while left and (data := requests.read(left)):
        pieces.append(data)
        left -= len(data)
    return b"".join(pieces)


def _send(replies: int, reply: object) -> None:
    body = pickle.dumps(reply, pickle.HIGHEST_PROTOCOL)
    message = memoryview(SIZES.pack(len(body), 0) + body)
    while message:
        message = message[os.write(replies, message) :]


@contextlib.contextmanager
def _limits(seconds: float, size: int | None) -> Iterator[None]:
    """Have the kernel end this process after so much processor time, and refuse it more memory than `size`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if size is not None:
        least = size if soft == resource.RLIM_INFINITY else min(size, soft)
        resource.setrlimit(resource.RLIMIT_AS, (least, hard))
    # The default action ends the process in the midst of C code, where a handler of Python would wait for its end.
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _outcome(extract: Callable, arguments: tuple, max_mb: int) -> object:
    """What the function returns, or the Fault of a page that it could not finish."""
    try:
        return extract(*arguments)
    except TooComplex as error:
        return Fault("page_too_complex", float(error.value))
    except (MemoryError, HTMLParserException):  # Lexbor takes any page, and fails only where it gets no memory
        return Fault("page_out_of_memory", float(max_mb))
    except (ImportError, OSError) as error:  # no page's doing: every other page would meet it too
        return GuardFailure(f"pages cannot be extracted: {type(error).__name__}: {error}")
    except Exception as error:
        return Fault("page_failed", detail=f"{type(error).__name__}: {error}"[:500])


def _end_with(parent: int) -> None:
    """Have the kernel kill this process when its parent is gone, where it can (Linux); elsewhere its input ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:  # too late
            sys.exit()


def _size(statm: int | None) -> int:
    """Address space of this process in bytes; 0 where there is no such file, and a kernel that would not limit it."""
    return int(os.pread(statm, 32, 0).split()[0]) * resource.getpagesize() if statm is not None else 0
