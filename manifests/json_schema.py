"""The manifest's JSON Schema, which editors check and complete by; published as docs/manifest.schema.json."""

from typing import Any

from gristmill.curation import extract, own
from gristmill.curation.documents import KINDS
from gristmill.manifests.schema import Manifest, adapter


def json_schema() -> dict:
    """The schema as JSON has it."""
    published = Manifest.model_json_schema()
    published["required"].remove("name")  # absent, it is the file's name
    source = published["$defs"]["Source"]
    paths = source["properties"]["paths"]
    paths["anyOf"] = [{"type": "string"}, {"type": "array", "items": paths.pop("items")}]
    del paths["type"]
    kind = source["properties"]["kind"]
    kind["anyOf"] = [{"enum": list(KINDS)}, {"type": "string", "pattern": own.REFERENCE}]
    del kind["type"]
    source["allOf"] = [_of_kind(kind, published["$defs"]) for kind in KINDS]
    return published


def _of_kind(kind: str, definitions: dict) -> dict:
    """What a source of one kind may say under `read` and `format`; the options' schema is added to the definitions."""
    then: dict[str, Any] = {"format": {"enum": [*extract.formats(kind), None]}}
    params = extract.params_class(kind)
    if params is None:
        then["read"] = {"maxProperties": 0}
    else:
        options = adapter(params).json_schema(ref_template="#/$defs/{model}")
        definitions |= options.pop("$defs", {})
        definitions[params.__name__] = options
        then["read"] = {"$ref": f"#/$defs/{params.__name__}"}
    return {"if": {"properties": {"kind": {"const": kind}}}, "then": {"properties": then}}
