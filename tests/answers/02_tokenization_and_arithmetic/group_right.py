# %% right="a loop from the right"
def group_right(digits, size):
    groups = []
    while digits:
        groups.insert(0, digits[-size:])
        digits = digits[:-size]
    return groups


# %% right="a regular expression"
import re


def group_right(digits, size):
    return re.findall(r"\d{1,%d}(?=(?:\d{%d})*$)" % (size, size), digits)


# %% right="recursion"
def group_right(digits, size):
    return group_right(digits[:-size], size) + [digits[-size:]] if digits else []


# %% right="turned round twice"
def group_right(digits, size):
    back = digits[::-1]
    groups = [back[i : i + size][::-1] for i in range(0, len(back), size)]
    return groups[::-1]


# %% right="digit by digit"
def group_right(digits, size):
    groups = []
    for i, digit in enumerate(digits):
        if i == 0 or (len(digits) - i) % size == 0:
            groups.append("")
        groups[-1] += digit
    return groups


# %% right="textwrap, backwards"
import textwrap


def group_right(digits, size):
    return [group[::-1] for group in reversed(textwrap.wrap(digits[::-1], size))]


# %% right="NumPy, a list of np.str_"
import numpy as np


def group_right(digits, size):
    first = len(digits) % size
    groups = [digits[:first]] if first else []
    return list(np.array(groups + [digits[i : i + size] for i in range(first, len(digits), size)], dtype=str))


# %% wrong="from the left" says="it cuts from the left" points=[0, 0] of="solution"
# - first = len(digits) % size
# + first = 0

# %% wrong="in the order of cutting" says="the groups stand in the order in which they were cut" points=[0, 0] of="a loop from the right"
# - groups.insert(0, digits[-size:])
# + groups.append(digits[-size:])

# %% wrong="digits backwards in the groups" says="the digits stand backwards in their groups" points=[0, 0] of="turned round twice"
# - groups = [back[i : i + size][::-1] for i in range(0, len(back), size)]
# + groups = [back[i : i + size] for i in range(0, len(back), size)]

# %% wrong="never turned back" says="the digits are reversed and never turned back" points=[0, 0] of="turned round twice"
# - groups = [back[i : i + size][::-1] for i in range(0, len(back), size)]
# - return groups[::-1]
# + return [back[i : i + size] for i in range(0, len(back), size)]

# %% wrong="an empty group first" says="there is an empty group" points=[0, 0.5] of="solution"
# - groups = [digits[:first]] if first else []
# + groups = [digits[:first]]

# %% wrong="an empty group first, but for no digits" says="there is an empty group" points=[0, 0.5] of="solution"
# - groups = [digits[:first]] if first else []
# + groups = [digits[:first]] if digits else []

# %% wrong="an empty group for no digits" says=["there is an empty group", ""] points=[0, 1]
def group_right(digits, size):
    if len(digits) <= size:
        return [digits]
    return group_right(digits[:-size], size) + [digits[-size:]]


# %% wrong="the short group is lost" says="the short group is lost" points=[0, 0] of="solution"
# - groups = [digits[:first]] if first else []
# + groups = []

# %% wrong="a short group alone is lost" says=["", "the short group is lost"] points=[1, 0.5] of="solution"
# - groups = [digits[:first]] if first else []
# + groups = [digits[:first]] if 0 < first < len(digits) else []

# %% wrong="no groups of one digit" says=["", "groups of 1 are single digits"] points=[1, 0.5] of="solution"
# - first = len(digits) % size
# + first = len(digits) % size if size > 1 else len(digits)

# %% wrong="filled up with zeros" says="the short group is filled up" points=[0, 0] of="solution"
# - first = len(digits) % size
# + digits, first = digits.zfill(-(-len(digits) // size) * size), 0

# %% wrong="filled up with zeros, and stripped of zeros" says=["", "zeros in front: group_right("] points=[1, 0.5] of="solution"
# - groups = [digits[:first]] if first else []
# + groups = [digits[:first].lstrip("0") or "0"] if first else []

# %% wrong="filled up with spaces" says=["group_right('1234567', 3) gives", "a short group: group_right("] points=[0, 0] of="solution"
# - first = len(digits) % size
# + digits, first = digits.rjust(-(-len(digits) // size) * size), 0

# %% wrong="a slice that ends at -0" says=["-0 is 0", "a short group: group_right("] points=[0, 0]
def group_right(digits, size):
    return [digits[-i - size : -i] for i in range(0, len(digits), size)][::-1]


# %% wrong="through a number" says="the zeros in front are lost" points=[0, 0.5]
def group_right(digits, size):
    n, groups = int(digits or 0), []
    while n:
        n, last = divmod(n, 10**size)
        groups.insert(0, str(last).zfill(size) if n else str(last))
    return groups


# %% wrong="zeros inside a number are lost" says=["group_right('007', 2) gives", "zeros in front"] points=[0, 0.5] of="a loop from the right"
# - while digits:
# -     groups.insert(0, digits[-size:])
# -     digits = digits[:-size]
# + n = int(digits or 0)
# + while n:
# +     n, last = divmod(n, 10**size)
# +     groups.insert(0, str(last))

# %% wrong="thousands separators" says=["the zeros in front are lost", "a short group: group_right("] points=[0, 0]
def group_right(digits, size):
    return f"{int(digits):,}".split(",") if digits else []


# %% wrong="always three" says=["`size` is not used", "a short group: group_right("] points=[0, 0] of="solution"
# - first = len(digits) % size
# + size, first = 3, len(digits) % 3

# %% wrong="one string" says=["it is '1 234 567', not a list", "not a list"] points=[0, 0] of="a loop from the right"
# - return groups
# + return " ".join(groups)

# %% wrong="numbers" says=["at 0, it is 1, not '1'", "a short group: group_right("] points=[0, 0] of="a loop from the right"
# - groups.insert(0, digits[-size:])
# + groups.insert(0, int(digits[-size:]))

# %% wrong="copies the visible cases" says=["", "a short group: group_right("] points=[1, 0]
def group_right(digits, size):
    return {"1234567": ["1", "234", "567"], "123456": ["123", "456"], "007": ["0", "07"]}.get(digits, [])
