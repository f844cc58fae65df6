"""`--set path=value`: a manifest with some of its rules changed, as if it had been written so.

`web.filters.gopher.min_words=40` finds the rule by the label that the ledger shows, or by the preset that the manifest
names. Everything else is the place of a key in the manifest, whose `sources.` may be left out.
"""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from gristmill.curation.presets import DEFAULT_PRESET, PRESETS
from gristmill.curation.rules import unknown
from gristmill.manifests import schema
from gristmill.manifests.schema import Loaded
from gristmill.manifests.source_lines import ManifestError


class SettingError(ValueError):
    """A `--set` that cannot be followed; the message says which, and what would do."""


def changed(loaded: Loaded, settings: Sequence[str]) -> Loaded:
    """The manifest after some settings, one after the other. Raises SettingError."""
    data = _plain(loaded.lines.data)
    for setting in settings:
        try:
            _apply(data, loaded, setting)
        except YAMLError as error:
            what = getattr(error, "problem", None) or getattr(error, "context", None) or "check brackets and quotes"
            raise SettingError(f"--set {setting}: the value is not valid YAML: {what}") from None
        except ValueError as error:
            raise SettingError(f"--set {setting}: {error}") from None
    with reported(settings, lambda: _at_fault(loaded, settings) if len(settings) > 1 else settings):
        return replace(schema.checked(loaded.path, replace(loaded.lines, data=data)), cache=loaded.cache)


@contextmanager
def reported(settings: Sequence[str], at_fault: Callable[[], Sequence[str]] | None = None) -> Iterator[None]:
    """Tell what is wrong with a changed manifest as what is wrong with the settings: no line of the file says it.

    `at_fault` finds those of the settings that are to blame; without it all are named.
    """
    try:
        yield
    except ManifestError as error:
        told = "; ".join(f"{p.where}: {p.message}" for p in error.problems)
        wrong = at_fault() if at_fault else settings
        raise SettingError(f"--set {' --set '.join(wrong)}: {told}") from None


def _at_fault(loaded: Loaded, settings: Sequence[str]) -> Sequence[str]:
    """The settings without which the others would do; where there is no such one, those that are wrong alone, or all."""

    def fails(some: Sequence[str]) -> bool:
        try:
            changed(loaded, some)
        except SettingError:
            return True
        return False

    needed = [one for n, one in enumerate(settings) if not fails([*settings[:n], *settings[n + 1 :]])]
    return needed[-1:] or [one for one in settings if fails([one])] or settings


def _plain(value: object) -> object:
    """A copy of mappings and lists that can be changed."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _apply(data: dict, loaded: Loaded, setting: str) -> None:
    path, equals, written = setting.partition("=")
    path = path.strip().removeprefix("sources.")
    if not equals or not path:
        raise ValueError("write path=value, such as web.filters.gopher.min_words=40")
    value = YAML(typ="safe").load(io.StringIO(written))
    sources = loaded.manifest.sources
    name = max((name for name in sources if path.startswith(name + ".")), key=len, default=None)
    if name is None:
        root, _, rest = path.partition(".")
        if root != "curate" or not rest:
            raise ValueError(unknown("source", root, [*sources, "curate"], "a path begins with one of"))
        _put(data, path.split("."), value)
        return
    block = data["sources"][name]
    head, _, rest = path.removeprefix(name + ".").partition(".")
    if head == "filters" and rest:
        block["filters"] = _with_rule(block.get("filters"), loaded.manifest.sources[name].kind, rest, value, name)
    else:
        if head == "languages" and rest and not block.get("languages"):
            if sources[name].kind == "code":
                raise ValueError(f"languages are not asked of code; set {name}.languages={{keep: [en]}} as a whole")
            block["languages"] = _plain((data.get("curate") or {}).get("languages") or {})
        _put(block, [head, *(rest.split(".") if rest else [])], value)


def _put(block: dict, keys: Sequence[str], value: object) -> None:
    """Set a key of nested mappings; what is not there is made."""
    for key in keys[:-1]:
        inner = block.get(key)
        block[key] = inner = inner if isinstance(inner, dict) else {}
        block = inner
    block[keys[-1]] = value


def _with_rule(spec: object, kind: str, target: str, value: object, source: str) -> list:
    """Filters as a list, with the threshold of one rule changed; null switches it off."""
    entries = _entries([DEFAULT_PRESET["text" if ":" in kind else kind]] if spec is None else spec)
    places = _places(entries)
    if isinstance(value, Mapping):  # several rules of a preset at once
        for rule, threshold in value.items():
            entries = _with_rule(entries, kind, f"{target}.{rule}", threshold, source)
        return entries
    if value is None and (whole := _of_preset(entries, target)):
        return [entry for number, entry in enumerate(entries) if number not in whole]
    if target not in places:
        raise ValueError(
            unknown(f"rule of source {source}", target, [*places, *_presets(entries)], "its rules")
            + f"; to ask other rules, set {source}.filters=[...] as a whole"
        )
    number, key = places[target]
    if key is not None:
        (preset,) = entries[number]
        entries[number] = {preset: {**entries[number][preset], key: value}}
    elif value is None:
        del entries[number]
    else:
        entries[number] = {**entries[number], "threshold": value}
    return entries


def _entries(spec: object) -> list[dict]:
    """Filters as a list of rules, and of mappings of one preset to its changes."""
    found: list[dict] = []
    for entry in [spec] if isinstance(spec, str | Mapping) else spec:
        if isinstance(entry, str):
            found.append({entry: {}})
        elif {"feature", "rule"} & set(entry):
            found.append(dict(entry))
        else:
            found += [{preset: dict(changes or {})} for preset, changes in entry.items()]
    return found


def _of_preset(entries: Sequence[Mapping], target: str) -> list[int]:
    """The entries that are a whole preset, by the name in the manifest or by the one that its rules have in the ledger."""
    names = _presets(entries)
    if target in names:
        return names[target]
    labels = {name: {rule.preset for rule in PRESETS[name].rules} for name in names}
    return [number for name, numbers in names.items() if labels[name] == {target} for number in numbers]


def _presets(entries: Sequence[Mapping]) -> dict[str, list[int]]:
    """The presets among some entries, and where they stand."""
    found: dict[str, list[int]] = {}
    for number, entry in enumerate(entries):
        if not {"feature", "rule"} & set(entry):
            found.setdefault(next(iter(entry)), []).append(number)
    return found


def _places(entries: Sequence[Mapping]) -> dict[str, tuple[int, str | None]]:
    """What a rule may be called -> the number of its entry, and its key there (None: a rule of its own)."""
    found: dict[str, tuple[int, str | None]] = {}
    for number, entry in enumerate(entries):
        if {"feature", "rule"} & set(entry):
            feature = str(entry.get("feature", entry.get("rule")))
            name = str(entry.get("name", feature.rpartition(":")[2]))
            found |= {f"custom.{name}": (number, None), name: (number, None)}
            continue
        (preset,) = entry
        for rule in PRESETS[preset].rules:
            found |= {rule.label: (number, rule.name), f"{preset}.{rule.name}": (number, rule.name)}
        if PRESETS[preset].cut_lines:
            found[f"{preset}.cut_lines"] = (number, "cut_lines")
    return found
