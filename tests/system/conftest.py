"""Fixtures of the system suite."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))


@pytest.fixture(params=["paravane", "xen"])
def hv(request):
    """Both hypervisors under the same dom0: a difference is a bug of ours."""
    return request.param
