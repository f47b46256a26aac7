"""Submissions side by side: nobody waits for one that does not end, and what is doubtful is done again."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import pytest

from course.grading import pool
from course.grading.execute import NotMarked, Watch


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "FIRST_SECONDS", 1.0)
    monkeypatch.setattr(pool, "LONG_SECONDS", 0.5)


@dataclass
class Class:
    """What each item does, and what has been done: (item, how many others were under way)."""

    place: pool.Here = field(default_factory=lambda: pool.Here(2))
    seconds: float = 3.0
    begun: list[tuple[str, int]] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    under_way: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def work(self, item: str, watch: Watch) -> str:
        with self.lock:
            self.begun.append((item, self.under_way))
            self.under_way += 1
        try:
            outcome = self.do(item, watch)
            self.ended.append(item)
            return outcome
        finally:
            with self.lock:
                self.under_way -= 1

    def do(self, item: str, watch: Watch) -> str:
        if item.startswith("slow"):
            end = time.monotonic() + self.seconds
            while time.monotonic() < end:
                watch()
                time.sleep(0.01)
        if item.startswith("broken"):
            raise KeyError("what nobody thought of")
        if item.startswith("refused"):
            raise NotMarked("no")
        if item.startswith("doubtful"):
            time.sleep(0.2)
        if item.startswith("doubtful") and [one for one, _ in self.begun].count(item) == 1:
            return "in doubt"
        return f"{item} done"

    def each(self, items: list[str]) -> list[tuple[str, object]]:
        def doubtful(outcome: object) -> bool:
            return outcome == "in doubt" or (isinstance(outcome, NotMarked) and outcome.again)

        return list(pool.each(self.place, items, self.work, doubtful))


QUICK = [f"quick{number}" for number in range(20)]


def test_nobody_waits_for_what_does_not_end() -> None:
    """Wherever they stand: those who are quick are done before, and each is done once."""
    for items in (["slow1", "slow2", "slow3", *QUICK], [*QUICK[:10], "slow1", "slow2", "slow3", *QUICK[10:]]):
        done = Class().each(items)
        assert {item for item, _ in done[:20]} == set(QUICK)
        assert sorted(done) == sorted((item, f"{item} done") for item in items)


def test_who_is_alone_is_not_put_off() -> None:
    one = Class()
    assert one.each(["slow1"]) == [("slow1", "slow1 done")]
    assert one.begun == [("slow1", 0)]


def test_a_class_of_slow_ones_is_not_put_off_again_and_again() -> None:
    """Twice at most, and where all take long nobody is much slower than the others."""
    several = Class(seconds=0.8)
    done = several.each([f"slow{number}" for number in range(8)])
    assert len(done) == 8 and len(several.begun) <= 10


def test_a_cluster_cannot_stop_what_it_has_begun() -> None:
    several = Class()
    several.place.puts_off = False
    several.each(["slow1", *QUICK])
    assert [item for item, _ in several.begun].count("slow1") == 1


def test_what_is_doubtful_is_done_again_alone() -> None:
    several = Class()
    done = dict(several.each(["doubtful1", "doubtful2", *QUICK, "doubtful3"]))
    assert {done[f"doubtful{n}"] for n in (1, 2, 3)} == {f"doubtful{n} done" for n in (1, 2, 3)}
    assert [others for _, others in several.begun[-3:]] == [0, 0, 0]


def test_an_error_costs_one() -> None:
    done = dict(Class().each(["broken", "refused", *QUICK]))
    assert len(done) == 22
    assert "KeyError" in str(done["broken"]) and str(done["refused"]) == "no"
    assert all(done[item] == f"{item} done" for item in QUICK)


def test_whoever_stops_looking_stops_the_work() -> None:
    several = Class(seconds=30.0)
    coming = pool.each(several.place, ["quick", "slow1", "slow2"], several.work, lambda outcome: False)
    assert next(coming) == ("quick", "quick done")
    coming.close()  # as after Ctrl-C
    assert several.under_way == 0 and several.ended == ["quick"]
