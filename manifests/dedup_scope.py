"""What a document is compared within, `curate.dedup.scope`."""

import fnmatch


def scope_of(scope: str, source: str, locator: str) -> str:
    """What a document is compared within: everything, its source, or the folder of its path that matches `scope`."""
    if scope == "all":
        return ""
    if scope == "source":
        return source
    folders = locator.split("#")[0].split("/")[:-1]
    return next((folder for folder in folders if fnmatch.fnmatchcase(folder, scope)), "")
