"""The test guests: each boots on our hypervisor and on Xen 4.17 as the initial domain, must pass
there and print the same lines; differences that are meant stand in KNOWN, with their reason in
docs/differences-from-xen.md."""
import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build"))
GUESTS = sorted(p.stem for p in pathlib.Path(__file__).parent.glob("*.c") if p.stem != "guest-test")
# (guest, line as Xen prints it) -> line as ours does
KNOWN = {}


def run(guest, hypervisor):
    environment = {**os.environ, "HV": hypervisor, "HEADLESS": "1", "TIMEOUT": "60", "MEM": "512",
                   "SMP": "1", "DOM0_MEM": "64", "DISK": "none", "SCRIPT": "", "EXTRA": "",
                   "DOM0": str(BUILD / "tests/guest" / f"{guest}.gz"),
                   "DOM0_INITRD": str(BUILD / "tests/guest" / f"{guest}.gz")}
    done = subprocess.run([ROOT / "tools/run"], env=environment, capture_output=True, timeout=120)
    text = done.stdout.decode(errors="replace")
    lines = re.findall(r"^(?:ok|FAIL|value|AUDIT|panic:|exception) ?.*?(?=\r?$)", text, re.M)
    return done.returncode, lines, text[-3000:]


_xen = {}


def on_xen(guest):
    if guest not in _xen:
        _xen[guest] = run(guest, "xen")
    return _xen[guest]


@pytest.mark.parametrize("guest", GUESTS)
def test_on_xen(guest):
    status, lines, tail = on_xen(guest)
    assert status == 0, [l for l in lines if not l.startswith("ok")] or tail


@pytest.mark.parametrize("guest", GUESTS)
def test_on_paravane(guest):
    status, lines, tail = run(guest, "paravane")
    assert status == 0, [l for l in lines if not l.startswith("ok")] or tail
    expected = [KNOWN.get((guest, line), line) for line in on_xen(guest)[1]]
    assert lines == expected
