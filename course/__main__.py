"""python -m course build [NAME ...] [--check] [--assignments]"""

from __future__ import annotations

import argparse
import sys

from . import build
from .errors import CourseError


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m course")
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("build", help="sources -> lessons/, solutions/, exercises/ and README.md")
    make.add_argument("names", nargs="*", metavar="NAME", help="01_attention; all where none is named")
    make.add_argument("--check", action="store_true", help="say what is stale; run and write nothing")
    make.add_argument("--assignments", action="store_true", help="leave the lessons, which take minutes")
    options = parser.parse_args(arguments)
    try:
        return build.main(options.names, options.check, options.assignments)
    except CourseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
