"""Conversations as tokens: `<|user|>question<|end|><|assistant|>answer<|end|>`.

A turn is its role's token, its text and the end of a turn. `TEMPLATE` says so to transformers. `encode_chat` gives the ids
without parsing anybody's text: who writes `<|end|>` into a message has written five letters, not ended the turn. A
template cannot do that, so ids differ for such messages, and only for them.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from tokenizers import Tokenizer

ROLES = ("system", "user", "assistant", "tool")
"""Who speaks."""

END_OF_TURN = "<|end|>"

TEMPLATE = (
    "{%- for message in messages -%}"
    "{%- if message['role'] not in ['system', 'user', 'assistant', 'tool'] -%}"
    "{{- raise_exception('role ' + message['role'] + ' is none of system, user, assistant, tool') -}}"
    "{%- endif -%}"
    "{{- '<|' + message['role'] + '|>' -}}"
    "{%- if message['role'] == 'assistant' -%}"
    "{% generation %}{{- message['content'] + '<|end|>' -}}{% endgeneration %}"
    "{%- else -%}{{- message['content'] + '<|end|>' -}}{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)
"""The same in Jinja, as `chat_template` of tokenizer_config.json; `generation` marks what an assistant learns from."""


def has_chat(tokenizer: Tokenizer) -> bool:
    """Whether a tokenizer has the tokens of a conversation."""
    return all(tokenizer.token_to_id(token) is not None for token in (*(f"<|{role}|>" for role in ROLES), END_OF_TURN))


def encode_chat(
    messages: Sequence[Mapping[str, str]], tokenizer: Tokenizer, add_generation_prompt: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The ids of a conversation, uint32[N], and which of them the assistant says, its ends of turns included, bool[N].

    A message is `{"role": ..., "content": ...}`. Raises ValueError for another role.
    """
    ids: list[int] = []
    said: list[bool] = []
    end = tokenizer.token_to_id(END_OF_TURN)
    for message in messages:
        role = message["role"]
        if role not in ROLES:
            raise ValueError(f"role {role!r} is none of {', '.join(ROLES)}.")
        text = tokenizer.encode(message["content"], add_special_tokens=False).ids
        ids += [tokenizer.token_to_id(f"<|{role}|>"), *text, end]
        said += [False] + [role == "assistant"] * (len(text) + 1)
    if add_generation_prompt:
        ids.append(tokenizer.token_to_id("<|assistant|>"))
        said.append(False)
    return np.array(ids, np.uint32), np.array(said, bool)
