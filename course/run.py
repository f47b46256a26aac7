"""Run a notebook from top to bottom, as a learner would, and look at what came out."""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import nbformat
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

# What a kernel is asked after each cell: the peak of its memory (on macOS in bytes, else in KiB).
# With no name that a notebook may have given to something else.
PEAKS = "[{0}(0).ru_maxrss, {0}(-1).ru_maxrss]".format("__import__('resource').getrusage")
# How a run can fail: a cell raises an exception, takes for ever, or takes its kernel with it.
FAILURES = (CellExecutionError, CellTimeoutError, DeadKernelError)
ANSWER_MIME = "application/vnd.course.answer+json"


@dataclass(frozen=True)
class Report:
    """What a run took: seconds of wall clock in all and in one cell, bytes of memory, processor seconds.

    The memory is the peak of the kernel, or of the largest program that it ran.
    """

    seconds: float
    slowest_cell: float
    memory: int
    processor: float


def execute(notebook: NotebookNode, python: str = sys.executable, timeout: int = 600) -> Report:
    """Execute in place, in an empty folder, with the kernel of the given Python.

    Raises:
        FAILURES: a cell failed; the notebook holds the outputs up to there.
    """
    with tempfile.TemporaryDirectory() as folder:
        manager = AsyncKernelManager(kernel_name="python3")
        # The kernel of the interpreter asked for, whatever kernelspecs the machine has.
        manager._kernel_spec = KernelSpec(
            argv=[python, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=ERROR"],
            display_name="Python 3",
            language="python",
        )
        environment = {
            **os.environ,
            "PYTHONPATH": "",
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "COURSE_BUILD": "1",  # nobody is there to move a slider: a picture in its place
        }
        peak = 0

        async def ask(execute_reply: dict, **_: object) -> None:
            nonlocal peak
            if execute_reply["content"]["status"] != "ok":  # nbclient says so in a moment
                return
            assert isinstance(client.kc, AsyncKernelClient)
            asked = {"peaks": PEAKS}
            reply = await client.kc.execute_interactive("", silent=True, user_expressions=asked)
            peaks = reply["content"]["user_expressions"]["peaks"]["data"]["text/plain"]
            peak = max(json.loads(peaks))

        client = NotebookClient(
            notebook,
            on_cell_executed=ask,
            km=manager,
            timeout=timeout,
            coalesce_streams=True,
            resources={"metadata": {"path": folder}},
        )
        start, before = time.perf_counter(), _processor_seconds()
        try:
            # nbclient leaves a kernel that it did not start itself running, unless told otherwise.
            client.execute(env=environment, cwd=folder, cleanup_kc=True)
        finally:
            seconds = time.perf_counter() - start
            slowest = max((_cell_seconds(cell) for cell in notebook.cells), default=0.0)
            tidy(notebook)
    memory = peak * (1 if sys.platform == "darwin" else 1024)
    return Report(seconds, slowest, memory, _processor_seconds() - before)


def _processor_seconds() -> float:
    """Of all kernels that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _cell_seconds(cell: NotebookNode) -> float:
    from dateutil.parser import isoparse

    times = cell.metadata.get("execution", {})
    start, end = times.get("iopub.execute_input"), times.get("iopub.status.idle")
    return (isoparse(end) - isoparse(start)).total_seconds() if start and end else 0.0


def tidy(notebook: NotebookNode) -> None:
    """Drop what differs from run to run and tells a reader nothing: clock times, progress bars, versions."""
    notebook.metadata["language_info"] = {"name": "python"}  # nbclient adds the kernel's version of Python
    notebook.metadata.pop("widgets", None)  # of a progress bar, say
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        kept = []
        for output in cell.outputs:
            if output.output_type == "stream":
                output.text = last_state(output.text)
                if not output.text:
                    continue
            kept.append(output)
        cell.outputs = kept


def last_state(text: str) -> str:
    """What a terminal would show in the end: each line from its last carriage return on.

    >>> last_state("10%\\r50%\\r   \\rdone\\n")
    'done\\n'
    """
    lines = []
    for line in text.split("\n"):
        shown = line.rstrip("\r").rsplit("\r", 1)[-1]
        if "\r" in line and not shown.strip():
            continue
        lines.append(shown)
    result = "\n".join(lines)
    return result if result.strip() else ""


def faults(notebook: NotebookNode) -> list[tuple[int, str]]:
    """What a reader must not meet in the outputs: errors, stderr, figures without alt text."""
    found = []
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        for output in cell.outputs:
            if output.output_type == "error":
                found.append((index, f"{output.ename}: {output.evalue}"))
            elif output.output_type == "stream" and output.name == "stderr":
                found.append((index, f"it writes to stderr: {output.text.strip()[:200]}"))
            elif "image/png" in output.get("data", {}):
                alt = output.metadata.get("image/png", {}).get("alt", "")
                if len(alt.split()) < 5:
                    found.append((index, "a figure without alt text: use show(fig, alt=...)"))
            if re.search(r"/(home|root|tmp|work|Users|var/folders)/\w", _text(output)):
                found.append((index, "a path of this machine in the output"))
    return found


def _text(output: NotebookNode) -> str:
    data = output.get("data", {})
    return output.get("text", "") + data.get("text/plain", "") + str(data.get("text/html", ""))


def answers(notebook: NotebookNode) -> list[dict]:
    """What a lab answered: {"claim", "sentence", "grade"}, as answer() stored it beside its box."""
    return [
        output["data"][ANSWER_MIME]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if ANSWER_MIME in output.get("data", {})
    ]


def headline(notebook: NotebookNode) -> NotebookNode | None:
    """The output that holds the figure of the cell tagged "headline"."""
    for cell in notebook.cells:
        if "headline" in cell.metadata.get("tags", []):
            for output in cell.get("outputs", []):
                if "image/png" in output.get("data", {}):
                    return output
    return None


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m course.run", description=__doc__)
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--python", default=sys.executable, help="whose kernel runs it")
    parser.add_argument("--out", type=Path, required=True, help="where the executed notebook goes")
    options = parser.parse_args(arguments)
    notebook = nbformat.read(options.notebook, as_version=4)
    try:
        report = execute(notebook, options.python)
    except FAILURES as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        nbformat.write(notebook, options.out)
    print(f"{report.seconds:.1f} {report.slowest_cell:.1f} {report.memory}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
