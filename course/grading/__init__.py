"""Marking a class: submissions in; nbgrader's gradebook, feedback and a table out.

A submission is executed by two processes. One runs the student's cells, in a sandbox (student.py,
sandbox.py). The other runs the tests, hidden ones too, and never a line of a student's code: it asks
the first for what the student's functions return (checker.py, wire.py). nbgrader then grades what
came out (book.py).
"""

import sys

# jsonschema loads it if it is there, a grammar of web addresses, for a second in each process that reads
# notebooks. No notebook is checked for such addresses.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
