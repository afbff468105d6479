"""The demo guest and its disk where UEFI firmware started the machine, on a CPU whose SMAP is
QEMU's: it would kill every guest, and a test at boot finds that out."""
import os

import pytest

from machine import run_script
from test_demo import CONSOLE, WRITE


@pytest.mark.skipif(not os.path.exists("/usr/share/OVMF/OVMF_CODE_4M.fd"), reason="needs ovmf")
def test_uefi(tmp_path):
    result = run_script(tmp_path, "paravane", [
        CONSOLE + "--expect 'demo:/# $' --timeout 90", "vmctl info",
        CONSOLE + f"--send '{WRITE}' --expect 'wrote-0\\r' --timeout 150",
        CONSOLE + "--send 'poweroff' --expect 'poweroff' --timeout 20",
        "vmctl wait demo --state gone --timeout 30",
    ], FIRMWARE="uefi", QEMU_ARGS="-cpu max", TIMEOUT=400).ok()
    assert "SMAP: IRET in ring 3 faults" in result.output and "SMAP is off" in result.output
