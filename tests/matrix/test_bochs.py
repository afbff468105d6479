"""Bochs, the second emulator: SMAP, PCID, x2APIC and the TSC deadline timer are there, and rules hold that
QEMU's translator does not enforce."""
import os
import re

import pytest

from kernels import printed, run_lines
from machine import free_kib, run_script
from test_many_cpus import make, vcpus_say

pytestmark = pytest.mark.skipif(not os.path.exists("/usr/bin/bochs-bin"), reason="needs bochs, bochsbios and vgabios")

GUESTS = ("one", "two")
MODELS = ("core2_penryn_t9600", "corei7_sandy_bridge_2600k", "corei7_skylake_x", "tigerlake", "zambezi", "ryzen")


@pytest.mark.parametrize("model, cpus", [*((model, 2) for model in MODELS), ("corei7_skylake_x", 1), ("zambezi", 1)])
def test_processor(tmp_path, model, cpus):
    """The whole machine comes up, two guests run in it, and it switches itself off."""
    (tmp_path / "extra").mkdir()
    for guest in GUESTS:
        make(tmp_path / "extra", guest, 2, 'pgtable = "shadow"\n' if guest == "two" else "")
    result = run_script(tmp_path, "paravane", [
        *run_lines(GUESTS[0]), "vmctl info --json", *run_lines(GUESTS[1]), "vmctl audit", "vmctl info --json",
    ], EMULATOR="bochs", CPU_MODEL=model, SMP=cpus, EXTRA=tmp_path / "extra", DISK="none").ok()
    smap = re.search(r"SMAP is (on|off)", result.output)[1]
    print(f"{model}: CPUs: {cpus}, SMAP {smap}")
    assert f"CPUs: {cpus} running" in result.output
    for guest in GUESTS:
        assert printed(result, guest)[:-1] == vcpus_say(2), result.tail()
    assert free_kib(result, 0) == free_kib(result, 1)
    assert "0 differences" in result.of("vmctl audit")
    assert "soft power off" in result.output, result.tail()
