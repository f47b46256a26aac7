# %% [markdown]
# Installing what is missing: the builder puts this first where a notebook `needs` packages.

# %% name="install"
import importlib
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

from packaging.requirements import Requirement


def is_missing(requirement):
    """Is the package meant for this machine, and not here in any version?"""
    if requirement.marker and not requirement.marker.evaluate():
        return False
    try:
        version(requirement.name)
    except PackageNotFoundError:
        return True
    return False


def install_missing(*requirements):
    """Install what is missing here (on Colab, a few packages), and nothing else along with it."""
    wanted = [one for one in map(Requirement, requirements) if is_missing(one)]
    if not wanted:
        return
    names = [f"{one.name}{one.specifier}" for one in wanted]
    print("Installing", ", ".join(names))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    done = subprocess.run([*pip, *names], capture_output=True, text=True)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["it says nothing"]
        errors = [line for line in said if line.lower().startswith("error")]  # a hint may come after it
        raise RuntimeError(
            f"pip cannot install {', '.join(names)}: {[*said, *errors][-1]}\n"
            "Online, and with room on the disk? Then run this cell again."
        )
    importlib.invalidate_caches()
    # transformers notes what is installed when it is loaded, and looks no second time.
    if "transformers" in sys.modules or any(map(is_missing, wanted)):
        raise RuntimeError(
            "Installed. Now restart the kernel (on Colab: Runtime, Restart session) and begin again."
        )
