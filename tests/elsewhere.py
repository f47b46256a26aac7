"""What becomes of a notebook that is opened, run and saved on Colab, in VS Code, on Kaggle, Deepnote, Marimo.

Each function takes a notebook and gives the file, as JSON, that the program writes: its metadata, its ids,
outputs, cells that it adds, and lines that people leave in answer cells. The shapes follow public files
of each kind; Marimo's follow what `marimo convert` and `marimo export ipynb` (0.25) made of the assignments.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

from grading import grade_id
from nbformat import NotebookNode

from course.grading.marks import is_answer, is_test

File = dict[str, Any]
LEFT = {  # what people leave at the top of an answer cell
    "colab": "%matplotlib inline\n!pip install -q einops\nfrom google.colab import drive\n"
    "drive.mount('/content/drive')\n",
    "vscode": "%load_ext autoreload\n%autoreload 2\n%pip install --quiet einops\n",
    "kaggle": "%matplotlib inline\n!pip install einops 2> /dev/null\n"
    "from kaggle_secrets import UserSecretsClient\nsecret = UserSecretsClient().get_secret('key')\n",
    "deepnote": "!pip install einops==0.8.0\n%config InlineBackend.figure_format = 'retina'\n",
    "marimo": "mo.md('My answer')\n",
}
MOUNT = "from google.colab import drive\ndrive.mount('/content/drive', force_remount=True)"
WALK = (
    "import numpy as np # linear algebra\nimport pandas as pd # data processing, CSV file I/O\n\n"
    "import os\nfor dirname, _, filenames in os.walk('/kaggle/input'):\n    for filename in filenames:\n"
    "        print(os.path.join(dirname, filename))"
)
STAMP = (
    "<a style='text-decoration:none;line-height:16px;' href='https://deepnote.com?utm_source="
    "created-in-deepnote-cell&projectId=0' target=\"_blank\">\n<img alt='Created in deepnote.com' "
    "src='data:image/svg+xml;base64,PD94bWwg' > </img>\nCreated in <span>Deepnote</span></a>"
)
BADGE = (
    '<a href="https://colab.research.google.com/github/x/y/blob/main/z.ipynb" target="_parent">'
    '<img src="https://colab.research.google.com/assets/colab-badge.svg" alt="Open In Colab"/></a>'
)


def colab(notebook: NotebookNode, leave: str = LEFT["colab"], add: bool = True) -> File:
    """Minor 0; ids are new and stand in the metadata; cells that install and mount, and a badge."""
    cells = _cells(notebook, leave)
    for number, cell in enumerate(cells):
        del cell["id"]
        cell["metadata"] |= {"id": _name(number)}
        if cell["cell_type"] == "code":
            cell["metadata"] |= {"colab": {"base_uri": "https://localhost:8080/"}, "outputId": _name(-number)}
        cell.pop("attachments", None)
    if add:
        new = [_markdown(BADGE), _code("!pip install -q einops"), _code(MOUNT)]
        for cell in new:
            cell["metadata"] = {"id": _name(len(cells) + len(new)), "colab_type": "text"}
        cells[1:1] = new
    metadata = {
        "colab": {"provenance": [], "toc_visible": True, "gpuType": "T4"},
        "kernelspec": {"name": "python3", "display_name": "Python 3"},
        "language_info": {"name": "python"},
        "accelerator": "GPU",
    }
    return {"nbformat": 4, "nbformat_minor": 0, "metadata": metadata, "cells": cells}


def vscode(notebook: NotebookNode, leave: str = LEFT["vscode"]) -> File:
    """All is kept; the kernel is named after a virtual environment, cells name their language."""
    cells = _cells(notebook, leave)
    for cell in cells:
        cell["metadata"] |= {
            "vscode": {"languageId": "python" if cell["cell_type"] == "code" else "markdown"}
        }
    metadata = {
        **notebook.metadata,
        "kernelspec": {"display_name": ".venv (3.12.3)", "language": "python", "name": "python3"},
        "language_info": {"name": "python", "version": "3.12.3", "codemirror_mode": {"name": "ipython"}},
        "vscode": {
            "interpreter": {"hash": "31f2aee4e71d21fbe5cf8b01ff0e069b9275f58929596ceb00d14d90e3e16cd6"}
        },
    }
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}


def kaggle(notebook: NotebookNode, leave: str = LEFT["kaggle"]) -> File:
    """Minor 4 without ids; a first cell that walks /kaggle/input; times of cells; no marks of nbgrader."""
    cells = [_code(WALK), *_cells(notebook, leave)]
    for number, cell in enumerate(cells):
        cell.pop("id", None)
        busy = {
            "iopub.status.busy": "2026-01-01T10:00:00.000000Z",
            "shell.execute_reply": "2026-01-01T10:00:01Z",
        }
        cell["metadata"] = {
            "_uuid": _name(number),
            "_cell_guid": _name(number),
            "trusted": True,
            "execution": busy,
        }
    metadata = {
        "kernelspec": {"language": "python", "display_name": "Python 3", "name": "python3"},
        "language_info": {"name": "python", "version": "3.11.13", "file_extension": ".py"},
        "kaggle": {"accelerator": "none", "dataSources": [], "isGpuEnabled": False, "sourceType": "notebook"},
        "papermill": {
            "duration": 9.1,
            "exception": None,
            "input_path": "__notebook__.ipynb",
            "version": "2.6.0",
        },
    }
    return {"nbformat": 4, "nbformat_minor": 4, "metadata": metadata, "cells": cells}


def deepnote(notebook: NotebookNode, leave: str = LEFT["deepnote"]) -> File:
    """Ids stand in the metadata, under another name; a last cell says where it was made; no marks."""
    cells = _cells(notebook, leave)
    for number, cell in enumerate(cells):
        cell.pop("id")
        cell["metadata"] = {"cell_id": _name(number), "deepnote_cell_type": cell["cell_type"]}
        if cell["cell_type"] == "code":
            digest = hashlib.sha256("".join(cell["source"]).encode()).hexdigest()[:8]
            cell["metadata"] |= {
                "source_hash": digest,
                "execution_start": 1760809670866,
                "execution_millis": 1,
            }
        cell["source"] = "".join(cell["source"])
    cells.append(_markdown(STAMP))
    cells[-1]["metadata"] = {"created_in_deepnote_cell": True, "deepnote_cell_type": "markdown"}
    metadata = {
        "deepnote": {},
        "deepnote_execution_queue": [],
        "deepnote_notebook_id": _name(0),
        "orig_nbformat": 2,
    }
    return {"nbformat": 4, "nbformat_minor": 0, "metadata": metadata, "cells": cells}


def marimo(notebook: NotebookNode, leave: str = LEFT["marimo"]) -> File:
    """Nothing of the metadata is left; a cell that imports Marimo; what cells define twice gets new names.

    So test cells have another text, and the cell that only imports once more is gone.
    """
    cells = [_code("import marimo as mo")]
    for number, (old, cell) in enumerate(zip(notebook.cells, _cells(notebook, leave), strict=True)):
        cell["id"] = _name(number)[:4]
        cell["metadata"] = (
            {"marimo": {"config": {"hide_code": True}}} if cell["cell_type"] == "markdown" else {}
        )
        text = "".join(cell["source"]).strip()
        if is_test(old):
            text = _renamed(text)
        cell["source"] = text
        cell |= {"outputs": [], "execution_count": None} if cell["cell_type"] == "code" else {}
        if grade_id(old) != "imports":
            cells.append(cell)
    cells[0]["id"] = "Hbol"
    metadata = {"language_info": {"name": "python"}, "marimo": {"marimo_version": "0.25.2"}}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}


PLACES: dict[str, Callable[..., File]] = {
    "colab": colab,
    "vscode": vscode,
    "kaggle": kaggle,
    "deepnote": deepnote,
    "marimo": marimo,
}


def as_bytes(file: File) -> bytes:
    return json.dumps(file, ensure_ascii=False, indent=1).encode()


def _cells(notebook: NotebookNode, leave: str) -> list[dict[str, Any]]:
    """As they are after a run: outputs and counts, sources as lists of lines, and what people leave."""
    cells: list[dict[str, Any]] = json.loads(json.dumps(notebook.cells))
    for number, (old, cell) in enumerate(zip(notebook.cells, cells, strict=True), 1):
        if cell["cell_type"] == "code":
            if is_answer(old):
                cell["source"] = leave + cell["source"]
            cell["execution_count"] = number
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["ok\n"]}]
        cell["source"] = cell["source"].splitlines(keepends=True)
    return cells


def _code(text: str) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {}, "source": text, "outputs": [], "execution_count": None}


def _markdown(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def _name(number: int) -> str:
    """An id that is new, and the same every time."""
    return "n" + hashlib.sha256(str(number).encode()).hexdigest()[:11]


def _renamed(text: str) -> str:
    """A cell whose values have an underscore before their names, as Marimo keeps them to the cell."""
    try:
        body = ast.parse(text).body
    except SyntaxError:
        return text
    targets = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
    for name in {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}:
        text = re.sub(rf"\b{name}\b", f"_{name}", text)
    return text
