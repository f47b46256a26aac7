"""Grading on a Dask cluster, as docs/grading.md says: real processes, its key, and who stays outside.

Next to each attack on the guide's cluster stands the same attack on one that was started as Dask's own
pages say. There it succeeds, so it could here.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import classroom
import fresh
import psutil
import pytest
from classroom import HONEST, NAME
from distributed import Security
from distributed.core import connect
from distributed.protocol.pickle import dumps

from course import grade
from course.errors import ROOT, CourseError
from course.grading import book, cluster, sandbox, table

GUIDE = (ROOT / "docs" / "grading.md").read_text(encoding="utf-8")
PUPILS = ("alone", "flat", "wrote", "wrong", "partial", "twice", "badjson", "crashes")
OTHER = "127.0.0.2"  # one more address of this machine, which stands for those that others reach
START = 60.0  # seconds that a program gets to start, on a busy machine


# --- The guide's commands, and programs that run them ---------------------------------------------


def typed(*words: str) -> str:
    """The line of the guide that begins with these words, without its comment."""
    section = GUIDE.partition("## A large class\n")[2].partition("\n## ")[0]
    lines = [line.partition("#")[0].strip() for line in section.splitlines()]
    [line] = [line for line in lines if line.startswith(" ".join(words))]
    return line


def course(*words: str) -> str:
    return typed("python -m course", *words)


class Program:
    """A command that runs in a shell, in the course's folder, until the block ends."""

    def __init__(self, command: str, home: Path, log: str, **variables: str) -> None:
        self.log = home / log
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = fresh.environment(HOME=str(home), TMPDIR=str(home), PATH=path, **variables)
        with self.log.open("w") as out:
            self.process = subprocess.Popen(
                ["sh", "-c", command],
                cwd=ROOT,
                env=environment,
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
            )

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *exception: object) -> None:
        for one in self.everyone():  # the first one first: a nanny starts its worker again
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        self.process.wait()

    def everyone(self) -> list[psutil.Process]:
        """It and all that it has started."""
        with contextlib.suppress(psutil.NoSuchProcess):
            first = psutil.Process(self.process.pid)
            return [first, *first.children(recursive=True)]
        return []

    def says(self, words: str) -> str:
        """Its log, once that matches."""

        def said() -> bool:
            assert self.process.poll() is None or re.search(words, self.log.read_text()), self.log.read_text()
            return re.search(words, self.log.read_text()) is not None

        wait_for(said)
        return self.log.read_text()

    def doors(self) -> set[tuple[str, int]]:
        """Where it and all that it has started listen: address and port."""
        found = set()
        for one in self.everyone():
            with contextlib.suppress(psutil.Error):
                told = one.net_connections(kind="tcp")
                found |= {at.laddr for at in told if at.status == psutil.CONN_LISTEN}
        return {(address, port) for address, port in found}


def wait_for(done: Callable[[], bool]) -> None:
    end = time.monotonic() + START
    while not done():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.05)


def course_folder(root: Path, *names: str) -> Path:
    """A course in which some of the class have handed in."""
    shutil.copytree(ROOT / "solutions", root / "solutions")
    for pupil in classroom.pupils(root / "gradebook.db", root / "solutions" / NAME / classroom.FILE):
        for path, data in pupil.files.items() if pupil.name in names else ():
            target = root / "handed in" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            data(target) if callable(data) else target.write_bytes(data)
    return root


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("", 0))
        return door.getsockname()[1]


@dataclasses.dataclass
class Running:
    """A scheduler and a worker."""

    home: Path
    address: str
    key: Path
    scheduler: Program
    worker: Program

    @property
    def doors(self) -> set[tuple[str, int]]:
        return self.scheduler.doors() | self.worker.doors()

    def typed(self, *words: str) -> str:
        """The guide's line, for this cluster."""
        return course(*words).replace("tls://ADDRESS:8786", self.address)


@pytest.fixture(scope="module")
def guide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The guide's cluster: its lines as they stand there, but for the port and ADDRESS."""
    home = tmp_path_factory.mktemp("home")
    with Program(course("cluster key"), home, "key.log") as made:
        assert made.process.wait(START) == 0, made.log.read_text()
    port = free_port()
    address = f"tls://127.0.0.1:{port}"
    with Program(f"exec {course('cluster scheduler')} --port {port}", home, "scheduler.log") as scheduler:
        scheduler.says("Scheduler at")
        line = course("cluster worker").replace("tls://ADDRESS:8786", address)
        with Program(f"exec {line}", home, "worker.log") as worker:
            worker.says("Registered to")
            yield Running(home, address, home / "cluster.key", scheduler, worker)


@pytest.fixture(scope="module")
def unprotected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A cluster as Dask's own pages start it."""
    home = tmp_path_factory.mktemp("unprotected")
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    settings = {"PYTHONPATH": str(ROOT)}
    with Program(f"exec dask scheduler --port {port}", home, "scheduler.log", **settings) as scheduler:
        scheduler.says("Scheduler at")
        line = f"exec dask worker {address} --nthreads 1 --host 0.0.0.0"
        with Program(line, home, "worker.log", **settings) as worker:
            worker.says("Registered to")
            yield Running(home, address, home / "none", scheduler, worker)


# --- Who stays outside ----------------------------------------------------------------------------


def attack(port: int, mark: Path, key: Path | None = None) -> bool:
    """Ask whatever listens there, scheduler, worker or nanny, to make a folder. Has it?"""

    async def ask(operation: str) -> None:
        tls = Security(require_encryption=True, **dict.fromkeys(FILES, str(key))) if key else Security()
        address = f"{'tls' if key else 'tcp'}://{OTHER}:{port}"
        comm = await connect(address, timeout=2, **tls.get_connection_args("client"))
        words = {"function": dumps(os.mkdir), "args": dumps((str(mark),)), "kwargs": dumps({})}
        try:
            await comm.write({"op": operation, **words, "wait": True, "reply": True})
            await comm.read()
        finally:
            comm.abort()

    for operation in ("run_function", "run"):
        with contextlib.suppress(Exception):  # refused, or not the word that this door knows
            asyncio.run(asyncio.wait_for(ask(operation), 4))  # a web server never answers
        if mark.exists():
            return True
    return False


FILES = ("tls_ca_file", "tls_client_cert", "tls_client_key")


def test_nobody_without_the_key_runs_anything(guide: Running, unprotected: Running, tmp_path: Path) -> None:
    """Over plain TCP and with a key of their own, at every door of scheduler, worker and nanny."""
    other = tmp_path / "other.key"
    cluster.make_key(other)
    own, theirs = ({port for _, port in one.doors} for one in (guide, unprotected))
    assert len(own) >= 3 and len(theirs) >= 3
    with ThreadPoolExecutor(8) as threads:

        def taken(doors: set[int], how: str, key: Path | None = None) -> int:
            """How many doors an attack opens."""
            marks = [tmp_path / f"{how} {port}" for port in doors]
            return sum(threads.map(attack, doors, marks, [key] * len(doors)))

        assert taken(theirs, "plain") >= 2  # the scheduler and the worker
        assert taken(own, "plain") == 0
        assert taken(own, "other key", other) == 0
        assert taken(own, "the key", guide.key) >= 2


def http(address: str, port: int, page: str) -> str:
    """The first line of what comes back."""
    with contextlib.suppress(OSError), socket.create_connection((address, port), 2) as door:
        door.settimeout(5)
        door.sendall(f"GET {page} HTTP/1.0\r\n\r\n".encode())
        return door.recv(200).decode(errors="replace").partition("\r\n")[0]
    return ""


def test_no_dashboard(guide: Running, unprotected: Running) -> None:
    """Dask's web servers cannot be reached from elsewhere, and show nothing here."""
    pages = ("/", "/status", "/health", "/info/main/workers.html", "/json/counts.json", "/metrics")

    def answers(one: Running, address: str) -> set[str]:
        """What comes back for every page, at every door."""
        return {http(address, port, page) for _, port in one.doors for page in pages} - {""}

    assert any(" 200 " in line for line in answers(unprotected, OTHER))
    assert answers(guide, OTHER) == set()
    here = answers(guide, "127.0.0.1")
    assert here and all(" 404 " in line for line in here)


def test_no_folder_that_others_could_have_made(guide: Running) -> None:
    """Dask imports from its scratch folder: it must not be the one in /tmp that everybody knows."""
    for program in (guide.scheduler, guide.worker):
        for one in program.everyone():
            scratch = Path(one.environ()["DASK_TEMPORARY_DIRECTORY"])
            assert scratch.stat().st_mode & 0o077 == 0 and scratch.stat().st_uid == os.getuid()
    [folder] = re.findall(r"Local Directory: +(\S+)", guide.worker.log.read_text())
    assert Path(folder).is_relative_to(scratch)


def refused(address: str, key: Path | None, words: str, keyless: bool = False) -> None:
    with pytest.raises(cluster.NotReady, match=words):
        cluster.OnDask(address, key, sandboxed=True, keyless=keyless)


def test_an_unprotected_scheduler_is_refused_unseen(guide: Running, tmp_path: Path) -> None:
    """With a sentence, before a connection is made: what answers could be anybody's."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.setblocking(False)
        place = f"127.0.0.1:{door.getsockname()[1]}"
        risk = r"(?s)refused.*--key FILE.*run programs as\s+you.*--no-key"
        for address in (f"tcp://{place}", place, f"tls://{place}"):
            refused(address, None, risk)
        for address in (f"tcp://{place}", place, f"ws://{place}"):
            refused(address, guide.key, "refused.*tls://")
        with pytest.raises(BlockingIOError):
            door.accept()


def test_the_command_refuses_and_does_not_grade(unprotected: Running, tmp_path: Path) -> None:
    root = course_folder(tmp_path / "course", "alone")
    command = (
        f"python -m course grade {NAME} '{root / 'handed in'}' --course '{root}' --dask {unprotected.address}"
    )
    before = unprotected.scheduler.log.read_text()
    with Program(command, tmp_path, "grade.log") as grading:
        assert grading.process.wait(START) == 1
    said = grading.log.read_text()
    assert "not graded" in said and "--no-key takes that risk" in said and "Traceback" not in said
    assert unprotected.scheduler.log.read_text() == before
    assert not (root / "gradebook.db").exists()


def test_no_key_takes_the_risk(unprotected: Running) -> None:
    with cluster.OnDask(unprotected.address, None, sandboxed=True, keyless=True) as place:
        assert place.jobs == 1


def test_a_second_door_without_a_key_is_found(guide: Running, tmp_path: Path) -> None:
    """A scheduler that somebody has started by hand, with the key, but also open to all."""
    ports = free_port(), free_port()
    key = shlex.quote(str(guide.key))
    line = f"exec dask scheduler --protocol tls,tcp --port {ports[0]},{ports[1]}"
    line += f" --tls-ca-file {key} --tls-cert {key} --tls-key {key}"
    settings = {"DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "false", "PYTHONPATH": str(ROOT)}
    with Program(line, tmp_path, "scheduler.log", **settings) as scheduler:
        scheduler.says(rf"tcp://\S+:{ports[1]}")
        refused(f"tls://127.0.0.1:{ports[0]}", guide.key, rf"need no key \(tcp://\S*:{ports[1]}\)")


# --- What can go wrong with a key, an address, a worker -------------------------------------------


@pytest.fixture
def no_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """`course cluster` becomes Dask; a test must not."""

    def fail(*arguments: object) -> None:
        pytest.fail("it was started")

    monkeypatch.setattr(os, "execve", fail)


def test_a_new_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only its owner reads it, whatever the umask. No file is replaced, no link followed."""
    key, link = tmp_path / "one key", tmp_path / "link"
    before = os.umask(0)
    try:
        assert cluster.main("key", key, None, 1, 1) == 0
    finally:
        os.umask(before)
    assert key.stat().st_mode & 0o777 == 0o600
    data = key.read_bytes()
    link.symlink_to(tmp_path / "elsewhere")
    for path, words in (
        (key, "there already"),
        (link, "there already"),
        (tmp_path / "no" / "key", "cannot be written: No such"),
    ):
        with pytest.raises(CourseError, match=words):
            cluster.make_key(path)
    assert key.read_bytes() == data and not (tmp_path / "elsewhere").exists()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CourseError, match="openssl is missing"):
        cluster.make_key(tmp_path / "another")


def test_what_it_says_of_a_new_key_is_what_the_guide_says(tmp_path: Path, capsys) -> None:
    cluster.main("key", tmp_path / "cluster.key", None, 1, 1)
    said = capsys.readouterr().out.replace(str(tmp_path), "~").replace("NAME", NAME)
    shown = [line.partition("#")[0].strip() for line in said.splitlines()]
    for words in ("cluster scheduler", "cluster worker", "grade"):
        assert course(words) in shown
    assert "run programs as you" in said


def spoil(key: Path, how: str) -> None:
    text = key.read_text()
    certificate = text[text.index("-----BEGIN CERTIFICATE") :]
    if how == "gone":
        key.unlink()
    elif how == "shared":
        key.chmod(0o640)
    else:
        key.write_text(
            {"no certificate": text.replace(certificate, ""), "no key": certificate, "text": "hm"}[how]
        )


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("gone", "there is no key file"),
        ("shared", "others on this machine.*chmod 600"),
        ("no certificate", "is no key file.*make a new one"),
        ("no key", "is no key file.*make a new one"),
        ("text", "is no key file.*make a new one"),
    ],
)
def test_a_key_that_will_not_do(no_start, tmp_path: Path, how: str, words: str) -> None:
    """The same sentence from the grader, the scheduler and the worker, before they begin."""
    key = tmp_path / "cluster.key"
    cluster.make_key(key)
    cluster.check_key(key)
    spoil(key, how)
    address = "tls://127.0.0.1:9"
    refused(address, key, words)
    for part, to in (("scheduler", None), ("worker", address)):
        with pytest.raises(CourseError, match=f"no {part} was started.*{words}"):
            cluster.main(part, key, to, 1, 1)


@pytest.mark.parametrize(
    ("days", "words"), [(-1, "good from .* clock"), (cluster.DAYS + 1, "was good until .*make a new one")]
)
def test_a_key_has_its_days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, words: str) -> None:
    key = tmp_path / "cluster.key"
    cluster.make_key(key)
    now = time.time() + days * 86_400
    monkeypatch.setattr(cluster, "time", SimpleNamespace(time=lambda: now))
    refused("tls://127.0.0.1:9", key, words)


def test_a_key_where_students_code_could_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = tmp_path / "cluster.key"
    cluster.make_key(key)
    monkeypatch.setattr(sandbox, "readable", lambda: [str(tmp_path)])
    refused("tls://127.0.0.1:9", key, "students' code can read")


def test_addresses_of_processes(no_start, tmp_path: Path) -> None:
    key = tmp_path / "cluster.key"
    cluster.make_key(key)
    for part, address, words in (
        ("worker", None, "needs the scheduler's address"),
        ("worker", "tcp://127.0.0.1:9", "needs the scheduler's address"),
        ("scheduler", "tls://127.0.0.1:9", "only a worker"),
    ):
        with pytest.raises(CourseError, match=words):
            cluster.main(part, key, address, 1, 1)


def test_nobody_there(guide: Running, unprotected: Running, tmp_path: Path, monkeypatch) -> None:
    """No scheduler, one with another key, one without any, something that says nothing; each is told."""
    monkeypatch.setattr(cluster, "PATIENCE", 3.0)
    other = tmp_path / "other.key"
    cluster.make_key(other)
    refused("tls://127.0.0.1:9", guide.key, "no scheduler with the key .* answers at tls://127.0.0.1:9")
    refused("nonsense", None, "no Dask scheduler answers at nonsense", keyless=True)
    refused(guide.address, other, "another key than .*other.key")
    unkeyed = unprotected.address.replace("tcp", "tls")
    refused(unkeyed, guide.key, "no scheduler with the key .*cluster.key answers")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        refused(f"tcp://{place}", None, "no Dask scheduler answers", keyless=True)
        refused(f"tls://{place}", guide.key, "no scheduler with the key")


def test_a_worker_without_a_sandbox(guide: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "missing", lambda: "bubblewrap is not installed")
    refused(guide.address, guide.key, "the worker tls://.* has no sandbox: bubblewrap is not installed")


def test_no_worker_and_one_with_another_key(guide: Running, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", 3.0)
    other = tmp_path / "other.key"
    cluster.make_key(other)
    port = free_port()
    with Program(f"exec {course('cluster scheduler')} --port {port}", guide.home, "second.log") as scheduler:
        scheduler.says("Scheduler at")
        address = f"tls://127.0.0.1:{port}"
        line = (
            course("cluster worker")
            .replace("tls://ADDRESS:8786", address)
            .replace("~/cluster.key", str(other))
        )
        with Program(f"exec {line}", tmp_path, "worker.log"):
            scheduler.says("TLS handshake failed")
            refused(address, guide.key, rf"(?s)has no worker.*cluster worker .*cluster.key {address}")


# --- Grading --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> grade.Options:
    """Some of the class in a course of their own."""
    root = course_folder(tmp_path_factory.mktemp("course"), *PUPILS)
    return grade.Options(NAME, root / "handed in", root, jobs=2)


@pytest.fixture(scope="module")
def wanted(here: grade.Options) -> list[Any]:
    """Their rows, graded on this machine."""
    return grade.grade(here)[0]


def test_the_guides_command_grades(guide: Running, here: grade.Options, wanted: list, tmp_path: Path) -> None:
    """Three notebooks: the same marks, in the same table."""
    three = ("alone", "wrong", "partial")
    root = course_folder(tmp_path / "course", *three)

    def used() -> int:
        """How often a grader has said good-bye to the worker."""
        return guide.worker.log.read_text().count("close_warm")

    before = used()
    line = guide.typed("grade").replace("FOLDER", shlex.quote(str(root / "handed in")))
    with Program(f"{line} --course {shlex.quote(str(root))}", guide.home, "grade.log") as grading:
        assert grading.process.wait(300) == 0, grading.log.read_text()
    rows = [row for row in wanted if row.student in three]
    assert len(rows) == 3 and rows[0].total == HONEST
    tasks = {task.name: task.most for task in book.Book(root, NAME).tasks}
    found = (root / "marks" / f"{NAME}.csv").read_text(encoding="utf-8-sig")
    assert found == table.as_csv(rows, tasks)
    assert used() > before


def test_a_machine_is_lost(
    guide: Running, here: grade.Options, wanted: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second worker, killed half-way with its nanny: the same table, nobody lost, nobody marked twice."""
    recorded: list[str] = []
    record = book.Book.record

    def count(self: book.Book, student: str, *rest: Any) -> Any:
        recorded.append(student)
        return record(self, student, *rest)

    monkeypatch.setattr(book.Book, "record", count)
    with Program(f"exec {guide.typed('cluster worker')}", guide.home, "second worker.log") as second:
        second.says("Registered to")
        killed = threading.Event()

        def kill() -> None:
            while not recorded or not any(_name(one) == "bwrap" for one in second.everyone()):
                time.sleep(0.02)  # until it has a notebook
            for one in second.everyone():
                one.send_signal(signal.SIGKILL)
            killed.set()

        threading.Thread(target=kill, daemon=True).start()
        root = course_folder(tmp_path / "course")
        options = dataclasses.replace(here, root=root, dask=guide.address, key=guide.key)
        rows, _ = grade.grade(options)
        assert killed.is_set()
    assert rows == wanted
    assert len(recorded) == len(set(recorded))


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.Error:  # it has ended
        return ""
