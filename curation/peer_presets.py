"""The rules of FineWeb2, DCLM-baseline, Dolma and the Common Pile, each by its own definitions.

Thresholds are those of the configurations that made the corpora; docs/presets.md says where they are and how the
definitions differ. A preset's rules stand in the order in which its pipeline asks them.
"""

from collections.abc import Mapping

from gristmill.curation.rules import Rule, Ruleset, Threshold

NGRAMS = (
    ("top_2_gram", 0.20),
    ("top_3_gram", 0.18),
    ("top_4_gram", 0.16),
    ("dup_5_gram", 0.15),
    ("dup_6_gram", 0.14),
    ("dup_7_gram", 0.13),
    ("dup_8_gram", 0.12),
    ("dup_9_gram", 0.11),
    ("dup_10_gram", 0.10),
)
"""Rule on n-grams -> the greatest share of characters that Gopher's table A1 allows."""


def rules(preset: str, *rows: tuple[str, str, str, Threshold], absent: str = "keep") -> tuple[Rule, ...]:
    """Rules of a preset from name, feature, op and threshold; `absent`: what becomes of a document without the value."""
    return tuple(Rule(preset, *row, absent=absent) for row in rows)


def _by_language(*rows: tuple[str, str, str, float, str], absent: str = "keep") -> tuple[Rule, ...]:
    """Rules of FineWeb2: with the threshold where a language has none of its own, and the column that has those."""
    return tuple(
        Rule("fineweb2", name, feature, op, default, absent, column) for name, feature, op, default, column in rows
    )


def _english(preset: str, threshold: float) -> tuple[Rule, ...]:
    """A text whose language nobody looked at is not known to be English."""
    return rules(
        preset,
        ("english", "language", "in", ("en", "eng_Latn")),
        ("min_language_score", "language_score", ">", threshold),
        absent="drop",
    )


_FINEWEB2 = (
    _by_language(("min_language_score", "language_score", ">=", 0.0, "language_score"), absent="drop")
    + _by_language(
        ("dup_line_frac", "dup_line_frac", "<=", 0.30, "dup_line_frac"),
        *((name, f"{name}_char_frac", "<=", threshold, name) for name, threshold in NGRAMS),
    )
    + rules("fineweb2", ("min_lines", "num_lines", ">=", 1))
    + _by_language(("min_line_punct", "line_punct_frac", ">=", 0.12, "line_punct"))
    + rules("fineweb2", ("max_char_dup", "char_dup_ratio", "<=", 0.1))
    + _by_language(("max_newlines", "newline_word_ratio", "<=", 0.3, "newlines"))
    + rules("fineweb2", ("min_words", "num_words", ">=", 50), ("max_words", "num_words", "<=", 100_000))
    + _by_language(
        ("min_mean_word_length", "mean_word_length", ">=", 3, "min_word_length"),
        ("max_mean_word_length", "mean_word_length", "<=", 10, "max_word_length"),
    )
    + rules(
        "fineweb2",
        ("max_hash_ratio", "hash_word_ratio", "<=", 0.1),
        ("max_ellipsis_ratio", "ellipsis_word_ratio", "<=", 0.1),
        ("max_bullet_lines", "bullet_line_frac", "<=", 0.9),
        ("max_ellipsis_lines", "ellipsis_line_frac", "<=", 0.3),
    )
    + _by_language(
        ("min_alpha_words", "alpha_word_frac", ">=", 0.8, "alpha_words"),
        ("min_stop_words", "num_language_stop_words", ">=", 0, "stop_words"),
    )
)

_DCLM = (
    rules(
        "dclm",
        ("blocked_domain", "url_blocked_domain", "==", 0),
        ("max_banned_subwords", "url_banned_subwords", "<=", 0),
        ("max_banned_words", "url_banned_words", "<=", 0),
        ("max_soft_words", "url_soft_words", "<", 2),
    )
    + _english("dclm", 0.65)
    + rules(
        "dclm",
        ("min_words", "dclm_num_words", ">=", 50),
        ("max_words", "dclm_num_words", "<=", 100_000),
        ("min_mean_word_length", "dclm_mean_word_length", ">=", 3),
        ("max_mean_word_length", "dclm_mean_word_length", "<=", 10),
        ("max_symbol_ratio", "dclm_symbol_word_ratio", "<=", 0.1),
        ("max_bullet_lines", "dclm_bullet_line_frac", "<=", 0.9),
        ("max_ellipsis_lines", "dclm_ellipsis_line_frac", "<=", 0.3),
        ("min_alpha_words", "whitespace_alpha_word_frac", ">=", 0.8),
        ("min_stop_words", "dclm_num_stop_words", ">=", 2),
        ("dup_line_frac", "dclm_dup_line_frac", "<=", 0.30),
        ("dup_para_frac", "dclm_dup_para_frac", "<=", 0.30),
        ("dup_line_char_frac", "dclm_dup_line_char_frac", "<=", 0.20),
        ("dup_para_char_frac", "dclm_dup_para_char_frac", "<=", 0.20),
        *((name, f"dclm_{name}_char_frac", "<=", threshold) for name, threshold in NGRAMS),
        ("max_removed_words", "dclm_removed_word_frac", "<=", 0.05),
    )
)

_DOLMA_WEB = rules(
    "dolma_web",
    ("min_words", "num_whitespace_words", ">=", 50),
    ("max_words", "num_whitespace_words", "<=", 100_000),
    ("min_median_word_length", "dolma_median_word_length", ">=", 3),
    ("max_median_word_length", "dolma_median_word_length", "<=", 10),
    ("max_symbol_words", "dolma_symbol_word_frac", "<=", 0.1),
    ("min_alpha_words", "whitespace_alpha_word_frac", ">=", 0.8),
    ("min_stop_words", "dolma_num_stop_words", ">=", 2),
    ("max_bullet_lines", "dolma_bullet_line_frac", "<=", 0.9),
    ("max_ellipsis_lines", "dolma_ellipsis_line_frac", "<=", 0.3),
    ("dup_line_frac", "dolma_dup_line_frac", "<=", 0.30),
    ("dup_line_char_frac", "dolma_dup_line_char_frac", "<=", 0.30),
    *((name, f"dolma_{name}_char_frac", "<=", threshold) for name, threshold in NGRAMS),
    ("max_repetition", "dolma_max_repetition", "<", 100),
)

PEER_PRESETS: Mapping[str, Ruleset] = {
    "fineweb2": Ruleset(_FINEWEB2),
    "dclm": Ruleset(_DCLM, cut_lines="dclm"),
    "dolma_web": Ruleset(_DOLMA_WEB),
    # Version 5, atomic content. Comments alone need 500 characters there; here a document is a thread.
    "dolma_reddit": Ruleset(
        rules(
            "dolma_reddit",
            ("submission", "meta.submission", "not in", ("deleted", "removed")),
        )
        # The reader of Reddit's dumps writes both; a text without them is none of its threads.
        + rules(
            "dolma_reddit", ("no_adult", "meta.over_18", "==", 0), ("min_score", "meta.score", ">=", 2), absent="drop"
        )
        + rules("dolma_reddit", ("min_chars", "num_chars", ">=", 400), ("max_chars", "num_chars", "<=", 40_000))
    ),
    # What most of its sources share; some ask for 200 to 700 characters.
    "common_pile": Ruleset(
        _english("common_pile", 0.5)
        + rules(
            "common_pile",
            ("min_chars", "num_chars", ">", 100),
            ("min_tokens", "num_split_tokens", ">", 20),
        )
    ),
    # stackv2.json as it was meant, which is RedPajama's filter for GitHub.
    "common_pile_code": Ruleset(
        rules(
            "common_pile_code",
            ("max_line_length", "max_line_length", "<=", 1000),
            ("max_mean_line_length", "mean_line_length", "<=", 100),
            ("min_alnum", "alnum_frac", ">=", 0.25),
            ("min_letters_per_token", "letters_per_split_token", ">=", 1.5),
        )
    ),
}
"""Preset -> its rules in order; part of `presets.PRESETS`."""
