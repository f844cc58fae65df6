"""Rules from the literature, and those that each kind of source gets: data, with the reasons beside them.

Gopher is Rae et al. 2021 (section A1.1, table A1) as datatrove implements it, C4 is Raffel et al. 2020 (section 2.2),
FineWeb is Penedo et al. 2024, code is BigCode's (Li et al. 2023, "StarCoder", section 3.1; alphanumerics as in
Kocetkov et al. 2022); `peer_presets` has those of other corpora. They are made for English web pages, or for source code;
`multilingual` keeps what holds in any language.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gristmill.curation.feature_table import AFTER_CUTS
from gristmill.curation.peer_presets import NGRAMS, PEER_PRESETS, rules
from gristmill.curation.rules import Rule, Ruleset

_TRAINING_ROBOTS = ("applebot-extended", "ccbot", "claudebot", "google-extended", "gptbot")
"""Robots that gather text for training; of these a page may also ask not to be indexed, which means the same."""

NO_TRAINING = (
    *("noai", "noml", "tdm-reservation"),
    *(f"{robot}:{word}" for robot in _TRAINING_ROBOTS for word in ("noai", "noindex", "noml", "none")),
)

_GOPHER_REPETITION = rules(
    "gopher",
    ("dup_para_frac", "dup_para_frac", "<=", 0.30),
    ("dup_para_char_frac", "dup_para_char_frac", "<=", 0.20),
    ("dup_line_frac", "dup_line_frac", "<=", 0.30),
    ("dup_line_char_frac", "dup_line_char_frac", "<=", 0.20),
    *((name, f"{name}_char_frac", "<=", threshold) for name, threshold in NGRAMS),
)
_GOPHER_QUALITY = rules(
    "gopher",
    ("min_words", "num_words", ">=", 50),
    ("max_words", "num_words", "<=", 100_000),
    ("min_mean_word_length", "mean_word_length", ">=", 3),
    ("max_mean_word_length", "mean_word_length", "<=", 10),
    ("max_hash_ratio", "hash_word_ratio", "<=", 0.1),
    ("max_ellipsis_ratio", "ellipsis_word_ratio", "<=", 0.1),
    ("max_bullet_lines", "bullet_line_frac", "<=", 0.9),
    ("max_ellipsis_lines", "ellipsis_line_frac", "<=", 0.3),
    ("min_alpha_words", "alpha_word_frac", ">=", 0.8),
    ("min_stop_words", "num_stop_words", ">=", 2),
)


def _c4(variant: str) -> tuple[Rule, ...]:
    suffix = AFTER_CUTS[variant]
    return rules(
        "c4",
        ("no_lorem_ipsum", f"num_lorem_ipsum_lines{suffix}", "<=", 0),
        ("no_curly_bracket", f"num_curly_bracket_lines{suffix}", "<=", 0),
        ("min_sentences", f"num_sentences{suffix}", ">=", 5),
    )


def _fineweb(suffix: str = "") -> tuple[Rule, ...]:
    return rules(
        "fineweb",
        ("min_lines", f"num_lines{suffix}", ">=", 1),
        ("min_line_punct", f"line_punct_frac{suffix}", ">=", 0.12),
        ("max_short_lines", f"short_line_frac{suffix}", "<=", 0.67),
        ("max_char_dup", f"char_dup_ratio{suffix}", "<=", 0.01),
        ("max_newlines", f"newline_word_ratio{suffix}", "<=", 0.3),
    )


def _only(those: Sequence[Rule], preset: str, **thresholds: float) -> tuple[Rule, ...]:
    """Those rules that are named, with these thresholds, as rules of another preset."""
    chosen = [rule for rule in those if rule.name in thresholds]
    return tuple(replace(rule, preset=preset, threshold=thresholds[rule.name]) for rule in chosen)


_GOPHER = _GOPHER_REPETITION + _GOPHER_QUALITY

PRESETS: Mapping[str, Ruleset] = {
    # datatrove keeps no empty text either: it would divide by its length. In `gopher` `min_words` says so.
    "gopher_repetition": Ruleset(rules("gopher", ("min_chars", "num_chars", ">=", 1)) + _GOPHER_REPETITION),
    "gopher_quality": Ruleset(_GOPHER_QUALITY),
    "gopher": Ruleset(_GOPHER),
    # The paper's rules without its list of bad words.
    "c4": Ruleset(_c4("c4"), cut_lines="c4"),
    # mC4's: pages with three long lines.
    "c4_paragraphs": Ruleset(rules("c4_paragraphs", ("min_long_lines", "num_long_lines", ">=", 3))),
    # What FineWeb added itself; on the whole text.
    "fineweb_rules": Ruleset(_fineweb()),
    # FineWeb's pipeline, in its order.
    "fineweb": Ruleset(_GOPHER + _c4("fineweb") + _fineweb(AFTER_CUTS["fineweb"]), cut_lines="fineweb"),
    # Any language: nothing that depends on English stop words, on the length of words, or on how many words a phrase has
    # (a Chinese "word" here is one character, so that only the longest n-grams mean a repeated passage).
    "multilingual": Ruleset(
        _only(
            _GOPHER,
            "multilingual",
            dup_para_frac=0.30,
            dup_para_char_frac=0.20,
            dup_line_frac=0.30,
            dup_line_char_frac=0.20,
            dup_10_gram=0.20,
            min_words=50,
            max_words=100_000,
            max_hash_ratio=0.1,
            max_ellipsis_ratio=0.1,
            max_bullet_lines=0.9,
            max_ellipsis_lines=0.3,
            min_alpha_words=0.7,
        )
    ),
    "code": Ruleset(
        rules(
            "code",
            ("min_words", "num_words", ">=", 1),
            ("max_line_length", "max_line_length", "<=", 1000),
            ("max_mean_line_length", "mean_line_length", "<=", 100),
            ("min_alnum", "alnum_frac", ">=", 0.25),
        )
    ),
    # BigCode's filters for The Stack and StarCoder (bigcode-dataset, preprocessing/filtering.py): the reader measures what
    # depends on the language, and a file without the value passes. Stars are known for tables of The Stack alone.
    "bigcode": Ruleset(
        rules(
            "bigcode",
            ("max_line_length", "max_line_length", "<=", 1000),
            ("max_mean_line_length", "mean_line_length", "<=", 100),
            ("min_alnum", "alnum_frac", ">=", 0.25),
            ("min_comments", "meta.comment_frac", ">=", 0.01),
            ("max_comments", "meta.comment_frac", "<=", 0.8),
            ("no_xml", "meta.xml_header", "==", 0),
            ("min_visible_html", "meta.html_visible_frac", ">", 0.2),
            ("min_visible_chars", "meta.html_visible_chars", ">", 100),
            ("min_config_chars", "meta.config_chars", ">=", 100),
            ("max_config_chars", "meta.config_chars", "<=", 5000),
            ("no_data", "meta.data_like", "==", 0),
        )
    ),
    # Long and edited. Speakers in a play and refrains in a poem repeat lines, but hardly characters; Gopher's limit of
    # 100,000 words would drop most novels; tables, concordances and broken OCR have few words with letters.
    "books": Ruleset(
        _only(_GOPHER, "books", dup_line_char_frac=0.30, dup_10_gram=0.20, min_words=200, min_alpha_words=0.6)
    ),
    # Formulas and references lower the share of words; little else can go wrong in an edited paper.
    "papers": Ruleset(
        _only(_GOPHER, "papers", dup_line_char_frac=0.30, dup_10_gram=0.20, min_words=100, min_alpha_words=0.4)
    ),
    # Short by nature, quotes repeat, code and links are welcome; one word answers, spam and ASCII art are not.
    "forum": Ruleset(
        _only(_GOPHER, "forum", dup_line_char_frac=0.50, dup_10_gram=0.30, min_words=10, min_alpha_words=0.3)
        + rules("forum", ("max_mean_word_length", "mean_word_length", "<=", 15))
    ),
    # Edited, often lists, so bullets and short lines stay; stubs below Dolma's 25 words teach little.
    "wikipedia": Ruleset(
        _only(_GOPHER, "wikipedia", dup_line_char_frac=0.30, dup_10_gram=0.30, min_words=25, min_alpha_words=0.3)
    ),
    # datatrove's URLFilter with its integrated lists: adult sites, and words that give them away (RefinedWeb, G.1).
    "urls": Ruleset(
        rules(
            "urls",
            ("blocked_domain", "url_blocked_domain", "==", 0),
            ("blocked_subdomain", "url_blocked_subdomain", "==", 0),
            ("blocked_url", "url_blocked_url", "==", 0),
            ("max_banned_words", "url_banned_words", "<=", 0),
            ("max_soft_words", "url_soft_words", "<", 2),
            ("max_banned_subwords", "url_banned_subwords", "<=", 0),
        )
    ),
    # Pages whose owner does not want a model trained on their text. noindex speaks of search, noimageai of pictures.
    "opt_outs": Ruleset(rules("opt_outs", ("training", "meta.opt_outs", "not in", NO_TRAINING))),
    # Somebody else's clean data: only what no curator meant to keep.
    "text": Ruleset(_only(_GOPHER, "text", dup_line_char_frac=0.50, dup_10_gram=0.50, min_words=1)),
    **PEER_PRESETS,
}
"""Preset -> its rules in order; `{preset: {rule name: threshold, or null for off}}` in a manifest changes some."""

DEFAULT_PRESET: Mapping[str, str] = {
    "crawl": "fineweb",
    "books": "books",
    "code": "code",
    "forum": "forum",
    "papers": "papers",
    "wikipedia": "wikipedia",
    "text": "text",
}
"""Kind of source -> the preset that it gets if the manifest names none; the reasons stand beside the presets."""
