"""The process that extracts pages: what guard.py starts, and what a page may take while it runs.

It reads pages from its input and answers each with what the extraction function returns, or a Fault; the kernel ends
it when a page takes too much processor time, and refuses it memory beyond the limit.
"""

import contextlib
import ctypes
import gc
import importlib
import io
import os
import pickle
import resource
import signal
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from resiliparse.parse.html import HTMLParserException

from gristmill.curation.crawl.html import TooComplex

STATM, STATUS = "/proc/self/statm", "/proc/self/status"

SIZES = struct.Struct("<QQ")
"""What goes before each message: the length of its pickle, and of the bytes behind it."""

USED_UP = 75
"""Exit status of a process that wants the page in hand judged by a new one."""


class GuardFailure(OSError):
    """No page can be extracted at all: the child cannot be started, or lacks a module.

    An OSError, as it says nothing of the file that was read: the unit fails, and a later run tries it again.
    """


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a page has no text, as rule and value of its Unextracted."""

    rule: str
    """`page_timeout`, `page_out_of_memory`, `page_too_complex`, `page_crashed` or `page_failed`."""

    value: float | None = None
    """In turn: the limit in seconds, the limit in MB, depth or attributes, the signal that ended the child, None."""

    detail: str | None = None
    """What an exception said; for the log."""


def serve() -> None:
    """Answer pages until the input ends: the main function of the process.

    The first page of a process has `max_mb` of memory beyond what was there before. Later ones find memory that
    earlier ones left, and have as much again: one that came beyond the limit of a first page, or got no memory, is
    left to a new process, where it comes first. So what becomes of a page does not depend on those before it.
    """
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
    status = os.open(STATUS, os.O_RDONLY) if os.path.exists(STATUS) else None
    allowed = _size(statm) + int(max_mb) * 2**20
    is_first = True
    while True:
        _send(replies, reply)
        size = _size(statm)
        counts = requests.read(SIZES.size)
        if len(counts) < SIZES.size:
            return
        arguments, body = (_received(requests, count) for count in SIZES.unpack(counts))
        with _limits(float(max_seconds), size + int(max_mb) * 2**20 if size else None):
            reply = _outcome(extract, (body, *pickle.loads(arguments)), int(max_mb))
        got_no_memory = isinstance(reply, Fault) and reply.rule == "page_out_of_memory"
        if not is_first and (got_no_memory or _peak(status) > allowed):
            sys.exit(USED_UP)
        is_first = False


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


def _peak(status: int | None) -> int:
    """The largest address space that this process has had, in bytes; 0 where nobody tells."""
    told = os.pread(status, 4096, 0).partition(b"VmPeak:")[2].split(maxsplit=1) if status is not None else []
    return int(told[0]) * 1024 if told else 0
