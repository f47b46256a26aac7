"""What nbgrader has to know: where the instructor's versions lie and where the releases go.

JupyterLab reads this file when it is started in this folder (`make lab` does).
"""

import os
import sys

c = get_config()  # noqa: F821

c.CourseDirectory.root = os.path.dirname(os.path.abspath(__file__))
c.CourseDirectory.course_id = "llm-put-to-the-test"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"

# A warning on stderr would cost a correct answer its points (nbgrader takes stderr for a failure). The cell
# `checks` of each assignment sends to stdout what it can; what comes past it, autograde leaves out (Validate
# does not).
os.environ.setdefault("PYTHONWARNINGS", "ignore")
c.IgnorePattern.enabled = True
c.IgnorePattern.pattern = "."

# The exchange is for a class on one server. The folder must exist, with mode 777.
if "NBGRADER_EXCHANGE" in os.environ:
    c.Exchange.root = os.environ["NBGRADER_EXCHANGE"]

# Formgrader shows what students wrote in the instructor's own session: their Markdown must run nothing, and
# neither it nor their code may keep the server busy.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from course.grading.highlight import highlight_code  # noqa: E402
from course.grading.markdown import markdown2html  # noqa: E402

c.HTMLExporter.filters = {"markdown2html": markdown2html, "highlight_code": highlight_code}
