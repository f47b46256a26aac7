"""The knowledge base of lesson 5: do its tables fit together, and can its questions be answered from it?"""

from __future__ import annotations

import re
from collections import Counter

from course.cells.knowledge_base import (
    CARD_LINES,
    CARDS,
    CORRECTION_LINES,
    CORRECTIONS,
    DISTRACTOR_LINES,
    QUESTION_LINES,
    QUESTION_ZH_LINES,
    QUESTIONS,
    QUESTIONS_ZH,
    RUMOUR_LINES,
    SOURCE_LINES,
    SOURCES,
    UNANSWERABLE,
    UNANSWERABLE_LINES,
    fields,
)

CHINESE = re.compile(r"[\u4e00-\u9fff]")
BY_ID = {card.id: card for card in CARDS}
WIDTHS = {
    "sources": (SOURCE_LINES, 3),
    "cards": (CARD_LINES, 5),
    "distractors": (DISTRACTOR_LINES, 5),
    "rumour": (RUMOUR_LINES, 5),
    "corrections": (CORRECTION_LINES, 4),
    "questions": (QUESTION_LINES, 4),
    "questions in Chinese": (QUESTION_ZH_LINES, 2),
    "unanswerable": (UNANSWERABLE_LINES, 5),
}

# Figures that Chinese writes in other units: 1.2 billion is 12 亿, 9.9 yuan is 9 块 9.
DIFFERENT_UNIT = {"openai-revenue": {"1.2"}, "xiaomi-price": {"9.9"}}


def answers(question, text: str) -> bool:
    return bool(re.search(question.answer, text, re.IGNORECASE))


def test_every_line_has_its_fields() -> None:
    for table, (lines, width) in WIDTHS.items():
        for row in fields(lines):
            assert len(row) == width, f"{table}: {len(row)} fields, not {width}: {row}"
            assert all(field and field == field.strip() for field in row), f"{table}: an empty field: {row}"


def test_nothing_stands_twice() -> None:
    asked = [row[:2] for row in QUESTIONS] + [row[:2] for row in UNANSWERABLE]  # id and text
    ids = [card.id for card in CARDS] + [key for key, _ in asked]
    texts = [text for card in CARDS for text in (card.en, card.zh)] + [text for _, text in asked]
    assert not [entry for entry, times in Counter(ids + texts).items() if times > 1]


def test_it_is_large_enough() -> None:
    asked_for = [card for card in CARDS if card.id not in {row[0] for row in fields(DISTRACTOR_LINES)}]
    assert len(asked_for) >= 60 and len(CARDS) > len(asked_for)
    assert len(QUESTIONS) >= 60 and len(UNANSWERABLE) >= 20 and len(QUESTIONS_ZH) >= 12
    assert sum(len(question.gold) > 1 for question in QUESTIONS) >= 8


def test_cards_say_where_they_come_from_and_what_they_are() -> None:
    for card in CARDS:
        assert card.source in SOURCES, card.id
        assert card.mark in {"fact", "claim", "forecast", "wrong", "disputed", "invented"}, card.id
        assert (card.source == "invented") == (card.mark == "invented"), card.id
        assert (card.mark in {"wrong", "disputed"}) == (card.id in CORRECTIONS), card.id
        assert len(card.en.split()) <= 35 and not CHINESE.search(card.en), card.id
        assert CHINESE.search(card.zh) and card.zh.endswith("。"), card.id
    assert set(CORRECTIONS) <= set(BY_ID)


def test_a_gold_card_holds_the_answer_and_the_question_does_not() -> None:
    distractors = {row[0] for row in fields(DISTRACTOR_LINES)}
    for question in QUESTIONS:
        assert set(question.gold) <= set(BY_ID) - distractors, question.id
        assert any(answers(question, BY_ID[key].en) for key in question.gold), question.id
        assert not answers(question, question.text), f"{question.id} gives its answer away"
    for key, text in QUESTIONS_ZH.items():
        question = next(question for question in QUESTIONS if question.id == key)
        assert CHINESE.search(text), key
        # A name in Latin letters may be the answer in both languages; then it must not stand here either.
        assert not answers(question, text), f"{key} in Chinese gives its answer away"


def test_no_card_answers_an_unanswerable_question() -> None:
    for question in UNANSWERABLE:
        assert question.near in BY_ID or (question.near, question.kind) == ("-", "elsewhere"), question.id
        found = [card.id for card in CARDS if re.search(question.never, card.en, re.IGNORECASE)]
        assert not found, f"{question.id} is answered by {found}"


def test_the_chinese_carries_the_same_figures() -> None:
    """Years, percentages and decimals stand in both renderings (units of ten thousand aside)."""
    for card in CARDS:
        english = set(re.findall(r"(?<![\w.,])(?:(?:19|20)\d\d|\d+\.\d+%?)(?![\w,])", card.en))
        chinese = set(re.findall(r"\d+(?:\.\d+)?%?", card.zh))
        missing = {
            figure for figure in english if figure not in chinese and figure.rstrip("%") not in chinese
        }
        assert missing <= DIFFERENT_UNIT.get(card.id, set()), (card.id, missing)
