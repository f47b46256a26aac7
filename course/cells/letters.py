# %% [markdown]
# Letters and their answers: a text that we made, in which what was said before decides what comes. Lesson 3 and its labs
# train on it.

# %% name="letters"
import math
import random
from typing import NamedTuple

# What a letter says | what its answer says to that.
NEWS = """It rains every day|Do take an umbrella
It is too hot to sleep|Leave the windows open
The winter was long|Spring will come
I have lost my money|I am sending you some
I know nobody here|You will find friends
I have a bad cold|Drink tea and rest
I have not eaten today|Here is some bread
My tooth hurts|Go to a dentist
The roof leaks|Ask for another room
I won a prize|I am proud of you"""
QUESTIONS = """Where is my red hat?|Your hat is on the piano.
Who feeds the cat?|The cat eats at my house.
Did the baker write to you?|The baker never writes.
Do you still play the flute?|I sold my flute.
When does the train leave?|The train leaves at noon.
May I keep your book?|Please keep the book."""
STARTS = "b br c ch d dr f fl g gr h j k kl l m n p pr r s sh st t th tr v w z"
VOWELS = "a e i o u ai ea oo"
ENDS = "- l m n r s t x nd rk ss"  # "-": no consonant at the end
NEW, AGAIN = 1, 2  # kinds of text: a name that is said for the first time, or again; 0 is all else


class Letter(NamedTuple):
    text: str
    answer: str
    kinds: list[int]  # of each character of both: 0, NEW or AGAIN
    # To whom, from whom, and what the answer must say to the news and to the question.
    facts: tuple[str, str, str, str]


class Writer:
    """Writes letters with their answers, always the same from one seed, and adds up the bits of its choices.

    Names are made up. None is in `taken`, so a test can have names that no training text has.
    """

    def __init__(self, seed: int, taken: set[str] = frozenset()):
        self.random = random.Random(seed)
        self.bits, self.taken, self.names = 0.0, taken, set()

    def pick(self, options: str | list[str]) -> str:
        options = options.split() if isinstance(options, str) else options
        self.bits += math.log2(len(options))
        return self.random.choice(options)

    def name(self) -> str:
        before = self.bits
        while True:
            syllables = [self.pick(STARTS) + self.pick(VOWELS) for _ in range(2)]
            name = ("".join(syllables) + self.pick(ENDS).strip("-")).capitalize()
            if name not in self.taken:
                self.names.add(name)
                return name
            self.bits = before  # a name drawn again is paid once

    def letter(self, related: bool = True) -> Letter:
        """A letter and its answer; if not `related`, an answer to some other letter."""
        mine = self.choices()
        theirs = mine if related else self.choices()
        news, question = mine["said"]
        parts = _fill(f"Dear {{x}},\n{news}, {{x}}. {question}\nYours, {{y}}\n\n", mine)
        length = sum(len(text) for _, text in parts)
        news, question = theirs["replies"]
        parts += _fill(f"Dear {{y}},\n{news}, {{y}}. {question}\nYours, {{x}}\n\n\n", theirs)
        seen, kinds = set(), []
        for is_name, text in parts:
            kinds += [(AGAIN if text in seen else NEW) if is_name else 0] * len(text)
            seen |= {text} if is_name else set()
        text = "".join(text for _, text in parts)
        return Letter(text[:length], text[length:], kinds, (mine["x"], mine["y"], *mine["replies"]))

    def choices(self) -> dict:
        """Two names, what the letter says, and what its answer says to that."""
        x, y = self.name(), self.name()
        pairs = [self.pick(lines.splitlines()).split("|") for lines in (NEWS, QUESTIONS)]
        said, replies = zip(*pairs, strict=True)
        return {"x": x, "y": y, "said": said, "replies": replies}


def _fill(form: str, values: dict[str, str]) -> list[tuple[bool, str]]:
    """The form in parts, each with whether it is a name."""
    parts = form.replace("}", "{").split("{")  # text, name, text, name, ...
    return [(i % 2 == 1, values[part] if i % 2 else part) for i, part in enumerate(parts)]


def right_parts(letter: Letter, answer: str) -> list[bool]:
    """Of an answer to the letter: the greeting, the replies to the news and to the question, the signature."""
    x, y, to_news, to_question = letter.facts
    last = answer.rstrip().rpartition("\n")[2]
    return [
        answer.startswith(f"Dear {y},\n"),
        f"\n{to_news}, {y}." in answer,
        to_question in answer,
        last == f"Yours, {x}",
    ]


# %% name="letter_tokens"
import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers


class LetterText(NamedTuple):
    """Letters with their answers, one behind the other, as tokens."""

    letters: list[Letter]
    ids: torch.Tensor  # (N,)
    starts: torch.Tensor  # where each letter begins in `ids`
    sizes: torch.Tensor  # tokens of each letter with its answer
    kinds: torch.Tensor  # (N,) of each token: 0, NEW or AGAIN
    lengths: torch.Tensor  # (N,) characters of each token


def letter_tokenizer(letters: list[Letter], V: int = 512) -> Tokenizer:
    """Byte-pair encoding (lesson 2), learned from the letters."""
    texts = [letter.text + letter.answer for letter in letters]
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.Split(Regex(" ?[A-Za-z]+|\n+|[^A-Za-z]"), "isolated")
    alphabet = sorted(set("".join(texts)))
    trainer = trainers.BpeTrainer(vocab_size=V, initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator(texts, trainer)
    return made


def letter_text(letters: list[Letter], tokenizer: Tokenizer) -> LetterText:
    coded = tokenizer.encode_batch([letter.text + letter.answer for letter in letters])
    ids = torch.tensor([i for one in coded for i in one.ids])
    sizes = torch.tensor([len(one.ids) for one in coded])
    long = torch.tensor([len(tokenizer.id_to_token(i)) for i in range(tokenizer.get_vocab_size())])
    lengths = long[ids]
    of_characters = torch.tensor([kind for letter in letters for kind in letter.kinds])
    kinds = of_characters[lengths.cumsum(0) - 1]  # a token is what its last character is
    return LetterText(letters, ids, sizes.cumsum(0) - sizes, sizes, kinds, lengths)


def bits_a_character(p: torch.Tensor, text: LetterText, kind: int | None = None) -> float:
    """p: (N,) the probability that a model gave each token; of one kind of text, or of all."""
    keep = text.kinds == kind if kind is not None else torch.ones_like(text.kinds, dtype=torch.bool)
    return -p[keep].double().log2().sum().item() / text.lengths[keep].sum().item()
