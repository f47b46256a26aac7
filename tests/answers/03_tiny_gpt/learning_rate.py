# %% right="in tensors"
def learning_rate(step, steps, peak, warmup, cooldown, floor, shape):
    rates = torch.full((steps + 1,), float(peak), dtype=torch.float64)
    rates[:warmup] *= torch.arange(1, warmup + 1) / max(1, warmup)
    for i in range(cooldown) if step >= steps - cooldown else ():
        rates[steps - cooldown + i] = floor + (peak - floor) * shape(i / cooldown)
    rates[steps] = floor
    return float(rates[min(step, steps)])

# %% right="by cases"
def learning_rate(step, steps, peak, warmup, cooldown, floor, shape):
    if step < warmup:
        rate = (step + 1) / warmup * peak
    elif step < steps - cooldown:
        rate = peak
    elif step < steps:
        left = shape(1 - (steps - step) / cooldown)
        rate = peak * left + floor * (1 - left)
    else:
        rate = floor
    return rate

# %% right="one formula for all but the warm-up"
def learning_rate(step, steps, peak, warmup, cooldown, floor, shape):
    if step < warmup:
        return peak * (step + 1) / warmup
    p = (step - (steps - cooldown)) / cooldown if cooldown else float(step >= steps)
    return floor + (peak - floor) * shape(min(1.0, max(0.0, p)))

# %% right="in NumPy"
def learning_rate(step, steps, peak, warmup, cooldown, floor, shape):
    import numpy as np

    if step < warmup:
        return np.interp(step, [-1, warmup - 1], [0, peak])
    p = np.clip(np.float64(step - steps + cooldown) / cooldown, 0, 1) if cooldown else np.float64(step >= steps)
    return floor + np.float64(peak - floor) * shape(p)

# %% right="from a generator"
def learning_rate(step, steps, peak, warmup, cooldown, floor, shape):
    from itertools import chain, islice, repeat

    rise = (peak * i / warmup for i in range(1, warmup + 1))
    fall = (floor + (peak - floor) * shape(i / cooldown) for i in range(cooldown))
    flat = repeat(peak, steps - warmup - cooldown)
    return next(islice(chain(rise, flat, fall, repeat(floor)), step, None))

# %% wrong="step 0 has the rate 0" says="step 0 has the rate 0" points=[0, 0] of="solution"
# - return peak * (step + 1) / warmup
# + return peak * step / warmup

# %% wrong="the peak a step late" says="step `warmup` - 1 must have the peak" points=[0, 0] of="solution"
# - return peak * (step + 1) / warmup
# + return peak * (step + 1) / (warmup + 1)

# %% wrong="warm-up from the floor" says="the warm-up starts at the floor" points=[0, 0] of="solution"
# - return peak * (step + 1) / warmup
# + return floor + (peak - floor) * (step + 1) / warmup

# %% wrong="no warm-up" says="there is no warm-up" points=[0, 0] of="solution"
# - return peak * (step + 1) / warmup
# + return peak

# %% wrong="one rate for the whole warm-up" says="the whole warm-up has the same rate" points=[0, 0] of="solution"
# - return peak * (step + 1) / warmup
# + return peak / warmup

# %% wrong="no plateau" says="there is no plateau" points=[0, 0] of="solution"
# - done = step - (steps - cooldown)
# + done, cooldown = step - warmup, steps - warmup

# %% wrong="the cooldown right after the warm-up" says="begins right after the warm-up" points=[0, 0] of="solution"
# - done = step - (steps - cooldown)
# + done = min(cooldown, step - warmup)

# %% wrong="p a step ahead" says="here it is a step ahead" points=[0, 0] of="solution"
# - done = step - (steps - cooldown)
# + done = step + 1 - (steps - cooldown)

# %% wrong="the last step has the floor" says="divide by cooldown, not by cooldown - 1" points=[0, 0] of="solution"
# - return floor + (peak - floor) * shape(done / cooldown)
# + return floor + (peak - floor) * shape(done / max(1, cooldown - 1))

# %% wrong="the share of the run" says=["not of the run", "not of the run"] points=[0, 0] of="one formula for all but the warm-up"
# - p = (step - (steps - cooldown)) / cooldown if cooldown else float(step >= steps)
# + p = step / steps if step >= steps - cooldown else 0.0

# %% wrong="steps, not shares" says="shape gets" points=[0, 0] of="solution"
# - return floor + (peak - floor) * shape(done / cooldown)
# + return floor + (peak - floor) * shape(done)

# %% wrong="a straight line, whatever the shape" says="`shape` has no effect" points=[0, 0] of="solution"
# - return floor + (peak - floor) * shape(done / cooldown)
# + return floor + (peak - floor) * (1 - done / cooldown)

# %% wrong="the lesson's schedule" says=["it falls to 0", "all steps of a run"] points=[0, 0] of="solution"
# - if step >= steps:
# -     return floor
# - if step < warmup:
# -     return peak * (step + 1) / warmup
# - done = step - (steps - cooldown)
# - if done <= 0:
# -     return peak
# - return floor + (peak - floor) * shape(done / cooldown)
# + share = min(1, (step + 1) / max(1, warmup), max(0, steps - step) / max(1, cooldown))
# + return peak * share

# %% wrong="what is done, not what is left" says="it rises in the cooldown" points=[0, 0] of="solution"
# - if done <= 0:
# -     return peak
# - return floor + (peak - floor) * shape(done / cooldown)
# + if done < 0 or cooldown == 0:
# +     return peak
# + return floor + (peak - floor) * (1 - shape(done / cooldown))

# %% wrong="falls to 0" says="it falls to 0" points=[0, 0] of="one formula for all but the warm-up"
# - return floor + (peak - floor) * shape(min(1.0, max(0.0, p)))
# + return peak * shape(min(1.0, max(0.0, p)))

# %% wrong="floor added to all" says="the floor is added to the whole fall" points=[0, 0] of="solution"
# - if done <= 0:
# -     return peak
# - return floor + (peak - floor) * shape(done / cooldown)
# + if done < 0 or cooldown == 0:
# +     return peak
# + return floor + peak * shape(done / cooldown)

# %% wrong="cut off at the floor" says="is cut off at the floor" points=[0, 0] of="solution"
# - return floor + (peak - floor) * shape(done / cooldown)
# + return max(floor, peak * shape(done / cooldown))

# %% wrong="0 after the end" says="it is 0 after the last step" points=[0, 0] of="solution"
# - if step >= steps:
# -     return floor
# + if step >= steps:
# +     return 0.0

# %% wrong="the peak after the end" says="it is the peak after the last step" points=[0, 0] of="solution"
# - if step >= steps:
# -     return floor
# + if step >= steps:
# +     return peak

# %% wrong="the last rate is kept" says="after the last step it keeps its rate" points=[0, 0] of="solution"
# - if step >= steps:
# -     return floor
# + step = min(step, steps - 1)

# %% wrong="on beyond the end" says="shape gets" points=[0, 0] of="solution"
# - if step >= steps:
# -     return floor

# %% wrong="divides by warmup before it looks" says=["division by zero", "it stops with ZeroDivisionError"] points=[0, 0.5] of="solution"
# - if step < warmup:
# -     return peak * (step + 1) / warmup
# + rise = peak / warmup
# + if step < warmup:
# +     return rise * (step + 1)

# %% wrong="divides by cooldown before it looks" says=["", "it stops with ZeroDivisionError"] points=[1, 0.5] of="solution"
# - done = step - (steps - cooldown)
# - if done <= 0:
# -     return peak
# - return floor + (peak - floor) * shape(done / cooldown)
# + p = (step - (steps - cooldown)) / cooldown
# + return floor + (peak - floor) * shape(max(0.0, p))

# %% wrong="a plateau of one step at least" says=["", "the edges: steps"] points=[1, 0.5] of="solution"
# - done = step - (steps - cooldown)
# + cooldown = min(cooldown, steps - warmup - 1)
# + done = step - (steps - cooldown)

# %% wrong="rounded to 6 digits" says=["", "times 10,000: at "] points=[1, 0.5] of="solution"
# - return peak * (step + 1) / warmup
# + return round(peak * (step + 1) / warmup, 6)

# %% wrong="times the ratio of peak and floor" says=["", "it stops with ZeroDivisionError"] points=[1, 0.5] of="solution"
# - return floor + (peak - floor) * shape(done / cooldown)
# + return floor * (1 + (peak / floor - 1) * shape(done / cooldown))

# %% wrong="from the step before" says=["", "it stops with RecursionError"] points=[1, 0.5] of="solution"
# - return peak * (step + 1) / warmup
# + before = learning_rate(step - 1, steps, peak, warmup, cooldown, floor, shape) if step else 0.0
# + return before + peak / warmup

# %% wrong="copies the visible cases" says=["", "all steps of a run"] points=[1, 0]
def learning_rate(step, steps, peak, warmup, cooldown, floor, shape):
    rates = [3.0, 6.0, 9.0, 9.0, 9.0, 9.0, 9.0, 7.0, 5.0, 3.0] if warmup else [9.0, 9.0, 9.0, 9.0, 7.0, 3.0]
    return (rates + [1.0] * 99)[min(step, 90)]
