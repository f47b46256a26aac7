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


# %% wrong="step 0 has the rate 0" says="step 0 has the rate 0" points=[0, 0]
def learning_rate(step, steps, peak, warmup, floor):
    if step < warmup:
        return peak * step / warmup
    p = min(1.0, (step - warmup) / (steps - 1 - warmup))
    wave = (1 + math.cos(math.pi * p)) / 2
    return floor + (peak - floor) * wave


# %% wrong="peak one step early" says="the peak is reached a step early" points=[0, 0]
def learning_rate(step, steps, peak, warmup, floor):
    if step < warmup:
        return peak * (step + 1) / warmup
    p = min(1.0, (step - warmup) / (steps - 1 - warmup))
    wave = (1 + math.cos(math.pi * p)) / 2
    return floor + (peak - floor) * wave


# %% wrong="cosine counted from step 0" says="the cosine counts from step 0" points=[0, 0]
def learning_rate(step, steps, peak, warmup, floor):
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    p = min(1.0, step / (steps - 1))
    wave = (1 + math.cos(math.pi * p)) / 2
    return floor + (peak - floor) * wave


# %% wrong="never reaches the floor" says="the last step has not reached the floor" points=[0, 0]
def learning_rate(step, steps, peak, warmup, floor):
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    p = min(1.0, (step - warmup) / (steps - warmup))
    wave = (1 + math.cos(math.pi * p)) / 2
    return floor + (peak - floor) * wave


# %% wrong="linear" says="it falls in a straight line" points=[0, 0]
def learning_rate(step, steps, peak, warmup, floor):
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    p = min(1.0, (step - warmup) / (steps - 1 - warmup))
    wave = 1 - p
    return floor + (peak - floor) * wave


# %% wrong="cosine begins a step late" says="the cosine begins a step late" points=[0, 0]
def learning_rate(step, steps, peak, warmup, floor):
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    p = min(1.0, max(0.0, (step - warmup - 1) / max(1, steps - 2 - warmup)))
    wave = (1 + math.cos(math.pi * p)) / 2
    return floor + (peak - floor) * wave


# %% wrong="falls to 0" says="it falls to 0" points=[0, 0]
def learning_rate(step, steps, peak, warmup, floor):
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    p = min(1.0, (step - warmup) / (steps - 1 - warmup))
    wave = (1 + math.cos(math.pi * p)) / 2
    return peak * wave


# %% wrong="floor added to all" says="floor is added to the whole curve" points=[0, 0]
def learning_rate(step, steps, peak, warmup, floor):
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    p = min(1.0, (step - warmup) / (steps - 1 - warmup))
    wave = (1 + math.cos(math.pi * p)) / 2
    return floor + peak * wave


# %% wrong="cut off at the floor" says="is cut off at the floor" points=[0, 0]
def learning_rate(step, steps, peak, warmup, floor):
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    p = min(1.0, (step - warmup) / (steps - 1 - warmup))
    wave = (1 + math.cos(math.pi * p)) / 2
    return max(floor, peak * wave)


# %% wrong="rises again" says="it rises again after the last step" points=[0, 0.5]
def learning_rate(step, steps, peak, warmup, floor):
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    p = (step - warmup) / (steps - 1 - warmup)
    wave = (1 + math.cos(math.pi * p)) / 2
    return floor + (peak - floor) * wave


# %% wrong="0 after the end" says="it is 0 after the last step" points=[0, 0.5]
def learning_rate(step, steps, peak, warmup, floor):
    if step >= steps:
        return 0.0
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    p = min(1.0, (step - warmup) / (steps - 1 - warmup))
    wave = (1 + math.cos(math.pi * p)) / 2
    return floor + (peak - floor) * wave


# %% wrong="a quarter of a wave" says="a quarter of a wave" points=[0, 0]
def learning_rate(step, steps, peak, warmup, floor):
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    p = min(1.0, (step - warmup) / (steps - 1 - warmup))
    wave = math.cos(math.pi / 2 * p)
    return floor + (peak - floor) * wave


# %% wrong="rises after the warm-up" says="it rises after the warm-up" points=[0, 0]
def learning_rate(step, steps, peak, warmup, floor):
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    p = min(1.0, (step - warmup) / (steps - 1 - warmup))
    wave = (1 - math.cos(math.pi * p)) / 2
    return floor + (peak - floor) * wave


# %% wrong="warm-up from the floor" says="the warm-up starts at the floor" points=[0, 0]
def learning_rate(step, steps, peak, warmup, floor):
    if step < warmup:
        return floor + (peak - floor) * (step + 1) / (warmup + 1)
    p = min(1.0, (step - warmup) / (steps - 1 - warmup))
    wave = (1 + math.cos(math.pi * p)) / 2
    return floor + (peak - floor) * wave


# %% wrong="no warm-up" says="there is no warm-up" points=[0, 0]
def learning_rate(step, steps, peak, warmup, floor):
    p = min(1.0, max(0.0, (step - warmup) / (steps - 1 - warmup)))
    wave = (1 + math.cos(math.pi * p)) / 2
    return floor + (peak - floor) * wave


# %% wrong="one rate for the whole warm-up" says="the whole warm-up has the same rate" points=[0, 0]
def learning_rate(step, steps, peak, warmup, floor):
    if step < warmup:
        return peak / (warmup + 1)
    p = min(1.0, (step - warmup) / (steps - 1 - warmup))
    wave = (1 + math.cos(math.pi * p)) / 2
    return floor + (peak - floor) * wave


# %% wrong="both at once" says="warm-up and cosine multiply each other" points=[0, 0]
def learning_rate(step, steps, peak, warmup, floor):
    p = min(1.0, step / (steps - 1))
    wave = (1 + math.cos(math.pi * p)) / 2
    return (floor + (peak - floor) * wave) if step >= warmup else peak * wave * (step + 1) / (warmup + 1)


# %% wrong="warm-up 0 is taken for 1" says=["with warmup=0 there is no step of warm-up", "learning_rate(step"] points=[0, 0.5]
def learning_rate(step, steps, peak, warmup, floor):
    warmup = max(1, warmup)
    if step < warmup:
        return peak * (step + 1) / (warmup + 1) if warmup > 1 else peak
    p = min(1.0, (step - warmup) / (steps - 1 - warmup))
    wave = (1 + math.cos(math.pi * p)) / 2
    return floor + (peak - floor) * wave


# %% wrong="divides by warmup before it looks" says=["division by zero", "it stops with ZeroDivisionError"] points=[0, 0.5]
def learning_rate(step, steps, peak, warmup, floor):
    slope = peak * (1 - 1 / (warmup + 1)) / warmup
    if step < warmup:
        return slope * (step + 1)
    p = min(1.0, (step - warmup) / (steps - 1 - warmup))
    return floor + (peak - floor) * (1 + math.cos(math.pi * p)) / 2


# %% wrong="a guard too many: p never rises by more than half" says=["", "the edges: all steps of"] points=[1, 0.5]
def learning_rate(step, steps, peak, warmup, floor):
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    p = min(1.0, (step - warmup) / max(2, steps - 1 - warmup))
    return floor + (peak - floor) * (1 + math.cos(math.pi * p)) / 2


# %% wrong="degrees" says=["at 4, it is 7.99", "at "] points=[0, 0]
def learning_rate(step, steps, peak, warmup, floor):
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    p = min(1.0, (step - warmup) / (steps - 1 - warmup))
    return floor + (peak - floor) * (1 + math.cos(math.radians(p))) / 2


# %% wrong="warm-up a step late" says=["the warm-up is a step late", "at "] points=[0, 0]
def learning_rate(step, steps, peak, warmup, floor):
    if step >= steps:
        return floor
    if step < warmup:
        return peak * step / (warmup + 1)
    p = (step - warmup) / (steps - 1 - warmup)
    return floor + (peak - floor) * (1 + math.cos(math.pi * p)) / 2


# %% wrong="one step after the end" says=["step `steps` is after the last one", "the edges"] points=[0, 0.5]
def learning_rate(step, steps, peak, warmup, floor):
    if step > steps:
        return floor
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    p = (step - warmup) / (steps - 1 - warmup)
    return floor + (peak - floor) * (1 + math.cos(math.pi * p)) / 2


# %% wrong="not halved" says=["goes from 2 to 0; divide it by 2", "at "] points=[0, 0]
def learning_rate(step, steps, peak, warmup, floor):
    if step >= steps:
        return floor
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    p = (step - warmup) / (steps - 1 - warmup)
    return floor + (peak - floor) * (1 + math.cos(math.pi * p))


# %% wrong="rises, then the floor" says=["it rises towards the last step", "all steps of"] points=[0, 0]
def learning_rate(step, steps, peak, warmup, floor):
    if step >= steps:
        return floor
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    p = (step - warmup) / (steps - 1 - warmup)
    return floor + (peak - floor) * (1 - math.cos(math.pi * p)) / 2


# %% wrong="copies the visible cases" says=["", "all steps of learning_rate"] points=[1, 0]
def learning_rate(step, steps, peak, warmup, floor):
    fall = [8.0, 5 + 3 * 0.5**0.5, 5.0, 5 - 3 * 0.5**0.5, 2.0, 2.0, 2.0]
    return ([2.0, 4.0, 6.0] + fall if warmup else fall)[step % 10]
