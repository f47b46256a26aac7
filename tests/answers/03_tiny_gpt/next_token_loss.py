# %% right="cross_entropy with ignored targets"
def next_token_loss(model, texts, counted):
    targets = texts[:, 1:].masked_fill(~counted[:, 1:], -100)
    return F.cross_entropy(model(texts[:, :-1]).transpose(1, 2), targets, ignore_index=-100)

# %% right="by hand, from log_softmax"
def next_token_loss(model, texts, counted):
    logs = torch.log_softmax(model(texts[:, :-1]), dim=-1)
    losses = -torch.gather(logs, 2, texts[:, 1:].unsqueeze(2)).squeeze(2)
    count = counted[:, 1:].float()
    return (losses * count).sum() / count.sum()

# %% right="a loop, with logsumexp"
def next_token_loss(model, texts, counted):
    scores = model(texts[:, :-1])
    total, many = 0, 0
    for b, t in counted[:, 1:].nonzero().tolist():
        total = total + scores[b, t].logsumexp(0) - scores[b, t, texts[b, t + 1]]
        many += 1
    return total / many

# %% right="the model reads the whole text, the last scores are dropped"
def next_token_loss(model, texts, counted):
    scores = model(texts)[:, :-1]
    losses = F.nll_loss(scores.log_softmax(-1).flatten(0, 1), texts[:, 1:].flatten(), reduction="none")
    return losses[counted[:, 1:].flatten()].mean()

# %% right="ln of a probability, in float64"
def next_token_loss(model, texts, counted):
    probabilities = model(texts[:, :-1]).double().softmax(-1)
    picked = probabilities.gather(-1, texts[:, 1:, None])[counted[:, 1:]]
    return -picked.log().mean()

# %% right="prefix by prefix, reduced"
def next_token_loss(model, texts, counted):
    from functools import reduce

    def at(t):
        logs = model(texts[:, : t + 1])[:, -1].log_softmax(-1)
        return -logs[torch.arange(len(texts)), texts[:, t + 1]][counted[:, t + 1]].sum()

    return reduce(torch.add, map(at, range(texts.shape[1] - 1))) / counted[:, 1:].sum()

# %% right="text by text, from a generator"
def next_token_loss(model, texts, counted):
    def losses():
        for text, count in zip(texts, counted):
            yield F.cross_entropy(model(text[None, :-1])[0], text[1:], reduction="none")[count[1:]]

    return torch.cat(tuple(losses())).mean()

# %% right="a mean with weights"
def next_token_loss(model, texts, counted):
    scores, targets = model(texts[:, :-1]), texts[:, 1:]
    losses = F.cross_entropy(scores.flatten(0, 1), targets.flatten(), reduction="none").view(targets.shape)
    count = counted[:, 1:]
    return (losses * count).sum() / count.sum()

# %% wrong="not shifted" says="the targets are the inputs" points=[0, 0] of="solution"
# - scores, targets = model(texts[:, :-1]), texts[:, 1:]
# + scores, targets = model(texts[:, :-1]), texts[:, :-1]

# %% wrong="shifted the wrong way" says="the targets are the tokens before" points=[0, 0] of="solution"
# - scores, targets = model(texts[:, :-1]), texts[:, 1:]
# - count = counted[:, 1:]
# + scores, targets = model(texts[:, 1:]), texts[:, :-1]
# + count = counted[:, :-1]

# %% wrong="everything counts, as in the lesson" says="`counted` has no effect" points=[0, 0] of="solution"
# - return F.cross_entropy(scores[count], targets[count])
# + return F.cross_entropy(scores.flatten(0, 1), targets.flatten())

# %% wrong="counted, cut like the inputs" says="`counted` is cut like the inputs" points=[0, 0] of="solution"
# - count = counted[:, 1:]
# + count = counted[:, :-1]

# %% wrong="what does not count" says="the wrong way round" points=[0, 0] of="solution"
# - count = counted[:, 1:]
# + count = ~counted[:, 1:]

# %% wrong="divided by B·T" says="the sum is divided by B·T" points=[0, 0] of="a mean with weights"
# - return (losses * count).sum() / count.sum()
# + return (losses * count).mean()

# %% wrong="divided by all that counts" says="the first token of a text is divided by" points=[0, 0] of="a mean with weights"
# - return (losses * count).sum() / count.sum()
# + return (losses * count).sum() / counted.sum()

# %% wrong="text by text" says=["each text has its own mean", "each text has its own mean"] points=[0, 0] of="a mean with weights"
# - return (losses * count).sum() / count.sum()
# + return ((losses * count).sum(1) / count.sum(1).clamp(min=1)).mean()

# %% wrong="targets multiplied by counted" says="its target becomes id 0" points=[0, 0] of="solution"
# - return F.cross_entropy(scores[count], targets[count])
# + return F.cross_entropy(scores.flatten(0, 1), (targets * count).flatten())

# %% wrong="inputs multiplied by counted" says=["the model reads id 0", "the loss"] points=[0, 0] of="solution"
# - scores, targets = model(texts[:, :-1]), texts[:, 1:]
# + scores, targets = model((texts * counted)[:, :-1]), texts[:, 1:]

# %% wrong="one token at a time" says="the model gets a token at a time" points=[0, 0] of="solution"
# - scores, targets = model(texts[:, :-1]), texts[:, 1:]
# + scores, targets = torch.cat([model(ids) for ids in texts[:, :-1].split(1, 1)], 1), texts[:, 1:]

# %% wrong="softmax over the positions" says=["the softmax runs over the positions", "the loss"] points=[0, 0] of="by hand, from log_softmax"
# - logs = torch.log_softmax(model(texts[:, :-1]), dim=-1)
# + logs = torch.log_softmax(model(texts[:, :-1]), dim=1)

# %% wrong="softmax over the batch" says=["the softmax runs over the texts of the batch", "the loss"] points=[0, 0] of="by hand, from log_softmax"
# - logs = torch.log_softmax(model(texts[:, :-1]), dim=-1)
# + logs = torch.log_softmax(model(texts[:, :-1]), dim=0)

# %% wrong="view for transpose" says=["axes get mixed", "the loss"] points=[0, 0] of="cross_entropy with ignored targets"
# - return F.cross_entropy(model(texts[:, :-1]).transpose(1, 2), targets, ignore_index=-100)
# + scores = model(texts[:, :-1])
# + return F.cross_entropy(scores.reshape(len(scores), scores.shape[2], -1), targets, ignore_index=-100)

# %% wrong="cross_entropy without moving the vocabulary to axis 1" says=["cross_entropy takes axis 1 for the vocabulary", "it stops with"] points=[0, 0] of="cross_entropy with ignored targets"
# - return F.cross_entropy(model(texts[:, :-1]).transpose(1, 2), targets, ignore_index=-100)
# + return F.cross_entropy(model(texts[:, :-1]), targets, ignore_index=-100)

# %% wrong="sum" says="it is the sum" points=[0, 0] of="solution"
# - return F.cross_entropy(scores[count], targets[count])
# + return F.cross_entropy(scores[count], targets[count], reduction="sum")

# %% wrong="softmax before cross_entropy" says="there are two softmaxes" points=[0, 0] of="solution"
# - return F.cross_entropy(scores[count], targets[count])
# + return F.cross_entropy(scores.softmax(-1)[count], targets[count])

# %% wrong="bits" says="it is in bits" points=[0, 0] of="ln of a probability, in float64"
# - return -picked.log().mean()
# + return -picked.log2().mean()

# %% wrong="no minus" says="the sign is wrong" points=[0, 0] of="ln of a probability, in float64"
# - return -picked.log().mean()
# + return picked.log().mean()

# %% wrong="no softmax" says=["there is no softmax", "the loss"] points=[0, 0] of="solution"
# - return F.cross_entropy(scores[count], targets[count])
# + return F.nll_loss(scores[count], targets[count])

# %% wrong="perplexity" says=["it is the perplexity", "the loss"] points=[0, 0] of="solution"
# - return F.cross_entropy(scores[count], targets[count])
# + return F.cross_entropy(scores[count], targets[count]).exp()

# %% wrong="logarithm of the mean" says=["logarithm of the mean probability", "the loss"] points=[0, 0] of="ln of a probability, in float64"
# - return -picked.log().mean()
# + return -picked.mean().log()

# %% wrong="no logarithm" says=["the logarithm is missing", "the loss"] points=[0, 0] of="ln of a probability, in float64"
# - return -picked.log().mean()
# + return -picked.mean()

# %% wrong="no logarithm and no minus" says=["the logarithm is missing, and the minus", "the loss"] points=[0, 0] of="ln of a probability, in float64"
# - return -picked.log().mean()
# + return picked.mean()

# %% wrong="one loss for each target" says=["its shape is (4,), not ()", "a tensor of shape"] points=[0, 0] of="solution"
# - return F.cross_entropy(scores[count], targets[count])
# + return F.cross_entropy(scores[count], targets[count], reduction="none")

# %% wrong="item" says=["not a tensor", "backward() cannot reach the weights"] points=[0, 1.5] of="solution"
# - return F.cross_entropy(scores[count], targets[count])
# + return F.cross_entropy(scores[count], targets[count]).item()

# %% wrong="no_grad" says="backward() cannot reach the weights" points=[0, 1.5] of="solution"
# - def next_token_loss(model, texts, counted):
# + @torch.no_grad()
# + def next_token_loss(model, texts, counted):

# %% wrong="the gradient of the first target" says="the gradient" points=[0, 1.5] of="solution"
# - return F.cross_entropy(scores[count], targets[count])
# + losses = F.cross_entropy(scores[count], targets[count], reduction="none")
# + return torch.stack([losses[0], *losses[1:].detach()]).mean()

# %% wrong="the right gradient of a wrong loss" says="it is 0, not " points=[0, 0] of="solution"
# - return F.cross_entropy(scores[count], targets[count])
# + loss = F.cross_entropy(scores[count], targets[count])
# + return loss - loss.detach()

# %% wrong="marks the caller's tokens that do not count" says="changes its argument texts" points=[0, 2] of="cross_entropy with ignored targets"
# - targets = texts[:, 1:].masked_fill(~counted[:, 1:], -100)
# - return F.cross_entropy(model(texts[:, :-1]).transpose(1, 2), targets, ignore_index=-100)
# + scores = model(texts[:, :-1].clone())
# + targets = texts[:, 1:].masked_fill_(~counted[:, 1:], -100)
# + return F.cross_entropy(scores.transpose(1, 2), targets, ignore_index=-100)

# %% wrong="NaN where none of a text counts" says=["each text has its own mean", "each text has its own mean"] points=[0, 0] of="a mean with weights"
# - return (losses * count).sum() / count.sum()
# + return ((losses * count).sum(1) / count.sum(1)).mean()

# %% wrong="weights each text by what counts, with NaN" says=["", "where none of a text counts"] points=[1, 0.5] of="a mean with weights"
# - return (losses * count).sum() / count.sum()
# + means = (losses * count).sum(1) / count.sum(1)
# + return (means * count.sum(1)).sum() / count.sum()

# %% wrong="two targets at least" says=["", "where a single target counts"] points=[1, 0.5] of="solution"
# - return F.cross_entropy(scores[count], targets[count])
# + many = count.sum().clamp(min=2)
# + return F.cross_entropy(scores[count], targets[count], reduction="sum") / many

# %% wrong="exp by hand" says=["", "take log_softmax"] points=[1, 1.5] of="ln of a probability, in float64"
# - probabilities = model(texts[:, :-1]).double().softmax(-1)
# + powers = model(texts[:, :-1]).exp()
# + probabilities = powers / powers.sum(-1, keepdim=True)

# %% wrong="a tiny number for safety" says=["", "1e-12 is added to a probability"] points=[1, 1.5] of="ln of a probability, in float64"
# - return -picked.log().mean()
# + return -(picked + 1e-12).log().mean()

# %% wrong="softmax in float32, then its logarithm" says=["", "a tiny probability is 0"] points=[1, 1.5] of="ln of a probability, in float64"
# - probabilities = model(texts[:, :-1]).double().softmax(-1)
# + probabilities = model(texts[:, :-1]).softmax(-1)

# %% wrong="a smallest probability" says=["", "1e-20"] points=[1, 1.5] of="ln of a probability, in float64"
# - return -picked.log().mean()
# + return -picked.clamp(min=1e-20).log().mean()

# %% wrong="as many columns as the texts have ids" says=["", "it stops with"] points=[1, 0] of="by hand, from log_softmax"
# - losses = -torch.gather(logs, 2, texts[:, 1:].unsqueeze(2)).squeeze(2)
# + losses = -(logs * F.one_hot(texts[:, 1:])).sum(-1)

# %% wrong="squeezed" says=["", "it stops with"] points=[1, 1.5] of="solution"
# - scores, targets = model(texts[:, :-1]), texts[:, 1:]
# + scores, targets = model(texts[:, :-1]).squeeze(), texts[:, 1:]

# %% wrong="an axis of length 1" says="its shape is (1,), not ()" points=[0, 1.5] of="solution"
# - return F.cross_entropy(scores[count], targets[count])
# + return F.cross_entropy(scores[count], targets[count])[None]

# %% wrong="copies the visible cases" says=["", "the loss"] points=[1, 0]
def next_token_loss(model, texts, counted):
    scores, targets = model(texts[:, :-1]), texts[:, 1:]
    return sum(F.cross_entropy(scores[b, t], targets[b, t]) for b, t in ((0, 2), (1, 0), (1, 1), (1, 2))) / 4
