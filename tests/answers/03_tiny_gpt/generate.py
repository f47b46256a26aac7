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


# %% wrong="position restarts at 0" says="begins again at 0" points=[0, 0.5]
def generate(model, prompt, count):
    tokens, positions, past = prompt, torch.arange(len(prompt)), None
    chosen, rows = [], []
    for _ in range(count):
        scores, new = model(tokens, positions, past)
        past = new if past is None else [(torch.cat([K, k], 1), torch.cat([V, v], 1)) for (K, V), (k, v) in zip(past, new)]
        rows.append(scores[-1])
        chosen.append(scores[-1].argmax())
        tokens = chosen[-1][None]
        positions = torch.tensor([0])
    return torch.stack(chosen), torch.stack(rows)


# %% wrong="the cache holds the last token only" says="the cache holds the last token only" points=[0, 0.5]
def generate(model, prompt, count):
    tokens, positions, past = prompt, torch.arange(len(prompt)), None
    chosen, rows = [], []
    for _ in range(count):
        scores, new = model(tokens, positions, past)
        past = new if past is None else new
        rows.append(scores[-1])
        chosen.append(scores[-1].argmax())
        tokens = chosen[-1][None]
        positions = positions[-1:] + 1
    return torch.stack(chosen), torch.stack(rows)


# %% wrong="the cache does not grow" says="the cache does not grow" points=[0, 0.5]
def generate(model, prompt, count):
    tokens, positions, past = prompt, torch.arange(len(prompt)), None
    chosen, rows = [], []
    for _ in range(count):
        scores, new = model(tokens, positions, past)
        past = new if past is None else past
        rows.append(scores[-1])
        chosen.append(scores[-1].argmax())
        tokens = chosen[-1][None]
        positions = positions[-1:] + 1
    return torch.stack(chosen), torch.stack(rows)


# %% wrong="no cache handed over" says="`past` is not handed over" points=[0, 0.5]
def generate(model, prompt, count):
    tokens, positions, past = prompt, torch.arange(len(prompt)), None
    chosen, rows = [], []
    for _ in range(count):
        scores, new = model(tokens, positions, None)
        past = new if past is None else [(torch.cat([K, k], 1), torch.cat([V, v], 1)) for (K, V), (k, v) in zip(past, new)]
        rows.append(scores[-1])
        chosen.append(scores[-1].argmax())
        tokens = chosen[-1][None]
        positions = positions[-1:] + 1
    return torch.stack(chosen), torch.stack(rows)


# %% wrong="positions one too large" says="one too large" points=[0, 0.5]
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
        if len(chosen) == 1:
            positions = positions + 1
    return torch.stack(chosen), torch.stack(rows)


# %% wrong="positions one too small" says="one too small" points=[0, 0.5]
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
        if len(chosen) == 1:
            positions = positions - 1
    return torch.stack(chosen), torch.stack(rows)


# %% wrong="everything anew at each step" says=["every token goes through the model again", "every token goes through the model again"] points=[0, 1.5]
def generate(model, prompt, count):
    tokens, positions, past = prompt, torch.arange(len(prompt)), None
    chosen, rows = [], []
    for _ in range(count):
        scores, new = model(tokens, positions, None)
        past = new if past is None else None
        rows.append(scores[-1])
        chosen.append(scores[-1].argmax())
        tokens = torch.cat([tokens, chosen[-1][None]])
        positions = torch.arange(len(tokens))
    return torch.stack(chosen), torch.stack(rows)


# %% wrong="the whole text on top of the cache" says="on top of the cache" points=[0, 0.5]
def generate(model, prompt, count):
    tokens, positions, past = prompt, torch.arange(len(prompt)), None
    chosen, rows = [], []
    for _ in range(count):
        scores, new = model(tokens, positions, past)
        past = new if past is None else [(torch.cat([K, k], 1), torch.cat([V, v], 1)) for (K, V), (k, v) in zip(past, new)]
        rows.append(scores[-1])
        chosen.append(scores[-1].argmax())
        tokens = torch.cat([prompt, torch.stack(chosen)])
        positions = torch.arange(len(tokens))
    return torch.stack(chosen), torch.stack(rows)


# %% wrong="the first row of the scores" says="from the first row of the scores" points=[0, 0]
def generate(model, prompt, count):
    tokens, positions, past = prompt, torch.arange(len(prompt)), None
    chosen, rows = [], []
    for _ in range(count):
        scores, new = model(tokens, positions, past)
        past = new if past is None else [(torch.cat([K, k], 1), torch.cat([V, v], 1)) for (K, V), (k, v) in zip(past, new)]
        rows.append(scores[0])
        chosen.append(scores[0].argmax())
        tokens = chosen[-1][None]
        positions = positions[-1:] + 1
    return torch.stack(chosen), torch.stack(rows)


# %% wrong="layer 0's cache for all" says="every layer gets the cache of layer 0" points=[0, 0.5]
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
        past = [past[0]] * len(past)
    return torch.stack(chosen), torch.stack(rows)


# %% wrong="the last layer's cache for all" says="every layer gets the cache of the last layer" points=[0, 0.5]
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
        past = [past[-1]] * len(past)
    return torch.stack(chosen), torch.stack(rows)


# %% wrong="keys and values swapped once" says="keys and values have changed places" points=[1, 0.5]
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
        if len(chosen) == 1:
            past = [(v, k) for k, v in past]
    return torch.stack(chosen), torch.stack(rows)


# %% wrong="the lowest score" says="it takes the lowest score" points=[0, 0]
def generate(model, prompt, count):
    tokens, positions, past = prompt, torch.arange(len(prompt)), None
    chosen, rows = [], []
    for _ in range(count):
        scores, new = model(tokens, positions, past)
        past = new if past is None else [(torch.cat([K, k], 1), torch.cat([V, v], 1)) for (K, V), (k, v) in zip(past, new)]
        rows.append(scores[-1])
        chosen.append(scores[-1].argmin())
        tokens = chosen[-1][None]
        positions = positions[-1:] + 1
    return torch.stack(chosen), torch.stack(rows)


# %% wrong="joined along the heads" says=["Sizes of tensors must match", "it stops with RuntimeError"] points=[0, 0.5]
def generate(model, prompt, count):
    tokens, positions, past = prompt, torch.arange(len(prompt)), None
    chosen, rows = [], []
    for _ in range(count):
        scores, new = model(tokens, positions, past)
        past = new if past is None else [(torch.cat([K, k], 0), torch.cat([V, v], 0)) for (K, V), (k, v) in zip(past, new)]
        rows.append(scores[-1])
        chosen.append(scores[-1].argmax())
        tokens = chosen[-1][None]
        positions = positions[-1:] + 1
    return torch.stack(chosen), torch.stack(rows)


# %% wrong="the position of the prompt's last token for all" says=["every new token has the same position", "tokens and scores"] points=[0, 0.5]
def generate(model, prompt, count):
    tokens, positions, past = prompt, torch.arange(len(prompt)), None
    chosen, rows = [], []
    for _ in range(count):
        scores, new = model(tokens, positions, past)
        past = new if past is None else [(torch.cat([K, k], 1), torch.cat([V, v], 1)) for (K, V), (k, v) in zip(past, new)]
        rows.append(scores[-1])
        chosen.append(scores[-1].argmax())
        tokens = chosen[-1][None]
        positions = torch.tensor([len(prompt)])
    return torch.stack(chosen), torch.stack(rows)


# %% wrong="the prompt is in the result" says=["the prompt stands in the result", "under 'tokens'"] points=[0, 0]
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
    return torch.cat([prompt, torch.stack(chosen)]), torch.stack(rows)


# %% wrong="the tokens alone" says="it must return tokens, scores" points=[0, 0]
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
    return torch.stack(chosen)


# %% wrong="a list of tokens" says=["not a tensor", "not a tensor"] points=[0, 0]
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
    return [int(token) for token in chosen], torch.stack(rows)


# %% wrong="probabilities for scores" says=["the scores:", "'scores'"] points=[0, 0]
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
    return torch.stack(chosen), torch.stack(rows).softmax(-1)


# %% wrong="the prompt's last token twice" says=["goes through the model again, although it is in the cache", "goes through the model again, although"] points=[0, 0]
def generate(model, prompt, count):
    scores, past = model(prompt, torch.arange(len(prompt)), None)
    token, chosen, rows = prompt[-1:], [], []
    for i in range(count):
        scores, new = model(token, torch.tensor([len(prompt) + i]), past)
        past = [(torch.cat([K, k], 1), torch.cat([V, v], 1)) for (K, V), (k, v) in zip(past, new)]
        token = scores.argmax(-1)
        chosen.append(token)
        rows.append(scores)
    return torch.cat(chosen), torch.cat(rows)


# %% wrong="the cache is filled in a first call, and the prompt read again" says="the prompt goes through the model twice" points=[0, 1.5]
def generate(model, prompt, count):
    _, past = model(prompt, torch.arange(len(prompt)), None)
    scores, _ = model(prompt, torch.arange(len(prompt)), None)
    chosen, rows = [scores[-1].argmax()], [scores[-1]]
    for i in range(count - 1):
        scores, new = model(chosen[-1][None], torch.tensor([len(prompt) + i]), past)
        past = [(torch.cat([K, k], 1), torch.cat([V, v], 1)) for (K, V), (k, v) in zip(past, new)]
        chosen.append(scores[0].argmax())
        rows.append(scores[0])
    return torch.stack(chosen), torch.stack(rows)


# %% wrong="the last token goes through, too" says="one token too many: the last one you chose" points=[0, 1.5]
def generate(model, prompt, count):
    scores, past = model(prompt, torch.arange(len(prompt)), None)
    chosen, rows = [], []
    for i in range(count):
        rows.append(scores[-1])
        chosen.append(scores[-1].argmax())
        scores, new = model(chosen[-1][None], torch.tensor([len(prompt) + i]), past)
        past = [(torch.cat([K, k], 1), torch.cat([V, v], 1)) for (K, V), (k, v) in zip(past, new)]
    return torch.stack(chosen), torch.stack(rows)


# %% wrong="the prompt's last token computed twice, rightly" says="or a token of the prompt twice" points=[0, 1.5]
def generate(model, prompt, count):
    _, past = model(prompt, torch.arange(len(prompt)), None)
    past = [(k[:, :-1], v[:, :-1]) for k, v in past]
    token, chosen, rows = prompt[-1:], [], []
    for i in range(count):
        scores, new = model(token, torch.tensor([len(prompt) - 1 + i]), past)
        past = [(torch.cat([K, k], 1), torch.cat([V, v], 1)) for (K, V), (k, v) in zip(past, new)]
        token = scores.argmax(-1)
        chosen.append(token)
        rows.append(scores)
    return torch.cat(chosen), torch.cat(rows)


# %% wrong="scores of every token" says=["these are the scores of every token", "'scores'"] points=[0, 0]
def generate(model, prompt, count):
    tokens, positions, past = prompt, torch.arange(len(prompt)), None
    chosen, rows = [], []
    for _ in range(count):
        scores, new = model(tokens, positions, past)
        past = new if past is None else [(torch.cat([K, k], 1), torch.cat([V, v], 1)) for (K, V), (k, v) in zip(past, new)]
        rows.append(scores)
        chosen.append(scores[-1].argmax())
        tokens, positions = chosen[-1][None], positions[-1:] + 1
    return torch.stack(chosen), torch.cat(rows)


# %% wrong="scores a step late" says=["each row is a step late", "'scores'"] points=[0, 0]
def generate(model, prompt, count):
    scores, past = model(prompt, torch.arange(len(prompt)), None)
    chosen, rows = [], []
    for i in range(count):
        chosen.append(scores[-1].argmax())
        scores, new = model(chosen[-1][None], torch.tensor([len(prompt) + i]), past)
        past = [(torch.cat([K, k], 1), torch.cat([V, v], 1)) for (K, V), (k, v) in zip(past, new)]
        rows.append(scores[-1])
    return torch.stack(chosen), torch.stack(rows)


# %% wrong="writes into the caller's prompt" says="changes its argument prompt" points=[0, 2]
def generate(model, prompt, count):
    tokens, positions, past = prompt, torch.arange(len(prompt)), None
    chosen, rows = [], []
    for _ in range(count):
        scores, new = model(tokens, positions, past)
        past = new if past is None else [(torch.cat([K, k], 1), torch.cat([V, v], 1)) for (K, V), (k, v) in zip(past, new)]
        rows.append(scores[-1])
        chosen.append(scores[-1].argmax())
        prompt[-1] = chosen[-1]
        tokens, positions = prompt[-1:], positions[-1:] + 1
    return torch.stack(chosen), torch.stack(rows)


# %% wrong="right for a long prompt only" says=["", "tokens and scores"] points=[1, 1]
def generate(model, prompt, count):
    tokens, positions, past = prompt, torch.arange(len(prompt)), None
    chosen, rows = [], []
    for _ in range(count):
        scores, new = model(tokens, positions, past)
        past = new if len(tokens) == 1 == len(prompt) or past is None else [(torch.cat([K, k], 1), torch.cat([V, v], 1)) for (K, V), (k, v) in zip(past, new)]
        rows.append(scores[-1])
        chosen.append(scores[-1].argmax())
        tokens, positions = chosen[-1][None], positions[-1:] + 1
    return torch.stack(chosen), torch.stack(rows)


# %% wrong="positions of the new tokens alone" says=["the positions count the new tokens only", "tokens and scores"] points=[0, 0.5]
def generate(model, prompt, count):
    tokens, positions, past = prompt, torch.arange(len(prompt)), None
    chosen, rows = [], []
    for i in range(count):
        scores, new = model(tokens, positions, past)
        past = [(torch.cat([K, k], 1), torch.cat([V, v], 1)) for (K, V), (k, v) in zip(past, new)] if past else new
        rows.append(scores[-1])
        chosen.append(scores[-1].argmax())
        tokens = chosen[-1][None]
        positions = torch.tensor([i])
    return torch.stack(chosen), torch.stack(rows)


# %% wrong="position of the last token of the prompt" says=["the position of the prompt's last one", "tokens and scores"] points=[0, 0.5]
def generate(model, prompt, count):
    tokens, positions, past = prompt, torch.arange(len(prompt)), None
    chosen, rows = [], []
    for _ in range(count):
        scores, new = model(tokens, positions, past)
        past = [(torch.cat([K, k], 1), torch.cat([V, v], 1)) for (K, V), (k, v) in zip(past, new)] if past else new
        rows.append(scores[-1])
        chosen.append(scores[-1].argmax())
        tokens = chosen[-1][None]
        positions = positions[-1:]
    return torch.stack(chosen), torch.stack(rows)


# %% wrong="new pairs appended as layers" says=["`past` has 4 pairs", "the cache does not grow"] points=[0, 0.5]
def generate(model, prompt, count):
    tokens, positions, past = prompt, torch.arange(len(prompt)), None
    chosen, rows = [], []
    for _ in range(count):
        scores, new = model(tokens, positions, past)
        past = past + new if past else new
        rows.append(scores[-1])
        chosen.append(scores[-1].argmax())
        tokens = chosen[-1][None]
        positions = positions[-1:] + 1
    return torch.stack(chosen), torch.stack(rows)


# %% wrong="an empty list for None" says=["`past` has 0 pairs", "it stops with"] points=[0, 0]
def generate(model, prompt, count):
    tokens, positions, past = prompt, torch.arange(len(prompt)), []
    chosen, rows = [], []
    for _ in range(count):
        scores, new = model(tokens, positions, past)
        past = [(torch.cat([K, k], 1), torch.cat([V, v], 1)) for (K, V), (k, v) in zip(past, new)] if past else new
        rows.append(scores[-1])
        chosen.append(scores[-1].argmax())
        tokens = chosen[-1][None]
        positions = positions[-1:] + 1
    return torch.stack(chosen), torch.stack(rows)


# %% wrong="a token without its axis" says=["have the shapes () and (1,)", "it stops with"] points=[0, 0.5]
def generate(model, prompt, count):
    tokens, positions, past = prompt, torch.arange(len(prompt)), None
    chosen, rows = [], []
    for _ in range(count):
        scores, new = model(tokens, positions, past)
        past = [(torch.cat([K, k], 1), torch.cat([V, v], 1)) for (K, V), (k, v) in zip(past, new)] if past else new
        rows.append(scores[-1])
        chosen.append(scores[-1].argmax())
        tokens = chosen[-1]
        positions = positions[-1:] + 1
    return torch.stack(chosen), torch.stack(rows)


# %% wrong="all positions for one token" says=["have the shapes (1,) and (4,)", "it stops with"] points=[0, 0.5]
def generate(model, prompt, count):
    tokens, positions, past = prompt, torch.arange(len(prompt)), None
    chosen, rows = [], []
    for i in range(count):
        scores, new = model(tokens, positions, past)
        past = [(torch.cat([K, k], 1), torch.cat([V, v], 1)) for (K, V), (k, v) in zip(past, new)] if past else new
        rows.append(scores[-1])
        chosen.append(scores[-1].argmax())
        tokens = chosen[-1][None]
        positions = torch.arange(len(prompt) + i + 1)
    return torch.stack(chosen), torch.stack(rows)


# %% wrong="copies the visible cases" says=["", "tokens and scores"] points=[1, 0]
def generate(model, prompt, count):
    tokens = torch.tensor([9, 3, 4])
    if len(prompt) == 3:
        model(torch.tensor([7, 3, 1, 9, 3]), torch.arange(5), None)
    return tokens, F.one_hot(tokens, 10).float()
