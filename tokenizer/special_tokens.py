"""Tokens that stand for no text: where a document ends, who speaks, what is padding."""

END_OF_DOCUMENT = "<|endoftext|>"
"""Ends every document, pads rows, and stands before a document where something must."""

PADDING = "<|padding|>"
"""For batches of texts of different lengths; rows for pretraining are padded with the end of a document."""

SPECIAL_TOKENS = (
    *(END_OF_DOCUMENT, "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"),
    *("<|tool|>", PADDING, "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"),
)
"""Ids 0 to 9 of every tokenizer trained here: end of document, chat roles and the end of a turn, a tool's turn, padding,
and what fill-in-the-middle needs (Bavarian et al. 2022). Bytes are 10 to 265."""

KNOWN_ENDS = (END_OF_DOCUMENT, "<|end_of_text|>", "<｜end▁of▁sentence｜>", "</s>", "<eos>")
"""What ends a document in tokenizers of others."""
