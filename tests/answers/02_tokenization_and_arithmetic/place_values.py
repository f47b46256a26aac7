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


# %% wrong="from the number's first digit" says=["places are counted from the number's first digit", "places are counted from the number's first digit"] points=[0, 0]
import re


def place_values(text, labels=None):
    result = [0] * len(text)
    for number in re.finditer(r"\d+", text):
        for i in range(number.start(), number.end()):
            place = i - number.start() + 1
            if labels is not None and place > len(labels):
                raise ValueError
            result[i] = place if labels is None else labels[place - 1]
    return result


# %% wrong="forgets to turn the list round" says="the list begins with the end of the text" points=[0, 0]
def place_values(text, labels=None):
    places, place = [], 0
    for c in reversed(text):
        place = place + 1 if c.isdigit() else 0
        places.append(place)
    if labels is not None:
        if max(places, default=0) > len(labels):
            raise ValueError
        places = [labels[place - 1] if place else 0 for place in places]
    return places


# %% wrong="from the end of the text" says=["places are counted from the end of the text", "places are counted from the end of the text"] points=[0, 0]
def place_values(text, labels=None):
    places = [len(text) - i if c.isdigit() else 0 for i, c in enumerate(text)]
    if labels is not None:
        if max(places, default=0) > len(labels):
            raise ValueError
        places = [labels[place - 1] if place else 0 for place in places]
    return places


# %% wrong="the count runs on" says=["the count runs on across '+' and '='", "the count runs on across other characters"] points=[0, 0]
def place_values(text, labels=None):
    places, place = [0] * len(text), 0
    for i in reversed(range(len(text))):
        if text[i].isdigit():
            place += 1
            places[i] = place
    if labels is not None:
        if place > len(labels):
            raise ValueError
        places = [labels[place - 1] if place else 0 for place in places]
    return places


# %% wrong="units 0" says="the units are 0; they are 1" points=[0, 1]
import re


def place_values(text, labels=None):
    result = [0] * len(text)
    for number in re.finditer(r"\d+", text):
        for i in range(number.start(), number.end()):
            place = number.end() - i - 1
            if labels is not None and place >= len(labels):
                raise ValueError
            result[i] = place if labels is None else labels[place]
    return result


# %% wrong="powers of ten" says="it gives what a 1 is worth there" points=[0, 1]
import re


def place_values(text, labels=None):
    result = [0] * len(text)
    for number in re.finditer(r"\d+", text):
        for i in range(number.start(), number.end()):
            place = number.end() - i - 1
            if labels is not None and place >= len(labels):
                raise ValueError
            result[i] = 10**place if labels is None else labels[place]
    return result


# %% wrong="what each digit is worth" says="it gives what the digit is worth" points=[0, 1]
import re


def place_values(text, labels=None):
    result = [0] * len(text)
    for number in re.finditer(r"\d+", text):
        for i in range(number.start(), number.end()):
            place = number.end() - i - 1
            if labels is not None and place >= len(labels):
                raise ValueError
            result[i] = int(text[i]) * 10**place if labels is None else labels[place]
    return result


# %% wrong="other characters left out" says=["'+' and '=' are left out", "other characters are left out"] points=[0, 0]
import re


def place_values(text, labels=None):
    places = []
    for number in re.findall(r"\d+", text):
        if labels is not None and len(number) > len(labels):
            raise ValueError
        places += list(labels or range(1, len(text) + 1))[: len(number)][::-1]
    return places


# %% wrong="the last number is never written" says=["the last number is missing", "sums of two numbers: place_values("] points=[0, 0]
def place_values(text, labels=None):
    result, run = [], 0
    for c in text:
        if c.isdigit():
            run += 1
        else:
            if labels is not None and run > len(labels):
                raise ValueError
            result += [place if labels is None else labels[place - 1] for place in range(run, 0, -1)] + [0]
            run = 0
    return result


# %% wrong="the last number has no places" says=["the last number has no places", "the last number has no places"] points=[0, 0]
import re


def place_values(text, labels=None):
    result = [0] * len(text)
    for number in re.finditer(r"(\d+)\D", text):
        for i in range(number.start(1), number.end(1)):
            place = number.end(1) - i
            if labels is not None and place > len(labels):
                raise ValueError
            result[i] = place if labels is None else labels[place - 1]
    return result


# %% wrong="splits at + and = only" says=["", "other characters: place_values("] points=[1, 1.5]
def place_values(text, labels=None):
    result = []
    for number in text.replace("=", "+").replace("-", "+").split("+"):
        if labels is not None and len(number) > len(labels):
            raise ValueError
        result += [i + 1 if labels is None else labels[i] for i in reversed(range(len(number)))] + [0]
    return result[:-1]


# %% wrong="an empty text stops it" says=["", "other characters: it stops with ValueError"] points=[1, 1.5]
def place_values(text, labels=None):
    places, place = [], 0
    for c in reversed(text):
        place = place + 1 if c.isdigit() else 0
        places.append(place)
    longest = max(places)
    if labels is None:
        return places[::-1]
    if longest > len(labels):
        raise ValueError
    return [labels[place - 1] if place else 0 for place in reversed(places)]


# %% wrong="heeds no labels" says="`labels` is not used" points=[0, 1]
def place_values(text, labels=None):
    places, place = [], 0
    for c in reversed(text):
        place = place + 1 if c.isdigit() else 0
        places.append(place)
    return places[::-1]


# %% wrong="labels one off" says="labels[0] is for the units, labels[1] for the tens" points=[0, 1]
def place_values(text, labels=None):
    places, place = [], 0
    for c in reversed(text):
        place = place + 1 if c.isdigit() else 0
        places.append(place)
    places.reverse()
    if labels is None:
        return places
    if max(places, default=0) > len(labels):
        raise ValueError
    return [labels[place % len(labels)] if place else 0 for place in places]


# %% wrong="a label for other characters" says="other characters get a label, the last one" points=[0, 1]
def place_values(text, labels=None):
    places, place = [], 0
    for c in reversed(text):
        place = place + 1 if c.isdigit() else 0
        places.append(place)
    places.reverse()
    if labels is None:
        return places
    if max(places, default=0) > len(labels):
        raise ValueError
    return [labels[place - 1] for place in places]


# %% wrong="labels by zip, other characters as units" says="other characters get the label of the units" points=[0, 1]
def place_values(text, labels=None):
    places, place = [], 0
    for c in reversed(text):
        place = place + 1 if c.isdigit() else 0
        places.append(place)
    places.reverse()
    if labels is None:
        return places
    if max(places, default=0) > len(labels):
        raise ValueError
    return [labels[max(place - 1, 0)] for place in places]


# %% wrong="labels from the first digit" says="labels[0] goes to a number's first digit" points=[0, 1]
import re


def place_values(text, labels=None):
    result = [0] * len(text)
    for number in re.finditer(r"\d+", text):
        if labels is not None and len(number[0]) > len(labels):
            raise ValueError
        for i in range(number.start(), number.end()):
            result[i] = number.end() - i if labels is None else labels[i - number.start()]
    return result


# %% wrong="the last label for the units" says="the last label goes to the units" points=[0, 1]
def place_values(text, labels=None):
    places, place = [], 0
    for c in reversed(text):
        place = place + 1 if c.isdigit() else 0
        places.append(place)
    places.reverse()
    if labels is None:
        return places
    if max(places, default=0) > len(labels):
        raise ValueError
    return [labels[-place] if place else 0 for place in places]


# %% wrong="labels added" says="the labels are added to the places" points=[0, 1]
def place_values(text, labels=None):
    places, place = [], 0
    for c in reversed(text):
        place = place + 1 if c.isdigit() else 0
        places.append(place)
    places.reverse()
    if labels is None:
        return places
    if max(places, default=0) > len(labels):
        raise ValueError
    return [labels[place - 1] + place if place else 0 for place in places]


# %% wrong="a label for each character" says=["more labels are needed", "labels: it stops with ValueError: more labels are needed"] points=[0, 1]
def place_values(text, labels=None):
    places, place = [], 0
    for c in reversed(text):
        place = place + 1 if c.isdigit() else 0
        places.append(place)
    places.reverse()
    if labels is None:
        return places
    if len(text) > len(labels):
        raise ValueError("more labels are needed")
    return [labels[place - 1] if place else 0 for place in places]


# %% wrong="one label too many asked" says=["", "just enough labels, and too few: it stops with ValueError"] points=[1, 1.5]
def place_values(text, labels=None):
    places, place = [], 0
    for c in reversed(text):
        place = place + 1 if c.isdigit() else 0
        places.append(place)
    places.reverse()
    if labels is None:
        return places
    if max(places, default=0) >= len(labels):
        raise ValueError
    return [labels[place - 1] if place else 0 for place in places]


# %% wrong="IndexError for too few" says="it raises IndexError, not ValueError" points=[0, 1.5]
def place_values(text, labels=None):
    places, place = [], 0
    for c in reversed(text):
        place = place + 1 if c.isdigit() else 0
        places.append(place)
    places.reverse()
    if labels is None:
        return places
    return [labels[place - 1] if place else 0 for place in places]


# %% wrong="the last label again for too few" says="where it must raise ValueError" points=[0, 1.5]
def place_values(text, labels=None):
    places, place = [], 0
    for c in reversed(text):
        place = place + 1 if c.isdigit() else 0
        places.append(place)
    places.reverse()
    if not labels:
        return places
    return [labels[min(place, len(labels)) - 1] if place else 0 for place in places]


# %% wrong="looks at the first number only for too few" says="where it must raise ValueError" points=[0, 1.5]
import re


def place_values(text, labels=None):
    numbers = re.findall(r"\d+", text)
    if labels is not None and numbers and len(numbers[0]) > len(labels):
        raise ValueError
    result = [0] * len(text)
    for number in re.finditer(r"\d+", text):
        for i in range(number.start(), number.end()):
            place = number.end() - i
            result[i] = place if labels is None else labels[min(place, len(labels)) - 1]
    return result


# %% wrong="no labels taken for None" says=["", "a list of 0): it returns a list of 1 where it must raise ValueError"] points=[1, 1.5]
def place_values(text, labels=None):
    places, place = [], 0
    for c in reversed(text):
        place = place + 1 if c.isdigit() else 0
        places.append(place)
    places.reverse()
    if not labels:
        return places
    if max(places, default=0) > len(labels):
        raise ValueError
    return [labels[place - 1] if place else 0 for place in places]


# %% wrong="puts a 0 into the caller's labels" says=["place_values changes its argument labels", ""] points=[0, 2]
def place_values(text, labels=None):
    places, place = [], 0
    for c in reversed(text):
        place = place + 1 if c.isdigit() else 0
        places.append(place)
    places.reverse()
    if labels is None:
        return places
    if max(places, default=0) > len(labels):
        raise ValueError
    labels.insert(0, 0)
    return [labels[place] for place in places]


# %% wrong="sorts the labels" says=["", "labels: place_values("] points=[1, 1.5]
def place_values(text, labels=None):
    places, place = [], 0
    for c in reversed(text):
        place = place + 1 if c.isdigit() else 0
        places.append(place)
    places.reverse()
    if labels is None:
        return places
    if max(places, default=0) > len(labels):
        raise ValueError
    return [sorted(labels)[place - 1] if place else 0 for place in places]


# %% wrong="at most ten places" says=["", "sums of two numbers: place_values("] points=[1, 1.5]
def place_values(text, labels=None):
    places = []
    for i in range(len(text)):
        if not text[i].isdigit():
            places.append(0)
            continue
        for place in range(1, 11):
            if not text[i + place : i + place + 1].isdigit():
                break
        places.append(place)
    if labels is None:
        return places
    if max(places, default=0) > len(labels):
        raise ValueError
    return [labels[place - 1] if place else 0 for place in places]


# %% wrong="copies the visible cases" says=["", "sums of two numbers: place_values("] points=[1, 0]
def place_values(text, labels=None):
    if labels == [4, 7]:
        raise ValueError
    return [2, 1, 0, 3, 2, 1, 0, 3, 2, 1] if labels is None else [7, 4, 0, 9, 7, 4, 0, 9, 7, 4]
