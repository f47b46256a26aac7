"""A place to run a student's cells: bubblewrap's, or none at all if somebody asks for that.

bubblewrap makes a fresh one for each submission: no network, no home, no course; the system and Python
read-only; /tmp in memory. Starting Python and torch in each would take seconds. So one warm process
(warm.py), which has loaded torch and holds nothing else, forks a copy of itself for each submission, and
the copy moves into the sandbox's namespaces and gives up all its rights before it runs anything.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import platform
import resource
import select
import shutil
import signal
import site
import struct
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ..errors import ROOT
from . import meter

NAMESPACES = ("user", "mnt", "pid", "net", "ipc", "uts")
DEVICES = ("null", "full", "random", "urandom")  # "zero" gives shared memory that no process is charged for
SYSTEM = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/ld.so.cache",
)
PROGRAMS = ("bin", "include", "lib", "lib64", "share", "pyvenv.cfg")  # a Python's own, in its folder
Started = TypeVar("Started")
STARTS = 3
PAUSE = 0.5  # seconds between them
WATCH_SECONDS = 0.05
BUSY = 4.0  # so many times longer a notebook may take where others use the processors
RESTRICTED = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"  # Ubuntu, from 23.10 on


@dataclass(frozen=True)
class Limits:
    """What one submission may use."""

    cell_seconds: float = 30.0
    call_seconds: float = 20.0
    notebook_seconds: float = 240.0  # all three: of its own, while it does not wait for a processor
    memory: int = 4 << 30
    processes: int = 64  # and threads
    disk: int = 256 << 20
    files: int = 50_000  # an empty one takes memory, too
    restarts: int = 20

    @property
    def wall_seconds(self) -> float:
        """By the clock, however busy the machine is."""
        return BUSY * self.notebook_seconds


class SandboxError(Exception):
    """The sandbox cannot be made on this machine."""


def surely(start: Callable[[], Started]) -> Started:
    """What `start` gives. It may fail: a machine short of memory or processes has some a moment later.

    Raises:
        SandboxError: it failed each time.
    """
    for number in range(1, STARTS):
        try:
            return start()
        except SandboxError:
            time.sleep(number * PAUSE)
    return start()


def missing() -> str | None:
    """Why there is no sandbox on this machine; None if there is one."""
    if not sys.platform.startswith("linux"):
        return f"bubblewrap runs on Linux only; this is {sys.platform}"
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed (on Debian and Ubuntu: apt-get install bubblewrap)"
    try:
        surely(lambda: Sandbox(Limits()).__enter__()).__exit__()
        return None
    except SandboxError as error:
        why = f"bubblewrap does not start here: {error}"
        if os.path.exists(RESTRICTED) and Path(RESTRICTED).read_text().strip() != "0":
            why += "\n(here a program needs an AppArmor profile before it may start sandboxes: "
            why += "an administrator gives bubblewrap one, as docs/grading.md says)"
        return why


def readable() -> list[str]:
    """The folders that a sandbox shows, read-only: the system and this Python, with its packages."""
    python = {sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib"), *site.getsitepackages()}
    if site.ENABLE_USER_SITE:
        python.add(site.getusersitepackages())
    for path in [path for path in python if path and ROOT.is_relative_to(os.path.realpath(path))]:
        # The course lies in Python's folder (`python -m venv .`), and with it the solutions.
        python.remove(path)
        python.update(os.path.join(path, name) for name in PROGRAMS)
    shown: list[str] = []
    for path in (*SYSTEM, *sorted(os.path.realpath(path) for path in python if path), *sorted(python)):
        inside = any(Path(path).is_relative_to(folder) for folder in shown)
        if os.path.exists(path) and not (inside and not os.path.islink(path)):
            shown.append(path)
    return shown


def command(limits: Limits) -> list[str]:
    """bubblewrap's command line; what it starts says a word when the sandbox stands, then waits."""
    line = ["bwrap", "--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    line += ["--unshare-cgroup-try", "--hostname", "sandbox", "--new-session", "--die-with-parent"]
    # /tmp first: a folder that is shown below may lie in it.
    line += ["--size", str(limits.disk), "--tmpfs", "/tmp", "--dir", "/tmp/home"]
    for path in readable():
        line += ["--symlink", os.readlink(path), path] if os.path.islink(path) else ["--ro-bind", path, path]
    if any(ROOT.is_relative_to(path) for path in readable()):
        line += ["--tmpfs", str(ROOT)]
        for path in (sys.prefix, sys.base_prefix):
            if Path(path).is_relative_to(ROOT) and path != str(ROOT):
                line += ["--ro-bind", path, path]
    # Read-only: for root, most of /proc/sys is open, whatever rights have been given up.
    line += ["--proc", "/proc", "--remount-ro", "/proc", "--tmpfs", "/dev"]
    for name in DEVICES:
        line += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
    line += ["--size", str(limits.disk), "--tmpfs", "/dev/shm"]
    line += ["--chdir", "/tmp", "--remount-ro", "/dev", "--remount-ro", "/", "--cap-drop", "ALL"]
    line += ["--as-pid-1"]
    return line


class Process:
    """A running process; unlike its number, this never comes to mean another one."""

    def __init__(self, pid: int) -> None:
        self.pid, self._ended = pid, False
        self._door: int | None = None
        try:
            self._door = os.pidfd_open(pid)
        except ProcessLookupError:
            self._ended = True
        except (AttributeError, OSError):  # not on macOS, nor in every Python; then its number has to do
            pass

    def signal(self, number: int) -> None:
        """Send a signal; nothing happens if the process has ended."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self._door is not None:
                signal.pidfd_send_signal(self._door, number)
            elif not self._ended:
                os.kill(self.pid, number)

    def close(self) -> None:
        if self._door is not None:
            os.close(self._door)
        self._door, self._ended = None, True


class _Place:
    """Where a student's process runs; a thread watches what it uses.

    own: the time that it had, and could have had by the clock (meter.py).
    """

    pid: int | None = None

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.why = ""  # why it was ended from here: it used more than it may
        self.student: Process | None = None
        self.own = meter.Meter()
        self._ended = threading.Event()

    def kill(self) -> None:
        raise NotImplementedError

    def watch(self, student: Process) -> None:
        """From now on, with the student's process in it."""
        self.student = student
        self.own = meter.Meter()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        """Processes, memory and time of all of it, which no limit of a single process bounds."""
        # The student's process has come from outside: it is no child of the sandbox's first one.
        known = [one for one in (self.pid, self.student and self.student.pid) if one]
        while not self._ended.wait(WATCH_SECONDS):
            self.why = self._too_much(self.own.look(known))
            if self.why:
                self.kill()
                return

    def _too_much(self, used: meter.Usage) -> str:
        if used.threads > self.limits.processes:
            return f"it started more than {self.limits.processes} processes or threads"
        if self.pid and meter.files(self.pid) > self.limits.files:
            return f"it made more than {self.limits.files:,} files"
        if used.memory > self.limits.memory:
            return f"it used more than {self.limits.memory >> 20:,} MB of memory"
        return ""


class Sandbox(_Place):
    """A sandbox, from `with` to the end of the block; then everything in it is killed."""

    def __enter__(self) -> Sandbox:
        read, write = os.pipe()
        try:
            line = [*command(self.limits), "--info-fd", str(write), "sh", "-c", "echo; exec cat"]
            self._process = subprocess.Popen(
                line,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[write],
                env={"PATH": os.environ.get("PATH", os.defpath)},
            )
        except OSError as error:
            os.close(read)
            raise SandboxError(str(error)) from error
        finally:
            os.close(write)
        output = self._process.stdout
        said = output.readline() if output and select.select([output], [], [], 20)[0] else b""
        told = os.read(read, 4096) if said else b""
        os.close(read)
        if not told:
            self._process.kill()
            _, errors = self._process.communicate()
            raise SandboxError(errors.decode(errors="replace").strip()[:500] or "it says nothing")
        self.pid = int(json.loads(told)["child-pid"])
        self._first = Process(self.pid)
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self.kill()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream:
                stream.close()
        self._process.wait()
        self._first.close()

    def kill(self) -> None:
        """End every process in it: the kernel does so when the first one ends."""
        self._first.signal(signal.SIGKILL)
        self._process.kill()


class NoSandbox(_Place):
    """What stands in for a sandbox where none is wanted: an empty folder, limits of time and memory."""

    def __enter__(self) -> NoSandbox:
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.folder = self._folder.name
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._folder.cleanup()

    def kill(self) -> None:
        """End what the student's process has started; it has a group of its own."""
        if self.student:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.student.pid, signal.SIGKILL)


# --- In the copy of the warm process, before a student's code ------------------------------------


def enter(pid: int) -> None:
    """Move this process into the sandbox whose first process is `pid`; its next child is all inside.

    Raises:
        OSError: the kernel does not let it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    doors = [os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY) for name in NAMESPACES]
    for name, door in zip(NAMESPACES, doors, strict=True):
        if libc.setns(door, 0):
            raise OSError(ctypes.get_errno(), f"setns {name}: {os.strerror(ctypes.get_errno())}")
        os.close(door)
        if name == "user":  # no namespaces inside: the fewer doors in the kernel, the better
            with contextlib.suppress(OSError):
                Path("/proc/sys/user/max_user_namespaces").write_text("0")
    os.chdir("/tmp")


def first_to_go() -> None:
    """If the machine's memory runs out, the kernel ends this process and what it starts, not others."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def give_up_rights() -> None:
    """No capabilities, now or after starting any program."""
    libc = ctypes.CDLL(None, use_errno=True)
    set_no_new_privileges, drop_from_bounding_set = 38, 24
    for capability in range(64):
        libc.prctl(drop_from_bounding_set, capability, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this process
    none = (ctypes.c_uint32 * 6)()
    if libc.capset(header, none) or libc.prctl(set_no_new_privileges, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "rights cannot be given up")
    _refuse_calls(libc)


# By machine: its number (AUDIT_ARCH_...), and the calls of the kernel that are refused. They make memory
# that no process is charged for (memfd_create, memfd_secret, shmget, msgget, semget), look into other
# processes (ptrace, process_vm_readv and _writev, pidfd_getfd), or are large and of no use here (keyctl,
# add_key, request_key, bpf, perf_event_open, userfaultfd, io_uring_setup, unshare, setns, mount).
# The last two are refused in part: mmap of shared memory without a file, socket of rare families.
CALLS = {
    "x86_64": (
        0xC000003E,
        (319, 447, 29, 68, 64, 101, 310, 311, 438, 250, 248, 249, 321, 298, 323, 425, 272, 308, 165),
        9,
        41,
    ),
    "aarch64": (
        0xC00000B7,
        (279, 447, 194, 186, 190, 117, 270, 271, 438, 219, 217, 218, 280, 241, 282, 425, 97, 268, 40),
        222,
        198,
    ),
}
FAMILIES = (1, 16)  # of sockets: unix, netlink. There is no network, and TCP's buffers would be large


def _refuse_calls(libc: ctypes.CDLL) -> None:
    """A seccomp filter; where the machine or its kernel has none, the other walls have to do."""
    if platform.machine() not in CALLS:
        return
    machine, refused, mmap, new_socket = CALLS[platform.machine()]
    load, equal, at_least, bits, end = 0x20, 0x15, 0x35, 0x54, 0x06
    allow, refuse = (end, 0, 0, 0x7FFF0000), (end, 0, 0, 0x00050000 | 1)  # with EPERM
    shared_without_file = 0x21
    program = [
        (load, 0, 0, 4),
        (equal, 1, 0, machine),
        refuse,
        (load, 0, 0, 0),
        (at_least, 0, 1, 0x40000000),  # another set of numbers for the same calls
        refuse,
    ]
    for number in refused:
        program += [(equal, 0, 1, number), refuse]
    program += [
        *[(equal, 0, 4, mmap), (load, 0, 0, 40), (bits, 0, 0, shared_without_file)],
        *[(equal, 0, 1, shared_without_file), refuse],
        # After mmap what is loaded is no longer the number, but never that of `socket` either.
        *[(equal, 1, 0, new_socket), allow, (load, 0, 0, 16)],
        *[(equal, len(FAMILIES) - place, 0, family) for place, family in enumerate(FAMILIES)],
        *[refuse, allow],
    ]
    code = b"".join(struct.pack("=HBBI", *line) for line in program)
    held = ctypes.create_string_buffer(code)
    whole = struct.pack("@HP", len(program), ctypes.addressof(held))
    libc.prctl(22, 2, ctypes.create_string_buffer(whole), 0, 0)


def limit(limits: Limits) -> None:
    """The limits of a single process; `Sandbox` watches all of them together."""
    used = _virtual_memory()
    for kind, most in (
        (resource.RLIMIT_AS, used + limits.memory),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, limits.disk),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_CPU, int(limits.wall_seconds)),
    ):
        _, hard = resource.getrlimit(kind)
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        with contextlib.suppress(ValueError, OSError):  # macOS lacks some
            resource.setrlimit(kind, (most, most))


def limit_memory(most: int) -> None:
    """Bytes that this process may take besides what it has."""
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (_virtual_memory() + most,) * 2)


def _virtual_memory() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 8 << 30


def end(process: Process) -> None:
    """Kill a process."""
    process.signal(signal.SIGKILL)
    process.close()
