"""python -m course build [NAME ...] [--check] [--assignments] [--prose]
python -m course grade NAME FOLDER [--jobs N] [--dask tcp://...] [--due TIME] [--students FILE]
python -m course benchmark --text FILE --nanogpt FOLDER [--seeds N] [--long]
"""

from __future__ import annotations

import argparse
import os
import sys
from datetime import datetime, timezone
from pathlib import Path

from . import benchmark, build
from .errors import ROOT, CourseError


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
    race = commands.add_parser("benchmark", help="lesson 3's recipe against nanoGPT's, on one core")
    race.add_argument("--text", type=Path, required=True, metavar="FILE", help="the text: tinyshakespeare")
    race.add_argument("--nanogpt", type=Path, required=True, metavar="FOLDER", help="a checkout of nanoGPT")
    race.add_argument("--seeds", type=int, default=3, metavar="N", help="3 (about 15 minutes)")
    race.add_argument("--long", action="store_true", help="also ten times nanoGPT's time (25 minutes a seed)")
    options = parser.parse_args(arguments)
    try:
        if options.command == "grade":
            return _grade(options)
        if options.command == "benchmark":
            return benchmark.main(options.text, options.nanogpt, options.seeds, options.long)
        return build.main(options.names, options.check, options.assignments, options.prose)
    except CourseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; what was done before stays, and the same command does the rest", file=sys.stderr)
        return 130


def _add_grade(commands: argparse._SubParsersAction) -> None:
    marks = commands.add_parser("grade", help="submissions -> gradebook.db, feedback/ and marks/NAME.csv")
    marks.add_argument("name", metavar="NAME", help="01_attention")
    marks.add_argument(
        "folder", type=Path, nargs="?", metavar="FOLDER", help="where the files lie; submitted/ if not named"
    )
    marks.add_argument(
        "--jobs", type=int, default=os.cpu_count(), metavar="N", help="so many at a time; as many as cores"
    )
    marks.add_argument("--dask", metavar="ADDRESS", help="execute on this Dask scheduler's workers instead")
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
        "--course", type=Path, default=ROOT, metavar="FOLDER", help="holds solutions/; this one"
    )
    marks.add_argument("--no-sandbox", action="store_true", help="run students' code unprotected, as you")
    marks.add_argument("--cell-seconds", type=float, default=30, metavar="S", help="for a cell, a call; 30")
    marks.add_argument("--notebook-seconds", type=float, default=240, metavar="S", help="for a notebook; 240")
    marks.add_argument("--memory", type=int, default=4096, metavar="MB", help="for a notebook; 4096")


def _time(text: str) -> datetime:
    """A time in UTC; one without an offset is this machine's."""
    try:
        return datetime.fromisoformat(text).astimezone(timezone.utc).replace(tzinfo=None)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write 2026-12-01T23:59") from error


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
        jobs=max(1, options.jobs),
        dask=options.dask,
        sandboxed=not options.no_sandbox,
        due=options.due,
        students=grade.read_students(options.students) if options.students else (),
        limits=limits,
    )
    return grade.main(chosen)


if __name__ == "__main__":
    sys.exit(main())
