"""Runs the cmocka programs: each of their cases is a test of its own here."""
import os
import pathlib
import re
import subprocess

import pytest

BUILD = pathlib.Path(os.environ.get("BUILD", pathlib.Path(__file__).resolve().parents[2] / "build"))
SOURCES = pathlib.Path(__file__).resolve().parent


def programs():
    return sorted(p.stem for p in SOURCES.glob("*.c"))


def cases(program):
    """The cases as the source names them: cmocka_unit_test(name), or a macro that stands for it."""
    text = (SOURCES / f"{program}.c").read_text()
    macros = re.findall(r"^#define (\w+)\(\w+\) +cmocka_unit_test", text, re.M)
    text = re.sub(r"^#define .*", "", text, flags=re.M)
    names = "|".join([r"cmocka_unit_test\w*", *macros])
    return re.findall(rf"\b(?:{names})\((\w+)", text)


_results = {}


def fixed_addresses():
    """The thread sanitizer of gcc 12 finds no room where addresses are too random."""
    bits = pathlib.Path("/proc/sys/vm/mmap_rnd_bits")
    return ["setarch", "-R"] if bits.exists() and int(bits.read_text()) > 28 else []


def run(program):
    """One run for all cases of a program: its TAP lines, and what it printed on stderr."""
    if program not in _results:
        done = subprocess.run([*fixed_addresses(), BUILD / "tests" / "unit" / program], capture_output=True, text=True,
                              timeout=900, errors="replace",
                              env={**os.environ, "CMOCKA_MESSAGE_OUTPUT": "TAP"})
        _results[program] = (done.returncode, done.stdout, done.stderr)
    return _results[program]


@pytest.mark.parametrize("program,case", [
    pytest.param(p, c, marks=pytest.mark.xdist_group(p)) for p in programs() for c in cases(p)])
def test_unit(program, case):
    status, out, err = run(program)
    if re.search(rf"^ok \d+ - {case}$", out, re.M) and (status == 0 or "not ok" in out):
        return
    pytest.fail(f"{program}: {case} (status {status})\n{out}\n{err}", pytrace=False)
