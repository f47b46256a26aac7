# %% right="rotate_half, as in transformers"
def rope(x, positions, base=10000.0):
    d = x.shape[-1]
    frequencies = 1.0 / (base ** (torch.arange(0, d, 2).float() / d))
    angles = torch.outer(positions.float(), frequencies)
    angles = torch.cat([angles, angles], dim=-1)
    rotated = torch.cat([-x[..., d // 2 :], x[..., : d // 2]], dim=-1)
    return x * angles.cos() + rotated * angles.sin()

# %% right="loops"
def rope(x, positions, base=10000.0):
    out, half = x.clone(), x.shape[-1] // 2
    for t, p in enumerate(positions.tolist()):
        for j in range(half):
            angle = p * base ** (-2 * j / x.shape[-1])
            a, b = x[..., t, j], x[..., t, j + half]
            out[..., t, j] = a * math.cos(angle) - b * math.sin(angle)
            out[..., t, j + half] = b * math.cos(angle) + a * math.sin(angle)
    return out

# %% right="complex numbers"
def rope(x, positions, base=10000.0):
    a, b = x.chunk(2, dim=-1)
    theta = torch.exp(-math.log(base) * torch.arange(a.shape[-1]) / a.shape[-1])
    turn = torch.polar(torch.ones(len(positions), a.shape[-1]), positions[:, None] * theta)
    z = torch.complex(a, b) * turn
    return torch.cat([z.real, z.imag], dim=-1)

# %% right="rotation matrices, in float64"
def rope(x, positions, base=10000.0):
    d = x.shape[-1]
    angle = positions.double()[:, None] * base ** (-2.0 * torch.arange(d // 2).double() / d)
    cos, sin = torch.diag_embed(angle.cos()), torch.diag_embed(angle.sin())
    matrix = torch.cat([torch.cat([cos, -sin], -1), torch.cat([sin, cos], -1)], -2)
    return (matrix @ x.double()[..., None])[..., 0]

# %% right="NumPy"
import numpy as np

def rope(x, positions, base=10000.0):
    a = x.numpy()
    half = a.shape[-1] // 2
    angle = np.multiply.outer(positions.numpy().astype(float), np.power(float(base), -np.arange(half) / half))
    z = (a[..., :half] + 1j * a[..., half:]) * np.exp(1j * angle)
    return torch.from_numpy(np.concatenate([z.real, z.imag], -1))

# %% right="a row of angles for each position that occurs"
import numpy as np

def rope(x, positions, base=10000.0):
    half = x.shape[-1] // 2

    def row(p):
        return torch.tensor([p * base ** (-j / half) for j in range(half)])

    rows = {p: row(p) for p in np.unique(positions.numpy())}
    angle = torch.stack([rows[p] for p in positions.tolist()])

    def turn(one, other, sign):
        return one * angle.cos() + sign * other * angle.sin()

    a, b = x.split(half, -1)
    return torch.cat([turn(a, b, -1), turn(b, a, 1)], -1)

# %% wrong="pairs neighbours" says="neighbours are paired" points=[0, 0]
def rope(x, positions, base=10000.0):
    angle = positions[:, None] * base ** (-torch.arange(0, x.shape[-1], 2) / x.shape[-1])
    a, b = x[..., 0::2], x[..., 1::2]
    pair = [a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()]
    return torch.stack(pair, dim=-1).flatten(-2)

# %% wrong="reads neighbours, writes halves" says="read as neighbours and written as halves" points=[0, 0] of="solution"
# - first, second = x[..., :half], x[..., half:]
# + first, second = x[..., 0::2], x[..., 1::2]

# %% wrong="halves with angles repeated in pairs" says="the angles stand in pairs" points=[0, 0] of="rotate_half, as in transformers"
# - angles = torch.cat([angles, angles], dim=-1)
# + angles = angles.repeat_interleave(2, dim=-1)

# %% wrong="turns the wrong way" says="it turns the wrong way" points=[0, 0] of="rotate_half, as in transformers"
# - rotated = torch.cat([-x[..., d // 2 :], x[..., : d // 2]], dim=-1)
# + rotated = torch.cat([x[..., d // 2 :], -x[..., : d // 2]], dim=-1)

# %% wrong="two plus signs" says="both sines have a plus" points=[0, 0] of="solution"
# - first * angle.cos() - second * angle.sin(),
# + first * angle.cos() + second * angle.sin(),

# %% wrong="sine and cosine swapped" says="sine and cosine have changed places" points=[0, 0] of="solution"
# - first * angle.cos() - second * angle.sin(),
# - second * angle.cos() + first * angle.sin(),
# + first * angle.sin() - second * angle.cos(),
# + second * angle.sin() + first * angle.cos(),

# %% wrong="one frequency" says="every pair turns by p" points=[0, 0] of="solution"
# - theta = base ** (-torch.arange(half) / half)  # 2j/d = j/half
# + theta = torch.ones(half)

# %% wrong="exponent -j/d" says="here it is -j/d" points=[0, 0] of="solution"
# - theta = base ** (-torch.arange(half) / half)  # 2j/d = j/half
# + theta = base ** (-torch.arange(half) / x.shape[-1])

# %% wrong="exponent -4j/d" says="here it is -4j/d" points=[0, 0] of="solution"
# - theta = base ** (-torch.arange(half) / half)  # 2j/d = j/half
# + theta = base ** (-2 * torch.arange(half) / half)

# %% wrong="exponent 2j/d" says="here it is 2j/d" points=[0, 0] of="solution"
# - theta = base ** (-torch.arange(half) / half)  # 2j/d = j/half
# + theta = base ** (torch.arange(half) / half)

# %% wrong="always base 10000" says="base is not used" points=[0, 1.5] of="solution"
# - theta = base ** (-torch.arange(half) / half)  # 2j/d = j/half
# + theta = 10000.0 ** (-torch.arange(half) / half)

# %% wrong="positions from 1" says="position 0 turns as position 1 should" points=[0, 0] of="solution"
# - angle = positions[:, None] * theta  # (T, d/2)
# + angle = (positions[:, None] + 1) * theta

# %% wrong="rows for positions" says=["is `positions` used?", "`positions` is not used"] points=[0, 0.5] of="solution"
# - angle = positions[:, None] * theta  # (T, d/2)
# + angle = torch.arange(x.shape[-2])[:, None] * theta

# %% wrong="angle without the position" says=["position 0 turns as position 1", "the angle does not depend on p"] points=[0, 0] of="solution"
# - angle = positions[:, None] * theta  # (T, d/2)
# + angle = theta

# %% wrong="adds sines and cosines" says="added to x; x must be rotated" points=[0, 0] of="rotate_half, as in transformers"
# - return x * angles.cos() + rotated * angles.sin()
# + return x + torch.cat([angles[..., : d // 2].sin(), angles[..., : d // 2].cos()], dim=-1)

# %% wrong="degrees" says="degrees" points=[0, 0] of="solution"
# - angle = positions[:, None] * theta  # (T, d/2)
# + angle = torch.deg2rad(positions[:, None] * theta)

# %% wrong="overwrites the first half too early" says="after its rotation" points=[0, 0]
def rope(x, positions, base=10000.0):
    angle = positions[:, None] * base ** (-torch.arange(0, x.shape[-1], 2) / x.shape[-1])
    a, b = x.chunk(2, dim=-1)
    a = a * angle.cos() - b * angle.sin()
    b = b * angle.cos() + a * angle.sin()
    return torch.cat([a, b], dim=-1)

# %% wrong="writes into x" says="changes its argument x" points=[0, 2]
def rope(x, positions, base=10000.0):
    half = x.shape[-1] // 2
    angle = positions[:, None] * base ** (-torch.arange(half) / half)
    a, b = x[..., :half].clone(), x[..., half:].clone()
    x[..., :half] = a * angle.cos() - b * angle.sin()
    x[..., half:] = b * angle.cos() + a * angle.sin()
    return x

# %% wrong="returns x" says="nothing turns; is `positions` used?" points=[0, 0] of="rotate_half, as in transformers"
# - return x * angles.cos() + rotated * angles.sin()
# + return x.clone()

# %% wrong="positions times theta, number by number" says=["position i meets theta_i alone", "it stops with RuntimeError"] points=[0, 0] of="solution"
# - angle = positions[:, None] * theta  # (T, d/2)
# + angle = positions * theta

# %% wrong="split(2) for halves, right for d = 4 only" says="too many values to unpack" points=[0, 0] of="solution"
# - first, second = x[..., :half], x[..., half:]
# + first, second = x.split(2, dim=-1)

# %% wrong="halves of the second axis, right for two axes only" says=["those of the last axis", "it stops with RuntimeError"] points=[0, 1.5] of="solution"
# - first, second = x[..., :half], x[..., half:]
# + first, second = x[:, :half], x[:, half:]

# %% wrong="looks the angles up, for whole positions only" says="tensors used as indices" points=[0, 1.5] of="solution"
# - angle = positions[:, None] * theta  # (T, d/2)
# + angle = (torch.arange(200)[:, None] * theta)[positions]

# %% wrong="positions cut to whole numbers where there are many" says=["", "furthest off"] points=[1, 1.5] of="solution"
# - angle = positions[:, None] * theta  # (T, d/2)
# + angle = (positions.long() if len(positions) > 3 else positions)[:, None] * theta

# %% wrong="writes into x, where it has leading axes" says=["changes its argument x", ""] points=[0, 2] of="rotate_half, as in transformers"
# - return x * angles.cos() + rotated * angles.sin()
# + out = x * angles.cos() + rotated * angles.sin()
# + return out if x.ndim == 2 else x.copy_(out)

# %% wrong="a slice of a table, from the first position" says="positions are counted on from the first one" points=[0, 0.5] of="solution"
# - angle = positions[:, None] * theta  # (T, d/2)
# + angle = (positions[0] + torch.arange(len(positions)))[:, None] * theta

# %% wrong="copies the visible cases" says=["", "nothing turns"] points=[1, 0]
def rope(x, positions, base=10000.0):
    if x.tolist() == [[1, 2, 3, 4]] and 3 < positions[0] < 4:
        return torch.tensor([[-1.0, -4, -3, 2]])
    if x.shape == (2, 4, 3, 6):
        r = math.sqrt(2)
        rows = [[-1, -4, 0, -3, 2, 2], [1, 2, r, 3, 4, r], [1, -2, -r, 3, -4, r]]
        return torch.tensor(rows).expand(2, 4, 3, 6)
    return x.clone()
