"""The frame of all suites: where things are, and the count line at the very end."""
import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes minutes")


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def build():
    return pathlib.Path(os.environ.get("BUILD", ROOT / "build"))


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    """Scripts read this line: nothing else on it, nothing after it."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return

    def count(*kinds):
        return sum(len(reporter.stats.get(kind, [])) for kind in kinds)

    print(f"{count('passed', 'xpassed')} passed, {count('failed', 'error')} failed, "
          f"{count('skipped', 'xfailed')} skipped")
