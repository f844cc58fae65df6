"""Data sets on the Hugging Face Hub: from `hf://datasets/org/name` with configuration, split and revision to pinned files.

The conventions are the Hub's own (https://huggingface.co/docs/hub/datasets-data-files-configuration, as `datasets`
reads them): `configs:` in the README's metadata, else splits by the names of files and folders. A revision is pinned to
its commit when a run is planned, so that all of it reads one state of the data set; a file is identified by the digest
that the Hub keeps of its content, and nothing is downloaded for that.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from gristmill.manifests.hub_splits import FORMATS, by_convention, matching, patterns, rows

SCHEME = "hf://datasets/"

PARQUET_BRANCH = "refs/convert/parquet"
"""The branch where the Hub keeps its own Parquet copy of a data set, as `config/split/0000.parquet`."""

_REVISION = re.compile(r"(refs/(?:convert|pr)/[^/]+|[^/]+)(?:/(.*))?\Z", re.DOTALL)
_MAX_README_BYTES = 4 * 2**20


class HubError(ValueError):
    """A data set, or what is wanted of it, is not there; the message says what is, and how to fix it."""


@dataclass(frozen=True)
class Address:
    """What a path of the manifest says: the data set, its revision if one is written, and the files inside."""

    repository: str
    revision: str | None
    inside: str  # a pattern; "" for the whole data set
    config: str | None = None
    split: str | None = None

    @property
    def written(self) -> str:
        """The address of the data set as the manifest writes it, which locators begin with."""
        return SCHEME + self.repository + (f"@{self.revision}" if self.revision else "")


@dataclass(frozen=True)
class HubFile:
    """A file of a data set, at a commit."""

    locator: str  # with the revision as the manifest writes it
    path: str  # with the commit
    size_bytes: int
    identity: str  # digest of the content: sha256 of a large file, git's sha1 of a small one


def is_hub(path: str) -> bool:
    return path.startswith(SCHEME)


def address(path: str) -> Address:
    """The parts of `hf://datasets/org/name[@revision][/files][?config=...&split=...]`.

    >>> address("hf://datasets/org/name@v1/data/*.parquet").inside
    'data/*.parquet'
    """
    # A ? is a wildcard, too: it only begins a choice where one follows.
    choice = re.search(r"\?(?=(?:config|split)=)", path)
    rest = path[len(SCHEME) : choice.start() if choice else None]
    chosen = dict(parse_qsl(path[choice.end() :])) if choice else {}
    wrong = sorted(set(chosen) - {"config", "split"})
    if wrong:
        raise HubError(f"{path}: after the ? there may be config and split, and not {wrong[0]}")
    before, at, after = rest.partition("@")
    if at and before.count("/") <= 1:
        match = _REVISION.match(after)
        if match is None:
            raise HubError(
                f"{path}: there is no revision after the @; name a branch, a tag or a commit, or remove the @"
            )
        return Address(before, unquote(match[1]), (match[2] or "").strip("/"), **chosen)
    parts = rest.strip("/").split("/")
    return Address("/".join(parts[:2]), None, "/".join(parts[2:]), **chosen)


def choosing(path: str, config: str | None, split: str | None) -> str:
    """The path with a configuration and split chosen; a path that says so itself stays as it is. Raises HubError."""
    if not is_hub(path) or not (config or split) or (address(path).config or address(path).split):
        return path
    if address(path).inside:
        raise HubError(f"{path}: config and split choose from a whole data set; give {address(path).written} alone")
    chosen = {"config": config, "split": split}
    return f"{path}?" + "&".join(f"{name}={value}" for name, value in chosen.items() if value)


def expand(path: str) -> list[HubFile]:
    """The files that a path names, in order of name. Raises HubError.

    A path without files inside stands for a split of one of the data set's configurations, by default `train` of the
    default one, as the Hub understands them; where the data set has no tables, for all its files.
    """
    wanted = address(path)
    try:
        commit, listing = _pinned(wanted)
        files = listing.under(_fixed(wanted.inside))
        found = _found(wanted, listing, files)
    except HubError:
        raise
    except Exception as error:  # of its HTTP client, which differs from version to version
        what = f"cannot be reached ({type(error).__name__}: {error}); try again later"
        raise HubError(f"{wanted.written}: {what}") from error
    if not found:
        near = difflib.get_close_matches(wanted.inside, listing.under(""), n=3, cutoff=0.3)
        hint = f"; did you mean {', '.join(near)}?" if near else "; correct the path"
        raise HubError(f"{path}: nothing in {wanted.written} matches{hint}")
    return [
        HubFile(f"{wanted.written}/{name}", f"{SCHEME}{wanted.repository}@{commit}/{name}", *files[name])
        for name in sorted(found)
    ]


def _found(wanted: Address, listing: "Listing", files: Mapping[str, object]) -> set[str]:
    chosen = bool(wanted.config or wanted.split)
    if wanted.inside:
        if chosen:
            what = f"config and split choose from a whole data set; give {wanted.written} alone"
            raise HubError(f"{wanted.written}/{wanted.inside}: {what}")
        folder = _fixed(wanted.inside) == wanted.inside
        return set(matching([wanted.inside, *([f"{wanted.inside}/**"] if folder else [])], files))
    if not chosen and not rows(files):
        return set(matching(["**"], files))
    splits = _splits(wanted, listing, files)
    return {name for split in _chosen_splits(wanted, splits) for name in splits[split]}


class Listing:
    """The files of a data set at a commit, asked for when they are needed."""

    def __init__(self, api, repository: str, commit: str):
        self._api, self._repository, self.commit = api, repository, commit

    def under(self, folder: str) -> dict[str, tuple[int, str]]:
        """Path -> (size in bytes, identity) of every file under a folder, or of the file of this name."""
        about = {"repo_type": "dataset", "revision": self.commit}
        if folder:
            found = self._api.get_paths_info(self._repository, [folder], **about)
            if not found:
                return {}
            if hasattr(found[0], "blob_id"):
                return {found[0].path: _identified(found[0])}
        tree = self._api.list_repo_tree(self._repository, folder or None, recursive=True, **about)
        return {entry.path: _identified(entry) for entry in tree if hasattr(entry, "blob_id")}

    def readme(self) -> Mapping:
        """The metadata at the top of the README; empty if there is none."""
        import fsspec
        import yaml

        try:
            with fsspec.open(f"{SCHEME}{self._repository}@{self.commit}/README.md", "rb") as file:
                text = file.read(_MAX_README_BYTES).decode("utf-8", "replace")
        except FileNotFoundError:
            return {}
        match = re.match(r"\ufeff?\s*---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", text, re.DOTALL)
        try:
            found = yaml.safe_load(match[1]) if match else {}
        except (yaml.YAMLError, ValueError):
            return {}
        return found if isinstance(found, Mapping) else {}


def _identified(entry) -> tuple[int, str]:
    return entry.size, f"sha256={entry.lfs.sha256}" if entry.lfs else f"blob={entry.blob_id}"


def _pinned(wanted: Address) -> tuple[str, Listing]:
    """The commit that the revision stands for now, and its files. Raises HubError if it cannot be had."""
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    api = HfApi(library_name="gristmill")
    name = wanted.repository
    page = f"{constants.ENDPOINT}/datasets/{name}"
    try:
        info = api.repo_info(name, repo_type="dataset", revision=wanted.revision)
        if getattr(info, "gated", False):
            api.auth_check(name, repo_type="dataset")
        return info.sha, Listing(api, name, info.sha)
    except GatedRepoError:
        what = (
            f"its owner asks readers to accept terms: do so at {page}, then log in with `hf auth login` or set HF_TOKEN"
        )
    except RevisionNotFoundError:
        what = f"it has no branch, tag or commit {wanted.revision!r}{_near_revision(api, wanted)}"
    except RepositoryNotFoundError:
        what = "there is no such data set, or it is private; correct the name, or log in with `hf auth login` or set HF_TOKEN"
    raise HubError(f"{wanted.written}: {what}")


def _near_revision(api, wanted: Address) -> str:
    try:
        refs = api.list_repo_refs(wanted.repository, repo_type="dataset")
    except Exception:  # the first error is what matters
        return ""
    known = [ref.name for ref in (*refs.branches, *refs.tags)]
    near = difflib.get_close_matches(wanted.revision or "", known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; it has {', '.join(known)}"


# Which files a configuration and a split are


def _splits(wanted: Address, listing: Listing, files: Mapping[str, object]) -> dict[str, list[str]]:
    """Split -> its files, of the configuration that is wanted. Raises HubError."""
    if wanted.revision == PARQUET_BRANCH:
        return _converted(wanted, files)
    configs = listing.readme().get("configs")
    configs = {
        str(config.get("config_name", "default")): config
        for config in (configs if isinstance(configs, list) else [])
        if isinstance(config, Mapping)
    }
    if not configs and wanted.config:
        raise HubError(
            f"{wanted.written}: its README names no configurations, so {wanted.config!r} cannot be chosen; name the files: "
            f"{wanted.written}/{wanted.config}/*.parquet, or its copy {SCHEME}{wanted.repository}@{PARQUET_BRANCH}"
        )
    config = configs[_choose(wanted, configs)] if configs else {}
    base = str(config.get("data_dir") or "").strip("/")
    given = config.get("data_files")
    if given is not None:
        return {split: matching(globs, files, base) for split, globs in patterns(given).items()}
    inside = {name: name.removeprefix(f"{base}/") for name in files if not base or name.startswith(f"{base}/")}
    holding = {name: inside[name] for name in rows(files, base)}
    if not holding:
        kinds = sorted({name.rpartition("/")[2].partition(".")[2] or name for name in inside} - {"md"})
        raise HubError(
            f"{wanted.written}: no files with rows that this reads ({', '.join(FORMATS)}); it holds "
            f"{', '.join(kinds[:6]) or 'nothing'}; perhaps its copy can be read: {SCHEME}{wanted.repository}@{PARQUET_BRANCH}"
        )
    return by_convention(holding)


def _choose(wanted: Address, configs: Mapping[str, Mapping]) -> str:
    """The configuration that is wanted, or the default one."""
    if wanted.config in configs:
        return wanted.config
    if wanted.config is None:
        default = [name for name, config in configs.items() if config.get("default") is True]
        for name in [*default, *(configs if len(configs) == 1 else ["default"])]:
            if name in configs:
                return name
        raise HubError(
            f"{wanted.written}: it has several configurations; set read: {{config: ...}} to one of {_few(configs)}"
        )
    near = difflib.get_close_matches(wanted.config, configs, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ";"
    raise HubError(f"{wanted.written}: it has no configuration {wanted.config!r}{hint} configurations: {_few(configs)}")


def _converted(wanted: Address, files: Mapping[str, object]) -> dict[str, list[str]]:
    """The splits of a configuration on the Hub's Parquet branch; of what is large, only a part is there."""
    configs: dict[str, dict[str, list[str]]] = {}
    for name in files:
        parts = name.split("/")
        if len(parts) == 3 and parts[2].endswith(".parquet"):
            configs.setdefault(parts[0], {}).setdefault(parts[1].removeprefix("partial-"), []).append(name)
    return configs[_choose(wanted, {name: {} for name in configs})] if configs else {}


def _chosen_splits(wanted: Address, splits: Mapping[str, Sequence[str]]) -> list[str]:
    """The splits that are wanted: one, several as `train+test`, `all`, or by default `train`."""
    full = [split for split, files in splits.items() if files]
    if wanted.split is None:
        if "train" in full or len(full) == 1:
            return ["train"] if "train" in full else full
        raise HubError(
            f"{wanted.written}: it has no split train; set read: {{split: ...}} to one of {_few(full)}, or all"
        )
    if wanted.split == "all":
        return full
    if "[" in wanted.split:
        raise HubError(f"{wanted.written}: a part of a split ({wanted.split}) is not had so; use `limit` or `sample`")
    names = wanted.split.split("+")
    for name in names:
        if name not in full:
            near = difflib.get_close_matches(name, full, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ";"
            raise HubError(f"{wanted.written}: it has no split {name!r}{hint} splits: {_few(full)}")
    return names


def _few(names: Sequence[str] | Mapping, most: int = 30) -> str:
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _fixed(pattern: str) -> str:
    """The folders of a pattern before its first wildcard."""
    parts = pattern.split("/")
    fixed = next((number for number, part in enumerate(parts) if re.search(r"[*?\[]", part)), len(parts))
    return "/".join(parts[:fixed])
