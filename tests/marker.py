"""An instructor who marks, in a process of its own, by the same steps as Formgrader's server.

`python tests/marker.py gradebook.db` reads a line of JSON for each mark: [assignment, notebook, student,
cell, points, comment]. It says "ready" first, and for each line, when the mark is in the gradebook, when it
began and when it was done, by the machine's clock.
"""

from __future__ import annotations

import json
import sys
import time

from nbgrader.api import Gradebook


def main(path: str) -> None:
    # Formgrader keeps one open, too. It waits 5 s for others; on a busy machine that is not enough.
    with Gradebook(f"sqlite:///{path}?timeout=60") as gradebook:
        print("ready", flush=True)
        for line in sys.stdin:
            begun = time.monotonic()
            assignment, notebook, student, cell, points, comment = json.loads(line)
            where = cell, notebook, assignment, student
            grade = gradebook.find_grade_by_id(gradebook.find_grade(*where).id)
            grade.manual_score, grade.needs_manual_grade = points, False
            gradebook.db.commit()
            if comment:
                gradebook.find_comment(*where).manual_comment = comment
                gradebook.db.commit()
            print(json.dumps([begun, time.monotonic()]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
