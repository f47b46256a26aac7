# %% right="in tensors"
def learning_rate(step, steps, peak, warmup, floor):
    rise = torch.arange(1, warmup + 1) / (warmup + 1) * peak
    p = torch.linspace(0, 1, steps - warmup)
    rates = torch.cat([rise, floor + (peak - floor) * (1 + torch.cos(math.pi * p)) / 2])
    return float(rates[min(step, steps - 1)])

# %% right="by cases"
def learning_rate(step, steps, peak, warmup, floor):
    if step >= steps:
        return floor
    if step <= warmup:
        return (step + 1) / (warmup + 1) * peak
    angle = math.pi * (step - warmup) / (steps - warmup - 1)
    return 0.5 * (peak + floor) + 0.5 * (peak - floor) * math.cos(angle)

# %% right="a squared cosine of half the angle"
def learning_rate(step, steps, peak, warmup, floor):
    if step < warmup:
        return sum(peak / (warmup + 1) for _ in range(step + 1))
    left = max(0, steps - 1 - step) / (steps - 1 - warmup)
    return floor + (peak - floor) * math.sin(math.pi / 2 * left) ** 2

# %% right="the end first"
def learning_rate(step, steps, peak, warmup, floor):
    if step >= steps:
        return floor
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    p = (step - warmup) / (steps - 1 - warmup)
    return floor + (peak - floor) * (1 + math.cos(math.pi * p)) / 2

# %% right="in NumPy"
def learning_rate(step, steps, peak, warmup, floor):
    import numpy as np

    if step < warmup:
        return np.interp(step, [-1, warmup], [0, peak])
    p = np.clip((step - warmup) / (steps - 1 - warmup), 0, 1)
    return np.float64(floor) + (peak - floor) * np.square(np.cos(np.pi * p / 2))

# %% right="from a generator"
def learning_rate(step, steps, peak, warmup, floor):
    from itertools import chain, islice, repeat

    def rise():
        yield from (peak * i / (warmup + 1) for i in range(1, warmup + 1))

    def fall():
        last = steps - 1 - warmup
        yield from (floor + (peak - floor) * (1 + math.cos(math.pi * i / last)) / 2 for i in range(last + 1))

    return next(islice(chain(rise(), fall(), repeat(floor)), step, None))

# %% wrong="step 0 has the rate 0" says="step 0 has the rate 0" points=[0, 0] of="solution"
# - return peak * (step + 1) / (warmup + 1)
# + return peak * step / warmup

# %% wrong="peak one step early" says="the peak is reached a step early" points=[0, 0] of="solution"
# - return peak * (step + 1) / (warmup + 1)
# + return peak * (step + 1) / warmup

# %% wrong="cosine counted from step 0" says="the cosine counts from step 0" points=[0, 0] of="solution"
# - p = min(1.0, (step - warmup) / (steps - 1 - warmup))
# + p = min(1.0, step / (steps - 1))

# %% wrong="never reaches the floor" says="the last step has not reached the floor" points=[0, 0] of="solution"
# - p = min(1.0, (step - warmup) / (steps - 1 - warmup))
# + p = min(1.0, (step - warmup) / (steps - warmup))

# %% wrong="linear" says="it falls in a straight line" points=[0, 0] of="solution"
# - return floor + (peak - floor) * (1 + math.cos(math.pi * p)) / 2
# + return floor + (peak - floor) * (1 - p)

# %% wrong="cosine begins a step late" says="the cosine begins a step late" points=[0, 0] of="solution"
# - p = min(1.0, (step - warmup) / (steps - 1 - warmup))
# + p = min(1.0, max(0.0, (step - warmup - 1) / max(1, steps - 2 - warmup)))

# %% wrong="falls to 0" says="it falls to 0" points=[0, 0] of="solution"
# - return floor + (peak - floor) * (1 + math.cos(math.pi * p)) / 2
# + return peak * (1 + math.cos(math.pi * p)) / 2

# %% wrong="floor added to all" says="floor is added to the whole curve" points=[0, 0] of="solution"
# - return floor + (peak - floor) * (1 + math.cos(math.pi * p)) / 2
# + return floor + peak * (1 + math.cos(math.pi * p)) / 2

# %% wrong="cut off at the floor" says="is cut off at the floor" points=[0, 0] of="solution"
# - return floor + (peak - floor) * (1 + math.cos(math.pi * p)) / 2
# + return max(floor, peak * (1 + math.cos(math.pi * p)) / 2)

# %% wrong="rises again" says="it rises again after the last step" points=[0, 0.5] of="solution"
# - p = min(1.0, (step - warmup) / (steps - 1 - warmup))
# + p = (step - warmup) / (steps - 1 - warmup)

# %% wrong="0 after the end" says="it is 0 after the last step" points=[0, 0.5] of="the end first"
# - return floor
# + return 0.0

# %% wrong="a quarter of a wave" says="a quarter of a wave" points=[0, 0] of="solution"
# - return floor + (peak - floor) * (1 + math.cos(math.pi * p)) / 2
# + return floor + (peak - floor) * math.cos(math.pi / 2 * p)

# %% wrong="rises after the warm-up" says="it rises after the warm-up" points=[0, 0] of="solution"
# - return floor + (peak - floor) * (1 + math.cos(math.pi * p)) / 2
# + return floor + (peak - floor) * (1 - math.cos(math.pi * p)) / 2

# %% wrong="warm-up from the floor" says="the warm-up starts at the floor" points=[0, 0] of="solution"
# - return peak * (step + 1) / (warmup + 1)
# + return floor + (peak - floor) * (step + 1) / (warmup + 1)

# %% wrong="no warm-up" says="there is no warm-up" points=[0, 0] of="solution"
# - if step < warmup:
# -     return peak * (step + 1) / (warmup + 1)
# - p = min(1.0, (step - warmup) / (steps - 1 - warmup))
# + p = min(1.0, max(0.0, (step - warmup) / (steps - 1 - warmup)))

# %% wrong="one rate for the whole warm-up" says="the whole warm-up has the same rate" points=[0, 0] of="solution"
# - return peak * (step + 1) / (warmup + 1)
# + return peak / (warmup + 1)

# %% wrong="both at once" says="warm-up and cosine multiply each other" points=[0, 0] of="solution"
# - if step < warmup:
# -     return peak * (step + 1) / (warmup + 1)
# - p = min(1.0, (step - warmup) / (steps - 1 - warmup))
# - return floor + (peak - floor) * (1 + math.cos(math.pi * p)) / 2
# + wave = (1 + math.cos(math.pi * min(1.0, step / (steps - 1)))) / 2
# + if step < warmup:
# +     return wave * peak * (step + 1) / (warmup + 1)
# + return floor + (peak - floor) * wave

# %% wrong="warm-up 0 is taken for 1" says=["with warmup=0 there is no step of warm-up", "learning_rate(step"] points=[0, 0.5] of="solution"
# - if step < warmup:
# -     return peak * (step + 1) / (warmup + 1)
# + warmup = max(1, warmup)
# + if step < warmup:
# +     return peak * (step + 1) / (warmup + 1) if warmup > 1 else peak

# %% wrong="divides by warmup before it looks" says=["division by zero", "it stops with ZeroDivisionError"] points=[0, 0.5] of="solution"
# - if step < warmup:
# -     return peak * (step + 1) / (warmup + 1)
# + slope = peak * (1 - 1 / (warmup + 1)) / warmup
# + if step < warmup:
# +     return slope * (step + 1)

# %% wrong="a guard too many: p never rises by more than half" says=["", "the edges: all steps of"] points=[1, 0.5] of="solution"
# - p = min(1.0, (step - warmup) / (steps - 1 - warmup))
# + p = min(1.0, (step - warmup) / max(2, steps - 1 - warmup))

# %% wrong="degrees" says=["at 4, it is 7.99", "at "] points=[0, 0] of="solution"
# - return floor + (peak - floor) * (1 + math.cos(math.pi * p)) / 2
# + return floor + (peak - floor) * (1 + math.cos(math.radians(p))) / 2

# %% wrong="warm-up a step late" says=["the warm-up is a step late", "at "] points=[0, 0] of="the end first"
# - return peak * (step + 1) / (warmup + 1)
# + return peak * step / (warmup + 1)

# %% wrong="one step after the end" says=["step `steps` is after the last one", "the edges"] points=[0, 0.5] of="the end first"
# - if step >= steps:
# + if step > steps:

# %% wrong="not halved" says=["goes from 2 to 0; divide it by 2", "at "] points=[0, 0] of="the end first"
# - return floor + (peak - floor) * (1 + math.cos(math.pi * p)) / 2
# + return floor + (peak - floor) * (1 + math.cos(math.pi * p))

# %% wrong="rises, then the floor" says=["it rises towards the last step", "all steps of"] points=[0, 0] of="the end first"
# - return floor + (peak - floor) * (1 + math.cos(math.pi * p)) / 2
# + return floor + (peak - floor) * (1 - math.cos(math.pi * p)) / 2

# %% wrong="rounded to 6 digits" says=["", "times 10,000: at "] points=[1, 0.5] of="solution"
# - return floor + (peak - floor) * (1 + math.cos(math.pi * p)) / 2
# + return round(floor + (peak - floor) * (1 + math.cos(math.pi * p)) / 2, 6)

# %% wrong="times the ratio of peak and floor" says=["", "it stops with ZeroDivisionError"] points=[1, 0.5] of="solution"
# - return floor + (peak - floor) * (1 + math.cos(math.pi * p)) / 2
# + return floor * (1 + (peak / floor - 1) * (1 + math.cos(math.pi * p)) / 2)

# %% wrong="from the step before" says=["", "it stops with RecursionError"] points=[1, 0.5] of="solution"
# - return peak * (step + 1) / (warmup + 1)
# + before = learning_rate(step - 1, steps, peak, warmup, floor) if step else 0.0
# + return before + peak / (warmup + 1)

# %% wrong="copies the visible cases" says=["", "all steps of learning_rate"] points=[1, 0]
def learning_rate(step, steps, peak, warmup, floor):
    fall = [8.0, 5 + 3 * 0.5**0.5, 5.0, 5 - 3 * 0.5**0.5, 2.0, 2.0, 2.0]
    return ([2.0, 4.0, 6.0] + fall if warmup else fall)[step % 10]
