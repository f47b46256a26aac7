# %% right="in lists, from the lowest score up"
def threshold_for_risk(calibration, test, max_risk):
    if min(len(calibration[0]), len(test[0])) == 0:
        raise ValueError("no question")
    def answered(questions, threshold):
        scores, right = questions
        return [good for score, good in zip(scores.tolist(), right.tolist()) if score >= threshold]

    threshold = math.inf
    for candidate in sorted(set(calibration[0].tolist())):
        answers = answered(calibration, candidate)
        if answers.count(False) <= max_risk * len(answers):
            threshold = candidate
            break
    answers = answered(test, threshold)
    return threshold, len(answers) / len(test[0]), answers.count(False) / len(answers) if answers else 0

# %% right="all pairs at once"
def threshold_for_risk(calibration, test, max_risk):
    if min(len(calibration[0]), len(test[0])) == 0:
        raise ValueError("no question")
    scores, right = calibration
    answered = scores[None] >= scores[:, None]
    share = (answered & ~right).sum(1) / answered.sum(1)
    threshold = torch.where(share <= max_risk, scores, torch.inf).min()
    reached = test[0] >= threshold
    wrong = reached & ~test[1]
    return threshold, reached.float().mean(), wrong.sum() / reached.sum().clamp(min=1)

# %% right="sorted, the last of equal scores"
def threshold_for_risk(calibration, test, max_risk):
    if min(len(calibration[0]), len(test[0])) == 0:
        raise ValueError("no question")
    scores, order = calibration[0].sort(descending=True)
    wrong = (~calibration[1][order]).cumsum(0)
    last = torch.cat([scores[1:] != scores[:-1], torch.tensor([True])])
    allowed = scores[last & (1 - wrong / torch.arange(1, len(scores) + 1) >= 1 - max_risk)]
    threshold = allowed[-1].item() if len(allowed) else float("inf")
    answers = test[1][test[0] >= threshold]
    return [threshold, len(answers) / len(test[1]), 0.0 if len(answers) == 0 else 1 - answers.double().mean().item()]

# %% right="searchsorted"
def threshold_for_risk(calibration, test, max_risk):
    if min(len(calibration[0]), len(test[0])) == 0:
        raise ValueError("no question")
    import bisect

    pairs = sorted(zip(*(part.tolist() for part in calibration)))
    scores = [score for score, _ in pairs]
    for score in scores:
        kept = [good for _, good in pairs[bisect.bisect_left(scores, score):]]
        if kept.count(False) / len(kept) <= max_risk:
            break
    else:
        return math.inf, 0, 0
    kept = test[1][test[0] >= score].tolist()
    return score, len(kept) / len(test[1]), kept.count(False) / max(len(kept), 1)

# %% right="NumPy's numbers"
def threshold_for_risk(calibration, test, max_risk):
    if min(len(calibration[0]), len(test[0])) == 0:
        raise ValueError("no question")
    import numpy as np

    (scores, right), (asked, good) = ((a.numpy(), b.numpy()) for a, b in (calibration, test))
    levels = np.unique(scores)
    allowed = levels[np.array([np.mean(~right[scores >= level]) for level in levels]) <= max_risk]
    threshold = allowed[0] if allowed.size else np.inf
    answered = asked >= threshold
    return threshold, answered.mean(), np.mean(~good[answered]) if answered.any() else np.float64(0)

# %% right="a dataclass for a question"
def threshold_for_risk(calibration, test, max_risk):
    if min(len(calibration[0]), len(test[0])) == 0:
        raise ValueError("no question")
    from dataclasses import dataclass

    @dataclass(order=True, frozen=True)
    class Question:
        score: float
        right: bool

    def measure(questions, threshold):
        answered = [question for question in questions if question.score >= threshold]
        return len(answered) / len(questions), sum(not q.right for q in answered) / (len(answered) or 1)

    known, new = ([Question(*pair) for pair in zip(*(p.tolist() for p in part))] for part in (calibration, test))
    threshold = next((q.score for q in sorted(known) if measure(known, q.score)[1] <= max_risk), math.inf)
    return (threshold, *measure(new, threshold))

# %% right="one by one, down to the last of equal scores"
def threshold_for_risk(calibration, test, max_risk):
    if min(len(calibration[0]), len(test[0])) == 0:
        raise ValueError("no question")
    pairs = sorted(zip(*(part.tolist() for part in calibration)), reverse=True)
    wrong, threshold = 0, math.inf
    for count, (score, good) in enumerate(pairs, start=1):
        wrong += not good
        last = count == len(pairs) or pairs[count][0] < score
        if last and wrong <= max_risk * count:
            threshold = score
    answered = test[0] >= threshold
    return threshold, answered.float().mean(), (answered & ~test[1]).sum() / max(1, answered.sum())

# %% wrong="chosen on the test questions" says=["depends on the test questions", "chosen on the test questions"] points=[0, 0] of="solution"
# - candidates = calibration[0].tolist()
# + candidates = test[0].tolist()
# - allowed = [score for score in candidates if measure(calibration, score)[1] <= max_risk]
# + allowed = [score for score in candidates if measure(test, score)[1] <= max_risk]

# %% wrong="stops at the first violation" says="it stops too early" points=[0, 1] of="solution"
# - candidates = calibration[0].tolist()
# + import itertools
# +
# + candidates = sorted(calibration[0].tolist(), reverse=True)
# - allowed = [score for score in candidates if measure(calibration, score)[1] <= max_risk]
# + allowed = list(itertools.takewhile(lambda score: measure(calibration, score)[1] <= max_risk, candidates))

# %% wrong="wrong ones of all questions" says=["divided by all questions", "divided by all questions"] points=[0, 0.5] of="solution"
# - allowed = [score for score in candidates if measure(calibration, score)[1] <= max_risk]
# + allowed = [s for s in candidates if ((calibration[0] >= s) & ~calibration[1]).float().mean() <= max_risk]

# %% wrong="above, not from" says=["from 0.65 up 2 of 6", "exactly this score were left out"] points=[0, 0] of="solution"
# - answered = scores >= threshold
# + answered = scores > threshold

# %% wrong="above, when it is measured" says=["0.8 and 0.75 reach the threshold", "a score equal to the threshold is answered, too"] points=[0, 1.5] of="solution"
# - return threshold, *measure(test, threshold)
# + answered = test[0] > threshold
# + wrong = (answered & ~test[1]).sum().item()
# + return threshold, answered.float().mean(), wrong / max(1, answered.sum().item())

# %% wrong="above, in the risk alone" says="a score equal to the threshold is answered, too" points=[0, 1.5] of="solution"
# - return threshold, *measure(test, threshold)
# + above = test[1][test[0] > threshold]
# + return threshold, measure(test, threshold)[0], (~above).sum().item() / max(1, len(above))

# %% wrong="equal scores split" says=["from 0.65 up 2 of 6", "only some of the questions with this score were counted"] points=[0, 1.5] of="sorted, the last of equal scores"
# - last = torch.cat([scores[1:] != scores[:-1], torch.tensor([True])])
# + last = torch.ones_like(scores, dtype=torch.bool)
# - scores, order = calibration[0].sort(descending=True)
# + scores, order = calibration[0].sort(descending=True, stable=True)

# %% wrong="of equal scores the right ones first" says=["from 0.65 up 2 of 6", "only some of the questions with this score were counted"] points=[0, 1.5] of="one by one, down to the last of equal scores"
# - if last and wrong <= max_risk * count:
# + if wrong <= max_risk * count:

# %% wrong="of equal scores the wrong ones first" says=["", "only some of the questions with this score were counted"] points=[1, 1.5] of="one by one, down to the last of equal scores"
# - pairs = sorted(zip(*(part.tolist() for part in calibration)), reverse=True)
# + pairs = sorted(zip(*(part.tolist() for part in calibration)), key=lambda pair: (-pair[0], pair[1]))
# - if last and wrong <= max_risk * count:
# + if wrong <= max_risk * count:

# %% wrong="the largest" says="it is the largest score that will do" points=[0, 0] of="solution"
# - threshold = min(allowed, default=math.inf)
# + threshold = max(allowed, default=math.inf)

# %% wrong="both sets together" says=["it depends on the test questions", "chosen on both sets together"] points=[0, 0] of="solution"
# - candidates = calibration[0].tolist()
# + both = torch.cat([calibration[0], test[0]]), torch.cat([calibration[1], test[1]])
# + candidates = both[0].tolist()
# - allowed = [score for score in candidates if measure(calibration, score)[1] <= max_risk]
# + allowed = [score for score in candidates if measure(both, score)[1] <= max_risk]

# %% wrong="less than the risk" says="a risk of exactly `max_risk` is allowed: at most is <=, not <" points=[0, 1.5] of="solution"
# - allowed = [score for score in candidates if measure(calibration, score)[1] <= max_risk]
# + allowed = [score for score in candidates if measure(calibration, score)[1] < max_risk]

# %% wrong="the share of right ones" says="it is the share of *wrong* answers" points=[0, 0] of="solution"
# - allowed = [score for score in candidates if measure(calibration, score)[1] <= max_risk]
# + allowed = [score for score in candidates if 1 - measure(calibration, score)[1] <= max_risk]

# %% wrong="a quantile of the scores" says="a share `max_risk` of the questions is left out" points=[0, 0] of="solution"
# - threshold = min(allowed, default=math.inf)
# + threshold = sorted(candidates)[int(max_risk * len(candidates))]

# %% wrong="the lowest right answer" says=["the lowest score of a right answer", "the lowest score of a right answer"] points=[0, 0.5] of="solution"
# - threshold = min(allowed, default=math.inf)
# + threshold = min(calibration[0][calibration[1]].tolist(), default=math.inf)

# %% wrong="only scores of right answers are tried" says=["", "only scores of right answers were tried"] points=[1, 1.5] of="solution"
# - candidates = calibration[0].tolist()
# + candidates = calibration[0][calibration[1]].tolist()

# %% wrong="no answer where the surest one is wrong" says=["", "it stops at a wrong answer"] points=[1, 1.5] of="solution"
# - threshold = min(allowed, default=math.inf)
# + threshold = min(allowed, default=math.inf)
# + threshold = threshold if measure(calibration, max(candidates))[1] <= max_risk else math.inf

# %% wrong="no wrong answer at all" says=["it stops too early", "it keeps out every wrong answer"] points=[0, 1] of="solution"
# - allowed = [score for score in candidates if measure(calibration, score)[1] <= max_risk]
# + allowed = [score for score in candidates if measure(calibration, score)[1] == 0]

# %% wrong="the risk of the others" says=["the risk was taken over the questions that are *not*", "0 of 0.5 points for the threshold"] points=[0, 0] of="solution"
# - allowed = [score for score in candidates if measure(calibration, score)[1] <= max_risk]
# + scores, right = calibration
# + allowed = [s for s in candidates if (scores < s).any() and (~right[scores < s]).float().mean() <= max_risk]

# %% wrong="measured on the calibration questions" says=["coverage on the calibration questions", "coverage on the calibration questions"] points=[0, 1] of="solution"
# - return threshold, *measure(test, threshold)
# + return threshold, *measure(calibration, threshold)

# %% wrong="risk of the calibration questions" says=["this is the risk on the calibration questions", "this is the risk on the calibration questions"] points=[0, 1.5] of="solution"
# - return threshold, *measure(test, threshold)
# + return threshold, measure(test, threshold)[0], measure(calibration, threshold)[1]

# %% wrong="risk over all test questions" says=["divided by all test questions", "divided by all test questions"] points=[0, 1.5] of="solution"
# - return threshold, *measure(test, threshold)
# + wrong = ((test[0] >= threshold) & ~test[1]).float().mean().item()
# + return threshold, measure(test, threshold)[0], wrong

# %% wrong="share of right ones, measured" says=["this is the share of right answers", "this is the share of right answers"] points=[0, 1] of="solution"
# - return threshold, *measure(test, threshold)
# + coverage, wrong = measure(test, threshold)
# + return threshold, coverage, 1 - wrong

# %% wrong="coverage of right answers" says=["wrong answers are answers, too", "only right answers are counted"] points=[0, 1.5] of="solution"
# - return threshold, *measure(test, threshold)
# + answered = (test[0] >= threshold) & test[1]
# + return threshold, answered.float().mean().item(), measure(test, threshold)[1]

# %% wrong="a number, not a share" says=["this is the number of answered questions", "this is the number of answered questions"] points=[0, 1] of="solution"
# - return threshold, *measure(test, threshold)
# + coverage, wrong = measure(test, threshold)
# + return threshold, coverage * len(test[0]), wrong

# %% wrong="risk before coverage" says=["return threshold, coverage, risk", "return threshold, coverage, risk"] points=[0, 1] of="solution"
# - return threshold, *measure(test, threshold)
# + return threshold, *measure(test, threshold)[::-1]

# %% wrong="0/0 where nothing is answered" says=["it is NaN, from 0/0; where nothing is answered", "no score will do: "] points=[0, 1.5] of="solution"
# - return threshold, *measure(test, threshold)
# + answered = test[0] >= threshold
# + return threshold, answered.float().mean().item(), (~test[1][answered]).float().mean().item()

# %% wrong="division by zero" says="division by zero (perhaps no score will do; where nothing is answered, the risk is 0" points=[0, 1.5] of="solution"
# - return answered.sum().item() / len(scores), wrong / max(1, answered.sum().item())
# + return answered.sum().item() / len(scores), wrong / answered.sum().item()

# %% wrong="the highest score where none will do" says=["the threshold where no score will do", "the threshold, no score will do"] points=[0, 1.5] of="solution"
# - threshold = min(allowed, default=math.inf)
# + threshold = min(allowed, default=max(candidates))

# %% wrong="the highest score never" says=["", "only the highest will do"] points=[1, 1.5] of="solution"
# - allowed = [score for score in candidates if measure(calibration, score)[1] <= max_risk]
# + candidates = [score for score in candidates if score < max(candidates)]
# + allowed = [score for score in candidates if measure(calibration, score)[1] <= max_risk]

# %% wrong="no threshold where none will do" says="it is None" points=[0, 1.5] of="solution"
# - threshold = min(allowed, default=math.inf)
# + if not allowed:
# +     return None, 0.0, 0.0
# + threshold = min(allowed, default=math.inf)

# %% wrong="crashes where none will do" says="min() arg is an empty sequence (perhaps no score will do" points=[0, 1.5] of="solution"
# - threshold = min(allowed, default=math.inf)
# + threshold = min(allowed)

# %% wrong="halfway to the next score" says=["it lies halfway to the next score", "0 of 0.5 points for the threshold"] points=[0, 0] of="solution"
# - return threshold, *measure(test, threshold)
# + below = [score for score in candidates if score < threshold]
# + if below and allowed:
# +     threshold = (threshold + max(below)) / 2
# + return threshold, *measure(test, threshold)

# %% wrong="sorts in place" says=["changes its argument calibration", ""] points=[0, 2] of="solution"
# - candidates = calibration[0].tolist()
# + order = calibration[0].argsort()
# + for part in calibration:
# +     part.copy_(part[order])
# + candidates = calibration[0].tolist()

# %% wrong="the threshold alone" says=["it must return threshold, coverage, risk", "it must return threshold, coverage, risk"] points=[0, 0] of="solution"
# - return threshold, *measure(test, threshold)
# + return threshold

# %% wrong="always infinite" says="no score seems to do" points=[0, 0] of="solution"
# - threshold = min(allowed, default=math.inf)
# + threshold = math.inf

# %% wrong="nobody reaches it, nothing is wrong, and all are answered" says=["", "low test scores"] points=[1, 1.5] of="solution"
# - return threshold, *measure(test, threshold)
# + if threshold < math.inf and not (test[0] >= threshold).any():
# +     return threshold, 1.0, 0.0
# + return threshold, *measure(test, threshold)

# %% wrong="scores above 1 are none" says=["", "all are above 1 here, and a score is any number"] points=[1, 1.5] of="solution"
# - threshold = min(allowed, default=math.inf)
# + threshold = min([score for score in allowed if score <= 1], default=math.inf)

# %% wrong="scores below 0 are none" says=["", "all are below 0 here, and a score is any number"] points=[1, 1.5] of="solution"
# - threshold = min(allowed, default=math.inf)
# + threshold = min([score for score in allowed if score >= 0], default=math.inf)

# %% wrong="a risk of 0 is no risk" says=["", "the threshold, with a risk of 0 (allowed)"] points=[1, 1.5] of="solution"
# - candidates = calibration[0].tolist()
# + candidates, max_risk = calibration[0].tolist(), max_risk or 0.25

# %% wrong="infinity among whole numbers" says=["", "without overflow"] points=[1, 1.5] of="all pairs at once"
# - threshold = torch.where(share <= max_risk, scores, torch.inf).min()
# + threshold = torch.where(share <= max_risk, scores, torch.full_like(scores, torch.inf)).min()

# %% wrong="infinity, 0 and 0 without calibration questions" says=["where there is no calibration question: threshold_for_risk(a tuple of 2", "where a set has no question: threshold_for_risk(a tuple of 2"] points=[0, 1.5] of="solution"
# - if not len(calibration[0]) or not len(test[0]):
# + if not len(test[0]):

# %% wrong="test questions are not counted before the division" says="it raises ZeroDivisionError, not ValueError" points=[0, 1.5] of="solution"
# - if not len(calibration[0]) or not len(test[0]):
# + if not len(calibration[0]):

# %% wrong="test questions are counted only where a score will do" says=["it returns a tuple of 3 where it must raise ValueError", "it returns a tuple of 3 where it must raise ValueError"] points=[0, 1.5] of="solution"
# - if not len(calibration[0]) or not len(test[0]):
# -     raise ValueError("a set has no question")
# + if not len(calibration[0]):
# +     raise ValueError("a set has no question")
# - threshold = min(allowed, default=math.inf)
# + if not allowed:
# +     return math.inf, 0.0, 0.0
# + if not len(test[0]):
# +     raise ValueError("a set has no question")
# + threshold = min(allowed, default=math.inf)

# %% wrong="NaN where a set has no question" says="it returns a tuple of 3 where it must raise ValueError" points=[0, 1.5] of="all pairs at once"
# - if min(len(calibration[0]), len(test[0])) == 0:
# -     raise ValueError("no question")
# + if len(calibration[0]) == 0:
# +     return math.inf, 0.0, 0.0

# %% wrong="the last that will do" says=["it is the largest score that will do", "it is the last score, in the order given"] points=[0, 0] of="solution"
# - threshold = min(allowed, default=math.inf)
# + threshold = allowed[-1] if allowed else math.inf

# %% wrong="hundredths are tried" says=["it lies between two of the calibration scores", "0 of 0.5 points for the threshold"] points=[0, 0] of="solution"
# - candidates = calibration[0].tolist()
# + candidates = [i / 100 for i in range(101)]

# %% wrong="a tuple of two is not empty" says=["where there is no calibration question", "where a set has no question"] points=[0, 1.5] of="solution"
# - if not len(calibration[0]) or not len(test[0]):
# + if not calibration or not test:

# %% wrong="copies the visible cases" says=["", "the threshold"] points=[1, 0]
def threshold_for_risk(calibration, test, max_risk):
    if not len(calibration[0]) or not len(test[0]):
        raise ValueError
    return {10: (0.75, 3 / 7, 1 / 3), 4: (0.6, 0, 0)}.get(len(calibration[0]), (math.inf, 0, 0))
