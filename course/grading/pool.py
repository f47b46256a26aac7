"""Submissions side by side, on this machine or on a cluster (cluster.py); none waits long for another."""

from __future__ import annotations

import contextlib
import statistics
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, TypeVar

from .checker import Job, Result
from .execute import NotMarked, PutOff, Watch, execute
from .warm import Warm

if TYPE_CHECKING:
    from .cluster import OnDask  # it needs this file

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")
FIRST_SECONDS = 8.0  # how long an execution may hold others up, while nobody knows how long they take
LONG_SECONDS = 2.0  # and later, if it is
LONG = 4.0  # times as long as half of the others


class Here:
    """On this machine: `jobs` submissions at a time."""

    puts_off = True

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *exception: object) -> None:
        close_warm()

    def run(self, job: Job, watch: Watch) -> Result:
        return execute_here(job, watch)


def each(
    place: Here | OnDask,
    items: Iterable[Item],
    work: Callable[[Item, Watch], Outcome],
    doubtful: Callable[[Outcome | NotMarked], bool],
) -> Generator[tuple[Item, Outcome | NotMarked], None, None]:
    """(item, what its work gave) for each item, as they are done.

    Three rounds. In the first, whoever takes much longer than others is put off, so that a loop without an
    end holds nobody up. In the second those have all the time that the limits give. In the third, what is
    doubtful (time ran out on a crowded machine, say) is done again, one at a time.
    """
    pace, late, again = _Pace(place.puts_off), [], []
    with _Stop() as stop:
        for item, outcome in _side_by_side(place.jobs, items, work, pace, stop):
            if isinstance(outcome, PutOff):
                late.append(item)
            elif doubtful(outcome):
                again.append(item)
            else:
                yield item, outcome
        for item, outcome in _side_by_side(place.jobs, late, work, _Pace(False), stop):
            if doubtful(outcome):
                again.append(item)
            else:
                yield item, outcome
        yield from _side_by_side(1, again, work, _Pace(False), stop)


class _Stop(threading.Event):
    """Set at the end of the block: after an error or Ctrl-C nobody wants what is still under way."""

    def __enter__(self) -> _Stop:
        return self

    def __exit__(self, *exception: object) -> None:
        self.set()


class _Pace:
    """How long executions take, and which one takes much longer."""

    def __init__(self, puts_off: bool) -> None:
        self._seconds: list[float] = []
        self._puts_off = puts_off
        self.more = True  # others wait

    def add(self, seconds: float) -> None:
        self._seconds.append(seconds)

    def too_slow(self, seconds: float) -> bool:
        if not (self._puts_off and self.more):
            return False
        if len(self._seconds) < 4:
            return seconds > FIRST_SECONDS
        return seconds > max(LONG_SECONDS, LONG * statistics.median(self._seconds))


def _side_by_side(
    jobs: int,
    items: Iterable[Item],
    work: Callable[[Item, Watch], Outcome],
    pace: _Pace,
    stop: threading.Event,
) -> Iterator[tuple[Item, Any]]:
    """(item, its outcome, or the exception NotMarked or PutOff), as they are done."""

    def do(item: Item) -> Any:
        start = time.monotonic()

        def watch() -> None:
            if stop.is_set():
                raise NotMarked("it was stopped from outside")
            if pace.too_slow(time.monotonic() - start):
                raise PutOff

        try:
            outcome = work(item, watch)
        except (NotMarked, PutOff) as error:
            return error
        except Exception as error:  # whatever befalls one of them: the others go on
            why = f"it could not be executed ({type(error).__name__}: {str(error)[:300]})"
            return NotMarked(why, again=True)
        pace.add(time.monotonic() - start)
        return outcome

    waiting: dict[Any, Item] = {}
    coming = iter(items)
    threads = ThreadPoolExecutor(jobs)
    try:
        while True:
            # A few more than can run, so that nobody waits; not all, so that a large class fits into memory.
            while len(waiting) < 2 * jobs + 2 and pace.more:
                try:
                    item = next(coming)
                except StopIteration:
                    pace.more = False
                else:
                    waiting[threads.submit(do, item)] = item
            if not waiting:
                return
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                yield waiting.pop(future), future.result()
    except BaseException:
        stop.set()
        raise
    finally:
        threads.shutdown(cancel_futures=True)


# --- One warm process for each process that executes ---------------------------------------------

_lock = threading.Lock()
_warm: Warm | None = None


def execute_here(job: Job, watch: Watch = lambda: None) -> Result:
    """Run a job with this process's warm process, which is started when first needed."""
    return execute(get_warm(), job, watch)


def get_warm() -> Warm:
    """This process's warm process; another one where it has ended."""
    global _warm
    with _lock:
        if _warm is not None and not _warm.lives():
            with contextlib.suppress(OSError):
                _warm.__exit__(None, None, None)
            _warm = None
        if _warm is None:
            _warm = Warm()
        return _warm


def close_warm() -> None:
    """End this process's warm process, if there is one."""
    global _warm
    with _lock:
        warm, _warm = _warm, None
    if warm is not None:
        warm.__exit__(None, None, None)
