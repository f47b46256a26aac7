"""What students' code may do to itself and may not do to others: attacks on `python -m course grade`.

Each attack is a submission of its own to a small assignment, and several run side by side, as in a class.
In each, the second task is right: its full marks show that the attack has cost nothing else. Nothing here
is skipped: grading needs bubblewrap (tests/system.sh installs it).
"""

from __future__ import annotations

import ctypes
import dataclasses
import json
import math
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from fractions import Fraction
from pathlib import Path

import fresh
import nbformat
import numpy
import pytest
import torch
from nbformat import v4
from nbgrader.utils import determine_grade

from course.grading import meter, packing, sandbox, wire
from course.grading.checker import Job, Step
from course.grading.execute import NotMarked, execute, make_job, with_outputs
from course.grading.marks import grade_id, is_test
from course.grading.sandbox import Limits
from course.grading.warm import Warm
from course.sources import HIDDEN_MARKS

LIMITS = Limits(memory=1 << 30, processes=40, disk=32 << 20, files=2_000)
SIDE_BY_SIDE = 5
SECRET = "zweiundvierzig"  # stands in the hidden tests only

DOUBLE = "def double(x):\n    return 2 * x\n"
TOTAL = "def total(numbers):\n    return sum(numbers)\n"


def marks(name: str, **more: object) -> dict:
    rest = {"locked": False, "grade": False, "solution": False, "schema_version": 3, "task": False}
    return {"nbgrader": {**rest, "grade_id": name, **more}}


def cell(source: str, name: str, **more: object):
    return v4.new_code_cell(source, id=name, metadata=marks(name, **more))


def hidden(source: str) -> str:
    return f"### {HIDDEN_MARKS[0]}\n{source}\n### {HIDDEN_MARKS[1]}"


ASSIGNMENT = v4.new_notebook(
    cells=[
        cell(
            "import torch\n\ndef same(a, b):\n    assert torch.equal(a, b), 'not the same'",
            "given",
            locked=True,
        ),
        cell(DOUBLE, "double", solution=True),
        cell(
            "same(double(torch.ones(2)), torch.full((2,), 2.0))",
            "double_by_hand",
            **{"grade": True, "locked": True, "points": 1},
        ),
        cell(
            hidden(
                f"'{SECRET}'\npoints = 0\nfor _ in range(8):\n    x = torch.randn(3)\n"
                "    try:\n        same(double(x), 2 * x)\n        points += 0.25\n"
                "    except Exception as error:\n        print(error)\npoints"
            ),
            "double_hidden",
            **{"grade": True, "locked": True, "points": 2},
        ),
        cell(TOTAL, "total", solution=True),
        cell(
            "assert total([1, 2]) == 3",
            "total_by_hand",
            **{"grade": True, "locked": True, "points": 1},
        ),
        cell(
            hidden("assert total([1.5, 2, 3]) == 6.5\n2.0"),
            "total_hidden",
            **{"grade": True, "locked": True, "points": 2},
        ),
    ]
)
ALL = {"double_by_hand": 1, "double_hidden": 2, "total_by_hand": 1, "total_hidden": 2}
NO_DOUBLE = ALL | {"double_by_hand": 0, "double_hidden": 0}

# Cells that a student puts first, with what they say in the end. The tasks are right: full marks.
CELLS = {
    "runs a command": ("word = 'hello'\n!echo {word} you", "hello you"),
    "exits": ("import os\nos._exit(0)", "process has ended"),
    "sys.exit": ("import sys\nsys.exit()", "SystemExit"),
    "crashes": ("import ctypes\nctypes.string_at(0)", "process has ended"),
    "asks": ("input()", "EOFError"),
    "hangs": ("while True:\n    pass", "loop without an end"),
    "hangs and ignores interrupts": (
        "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(1e6)",
        "loop without an end",
    ),
    "hangs and catches everything": (
        "import time\nwhile True:\n    try:\n        time.sleep(9)\n    except BaseException:\n        pass",
        "loop without an end",
    ),
    "a child keeps the line open": (
        "import os, time\nif os.fork():\n    os._exit(0)\nos.setsid()\ntime.sleep(1e6)",
        "loop without an end",
    ),
    "closes all files": ("import os\nos.closerange(0, 256)", "process has ended"),
    "kills everybody": (
        # Only inside: that the numbers are the sandbox's own is seen first.
        "import os, signal\nassert os.getpid() < 100 and os.getppid() == 0\n"
        "os.kill(1, signal.SIGKILL)\nos.kill(-1, signal.SIGKILL)",
        "No such process",
    ),
    "forks": (
        "import os, time\nfor _ in range(9):\n    os.fork()\ntime.sleep(1e6)",
        "more than",
    ),
    "threads": (
        "import threading, time\nthreading.stack_size(1 << 16)\nfor _ in range(500):\n"
        "    threading.Thread(target=time.sleep, args=(1e6,), daemon=True).start()\ntime.sleep(1e6)",
        "more than 40 processes or threads",
    ),
    "memory": ("import torch\nx = torch.empty(3 << 30, dtype=torch.uint8).fill_(1)", "allocate"),
    "memory of a list": ("x = []\nwhile True:\n    x.append(bytearray(1 << 20))", "emory"),
    "memory of many processes": (
        "import os, time\nfor _ in range(5):\n    if not os.fork():\n"
        "        x = bytearray(os.urandom(1 << 20) * 300)\n        time.sleep(1e6)\ntime.sleep(1e6)",
        "MB of memory",
    ),
    "memory of nobody": (
        "import ctypes, mmap, os, socket\nlibc, refused = ctypes.CDLL(None), []\n"
        "calls = [lambda: mmap.mmap(-1, 9), lambda: os.memfd_create('x'), lambda: socket.socket(40, 1)]\n"
        "for call in calls:\n"
        "    try:\n        call()\n    except PermissionError:\n        refused.append(1)\n"
        "refused.append(libc.shmget(0, 1 << 20, 0o1600))\nprint(refused)",
        "[1, 1, 1, -1]",
    ),
    "memory of sockets": (
        "import sys, time\ncode = '''import socket, time\nkept = []\ntry:\n    while True:\n"
        "        kept += socket.socketpair()\n        for one in kept[-2:]:\n"
        "            one.setblocking(False)\n            try:\n                while True:\n"
        "                    one.send(bytes(1 << 16))\n            except BlockingIOError:\n"
        "                pass\nexcept OSError:\n    time.sleep(1e6)'''\n"
        "import subprocess\nfor _ in range(20):\n    subprocess.Popen([sys.executable, '-SEc', code])\n"
        "time.sleep(1e6)",
        "MB of memory",
    ),
    "fills the disk": (
        "for folder in ('/tmp', '/dev/shm'):\n    try:\n        for i in range(99):\n"
        "            open(f'{folder}/{i}', 'wb').write(bytes(1 << 20))\n    except OSError as error:\n"
        "        print(error, i < 40)\nopen('/dev/x', 'w')",
        "Read-only file system",
    ),
    "many files": (
        "import time\nfor i in range(4_000):\n    open(f'/tmp/{i}', 'w').close()\ntime.sleep(1e6)",
        "more than 2,000 files",
    ),
    "prints without an end": ("while True:\n    print('x' * 1000)", "loop without an end"),
    "prints many lines": ("print('x\\n' * 5_000)", "4,001 lines more are left out"),
    "prints much": ("print('x' * 200_000_000)", "characters more"),
    "shows much": (
        "import base64\nfrom IPython.display import display\n"
        "text = base64.b64encode(b'\\x89PNG' + bytes(1_400_000)).decode()\n"
        "for _ in range(10_000):\n    display({'text/plain': 'x', 'image/png': text}, raw=True)\n"
        "print('end')",
        "end",
    ),
    "a large error": ("raise ValueError('x' * 100_000_000)", "ValueError"),
    "an error that hides": (
        "class E(Exception):\n    def __str__(self):\n        raise self\nraise E()",
        "E",
    ),
    "half a character": ("print('\\ud800')", "?"),
    "noise on the line": ("import os\nos.write(3, os.urandom(4096))", "process has ended"),
    "half a message": (
        "import os, struct, time\nos.write(3, struct.pack('>QQ', 100, 15_000_000))\ntime.sleep(1e6)",
        "loop without an end",
    ),
    "a message that is too long": ("import os\nos.write(3, b'\\xff' * 32)\nwhile 1: 0", "has ended"),
    "questions without an end": (
        "import os, json, struct\n"
        "head = json.dumps({'do': 'call', 'function': 0, 'asks': 1, 'values': None, 'blobs': []}).encode()\n"
        "frame = struct.pack('>QQ', len(head), len(head)) + head\nimport threading\n"
        "threading.Thread(target=lambda: [os.read(3, 1 << 20) for _ in iter(int, 1)], daemon=True).start()\n"
        "while True:\n    os.write(3, frame)",
        "loop without an end",
    ),
    "a child that stays": (
        "import os, time\n"
        "if not os.fork():\n    os.setsid()\n    if not os.fork():\n        time.sleep(1e6)\n"
        "    os._exit(0)\nprint('gone')",
        "gone",
    ),
    "looks around": (
        f"""
import ctypes, os, socket
libc = ctypes.CDLL(None)
rights = [l.split()[1] for l in open('/proc/self/status') if l.startswith('Cap')]
print('rights', set(rights), libc.unshare(0x10000000), libc.ptrace(16, 1, 0, 0))
print('files', sorted(int(f) for f in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/' + f)))
others = ({str(fresh.USER_HOME)!r} + '/.profile', {str(sandbox.ROOT / "README.md")!r}, '/etc/passwd')
print('seen', [p for p in others if os.path.exists(p)])
told = str(os.environ) + open('/proc/self/environ').read() + open('/proc/self/cmdline').read()
print('told', {str(sandbox.ROOT)!r} in told)
written = []
for folder, _, names in os.walk('/proc/sys'):
    for name in names:
        try:
            os.close(os.open(folder + '/' + name, os.O_WRONLY))
            written.append(name)
        except OSError:
            pass
print('settings', written)
try:
    socket.create_connection(('1.1.1.1', 53), 1)
except OSError as error:
    print(error)
""",
        "rights {'0000000000000000'} -1 -1\nfiles [0, 1, 2, 3]\nseen []\ntold False\nsettings []\n"
        "[Errno 1] Operation not permitted",
    ),
}  # fmt: skip

# What stands in the cell of the first task; its points, and what the first test says.
WRONG = "def double(x):\n    return 3 * x\n"
ANSWERS = {
    "right": (DOUBLE, ALL, ""),
    "wrong": (WRONG, NO_DOUBLE, "not the same"),
    "comparisons replaced": (
        "import builtins, torch\ntorch.equal = torch.allclose = lambda *a, **k: True\n"
        "torch.Tensor.__eq__ = lambda *a: True\nbuiltins.print = lambda *a: None\n" + WRONG,
        NO_DOUBLE,
        "not the same",
    ),
    "helpers replaced": ("same = lambda a, b: None\npoints = 2\n" + WRONG, NO_DOUBLE, "not the same"),
    "a value for a function": ("double = 2", NO_DOUBLE, "not callable"),
    "a value that cannot be sent": (
        "double = []\nfor _ in range(99):\n    double = [double]",
        NO_DOUBLE,
        "not callable",
    ),
    "the line replaced": (
        "import sys\nsys.modules['course.grading.wire'].Peer.answer = lambda *a, **k: [True, 0, [0], []]\n"
        + DOUBLE,
        dict.fromkeys(ALL, 0),  # it has done this to itself
        "",
    ),
    "wrong in hidden tests": (
        "seen = []\ndef double(x):\n    seen.append(x)\n    return 2 * x if len(seen) == 1 else 3 * x",
        NO_DOUBLE | {"double_by_hand": 1},
        "",
    ),
    "hangs in hidden tests": (
        "n = 0\ndef double(x):\n    global n\n    n += 1\n    while n > 1:\n        pass\n    return 2 * x",
        NO_DOUBLE | {"double_by_hand": 1},
        "",
    ),
    "hangs always": ("def double(x):\n    while True:\n        pass", NO_DOUBLE, "loop without an end"),
    "ends its process always": ("import os\ndef double(x):\n    os._exit(0)", NO_DOUBLE, "process has ended"),
    "ends its process in its third call": (
        # One call by the first test, one by the same test in the student's process. Then, twice, a new
        # process, in which everything has been run again.
        "import os\nseen = []\ndef double(x):\n    seen.append(x)\n"
        "    len(seen) == 3 and os._exit(0)\n    return 2 * x",
        ALL | {"double_hidden": 0.25},
        "",
    ),
    "no code": ("def double(x:\n", NO_DOUBLE, "double"),
    "deep recursion": ("def double(x):\n    return double(x)", NO_DOUBLE, "recursion"),
    "prints": ("def double(x):\n    print('\\x1b[31mhello')\n    return 2 * x", ALL, "hello"),
    "raises half a character": ("def double(x):\n    raise ValueError('\\ud800')", NO_DOUBLE, "?"),
}

# What `f()` may return, and what the tests then have.
VALUES = {
    "an array": ("__import__('numpy').ones(2)", "ndarray"),
    "a number of NumPy": ("__import__('numpy').float32(0.5)", "float32"),
    "a sparse tensor": ("torch.eye(2).to_sparse()", "Opaque"),
    "a tensor without numbers": ("torch.empty(2, device='meta')", "NotImplementedError"),
    "a generator": ("(i for i in range(3))", "Opaque"),
    "a class": ("type('A', (), {})", "Remote"),
    "a large tensor": ("torch.ones(9_000_000)", "ValueError"),
    "a deep list": ("__import__('functools').reduce(lambda a, _: [a], range(900), 0)", "ValueError"),
    "a list in itself": ("(lambda a: (a.append(a), a)[1])([])", "RecursionError"),
    "a long text": ("'x' * 100_000_000", "ValueError"),
    "a large number": ("1 << 1_000_000", "ValueError"),
    "many items": ("['x' * 100] * 200_000", "ValueError"),
    "an evil list": ("type('A', (list,), {'__iter__': lambda self: 1 / 0})([1])", "ZeroDivisionError"),
    "an evil dict": ("type('A', (dict,), {'items': lambda self: 1 / 0})()", "ZeroDivisionError"),
    "an evil object": (
        "type('A', (), {'__repr__': lambda s: 1 / 0, '__eq__': lambda s, o: True})()",
        "Opaque",
    ),
    "a liar": ("type('A', (), {'__class__': int, '__abs__': lambda s: 1 / 0})()", "AttributeError"),
    "an evil function": (
        "type('A', (), {'__call__': 1, '__name__': property(lambda s: 1 / 0)})()",
        "ZeroDivisionError",
    ),
    "an evil tensor": (
        "torch.ones(2).as_subclass(type('T', (torch.Tensor,), {'detach': lambda s: 5}))",
        "AttributeError",
    ),
    "a tensor with a gradient": ("torch.ones(2, requires_grad=True) * 2", "Tensor"),
    "nothing of a stop": ("next(iter([]))", "StopIteration"),
    "an end": ("__import__('os')._exit(0)", "ProcessEnded"),
    "another end": ("__import__('os')._exit(0)", "ProcessEnded"),
    "half a character": ("'\\ud800'", "str"),
}  # fmt: skip

SEARCH = """
import re
found = 0
with open('/proc/self/mem', 'rb') as memory:
    for line in open('/proc/self/maps'):
        low, high = (int(end, 16) for end in line.split()[0].split('-'))
        if 'rw-p' in line and ('[heap]' in line or len(line.split()) == 5) and high - low < 1 << 28:
            memory.seek(low)
            found += len(re.findall(b'zweiund(?=vierzig)', memory.read(high - low)))
print('found', found)
"""


def submission(first: str | None = None, double: str = DOUBLE, last: str | None = None):
    notebook = v4.new_notebook(cells=[one.copy() for one in ASSIGNMENT.cells])
    next(one for one in notebook.cells if grade_id(one) == "double").source = double
    if first is not None:
        notebook.cells.insert(0, v4.new_code_cell(first))
    if last is not None:
        notebook.cells.append(v4.new_code_cell(last))
    return notebook


def limits(call: float = 3, notebook: float = 16) -> Limits:
    """Small, so that code without an end costs little.

    A notebook gets less than all calls of a function that hangs.
    """
    return dataclasses.replace(LIMITS, cell_seconds=3, call_seconds=call, notebook_seconds=notebook)


@pytest.fixture(scope="module", autouse=True)
def busy_machine():
    """All of this runs beside two endless loops: no result may need a quiet machine."""
    endless = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    pass"
    loops = [subprocess.Popen([sys.executable, "-c", endless]) for _ in range(2)]
    yield
    for loop in loops:
        loop.kill()
        loop.wait()


def mark(warm: Warm, notebook, sandboxed: bool = True):
    """{test: points}, and {test, or number of another cell: what stands under it}."""
    result = execute(warm, make_job(notebook, ASSIGNMENT, limits(), sandboxed))
    done = with_outputs(notebook, result)
    nbformat.writes(done).encode()  # it can be written to a file
    points, texts = {}, {}
    for number, one in enumerate(done.cells):
        if one.cell_type != "code":
            continue
        assert len(json.dumps(one.outputs)) < 12_000_000
        said = "\n".join(str(out.get("text") or out.get("evalue") or out.get("data")) for out in one.outputs)
        said += "".join(out.get("ename", "") for out in one.outputs)
        texts[grade_id(one) or number] = said
        if is_test(one):
            points[grade_id(one)] = determine_grade(one)[0]
    return points, texts


def descendants(pid: int) -> set[int]:
    """The living processes below that one, which adopts those whose parents have ended."""
    found = set()
    for thread in os.listdir(f"/proc/{pid}/task"):
        for child in map(int, Path(f"/proc/{pid}/task/{thread}/children").read_text().split()):
            try:
                alive = "\nState:\tZ" not in Path(f"/proc/{child}/status").read_text()
                found |= ({child} if alive else set()) | descendants(child)
            except OSError:
                pass
    return found


@pytest.fixture(scope="module")
def warm(busy_machine):
    """One warm process for all; in the end it lives, and nothing else that has been started here."""
    assert sandbox.missing() is None, sandbox.missing()
    adopt = 36
    ctypes.CDLL(None).prctl(adopt, 1, 0, 0, 0)
    before = descendants(os.getpid())  # the endless loops, too
    with Warm() as warm:
        yield warm
        assert mark(warm, submission())[0] == ALL
        for _ in range(50):
            left = descendants(os.getpid()) - before - {warm._process.pid}
            if not left:
                break
            time.sleep(0.1)
        assert not left
        assert warm._process.poll() is None
    ctypes.CDLL(None).prctl(adopt, 0, 0, 0, 0)


@pytest.fixture(scope="module")
def marked(warm: Warm):
    """What has come of every attack. They run side by side, as a class does."""
    with ThreadPoolExecutor(SIDE_BY_SIDE) as threads:
        under_way = {
            **{
                name: threads.submit(mark, warm, submission(first=first))
                for name, (first, _) in CELLS.items()
            },
            **{
                name: threads.submit(mark, warm, submission(double=one))
                for name, (one, _, _) in ANSWERS.items()
            },
        }
        wait(under_way.values())
        yield under_way


@pytest.mark.parametrize("name", CELLS)
def test_cell(name, marked):
    points, texts = marked[name].result()
    assert CELLS[name][1] in texts[0]
    assert points == ALL


@pytest.mark.parametrize(
    "start, goes_on",
    [
        ("", True),
        (
            "import threading, time\nthreading.Thread(target=time.sleep, args=(1e6,), daemon=True).start()\n",
            False,
        ),
    ],
)
def test_an_interrupted_process_goes_on_unless_a_thread_is_left(warm, start, goes_on):
    """Such a thread may read what the tests ask, as in "questions without an end"."""
    first = f"{start}mine = 1\nwhile True:\n    pass"
    points, texts = mark(warm, submission(first=first, last="print('mine' in globals())"))
    assert points == ALL
    assert "loop without an end" in texts[0]
    last = max(number for number in texts if isinstance(number, int))
    assert texts[last] == f"{goes_on}\n"


@pytest.mark.parametrize("name", ANSWERS)
def test_answer(name, marked):
    points, texts = marked[name].result()
    _, want, said = ANSWERS[name]
    assert points == want
    assert said in texts["double_by_hand"]


def test_values(warm):
    """Whatever a function returns, a test meets a value or an error, and the next call goes well."""
    steps = [Step("import torch")]
    for body, _ in VALUES.values():
        steps.append(Step(f"def f():\n    return {body}"))
        test = (
            "try:\n    value = f()\n"
            "    said = repr(value) if isinstance(value, float) else type(value).__name__\n"
            "except Exception as error:\n    said = type(error).__name__\nprint(said)"
        )
        steps.append(Step("", test, ("f",)))
    outputs = execute(warm, Job(steps, ["import torch"], limits())).outputs
    said = ["".join(out.get("text", out.get("evalue", "")) for out in one).strip() for one in outputs[2::2]]
    assert dict(zip(VALUES, said, strict=True)) == {name: want for name, (_, want) in VALUES.items()}


def test_the_tests_keep_their_memory(warm):
    """A function that calls a test's function again and again, with gradients, costs this test only."""
    greedy = "def f(g):\n    t = torch.ones(3_500_000, requires_grad=True)\n    while True:\n        g(t)"
    steps = [
        Step(f"import torch\n{greedy}"),
        *(Step("", "f(lambda x: x * 1.0)", ("f",)), Step("def f(g):\n    return g(5)")),
        Step("", "assert f(lambda x: x + 1) == 6\n1.0", ("f",), 1.0),
    ]
    long = limits(call=20, notebook=60)
    outputs = execute(warm, Job(steps, ["import torch"], long)).outputs
    assert outputs[1][-1]["output_type"] == "error" and "TimeoutError" not in outputs[1][-1]["ename"]
    assert outputs[3][-1]["data"]["text/plain"] == "1.0"


def test_a_full_memory_costs_one_test(warm):
    """What a call has filled the student's memory with does not stand in the way of the cells below."""
    steps = [
        Step("kept = []\ndef f():\n    while True:\n        kept.append(bytes(1 << 24))"),
        Step("", "f()\n1.0", ("f",), 1.0),
        Step("room = bytes(300 << 20)\ndef f():\n    return 6"),
        Step("", "assert f() == 6\n1.0", ("f",), 1.0),
    ]
    outputs = execute(warm, Job(steps, [], dataclasses.replace(limits(), memory=1 << 30))).outputs
    assert outputs[1][-1]["ename"] == "MemoryError"
    assert outputs[3][-1].get("data") == {"text/plain": "1.0"}, outputs


WORKS = """
import time
start = time.monotonic()
end = time.process_time() + 1.2
while time.process_time() < end:
    pass
print("finished after", time.monotonic() - start)
"""


def test_busy_neighbours_cost_no_points(warm):
    """Time in which others have the processor is not counted: neither in a cell nor in a call."""
    endless = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    pass"
    count = 5 * (os.cpu_count() or 1)  # each in a session of its own: Linux shares the time between sessions
    loops = [subprocess.Popen([sys.executable, "-c", endless], start_new_session=True) for _ in range(count)]
    short = dataclasses.replace(LIMITS, cell_seconds=2, call_seconds=2, notebook_seconds=8)
    try:
        call = f"def f():\n    exec({WORKS!r})"
        job = Job([Step(WORKS), Step(call), Step("", "f()\n1.0", ("f",), 1.0)], [], short)
        result = execute(warm, job)
        slow = execute(warm, Job([Step("while True:\n    pass")], [], short))
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
    for outputs in (result.outputs[0], result.outputs[2]):
        text = "".join(out.get("text", "") for out in outputs)
        assert "finished after" in text, outputs
        assert float(text.split()[-1]) > 2, "otherwise nothing has been shown: it was not crowded"
    assert result.outputs[2][-1]["data"]["text/plain"] == "1.0" and not result.crowded
    assert "loop without an end" in slow.outputs[0][-1]["evalue"]
    assert slow.crowded  # so it would be tried again alone


def test_whoever_keeps_all_processors_busy_pays_for_it():
    """What waits for a notebook's own processes is that notebook's time."""
    loops = "import os\nfor _ in range(8):\n    if not os.fork():\n        break\nwhile True:\n    pass"
    parent = subprocess.Popen([sys.executable, "-c", loops], start_new_session=True)
    try:
        while meter.Meter().look([parent.pid]).threads < 9:
            time.sleep(0.01)
        own = meter.Meter(answers=parent.pid)
        own.look([parent.pid])
        own.seconds = own.passed = 0.0
        before = dict(own._ran)
        for _ in range(40):
            time.sleep(0.05)
            own.look([parent.pid])
        ran = sum(now - before[thread][0] for thread, (now, _) in own._ran.items()) / 1e9
    finally:
        os.killpg(parent.pid, signal.SIGKILL)
        parent.wait()
    assert own.seconds > 0.7 * min(own.passed, ran)


def test_hidden_tests_are_out_of_sight(warm):
    # The word that is looked for does turn up where the process has had it.
    points, texts = mark(warm, submission(last=SEARCH))
    assert points == ALL
    assert texts[len(ASSIGNMENT.cells)].strip() == "found 0"
    _, texts = mark(warm, submission(first="kept = b'zweiund' + 'vierzig'.encode()", last=SEARCH))
    assert texts[len(ASSIGNMENT.cells) + 1].strip() != "found 0"


def test_a_class_is_not_stopped(warm):
    """Tests that cannot come to an end cost their own submission only."""
    endless = Job([Step("def f():\n    return 1"), Step("", "while f():\n    pass", ("f",))], [])
    short = limits(notebook=2)
    from course.grading import execute as module

    patience, module.PATIENCE = module.PATIENCE, 1.0
    try:
        with pytest.raises(NotMarked):
            execute(warm, Job([Step("1"), Step("", "while True:\n    pass")], [], short))
    finally:
        module.PATIENCE = patience
    outputs = execute(warm, Job(endless.steps, [], short)).outputs
    assert "time for the whole notebook" in outputs[1][-1]["evalue"]


@pytest.mark.parametrize("first", ["while True:\n    pass", "import os\nos._exit(0)"])
def test_without_a_sandbox(warm, first):
    assert mark(warm, submission(first=first), sandboxed=False)[0] == ALL


def test_no_bubblewrap(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "bubblewrap is not installed" in (sandbox.missing() or "")


@pytest.mark.parametrize("setting, told", [("1\n", True), ("0\n", False), (None, False)])
def test_a_system_that_allows_no_sandbox(monkeypatch, tmp_path, setting, told):
    """As on Ubuntu 24.04, for ordinary users: the message says what an administrator does."""
    bwrap, switch = tmp_path / "bwrap", tmp_path / "setting"
    bwrap.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    bwrap.chmod(0o755)
    if setting is not None:
        switch.write_text(setting)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sandbox, "RESTRICTED", str(switch))
    said = sandbox.missing() or ""
    assert said.startswith("bubblewrap does not start here: bwrap: setting up uid map: Permission denied")
    assert ("docs/grading.md" in said) == told


def test_the_course_is_not_shown_in_the_system(monkeypatch):
    """Where it lies in a folder that every sandbox shows, it is covered."""
    inside = next(path for path in Path("/usr/share").iterdir() if path.is_dir() and any(path.iterdir()))
    monkeypatch.setattr(sandbox, "ROOT", inside)
    with sandbox.Sandbox(LIMITS) as place:
        seen = Path("/proc", str(place.pid), "root", *inside.parts[1:])
        assert list(seen.parent.iterdir()) and not list(seen.iterdir())


def test_an_environment_may_lie_in_tmp(monkeypatch, tmp_path):
    """It is seen there, and nothing else of /tmp."""
    (tmp_path / "venv").mkdir()
    (tmp_path / "mine").touch()
    monkeypatch.setattr(
        sandbox, "readable", lambda: ["/usr", "/bin", "/lib", "/lib64", str(tmp_path / "venv")]
    )
    with sandbox.Sandbox(LIMITS) as place:
        seen = Path("/proc", str(place.pid), "root", *tmp_path.parts[1:])
        assert [path.name for path in seen.iterdir()] == ["venv"]


@pytest.mark.parametrize("where", [".", ".venv"])
def test_the_course_is_not_shown(monkeypatch, where):
    """Not even where this Python's packages are in the course's folder."""
    prefix = os.path.normpath(sandbox.ROOT / where)
    monkeypatch.setattr(sys, "prefix", prefix)
    monkeypatch.setattr(sandbox.site, "getsitepackages", lambda: [f"{prefix}/lib/python3/site-packages"])
    monkeypatch.setattr(os.path, "exists", lambda path: True)
    shown = sandbox.readable()
    assert any(Path(path).is_relative_to(prefix) for path in shown)
    assert not any((sandbox.ROOT / "solutions").is_relative_to(path) for path in shown)


# --- What the two processes say to each other ----------------------------------------------------


@pytest.fixture
def ends():
    """A peer that asks, and one that answers for the functions in its list."""
    ours, theirs = socket.socketpair()
    functions: list = []
    other = wire.Peer(theirs)

    def call(message, values):
        asked = functions[message["name"]] if "name" in message else other._functions[message["function"]]
        return {}, other.answer(asked, *values)

    other.handlers["call"] = call
    thread = threading.Thread(target=other.serve, daemon=True)
    thread.start()
    peer = wire.Peer(ours)
    peer.seconds = 20

    def ask(function, *arguments, **keywords):
        functions.append(function)
        return peer.call({"name": len(functions) - 1}, arguments, keywords)

    yield ask
    ours.close()
    thread.join(5)
    theirs.close()


SAME = [
    *(None, True, 3, -(2**70), 2.5, math.inf, "ä\n", b"\0x", 1 + 2j, Fraction(1, 3)),
    *([1, [2, ()]], (1, "a"), {"a": {1: None}, (1, 2): [0.5]}, {1, 2}, frozenset({"x"})),
]


@pytest.mark.parametrize("value", SAME, ids=repr)
def test_values_stay_what_they_are(ends, value):
    back = ends(lambda x: x, value)
    assert back == value and type(back) is type(value)


ARRAYS = [
    *(numpy.int64(3), numpy.uint8(200), numpy.float32(0.5), numpy.float64(math.inf), numpy.bool_(False)),
    *(numpy.complex128(1 + 2j), numpy.str_("ä"), numpy.array(7), numpy.array([])),
    *(numpy.arange(6).reshape(2, 3).T, numpy.array([True, False]), numpy.array([1.5, 2], dtype=">f4")),
    *(numpy.array(["a", "bcd"]), numpy.array([1, "x", None], dtype=object)),
]


@pytest.mark.parametrize("value", ARRAYS, ids=repr)
def test_what_numpy_makes_stays_what_it_is(ends, value):
    back = ends(lambda x: x, value)
    assert type(back) is type(value) and back.dtype == value.dtype.newbyteorder("=")
    assert back.shape == value.shape and numpy.all(back == value)


def test_numpy_within_containers(ends):
    keys, counts = numpy.unique(numpy.array([3, 3, 5]), return_counts=True)
    told = dict(zip(keys, counts, strict=True))
    back = ends(lambda x: [x, (keys[0], {counts[0]})], told)
    assert back == [{3: 2, 5: 1}, (3, {2})]
    assert {type(key) for key in back[0]} == {numpy.int64}


def test_threads_of_a_function_may_ask(ends):
    """At home a function may call what it was given from a pool of threads."""

    def side_by_side(function, count):
        with ThreadPoolExecutor(8) as threads:
            return list(threads.map(function, range(count)))

    assert ends(side_by_side, lambda x: x * x, 200) == [x * x for x in range(200)]
    # What is asked may ask in turn.
    assert ends(lambda f: side_by_side(lambda x: f(lambda y: y + x), 50), lambda g: g(1)) == [
        x + 1 for x in range(50)
    ]
    x = torch.ones(3, requires_grad=True)
    ends(lambda f: sum(side_by_side(f, 20)), lambda n: (n * x).sum()).backward()
    assert x.grad is not None and x.grad.tolist() == [190.0] * 3


def test_a_thread_that_goes_on_disturbs_nobody(ends):
    going = threading.Event()

    def leaves_one(function):
        def ask():
            while not going.is_set():
                function(1)

        threading.Thread(target=ask, daemon=True).start()
        return 5

    main = ends(threading.get_ident)
    try:
        assert ends(leaves_one, lambda x: x) == 5
        for number in range(50):
            assert ends(lambda f, x: f(x), lambda x: x + 1, number) == number + 1
            assert ends(threading.get_ident) == main  # where an interrupt would arrive
    finally:
        going.set()


def test_another_process_is_told_that_it_may_not_ask(ends):
    def in_a_child(function):
        read, write = os.pipe()
        if not os.fork():
            try:
                function(1)
            except RuntimeError as error:
                os.write(write, str(error).encode())
            os._exit(0)
        os.close(write)
        return os.read(read, 1000).decode()

    assert "cannot be called from another process" in ends(in_a_child, lambda x: x)


TENSORS = [
    *(torch.arange(6.0).view(2, 3).T, torch.tensor(2.0), torch.empty(0, 3), torch.ones(2, 1).expand(2, 4)),
    *(
        torch.tensor([True, False]),
        torch.tensor([1 + 2j]).conj(),
        torch.arange(9)[::2],
        torch.ones(2).bfloat16(),
    ),
]


@pytest.mark.parametrize("value", TENSORS, ids=lambda t: f"{t.dtype} {tuple(t.shape)}")
def test_tensors_stay_what_they_are(ends, value):
    back = ends(lambda x: x, value)
    assert torch.equal(back, value) and back.dtype == value.dtype
    assert back.is_contiguous() == value.contiguous().is_contiguous() or back.stride() == value.stride()
    assert ends(lambda x: x.is_contiguous(), torch.ones(2, 3).T) is False


def test_gradients_go_through(ends):
    x, w = torch.randn(3, requires_grad=True), torch.randn(3, requires_grad=True)
    y = ends(lambda x, f: (f(x) ** 2).sum() * 3, x, lambda x: x * w)
    y.backward()
    assert x.grad is not None and torch.allclose(x.grad, 6 * x * w**2)
    assert w.grad is not None and torch.allclose(w.grad, 6 * w * x**2)


def test_errors_keep_their_names(ends):
    def raises(error):
        raise error

    with pytest.raises(KeyError, match="^'a'$"):
        ends({}.__getitem__, "a")
    for error in (ValueError("no"), NotImplementedError("n"), ZeroDivisionError("x"), UnicodeError("u")):
        with pytest.raises(type(error), match=str(error)):
            ends(lambda error=error: raises(error))
    with pytest.raises(Exception, match="mine") as caught:
        ends(lambda: raises(type("Own", (Exception,), {})("mine")))
    assert type(caught.value).__name__ == "Own"
    mine = ValueError("ours")
    with pytest.raises(ValueError) as caught:
        ends(lambda f: f(), lambda: raises(mine))
    assert caught.value is mine
    with pytest.raises(Exception, match="stop") as caught:
        ends(lambda: raises(SystemExit("stop")))
    assert isinstance(caught.value, Exception)


def test_arguments_are_written_into(ends):
    x, items = torch.zeros(2), [1, {"a": 2}]

    def write(x, items):
        x += 1
        items[1]["a"] = 3
        items.append(4)

    assert ends(write, x, items) is None
    assert x.tolist() == [1, 1] and items == [1, {"a": 3}, 4]


def frame(message: object) -> bytes:
    head = message if isinstance(message, bytes) else json.dumps(message).encode()
    return len(head).to_bytes(8, "big") + len(head).to_bytes(8, "big") + head


def received(sent: bytes):
    """What a peer makes of these bytes, after which the line is closed."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            theirs.sendall(sent)
        return wire.Peer(ours).receive()


def told(values: object, *sizes: int) -> dict:
    return {"answers": 1, "values": values, "blobs": list(sizes)}


BAD = {
    "nothing": b"",
    "no JSON": frame(b"x"),
    "no message": frame([1]),
    "too long": b"\xff" * 16,
    "a head that is longer than all": (9).to_bytes(8, "big") + (1).to_bytes(8, "big") + b"123456789",
    "no such kind": frame(told({"x": 1})),
    "no such function": frame(told({"back": 3})),
    "deep": frame(told(json.loads('{"l":[' * 150 + "]}" * 150))),
    "deeper": frame(b'{"values":' + b"[" * 100_000),
    "a tensor without bytes": frame(told({"T": ["float32", [1], [1], False]})),
    "a tensor outside of its bytes": frame(told({"T": ["uint8", [2], [1 << 39], False]}, 2)) + b"ab",
    "a number that takes hours": frame(told({"q": ["1" * 100_000, "3" * 100_000]})),
    "a fraction of nothing": frame(told({"q": ["1", "0"]})),
    "keys of one hash": frame(told({"d": [[{"i": hex(n * (2**61 - 1))}, 1] for n in range(1, 1000)]})),
    "members of one hash": frame(told({"s": [{"i": hex(n * (2**61 - 1))} for n in range(1, 1000)]})),
    "an array of no kind": frame(told({"N": ["object", [1]]}, 8)) + bytes(8),
    "an array without bytes": frame(told({"N": ["int64", [2]]}, 8)) + bytes(8),
    "an array of texts that are none": frame(told({"O": ["U", [1], [5]]})),
    "an array of long texts": frame(told({"O": ["U", [9_000], ["x" * 9_000, *[""] * 8_999]]})),
    "a key that is a list": frame(told({"d": [[{"l": []}, 1]]})),
    "a size below zero": frame(told({"b": 0}, -1)),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_messages(name):
    with pytest.raises(wire.Gone):
        received(BAD[name])


def tensor(kind: str, shape: list[int], stride: list[int], blob: bytes):
    return packing._unpack_tensor([kind, shape, stride, False], blob)


@pytest.mark.parametrize("shape, stride", [([2], [2]), ([1 << 10, 1], [1 << 40, 1]), ([1] * 100, [1] * 100)])
def test_tensors_lie_within_their_bytes(shape, stride):
    with pytest.raises(ValueError, match="within its bytes"):
        tensor("uint8", shape, stride, bytes(math.prod(shape)))


def test_a_bool_is_true_or_false():
    assert tensor("bool", [3], [1], b"\0\1\2").view(torch.uint8).tolist() == [0, 1, 1]


def test_noise_is_noise():
    """Changed bytes give a message or Gone, nothing else."""
    sender, dice = wire.Peer(socket.socketpair()[0]), random.Random(0)
    values = [
        torch.randn(2, 3),
        numpy.arange(3),
        {"a": (1, 2.5, "x")},
        {3},
        2**80,
        len,
        1j,
        b"xy",
        Fraction(1, 2),
    ]
    packed, blobs = sender.pack(values)
    head = json.dumps({"answers": 1, "values": packed, "blobs": [len(blob) for blob in blobs]}).encode()
    good = len(head).to_bytes(8, "big") + (len(head) + sum(map(len, blobs))).to_bytes(8, "big") + head
    good += b"".join(blobs)
    assert received(good)[0]["answers"] == 1
    gone = 0
    for _ in range(1_000):
        bad = bytearray(good)
        for _ in range(dice.randint(1, 4)):
            bad[dice.randrange(len(bad))] = dice.choice(
                b'\0\1\xff0123456789[]{}",-abTldfqi' + dice.randbytes(4)
            )
        try:
            received(bytes(bad))
        except wire.Gone:
            gone += 1
    assert 100 < gone < 1_000
