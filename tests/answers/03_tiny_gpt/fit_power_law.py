# %% right="least squares by a matrix"
def fit_power_law(N, losses, larger, floor=0.0):
    x = torch.tensor(N, dtype=torch.float64).log()
    y = (torch.tensor(losses, dtype=torch.float64) - floor).log()

    def solve(rows):
        A = torch.stack([torch.ones_like(x[rows]), x[rows]], 1)
        return torch.linalg.lstsq(A, y[rows][:, None]).solution[:, 0]

    def at(solution):
        return float(floor + (solution[0] + solution[1] * math.log(larger)).exp())

    every = torch.arange(len(N))
    c = solve(every)
    others = [at(solve(every[every != i])) for i in range(len(N))]
    return {"a": float(c[0].exp()), "b": -float(c[1]), "prediction": at(c), "range": (min(others), max(others))}

# %% right="logarithms to base 10"
def fit_power_law(N, losses, larger, floor=0.0):
    def fit(skip):
        x = [math.log10(n) for i, n in enumerate(N) if i != skip]
        y = [math.log10(loss - floor) for i, loss in enumerate(losses) if i != skip]
        n, sx, sy = len(x), sum(x), sum(y)
        b = (n * sum(p * q for p, q in zip(x, y)) - sx * sy) / (n * sum(p * p for p in x) - sx**2)
        return 10 ** ((sy - b * sx) / n), -b

    predictions = []
    for skip in range(len(N)):
        a, b = fit(skip)
        predictions.append(a * larger**-b + floor)
    a, b = fit(None)
    return dict(a=a, b=b, prediction=a * larger**-b + floor, range=(min(predictions), max(predictions)))

# %% right="statistics.linear_regression"
def fit_power_law(N, losses, larger, floor=0.0):
    from statistics import linear_regression

    def fit(some):
        return linear_regression([math.log(n) for n, _ in some], [math.log(loss - floor) for _, loss in some])

    def say(line):
        return floor + math.exp(line.intercept) * larger**line.slope

    pairs = list(zip(N, losses))
    line = fit(pairs)
    without = sorted(say(fit([p for p in pairs if p is not left])) for left in pairs)
    return {"a": math.exp(line.intercept), "b": -line.slope, "prediction": say(line), "range": (without[0], without[-1])}

# %% right="in NumPy"
def fit_power_law(N, losses, larger, floor=0.0):
    import numpy as np

    x, y = np.log(N), np.log(np.array(losses) - floor)

    def predict(weights):
        slope, intercept = np.polyfit(x, y, 1, w=weights)
        return floor + np.exp(intercept + slope * np.log(larger)), intercept, slope

    without = [predict(1 - row)[0] for row in np.eye(len(N))]
    prediction, intercept, slope = predict(np.ones(len(N)))
    return {"a": np.exp(intercept), "b": -slope, "prediction": prediction, "range": (np.min(without), np.max(without))}

# %% right="in a thread pool"
def fit_power_law(N, losses, larger, floor=0.0):
    from concurrent.futures import ThreadPoolExecutor
    from functools import partial
    from statistics import covariance, mean, variance

    def fit(left_out):
        kept = [i for i in range(len(N)) if i != left_out]
        x, y = [math.log(N[i]) for i in kept], [math.log(losses[i] - floor) for i in kept]
        slope = covariance(x, y) / variance(x)
        return math.exp(mean(y) - slope * mean(x)), -slope

    def law(n, a, b):
        return floor + a * n**-b

    with ThreadPoolExecutor() as pool:
        (a, b), *others = pool.map(fit, [None, *range(len(N))])
        at_larger = partial(law, larger)
        predictions = sorted(pool.map(lambda pair: at_larger(*pair), others))
    return {"a": a, "b": b, "prediction": at_larger(a, b), "range": (predictions[0], predictions[-1])}

# %% wrong="no logarithms" says="the line is fitted without logarithms" points=[0, 0] of="solution"
# - points = [(math.log(n), math.log(loss - floor)) for n, loss in zip(N, losses, strict=True)]
# + points = [(n, loss - floor) for n, loss in zip(N, losses)]
# - return floor + math.exp(intercept + slope * math.log(larger))
# + return floor + intercept + slope * larger
# - "a": math.exp(intercept),
# + "a": intercept,

# %% wrong="logarithm of the loss only" says="only the loss is a logarithm" points=[0, 0] of="solution"
# - points = [(math.log(n), math.log(loss - floor)) for n, loss in zip(N, losses, strict=True)]
# + points = [(n, math.log(loss - floor)) for n, loss in zip(N, losses)]
# - return floor + math.exp(intercept + slope * math.log(larger))
# + return floor + math.exp(intercept + slope * larger)

# %% wrong="logarithm of N only" says="only N is a logarithm" points=[0, 0] of="solution"
# - points = [(math.log(n), math.log(loss - floor)) for n, loss in zip(N, losses, strict=True)]
# + points = [(math.log(n), loss - floor) for n, loss in zip(N, losses)]
# - return floor + math.exp(intercept + slope * math.log(larger))
# + return floor + intercept + slope * math.log(larger)
# - "a": math.exp(intercept),
# + "a": intercept,

# %% wrong="b negative" says="b has the wrong sign" points=[0, 1] of="solution"
# - "b": -slope,
# + "b": slope,

# %% wrong="a is ln a" says="a is the logarithm of a" points=[0, 1] of="solution"
# - "a": math.exp(intercept),
# + "a": intercept,

# %% wrong="log10 of N, ln of the loss" says="two kinds of logarithm are mixed" points=[0, 1] of="solution"
# - points = [(math.log(n), math.log(loss - floor)) for n, loss in zip(N, losses, strict=True)]
# + points = [(math.log10(n), math.log(loss - floor)) for n, loss in zip(N, losses)]
# - return floor + math.exp(intercept + slope * math.log(larger))
# + return floor + math.exp(intercept + slope * math.log10(larger))

# %% wrong="log10, then exp" says="logarithms and powers have different bases" points=[0, 0] of="solution"
# - points = [(math.log(n), math.log(loss - floor)) for n, loss in zip(N, losses, strict=True)]
# + points = [(math.log10(n), math.log10(loss - floor)) for n, loss in zip(N, losses)]
# - return floor + math.exp(intercept + slope * math.log(larger))
# + return floor + math.exp(intercept + slope * math.log10(larger))

# %% wrong="prediction in a straight line" says="in a straight line from the last two models" points=[0, 1.5] of="solution"
# - "prediction": predict(points),
# + "prediction": (lambda p, q: q[1] + (larger - q[0]) * (q[1] - p[1]) / (q[0] - p[0]))(*sorted(zip(N, losses))[-2:]),

# %% wrong="through the first and the last" says="through the first and the last model" points=[0, 0.5] of="solution"
# - mean_x, mean_y = (sum(values) / len(points) for values in zip(*points, strict=True))
# - up = sum((x - mean_x) * (y - mean_y) for x, y in points)
# - slope = up / sum((x - mean_x) ** 2 for x, _ in points)
# - return slope, mean_y - slope * mean_x
# + (x0, y0), (x1, y1) = points[0], points[-1]
# + slope = (y1 - y0) / (x1 - x0)
# + return slope, y0 - slope * x0

# %% wrong="through smallest and largest" says="through the smallest and the largest model" points=[0, 0.5] of="solution"
# - mean_x, mean_y = (sum(values) / len(points) for values in zip(*points, strict=True))
# - up = sum((x - mean_x) * (y - mean_y) for x, y in points)
# - slope = up / sum((x - mean_x) ** 2 for x, _ in points)
# - return slope, mean_y - slope * mean_x
# + (x0, y0), (x1, y1) = min(points), max(points)
# + slope = (y1 - y0) / (x1 - x0)
# + return slope, y0 - slope * x0

# %% wrong="N fitted by the loss" says="ln N is fitted by the loss" points=[0, 0.5] of="solution"
# - slope = up / sum((x - mean_x) ** 2 for x, _ in points)
# + slope = sum((y - mean_y) ** 2 for _, y in points) / up

# %% wrong="through the origin" says="the line goes through the origin" points=[0, 0] of="solution"
# - mean_x, mean_y = (sum(values) / len(points) for values in zip(*points, strict=True))
# - up = sum((x - mean_x) * (y - mean_y) for x, y in points)
# - slope = up / sum((x - mean_x) ** 2 for x, _ in points)
# - return slope, mean_y - slope * mean_x
# + return sum(p * q for p, q in points) / sum(p * p for p, _ in points), 0.0

# %% wrong="floor not subtracted" says="the floor is not subtracted" points=[0, 1] of="solution"
# - points = [(math.log(n), math.log(loss - floor)) for n, loss in zip(N, losses, strict=True)]
# + points = [(math.log(n), math.log(loss)) for n, loss in zip(N, losses)]
# - return floor + math.exp(intercept + slope * math.log(larger))
# + return math.exp(intercept + slope * math.log(larger))

# %% wrong="floor not subtracted, but added" says=["the floor is not subtracted", "the floor is added at the end, but"] points=[0, 1] of="solution"
# - points = [(math.log(n), math.log(loss - floor)) for n, loss in zip(N, losses, strict=True)]
# + points = [(math.log(n), math.log(loss)) for n, loss in zip(N, losses)]

# %% wrong="floor subtracted from the logarithm" says="the floor is subtracted from the logarithm" points=[0, 1] of="solution"
# - points = [(math.log(n), math.log(loss - floor)) for n, loss in zip(N, losses, strict=True)]
# + points = [(math.log(n), math.log(loss) - floor) for n, loss in zip(N, losses)]

# %% wrong="floor not added" says="the floor is missing in the prediction" points=[0, 1] of="solution"
# - return floor + math.exp(intercept + slope * math.log(larger))
# + return math.exp(intercept + slope * math.log(larger))

# %% wrong="range of the losses" says="it is the range of the losses" points=[0, 1.5] of="solution"
# - "range": (min(without), max(without)),
# + "range": (min(losses), max(losses)),

# %% wrong="leaves out the ends only" says="it leaves out the first or the last model only" points=[0, 1.5] of="solution"
# - without = [predict(points[:i] + points[i + 1 :]) for i in range(len(points))]
# + without = [predict(points[1:]), predict(points[:-1])]

# %% wrong="the greatest first" says="the least comes first" points=[0, 1.5] of="solution"
# - "range": (min(without), max(without)),
# + "range": (max(without), min(without)),

# %% wrong="all predictions" says=["range without a floor", "range"] points=[0, 1.5] of="solution"
# - "range": (min(without), max(without)),
# + "range": tuple(without),

# %% wrong="prediction for the largest given" says=["prediction without a floor", "prediction"] points=[0, 1] of="solution"
# - return floor + math.exp(intercept + slope * math.log(larger))
# + return floor + math.exp(intercept + slope * math.log(max(N)))

# %% wrong="subtracts the floor in the caller's list" says="changes its argument losses" points=[0, 2] of="solution"
# - points = [(math.log(n), math.log(loss - floor)) for n, loss in zip(N, losses, strict=True)]
# + for i in range(len(losses)):
# +     losses[i] -= floor
# + points = [(math.log(n), math.log(loss)) for n, loss in zip(N, losses)]

# %% wrong="a and b alone" says=["it is a tuple of 2", "must return a dictionary"] points=[0, 0] of="solution"
# - return {
# -     "a": math.exp(intercept),
# -     "b": -slope,
# -     "prediction": predict(points),
# -     "range": (min(without), max(without)),
# - }
# + return math.exp(intercept), -slope

# %% wrong="b never negative" says=["", "negative where it rises"] points=[1, 1.5] of="solution"
# - "b": -slope,
# + "b": abs(slope),

# %% wrong="sorted, each list for itself" says=["", "sorted each for itself"] points=[1, 0] of="solution"
# - points = [(math.log(n), math.log(loss - floor)) for n, loss in zip(N, losses, strict=True)]
# + points = [(math.log(n), math.log(loss - floor)) for n, loss in zip(sorted(N), sorted(losses, reverse=True))]

# %% wrong="whole numbers of parameters" says=["", "N in millions: it stops with ValueError"] points=[1, 1.5] of="solution"
# - points = [(math.log(n), math.log(loss - floor)) for n, loss in zip(N, losses, strict=True)]
# + points = [(math.log(int(n)), math.log(loss - floor)) for n, loss in zip(N, losses)]

# %% wrong="at least three points for a line" says=["", "three models are needed"] points=[1, 1.5] of="solution"
# - mean_x, mean_y = (sum(values) / len(points) for values in zip(*points, strict=True))
# + if len(points) < 3:
# +     raise ValueError("three models are needed")
# + mean_x, mean_y = (sum(values) / len(points) for values in zip(*points, strict=True))

# %% wrong="copies the visible cases" says=["", "a and b"] points=[1, 0]
def fit_power_law(N, losses, larger, floor=0.0):
    return {"a": 8.0, "b": 0.5, "prediction": floor + 1 / 32, "range": (floor + 2 ** (-25 / 3), floor + 2 ** (-10 / 3))}
