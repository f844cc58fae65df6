"""Readers and rules that the manifest's author wrote: found beside the manifest, loaded, called, their errors in plain words.

`my_module:read` is a reader with the interface of ours; `my_rules:score` gives the number of one document. Both are
plain functions (docs/own-code.md). What they are is the content of their module's file, and of the files beside it that
this one imports: these are hashed into the key of every unit that calls them.
"""

import ast
import hashlib
import importlib
import importlib.util
import inspect
import math
import numbers
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np

from gristmill.curation.documents import (
    Extracted,
    NotDocument,
    ReadOptions,
    Record,
    Unextracted,
    UnreadableFile,
    meta_json,
)
from gristmill.curation.extract import Read
from gristmill.curation.remote import RemoteError
from gristmill.curation.rules import unknown

REFERENCE = r"^[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*$"
"""What `module:function` looks like."""

FAILED = "own_rule_failed"
"""The reason of a document that a function of a rule failed on."""

ALL_FAILED_FROM = 10
"""If a function has failed on all of so many documents or more, the function is broken and not the documents."""


class OwnCodeError(ValueError):
    """Code of the manifest's author cannot be used, or failed; the message names its file and line."""


@dataclass(frozen=True)
class OwnFile:
    """A source file of somebody's own code."""

    name: str  # relative to the folder that it is imported from, such as `my_rules.py` or `mine/words.py`
    path: str
    digest: str  # BLAKE2b of its content, 32 hex digits

    @property
    def module(self) -> str:
        return self.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def root(self) -> str:
        return self.path[: -len(self.name)].rstrip("/") or "/"


def files(reference: str, folder: Path) -> tuple[OwnFile, ...]:
    """The source file of `module:function`, then those that it imports from the same place, in order of name.

    A module is looked for in `folder`, then on Python's path. Of what is installed, only files of the same package
    count; what else is imported is a library. Raises OwnCodeError if there is no such module, or if it does not parse.
    """
    module = reference.partition(":")[0]
    root, name = _found(module, folder.resolve())
    limit = None if root == folder.resolve() else module.partition(".")[0]
    seen: dict[str, OwnFile] = {}
    todo = [name]
    while todo:
        name = todo.pop()
        content = (root / name).read_bytes()
        seen[name] = OwnFile(name, str(root / name), _digest(content))
        for other in _imported(content, name):
            if limit is None or other.partition(".")[0] == limit:
                todo += [file for file in _files_of(root, other) if file not in seen and file not in todo]
    first, *rest = seen
    return (seen[first], *(seen[name] for name in sorted(rest)))


def _found(module: str, folder: Path) -> tuple[Path, str]:
    """The folder that a module is imported from, and the name of its file there."""
    for root in (folder, *(Path(entry).resolve() for entry in sys.path)):
        if named := _files_of(root, module):
            return root, named[-1]
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        spec = None
    if spec and spec.origin and spec.origin.endswith(".py"):  # found by an import hook: an editable installation
        path = Path(spec.origin)
        depth = module.count(".") + (path.name == "__init__.py")
        return path.parents[depth], path.relative_to(path.parents[depth]).as_posix()
    here = sorted(path.stem for path in folder.glob("*.py"))
    those = f"modules in {folder}" if here else f"there are no modules in {folder}"
    raise OwnCodeError(unknown("module", module, here, those).removesuffix(": "))


def _files_of(root: Path, module: str) -> list[str]:
    """The files that importing a module from a folder runs, the module's own last; empty if it is not there."""
    parts = module.split(".")
    packages = ["/".join(parts[:count]) + "/__init__.py" for count in range(1, len(parts))]
    for name in ("/".join(parts) + ".py", "/".join(parts) + "/__init__.py"):
        if (root / name).is_file():
            return [*(package for package in packages if (root / package).is_file()), name]
    return []


def _imported(content: bytes, name: str) -> Iterator[str]:
    """Modules that a source file may import, dotted, whether they exist or not."""
    try:
        tree = ast.parse(content, name)
    except (SyntaxError, ValueError) as error:
        raise OwnCodeError(f"{name}:{getattr(error, 'lineno', None) or 1}: {error}") from None
    package = name.removesuffix(".py").split("/")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (part for part in (base, *(f"{base}.{alias.name}".strip(".") for alias in node.names)) if part)


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


_ours: dict[str, OwnFile] = {}
"""The modules that `function` has put into this process."""


@cache
def function(reference: str, source: tuple[OwnFile, ...]) -> Callable:
    """The function itself. Raises OwnCodeError if it cannot be imported, or is not there."""
    for file in source:
        if _digest(Path(file.path).read_bytes()) != file.digest:
            raise OwnCodeError(f"{file.name} has changed while the run was under way; run again")
    stale = any(file.module in sys.modules and _ours.get(file.module) != file for file in source)
    for file in source:
        loaded = sys.modules.get(file.module)
        if file.module in _ours and stale:
            sys.modules.pop(file.module, None)
        elif loaded is not None and getattr(loaded, "__file__", None) != file.path:
            taken = getattr(loaded, "__file__", None) or "Python itself"
            raise OwnCodeError(f"the name {file.module} is taken by {taken}; rename {file.name}")
        _ours[file.module] = file
    wrote, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    if sys.path[0] != source[0].root:
        sys.path.insert(0, source[0].root)  # stays: a function may import when it is called
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(source[0].module)
    except (Exception, SystemExit) as error:
        raise OwnCodeError(_told(error, reference, source)) from None
    finally:
        sys.dont_write_bytecode = wrote
    name = reference.partition(":")[2]
    found = getattr(module, name, None)
    if not callable(found):
        known = sorted(key for key, value in vars(module).items() if inspect.isfunction(value))
        raise OwnCodeError(unknown(f"function in {source[0].name}:", name, known, "functions there"))
    return found


def _told(error: BaseException, reference: str, source: Sequence[OwnFile]) -> str:
    """An error as `file:line: what happened`, the line being the last one of their own code."""
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    line = _own_line(error, source)
    if isinstance(error, SyntaxError) and error.filename in {file.path for file in source}:
        line = f"{next(file.name for file in source if file.path == error.filename)}:{error.lineno}"
    return f"{line or reference}: {what}"


def _own_line(error: BaseException, source: Sequence[OwnFile]) -> str | None:
    """`file:line` of the last frame of an error that is in one of the files."""
    names = {file.path: file.name for file in source}
    found = None
    trace = error.__traceback__
    while trace is not None:
        if name := names.get(trace.tb_frame.f_code.co_filename):
            found = f"{name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found


def _defined(call: Callable, reference: str, source: Sequence[OwnFile]) -> str:
    """`file:line` where a function begins."""
    code = getattr(call, "__code__", None)
    return f"{source[0].name}:{code.co_firstlineno}: {reference}" if code else reference


def _takes(call: Callable, count: int) -> bool:
    try:
        inspect.signature(call).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:  # built in, and silent about its parameters
        return True
    return True


class Score:
    """A rule's function, called with one document at a time; gives a finite float, or raises OwnCodeError."""

    def __init__(self, reference: str, source: tuple[OwnFile, ...]):
        self._call = function(reference, source)
        self._reference, self._source = reference, source
        self.failures = self.successes = 0
        if not (_takes(self._call, 1) or _takes(self._call, 2)):
            where = _defined(self._call, reference, source)
            raise OwnCodeError(f"{where} is called with (text) or (text, document); change its parameters")
        self.wants_document = not _takes(self._call, 1) or _second(self._call) == "document"

    @property
    def is_broken(self) -> bool:
        """Whether it has failed on everything so far, and often enough to tell."""
        return not self.successes and self.failures >= ALL_FAILED_FROM

    def __call__(self, text: str, document: Mapping | None) -> float:
        try:
            number = self.of(text, document)
        except OwnCodeError:
            self.failures += 1
            raise
        self.successes += 1
        return number

    def of(self, text: str, document: Mapping | None) -> float:
        """The same, without counting towards `is_broken`: for documents that it may not be made for."""
        try:
            result = self._call(text, document) if self.wants_document else self._call(text)
        except (Exception, SystemExit) as error:
            raise OwnCodeError(_told(error, self._reference, self._source)) from None
        if type(result) is not float and not isinstance(result, numbers.Real | np.bool_):
            where = _defined(self._call, self._reference, self._source)
            why = "has every path a `return`?" if result is None else "return a number, or true or false"
            raise OwnCodeError(f"{where} gave {_kind(result)}, and a rule needs a number; {why}")
        try:
            number = float(result)
        except OverflowError:
            where = _defined(self._call, self._reference, self._source)
            raise OwnCodeError(f"{where} gave a number beyond 1.8e308, which no threshold can judge") from None
        if not math.isfinite(number):
            where = _defined(self._call, self._reference, self._source)
            raise OwnCodeError(f"{where} gave {number}, which no threshold can judge; return a finite number")
        return number


def _second(call: Callable) -> str | None:
    """The name of a function's second parameter."""
    try:
        return [*inspect.signature(call).parameters, None, None][1]
    except ValueError:
        return None


def _kind(value: object) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"


def reader(reference: str, source: tuple[OwnFile, ...]) -> Read:
    """A reader whose errors are those of a file: UnreadableFile, with the line of their code."""
    call = function(reference, source)
    if not _takes(call, 3):
        where = _defined(call, reference, source)
        raise OwnCodeError(f"{where} is called with (stream, name, options); change its parameters")

    def read(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Record]:
        where = _defined(call, reference, source)
        try:
            records = call(stream, name, options)
            if not hasattr(records, "__iter__") or isinstance(records, str | bytes | Mapping):
                raise UnreadableFile(f"{where} gave {_kind(records)}; yield Extracted, Unextracted or NotDocument")
            for record in records:
                if problem := _problem(record):
                    raise UnreadableFile(f"{where} {problem}")
                yield record
        except UnreadableFile:
            raise
        except (Exception, SystemExit) as error:
            if isinstance(error, OSError) and _of_stream(error):
                raise  # disk or network: no property of the content, and no fault of theirs
            raise UnreadableFile(_told(error, reference, source)) from None

    return read


def _of_stream(error: OSError) -> bool:
    """Whether it is disk or network that failed under the file they were given, not one that they opened themselves."""
    return isinstance(error, RemoteError) or (error.errno is not None and error.filename is None)


def _problem(record: object) -> str | None:
    """What is wrong with a record of a reader's; None if nothing is."""
    if not isinstance(record, Extracted | Unextracted | NotDocument):
        return f"gave {_kind(record)}; yield Extracted, Unextracted or NotDocument of gristmill.curation.documents"
    if isinstance(record, NotDocument):
        return None if isinstance(record.reason, str) else f"gave NotDocument with {_kind(record.reason)} as reason"
    words = {"record": record.record}
    words |= {"text": record.text} if isinstance(record, Extracted) else {"rule": record.rule}
    for field, value in words.items():
        if not isinstance(value, str):
            return f"gave a document whose {field} is {_kind(value)}; give a string"
    for field in ("url", "title", "created", "licence"):
        value = getattr(record, field, None)
        if not isinstance(value, str | None):
            return f"gave a document whose {field} is {_kind(value)}; give a string or None"
    if isinstance(record, Extracted):
        try:
            (meta_json(record.meta) or "").encode()
        except (TypeError, ValueError, RecursionError) as error:
            return f"gave a document whose meta cannot be JSON ({error}); use strings, numbers, lists and mappings"
    elif not isinstance(record.value, numbers.Real | None):
        return f"gave a drop whose value is {_kind(record.value)}; give a number or None"
    return None
