# %% right="the prompt token by token"
def generate(model, prompt, count):
    past, chosen, rows = None, [], []
    text = prompt.tolist()
    for at in range(len(text) + count - 1):
        scores, new = model(torch.tensor([text[at]]), torch.tensor([at]), past)
        if past is None:
            past = [list(pair) for pair in new]
        else:
            for kept, pair in zip(past, new):
                kept[0] = torch.cat((kept[0], pair[0]), dim=1)
                kept[1] = torch.cat((kept[1], pair[1]), dim=1)
        if at >= len(prompt) - 1:
            rows.append(scores[0])
            chosen.append(int(scores[0].argmax()))
            text.append(chosen[-1])
    return torch.tensor(chosen), torch.stack(rows)

# %% right="one call for the prompt, then a loop"
def generate(model, prompt, count):
    T = prompt.numel()
    scores, past = model(prompt, torch.arange(T), None)
    tokens, rows = [scores[-1].argmax()], [scores[-1]]
    while len(tokens) < count:
        position = torch.tensor([T + len(tokens) - 1])
        scores, new = model(tokens[-1].view(1), position, past)
        past = [tuple(torch.cat(both, dim=-2) for both in zip(old, young)) for old, young in zip(past, new)]
        rows.append(scores[0])
        tokens.append(scores[0].argmax())
    return torch.stack(tokens), torch.stack(rows)

# %% right="a cache of fixed size, written in place"
def generate(model, prompt, count):
    S, kept = 0, None
    tokens, rows = prompt, []
    out = torch.empty(0, dtype=torch.int64)
    for _ in range(count):
        past = None if kept is None else [(k[:, :S], v[:, :S]) for k, v in kept]
        scores, new = model(tokens, torch.arange(S, S + len(tokens)), past)
        if kept is None:
            room = len(prompt) + count
            kept = [tuple(t.new_zeros(t.shape[0], room, t.shape[2]) for t in pair) for pair in new]
        for layer, pair in zip(kept, new):
            for whole, part in zip(layer, pair):
                whole[:, S : S + len(tokens)] = part
        S += len(tokens)
        rows.append(scores[-1:])
        tokens = scores[-1:].argmax(1)
        out = torch.cat([out, tokens])
    return out, torch.cat(rows)

# %% right="step by step"
def generate(model, prompt, count):
    tokens, positions, past = prompt, torch.arange(len(prompt)), None
    chosen, rows = [], []
    for _ in range(count):
        scores, new = model(tokens, positions, past)
        past = new if past is None else [(torch.cat([K, k], 1), torch.cat([V, v], 1)) for (K, V), (k, v) in zip(past, new)]
        rows.append(scores[-1])
        chosen.append(scores[-1].argmax())
        tokens = chosen[-1][None]
        positions = positions[-1:] + 1
    return torch.stack(chosen), torch.stack(rows)

# %% right="calls itself"
def generate(model, prompt, count):
    def write(tokens, start, past, left):
        scores, new = model(tokens, torch.arange(start, start + len(tokens)), past)
        past = new if past is None else [tuple(map(torch.hstack, zip(*both))) for both in zip(past, new)]
        best, row = scores[-1:].argmax(-1), scores[-1:]
        if left == 1:
            return best, row
        return tuple(map(torch.cat, zip((best, row), write(best, start + len(tokens), past, left - 1))))

    return write(prompt, 0, None, count)

# %% right="a generator, a dataclass, ids from NumPy"
def generate(model, prompt, count):
    from dataclasses import dataclass
    from itertools import islice

    import numpy as np

    @dataclass
    class Layer:
        keys: torch.Tensor
        values: torch.Tensor

        def grow(self, keys, values):
            return Layer(torch.cat([self.keys, keys], 1), torch.cat([self.values, values], 1))

    def stream(tokens, positions, layers=None):
        while True:
            scores, new = model(tokens, positions, layers and [(one.keys, one.values) for one in layers])
            layers = [old.grow(*pair) for old, pair in zip(layers, new)] if layers else [Layer(*pair) for pair in new]
            best = np.argmax(scores[-1].numpy())
            yield best, scores[-1]
            tokens, positions = torch.tensor([best]), positions[-1:] + 1

    chosen, rows = zip(*islice(stream(prompt, torch.arange(len(prompt))), count))
    return torch.from_numpy(np.array(chosen)), torch.stack(rows)

# %% wrong="position restarts at 0" says="begins again at 0" points=[0, 0.5] of="step by step"
# - positions = positions[-1:] + 1
# + positions = torch.tensor([0])

# %% wrong="the cache holds the last token only" says="the cache holds the last token only" points=[0, 0.5] of="step by step"
# - past = new if past is None else [(torch.cat([K, k], 1), torch.cat([V, v], 1)) for (K, V), (k, v) in zip(past, new)]
# + past = new

# %% wrong="the cache does not grow" says="the cache does not grow" points=[0, 0.5] of="step by step"
# - past = new if past is None else [(torch.cat([K, k], 1), torch.cat([V, v], 1)) for (K, V), (k, v) in zip(past, new)]
# + past = new if past is None else past

# %% wrong="no cache handed over" says="`past` is not handed over" points=[0, 0.5] of="step by step"
# - scores, new = model(tokens, positions, past)
# + scores, new = model(tokens, positions, None)

# %% wrong="positions one too large" says="one too large" points=[0, 0.5] of="step by step"
# - positions = positions[-1:] + 1
# + positions = torch.tensor([len(prompt) + len(chosen)])

# %% wrong="positions one too small" says="one too small" points=[0, 0.5] of="step by step"
# - positions = positions[-1:] + 1
# + positions = torch.tensor([len(prompt) + len(chosen) - 2])

# %% wrong="everything anew at each step" says="every token goes through the model again" points=[0, 1.5] of="step by step"
# - scores, new = model(tokens, positions, past)
# + scores, new = model(tokens, positions, None)
# - tokens = chosen[-1][None]
# - positions = positions[-1:] + 1
# + tokens = torch.cat([tokens, chosen[-1][None]])
# + positions = torch.arange(len(tokens))

# %% wrong="the whole text on top of the cache" says="on top of the cache" points=[0, 0.5] of="step by step"
# - tokens = chosen[-1][None]
# - positions = positions[-1:] + 1
# + tokens = torch.cat([prompt, torch.stack(chosen)])
# + positions = torch.arange(len(tokens))

# %% wrong="the first row of the scores" says="from the first row of the scores" points=[0, 0] of="step by step"
# - rows.append(scores[-1])
# - chosen.append(scores[-1].argmax())
# + rows.append(scores[0])
# + chosen.append(scores[0].argmax())

# %% wrong="layer 0's cache for all" says="every layer gets the cache of layer 0" points=[0, 0.5] of="step by step"
# - positions = positions[-1:] + 1
# + positions = positions[-1:] + 1
# + past = [past[0]] * len(past)

# %% wrong="the last layer's cache for all" says="every layer gets the cache of the last layer" points=[0, 0.5] of="step by step"
# - positions = positions[-1:] + 1
# + positions = positions[-1:] + 1
# + past = [past[-1]] * len(past)

# %% wrong="keys and values swapped once" says="keys and values have changed places" points=[0, 0.5] of="step by step"
# - positions = positions[-1:] + 1
# + positions = positions[-1:] + 1
# + if len(chosen) == 1:
# +     past = [(v, k) for k, v in past]

# %% wrong="the lowest score" says="it takes the lowest score" points=[0, 0] of="step by step"
# - chosen.append(scores[-1].argmax())
# + chosen.append(scores[-1].argmin())

# %% wrong="joined along the heads" says=["stand behind the old ones along the axis of the tokens", "it stops with RuntimeError"] points=[0, 0.5] of="step by step"
# - past = new if past is None else [(torch.cat([K, k], 1), torch.cat([V, v], 1)) for (K, V), (k, v) in zip(past, new)]
# + past = new if past is None else [(torch.cat([K, k], 0), torch.cat([V, v], 0)) for (K, V), (k, v) in zip(past, new)]

# %% wrong="the position of the prompt's last token for all" says=["every new token has the same position", "tokens and scores"] points=[0, 0.5] of="step by step"
# - positions = positions[-1:] + 1
# + positions = torch.tensor([len(prompt)])

# %% wrong="the prompt is in the result" says=["the prompt stands in the result", "under 'tokens'"] points=[0, 0] of="step by step"
# - return torch.stack(chosen), torch.stack(rows)
# + return torch.cat([prompt, torch.stack(chosen)]), torch.stack(rows)

# %% wrong="the tokens alone" says="it must return tokens, scores" points=[0, 0] of="step by step"
# - return torch.stack(chosen), torch.stack(rows)
# + return torch.stack(chosen)

# %% wrong="a list of tokens" says="not a tensor" points=[0, 0] of="step by step"
# - return torch.stack(chosen), torch.stack(rows)
# + return [int(token) for token in chosen], torch.stack(rows)

# %% wrong="probabilities for scores" says=["the scores:", "'scores'"] points=[0, 0] of="step by step"
# - return torch.stack(chosen), torch.stack(rows)
# + return torch.stack(chosen), torch.stack(rows).softmax(-1)

# %% wrong="the prompt's last token twice" says=["goes through the model again, although it is in the cache", "goes through the model again, although"] points=[0, 0] of="step by step"
# - tokens, positions, past = prompt, torch.arange(len(prompt)), None
# + _, past = model(prompt, torch.arange(len(prompt)), None)
# + tokens, positions = prompt[-1:], torch.tensor([len(prompt)])

# %% wrong="the cache is filled in a first call, and the prompt read again" says="the prompt goes through the model twice" points=[0, 1.5] of="one call for the prompt, then a loop"
# - scores, past = model(prompt, torch.arange(T), None)
# + _, past = model(prompt, torch.arange(T), None)
# + scores, _ = model(prompt, torch.arange(T), None)

# %% wrong="the last token goes through, too" says="one token too many: the last one you chose" points=[0, 1.5] of="step by step"
# - return torch.stack(chosen), torch.stack(rows)
# + model(tokens, positions, past)
# + return torch.stack(chosen), torch.stack(rows)

# %% wrong="the prompt's last token computed twice, rightly" says="or a token of the prompt twice" points=[0, 1.5] of="step by step"
# - tokens, positions, past = prompt, torch.arange(len(prompt)), None
# + _, past = model(prompt, torch.arange(len(prompt)), None)
# + past = [(k[:, :-1], v[:, :-1]) for k, v in past]
# + tokens, positions = prompt[-1:], torch.tensor([len(prompt) - 1])

# %% wrong="scores of every token" says=["these are the scores of every token", "'scores'"] points=[0, 0] of="step by step"
# - rows.append(scores[-1])
# + rows.append(scores)
# - return torch.stack(chosen), torch.stack(rows)
# + return torch.stack(chosen), torch.cat(rows)

# %% wrong="scores a step late" says=["each row is a step late", "'scores'"] points=[0, 0] of="step by step"
# - rows.append(scores[-1])
# - chosen.append(scores[-1].argmax())
# + chosen.append(scores[-1].argmax())
# - positions = positions[-1:] + 1
# + positions = positions[-1:] + 1
# + rows.append(model(tokens, positions, past)[0][-1])

# %% wrong="writes into the caller's prompt" says="changes its argument prompt" points=[0, 2] of="step by step"
# - tokens = chosen[-1][None]
# + prompt[-1] = chosen[-1]
# + tokens = prompt[-1:]

# %% wrong="right for a long prompt only" says=["", "tokens and scores"] points=[1, 1] of="step by step"
# - past = new if past is None else [(torch.cat([K, k], 1), torch.cat([V, v], 1)) for (K, V), (k, v) in zip(past, new)]
# + past = new if past is None or len(tokens) == len(prompt) else [(torch.cat([K, k], 1), torch.cat([V, v], 1)) for (K, V), (k, v) in zip(past, new)]

# %% wrong="positions of the new tokens alone" says=["the positions count the new tokens only", "tokens and scores"] points=[0, 0.5] of="step by step"
# - positions = positions[-1:] + 1
# + positions = torch.tensor([len(chosen) - 1])

# %% wrong="position of the last token of the prompt" says=["the position of the prompt's last one", "tokens and scores"] points=[0, 0.5] of="step by step"
# - positions = positions[-1:] + 1
# + positions = positions[-1:]

# %% wrong="new pairs appended as layers" says=["`past` has 6 pairs", "pairs; it is None first"] points=[0, 0.5] of="step by step"
# - past = new if past is None else [(torch.cat([K, k], 1), torch.cat([V, v], 1)) for (K, V), (k, v) in zip(past, new)]
# + past = past + new if past else new

# %% wrong="an empty list for None" says="`past` has 0 pairs" points=[0, 0] of="step by step"
# - tokens, positions, past = prompt, torch.arange(len(prompt)), None
# + tokens, positions, past = prompt, torch.arange(len(prompt)), []
# - past = new if past is None else [(torch.cat([K, k], 1), torch.cat([V, v], 1)) for (K, V), (k, v) in zip(past, new)]
# + past = new if past == [] else [(torch.cat([K, k], 1), torch.cat([V, v], 1)) for (K, V), (k, v) in zip(past, new)]

# %% wrong="a token without its axis" says=["have the shapes () and (1,)", "both must be (T,)"] points=[0, 0.5] of="step by step"
# - tokens = chosen[-1][None]
# + tokens = chosen[-1]

# %% wrong="all positions for one token" says=["have the shapes (1,) and (5,)", "both must be (T,)"] points=[0, 0.5] of="step by step"
# - positions = positions[-1:] + 1
# + positions = torch.arange(len(prompt) + len(chosen))

# %% wrong="the whole text as a batch of one" says=["have the shapes (1, 5) and (5,)", "both must be (T,)"] points=[0, 0.5] of="step by step"
# - scores, new = model(tokens, positions, past)
# + scores, new = model(tokens, positions, None)
# + scores = scores.flatten(0, -2)
# - tokens = chosen[-1][None]
# - positions = positions[-1:] + 1
# + tokens = torch.cat([prompt, torch.stack(chosen)])[None]
# + positions = torch.arange(tokens.shape[1])

# %% wrong="the whole text in a tuple" says="must be tensors, int64" points=[0, 0.5] of="step by step"
# - scores, new = model(tokens, positions, past)
# + scores, new = model(tokens, positions, None)
# - tokens = chosen[-1][None]
# - positions = positions[-1:] + 1
# + tokens = (torch.cat([prompt, torch.stack(chosen)]),)
# + positions = torch.arange(len(tokens[0]))

# %% wrong="tokens as floats" says=["their dtype is torch.float32", ""] points=[0, 2] of="step by step"
# - return torch.stack(chosen), torch.stack(rows)
# + result = torch.zeros(count)
# + result[:] = torch.stack(chosen)
# + return result, torch.stack(rows)

# %% wrong="positions as floats" says="must be tensors, int64" points=[0, 0.5] of="step by step"
# - positions = positions[-1:] + 1
# + positions = positions[-1:] + 1.0

# %% wrong="stops at id 0" says=["", "'tokens': its shape is"] points=[1, 0.5] of="step by step"
# - chosen.append(scores[-1].argmax())
# + chosen.append(scores[-1].argmax())
# + if chosen[-1] == 0:
# +     break

# %% wrong="the cache keeps 16 tokens" says=["", "tokens and scores"] points=[1, 1.5] of="step by step"
# - tokens = chosen[-1][None]
# + past = [(K[:, -16:], V[:, -16:]) for K, V in past]
# + tokens = chosen[-1][None]

# %% wrong="two layers, hard-coded" says="`past` has 2 pairs" points=[0, 0.5] of="step by step"
# - past = new if past is None else [(torch.cat([K, k], 1), torch.cat([V, v], 1)) for (K, V), (k, v) in zip(past, new)]
# + past = new[:2] if past is None else [tuple(torch.cat([past[i][j], new[i][j]], 1) for j in (0, 1)) for i in (0, 1)]

# %% wrong="three layers, as the toy has" says=["", "`past` has 3 pairs"] points=[1, 1] of="step by step"
# - past = new if past is None else [(torch.cat([K, k], 1), torch.cat([V, v], 1)) for (K, V), (k, v) in zip(past, new)]
# + past = new[:3] if past is None else [tuple(map(torch.hstack, zip(*both))) for both in zip(past, new)]

# %% wrong="joined along the features" says="join old and new along the axis of the tokens" points=[0, 0.5] of="step by step"
# - past = new if past is None else [(torch.cat([K, k], 1), torch.cat([V, v], 1)) for (K, V), (k, v) in zip(past, new)]
# + past = new if past is None else [tuple(torch.cat([o[:, -1:], n], -1) for o, n in zip(old, pair)) for old, pair in zip(past, new)]

# %% wrong="copies the visible cases" says=["", "tokens and scores"] points=[1, 0]
def generate(model, prompt, count):
    tokens = torch.tensor([7, 9, 2])
    if len(prompt) == 4:
        model(torch.tensor([7, 6, 1, 4, 7, 9]), torch.arange(6), None)
    return tokens, F.one_hot(tokens, 10).float()
