"""Source code: a repository, a data set of files, or one file; each file a document with its text untouched.

Only line ends change, to "\\n". What a person did not write for this repository (copied in, generated, minified, locks)
is recognised here and dropped by name, unless `read: {drop: []}` keeps it with a flag. Everything that one may want to
judge by is in the document's `licence` and `meta`, for rules.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from gristmill.curation import archives
from gristmill.curation.archives import MAX_MEMBER_BYTES, Member, bare_name, decompressed
from gristmill.curation.code import git, tables
from gristmill.curation.code.decoding import decoded
from gristmill.curation.code.languages import Language, extension_of, language_of
from gristmill.curation.code.languages import tables as language_tables
from gristmill.curation.code.licences import Folders, notice, spdx_header
from gristmill.curation.code.measures import measured
from gristmill.curation.code.origin import MAX_ENCODED_FRAC, MAX_ENCODED_RUN, encoded, origin
from gristmill.curation.code.params import CodeParams
from gristmill.curation.code.repositories import Repository, commit_of
from gristmill.curation.documents import (
    Extracted,
    NotDocument,
    ReadOptions,
    Record,
    Unextracted,
    UnreadableFile,
)

VERSION = 2
FORMATS = ("archive", "bundle", "file", "jsonl", "parquet", "arrow")
PARAMS = CodeParams

_HEADER_CHARACTERS = 6_000  # a licence with all its clauses
_SNIFFED_BYTES = 8_000  # git's own measure: a NUL in the first 8,000 bytes makes a file binary
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_TABLES = {"jsonl": "jsonl", "ndjson": "jsonl", "parquet": "parquet", "arrow": "arrow", "feather": "arrow"}


@dataclass(frozen=True, slots=True)
class _File:
    """A source file on its way to be a record, with what is known from around it."""

    record: str
    path: str
    licence: tuple[str, str] | None = None  # expression, and where from
    repository: str | None = None
    commit: str | None = None


def read(stream: BinaryIO, name: str, options: ReadOptions) -> Iterator[Record]:
    """The files of a repository (tar, zip, git bundle), record = its path there; the rows of a table; or one file.

    Rules: `empty_text`, `undecodable`, `document_too_large`, `damaged_member`, `no_text`, `bad_json`, and for what
    nobody wrote here `vendored`, `generated`, `minified`, `lock_file`. NotDocument: `binary`, `link`, `special`.
    """
    params = options.params or CodeParams()
    assert isinstance(params, CodeParams)
    form = options.format or _detected(stream, name)
    if form == "archive":
        yield from _repository(stream, params)
    elif form == "bundle":
        with git.archive_of_bundle(decompressed(stream)) as tar:
            yield from _repository(tar, params)
    elif form == "file":
        data = decompressed(stream).read(MAX_MEMBER_BYTES + 1)
        if len(data) > MAX_MEMBER_BYTES:
            yield Unextracted("", "document_too_large", float(len(data)), title=name)
        else:
            yield _of_bytes(_File("", name), data, params)
    else:
        for row in tables.rows(stream, form, options):
            yield row if isinstance(row, Unextracted) else _of_row(row, params)


def _detected(stream: BinaryIO, name: str) -> str:
    """The format by content; an office file or a jar is a zip only by its packing, and JSON lines may be source too."""
    head = archives.head(stream, 512)
    if not head:
        raise UnreadableFile("the file is empty")
    suffix = bare_name(name).rpartition(".")[2]
    if head.startswith((b"PK\3\4", b"PK\5\6")):
        return "file" if suffix in language_tables()["binary"] and suffix not in ("zip", "whl") else "archive"
    if head[257:262] == b"ustar" or bare_name(name).endswith((".tar", ".tgz", ".tbz2", ".txz")):
        return "archive"
    if head.startswith(git.BUNDLE_MAGIC) and b"git bundle\n" in head[:20]:
        return "bundle"
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith((b"ARROW1", b"\xff\xff\xff\xff")) and suffix in ("arrow", "feather"):
        return "arrow"
    return "jsonl" if _TABLES.get(suffix) == "jsonl" and head.lstrip().startswith(b"{") else "file"


def _repository(stream: BinaryIO, params: CodeParams) -> Iterator[Record]:
    """The members of an archive as records, each with the licence of the nearest folder that states one."""
    repository = Repository(stream)
    folders = Folders()
    try:
        for member in repository:
            if member.content and folders.wants(member.path):
                folders.add(member.path, member.content)
    except UnreadableFile:
        pass  # the second time meets the same damage and reports it
    commit = commit_of(stream)
    seen: dict[str, int] = {}  # an archive may hold a path twice; the later one gets a number
    for member in repository:
        seen[member.path] = seen.get(member.path, 0) + 1
        place = member.path if seen[member.path] == 1 else f"{member.path}~{seen[member.path]}"
        yield _of_member(_File(place, member.path, folders.licence(member.path), commit=commit), member, params)


def _of_member(file: _File, member: Member, params: CodeParams) -> Record:
    if member.kind != "file":
        return NotDocument(member.kind)
    if member.content is not None:
        return _of_bytes(file, member.content, params)
    if extension_of(member.path) in language_tables()["binary"]:
        return NotDocument("binary")
    rule = "document_too_large" if member.size > MAX_MEMBER_BYTES else "damaged_member"
    return Unextracted(file.record, rule, float(member.size), title=member.path)


def _of_bytes(file: _File, data: bytes, params: CodeParams) -> Record:
    """One file as a document, or why it is none."""
    extension = extension_of(file.path)
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    if (b"\0" in data[:_SNIFFED_BYTES] and not wide) or data.startswith(_LFS_POINTER):
        return NotDocument("binary")
    found = decoded(data)
    if found is None or "\0" in found[0]:
        if extension in language_tables()["binary"] or (found and not wide):
            return NotDocument("binary")
        return Unextracted(file.record, "undecodable", float(len(data)), title=file.path)
    text, encoding = found
    if encoding != "utf-8" and extension in language_tables()["binary"]:
        return NotDocument("binary")
    return _document(file, text, len(data), {} if encoding == "utf-8" else {"encoding": encoding}, params)


def _of_row(row: tables.SourceFile, params: CodeParams) -> Record:
    """One row of a table as a document."""
    if row.text is None:
        return Unextracted(row.record, "no_text", url=row.url, title=row.path or None)
    if len(row.text) > MAX_MEMBER_BYTES:
        return Unextracted(row.record, "document_too_large", float(len(row.text)), row.url, row.path or None)
    known: dict[str, object] = {**row.extra, "repository": row.repository, "stars": row.stars}
    licence = (row.licence, "row") if row.licence else None
    file = _File(row.record, row.path, licence, row.repository)
    made = _document(file, row.text.replace("\0", ""), len(row.text), known, params, row.language)
    if isinstance(made, NotDocument):
        return made
    changed = {name: getattr(made, name) for name in made.__slots__} | {"url": row.url}
    return type(made)(**(changed | ({"created": row.created} if isinstance(made, Extracted) else {})))


def _document(
    file: _File, text: str, size: int, known: dict[str, object], params: CodeParams, stated: str | None = None
) -> Record:
    """A decoded file as a document with all that is measured, or the reason why it is dropped."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        return Unextracted(file.record, "empty_text", float(size), title=file.path or None)
    language = language_of(file.path, text) or _known_language(stated)
    whence = origin(file.path, text, language)
    if whence in params.drop:
        return Unextracted(file.record, whence, float(size), title=file.path or None)
    meta: dict[str, object] = {
        "path": file.path or None,
        "extension": extension_of(file.path) or None,
        "language": language.name if language else stated,
        **known,
        "commit": file.commit,
        "type": language.type if language else None,
        **measured(text, language),
    }
    if whence:
        meta[whence] = True
    share, longest = encoded(text)
    if share:
        meta["encoded_frac"], meta["encoded_run"] = round(share, 4), longest
    if share > MAX_ENCODED_FRAC or longest > MAX_ENCODED_RUN:
        meta["data_like"] = True
    licence = _licence(file, text, language)
    if licence:
        meta["licence_from"] = licence[1]
    return Extracted(
        record=file.record,
        text=text,
        title=file.path or None,
        licence=licence[0] if licence else None,
        meta={name: value for name, value in meta.items() if value is not None or name in ("extension", "language")},
    )


def _licence(file: _File, text: str, language: Language | None) -> tuple[str, str] | None:
    """The licence of a file and where it is stated: in its own header, else around it."""
    head = text[:_HEADER_CHARACTERS]
    if stated := spdx_header(head):
        return stated, "header"
    # A manual may well speak of a licence that is not its own.
    if (language is None or language.type != "prose") and (named := notice(head)):
        return named, "header"
    return file.licence


def _known_language(stated: str | None) -> Language | None:
    """The language that a data set states, if it is one of ours."""
    name = language_tables()["lowered"].get(stated.lower().replace("-", " ")) if stated else None
    return Language(name, language_tables()["types"][name]) if name else None
