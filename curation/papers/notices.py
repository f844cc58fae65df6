"""Which papers correct or retract another, and which were corrected or retracted: facts for rules, nothing is dropped."""

from lxml import etree

from gristmill.curation.markup import local_name

_HREF = "{http://www.w3.org/1999/xlink}href"
_TYPES = {
    "correction": "correction", "corrected-article": "correction", "corrigendum": "correction", "erratum": "correction",
    "addendum": "correction", "retraction": "retraction", "partial-retraction": "retraction",
    "retraction-notice": "retraction", "expression-of-concern": "concern", "published erratum": "correction",
    "retraction of publication": "retraction", "retraction notice": "retraction",
    "expression of concern": "concern",
}  # fmt: skip
"""Kind of article, as JATS and MEDLINE call it -> `correction`, `retraction` or `concern`."""

_FORWARD = {
    "correction-forward": "corrected", "corrected-article-forward": "corrected", "retraction-forward": "retracted",
    "concern-forward": "concern_raised", "retracted-by": "retracted", "corrected-by": "corrected",
}  # fmt: skip
_BACKWARD = {"corrected-article", "retracted-article", "object-of-concern", "addended-article", "republished-article"}


def notice_of(kind: str) -> str | None:
    """What a kind of article says about another one: `correction`, `retraction`, `concern`, or nothing."""
    return _TYPES.get(kind.lower())


def notices(about: etree._Element | None, article_type: str, title: str) -> dict[str, object]:
    """`notice` (and `notice_of`: the DOIs it speaks of), `retracted`, `corrected` and `concern_raised` of an article."""
    found: dict[str, object] = {}
    spoken_of = []
    for element in about if about is not None else ():
        if local_name(element) != "related-article":
            continue
        relation = element.get("related-article-type") or ""
        if relation in _FORWARD:
            found[_FORWARD[relation]] = True
        elif relation in _BACKWARD and element.get(_HREF):
            spoken_of.append((element.get(_HREF) or "").removeprefix("info:doi/").removeprefix("https://doi.org/"))
    notice = notice_of(article_type)
    if notice:
        found["notice"] = notice
        if spoken_of:
            found["notice_of"] = spoken_of
    if article_type == "retracted-article" or title.upper().startswith(
        ("RETRACTED:", "RETRACTED ARTICLE", "[RETRACTED")
    ):
        found["retracted"] = True
    return found
