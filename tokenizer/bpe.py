"""A tokenizer's files: Hugging Face's and LitGPT's, written, and loaded without surprises.

Two traps of `tokenizer.json` are handled by `load`, so open tokenizers with it only:

- a text that mentions `<|endoftext|>` would be encoded as the end of a document. `encode_special_tokens` prevents it,
  but neither the file nor a pickle keeps that flag: send worker processes the folder, not the object;
- truncation, padding, BPE dropout and start tokens of somebody else's file would change ids silently.

LitGPT's own class parses special tokens in what it encodes, which chat prompts need.
"""

import json
import logging
from pathlib import Path

import xxhash
from tokenizers import Tokenizer

from gristmill.tokenizer import chat, foreign, tiktoken_files
from gristmill.tokenizer.special_tokens import KNOWN_ENDS, PADDING

log = logging.getLogger(__name__)


def save(tokenizer: Tokenizer, folder: str | Path, end_token: str | None = None) -> None:
    """Write `tokenizer.json` and `tokenizer_config.json`, as LitGPT and Hugging Face read them.

    Beside them `tokenizer.tiktoken` and `tokenizer.tiktoken.json`, if tiktoken can express it. Tokenizers that have the
    tokens of a conversation get a chat template.

    `end_token` is the end of a document, found by `end_of_document` if None. It is start token too, for programs that
    want one; texts are encoded without it (`add_bos_token: false`), as in the token shards.
    """
    folder = Path(folder)
    end = end_token or tokenizer.id_to_token(end_of_document(tokenizer))
    config = {
        "add_bos_token": False,
        "add_eos_token": False,
        "bos_token": end,
        "clean_up_tokenization_spaces": False,
        "eos_token": end,
        "pad_token": PADDING if tokenizer.token_to_id(PADDING) is not None else end,
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    if chat.has_chat(tokenizer):
        config["chat_template"] = chat.TEMPLATE
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(tokenizer.to_str(pretty=True), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    tiktoken_files.save(tokenizer, folder)


def load(path: str | Path) -> Tokenizer:
    """The tokenizer of a `tokenizer.json` or its folder, set to give the ids of a text and nothing else.

    Special tokens in a text are ordinary text; nothing is truncated, padded, dropped or added. A rank file of tiktoken
    or GPT-2's list of merges is read too (foreign.py). Raises ValueError if there is no such file or it is none.
    """
    file = _json_file(path)
    if file.name.endswith(foreign.SUFFIXES):
        return foreign.read(file)
    try:
        tokenizer = Tokenizer.from_str(file.read_text(encoding="utf-8"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        tokenizer.post_processor = None
        if getattr(tokenizer.model, "dropout", None) is not None:
            tokenizer.model.dropout = None
    except Exception as error:  # tokenizers raises bare Exception
        raise ValueError(f"{file} is no tokenizer.json of the tokenizers library ({error}).") from None
    tokenizer.encode_special_tokens = True
    if tokenizer.normalizer is not None:
        log.warning("%s normalises text, so decoded text may differ from what was encoded", file)
    return tokenizer


def end_of_document(tokenizer: Tokenizer, path: str | Path | None = None) -> int:
    """The id that ends a document: of `<|endoftext|>` and its like, else `eos_token` of the config beside `path`.

    The well-known names go first because configs of chat models name the end of a turn. Raises ValueError if there is
    neither.
    """
    for name in KNOWN_ENDS:
        if (token_id := tokenizer.token_to_id(name)) is not None:
            return token_id
    config = _json_file(path).with_name("tokenizer_config.json") if path is not None else None
    if config is not None and config.is_file():
        name = json.loads(config.read_text(encoding="utf-8")).get("eos_token")
        name = name.get("content") if isinstance(name, dict) else name
        if name is not None and (token_id := tokenizer.token_to_id(name)) is not None:
            return token_id
    raise ValueError(
        f"the tokenizer has no end-of-document token: none of {', '.join(KNOWN_ENDS)} is in it, and no "
        "tokenizer_config.json names its eos_token; put one beside tokenizer.json."
    )


def digest(tokenizer: Tokenizer) -> str:
    """What identifies a tokenizer in token shards: XXH3-128 of its JSON, 32 hex digits."""
    return xxhash.xxh3_128_hexdigest(tokenizer.to_str().encode())


def _json_file(path: str | Path) -> Path:
    path = Path(path)
    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.is_file():
        raise ValueError(
            f"{file}: no such file; path must name a tokenizer.json or a folder with one, "
            "a .tiktoken file, or GPT-2's vocab.bpe."
        )
    return file
