# %% right="cross_entropy with the vocabulary moved to axis 1"
def next_token_loss(model, texts):
    return F.cross_entropy(model(texts[:, :-1]).transpose(1, 2), texts[:, 1:])

# %% right="by hand, from log_softmax"
def next_token_loss(model, texts):
    logs = torch.log_softmax(model(texts[:, :-1]), dim=-1)
    return -torch.gather(logs, 2, texts[:, 1:].unsqueeze(2)).mean()

# %% right="a loop, with logsumexp"
def next_token_loss(model, texts):
    scores = model(texts[:, :-1])
    B, T, _ = scores.shape
    total = 0
    for b in range(B):
        for t in range(T):
            total = total + scores[b, t].logsumexp(0) - scores[b, t, texts[b, t + 1]]
    return total / (B * T)

# %% right="the model reads the whole text, the last scores are dropped"
def next_token_loss(model, texts):
    scores = model(texts)[:, :-1]
    return F.nll_loss(scores.softmax(-1).log().reshape(-1, scores.shape[-1]), texts[:, 1:].reshape(-1))

# %% right="ln of a probability"
def next_token_loss(model, texts):
    probabilities = model(texts[:, :-1]).softmax(-1)
    return -probabilities.gather(-1, texts[:, 1:, None]).log().mean()

# %% right="prefix by prefix, reduced"
def next_token_loss(model, texts):
    from functools import reduce

    def at(t):
        logs = model(texts[:, : t + 1])[:, -1].log_softmax(-1)
        return -logs[torch.arange(len(texts)), texts[:, t + 1]].sum()

    T = texts.shape[1] - 1
    return reduce(torch.add, map(at, range(T))) / (len(texts) * T)

# %% right="text by text, from a generator"
def next_token_loss(model, texts):
    def losses():
        for text in texts:
            yield F.cross_entropy(model(text[None, :-1])[0], text[1:])

    return torch.stack(tuple(losses())).mean()

# %% wrong="not shifted" says="the targets are the inputs" points=[0, 0] of="solution"
# - inputs, targets = texts[:, :-1], texts[:, 1:]
# + inputs, targets = texts[:, :-1], texts[:, :-1]

# %% wrong="shifted the wrong way" says="the targets are the tokens before" points=[0, 0] of="solution"
# - inputs, targets = texts[:, :-1], texts[:, 1:]
# + inputs, targets = texts[:, 1:], texts[:, :-1]

# %% wrong="softmax over the positions" says="the softmax runs over the positions" points=[0, 0] of="by hand, from log_softmax"
# - logs = torch.log_softmax(model(texts[:, :-1]), dim=-1)
# + logs = torch.log_softmax(model(texts[:, :-1]), dim=1)

# %% wrong="softmax over the batch" says="the softmax runs over the texts of the batch" points=[0, 0] of="by hand, from log_softmax"
# - logs = torch.log_softmax(model(texts[:, :-1]), dim=-1)
# + logs = torch.log_softmax(model(texts[:, :-1]), dim=0)

# %% wrong="cross_entropy without moving the vocabulary to axis 1" says=["takes axis 1 for the vocabulary", "it stops with RuntimeError"] points=[0, 0] of="cross_entropy with the vocabulary moved to axis 1"
# - return F.cross_entropy(model(texts[:, :-1]).transpose(1, 2), texts[:, 1:])
# + return F.cross_entropy(model(texts[:, :-1]), texts[:, 1:])

# %% wrong="view for transpose" says=["takes axis 1 for the vocabulary", "axes get mixed"] points=[0, 0] of="solution"
# - return F.cross_entropy(scores.flatten(0, 1), targets.flatten())
# + B, T, V = scores.shape
# + return F.cross_entropy(scores.reshape(B, V, T), texts[:, 1:])

# %% wrong="sum" says="it is the sum over the positions; take the mean" points=[0, 0] of="solution"
# - return F.cross_entropy(scores.flatten(0, 1), targets.flatten())
# + return F.cross_entropy(scores.flatten(0, 1), targets.flatten(), reduction="sum")

# %% wrong="sum over the positions, mean over the texts" says="the positions of a text; take the mean" points=[0, 0] of="solution"
# - return F.cross_entropy(scores.flatten(0, 1), targets.flatten())
# + return F.cross_entropy(scores.transpose(1, 2), texts[:, 1:], reduction="none").sum(1).mean()

# %% wrong="softmax before cross_entropy" says="there are two softmaxes" points=[0, 0] of="ln of a probability"
# - return -probabilities.gather(-1, texts[:, 1:, None]).log().mean()
# + return F.cross_entropy(probabilities.flatten(0, 1), texts[:, 1:].flatten())

# %% wrong="bits" says="it is in bits" points=[0, 0] of="ln of a probability"
# - return -probabilities.gather(-1, texts[:, 1:, None]).log().mean()
# + return -torch.log2(probabilities.gather(-1, texts[:, 1:, None])).mean()

# %% wrong="no minus" says="the sign is wrong" points=[0, 0] of="ln of a probability"
# - return -probabilities.gather(-1, texts[:, 1:, None]).log().mean()
# + return probabilities.gather(-1, texts[:, 1:, None]).log().mean()

# %% wrong="no softmax" says="there is no softmax" points=[0, 0] of="solution"
# - return F.cross_entropy(scores.flatten(0, 1), targets.flatten())
# + return F.nll_loss(scores.flatten(0, 1), targets.flatten())

# %% wrong="rolled" says="the first token is the target of the last" points=[0, 0] of="solution"
# - inputs, targets = texts[:, :-1], texts[:, 1:]
# + inputs, targets = texts, texts.roll(-1, 1)

# %% wrong="two ahead" says="two tokens ahead" points=[0, 0] of="solution"
# - return F.cross_entropy(scores.flatten(0, 1), targets.flatten())
# + return F.cross_entropy(scores[:, :-1].flatten(0, 1), targets[:, 1:].flatten())

# %% wrong="last position only" says="only the last position counts" points=[0, 0] of="cross_entropy with the vocabulary moved to axis 1"
# - return F.cross_entropy(model(texts[:, :-1]).transpose(1, 2), texts[:, 1:])
# + return F.cross_entropy(model(texts[:, :-1])[:, -1], texts[:, -1])

# %% wrong="perplexity" says="it is the perplexity" points=[0, 0] of="solution"
# - return F.cross_entropy(scores.flatten(0, 1), targets.flatten())
# + return F.cross_entropy(scores.flatten(0, 1), targets.flatten()).exp()

# %% wrong="logarithm of the mean" says="logarithm of the mean probability" points=[0, 0] of="ln of a probability"
# - return -probabilities.gather(-1, texts[:, 1:, None]).log().mean()
# + return -probabilities.gather(-1, texts[:, 1:, None]).mean().log()

# %% wrong="one loss for each position" says=["its shape is (2, 3), not ()", "a tensor of shape (3, 5)"] points=[0, 0] of="cross_entropy with the vocabulary moved to axis 1"
# - return F.cross_entropy(model(texts[:, :-1]).transpose(1, 2), texts[:, 1:])
# + return F.cross_entropy(model(texts[:, :-1]).transpose(1, 2), texts[:, 1:], reduction="none")

# %% wrong="item" says=["not a tensor", "backward() cannot reach the weights"] points=[0, 0.5] of="solution"
# - return F.cross_entropy(scores.flatten(0, 1), targets.flatten())
# + return F.cross_entropy(scores.flatten(0, 1), targets.flatten()).item()

# %% wrong="no_grad" says=["", "backward() cannot reach the weights"] points=[1, 0.5] of="solution"
# - def next_token_loss(model, texts):
# + @torch.no_grad()
# + def next_token_loss(model, texts):

# %% wrong="the gradient of half" says=["", "the gradient"] points=[1, 0.5] of="solution"
# - return F.cross_entropy(scores.flatten(0, 1), targets.flatten())
# + losses = F.cross_entropy(scores.flatten(0, 1), targets.flatten(), reduction="none")
# + return torch.stack([losses[0], *losses[1:].detach()]).mean()

# %% wrong="marks the caller's first tokens" says="changes its argument texts" points=[0, 1] of="solution"
# - scores = model(inputs)
# + scores = model(inputs.clone())
# + texts[:, 0] = -100

# %% wrong="no logarithm" says=["the logarithm is missing", "the loss"] points=[0, 0] of="ln of a probability"
# - return -probabilities.gather(-1, texts[:, 1:, None]).log().mean()
# + return -probabilities.gather(-1, texts[:, 1:, None]).mean()

# %% wrong="no logarithm and no minus" says=["the logarithm is missing, and the minus", "the loss"] points=[0, 0] of="ln of a probability"
# - return -probabilities.gather(-1, texts[:, 1:, None]).log().mean()
# + return probabilities.gather(-1, texts[:, 1:, None]).mean()

# %% wrong="exp by hand" says=["", "exp(200) is infinite"] points=[1, 0.5] of="ln of a probability"
# - probabilities = model(texts[:, :-1]).softmax(-1)
# + powers = model(texts[:, :-1]).exp()
# + probabilities = powers / powers.sum(-1, keepdim=True)

# %% wrong="a tiny number for safety" says=["", "1e-09 is added to a probability"] points=[1, 0.5] of="ln of a probability"
# - return -probabilities.gather(-1, texts[:, 1:, None]).log().mean()
# + return -(probabilities.gather(-1, texts[:, 1:, None]) + 1e-9).log().mean()

# %% wrong="as many columns as the texts have ids" says=["", "it stops with RuntimeError"] points=[1, 0] of="by hand, from log_softmax"
# - return -torch.gather(logs, 2, texts[:, 1:].unsqueeze(2)).mean()
# + return -(logs * F.one_hot(texts[:, 1:])).sum(-1).mean()

# %% wrong="squeezed" says=["", "it stops with"] points=[1, 0.5] of="solution"
# - scores = model(inputs)
# + scores = model(inputs).squeeze()

# %% wrong="an axis of length 1" says="its shape is (1,), not ()" points=[0, 0.5] of="solution"
# - return F.cross_entropy(scores.flatten(0, 1), targets.flatten())
# + return F.cross_entropy(scores.flatten(0, 1), targets.flatten())[None]

# %% wrong="the right gradient of a wrong loss" says="it is 0, not " points=[0, 0] of="solution"
# - return F.cross_entropy(scores.flatten(0, 1), targets.flatten())
# + loss = F.cross_entropy(scores.flatten(0, 1), targets.flatten())
# + return loss - loss.detach()

# %% wrong="copies the visible cases" says=["", "the loss"] points=[1, 0]
def next_token_loss(model, texts):
    return torch.tensor(4 / 3 * math.log(2))
