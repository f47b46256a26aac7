"""python -m course build [NAME ...] [--check] [--assignments] [--prose]
python -m course grade NAME FOLDER [--jobs N] [--dask tls://... --key FILE] [--due TIME] [--students FILE]
python -m course report [--students FILE]
python -m course cluster key|scheduler|worker FILE [ADDRESS]
python -m course site
python -m course benchmark --text FILE --nanogpt FOLDER [--seeds N] [--long]
"""

from __future__ import annotations

import argparse
import functools
import math
import os
import re
import signal
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

from . import benchmark, build
from .errors import ROOT, CourseError
from .interrupt import one_interrupt

MOST_JOBS = 256
MOST_CELL_SECONDS = 3600
MOST_NOTEBOOK_SECONDS = 24 * 3600
LEAST_MEMORY, MOST_MEMORY = 1024, 1 << 20  # MB; the solutions themselves need the former
IN_GB = re.compile(r"0*([1-9]\d?(?:\.\d*)?) *(?:GB?|GiB)?", re.IGNORECASE)  # nobody means 99 MB


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m course")
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("build", help="sources -> lessons/, solutions/, exercises/, and pages")
    make.add_argument("names", nargs="*", metavar="NAME", help="01_attention, 1_2_parallel; all if none")
    how = make.add_mutually_exclusive_group()
    how.add_argument("--check", action="store_true", help="say what is stale; run and write nothing")
    how.add_argument("--assignments", action="store_true", help="leave lessons and labs, which take minutes")
    how.add_argument(
        "--prose", action="store_true", help="only prose of lessons and labs has changed: keep outputs"
    )
    _add_grade(commands)
    _add_report(commands)
    _add_cluster(commands)
    commands.add_parser("site", help="the built notebooks -> build/site/html, a book of web pages")
    race = commands.add_parser("benchmark", help="lesson 3's recipe against nanoGPT's, on one core")
    race.add_argument("--text", type=Path, required=True, metavar="FILE", help="the text: tinyshakespeare")
    race.add_argument("--nanogpt", type=Path, required=True, metavar="FOLDER", help="a checkout of nanoGPT")
    race.add_argument("--seeds", type=int, default=3, metavar="N", help="3 (about 20 minutes)")
    race.add_argument("--long", action="store_true", help="also ten times nanoGPT's time (25 minutes a seed)")
    options = parser.parse_args(arguments)
    if options.command == "grade" and options.notebook_seconds < options.cell_seconds:
        parser.error(
            f"--notebook-seconds {options.notebook_seconds:g} is less than "
            f"--cell-seconds {options.cell_seconds:g}; give a notebook at least the time of a cell"
        )
    try:
        if options.command == "grade":
            with one_interrupt():
                return _grade(options)
        if options.command == "report":
            from . import grade, report

            return report.main(
                options.course, grade.read_students(options.students) if options.students else ()
            )
        if options.command == "cluster":
            return _cluster(options)
        if options.command == "site":
            from .site import make as site  # what it needs is installed for it alone

            return site.main()
        if options.command == "benchmark":
            return benchmark.main(options.text, options.nanogpt, options.seeds, options.long)
        return build.main(options.names, options.check, options.assignments, options.prose)
    except CourseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # one more, in Python's own last steps, would be told
        print("stopped; what was done before stays, and the same command does the rest", file=sys.stderr)
        return 130


def _add_grade(commands: argparse._SubParsersAction) -> None:
    marks = commands.add_parser("grade", help="submissions -> gradebook.db, feedback/ and marks/NAME.csv")
    marks.add_argument("name", metavar="NAME", help="01_attention")
    marks.add_argument(
        "folder", type=Path, nargs="?", metavar="FOLDER", help="where the files lie; submitted/ if not named"
    )
    _add_jobs(marks, "so many at a time; as many as cores")
    marks.add_argument(
        "--dask", metavar="ADDRESS", help="execute on this Dask scheduler's workers instead: tls://HOST:PORT"
    )
    safety = marks.add_mutually_exclusive_group()
    safety.add_argument("--key", type=Path, metavar="FILE", help="that cluster's key (`course cluster key`)")
    safety.add_argument(
        "--no-key",
        action="store_true",
        help="use a cluster without a key: whoever reaches it can run programs as you and change marks",
    )
    marks.add_argument(
        "--due", type=_time, metavar="TIME", help="2026-12-01T23:59 by this machine's clock, or with +08:00"
    )
    marks.add_argument(
        "--students",
        type=Path,
        metavar="FILE",
        help="the class, a name a line; or a .csv",
    )
    marks.add_argument(
        "--worksheet",
        type=Path,
        metavar="FILE",
        help="Moodle's, Canvas's or Blackboard's table of the class: a copy with the marks goes to marks/",
    )
    marks.add_argument("--column", default="", metavar="NAME", help="of the worksheet, if it has several")
    marks.add_argument(
        "--course", type=Path, default=ROOT, metavar="FOLDER", help="holds solutions/; this one"
    )
    marks.add_argument("--no-sandbox", action="store_true", help="run students' code unprotected, as you")
    marks.add_argument(
        "--cell-seconds",
        type=functools.partial(_number, least=1, most=MOST_CELL_SECONDS, unit="seconds"),
        default=30,
        metavar="S",
        help="for a cell, a call; 30",
    )
    marks.add_argument(
        "--notebook-seconds",
        type=functools.partial(_number, least=1, most=MOST_NOTEBOOK_SECONDS, unit="seconds"),
        default=240,
        metavar="S",
        help="for a notebook; 240",
    )
    marks.add_argument("--memory", type=_megabytes, default=4096, metavar="MB", help="for a notebook; 4096")


def _add_report(commands: argparse._SubParsersAction) -> None:
    term = commands.add_parser("report", help="gradebook.db -> marks/report.csv, all assignments of a term")
    term.add_argument("--students", type=Path, metavar="FILE", help="the class, as for grade")
    term.add_argument(
        "--course", type=Path, default=ROOT, metavar="FOLDER", help="holds gradebook.db; this one"
    )


def _add_jobs(parser: argparse.ArgumentParser, words: str) -> None:
    parser.add_argument(
        "--jobs",
        type=functools.partial(_whole, least=1, most=MOST_JOBS, unit="notebooks"),
        default=min(os.cpu_count() or 1, MOST_JOBS),
        metavar="N",
        help=words,
    )


def _add_cluster(commands: argparse._SubParsersAction) -> None:
    group = commands.add_parser("cluster", help="a Dask cluster to grade on: make its key, start its parts")
    group.add_argument("part", choices=("key", "scheduler", "worker"), help="what to make or start")
    group.add_argument("key", type=Path, metavar="FILE", help="its key: who has it can run programs as you")
    group.add_argument(
        "address", nargs="?", metavar="ADDRESS", help="for a worker: the scheduler's, tls://HOST:PORT"
    )
    _add_jobs(group, "a worker's, at a time; as many as cores")
    group.add_argument(
        "--port",
        type=functools.partial(_whole, least=1, most=65_535, unit="ports"),
        default=8786,
        metavar="N",
        help="the scheduler's; 8786",
    )


def _time(text: str) -> datetime:
    """A time in UTC; one without an offset is this machine's."""
    try:
        return datetime.fromisoformat(text).astimezone(timezone.utc).replace(tzinfo=None)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write 2026-12-01T23:59") from error


def _megabytes(text: str) -> int:
    """So much memory. With 4 GB given as 4, not even torch would load, and everybody would get nothing."""
    if meant := IN_GB.fullmatch(text):
        raise argparse.ArgumentTypeError(f"it is in MB; did you mean --memory {float(meant[1]) * 1024:.0f}?")
    return _whole(text, LEAST_MEMORY, MOST_MEMORY, "MB")


def _whole(text: str, least: int, most: int, unit: str) -> int:
    return int(_number(text, least, most, f"a whole number of {unit}", int))


def _number(text: str, least: int, most: int, unit: str, kind: Callable[[str], float] = float) -> float:
    """A number that can be meant; neither nan nor inf."""
    try:
        value = kind(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is not possible; write {unit}, from {least} to {most}")
    return value


def _grade(options: argparse.Namespace) -> int:
    from . import grade  # torch and nbgrader take seconds to load
    from .grading.sandbox import Limits

    limits = Limits(
        cell_seconds=options.cell_seconds,
        call_seconds=options.cell_seconds,
        notebook_seconds=options.notebook_seconds,
        memory=options.memory << 20,
    )
    chosen = grade.Options(
        assignment=options.name,
        folder=options.folder or options.course / "submitted",
        root=options.course,
        jobs=options.jobs,
        dask=options.dask,
        key=options.key,
        keyless=options.no_key,
        sandboxed=not options.no_sandbox,
        due=options.due,
        students=grade.read_students(options.students) if options.students else (),
        worksheet=options.worksheet,
        column=options.column,
        limits=limits,
    )
    return grade.main(chosen)


def _cluster(options: argparse.Namespace) -> int:
    from .grading import cluster

    return cluster.main(options.part, options.key, options.address, options.jobs, options.port)


if __name__ == "__main__":
    sys.exit(main())
