"""Guests that attack: they alone suffer.  dom0 and the demo guest run on, memory comes back."""
import pytest

from machine import BUILD, SETTLED, nodes, run_script, same_memory

CONFIG = """name = "hostile"
kernel = "/extra/hostile.elf"
memory = 8
cmdline = "{case}"
"""

CASES = ["triple-fault", "write-page-table", "jump-to-hypervisor", "wild-pins", "wild-hypercalls",
         "event-storm", "store-storm", "wild-rings", "console-flood"]

FATAL = CASES[:3]

ALIVE = "vmctl console demo --send 'echo alive-$((40+2))' --expect 'alive-42' --timeout 60"


@pytest.fixture(scope="module")
def extra(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    for case in CASES + ["spin"]:
        (folder / f"{case}.cfg").write_text(CONFIG.format(case=case))
    (folder / "hostile.elf").write_bytes((BUILD / "tests" / "hostile" / "hostile.elf").read_bytes())
    return folder


def test_attacks(hv, extra, tmp_path):
    lines = ["vmctl console demo --expect 'demo:/# $' --timeout 60",
             *SETTLED]
    for case in CASES:
        if case in FATAL:
            lines += [f"! vmctl create -q -F /extra/{case}.cfg", ALIVE]
        else:
            lines += [f"vmctl create -q /extra/{case}.cfg",
                      "try vmctl wait hostile --state gone --timeout 15",
                      "try vmctl destroy hostile", ALIVE]
    lines += [*SETTLED, "vmctl list --json", "xenstore-control check"]
    result = run_script(tmp_path, hv, lines, EXTRA=extra, TIMEOUT=400).ok()
    for case in FATAL:
        assert "hostile: crashed" in result.of(f"! vmctl create -q -F /extra/{case}.cfg")
    assert [d["name"] for d in result.json("vmctl list --json")] == ["Domain-0", "demo"]
    assert nodes(result, 0) == nodes(result, 1)
    same_memory(hv, result, 0, 1)


def test_a_spinning_guest_is_no_bother(hv, extra, tmp_path):
    result = run_script(tmp_path, hv, [
        "vmctl create /extra/spin.cfg",
        "vmctl console demo --expect 'demo:/# $' --timeout 90", ALIVE,
        "vmctl list --json", "vmctl destroy hostile", ALIVE,
    ], EXTRA=extra, SMP=1).ok()
    assert result.json("vmctl list --json")[-1]["cpu_seconds"] > 0.5
