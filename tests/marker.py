"""An instructor who marks, in a process of its own, by the same steps as Formgrader's server.

`python tests/marker.py gradebook.db` reads a line of JSON for each mark: [assignment, notebook, student,
cell, points, comment]. It says "ready" first, and for each line "done" when the mark is in the gradebook.
"""

from __future__ import annotations

import json
import sys

from nbgrader.api import Gradebook


def main(path: str) -> None:
    with Gradebook(f"sqlite:///{path}") as gradebook:  # Formgrader keeps one open, too, and waits 5 s for it
        print("ready", flush=True)
        for line in sys.stdin:
            assignment, notebook, student, cell, points, comment = json.loads(line)
            where = cell, notebook, assignment, student
            grade = gradebook.find_grade_by_id(gradebook.find_grade(*where).id)
            grade.manual_score, grade.needs_manual_grade = points, False
            gradebook.db.commit()
            if comment:
                gradebook.find_comment(*where).manual_comment = comment
                gradebook.db.commit()
            print("done", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
