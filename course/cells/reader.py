# %% [markdown]
# A small language model that reads a card and answers: the reader of retrieval-augmented generation.

# %% name="reader"
import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from transformers import DynamicCache

# Two examples show the form that is wanted: a small model follows them better than orders. Their facts stand on no card.
EXAMPLES = (
    (
        "The bridge over the Lowen was opened in 1931 and is 412 metres long.",
        "How long is the bridge?",
        "412 metres",
    ),
    ("Mara Dell, a baker from Osten, won the first prize.", "Who won the first prize?", "Mara Dell"),
)


def prompt(card: str, question: str, examples: Sequence[tuple[str, str, str]] = EXAMPLES) -> str:
    """Two examples, then the card and the question; card "": closed book, no line for it anywhere."""
    asked = [*examples, (card, question, "")]
    lines = [(f"Context: {c}\n" if card else "") + f"Question: {q}\nAnswer: {a}" for c, q, a in asked]
    return "\n\n".join(lines).rstrip()


class Reply(NamedTuple):
    """What a model wrote up to the line's end."""

    text: str
    log_p: tuple[float, ...]  # of each token, that of the line's end included if it came


class Reader:
    """A language model that goes on greedily, up to the line's end or `most` tokens."""

    def __init__(self, tokenizer, model, most: int = 16, batch: int = 38):
        model.set_attn_implementation("sdpa")  # faster: nobody looks at the attention weights here
        self.tokenizer, self.model, self.most, self.batch = tokenizer, model, most, batch
        pieces = tokenizer.batch_decode([[i] for i in range(len(tokenizer))])
        self.ends = [i for i, piece in enumerate(pieces) if "\n" in piece] + [tokenizer.eos_token_id]

    def complete(self, prompts: Sequence[str], label: str = "reading") -> list[Reply]:
        """A reply to each prompt. What all of them begin with is read once."""
        if not prompts:
            return []
        tokens = [self.tokenizer(text)["input_ids"] for text in prompts]
        order = sorted(range(len(prompts)), key=lambda i: len(tokens[i]))  # little padding
        head = 0  # how many tokens all have in common; at least one is left to read
        while head < len(tokens[order[0]]) - 1 and len({ids[head] for ids in tokens}) == 1:
            head += 1
        with torch.no_grad():
            start = torch.tensor([tokens[0][:head]], device=self.model.device)
            read = self.model(start, use_cache=True, logits_to_keep=1).past_key_values if head else None
        pairs = math.ceil(len(order) / (2 * self.batch))  # of parts: two run at a time
        size = math.ceil(len(order) / (2 * pairs))
        parts = [order[i : i + size] for i in range(0, len(order), size)]
        jobs = [partial(self._go_on, [tokens[i] for i in part], head, read) for part in parts]
        done = side_by_side(jobs, label) if len(jobs) > 1 else [job() for job in jobs]
        replies: dict[int, Reply] = {}
        for part, written in zip(parts, done, strict=True):
            replies |= dict(zip(part, written, strict=True))
        return [replies[i] for i in range(len(prompts))]

    @torch.no_grad()
    def _go_on(self, tokens: list[list[int]], head: int, read: DynamicCache | None) -> list[Reply]:
        """Of prompts whose first `head` tokens are alike and read."""
        T, end = max(map(len, tokens)), self.tokenizer.eos_token_id
        pads = [T - len(ids) for ids in tokens]  # behind the head, so that all end at the same place
        padded = [ids[:head] + [end] * pad + ids[head:] for ids, pad in zip(tokens, pads, strict=True)]
        real = [[1] * head + [0] * pad + [1] * (T - head - pad) for pad in pads]
        cache = DynamicCache()
        for i, layer in enumerate(read.layers if read else ()):
            keys, values = (part.repeat(len(tokens), 1, 1, 1) for part in (layer.keys, layer.values))
            cache.update(keys, values, i)
        out = self.model.generate(
            torch.tensor(padded, device=self.model.device),
            attention_mask=torch.tensor(real, device=self.model.device),
            past_key_values=cache,
            max_new_tokens=self.most,
            do_sample=False,
            eos_token_id=self.ends,
            pad_token_id=end,
            output_logits=True,
            return_dict_in_generate=True,
        )
        log_p = self.model.compute_transition_scores(out.sequences, out.logits, normalize_logits=True)
        replies = []
        for new, each in zip(out.sequences[:, T:].tolist(), log_p.tolist(), strict=True):
            written = next((i for i, token in enumerate(new) if token in self.ends), len(new))
            replies.append(Reply(self.tokenizer.decode(new[:written]).strip(), tuple(each[: written + 1])))
        return replies
