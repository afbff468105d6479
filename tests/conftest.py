"""The frame of all suites: where things are, and the count line at the very end."""
import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True


def pytest_configure(config):
    config.addinivalue_line("markers", "seldom: not in `make test` but in `make matrix`")
    config.addinivalue_line("markers", "seldom_on_xen: its run on Xen is so, as others cross there too")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        on_xen = hasattr(item, "callspec") and "xen" in (item.callspec.params.get("hv"),
                                                         item.callspec.params.get("hypervisor"))
        if ROOT / "tests/matrix" in item.path.parents or on_xen and item.get_closest_marker("seldom_on_xen"):
            item.add_marker("seldom")


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def build():
    return pathlib.Path(os.environ.get("BUILD", ROOT / "build"))


def listed(name):
    """Whether tests/may-skip.list lets a test be skipped."""
    lines = (ROOT / "tests/may-skip.list").read_text().splitlines()
    return any(name.startswith(line.split()[0]) for line in lines if line and not line.startswith("#"))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    """With SKIPS=listed, as continuous integration has it, any other skip is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("SKIPS") != "listed" or reporter is None:
        return
    surprises = [f"{report.nodeid}: {report.longrepr[2]}" for report in reporter.stats.get("skipped", [])
                 if not listed(report.nodeid)]
    for line in surprises:
        reporter.write_line(f"skipped, and not in tests/may-skip.list: {line}", red=True)
    if surprises:
        session.exitstatus = 1


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
