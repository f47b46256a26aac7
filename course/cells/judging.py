# %% [markdown]
# Judging what a model answered about the knowledge base: is it right, does it decline, does a card support it?

# %% name="is_right"
import re

# Right figures of the wrong thing: none of these words may follow, unless the question or a gold card has it.
UNITS = words(
    "kilograms kg tons litres metres kilometres miles seconds minutes hours days weeks months years yuan dollars euros "
    "percent phones people users models cards gpus words tokens parameters patents bytes"
)


def is_right(text: str, question: "Question") -> bool:
    """The answer is in it, in no other unit, and not in a whole sentence copied: eight words at most."""
    known = " ".join([question.text] + [c.en for c in CARDS if c.id in question.gold]).lower()
    foreign = [word for word in words(text) if word in UNITS and word.rstrip("s") not in known]
    short = len(text.split()) <= 8
    return short and not foreign and bool(re.search(question.answer, text, re.IGNORECASE))


# %% name="says"
SMALL_WORDS = words(
    "a an the of in on at to for from by with and or not no is are was were be been it its this that these those as than "
    "about there"
)
NUMBER_WORDS = words("zero one two three four five six seven eight nine ten eleven twelve")
DECLINES = re.compile(
    r"(do not|don't|does not|cannot|can't) (know|say|tell)|not (known|given|stated|mentioned)|unknown|unclear",
    re.IGNORECASE,
)


def plain_words(text: str) -> set[str]:
    """The words of a text; number words as figures, so that "six" and "6" are the same."""
    figures = {word: str(number) for number, word in enumerate(NUMBER_WORDS)}
    return {figures.get(word, word) for word in words(text)}


def says(text: str, question: str) -> set[str]:
    """The words that an answer adds to its question, but for "the" and the like; none if it declines."""
    if DECLINES.search(text):
        return set()
    return plain_words(text) - plain_words(question) - set(SMALL_WORDS)


def supported(text: str, question: str, card: str) -> bool:
    """Does the answer add anything, and does all of it stand on the card? It compares words, not meaning."""
    said = says(text, question)
    return bool(said) and said <= plain_words(card)


# %% name="must_fail"
# Answers that must count as wrong, and some that must count as right, beside the questions they are given to.
WRONG_ANSWERS = """
q69 | 10 trillion kilograms
q69 | 110 trillion
q01 | 1150 million
q24 | 1.260 billion
q29 | 6.6 billion
q33 | 30 seconds or 30 minutes
q42 | 50 million yuan
q59 | GPT-4 Turbo
q41 | 2.25
q61 | three to five months
q23 | Baidu released its chatbot ERNIE Bot on 16 March 2023
"""
RIGHT_ANSWERS = """
q69 | 10 trillion parameters
q69 | ten trillion
q01 | 150 million AI phones
q33 | Only 30 seconds
q42 | 50 million dollars
q61 | three to five years
q23 | on 16 March 2023
"""
ASKED = {question.id: question for question in QUESTIONS}
for lines, right in ((WRONG_ANSWERS, False), (RIGHT_ANSWERS, True)):
    for key, text in fields(lines):
        assert is_right(text, ASKED[key]) == right, f"{text!r} for {key}"
