"""tiktoken's form of a tokenizer: ranks of byte strings, a pattern, and special tokens.

tiktoken joins the two neighbours whose bytes together have the lowest rank, `tokenizers` the two that come first in a
list of merges. With ranks in the order of merges both give the same ids, as long as no two merges give the same bytes;
`encoders` compares before it relies on that.
"""

import base64
import json
from pathlib import Path

from tokenizers import Tokenizer

from gristmill.tokenizer.letters import vocabulary_bytes
from gristmill.tokenizer.patterns import PATTERNS


def pattern(tokenizer: Tokenizer) -> str:
    """The regular expression that splits a text, as one that matches the pre-tokens.

    Raises ValueError for pre-tokenizers that are not such an expression and the byte-level alphabet.
    """
    stored = json.loads(tokenizer.to_str())
    steps = stored["pre_tokenizer"] or {}
    steps = steps.get("pretokenizers", [steps])
    if stored["normalizer"] is None and steps and steps[-1].get("type") == "ByteLevel":
        *splits, last = steps
        if not last["add_prefix_space"]:
            if not splits and last.get("use_regex", True):
                return PATTERNS["gpt2"]
            one = splits[0] if len(splits) == 1 and not last.get("use_regex", True) else {}
            isolated = one.get("type") == "Split" and one["behavior"] == "Isolated" and not one["invert"]
            if isolated and "Regex" in one["pattern"]:
                return one["pattern"]["Regex"]
    raise ValueError(
        "this tokenizer does not split texts by one regular expression, so tiktoken cannot encode as it does."
    )


def ranks(tokenizer: Tokenizer) -> dict[bytes, int]:
    """The rank of each token's bytes, which is its id; special tokens left out.

    Raises ValueError if the tokenizer is not byte-level BPE, or has tokens that are found before a text is split.
    """
    known = vocabulary_bytes(tokenizer)
    plain = [token.content for token in tokenizer.get_added_tokens_decoder().values() if not token.special]
    if known is None or json.loads(tokenizer.to_str())["model"]["type"] != "BPE" or plain:
        raise ValueError("this tokenizer is not byte-level BPE alone, so tiktoken cannot encode as it does.")
    return {value: i for i, value in known.items()}


def save(tokenizer: Tokenizer, folder: Path) -> bool:
    """Write `tokenizer.tiktoken`, the ranks as tiktoken reads them, and beside it pattern and special tokens as JSON.

    Gives False, and writes nothing, for a tokenizer that tiktoken cannot express.
    """
    try:
        expression, known = pattern(tokenizer), ranks(tokenizer)
    except ValueError:
        return False
    special = {token.content: i for i, token in sorted(tokenizer.get_added_tokens_decoder().items())}
    lines = [
        base64.b64encode(token) + b" %d\n" % rank for token, rank in sorted(known.items(), key=lambda item: item[1])
    ]
    (folder / "tokenizer.tiktoken").write_bytes(b"".join(lines))
    stored = {"pattern": expression, "special_tokens": special}
    (folder / "tokenizer.tiktoken.json").write_text(
        json.dumps(stored, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )
    return True
