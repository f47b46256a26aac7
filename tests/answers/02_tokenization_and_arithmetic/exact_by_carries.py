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
        right = 1 if answers[i].strip(" ") == str(a + b) else 0
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


# %% wrong="no place adds the carry that comes in" says=["a place adds the carry that comes in", "a place must add the carry that comes in"] points=[0, 0.5]
def exact_by_carries(problems, answers):
    groups = {}
    for (a, b), answer in zip(problems, answers):
        width = max(len(str(a)), len(str(b)))
        carries = sum(int(x) + int(y) > 9 for x, y in zip(str(a).zfill(width), str(b).zfill(width)))
        groups.setdefault(carries, []).append(answer.strip() == str(a + b))
    return {n: sum(g) / len(g) for n, g in groups.items()}


# %% wrong="the units only" says=["every place counts", "it counts the carry of the units only"] points=[0, 0.5]
def exact_by_carries(problems, answers):
    groups = {}
    for (a, b), answer in zip(problems, answers):
        carries = int(a % 10 + b % 10 > 9)
        groups.setdefault(carries, []).append(answer.strip() == str(a + b))
    return {n: sum(g) / len(g) for n, g in groups.items()}


# %% wrong="stops where there is no carry" says=["every place counts", "it stops at the first place without a carry"] points=[0, 0.5]
def exact_by_carries(problems, answers):
    groups = {}
    for (a, b), answer in zip(problems, answers):
        carries, carry, x, y = 0, 0, a, b
        while x or y:
            carry = (x % 10 + y % 10 + carry) // 10
            if not carry:
                break
            carries += 1
            x, y = x // 10, y // 10
        groups.setdefault(carries, []).append(answer.strip() == str(a + b))
    return {n: sum(g) / len(g) for n, g in groups.items()}


# %% wrong="the longest run" says=["it takes the longest run of carries", "it takes the longest run of carries"] points=[0, 0.5]
def exact_by_carries(problems, answers):
    groups = {}
    for (a, b), answer in zip(problems, answers):
        run, longest, carry, x, y = 0, 0, 0, a, b
        while x or y:
            carry = (x % 10 + y % 10 + carry) // 10
            run = run + 1 if carry else 0
            longest = max(longest, run)
            x, y = x // 10, y // 10
        groups.setdefault(longest, []).append(answer.strip() == str(a + b))
    return {n: sum(g) / len(g) for n, g in groups.items()}


# %% wrong="not out of the highest place" says=["the carry out of the highest place counts", "the carry out of the highest place counts"] points=[0, 0.5]
def exact_by_carries(problems, answers):
    groups = {}
    for (a, b), answer in zip(problems, answers):
        carries, carry, x, y = 0, 0, a, b
        while x >= 10 or y >= 10:
            carry = (x % 10 + y % 10 + carry) // 10
            carries += carry
            x, y = x // 10, y // 10
        groups.setdefault(carries, []).append(answer.strip() == str(a + b))
    return {n: sum(g) / len(g) for n, g in groups.items()}


# %% wrong="zip ends with the shorter number" says=["7 has a 0 at the tens", "it stops where the shorter number ends"] points=[0, 0.5]
def exact_by_carries(problems, answers):
    groups = {}
    for (a, b), answer in zip(problems, answers):
        carries = carry = 0
        for x, y in zip(str(a)[::-1], str(b)[::-1]):
            carry = (int(x) + int(y) + carry) // 10
            carries += carry
        groups.setdefault(carries, []).append(answer.strip() == str(a + b))
    return {n: sum(g) / len(g) for n, g in groups.items()}


# %% wrong="ends with the second number" says=["7 has a 0 at the tens", "it stops where the second number ends"] points=[0, 0.5]
def exact_by_carries(problems, answers):
    groups = {}
    for (a, b), answer in zip(problems, answers):
        carries, carry, x, y = 0, 0, a, b
        while y:
            carry = (x % 10 + y % 10 + carry) // 10
            carries += carry
            x, y = x // 10, y // 10
        groups.setdefault(carries, []).append(answer.strip() == str(a + b))
    return {n: sum(g) / len(g) for n, g in groups.items()}


# %% wrong="ends with the first number" says=["3 has a 0 at the tens and at the hundreds", "it stops where the first number ends"] points=[0, 0.5]
def exact_by_carries(problems, answers):
    groups = {}
    for (a, b), answer in zip(problems, answers):
        carries, carry, x, y = 0, 0, a, b
        while x:
            carry = (x % 10 + y % 10 + carry) // 10
            carries += carry
            x, y = x // 10, y // 10
        groups.setdefault(carries, []).append(answer.strip() == str(a + b))
    return {n: sum(g) / len(g) for n, g in groups.items()}


# %% wrong="first digits aligned" says=["7 has a 0 at the tens", "the numbers are aligned at their first digits"] points=[0, 0.5]
def exact_by_carries(problems, answers):
    groups = {}
    for (a, b), answer in zip(problems, answers):
        width = max(len(str(a)), len(str(b)))
        carries = carry = 0
        for x, y in zip(str(a).ljust(width, "0")[::-1], str(b).ljust(width, "0")[::-1]):
            carry = (int(x) + int(y) + carry) // 10
            carries += carry
        groups.setdefault(carries, []).append(answer.strip() == str(a + b))
    return {n: sum(g) / len(g) for n, g in groups.items()}


# %% wrong="share of all sums" says="the share is of all sums" points=[0, 0]
from collections import Counter


def exact_by_carries(problems, answers):
    exact = Counter()
    for (a, b), answer in zip(problems, answers):
        carries = sum(a % 10**p + b % 10**p >= 10**p for p in range(1, 99))
        exact[carries] += answer.strip() == str(a + b)
    return {n: exact[n] / len(problems) for n in exact}


# %% wrong="counts, no shares" says="it counts the exact answers" points=[0, 0]
from collections import Counter


def exact_by_carries(problems, answers):
    exact = Counter()
    for (a, b), answer in zip(problems, answers):
        carries = sum(a % 10**p + b % 10**p >= 10**p for p in range(1, 99))
        exact[carries] += answer.strip() == str(a + b)
    return exact


# %% wrong="compares numbers" says=["'011' passes for 11", "an answer with a zero in front passes"] points=[0, 0.5]
def exact_by_carries(problems, answers):
    groups = {}
    for (a, b), answer in zip(problems, answers):
        carries = sum(a % 10**p + b % 10**p >= 10**p for p in range(1, 99))
        groups.setdefault(carries, []).append(answer.strip().isdigit() and int(answer) == a + b)
    return {n: sum(g) / len(g) for n, g in groups.items()}


# %% wrong="int of any answer" says=["'011' passes for 11", "it stops with ValueError"] points=[0, 0.5]
def exact_by_carries(problems, answers):
    groups = {}
    for (a, b), answer in zip(problems, answers):
        carries = sum(a % 10**p + b % 10**p >= 10**p for p in range(1, 99))
        groups.setdefault(carries, []).append(int(answer) == a + b)
    return {n: sum(g) / len(g) for n, g in groups.items()}


# %% wrong="int of any answer, as a string" says=["invalid literal for int", "it stops with ValueError"] points=[0, 0.5]
def exact_by_carries(problems, answers):
    groups = {}
    for (a, b), answer in zip(problems, answers):
        carries = sum(a % 10**p + b % 10**p >= 10**p for p in range(1, 99))
        groups.setdefault(carries, []).append(int(answer) == a + b and answer.strip()[0] != "0")
    return {n: sum(g) / len(g) for n, g in groups.items()}


# %% wrong="the sum somewhere in the answer" says=["'011' passes for 11", "an answer passes that only holds the sum"] points=[0, 0.5]
def exact_by_carries(problems, answers):
    groups = {}
    for (a, b), answer in zip(problems, answers):
        carries = sum(a % 10**p + b % 10**p >= 10**p for p in range(1, 99))
        groups.setdefault(carries, []).append(str(a + b) in answer)
    return {n: sum(g) / len(g) for n, g in groups.items()}


# %% wrong="spaces count" says=["' 7 ' is exact for 7", "spaces at either end of an answer do not count"] points=[0, 0.5]
def exact_by_carries(problems, answers):
    groups = {}
    for (a, b), answer in zip(problems, answers):
        carries = sum(a % 10**p + b % 10**p >= 10**p for p in range(1, 99))
        groups.setdefault(carries, []).append(answer == str(a + b))
    return {n: sum(g) / len(g) for n, g in groups.items()}


# %% wrong="no entry without an exact answer" says=["the sums with two carries are missing", "where no answer is exact, the share is 0"] points=[0, 0.5]
from collections import Counter


def exact_by_carries(problems, answers):
    seen, exact = Counter(), Counter()
    for (a, b), answer in zip(problems, answers):
        carries = sum(a % 10**p + b % 10**p >= 10**p for p in range(1, 99))
        seen[carries] += 1
        if answer.strip() == str(a + b):
            exact[carries] += 1
    return {n: exact[n] / seen[n] for n in exact}


# %% wrong="percent" says=["it is percent", "it is percent"] points=[0, 0]
def exact_by_carries(problems, answers):
    groups = {}
    for (a, b), answer in zip(problems, answers):
        carries = sum(a % 10**p + b % 10**p >= 10**p for p in range(1, 99))
        groups.setdefault(carries, []).append(answer.strip() == str(a + b))
    return {n: 100 * sum(g) / len(g) for n, g in groups.items()}


# %% wrong="the share of wrong answers" says="it is the share of the wrong answers" points=[0, 0]
def exact_by_carries(problems, answers):
    groups = {}
    for (a, b), answer in zip(problems, answers):
        carries = sum(a % 10**p + b % 10**p >= 10**p for p in range(1, 99))
        groups.setdefault(carries, []).append(answer.strip() != str(a + b))
    return {n: sum(g) / len(g) for n, g in groups.items()}


# %% wrong="shares in a list" says="not a dictionary" points=[0, 0]
def exact_by_carries(problems, answers):
    groups = {}
    for (a, b), answer in zip(problems, answers):
        carries = sum(a % 10**p + b % 10**p >= 10**p for p in range(1, 99))
        groups.setdefault(carries, []).append(answer.strip() == str(a + b))
    return [sum(g) / len(g) for n, g in sorted(groups.items())]


# %% wrong="trims the caller's answers" says=["exact_by_carries changes its argument answers", ""] points=[0, 1]
def exact_by_carries(problems, answers):
    groups = {}
    for i, (a, b) in enumerate(problems):
        answers[i] = answers[i].strip()
        carries = sum(a % 10**p + b % 10**p >= 10**p for p in range(1, 99))
        groups.setdefault(carries, []).append(answers[i] == str(a + b))
    return {n: sum(g) / len(g) for n, g in groups.items()}


# %% wrong="copies the visible cases" says=["", "the number of carries: exact_by_carries("] points=[1, 0]
def exact_by_carries(problems, answers):
    if len(problems) == 5:
        return {0: 1.0, 1: 0.5, 2: 0.0}
    if answers == ["four"]:
        return {0: 0.0}
    known = {(21, 34): 0, (282, 371): 1, (157, 245): 2, (65, 75): 2, (606, 707): 2, (95, 7): 2, (3, 999): 3}
    return {known[problems[0]]: 1.0} if problems[0] in known else {}
