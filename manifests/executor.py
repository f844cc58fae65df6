"""Units through datatrove's executors: many at a time, none of them able to take the others down.

datatrove takes plain callables. Ours builds its units one after another, catches what goes wrong in each, and appends
a line to a results file; the parent follows that file for progress. Resumption is left to our own records
(`skip_completed=False`). Two things that a process pool cannot do by itself are done here: a worker that dies (a
segmentation fault, the kernel's out-of-memory killer) is noticed and its unit named, where the pool would wait for
ever; and processes whose parent was killed end themselves.
"""

import json
import logging
import os
import pickle
import signal
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from loguru import logger as datatrove_log

from gristmill.curation.documents import UnreadableFile
from gristmill.manifests.store import Store, Unit, disk_full

# Here and not at the launch: a worker imports this module before datatrove says its first word in it.
datatrove_log.disable("datatrove")

log = logging.getLogger(__name__)

Work = Callable[[Unit, Path], Mapping[str, object]]


@dataclass(frozen=True)
class Failure:
    """A unit that could not be built, and why."""

    unit: Unit
    error: str
    expected: bool = False
    """The stage itself said what is wrong with the manifest or the data; else something broke."""
    full: bool = False
    """There was no room to write: nothing is wrong with the unit, and no other one would fare better."""


def run_units(
    units: Sequence[Unit],
    work: Work,
    store: Store,
    workers: int,
    progress: Callable[[dict], None] | None = None,
) -> list[Failure]:
    """Build units into the store on so many processes; gives those that failed.

    `progress` gets the line of each finished unit: its index, name, counts and seconds.
    """
    failures: list[Failure] = []
    pending = sorted(range(len(units)), key=lambda i: -sum(f.size_bytes for f in units[i].inputs))
    with tempfile.TemporaryDirectory(prefix="gristmill-") as scratch:
        attempt = 0
        while pending:
            results = Path(scratch) / f"results-{attempt}.jsonl"
            results.touch()
            attempt += 1
            todo = [(i, units[i]) for i in pending]
            try:
                died = _launch(todo, work, store, workers, results, Path(scratch) / str(attempt), progress)
            except OSError as error:
                if error.filename is None:  # a write that found the disk full does not say where
                    raise OSError(error.errno, error.strerror or str(error), scratch) from error
                raise
            lines = [json.loads(line) for line in results.read_text().splitlines()]
            finished = {line["index"] for line in lines if line["event"] in ("done", "failed")}
            failures += [
                Failure(units[line["index"]], line["error"], line["expected"], line["full"])
                for line in lines
                if line["event"] == "failed"
            ]
            for index in died:
                failures.append(
                    Failure(
                        units[index],
                        "the process that worked on it was killed (out of memory, or a crash in a library); give it fewer workers, or leave the file out",
                    )
                )
            pending = [i for i in pending if i not in finished and i not in died]
            if pending and not died:
                raise RuntimeError(f"{len(pending)} units were neither finished nor failed")
    return failures


class _WorkerDied(Exception):
    """Raised in the main thread when a worker is gone, to leave the pool's endless wait."""


def _launch(
    tasks: list[tuple[int, Unit]],
    work: Work,
    store: Store,
    workers: int,
    results: Path,
    logs: Path,
    progress: Callable[[dict], None] | None,
) -> set[int]:
    """Run the executor once; gives the indices of units whose worker died."""
    from datatrove.executor import LocalPipelineExecutor  # 1 s of imports that only a run needs
    from multiprocess import forkserver

    workers = min(workers, len(tasks))
    # Several tasks a worker: datatrove hands the next one to whoever is free; the largest units come first.
    chunks = min(len(tasks), workers * 8) if workers > 1 else 1
    logs.mkdir()
    plan = logs / "units.pickle"  # by file: datatrove logs the whole repr of what it is handed
    plan.write_bytes(pickle.dumps([tasks[i::chunks] for i in range(chunks)]))
    build = partial(_build_all, plan, work, store.root, results, os.getpid())
    executor = LocalPipelineExecutor(
        pipeline=[build],
        tasks=chunks,
        workers=workers,
        logging_dir=str(logs),
        skip_completed=False,
        start_method="forkserver",
    )
    died: set[int] = set()
    stop = threading.Event()
    watcher = threading.Thread(
        target=_watch, args=(results, stop, progress, died if workers > 1 else None), daemon=True
    )
    previous = None
    if threading.current_thread() is threading.main_thread():
        previous = signal.signal(signal.SIGUSR1, _raise_worker_died)
        # Ctrl-C reaches every process of the terminal; only this one shall answer, so workers inherit deaf ears.
        interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
        forkserver.ensure_running()
        signal.signal(signal.SIGINT, interrupt)
    watcher.start()
    global _launching
    _launching = os.getpid()
    try:
        executor.run()
    except _WorkerDied:
        log.warning("a worker process died; its unit is counted as failed, the others go on")
    finally:
        _launching = None
        stop.set()
        watcher.join()
        if previous is not None:
            signal.signal(signal.SIGUSR1, previous)
    return died


def _raise_worker_died(signum, frame) -> None:
    raise _WorkerDied


def _build_all(
    plan: Path, work: Work, root: Path, results: Path, parent: int, data, rank: int, world_size: int
) -> None:
    """What datatrove calls in a worker: build the units of one chunk, never raise."""
    if os.getpid() != parent:
        _end_with_parent(parent)
    store = Store(root)
    for index, unit in pickle.loads(plan.read_bytes())[rank]:
        _append(results, {"event": "start", "index": index, "pid": os.getpid()})
        start = time.perf_counter()
        try:
            record = store.record(unit) or store.build(unit, partial(work, unit))
        except Exception as error:
            # One failed unit must not cost the others; the parent decides what follows.
            log.debug("%s", traceback.format_exc())
            failure = failed(unit, error)
            line = {"event": "failed", "index": index, "error": failure.error, "expected": failure.expected}
            line["full"] = failure.full
        else:
            line = {"event": "done", "index": index, "counts": dict(record.counts)}
        _append(results, {**line, "pid": os.getpid(), "name": unit.name, "seconds": time.perf_counter() - start})


def failed(unit: Unit, error: Exception) -> Failure:
    """The failure of a unit in words; what no stage foresaw is named with its type."""
    if disk_full(error):
        return Failure(unit, str(error), full=True)
    if isinstance(error, (ValueError, UnreadableFile, OSError, FloatingPointError)):
        return Failure(unit, str(error), expected=not isinstance(error, OSError))
    return Failure(unit, f"{type(error).__name__}: {error}")


def _append(results: Path, line: dict) -> None:
    """Add a line in one write: lines of several processes do not mix."""
    descriptor = os.open(results, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(descriptor, (json.dumps(line) + "\n").encode())
    finally:
        os.close(descriptor)


_launching: int | None = None
"""The process that runs an executor, while it does: datatrove forks a manager that would outlive it."""


def _after_fork() -> None:
    if _launching is not None:
        _end_with_parent(_launching)


os.register_at_fork(after_in_child=_after_fork)

_watching_parent = False


def _end_with_parent(parent: int) -> None:
    """End this worker once the process that started the run is gone: a killed run leaves nobody behind."""
    global _watching_parent
    if _watching_parent:
        return
    _watching_parent = True

    def watch() -> None:
        while _alive(parent):
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _watch(
    results: Path, stop: threading.Event, progress: Callable[[dict], None] | None, died: set[int] | None
) -> None:
    """Follow the results file: report finished units, and notice workers that are gone with a unit in hand."""
    working: dict[int, int] = {}  # pid -> index of the unit in hand
    with open(results, encoding="utf-8") as file:
        rest = ""
        while True:
            stopping = stop.is_set()
            fresh = file.read()
            rest += fresh
            *lines, rest = rest.split("\n")
            for line in map(json.loads, lines):
                if line["event"] == "start":
                    working[line["pid"]] = line["index"]
                else:
                    working.pop(line["pid"], None)
                    if progress:
                        progress(line)
            gone = {pid: index for pid, index in working.items() if not _alive(pid)}
            if gone and died is not None and not stopping and not fresh:
                died.update(gone.values())
                signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
                return
            if stopping:
                return
            stop.wait(0.2)
