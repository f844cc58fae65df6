"""A page may take what it likes: it costs itself, and no other page notices."""

import io
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from functools import partial

import pyarrow as pa
import pytest

from gristmill.curation import crawl, extract
from gristmill.curation.crawl import guard, read
from gristmill.curation.crawl.guard import Task, guarded
from gristmill.curation.crawl.page_worker import Fault, GuardFailure
from gristmill.curation.crawl.params import CrawlParams
from gristmill.curation.documents import Extracted, NotDocument, ReadOptions, Unextracted
from tests.conftest import PROJECT

ACT = "tests.curation.crawl.page_functions:act"

ATTRIBUTES = b"<p " + b" ".join(b"a%d=1" % i for i in range(4_900)) + b">word "
"""Below what is refused at sight; the parser compares each attribute of a tag with all before it."""


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(PROJECT), prepend=os.pathsep)


def task(deed: str, *arguments) -> Task:
    return Task(deed.encode(), arguments, lambda outcome: outcome)


def outcomes(*deeds, max_seconds=0.2, max_mb=256):
    items = (task(deed) if isinstance(deed, str) else deed for deed in deeds)
    return list(guarded(items, max_seconds, max_mb, ACT))


def warc(*bodies: bytes) -> bytes:
    records = []
    for number, body in enumerate(bodies):
        message = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + body
        head = (
            f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.test/{number}\r\n"
            f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(message)}\r\n\r\n"
        )
        records.append(head.encode() + message + b"\r\n\r\n")
    return b"".join(records)


def paragraph(number: int) -> bytes:
    return f"<title>{number}</title><p>The mill of village {number} grinds the corn of {number} farms.</p>".encode()


def is_gone(pid: int, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        with open(f"/proc/{pid}/stat") as file:
            if file.read().rpartition(")")[2].split()[0] == "Z":  # ended, and waits for somebody to ask
                return True
        time.sleep(0.02)
    return False


def test_records_keep_their_order_whether_they_cross_or_not():
    image = NotDocument("image")
    deeds = [image if i % 3 == 0 else f"word {i}" for i in range(500)]
    assert outcomes(*deeds) == [d if d is image else (d,) for d in deeds]


def test_arguments_cross_too_and_pages_of_any_size():
    big = "x" * (20 * 2**20)
    assert list(guarded([task(big, CrawlParams()), task("", None)], 10, 1024, ACT)) == [
        (big, CrawlParams()),
        ("", None),
    ]


def test_a_page_that_burns_processor_time_is_cut_off_and_the_others_come_out():
    assert outcomes("a", "burn", "b", "burn", "c") == [
        ("a",), Fault("page_timeout", 0.2), ("b",), Fault("page_timeout", 0.2), ("c",)
    ]  # fmt: skip


def test_a_page_that_takes_memory_is_cut_off():
    fits, too_much = 100 * 2**20, 300 * 2**20
    found = outcomes(f"take {fits}", f"take {too_much}", "a", max_seconds=10)
    assert found == [fits, Fault("page_out_of_memory", 256.0), ("a",)]


def test_each_page_has_the_whole_of_the_limits():
    assert outcomes(*[f"take {200 * 2**20}"] * 4, max_seconds=10) == [200 * 2**20] * 4


@pytest.mark.slow
def test_what_becomes_of_a_page_does_not_depend_on_the_memory_that_others_left():
    left, twice_as_much = f"leave {150 * 2**20}", f"take_left {150 * 2**20}"
    refused = Fault("page_out_of_memory", 256.0)
    assert outcomes("a", twice_as_much, max_seconds=10) == [("a",), refused]
    assert outcomes(left, twice_as_much, "b", max_seconds=10) == [(left,), refused, ("b",)]
    fits = f"take {200 * 2**20}"
    assert outcomes(left, left, fits, max_seconds=10) == [(left,), (left,), 200 * 2**20]


@pytest.mark.parametrize(
    ("deed", "fault"),
    [
        ("exit", Fault("page_crashed", 0.0)),
        (f"signal {signal.SIGSEGV.value}", Fault("page_crashed", 11.0)),
        (f"signal {signal.SIGKILL.value}", Fault("page_crashed", 9.0)),
        ("raise complex", Fault("page_too_complex", 7.0)),
        ("raise value", Fault("page_failed", None, "ValueError: no")),
    ],
)
def test_a_page_that_ends_its_child_or_makes_extraction_fail_is_named(deed, fault):
    assert outcomes("a", deed, "b", max_seconds=10) == [("a",), fault, ("b",)]


@pytest.mark.parametrize("deed", ["sleep", f"signal {signal.SIGSTOP.value}"])
def test_a_child_that_does_nothing_is_ended_by_the_clock(deed, monkeypatch):
    monkeypatch.setattr(guard, "STALLED_SECONDS", 0.5)
    monkeypatch.setattr(guard, "STALLED_FACTOR", 0)
    assert outcomes("a", deed, "b", max_seconds=10) == [("a",), Fault("page_timeout", 10), ("b",)]


def test_a_page_whose_child_was_killed_by_others_is_extracted_after_all(tmp_path):
    killed = f"die_once {tmp_path / 'mark'}"
    assert outcomes("a", killed, "b", max_seconds=10) == [("a",), (killed,), ("b",)]


def test_killing_the_child_in_the_middle_loses_and_doubles_nothing():
    deeds = ["pid", *(f"word {i}" for i in range(2_000))]
    found = guarded(map(task, deeds), 10, 256, ACT)
    os.kill(next(found), signal.SIGKILL)
    assert list(found) == [(deed,) for deed in deeds[1:]]


def test_an_idle_child_is_used_again_and_replaced_when_it_is_dead():
    (first,) = outcomes("pid", max_seconds=10)
    assert outcomes("pid", max_seconds=10) == [first]
    os.kill(first, signal.SIGKILL)
    assert is_gone(first)
    (second,) = outcomes("pid", max_seconds=10)
    assert second != first


def test_two_files_read_in_turns_have_a_child_each():
    deeds = [f"word {i}" for i in range(200)]
    one, other = (guarded(map(task, deeds), 10, 256, ACT) for _ in range(2))
    assert list(zip(one, other, strict=True)) == [((deed,), (deed,)) for deed in deeds]


def test_what_a_library_prints_does_not_mix_with_the_replies(capfd):
    assert outcomes("print", "a") == [("print",), ("a",)]
    assert capfd.readouterr() == ("", "")


def test_an_error_of_the_archive_comes_after_the_pages_before_it():
    def items():
        yield task("a")
        yield task("b")
        raise OSError("cut")

    found = guarded(items(), 10, 256, ACT)
    assert [next(found), next(found)] == [("a",), ("b",)]
    with pytest.raises(OSError, match="cut"):
        next(found)


def test_a_reader_that_is_left_early_leaves_no_process():
    found = guarded(map(task, ["pid", "sleep"]), 10, 256, ACT)
    pid = next(found)
    found.close()
    assert is_gone(pid)


@pytest.mark.parametrize("function", ["tests.curation.crawl.page_functions:none_such", "no.such.module:act"])
def test_extraction_that_cannot_start_is_no_fault_of_the_pages(function):
    with pytest.raises(GuardFailure, match="pages cannot be extracted"):
        list(guarded([task("a")], 10, 256, function))


def test_a_missing_module_is_no_fault_of_the_pages():
    with pytest.raises(GuardFailure, match="ImportError: no module"):
        outcomes("a", "raise import", "b")


def test_a_daemonic_worker_may_have_its_child(tmp_path):
    """multiprocessing forbids such workers children of its own kind; datatrove's workers are daemonic."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        assert pool.apply(outcomes, ("a", "burn", "b")) == [("a",), Fault("page_timeout", 0.2), ("b",)]


def test_a_fork_of_the_parent_neither_keeps_nor_ends_the_child():
    (pid,) = outcomes("pid", max_seconds=10)
    fork = os.fork()
    if fork == 0:
        guard._end_idle()
        os._exit(0)
    os.waitpid(fork, 0)
    assert outcomes("pid", max_seconds=10) == [pid]


PARENT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background is told to ignore it
from gristmill.curation.crawl.guard import Task, guarded
tasks = [Task(deed, (), lambda outcome: outcome) for deed in (b"pid", b"sleep")]
for outcome in guarded(tasks, 60, 256, "tests.curation.crawl.page_functions:act"):
    print(outcome, flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the child ends with the page that it is at")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_child_dies_with_its_parent(number):
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        child = int(parent.stdout.readline())
        assert not is_gone(child, seconds=0.1)
        parent.send_signal(number)
        assert parent.wait(10)
        assert is_gone(child)


# Real pages, through the reader and the stage


def test_extraction_that_cannot_start_is_another_days_work_and_no_property_of_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(crawl, "EXTRACT_JUDGED", "no.such.module:act")
    path = tmp_path / "a.warc"
    path.write_bytes(warc(paragraph(1)))
    piece = extract.RawPiece("a.warc", str(path))
    with pytest.raises(OSError, match=r"a\.warc: pages cannot be extracted"):
        extract.extract([piece], "web", "crawl", ReadOptions(), None, tmp_path)


def records(*bodies: bytes, **limits):
    return list(read(io.BytesIO(warc(*bodies)), "a.warc", ReadOptions(params=CrawlParams(**limits))))


@pytest.mark.slow
def test_a_page_of_attributes_that_keeps_the_parser_busy_is_cut_off():
    pages = [paragraph(i) for i in range(20)]
    without = records(*pages, max_page_seconds=0.5)
    found = records(*pages[:10], ATTRIBUTES * 40, *pages[10:], max_page_seconds=0.5)
    assert [type(r) for r in found] == [Extracted] * 10 + [Unextracted] + [Extracted] * 10
    assert (found[10].rule, found[10].value, found[10].url) == ("page_timeout", 0.5, "http://a.test/10")
    assert [r.text for r in found if isinstance(r, Extracted)] == [r.text for r in without]


def test_a_page_of_a_million_elements_is_cut_off_by_its_memory():
    html = Task(b"<p>a<b>b</b>" * 400_000, (None, CrawlParams()), lambda outcome: outcome)
    found = list(guarded([html], 60, 64, "gristmill.curation.crawl:extracted_page"))
    assert found == [Fault("page_out_of_memory", 64.0)]


@pytest.mark.slow
def test_the_stage_keeps_a_row_of_the_page_and_gives_the_same_bytes_again(tmp_path):
    path = tmp_path / "a.warc"
    path.write_bytes(warc(paragraph(1), ATTRIBUTES * 40, paragraph(2)))
    options = ReadOptions(params=CrawlParams(max_page_seconds=0.5))
    piece = extract.RawPiece("a.warc", str(path))
    built = partial(extract.extract, [piece], "web", "crawl", options, None)
    counts = []
    for out in (tmp_path / "one", tmp_path / "other"):
        out.mkdir()
        counts.append(built(out))
    assert counts[0] == counts[1]
    assert (counts[0]["records"], counts[0]["kept"], counts[0]["dropped"]) == (3, 2, {"page_timeout": 1})
    for name in ("texts.arrow", "dropped.arrow"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
    with pa.ipc.open_file(tmp_path / "one" / "dropped.arrow") as file:
        (row,) = file.read_all().to_pylist()
    assert (row["url"], row["rule"], row["value"]) == ("http://a.test/1", "page_timeout", 0.5)
