"""Where submissions are executed: on this machine, or on the workers of a Dask cluster."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

from . import sandbox
from .checker import Job, Result
from .execute import NotMarked, execute
from .warm import Warm, WarmEnded

Key = TypeVar("Key")
PATIENCE = 20.0  # seconds that a Dask scheduler gets to answer


class Here:
    """On this machine: `jobs` submissions at a time."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self._threads = ThreadPoolExecutor(jobs)
        self._stop = threading.Event()

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()  # after an error or Ctrl-C nobody wants what is still under way
        self._threads.shutdown(cancel_futures=True)
        close_warm()

    def submit(self, job: Job) -> Future[Result]:
        return self._threads.submit(execute_here, job, self._stop)

    def results(self, futures: Iterable[Any]) -> set[Any]:
        """Those that are done, waiting for one at least."""
        return wait(futures, return_when=FIRST_COMPLETED).done


class OnDask:
    """On the workers of a Dask cluster, each in its own sandbox; a lost worker's jobs go to another.

    Raises:
        NotReady: no such scheduler, no worker, or a worker that lacks the sandbox.
    """

    def __init__(self, address: str, sandboxed: bool) -> None:
        try:
            import distributed
        except ImportError as error:
            raise NotReady("--dask needs a package: pip install distributed") from error
        self._distributed = distributed
        try:
            self._client = distributed.Client(address, timeout=PATIENCE, set_as_default=False)
            self._client.wait_for_workers(1, timeout=PATIENCE)
        except Exception as error:  # an address that is none gives errors of many kinds
            raise NotReady(f"no Dask scheduler with a worker answers at {address}: {error}") from error
        told = self._client.run(sandbox.missing) if sandboxed else {}
        for worker, why in told.items():
            if why:
                self._client.close()
                raise NotReady(f"the worker {worker} has no sandbox: {why}")
        self.jobs = sum(self._client.nthreads().values())

    def __enter__(self) -> OnDask:
        return self

    def __exit__(self, *exception: object) -> None:
        with contextlib.suppress(Exception):
            self._client.run(close_warm)
        self._client.close()

    def submit(self, job: Job) -> Any:
        # Not pure: two students may hand in the same notebook, and each is marked.
        return self._client.submit(execute_here, job, pure=False)

    def results(self, futures: Iterable[Any]) -> set[Any]:
        with self._client.as_current():
            return self._distributed.wait(list(futures), return_when="FIRST_COMPLETED").done


class NotReady(Exception):
    """The place to execute in is not there; the text says what to do."""


def each(pool: Here | OnDask, jobs: Iterable[tuple[Key, Job]]) -> Iterator[tuple[Key, Result | NotMarked]]:
    """(key, result) for each (key, job), as they are done; a few are under way at a time.

    Raises:
        SandboxError: there is no sandbox where a job was run.
    """
    waiting: dict[Any, Key] = {}
    coming = iter(jobs)
    while True:
        # A few more than can run, so that nobody waits; not all, so that a large class fits into memory.
        while len(waiting) < 2 * pool.jobs + 2 and (new := next(coming, None)) is not None:
            waiting[pool.submit(new[1])] = new[0]
        if not waiting:
            return
        for future in pool.results(waiting):
            key = waiting.pop(future)
            yield key, _outcome(future)


def _outcome(future: Any) -> Result | NotMarked:
    try:
        return future.result()
    except NotMarked as error:
        return error
    except sandbox.SandboxError:
        raise
    except Exception as error:  # Dask's KilledWorker and what else may befall one job: the others go on
        return NotMarked(f"it could not be executed ({type(error).__name__}: {str(error)[:300]})")


# --- One warm process for each process that executes ---------------------------------------------

_lock = threading.Lock()
_warm: Warm | None = None


def execute_here(job: Job, stop: threading.Event | None = None) -> Result:
    """Run a job with this process's warm process, which is started when first needed, or again."""
    warm = _get_warm()
    try:
        return execute(warm, job, stop)
    except WarmEnded:
        _forget(warm)
        return execute(_get_warm(), job, stop)


def _get_warm() -> Warm:
    global _warm
    with _lock:
        if _warm is None:
            _warm = Warm()
        return _warm


def _forget(warm: Warm) -> None:
    global _warm
    with _lock:
        if _warm is warm:
            _warm = None


def close_warm() -> None:
    """End this process's warm process, if there is one."""
    global _warm
    with _lock:
        warm, _warm = _warm, None
    if warm is not None:
        warm.__exit__(None, None, None)
