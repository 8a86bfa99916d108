"""A small byte-level CLIP tokenizer: any prompt can be encoded with a few thousand tokens."""

import json
import re
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import CLIPTokenizer

CONTEXT = 32
VOCABULARY = 3000
START, END = "<|startoftext|>", "<|endoftext|>"


def train_tokenizer(lines: list[str], folder: Path) -> None:
    """Learn merges and write vocab.json, merges.txt, tokenizer.json and tokenizer_config.json."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - 258,
        initial_alphabet=alphabet,
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    # CLIP splits letters, digits and signs apart before it merges
    words = [word for line in lines for word in re.findall(r"[^\W\d_]+|\d|[^\s\w]+", line.lower())]
    raw.train_from_iterator(words, trainer)
    merges = [
        pair.split(" ") if isinstance(pair, str) else pair
        for pair in json.loads(raw.to_str())["model"]["merges"]
    ]
    # every byte, alone and at the end of a word, so that nothing is ever unknown
    tokens = dict.fromkeys([*alphabet, *(letter + "</w>" for letter in alphabet)])
    tokens.update(dict.fromkeys("".join(pair) for pair in merges))
    # END is the highest id: pooling at the argmax of the ids then finds the end of the text
    vocabulary = {token: i for i, token in enumerate([*tokens, START, END])}
    built = CLIPTokenizer(
        vocab=vocabulary, merges=[tuple(pair) for pair in merges], model_max_length=CONTEXT
    )
    built.save_pretrained(folder)
    # for readers of the older format
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
    lines_out = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines_out) + "\n")
