"""Everyone's settings on one server; server.sh puts this file into /etc/jupyter.

The exchange that it made is closed to students by its access list, a page of feedback too. When feedback is
released, its student gets an entry in that list. What lies there to be collected students have made, names
and owners of folders included: nothing of it is believed that the disk does not say as well.
"""

import os
import pwd
import stat
import subprocess
import tempfile
from datetime import datetime
from pathlib import Path

from nbgrader.exchange.default import ExchangeCollect, ExchangeReleaseFeedback
from nbgrader.utils import notebook_hash


def account(name):
    """The number of the account with this name; None where there is none."""
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


class Collect(ExchangeCollect):
    """As nbgrader's own, but each student hands in for oneself, and nothing but files of one's own.

    nbgrader believes a folder's name, though any student can make a folder with the name of another; and it
    copies what a link leads to with the instructor's eyes: another student's answers, the solutions.
    """

    def init_src(self):
        self.check_owner = False  # nbgrader's check warns of a false name, and collects all the same
        super().init_src()
        self.src_records = [record for record in self.src_records if record["username"]]

    def _path_to_record(self, path):
        """What nbgrader chooses each student's newest from; without a name, if it is to be left out."""
        try:
            record = super()._path_to_record(path)
            self._must_be_own(os.lstat(path), record["username"])
        except (OSError, OverflowError, TypeError, ValueError) as error:
            self.log.warning("Left out %r: %s", path, error)
            return {"username": None, "filename": os.path.basename(path), "timestamp": datetime.min}
        return record

    def do_copy(self, src, dest, log=None):
        """First a copy of what is the student's, where nobody else can change it; nbgrader copies that."""
        record = super()._path_to_record(src)
        with tempfile.TemporaryDirectory() as folder:
            try:
                self._take(src, record["username"], Path(folder))
                # The time that counted. A student's own could be none, and end the next collecting.
                time = f"{record['timestamp']:%Y-%m-%d %H:%M:%S.%f} UTC"
                Path(folder, "timestamp.txt").write_text(time, encoding="utf-8")
                super().do_copy(folder, dest, log)
            except (OSError, RuntimeError, ValueError) as error:
                self.log.warning("Not collected, the others are: %r: %s", src, error)

    def _must_be_own(self, status, student):
        """The folder is one, and of the student in its name."""
        if not stat.S_ISDIR(status.st_mode):
            raise ValueError("it is not a folder (a link, perhaps)")
        if status.st_uid != account(student):
            raise ValueError(f"the account number {status.st_uid} made it, and that is not {student!r}")

    def _take(self, source, student, folder):
        """Copy the student's plain files. What is open is looked at: a name can change its meaning."""
        room = 1000 * self.coursedir.max_dir_size
        top = os.open(source, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            self._must_be_own(os.fstat(top), student)
            for place, _, names, here in os.fwalk(".", dir_fd=top):  # which follows no links
                Path(folder, place).mkdir(exist_ok=True)
                for name in names:
                    try:
                        content = self._read(name, here, account(student))
                    except (OSError, ValueError) as error:
                        self.log.warning("Left out %r: %s", os.path.join(source, place, name), error)
                        continue
                    room -= len(content)
                    if room < 0:
                        raise RuntimeError("it is too large (CourseDirectory.max_dir_size)")
                    Path(folder, place, name).write_bytes(content)
        finally:
            os.close(top)

    def _read(self, name, here, owner):
        def without_links(path, flags):
            return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=here)

        with open(name, "rb", opener=without_links) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_uid != owner:
                raise ValueError("it is not a plain file of the student's")
            if status.st_size > 1000 * self.coursedir.max_file_size:
                raise ValueError("it is too large (CourseDirectory.max_file_size)")
            return file.read(status.st_size)  # and not what is added meanwhile


class ReleaseFeedback(ExchangeReleaseFeedback):
    """As nbgrader's own; then each page can be read by the student whom it is for."""

    def copy_files(self):
        super().copy_files()
        source = Path(self.src_path).relative_to(self.coursedir.root)  # feedback/*/ASSIGNMENT
        closed = set()
        for secret in Path(self.coursedir.root).glob(f"{source}/submission_secret.txt"):
            student = secret.parts[-3]
            for page in secret.parent.glob("*.html"):
                name = notebook_hash(secret=secret.read_text(), notebook_id=page.stem)
                released = Path(self.dest_path, f"{name}.html")
                if released.exists() and not let_read(student, released):
                    closed.add(student)
        if closed:
            names = ", ".join(sorted(closed))
            self.log.warning("Released, but not readable for %s: have they an account here?", names)


def let_read(student, page):
    """Give the student an entry in the page's access list; whether it worked."""
    if account(student) is None:  # setfacl would take a number for one
        return False
    return subprocess.run(["setfacl", "--modify", f"user:{student}:r", str(page)]).returncode == 0


c = get_config()  # noqa: F821
c.Exchange.root = "/srv/llm-put-to-the-test/class/exchange"
c.CourseDirectory.course_id = "llm-put-to-the-test"
c.ExchangeFactory.collect = Collect
c.ExchangeFactory.release_feedback = ReleaseFeedback
