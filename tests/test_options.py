"""`python -m course grade`: options that cannot be meant are refused before anybody gets nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from course import grade
from course.__main__ import main
from course.errors import CourseError

# {what was typed: what the message says}
REFUSED = {
    "--memory 1": "--memory: it is in MB; did you mean --memory 1024?",
    "--memory 4": "did you mean --memory 4096?",
    "--memory 4GB": "did you mean --memory 4096?",
    "--memory 1.5": "did you mean --memory 1536?",
    "--memory 16g": "did you mean --memory 16384?",
    "--memory 0": "a whole number of MB, from 1024",
    "--memory 512": "a whole number of MB, from 1024",
    "--memory 1023": "a whole number of MB, from 1024",
    "--memory -4096": "a whole number of MB, from 1024",
    "--memory 4294967296": "a whole number of MB, from 1024 to 1048576",
    "--memory 4096.5": "a whole number of MB",
    "--memory nan": "a whole number of MB",
    "--cell-seconds 0": "write seconds, from 1 to 3600",
    "--cell-seconds 0.5": "write seconds, from 1 to 3600",
    "--cell-seconds -30": "write seconds, from 1 to 3600",
    "--cell-seconds nan": "write seconds, from 1 to 3600",
    "--cell-seconds inf": "write seconds, from 1 to 3600",
    "--cell-seconds 30000": "write seconds, from 1 to 3600",
    "--cell-seconds 30s": "write seconds, from 1 to 3600",
    "--notebook-seconds 0": "write seconds, from 1 to 86400",
    "--notebook-seconds nan": "write seconds, from 1 to 86400",
    "--notebook-seconds inf": "write seconds, from 1 to 86400",
    "--notebook-seconds 10": "--notebook-seconds 10 is less than --cell-seconds 30",
    "--cell-seconds 300": "--notebook-seconds 240 is less than --cell-seconds 300",
    "--jobs 0": "a whole number of notebooks, from 1 to 256",
    "--jobs -1": "a whole number of notebooks, from 1 to 256",
    "--jobs 10000": "a whole number of notebooks, from 1 to 256",
    "--jobs 1.5": "a whole number of notebooks, from 1 to 256",
    "--jobs x": "a whole number of notebooks, from 1 to 256",
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[grade.Options]:
    """What the grader is asked to do; it does nothing."""
    options: list[grade.Options] = []

    def main(chosen: grade.Options) -> int:
        options.append(chosen)
        return 0

    monkeypatch.setattr(grade, "main", main)
    return options


@pytest.mark.parametrize("typed", REFUSED)
def test_what_cannot_be_meant_is_refused(
    typed: str, asked: list[grade.Options], capsys: pytest.CaptureFixture[str]
) -> None:
    name, value = typed.split()
    with pytest.raises(SystemExit) as stopped:
        main(["grade", "01_attention", f"{name}={value}"])
    assert stopped.value.code == 2 and asked == []
    assert REFUSED[typed] in capsys.readouterr().err.splitlines()[-1]


def test_what_can_be_meant_is_taken(asked: list[grade.Options], monkeypatch: pytest.MonkeyPatch) -> None:
    smallest = "--memory 1024 --cell-seconds 1 --notebook-seconds 1 --jobs 1"
    largest = "--memory 1048576 --cell-seconds 3600 --notebook-seconds 86400 --jobs 256"
    for typed in ("", smallest, largest):
        assert main(["grade", "01_attention", *typed.split()]) == 0
    limits = [options.limits for options in asked]
    assert [limit.memory >> 20 for limit in limits] == [4096, 1024, 1048576]
    assert [limit.cell_seconds for limit in limits] == [30, 1, 3600]
    assert [limit.notebook_seconds for limit in limits] == [240, 1, 86400]
    assert [options.jobs for options in asked][1:] == [1, 256]
    for cores, jobs in ((1000, 256), (None, 1)):  # not known, on some machines
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        main(["grade", "01_attention"])
        assert asked[-1].jobs == jobs


@pytest.mark.parametrize("text", ['ann\n"bo\ncarla\n', "a" * 200_000])
def test_a_class_that_is_no_csv(tmp_path: Path, text: str) -> None:
    path = tmp_path / "class.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CourseError, match="class.csv.*no CSV.*quote"):
        grade.read_students(path)
