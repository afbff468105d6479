"""The same from UEFI firmware."""
import os

import pytest

from machine import run_script


@pytest.mark.skipif(not os.path.exists("/usr/share/OVMF/OVMF_CODE_4M.fd"), reason="needs ovmf")
def test_uefi(tmp_path):
    run_script(tmp_path, "paravane", [
        "vmctl console demo --expect 'demo:/# $' --timeout 90", "vmctl info",
    ], FIRMWARE="uefi").ok()
