# %% right="a regular expression"
import re


def place_values(text, labels=None):
    result = [0] * len(text)
    for number in re.finditer(r"\d+", text):
        for i in range(number.start(), number.end()):
            place = number.end() - i
            if labels is not None and place > len(labels):
                raise ValueError("too few labels")
            result[i] = place if labels is None else labels[place - 1]
    return result


# %% right="from right to left, with an index"
def place_values(text, labels=None):
    result = [0] * len(text)
    place = 0
    for i in range(len(text) - 1, -1, -1):
        if "0" <= text[i] <= "9":
            place += 1
            if labels is None:
                result[i] = place
            elif place <= len(labels):
                result[i] = labels[place - 1]
            else:
                raise ValueError
        else:
            place = 0
    return result


# %% right="groups of characters"
from itertools import groupby


def place_values(text, labels=None):
    names = range(1, len(text) + 1) if labels is None else labels
    result = []
    for is_digit, group in groupby(text, str.isdigit):
        count = len(list(group))
        if is_digit and count > len(names):
            raise ValueError(f"{count} digits, {len(names)} labels")
        result += list(names[:count])[::-1] if is_digit else [0] * count
    return result


# %% right="looks ahead from each digit"
def place_values(text, labels=None):
    result = []
    for i in range(len(text)):
        place = 0
        while i + place < len(text) and text[i + place].isdecimal():
            place += 1
        result.append(place)
    if labels is None:
        return result
    try:
        return [([0] + list(labels))[place] for place in result]
    except IndexError:
        raise ValueError("a number is longer than the labels") from None


# %% right="recursion on the last character"
def place_values(text, labels=None):
    def places(text):
        if not text:
            return []
        later = places(text[1:])
        if not text[0].isdigit():
            return [0] + later
        return [(later[0] if later else 0) + 1] + later

    found = places(text)
    if labels is not None:
        if max(found + [0]) > len(labels):
            raise ValueError(labels)
        found = [place and labels[place - 1] for place in found]
    return found


# %% right="NumPy, a list of np.int64"
import numpy as np


def place_values(text, labels=None):
    at = np.arange(len(text) + 1)
    digit = np.array([c.isdigit() for c in text] + [False])
    places = (np.minimum.accumulate(np.where(digit, len(text), at)[::-1])[::-1] - at)[:-1]
    if labels is not None and places.max(initial=0) > len(labels):
        raise ValueError("too few labels")
    return list(places if labels is None else np.array([0, *labels])[places])


# %% wrong="from the number's first digit" says=["places are counted from the number's first digit", "places are counted from the number's first digit"] points=[0, 0] of="a regular expression"
# - place = number.end() - i
# + place = i - number.start() + 1

# %% wrong="forgets to turn the list round" says="the list begins with the end of the text" points=[0, 0] of="solution"
# - places.reverse()

# %% wrong="from the end of the text" says=["places are counted from the end of the text", "places are counted from the end of the text"] points=[0, 0] of="a regular expression"
# - place = number.end() - i
# + place = len(text) - i

# %% wrong="the count runs on" says=["the count runs on across '+' and '='", "the count runs on across other characters"] points=[0, 0] of="from right to left, with an index"
# - else:
# -     place = 0

# %% wrong="units 0" says="the units are 0; they are 1" points=[0, 1] of="a regular expression"
# - result[i] = place if labels is None else labels[place - 1]
# + result[i] = place - 1 if labels is None else labels[place - 1]

# %% wrong="powers of ten" says="it gives what a 1 is worth there" points=[0, 1] of="a regular expression"
# - result[i] = place if labels is None else labels[place - 1]
# + result[i] = 10 ** (place - 1) if labels is None else labels[place - 1]

# %% wrong="what each digit is worth" says="it gives what the digit is worth" points=[0, 1] of="a regular expression"
# - result[i] = place if labels is None else labels[place - 1]
# + result[i] = int(text[i]) * 10 ** (place - 1) if labels is None else labels[place - 1]

# %% wrong="other characters left out" says=["'+' and '=' are left out", "other characters are left out"] points=[0, 0] of="groups of characters"
# - result += list(names[:count])[::-1] if is_digit else [0] * count
# + result += list(names[:count])[::-1] if is_digit else []

# %% wrong="the last number is never written" says=["the last number is missing", "sums of two numbers: place_values("] points=[0, 0] of="a regular expression"
# - return result
# + return result[: len(text.rstrip("0123456789"))]

# %% wrong="the last number has no places" says=["the last number has no places", "the last number has no places"] points=[0, 0] of="a regular expression"
# - for number in re.finditer(r"\d+", text):
# + for number in re.finditer(r"\d+(?=\D)", text):

# %% wrong="splits at + and = only" says=["", "other characters: place_values("] points=[1, 1.5]
def place_values(text, labels=None):
    result = []
    for number in text.replace("=", "+").replace("-", "+").split("+"):
        if labels is not None and len(number) > len(labels):
            raise ValueError
        result += [i + 1 if labels is None else labels[i] for i in reversed(range(len(number)))] + [0]
    return result[:-1]


# %% wrong="a 0 ends a number" says=["", "a 0 ends a number; it is a digit"] points=[1, 0] of="solution"
# - place = place + 1 if character.isdigit() else 0
# + place = place + 1 if character in "123456789" else 0

# %% wrong="no place for zeros in front" says=["", "zeros in front of a number get no place"] points=[1, 1.5] of="a regular expression"
# - for number in re.finditer(r"\d+", text):
# + for number in re.finditer(r"[1-9]\d*", text):

# %% wrong="a number for each byte" says=["", "there is a number for each byte"] points=[1, 1.5] of="solution"
# - for character in reversed(text):
# + for character in reversed(text.encode().decode("latin-1")):

# %% wrong="a line end is left out" says=["", "a line end is left out"] points=[1, 1.5] of="solution"
# - for character in reversed(text):
# + for character in reversed("".join(text.splitlines())):

# %% wrong="an empty text stops it" says=["", "other characters: it stops with ValueError"] points=[1, 1.5] of="solution"
# - places.reverse()
# + places.reverse()
# + longest = max(places)

# %% wrong="heeds no labels" says="`labels` is not used" points=[0, 1] of="solution"
# - if labels is None:
# -     return places
# + return places

# %% wrong="labels one off" says="labels[0] is for the units, labels[1] for the tens" points=[0, 1] of="solution"
# - return [labels[place - 1] if place else 0 for place in places]
# + return [labels[place % len(labels)] if place else 0 for place in places]

# %% wrong="a label for other characters" says="other characters get a label, the last one" points=[0, 1] of="solution"
# - return [labels[place - 1] if place else 0 for place in places]
# + return [labels[place - 1] for place in places] if labels else places

# %% wrong="labels by zip, other characters as units" says="other characters get the label of the units" points=[0, 1] of="solution"
# - return [labels[place - 1] if place else 0 for place in places]
# + return [labels[max(place - 1, 0)] for place in places] if labels else places

# %% wrong="labels from the first digit" says="labels[0] goes to a number's first digit" points=[0, 1] of="a regular expression"
# - result[i] = place if labels is None else labels[place - 1]
# + result[i] = place if labels is None else labels[i - number.start()]

# %% wrong="the last label for the units" says="the last label goes to the units" points=[0, 1] of="solution"
# - return [labels[place - 1] if place else 0 for place in places]
# + return [labels[-place] if place else 0 for place in places]

# %% wrong="labels added" says="the labels are added to the places" points=[0, 1] of="solution"
# - return [labels[place - 1] if place else 0 for place in places]
# + return [labels[place - 1] + place if place else 0 for place in places]

# %% wrong="labels put in one after the other" says=["at 1, it is 20, not 4", "a label is taken for a place and replaced again"] points=[0, 1.5] of="solution"
# - return [labels[place - 1] if place else 0 for place in places]
# + for number, label in enumerate(labels, 1):
# +     places = [label if place == number else place for place in places]
# + return places

# %% wrong="a label for each character" says=["more labels are needed", "labels: it stops with ValueError: more labels are needed"] points=[0, 1] of="solution"
# - if max(places, default=0) > len(labels):
# -     raise ValueError(f"{max(places)} digits, and {len(labels)} labels")
# + if len(text) > len(labels):
# +     raise ValueError("more labels are needed")

# %% wrong="one label too many asked" says=["", "just enough labels, and too few: it stops with ValueError"] points=[1, 1.5] of="solution"
# - if max(places, default=0) > len(labels):
# + if max(places, default=0) >= len(labels):

# %% wrong="IndexError for too few" says="it raises IndexError, not ValueError" points=[0, 1.5] of="solution"
# - if max(places, default=0) > len(labels):
# -     raise ValueError(f"{max(places)} digits, and {len(labels)} labels")

# %% wrong="the last label again for too few" says="where it must raise ValueError" points=[0, 1.5] of="solution"
# - if labels is None:
# + if not labels:
# - if max(places, default=0) > len(labels):
# -     raise ValueError(f"{max(places)} digits, and {len(labels)} labels")
# - return [labels[place - 1] if place else 0 for place in places]
# + return [labels[min(place, len(labels)) - 1] if place else 0 for place in places]

# %% wrong="looks at the first number only for too few" says="where it must raise ValueError" points=[0, 1.5] of="a regular expression"
# - if labels is not None and place > len(labels):
# + if labels is not None and len(re.search(r"\d+", text)[0]) > len(labels):
# - result[i] = place if labels is None else labels[place - 1]
# + result[i] = place if labels is None else labels[min(place, len(labels)) - 1]

# %% wrong="looks at the last number only for too few" says=["", "a list of 5): it returns a list of 11 where it must raise ValueError"] points=[1, 1.5] of="a regular expression"
# - if labels is not None and place > len(labels):
# + if labels is not None and len(re.findall(r"\d+", text)[-1]) > len(labels):
# - result[i] = place if labels is None else labels[place - 1]
# + result[i] = place if labels is None else labels[min(place, len(labels)) - 1]

# %% wrong="no labels taken for None" says=["", "a list of 0): it returns a list of 1 where it must raise ValueError"] points=[1, 1.5] of="solution"
# - if labels is None:
# + if not labels:

# %% wrong="no labels are always too few" says=["", "too few: it stops with ValueError: 0 digits"] points=[1, 1.5] of="solution"
# - if max(places, default=0) > len(labels):
# + if not labels or max(places, default=0) > len(labels):

# %% wrong="puts a 0 into the caller's labels" says=["place_values changes its argument labels", ""] points=[0, 2] of="solution"
# - return [labels[place - 1] if place else 0 for place in places]
# + labels.insert(0, 0)
# + return [labels[place] for place in places]

# %% wrong="sorts the labels" says=["", "labels: place_values("] points=[1, 1.5] of="solution"
# - return [labels[place - 1] if place else 0 for place in places]
# + return [sorted(labels)[place - 1] if place else 0 for place in places]

# %% wrong="at most ten places" says=["", "sums of two numbers: place_values("] points=[1, 1.5] of="solution"
# - places.append(place)
# + places.append(min(place, 10))

# %% wrong="copies the visible cases" says=["", "sums of two numbers: place_values("] points=[1, 0]
def place_values(text, labels=None):
    if labels == [4, 7]:
        raise ValueError
    return [2, 1, 0, 3, 2, 1, 0, 3, 2, 1] if labels is None else [7, 4, 0, 9, 7, 4, 0, 9, 7, 4]
