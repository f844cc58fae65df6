"""Tokens whose first letters say whose they are, in the formats that their vendors publish.

detect-secrets 1.5 lacks most of these, or knows them only in an assignment; here they are found in plain prose too. The
prefix is telling enough: what follows need not look random, and `hf_` has no digits at all.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prefixed:
    """Tokens of one vendor."""

    rule: str
    prefixes: tuple[str, ...]
    pattern: re.Pattern[str]
    max_characters: int = 128


def _tokens(rule: str, prefixes: str, rest: str, max_characters: int = 128) -> Prefixed:
    known = tuple(prefixes.split())
    starts = "|".join(map(re.escape, known))
    pattern = re.compile(rf"(?<![A-Za-z0-9_])(?:{starts}){rest}(?![A-Za-z0-9_-])")
    return Prefixed(rule, known, pattern, max_characters)


PREFIXED = (
    # Thirty-four letters; the mixture of cases tells them from a name in code.
    _tokens("huggingface_token", "hf_ api_org_", r"(?=[A-Z0-9]*[a-z])(?=[a-z0-9]*[A-Z])[A-Za-z0-9]{34}"),
    _tokens("openai_key", "sk-proj- sk-svcacct- sk-admin- sk-None-", r"[\w-]{40,200}", 220),
    _tokens("anthropic_key", "sk-ant-", r"[A-Za-z0-9]{2,8}-[\w-]{80,110}"),
    _tokens("npm_token", "npm_", "[A-Za-z0-9]{36}"),
    _tokens("pypi_token", "pypi-AgEIcHlwaS5vcmc pypi-AgENdGVzdC5weXBpLm9yZw", r"[\w-]{70,500}", 540),
    _tokens("digitalocean_token", "dop_v1_ doo_v1_ dor_v1_", "[a-f0-9]{64}"),
    _tokens("shopify_token", "shpat_ shpca_ shppa_ shpss_", "[A-Fa-f0-9]{32}"),
    # Routable tokens carry a length and a checksum behind points.
    _tokens("gitlab_token", "glpat- gldt- glft- glsoat- glrt-", r"[\w-]{20,50}(?:\.[a-z0-9]{2}\.[a-z0-9]{9})?"),
    _tokens("github_token", "ghp_ gho_ ghu_ ghs_ ghr_", "[A-Za-z0-9]{36,251}", 256),
    _tokens("github_token", "github_pat_", "[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    _tokens("slack_token", "xoxa- xoxb- xoxe- xoxo- xoxp- xoxr- xoxs-", r"(?=[A-Za-z-]*\d)[A-Za-z0-9-]{24,250}", 256),
    _tokens("google_api_key", "AIza", r"[\w-]{35}"),
    # Not ABIA and ACCA, which detect-secrets knows with a digit: ACCA begins strings of DNA.
    _tokens("aws_access_key", "AKIA ASIA", "[A-Z2-7]{16}"),
    _tokens("sendgrid_key", "SG.", r"[\w-]{22}\.[\w-]{43}"),
    _tokens("stripe_key", "sk_live_ rk_live_", "[A-Za-z0-9]{24,247}", 256),
)

TELEGRAM = re.compile(r"(?<![\w:.-])\d{8,10}:AA[\w-]{33}(?![\w-])")
"""The number of a bot and its secret, which starts with AA; others, as detect-secrets has them, must look random."""

TELLING = re.compile(
    r"[0-9]|(?<=[0-9]:)AA|" + "|".join(re.escape(prefix.rstrip(".")) for one in PREFIXED for prefix in one.prefixes)
)
"""What a long word must have to be looked at."""
