# %% right="sums of digits"
def exact_by_carries(problems, answers):
    def digits(n):
        return sum(map(int, str(n)))

    groups = {}
    for (a, b), answer in zip(problems, answers):
        carries = (digits(a) + digits(b) - digits(a + b)) // 9
        groups.setdefault(carries, []).append(answer.strip() == str(a + b))
    return {carries: sum(group) / len(group) for carries, group in groups.items()}


# %% right="the lower places of both make the next power of ten"
def exact_by_carries(problems, answers):
    result, sizes = {}, {}
    for i in range(len(problems)):
        a, b = problems[i]
        carries = 0
        for place in range(1, len(str(a + b)) + 1):
            power = 10**place
            if a % power + b % power >= power:
                carries += 1
        right = 1 if answers[i].strip() == str(a + b) else 0
        result[carries] = result.get(carries, 0) + right
        sizes[carries] = sizes.get(carries, 0) + 1
    for carries in result:
        result[carries] /= sizes[carries]
    return result


# %% right="strings filled up with zeros"
from collections import defaultdict


def exact_by_carries(problems, answers):
    marks = defaultdict(list)
    for problem, answer in zip(problems, answers):
        width = max(len(str(n)) for n in problem)
        one, two = (str(n).zfill(width) for n in problem)
        carry = carries = 0
        for x, y in zip(reversed(one), reversed(two)):
            carry = int(int(x) + int(y) + carry >= 10)
            carries += carry
        marks[carries].append(answer.strip() == f"{sum(problem)}")
    return {carries: sum(found) / len(found) for carries, found in marks.items()}


# %% right="recursion"
def exact_by_carries(problems, answers):
    def carries(a, b, carry=0):
        if a == 0 and b == 0:
            return 0
        over = a % 10 + b % 10 + carry > 9
        return over + carries(a // 10, b // 10, int(over))

    found = [(carries(a, b), answer.strip() == str(a + b)) for (a, b), answer in zip(problems, answers)]
    return {
        n: sum(right for m, right in found if m == n) / sum(m == n for m, _ in found) for n in {m for m, _ in found}
    }


# %% right="zip_longest"
from itertools import zip_longest


def exact_by_carries(problems, answers):
    table = {}
    for (a, b), answer in zip(problems, answers):
        carry, count = 0, 0
        for x, y in zip_longest(str(a)[::-1], str(b)[::-1], fillvalue="0"):
            carry = 1 if int(x) + int(y) + carry > 9 else 0
            count += carry
        right, of = table.get(count, (0, 0))
        table[count] = (right + (answer.strip() == str(a + b)), of + 1)
    return {count: right / of for count, (right, of) in table.items()}


# %% right="NumPy, with keys and shares of its own kinds"
import numpy as np


def exact_by_carries(problems, answers):
    digit_sum = np.vectorize(lambda n: sum(map(int, str(n))), otypes=[int])
    a, b = np.array(problems, dtype=object).T
    carries = (digit_sum(a) + digit_sum(b) - digit_sum(a + b)) // 9
    exact = np.array([answer.strip() == str(n) for answer, n in zip(answers, a + b)])
    return {n: exact[carries == n].mean() for n in np.unique(carries)}


# %% wrong="no place adds the carry that comes in" says=["a place adds the carry that comes in", "a place must add the carry that comes in"] points=[0, 0.5] of="solution"
# - carry = (rest_a % 10 + rest_b % 10 + carry) // 10
# + carry = (rest_a % 10 + rest_b % 10) // 10

# %% wrong="the units only" says=["every place counts", "it counts the carry of the units only"] points=[0, 0.5] of="solution"
# - seen[carries] += 1
# + carries = int(a % 10 + b % 10 > 9)
# + seen[carries] += 1

# %% wrong="stops where there is no carry" says=["every place counts", "it stops at the first place without a carry"] points=[0, 0.5] of="solution"
# - carries += carry
# + if not carry:
# +     break
# + carries += carry

# %% wrong="stops where both digits are 0" says=["", "it stops at a place where both digits are 0"] points=[1, 0.5] of="solution"
# - while rest_a or rest_b:
# + while rest_a % 10 or rest_b % 10 or carry:

# %% wrong="the longest run" says=["it takes the longest run of carries", "it takes the longest run of carries"] points=[0, 0.5] of="solution"
# - carries, carry, rest_a, rest_b = 0, 0, a, b
# + carries, carry, rest_a, rest_b, run = 0, 0, a, b, 0
# - carries += carry
# + run = run + 1 if carry else 0
# + carries = max(carries, run)

# %% wrong="not out of the highest place" says=["the carry out of the highest place counts", "the carry out of the highest place counts"] points=[0, 0.5] of="solution"
# - while rest_a or rest_b:
# + while rest_a >= 10 or rest_b >= 10:

# %% wrong="zip ends with the shorter number" says=["7 has a 0 at the tens", "it stops where the shorter number ends"] points=[0, 0.5] of="solution"
# - while rest_a or rest_b:
# + while rest_a and rest_b:

# %% wrong="ends with the second number" says=["7 has a 0 at the tens", "it stops where the second number ends"] points=[0, 0.5] of="solution"
# - while rest_a or rest_b:
# + while rest_b:

# %% wrong="ends with the first number" says=["3 has a 0 at the tens and at the hundreds", "it stops where the first number ends"] points=[0, 0.5] of="solution"
# - while rest_a or rest_b:
# + while rest_a:

# %% wrong="first digits aligned" says=["7 has a 0 at the tens", "the numbers are aligned at their first digits"] points=[0, 0.5] of="strings filled up with zeros"
# - one, two = (str(n).zfill(width) for n in problem)
# + one, two = (str(n).ljust(width, "0") for n in problem)

# %% wrong="ten places" says=["", "it looks at ten places only"] points=[1, 0.5] of="solution"
# - while rest_a or rest_b:
# + for _ in range(10):

# %% wrong="divides by /" says=["", "large numbers lose digits; divide by //"] points=[1, 0.5] of="solution"
# - rest_a, rest_b = rest_a // 10, rest_b // 10
# + rest_a, rest_b = int(rest_a / 10), int(rest_b / 10)

# %% wrong="the number of places by a logarithm" says=["", "it stops with ValueError"] points=[1, 0.5] of="solution"
# - while rest_a or rest_b:
# + import math
# + for _ in range(int(math.log10(max(a, b)) + 1e-9) + 1):

# %% wrong="share of all sums" says="the share is of all sums" points=[0, 0] of="solution"
# - return {carries: exact[carries] / seen[carries] for carries in seen}
# + return {carries: exact[carries] / len(problems) for carries in seen}

# %% wrong="counts, no shares" says="it counts the exact answers" points=[0, 0] of="solution"
# - return {carries: exact[carries] / seen[carries] for carries in seen}
# + return exact

# %% wrong="compares numbers" says=["'011' passes for 11", "an answer with a zero in front passes"] points=[0, 0.5] of="solution"
# - exact[carries] += answer.strip() == str(a + b)
# + exact[carries] += answer.strip().isdigit() and int(answer) == a + b

# %% wrong="int of any answer" says=["'011' passes for 11", "it stops with ValueError"] points=[0, 0.5] of="solution"
# - exact[carries] += answer.strip() == str(a + b)
# + exact[carries] += int(answer) == a + b

# %% wrong="int of any answer, as a string" says=["invalid literal for int", "it stops with ValueError"] points=[0, 0.5] of="solution"
# - exact[carries] += answer.strip() == str(a + b)
# + exact[carries] += int(answer) == a + b and answer.strip()[0] != "0"

# %% wrong="the sum somewhere in the answer" says=["'011' passes for 11", "an answer passes that only holds the sum"] points=[0, 0.5] of="solution"
# - exact[carries] += answer.strip() == str(a + b)
# + exact[carries] += str(a + b) in answer

# %% wrong="spaces count" says=["' 7 ' is exact for 7", "spaces at either end of an answer do not count"] points=[0, 0.5] of="solution"
# - exact[carries] += answer.strip() == str(a + b)
# + exact[carries] += answer == str(a + b)

# %% wrong="line ends count" says=["", "line ends around an answer do not count, either"] points=[1, 0.5] of="solution"
# - exact[carries] += answer.strip() == str(a + b)
# + exact[carries] += answer.strip(" ") == str(a + b)

# %% wrong="no spaces anywhere" says=["", "a space inside an answer counts"] points=[1, 0.5] of="solution"
# - exact[carries] += answer.strip() == str(a + b)
# + exact[carries] += "".join(answer.split()) == str(a + b)

# %% wrong="no commas" says=["", "a comma inside an answer counts"] points=[1, 0.5] of="solution"
# - exact[carries] += answer.strip() == str(a + b)
# + exact[carries] += answer.strip().replace(",", "") == str(a + b)

# %% wrong="no full stop" says=["", "a full stop counts"] points=[1, 0.5] of="solution"
# - exact[carries] += answer.strip() == str(a + b)
# + exact[carries] += answer.strip(" .\n") == str(a + b)

# %% wrong="no plus" says=["", "a sign in front counts"] points=[1, 0.5] of="solution"
# - exact[carries] += answer.strip() == str(a + b)
# + exact[carries] += answer.strip().lstrip("+") == str(a + b)

# %% wrong="the first word" says=["", "the first word alone passes"] points=[1, 0.5] of="solution"
# - exact[carries] += answer.strip() == str(a + b)
# + exact[carries] += answer.strip().split(" ")[0] == str(a + b)

# %% wrong="the last word" says=["", "the last word alone passes"] points=[1, 0.5] of="solution"
# - exact[carries] += answer.strip() == str(a + b)
# + exact[carries] += answer.strip().split(" ")[-1] == str(a + b)

# %% wrong="the first line" says=["", "the first line alone passes"] points=[1, 0.5] of="solution"
# - exact[carries] += answer.strip() == str(a + b)
# + exact[carries] += answer.strip().split("\n")[0] == str(a + b)

# %% wrong="behind the sign of equality" says=["", "what stands behind '=' passes"] points=[1, 0.5] of="solution"
# - exact[carries] += answer.strip() == str(a + b)
# + exact[carries] += answer.split("=")[-1].strip() == str(a + b)

# %% wrong="no entry without an exact answer" says=["the sums with two carries are missing", "where no answer is exact, the share is 0"] points=[0, 0.5] of="solution"
# - return {carries: exact[carries] / seen[carries] for carries in seen}
# + return {carries: exact[carries] / seen[carries] for carries in seen if exact[carries]}

# %% wrong="percent" says=["it is percent", "it is percent"] points=[0, 0] of="solution"
# - return {carries: exact[carries] / seen[carries] for carries in seen}
# + return {carries: 100 * exact[carries] / seen[carries] for carries in seen}

# %% wrong="the share of wrong answers" says="it is the share of the wrong answers" points=[0, 0] of="solution"
# - exact[carries] += answer.strip() == str(a + b)
# + exact[carries] += answer.strip() != str(a + b)

# %% wrong="shares in a list" says="not a dictionary" points=[0, 0] of="solution"
# - return {carries: exact[carries] / seen[carries] for carries in seen}
# + return [exact[carries] / seen[carries] for carries in sorted(seen)]

# %% wrong="trims the caller's answers" says=["exact_by_carries changes its argument answers", ""] points=[0, 1] of="solution"
# - seen, exact = Counter(), Counter()
# + seen, exact = Counter(), Counter()
# + answers[:] = [answer.strip() for answer in answers]

# %% wrong="copies the visible cases" says=["", "the number of carries: exact_by_carries("] points=[1, 0]
def exact_by_carries(problems, answers):
    if len(problems) == 5:
        return {0: 1.0, 1: 0.5, 2: 0.0}
    if answers == ["four"]:
        return {0: 0.0}
    known = {(21, 34): 0, (282, 371): 1, (157, 245): 2, (65, 75): 2, (606, 707): 2, (95, 7): 2, (3, 999): 3}
    return {known[problems[0]]: 1.0} if problems[0] in known else {}
