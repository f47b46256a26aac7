"""Colab and back, also VS Code, Kaggle, Deepnote, Marimo: what runs there, and what is graded here."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import classroom
import colab
import elsewhere
import nbformat
import pytest
from classroom import HONEST, NAME
from elsewhere import PLACES, as_bytes
from grading import assignments, grade_id, solution, substitute, tasks
from nbformat import NotebookNode
from test_grade import course_folder, limits

from course import grade
from course.build import assignment_path
from course.errors import ROOT
from course.grading.leftovers import WORTH_A_LOOK, is_stamp, names_of_hosts, put_aside
from course.grading.marks import is_answer, is_test
from course.grading.mend import Mended, mend
from course.grading.table import PERSON, Row
from course.run import execute

Rows = dict[tuple[str, str], tuple[Row, Path]]
SMALL = "4_3_sizes"  # a lab that runs in a few seconds
# Colab has this package; and no package index, so that nothing is installed.
COLABS_OWN = """\
import os, pathlib
os.environ["PIP_NO_INDEX"] = "1"
package = pathlib.Path("google", "colab")
package.mkdir(parents=True, exist_ok=True)
(package / "__init__.py").touch()
(package / "drive.py").write_text("def mount(folder, force_remount=False): print('Mounted at', folder)")
"""


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def answered(name: str) -> NotebookNode:
    """The release with right answers, and a written one."""
    right = {task.name: task.answer for task in tasks(solution(name)).values()}
    release = read(assignment_path("exercises", name))
    written = [grade_id(one) for one in release.cells if _is_written(one)]
    return substitute(release, right | dict.fromkeys(written, "My answer, in my own words."))


def _is_written(cell: NotebookNode) -> bool:
    return cell.cell_type == "markdown" and bool(cell.metadata.get("nbgrader", {}).get("solution"))


def mended(file: elsewhere.File, name: str) -> Mended:
    folders = ("solutions", "exercises")
    source, release = (read(assignment_path(folder, name)) for folder in folders)
    return mend(as_bytes(file), source, release)


def as_notebook(file: elsewhere.File) -> NotebookNode:
    """As a program reads it that knows the newest format."""
    return nbformat.reads(as_bytes(file).decode(), as_version=4)


def on_colab(notebook: NotebookNode, **how: Any) -> NotebookNode:
    """The notebook as Colab saved it, with what Colab's own Python has."""
    saved = as_notebook(elsewhere.colab(notebook, **how))
    saved.cells.insert(0, nbformat.v4.new_code_cell(COLABS_OWN))
    return saved


# --- Lessons and labs ---------------------------------------------------------------------------


@pytest.mark.parametrize("path", colab.notebooks(), ids=lambda path: path.stem)
def test_lessons_and_labs_carry_nothing_that_colab_breaks(path: Path) -> None:
    """All run in test_lessons.py. Saved by Colab they are valid, and every cell is the same code."""
    notebook = read(path)
    saved = elsewhere.colab(notebook, leave="", add=False)
    nbformat.validate(saved)
    assert not any("attachments" in cell for cell in notebook.cells), "Colab's format has none"
    back = as_notebook(saved)
    assert [(cell.cell_type, cell.source) for cell in back.cells] == [
        (cell.cell_type, cell.source) for cell in notebook.cells
    ]
    assert not any("id" in cell for cell in back.cells)
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert not re.search(r"cell_?id|parent_header|__vsc_ipynb_file__|JPY_SESSION_NAME", code, re.IGNORECASE)


def test_a_lab_runs_with_the_cells_that_colab_adds() -> None:
    notebook = on_colab(read(ROOT / "lessons" / "labs" / f"{SMALL}.ipynb"))
    execute(notebook)
    assert "Mounted at /content/drive" in str(notebook.cells[4].outputs)
    assert not any(out.output_type == "error" for cell in notebook.cells for out in cell.get("outputs", []))


# --- Assignments are worked on ------------------------------------------------------------------


def test_visible_checks_pass_on_colab() -> None:
    """With Colab's cells, and the lines that people leave. All in one kernel, which forgets in between."""
    cells = []
    for name in assignments():
        code = [cell for cell in on_colab(answered(name)).cells if cell.cell_type == "code"]
        cells.append(nbformat.v4.new_code_cell("%reset -f"))
        cells += [nbformat.v4.new_code_cell(cell.source, metadata=cell.metadata) for cell in code]
    notebook = nbformat.v4.new_notebook(cells=cells)
    execute(notebook)
    mounted = [cell for cell in notebook.cells if "Mounted at" in str(cell.get("outputs"))]
    answers = [cell for cell in notebook.cells if is_answer(cell)]
    assert len(answers) > 25 and len(mounted) == len(answers) + len(assignments())


# --- What comes back ----------------------------------------------------------------------------


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", assignments())
def test_what_comes_back_is_recognised(name: str, place: str) -> None:
    """Each answer stands in its cell, without the lines that do nothing; they are told."""
    notebook = answered(name)
    done = mended(PLACES[place](notebook), name)
    assert done.doubts == []
    given = {grade_id(cell): cell.source for cell in notebook.cells if grade_id(cell)}
    back = {grade_id(cell): cell.source for cell in done.notebook.cells if grade_id(cell)}
    assert set(back) == set(given)
    lines = [line.strip() for line in elsewhere.LEFT[place].splitlines()]
    for cell in done.notebook.cells:
        if is_answer(cell):
            head = "".join(f"pass  # put aside: {line}\n" for line in lines)
            assert cell.source.strip() == (head + given[grade_id(cell)]).strip()
        elif grade_id(cell):
            assert cell.source == given[grade_id(cell)]
    told = [note for note in done.notes if note.startswith("Put aside in your answer cell to Task")]
    assert len(told) == len(tasks(solution(name)))
    assert all(f"`{line}`" in note for note in told for line in lines)
    assert all(("No package is installed" in note) == ("pip" in elsewhere.LEFT[place]) for note in told)


def test_an_empty_answer_beside_a_programs_own_cell_is_no_doubt() -> None:
    release = read(assignment_path("exercises", NAME))
    for place in (elsewhere.colab, elsewhere.deepnote):
        assert mended(place(release), NAME).doubts == []
    file = elsewhere.deepnote(release)
    file["cells"][-1]["source"] += "\nThe memory grows tenfold."
    assert "may be the answer" in mended(file, NAME).doubts[0]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """{(assignment, place): its row, its feedback}; in assignment 1 all places, in the others Colab."""
    found: Rows = {}
    for name in assignments():
        root = course_folder(tmp_path_factory.mktemp(name))
        notebook = answered(name)
        file = assignment_path("exercises", name).name
        chosen = PLACES if name == NAME else {"colab": elsewhere.colab}
        files = {key: as_bytes(place(notebook)) for key, place in chosen.items()}
        if name == NAME:
            files["untreated"] = classroom.as_bytes(notebook)
        for student, data in files.items():
            path = root / "handed in" / student / name / file
            path.parent.mkdir(parents=True)
            path.write_bytes(data)
        graded, _ = grade.grade(grade.Options(name, root / "handed in", root, jobs=2, limits=limits()))
        found |= {(name, row.student): (row, root / "feedback" / row.student) for row in graded}
    return found


CASES = [(NAME, place) for place in PLACES] + [(name, "colab") for name in assignments()[1:]]


@pytest.mark.parametrize("name, place", CASES)
def test_what_comes_back_gets_the_same_points(rows: Rows, name: str, place: str) -> None:
    """All of them; and a person reads the written answer, and nothing else."""
    row, feedback = rows[name, place]
    source = solution(name)
    tests = [cell.metadata.nbgrader.points for cell in source.cells if is_test(cell)]
    assert (row.status, row.total) == (PERSON, sum(tests))
    assert row.reason.startswith("to be marked by hand: ") and ";" not in row.reason
    [page] = feedback.glob(f"{name}/*.html")
    shown = page.read_text(encoding="utf-8")
    assert "Before this notebook was graded" in shown and "Put aside in your answer cell" in shown
    if name == NAME:
        untreated, _ = rows[name, "untreated"]
        assert (untreated.points, untreated.total, untreated.mended) == (row.points, HONEST, [])


def test_a_package_that_is_not_there_is_told() -> None:
    """The line that installs it is put aside; the one that imports it is not (see test_grade.py)."""
    notebook = classroom.cost("return {}", "!pip install pandas\nimport pandas as pd")
    source, release = (read(assignment_path(folder, NAME)) for folder in ("solutions", "exercises"))
    done = mend(classroom.as_bytes(notebook), source, release)
    assert "No package is installed on the grader" in done.notes[0]
    assert "\nimport pandas as pd\n" in classroom.cell(done.notebook, "attention_cost").source


# --- Which lines ---------------------------------------------------------------------------------

ASIDE = [
    "%matplotlib inline",
    "%matplotlib widget",
    "%config InlineBackend.figure_format = 'retina'",
    "%load_ext google.colab.data_table",
    "%load_ext autoreload",
    "%autoreload 2",
    "%tensorflow_version 2.x",
    "%pip install einops",
    "%conda install -y einops",
    "!pip install einops",
    "!pip3.11 -q install einops > /dev/null 2>&1",
    "! python3 -m pip install -U 'torch>=2'",
    "!{sys.executable} -m pip install einops",
    "!apt-get update && sudo apt-get install -y graphviz",
    "!DEBIAN_FRONTEND=noninteractive apt -y install x; pip install y",
    "!uv pip install einops",
    "!uv add einops",
    "!conda env update -f environment.yml",
    "!pip list",
    "!pip3 show torch",
    "%conda list",
    "%pip --version",
    "!pip install a \\\n   b",
    "from google.colab import drive",
    "from google.colab import (\n    drive,\n    files as f,\n)",
    "from google import colab",
    "import google.colab",
    "import google.colab.drive as d",
    "from kaggle_secrets import UserSecretsClient",
    "import marimo as mo",
    "from google.colab import drive\ndrive.mount('/content/drive')",
    "import google.colab\ngoogle.colab.drive.mount('/content/drive')",
    "from google.colab import files\nup = files.upload()",
    "from google.colab import files\ndata = files.upload()['a'][0]",
    "from google.colab import userdata\nkey: str = userdata.get('key')",
    "from google.colab import userdata\ntext += userdata.get('key')",
    "from google.colab import output\nawait output.eval_js('1')",
    "from google.colab import output\nfound = (await output.eval_js('1'))['a']",
    "from kaggle_secrets import UserSecretsClient as Client\nsecrets = Client",
    "get_ipython().run_line_magic('matplotlib', 'inline')",
    "get_ipython().system('pip install einops')",
    "os.chdir('/content/drive/MyDrive/homework')",
]
KEPT = [
    "x = (7\n% 3)",
    "text = '''\n!pip install einops\n%matplotlib inline\nfrom google.colab import drive\n'''",
    "%time x = 1",
    "%env A=1",
    "%cd sub",
    "!ls",
    "!pip install x && rm -r y",
    "!uv run make.py",
    "!uv run install",
    "!conda run -n base python make.py",
    "!conda run pip install x",
    "%conda run python make.py",
    "!pip list > packages.txt",
    "!pip list | tee packages.txt",
    "!pip list && uv run make.py",
    "!pip",
    "!echo pip install x",
    "!python train.py",
    "!pip install 'x",
    "x = !pip list",
    "import google",
    "import matplotlib",
    "from matplotlib import pyplot",
    "from .google.colab import drive",
    "from google.colaboratory import drive",
    "drive.mount('/content/drive')",
    "os.chdir('data')",
    "os.chdir('/content' + name)",
    "def f():\n    from google.colab import drive\n    return drive",
    "try:\n    import google.colab\n    IN_COLAB = True\nexcept ImportError:\n    IN_COLAB = False",
    "if 'google.colab' in str(get_ipython()):\n    print('there')",
    "%%writefile a.py\n%matplotlib inline\nfrom google.colab import drive",
    "%%bash\npip install einops",
    "# from google.colab import drive\n# !pip install x",
    "google = (",
    "!pip install x\x0c\nfrom google.colab import drive",
]


@pytest.mark.parametrize("text", ASIDE)
@pytest.mark.parametrize(
    "around", ["{}", "%%time\n{}\ny = 1", "def f():\n    return 1\n{}", "a = !ls\n{}\ntorch?"]
)
def test_put_aside(text: str, around: str) -> None:
    """Nothing of it runs; the lines below keep their numbers."""
    whole = around.format(text)
    found = put_aside(whole, names_of_hosts([whole]))
    left = found.text.replace("%%time", "").replace("a = !ls", "").replace("torch?", "")
    compile(left, "", "exec")
    ran = [line for line in left.splitlines() if line.strip() and not line.strip().startswith("#")]
    assert set(ran) - {"y = 1", "def f():", "    return 1"} == {
        line for line in ran if line.startswith("pass  # put aside: ")
    }
    assert len(found.text.splitlines()) == len(whole.splitlines())
    assert found.lines and all(" ".join(line.split())[:20] in " ".join(whole.split()) for line in found.lines)
    assert found.installs == bool(re.search(r"\b(install|update|add)\b", text))


@pytest.mark.parametrize("text", KEPT)
def test_kept_as_it_is(text: str) -> None:
    found = put_aside(text, names_of_hosts([text]))
    assert (found.text, found.lines) == (text, ())


def test_lines_may_end_as_on_windows() -> None:
    """IPython runs such cells, too; where nothing is put aside, not a character changes."""
    cells = ["from google.colab import drive\r\n", "drive.mount('/content')\r\nx = 1\r\n"]
    assert put_aside(cells[1], names_of_hosts(cells)).text == (
        "pass  # put aside: drive.mount('/content')\nx = 1\n"
    )
    for text in ("%time x\r\ny = 1", "x = 1\r\n"):
        assert put_aside(text).text == text


def test_a_name_that_only_another_line_uses_is_told_by_python() -> None:
    """The head of leftovers.py: what is not a statement of the host's own stays, and what it gives stays."""
    text = "from google.colab import drive\nprint(drive.mount('/content'))\nif True:\n    drive.flush()"
    assert put_aside(text, names_of_hosts([text])).lines == ("from google.colab import drive",)
    for other in ("x: int", "a[f()] += files.upload()"):  # f would run before Python misses the name
        text = f"from google.colab import files\n{other}"
        assert put_aside(text, names_of_hosts([text])).lines == ("from google.colab import files",)


def test_a_cell_of_blanks_costs_what_another_costs() -> None:
    def spent(line: str) -> float:
        start = time.process_time()
        WORTH_A_LOOK.search(f"{line}\n" * 2_000)
        return time.process_time() - start

    ratio = min(spent(" " * 24) for _ in range(3)) / min(spent("x" * 24) for _ in range(3))
    assert ratio < 20


def test_in_a_block_and_beside_others() -> None:
    text = (
        "if True:\n    !pip install x\nfrom google.colab import drive; y = 1; drive.mount('ü'); z = 2  # mine"
    )
    found = put_aside(text, names_of_hosts([text]))
    assert found.text.splitlines()[1:] == [
        "    pass  # put aside: !pip install x",
        "pass; y = 1; pass; z = 2  # mine",
    ]
    assert put_aside("import torch, google.colab as c").text.startswith("import torch  # put aside")


def test_the_name_of_a_module_counts_in_all_cells_unless_it_is_the_students_own() -> None:
    mounts = "drive.mount('/content/drive')"
    assert put_aside(mounts, names_of_hosts(["from google.colab import drive", mounts])).lines == (mounts,)
    for own in ("drive = Car()", "def drive():\n    pass", "import drive", "for drive in cars:\n    pass"):
        assert put_aside(mounts, names_of_hosts(["from google.colab import drive", own, mounts])).lines == ()
    inside = "def f():\n    drive = 3\n    return drive"
    assert put_aside(mounts, names_of_hosts(["from google.colab import drive", inside])).lines == (mounts,)


def test_an_answer_may_not_be_named_in_a_leftover() -> None:
    """What would give something to a name inside such a line is no leftover."""
    text = "from google.colab import drive\ndrive.mount(attention := 3)"
    assert put_aside(text, names_of_hosts([text])).lines == ("from google.colab import drive",)


@pytest.mark.parametrize(
    "text", ["google" + "(" * 3000, "-" * 9000 + "1  # google", "%", "!", "%%", "?", "!!", "% "]
)
def test_no_text_is_a_traceback(text: str) -> None:
    put_aside(text, names_of_hosts([text]))


def test_what_is_told_is_short() -> None:
    notebook = classroom.honest(attention_cost="\n".join(f"!pip install {'x' * 500}`{i}" for i in range(30)))
    release = read(assignment_path("exercises", NAME))
    done = mend(classroom.as_bytes(notebook), read(assignment_path("solutions", NAME)), release)
    [note] = done.notes
    assert len(note) < 1_500 and "and 20 more" in note


def test_stamps() -> None:
    assert is_stamp(elsewhere.STAMP) and is_stamp(elsewhere.BADGE)
    for text in (
        "",
        "<b>The memory grows.</b>",
        elsewhere.BADGE + " Because.",
        '<img src="attachment:a.png">',
    ):
        assert not is_stamp(text)
