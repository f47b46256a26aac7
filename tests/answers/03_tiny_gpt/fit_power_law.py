# %% right="least squares by a matrix"
def fit_power_law(N, losses, larger, floor=0.0):
    x = torch.tensor(N, dtype=torch.float64).log()
    y = (torch.tensor(losses, dtype=torch.float64) - floor).log()
    A = torch.stack([torch.ones_like(x), x], 1)
    intercept, slope = torch.linalg.lstsq(A, y[:, None]).solution[:, 0].tolist()
    return math.exp(intercept), -slope, floor + math.exp(intercept + slope * math.log(larger))

# %% right="logarithms to base 10"
def fit_power_law(N, losses, larger, floor=0.0):
    x, y = [math.log10(n) for n in N], [math.log10(loss - floor) for loss in losses]
    n, sx, sy = len(x), sum(x), sum(y)
    slope = (n * sum(p * q for p, q in zip(x, y)) - sx * sy) / (n * sum(p * p for p in x) - sx**2)
    a = 10 ** ((sy - slope * sx) / n)
    return [a, -slope, a * larger**slope + floor]

# %% right="statistics.linear_regression"
def fit_power_law(N, losses, larger, floor=0.0):
    from statistics import linear_regression

    line = linear_regression([math.log(n) for n in N], [math.log(loss - floor) for loss in losses])
    a, b = math.exp(line.intercept), -line.slope
    return a, b, floor + a / larger**b

# %% right="in NumPy"
def fit_power_law(N, losses, larger, floor=0.0):
    import numpy as np

    slope, intercept = np.polyfit(np.log(N), np.log(np.array(losses) - floor), 1)
    return np.exp(intercept), -slope, floor + np.exp(intercept + slope * np.log(larger))

# %% wrong="no logarithms" says="the line is fitted without logarithms" points=[0, 0] of="solution"
# - x = [math.log(n) for n in N]
# - y = [math.log(loss - floor) for loss in losses]
# + x = N
# + y = [loss - floor for loss in losses]
# - a, b = math.exp(mean_y - slope * mean_x), -slope
# - return a, b, floor + a * larger**-b
# + a, b = mean_y - slope * mean_x, -slope
# + return a, b, floor + a - b * larger

# %% wrong="logarithm of the loss only" says="only the loss is a logarithm" points=[0, 0] of="solution"
# - x = [math.log(n) for n in N]
# + x = N
# - return a, b, floor + a * larger**-b
# + return a, b, floor + a * math.exp(-b * larger)

# %% wrong="logarithm of N only" says="only N is a logarithm" points=[0, 0] of="solution"
# - y = [math.log(loss - floor) for loss in losses]
# + y = [loss - floor for loss in losses]
# - a, b = math.exp(mean_y - slope * mean_x), -slope
# - return a, b, floor + a * larger**-b
# + a, b = mean_y - slope * mean_x, -slope
# + return a, b, floor + a - b * math.log(larger)

# %% wrong="b is the slope" says="b has the wrong sign" points=[0, 0] of="solution"
# - return a, b, floor + a * larger**-b
# + return a, -b, floor + a * larger**-b

# %% wrong="b never negative" says=["b has the wrong sign", "b has the wrong sign"] points=[0, 1.5] of="solution"
# - return a, b, floor + a * larger**-b
# + return a, abs(b), floor + a * larger**-b

# %% wrong="a falling law in any case" says=["a, b, prediction", "a, b, prediction"] points=[0, 1.5] of="solution"
# - a, b = math.exp(mean_y - slope * mean_x), -slope
# + a, b = math.exp(mean_y - slope * mean_x), abs(slope)

# %% wrong="a is ln a" says="a is the logarithm of a" points=[0, 0] of="solution"
# - return a, b, floor + a * larger**-b
# + return math.log(a), b, floor + a * larger**-b

# %% wrong="log10 of N, ln of the loss" says="two kinds of logarithm are mixed" points=[0, 0] of="solution"
# - x = [math.log(n) for n in N]
# + x = [math.log10(n) for n in N]
# - return a, b, floor + a * larger**-b
# + return a, b, floor + a * math.exp(-b * math.log10(larger))

# %% wrong="log10, then exp" says="logarithms and powers have different bases" points=[0, 0] of="solution"
# - x = [math.log(n) for n in N]
# - y = [math.log(loss - floor) for loss in losses]
# + x = [math.log10(n) for n in N]
# + y = [math.log10(loss - floor) for loss in losses]
# - return a, b, floor + a * larger**-b
# + return a, b, floor + a * math.exp(-b * math.log10(larger))

# %% wrong="prediction in a straight line" says=["in a straight line from the last two models", "in a straight line from the last two models"] points=[0, 0] of="solution"
# - return a, b, floor + a * larger**-b
# + (n0, l0), (n1, l1) = sorted(zip(N, losses))[-2:]
# + return a, b, l1 + (larger - n1) * (l1 - l0) / (n1 - n0)

# %% wrong="prediction for the largest given" says="it predicts for the largest model given" points=[0, 0] of="solution"
# - return a, b, floor + a * larger**-b
# + return a, b, floor + a * max(N) ** -b

# %% wrong="through the first and the last" says="through the first and the last model" points=[0, 0.5] of="solution"
# - mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
# + mean_x, mean_y = x[0], y[0]
# - slope = up / sum((one - mean_x) ** 2 for one in x)
# + slope = (y[-1] - y[0]) / (x[-1] - x[0])

# %% wrong="through smallest and largest" says="through the smallest and the largest model" points=[0, 0.5] of="solution"
# - mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
# + (mean_x, mean_y), (x1, y1) = min(zip(x, y)), max(zip(x, y))
# - slope = up / sum((one - mean_x) ** 2 for one in x)
# + slope = (y1 - mean_y) / (x1 - mean_x)

# %% wrong="the slope from smallest to largest, through the means" says=["every model counts", "a, b, prediction"] points=[0, 0.5] of="solution"
# - slope = up / sum((one - mean_x) ** 2 for one in x)
# + (x0, y0), (x1, y1) = min(zip(x, y)), max(zip(x, y))
# + slope = (y1 - y0) / (x1 - x0)

# %% wrong="the slope from first to last, through the means" says=["every model counts", "a, b, prediction"] points=[0, 0.5] of="solution"
# - slope = up / sum((one - mean_x) ** 2 for one in x)
# + slope = (y[-1] - y[0]) / (x[-1] - x[0])

# %% wrong="N fitted by the loss" says=["ln N is fitted by the loss", "ln N is fitted by the loss"] points=[0, 0.5] of="solution"
# - slope = up / sum((one - mean_x) ** 2 for one in x)
# + slope = sum((other - mean_y) ** 2 for other in y) / up

# %% wrong="through the origin" says="the line goes through the origin" points=[0, 0] of="solution"
# - mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
# + mean_x = mean_y = 0.0

# %% wrong="floor not used" says="the floor is not used" points=[0, 0.5] of="solution"
# - y = [math.log(loss - floor) for loss in losses]
# + y = [math.log(loss) for loss in losses]
# - return a, b, floor + a * larger**-b
# + return a, b, a * larger**-b

# %% wrong="floor not subtracted, but added" says="the floor is added at the end, but" points=[0, 0.5] of="solution"
# - y = [math.log(loss - floor) for loss in losses]
# + y = [math.log(loss) for loss in losses]

# %% wrong="floor subtracted from the logarithm" says="the floor is subtracted from the logarithm" points=[0, 0.5] of="solution"
# - y = [math.log(loss - floor) for loss in losses]
# + y = [math.log(loss) - floor for loss in losses]

# %% wrong="floor not added" says="the floor is missing in the prediction" points=[0, 0.5] of="solution"
# - return a, b, floor + a * larger**-b
# + return a, b, a * larger**-b

# %% wrong="subtracts the floor in the caller's list" says="changes its argument losses" points=[0, 2] of="solution"
# - y = [math.log(loss - floor) for loss in losses]
# + for i in range(len(losses)):
# +     losses[i] -= floor
# + y = [math.log(loss) for loss in losses]

# %% wrong="a and b alone" says="it must return a, b, prediction" points=[0, 0] of="solution"
# - return a, b, floor + a * larger**-b
# + return a, b

# %% wrong="a dictionary" says="it must return a, b, prediction" points=[0, 0] of="solution"
# - return a, b, floor + a * larger**-b
# + return {"a": a, "b": b, "prediction": floor + a * larger**-b}

# %% wrong="sorted, each list for itself" says="sorted each for itself" points=[0, 0.5] of="solution"
# - y = [math.log(loss - floor) for loss in losses]
# + N, losses = sorted(N), sorted(losses, reverse=True)
# + x = [math.log(n) for n in N]
# + y = [math.log(loss - floor) for loss in losses]

# %% wrong="whole numbers of parameters" says=["", "N in millions: it stops with"] points=[1, 1.5] of="solution"
# - x = [math.log(n) for n in N]
# + x = [math.log(int(n)) for n in N]

# %% wrong="at least three models" says=["", "three models are needed"] points=[1, 1.5] of="solution"
# - mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
# + if len(N) < 3:
# +     raise ValueError("three models are needed")
# + mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)

# %% wrong="the last model is left out" says=["a, b, prediction", "a, b, prediction"] points=[0, 0.5] of="solution"
# - x = [math.log(n) for n in N]
# - y = [math.log(loss - floor) for loss in losses]
# + x = [math.log(n) for n in N[:-1]]
# + y = [math.log(loss - floor) for loss in losses[:-1]]

# %% wrong="copies the visible cases" says=["", "a, b, prediction"] points=[1, 0]
def fit_power_law(N, losses, larger, floor=0.0):
    return (8.0, 0.5, floor + 1 / 32) if losses[0] > losses[1] else (1 / 8, -0.5, 32.0)
