"""Fixtures of the system suite."""
import os
import pathlib
import subprocess
import sys

import pytest

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))


def linux_folder():
    """Our Linux for guests, or None if `make linux` has not built it."""
    cache = os.environ.get("CACHE") or pathlib.Path(
        os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "paravane"
    found = subprocess.run([FOLDER.parents[1] / "tools/linux", cache, "--find"],
                           capture_output=True, text=True)
    return None if found.returncode else pathlib.Path(found.stdout.strip())


# Tests of that kernel belong to the suite once it is there.
collect_ignore = [] if linux_folder() else ["test_page_table_modes.py"]


@pytest.fixture(scope="module")
def linux():
    return linux_folder()


@pytest.fixture(params=["paravane", "xen"])
def hv(request):
    """Both hypervisors under the same dom0: a difference is a bug of ours."""
    return request.param
