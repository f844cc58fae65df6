"""Repositories and tables: archives from anybody, git checkouts and bundles, rows of The Stack; nothing lost in silence."""

import io
import json
import stat
import tarfile
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dulwich import porcelain
from dulwich.bundle import create_bundle_from_repo, write_bundle
from dulwich.repo import Repo

from gristmill.curation import archives
from gristmill.curation.code import git, read
from gristmill.curation.code.params import CodeParams
from gristmill.curation.documents import Extracted, NotDocument, ReadOptions, Unextracted, UnreadableFile
from gristmill.curation.raw_files import opened
from gristmill.manifests import inputs

MPL = b"Mozilla Public License Version 2.0"


def records(data: bytes, name: str, **options):
    return list(read(io.BytesIO(data), name, ReadOptions(**options)))


def tar(entries, mode="w", **options) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, **options) as archive:
        for name, data in entries:
            info = tarfile.TarInfo(name)
            if data not in (tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE):
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
            else:
                info.type = data
                info.linkname = "../../etc/passwd"
                archive.addfile(info)
    return out.getvalue()


FILES = [("r/LICENSE", MPL), ("r/a.py", b"x = 1\n"), ("r/b.go", b"package b\n")]


@pytest.mark.parametrize("packing", ["w", "w:gz", "w:bz2", "w:xz"])
def test_every_packing_gives_the_same_records(packing):
    found = records(tar(FILES, packing), "r.tar")
    assert [(r.record, r.licence) for r in found] == [(name, "MPL-2.0") for name, _ in FILES]


def test_links_devices_and_paths_that_lead_out_are_only_names():
    found = records(
        tar(
            [
                ("../../etc/passwd.py", b"x = 1"),
                ("link", tarfile.SYMTYPE),
                ("null", tarfile.CHRTYPE),
                ("d", tarfile.DIRTYPE),
            ]
        ),
        "r.tar",
    )
    assert found[0].record == "../../etc/passwd.py"
    assert found[1:] == [NotDocument("link"), NotDocument("special")]


def test_a_zip_with_a_link_an_encrypted_member_and_a_name_twice(recwarn):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.py", "x = 1")
        archive.writestr("a.py", "x = 2")
        link = zipfile.ZipInfo("link.py")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("b.py", "x = 3")
    data = bytearray(out.getvalue())
    data[data.rindex(b"b.py") - 46 + 8] |= 1  # encrypted, says the directory
    found = records(bytes(data), "r.zip")
    assert [r.record for r in found if isinstance(r, Extracted)] == ["a.py", "a.py~2"]
    assert found[2] == NotDocument("link")
    assert (found[3].record, found[3].rule) == ("b.py", "damaged_member")


def test_a_bomb_is_cut_off_and_what_came_before_stays(monkeypatch):
    monkeypatch.setattr(archives, "BOMB_BYTES", 2**20)
    stream = read(
        io.BytesIO(tar([("a.py", b"x = 1"), ("b.txt", b"\0" * 2**24), ("c.py", b"x")], "w:gz")), "r.tgz", ReadOptions()
    )
    assert next(stream).record == "a.py"
    with pytest.raises(UnreadableFile, match="bomb"):
        list(stream)


def test_a_huge_member_is_named_and_passed_over(monkeypatch):
    monkeypatch.setattr(archives, "MAX_MEMBER_BYTES", 1_000)
    found = records(tar([("big.py", b"x" * 2_000), ("a.py", b"x = 1")]), "r.tar")
    assert [(type(r), r.record) for r in found] == [(Unextracted, "big.py"), (Extracted, "a.py")]


def test_names_that_are_no_utf8_and_sources_in_other_encodings():
    data = tar(
        [("r/caf\udce9.py", "# café".encode("latin-1")), ("r/j.py", "# coding: euc-jp\n# 日本".encode("euc-jp"))]
    )
    found = records(data, "r.tar")
    assert [r.record for r in found] == ["r/caf�.py", "r/j.py"]
    assert [(r.text, r.meta["encoding"]) for r in found] == [
        ("# café", "cp1252"),
        ("# coding: euc-jp\n# 日本", "euc-jp"),
    ]


COMMENTS = {
    "cp949": "이 함수는 두 수의 합을 계산하여 돌려준다. 입력은 정수여야 한다",
    "koi8-r": "Эта функция считает сумму двух чисел и возвращает её",
    "cp1251": "Эта функция считает сумму двух чисел и возвращает её",
    "big5hkscs": "這個函數計算兩個數字的總和並且傳回結果",
    "gb18030": "这个函数计算两个数字的总和并且返回结果",
    "cp932": "この関数は二つの数の合計を計算して返します",
}


@pytest.mark.parametrize("encoding", COMMENTS)
def test_comments_in_the_encodings_of_the_east_are_read(encoding):
    text = f"// {COMMENTS[encoding]}\nint add(int a, int b) {{ return a + b; }}\n"
    (found,) = records(tar([("r/add.c", text.encode(encoding))]), "r.tar")
    assert (found.text.strip(), found.meta["encoding"]) == (text.strip(), encoding)


def test_the_commit_of_a_github_archive_is_in_meta():
    commit = "0123456789abcdef0123456789abcdef01234567"
    data = tar(FILES, "w:gz", pax_headers={"comment": commit})
    assert {r.meta["commit"] for r in records(data, "r.tar.gz")} == {commit}


def test_what_is_not_dropped_is_flagged():
    (record,) = records(b"x()", "a.min.js", params=CodeParams(drop=("generated",)))
    assert record.meta["minified"] is True
    with pytest.raises(ValueError, match="drop has 'copied'"):
        CodeParams(drop=("copied",))


@pytest.fixture
def repository(tmp_path):
    """A git repository of one commit, with a link, an uncommitted file and an ignored one."""
    path = tmp_path / "repos" / "mill"
    path.mkdir(parents=True)
    porcelain.init(path)
    for name, data in (("LICENSE", MPL), ("src/a.py", b"x = 1\n"), ("src/b:c.go", b"package b\n")):
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_bytes(data)
    (path / "link.py").symlink_to("src/a.py")
    porcelain.add(path, [path / "LICENSE", path / "src/a.py", path / "src/b:c.go", path / "link.py"])
    porcelain.commit(
        path,
        message=b"mill",
        author=b"J <j@mill.org>",
        committer=b"J <j@mill.org>",
        commit_timestamp=0,
        author_timestamp=0,
    )
    (path / "later.py").write_text("uncommitted = True\n")
    return path


def test_a_checkout_a_bare_clone_and_a_bundle_give_the_files_of_the_commit(repository, tmp_path):
    porcelain.clone(str(repository), str(tmp_path / "mill.git"), bare=True, errstream=io.BytesIO())
    with Repo(str(repository)) as repo:
        bundle = create_bundle_from_repo(repo, refs=[b"HEAD"])
        with (tmp_path / "mill.bundle").open("wb") as out:
            write_bundle(out, bundle)
    found = []
    for path in (repository, tmp_path / "mill.git", tmp_path / "mill.bundle"):
        with opened(str(path)) as stream:
            found.append(list(read(stream, path.name, ReadOptions())))
    assert found[0] == found[1] == found[2]
    texts = [(r.record, r.licence) for r in found[0] if isinstance(r, Extracted)]
    assert texts == [("LICENSE", "MPL-2.0"), ("src/a.py", "MPL-2.0"), ("src/b:c.go", "MPL-2.0")]
    assert found[0].count(NotDocument("link")) == 1
    assert found[0][0].meta["commit"] == git.head(repository)


def test_a_folder_that_is_a_repository_is_one_input_named_by_its_commit(repository, tmp_path):
    (tmp_path / "repos" / "loose.py").write_text("x = 1\n")
    files = inputs.expand_repositories(["repos/*"], (tmp_path,))
    assert [f.locator for f in files] == ["repos/loose.py", "repos/mill"]
    assert files[1].etag == git.head(repository)
    assert files[1].size_bytes > 0
    assert [f.locator for f in inputs.expand_repositories(["repos"], (tmp_path,))] == ["repos/loose.py", "repos/mill"]
    assert "repos/mill/src/a.py" in [f.locator for f in inputs.expand(["repos"], (tmp_path,))]


def test_a_repository_without_a_commit_says_so(tmp_path):
    porcelain.init(tmp_path)
    with pytest.raises(UnreadableFile, match="no commit"):
        git.archive(tmp_path)
    with pytest.raises(UnreadableFile, match="bundle"):
        records(b"# v2 git bundle\n0123 broken", "a.bundle")


STACK = {
    "content": ["x = 1\n", "# SPDX-License-Identifier: ISC\ny = 2\n", None, "{}", ""],
    "max_stars_repo_path": ["src/a.py", "src/b.py", "c.py", "d.json", "e.py"],
    "max_stars_repo_name": ["mill/grist"] * 5,
    "max_stars_repo_licenses": [["MIT", "Apache-2.0"], ["MIT"], [], ["GPL-3.0"], ["MIT"]],
    "max_stars_count": [7, None, 1, 2, 3],
    "lang": ["Python", "Python", "Python", "JSON", "Python"],
    "ext": ["py", "py", "py", "json", "py"],
    "size": [6, 36, 0, 2, 0],
}


def test_rows_of_the_stack_are_files_with_what_it_knows():
    out = io.BytesIO()
    pq.write_table(pa.table(STACK), out)
    first, second, third, fourth, fifth = records(out.getvalue(), "data.parquet")
    assert (first.record, first.text, first.title) == ("row=0", "x = 1\n", "src/a.py")
    assert first.licence == "Apache-2.0 AND MIT"
    assert (first.meta["repository"], first.meta["stars"], first.meta["licence_from"]) == ("mill/grist", 7, "row")
    assert (second.licence, second.meta["licence_from"]) == ("ISC", "header")
    assert third.rule == "no_text"
    assert (fourth.licence, fourth.meta["language"]) == ("GPL-3.0", "JSON")
    assert fifth.rule == "empty_text"


def test_lines_of_a_github_dump_are_files_and_a_broken_one_costs_itself():
    rows = [
        {"repo_name": "mill/a", "path": "a.go", "license": "mit", "content": "package a\n"},
        {"repo": "mill/b", "code": "x", "language": "Python"},
    ]
    data = (json.dumps(rows[0]) + "\nnot json\n\n" + json.dumps(rows[1]) + "\n").encode()
    first, broken, second = records(data, "dump.jsonl")
    assert (first.licence, first.meta["language"], first.meta["repository"]) == ("MIT", "Go", "mill/a")
    assert (broken.rule, broken.record) == ("bad_json", str(len(json.dumps(rows[0])) + 1))
    assert (second.meta["language"], second.meta.get("path")) == ("Python", None)
    assert records(data, "dump.jsonl", end=1) == [first]
    assert records(data, "dump.jsonl", start=1, end=len(data)) == [broken, second]


def test_a_table_without_contents_says_what_is_missing():
    out = io.BytesIO()
    pq.write_table(pa.table({"blob_id": ["a"], "path": ["a.py"]}), out)
    with pytest.raises(UnreadableFile, match="Software Heritage"):
        records(out.getvalue(), "v2.parquet")
    with pytest.raises(UnreadableFile, match="the columns are: source; set columns"):
        records(b'{"source": "x"}\n', "a.jsonl")
    assert records(b'{"source": "x"}\n', "a.jsonl", columns={"text": "source"})[0].text == "x"
