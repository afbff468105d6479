"""Fixtures of the system suite."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from machine import linux_folder

# Tests of that kernel belong to the suite once it is there.
collect_ignore = [] if linux_folder() else ["test_page_table_modes.py"]


@pytest.fixture(scope="module")
def linux():
    return linux_folder()


@pytest.fixture(params=["paravane", "xen"])
def hv(request):
    """Both hypervisors under the same dom0: a difference is a bug of ours."""
    return request.param
