"""The tokenizer in the manner of transformers."""

import json
from pathlib import Path
from typing import Any, Self

from transformers import PreTrainedTokenizer

from hyenadna_kit.tokenizers.nucleotide import VOCABULARY, NucleotideTokenizer

_KEYS_OF_TOKENIZER = ("padding_side", "model_max_length")


class HyenaDNATokenizer(PreTrainedTokenizer):
    """One base, one token, and ``[SEP]`` behind the last as the published tokenizer has it.

    Unlike that one it reads lower case, and other IUPAC codes as N. Special tokens are read by their names.
    """

    vocab_files_names: dict[str, str] = {}  # noqa: RUF012 (as transformers declares it)
    model_input_names = ["input_ids", "attention_mask"]  # noqa: RUF012

    def __init__(self, *, padding_side: str = "left", **keys: Any) -> None:
        """Take the keys of a ``tokenizer_config.json``; characters and ids are always the same."""
        self._nucleotides = NucleotideTokenizer()
        names = ("bos", "sep", "cls", "pad", "mask", "unk")
        keys |= {f"{name}_token": f"[{name.upper()}]" for name in names}
        super().__init__(padding_side=padding_side, **keys | {"eos_token": "[SEP]"})

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, *_: Any, **options: Any) -> Self:
        """Return the tokenizer, which is the same for every model.

        Args:
            pretrained_model_name_or_path: A folder may have a ``tokenizer_config.json`` with another
                ``padding_side`` or ``model_max_length``.
            options: These two by name go before it.
        """
        path = Path(pretrained_model_name_or_path, "tokenizer_config.json")
        keys = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        keys |= options
        return cls(**{name: keys[name] for name in _KEYS_OF_TOKENIZER if name in keys})

    @property
    def vocab_size(self) -> int:
        """Number of tokens."""
        return len(VOCABULARY)

    def get_vocab(self) -> dict[str, int]:
        """Return the id of each token."""
        return {token: number for number, token in enumerate(VOCABULARY)}

    def save_vocabulary(self, save_directory: str, filename_prefix: str | None = None) -> tuple[str, ...]:
        """Write nothing: the vocabulary is always the same."""
        del save_directory, filename_prefix
        return ()

    def build_inputs_with_special_tokens(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None
    ) -> list[int]:
        """Return the ids with ``[SEP]`` behind each sequence."""
        end = [self.sep_token_id]
        return token_ids_0 + end if token_ids_1 is None else token_ids_0 + end + token_ids_1 + end

    def _tokenize(self, text: str, **_: Any) -> list[str]:
        return [VOCABULARY[token] for token in self._nucleotides.encode(text)]

    def _convert_token_to_id(self, token: str) -> int:
        return VOCABULARY.index(token) if token in VOCABULARY else VOCABULARY.index("[UNK]")

    def _convert_id_to_token(self, index: int) -> str:
        return VOCABULARY[index]

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        """Return the bases."""
        return "".join(tokens)
