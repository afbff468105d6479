"""The test guests in Bochs, which has SMAP: they print what they print in QEMU, processor for processor."""
import os
import re

import pytest

from test_guest import all_as_guests

pytestmark = pytest.mark.skipif(not os.path.exists("/usr/bin/bochs-bin"), reason="needs bochs, bochsbios and vgabios")

# What Bochs does otherwise than QEMU: with CR4.DE, which the hypervisor sets, a mov from DR4 is #UD before
# it is looked at who does it (APM volume 3, MOV DRn). So the hypervisor does not see it; nor does Xen.
OTHERWISE = {"ok mov from DR4": "FAIL mov from DR4: got 6, want -1",
             "ok is DR6": "FAIL is DR6: got 1024, want 4294905840"}


def in_bochs(guest, lines):
    lines = list(lines)
    for line in OTHERWISE if guest == "cpu-state" else ():
        lines[lines.index(line)] = OTHERWISE[line]
    return lines


def comparable(guest, lines):
    """Which MSRs there are is the processor's own."""
    return [re.sub(r"-?\b\d+", "N", line) if guest == "registers" and line.startswith("value ") else line
            for line in lines]


def test_as_in_qemu(tmp_path):
    lines = {}
    for emulator, settings in (("qemu", {}), ("bochs", {"CPU_MODEL": "ryzen"})):
        (tmp_path / emulator).mkdir()
        lines[emulator] = all_as_guests(tmp_path / emulator, "paravane", EMULATOR=emulator, **settings)
    for (guest, mode), expected in lines["qemu"].items():
        wanted = comparable(guest, in_bochs(guest, expected))
        got = comparable(guest, lines["bochs"][guest, mode])
        assert got == wanted, (guest, mode, [(a, b) for a, b in zip(got, wanted) if a != b])
        print(f"{guest}, {mode}: {len(got)} lines")
