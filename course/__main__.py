"""python -m course build [NAME ...] [--check] [--assignments]
python -m course benchmark --text FILE --nanogpt FOLDER [--seeds N] [--long]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import benchmark, build
from .errors import CourseError


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m course")
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("build", help="sources -> lessons/, solutions/, exercises/ and README.md")
    make.add_argument("names", nargs="*", metavar="NAME", help="01_attention; all where none is named")
    make.add_argument("--check", action="store_true", help="say what is stale; run and write nothing")
    make.add_argument("--assignments", action="store_true", help="leave the lessons, which take minutes")
    race = commands.add_parser("benchmark", help="lesson 3's recipe against nanoGPT's, on one core")
    race.add_argument("--text", type=Path, required=True, metavar="FILE", help="the text: tinyshakespeare")
    race.add_argument("--nanogpt", type=Path, required=True, metavar="FOLDER", help="a checkout of nanoGPT")
    race.add_argument("--seeds", type=int, default=3, metavar="N", help="3 (about 15 minutes)")
    race.add_argument("--long", action="store_true", help="also ten times nanoGPT's time (25 minutes a seed)")
    options = parser.parse_args(arguments)
    try:
        if options.command == "benchmark":
            return benchmark.main(options.text, options.nanogpt, options.seeds, options.long)
        return build.main(options.names, options.check, options.assignments)
    except CourseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
