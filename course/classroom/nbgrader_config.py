"""Everyone's settings on one server; server.sh puts this file into /etc/jupyter.

The exchange that it made is closed to students by its access list, a page of feedback too. When feedback is
released, its student gets an entry in that list.
"""

import subprocess
from pathlib import Path

from nbgrader.exchange.default import ExchangeReleaseFeedback
from nbgrader.utils import notebook_hash


class ReleaseFeedback(ExchangeReleaseFeedback):
    """As nbgrader's own; then each page can be read by the student whom it is for."""

    def copy_files(self):
        super().copy_files()
        source = Path(self.src_path).relative_to(self.coursedir.root)  # feedback/*/ASSIGNMENT
        for secret in Path(self.coursedir.root).glob(f"{source}/submission_secret.txt"):
            student = secret.parts[-3]
            for page in secret.parent.glob("*.html"):
                name = notebook_hash(secret=secret.read_text(), notebook_id=page.stem)
                released = Path(self.dest_path, f"{name}.html")
                if released.exists():
                    subprocess.run(["setfacl", "--modify", f"user:{student}:r", str(released)], check=True)


c = get_config()  # noqa: F821
c.Exchange.root = "/srv/llm-put-to-the-test/class/exchange"
c.CourseDirectory.course_id = "llm-put-to-the-test"
c.ExchangeFactory.release_feedback = ReleaseFeedback
