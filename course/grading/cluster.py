"""A Dask cluster to grade on: its key, its processes, and the jobs that go to its workers.

Whoever reaches a scheduler or a worker of Dask can run programs as the person who started it; Dask by
itself asks nobody who he is. So here all connections are TLS, and both ends must hold the same key file:
a private key and its certificate, which vouches for itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import shlex
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ..errors import ROOT, CourseError
from . import sandbox

if TYPE_CHECKING:  # they load torch, for which nobody waits who makes a key
    from .checker import Job, Result
    from .execute import Watch

PATIENCE = 20.0  # seconds that a scheduler gets to answer, and then to have a worker
POLL = 0.05  # seconds
PORT = 8786  # Dask's own choice
DAYS = 365
PARTS = ("key", "scheduler", "worker")
INSTALL = "a Dask cluster needs a package: pip install distributed"
MAKE = "python -m course cluster key"

# What openssl shall make. All is said here, so that nothing comes from the settings of this machine.
REQUEST = """
[req]
distinguished_name = name
x509_extensions = own
prompt = no
[name]
CN = course cluster
[own]
basicConstraints = critical, CA:TRUE
subjectKeyIdentifier = hash
"""

NO_KEY = f"""to use a cluster takes its key: --dask tls://ADDRESS:{PORT} --key FILE, with the file that
`{MAKE} FILE` has made. Without one, anybody who reaches the scheduler can run programs as you,
and read and change what is graded: all in its network, and all on its machine, even if it listens there
alone. --no-key takes that risk"""


class NotReady(Exception):
    """The cluster is not there, or not safe; the text says what to do."""


# --- Jobs on its workers --------------------------------------------------------------------------


class OnDask:
    """On the workers of a Dask cluster, each in its own sandbox; a lost worker's jobs go to another.

    Args:
        address: the scheduler's, tls://HOST:PORT.
        key: the cluster's key file.
        keyless: connect without a key, to any address, and trust all who can do the same.

    Raises:
        NotReady: no key, or one that will not do; no such scheduler, one with another key or with a door
            that is open to all; no worker, or a worker that lacks the sandbox.
    """

    puts_off = False  # what a worker has begun cannot be taken from it

    def __init__(self, address: str, key: Path | None, sandboxed: bool, keyless: bool = False) -> None:
        if not keyless:  # before anything is sent: what answers could be anybody's
            _check_address(address, key)
        try:
            import distributed
        except ImportError as error:
            raise NotReady(INSTALL) from error
        security = _security(key) if key else distributed.Security()
        try:
            asyncio.run(_knock(address, security))
            self._client = distributed.Client(
                address, security=security, timeout=PATIENCE, set_as_default=False
            )
        except Exception as error:  # an address that is none gives errors of many kinds
            raise NotReady(_no_answer(address, key, error)) from error
        try:
            self.jobs = self._prepare(address, sandboxed, key)
        except BaseException:
            self._client.close()
            raise

    def _prepare(self, address: str, sandboxed: bool, key: Path | None) -> int:
        """How many jobs its workers run at a time."""
        if key and (plain := [at for at in self._doors(address) if not _is_tls(at)]):
            reason = f"the cluster at {address} has doors that need no key ({', '.join(plain)}): start"
            raise NotReady(f"{reason} its scheduler and its workers with `python -m course cluster`")
        try:
            self._client.wait_for_workers(1, timeout=PATIENCE)
        except Exception as error:
            reason = f"the scheduler at {address} has no worker; on each machine, in this folder, type\n"
            raise NotReady(reason + f"python -m course cluster worker {key or 'FILE'} {address}") from error
        try:
            told = self._client.run(sandbox.missing) if sandboxed else {}
        except Exception as error:  # a worker has gone meanwhile
            raise NotReady(f"a worker at {address} was lost ({error}): type the same again") from error
        for worker, why in told.items():
            if why:
                raise NotReady(f"the worker {worker} has no sandbox: {why}")
        return sum(self._client.nthreads().values())

    def _doors(self, address: str) -> list[str]:
        try:
            return self._client.run_on_scheduler(listening)
        except Exception as error:  # above all: it cannot import this file
            reason = f"the scheduler at {address} does not know this course ({type(error).__name__}: {error})"
            raise NotReady(f"{reason}: start it with `python -m course cluster scheduler`") from error

    def __enter__(self) -> OnDask:
        return self

    def __exit__(self, *exception: object) -> None:
        from .pool import close_warm

        with contextlib.suppress(Exception):
            self._client.run(close_warm)
        self._client.close()

    def run(self, job: Job, watch: Watch) -> Result:
        """On whichever worker has room; several threads may ask."""
        from .pool import execute_here

        # Not pure: two students may hand in the same notebook, and each is marked.
        future = self._client.submit(execute_here, job, pure=False)
        try:
            while not future.done():
                watch()
                time.sleep(POLL)
            return future.result()
        finally:
            future.release()


def listening(dask_scheduler: Any) -> list[str]:
    """Run on the scheduler: where it and its workers listen."""
    doors = [listener.listen_address for listener in dask_scheduler.listeners]
    for worker in dask_scheduler.workers.values():
        doors += [address for address in (worker.address, worker.nanny) if address]
    return doors


def _check_address(address: str, key: Path | None) -> None:
    if key is None:
        raise NotReady(f"{address} is refused: {NO_KEY}")
    if not _is_tls(address):
        reason = f"{address} is refused: it does not begin with tls://, so it asks nobody for a key"
        raise NotReady(f"{reason}. Start it with `python -m course cluster scheduler {key}`")
    check_key(key)


def _is_tls(address: str | None) -> bool:
    return address is not None and address.startswith("tls://")


def _security(key: Path) -> Any:
    from distributed import Security

    file = str(key)
    return Security(require_encryption=True, tls_ca_file=file, tls_client_cert=file, tls_client_key=file)


async def _knock(address: str, security: Any) -> None:
    """Connect, and go again: a Client that does not come to be may wait for ever, here or at its end."""
    from distributed.core import connect

    args = security.get_connection_args("client")
    comm = await asyncio.wait_for(connect(address, timeout=PATIENCE, **args), PATIENCE + 1)
    await comm.close()


def _no_answer(address: str, key: Path | None, error: Exception) -> str:
    """Why there is no connection. What is no scheduler, or one without a key, gives errors of many kinds."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            reason = f"the scheduler at {address} has another key than {key} ({cause.verify_message})"
            return f"{reason}: use the file that it was started with"
    why = str(error) or "it says nothing"
    if key is None:
        return f"no Dask scheduler answers at {address}: {why}"
    reason = f"no scheduler with the key {key} answers at {address} ({why})"
    return f"{reason}: is it started, with `python -m course cluster scheduler`?"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__ or error.__context__


# --- Its key --------------------------------------------------------------------------------------


def make_key(path: Path, days: int = DAYS) -> None:
    """Write a new key file, which only its owner can read; it is good for so many days.

    Raises:
        CourseError: the file is there already or cannot be written; openssl is not there, or fails.
    """
    with tempfile.TemporaryDirectory() as name:  # closed to others
        request, key, certificate = (Path(name) / file for file in ("request", "key", "certificate"))
        request.write_text(REQUEST)
        line = ["openssl", "req", "-x509", "-newkey", "rsa:3072", "-nodes", "-sha256", "-days", str(days)]
        line += ["-config", str(request), "-keyout", str(key), "-out", str(certificate)]
        try:
            subprocess.run(line, check=True, capture_output=True, text=True)
        except FileNotFoundError as error:
            reason = "not made: the program openssl is missing (Debian, Ubuntu: apt-get install openssl)"
            raise CourseError(path, reason) from error
        except subprocess.CalledProcessError as error:
            raise CourseError(path, f"not made: openssl says {error.stderr.strip()[-500:]}") from error
        data = key.read_bytes() + certificate.read_bytes()
    try:
        door = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)  # no link is followed either
    except FileExistsError as error:
        reason = "it is there already, and a cluster may be using it. Name a new file, or remove this one"
        raise CourseError(path, reason) from error
    except OSError as error:
        raise CourseError(path, f"cannot be written: {error.strerror}") from error
    with open(door, "wb") as file:
        file.write(data)


def check_key(path: Path) -> None:
    """Is this a key file to use, here and now?

    Raises:
        NotReady: there is none, others can read it, it is something else, or its days are over.
    """
    again = f"make a new one (`{MAKE} FILE`), copy it to each machine, and start the cluster with it"
    if not path.is_file():
        raise NotReady(f"there is no key file {path}: copy it from where it was made, or {again}")
    if path.stat().st_mode & 0o077:
        raise NotReady(f"others on this machine may use the key file {path}: chmod 600 {path}")
    if any(path.resolve().is_relative_to(folder) for folder in sandbox.readable()):
        raise NotReady(f"students' code can read the key file {path}: keep it in your home")
    try:
        context = ssl.create_default_context(cafile=str(path))
        context.load_cert_chain(path, password=lambda: "")  # one with a password would ask at the terminal
        [certificate] = context.get_ca_certs()
    except (OSError, ValueError) as error:
        raise NotReady(f"{path} is no key file ({error}): {again}") from error
    first, last = str(certificate["notBefore"]), str(certificate["notAfter"])
    now = time.time()
    if now > ssl.cert_time_to_seconds(last):
        raise NotReady(f"the key file {path} was good until {last}: {again}")
    if now < ssl.cert_time_to_seconds(first):
        raise NotReady(f"the key file {path} is good from {first} on: is this machine's clock right?")


# --- Its processes --------------------------------------------------------------------------------


def main(part: str, key: Path, address: str | None, jobs: int, port: int) -> int:
    """Make a key, or become the scheduler or a worker.

    Raises:
        CourseError: a key that will not do, a worker without an address, no Dask.
    """
    if part == "worker" and not _is_tls(address):
        reason = (
            f"no worker was started: it needs the scheduler's address after this file, tls://ADDRESS:{PORT}"
        )
        raise CourseError(key, reason)
    if part != "worker" and address:
        raise CourseError(key, f"only a worker takes an address; a {part} has no use for {address}")
    if part == "key":
        make_key(key)
        print(_usage(key))
        return 0
    try:
        check_key(key)
    except NotReady as error:
        raise CourseError(key, f"no {part} was started: {error}") from error
    if importlib.util.find_spec("distributed") is None:
        raise CourseError(key, f"no {part} was started: {INSTALL}")
    _become([part] if part == "scheduler" else [part, str(address)], key, jobs, port)


def _usage(key: Path) -> str:
    file = shlex.quote(str(key))
    return f"""{file} is the key of a cluster, for {DAYS} days. Whoever has it can run programs as you, on
every machine of the cluster. Copy it only to machines that you trust, into your own home (scp -p). Then type

python -m course cluster scheduler {file}                      # here; it prints its address
python -m course cluster worker {file} tls://ADDRESS:{PORT}      # on each machine, in its copy of this folder
python -m course grade NAME FOLDER --dask tls://ADDRESS:{PORT} --key {file}"""


def _become(words: list[str], key: Path, jobs: int, port: int) -> NoReturn:
    command = [sys.executable, "-m", "dask", *words, *options(words[0], key, jobs, port)]
    sys.stdout.flush()
    os.execve(command[0], command, {**os.environ, **environment()})  # Ctrl-C and `kill` reach Dask itself


def options(part: str, key: Path, jobs: int, port: int) -> list[str]:
    """Dask's options for a scheduler or a worker.

    Dask's web server cannot be turned off, and by itself listens on every address: it gets this machine's
    own, and `environment` takes its pages away.
    """
    tls = [word for name in ("ca-file", "cert", "key") for word in (f"--tls-{name}", str(key))]
    own = ["--port", str(port)] if part == "scheduler" else ["--nthreads", str(jobs)]
    return [*own, *tls, "--no-dashboard", "--dashboard-address", "127.0.0.1:0"]


def environment() -> dict[str, str]:
    """Variables for Dask, which prevail over what a machine's or a user's own settings of Dask say."""
    path = os.environ.get("PYTHONPATH")
    return {
        "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "true",
        "DASK_DISTRIBUTED__SCHEDULER__HTTP__ROUTES": "[]",
        "DASK_DISTRIBUTED__WORKER__HTTP__ROUTES": "[]",
        # Dask imports from its folder for scratch. In /tmp, under the name that everybody knows, another
        # user could have made it before, and put files into it.
        "DASK_TEMPORARY_DIRECTORY": tempfile.mkdtemp(prefix="dask-"),
        "PYTHONPATH": f"{ROOT}{os.pathsep}{path}" if path else str(ROOT),
    }
