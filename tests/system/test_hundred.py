"""A hundred guests: started, counted, audited and destroyed, with memory and nodes as before.  A thousand
are tests/bench/many.py's."""
import shutil

from machine import BUILD, SETTLED, nodes, run_script, same_memory

COUNT = 100
CONFIG = """name = "idle"
kernel = "/extra/idle.gz"
memory = 8
"""


def test_a_hundred_guests(tmp_path):
    extra = tmp_path / "extra"
    extra.mkdir()
    shutil.copy(BUILD / "tests" / "idle.gz", extra)
    (extra / "idle.cfg").write_text(CONFIG)
    names = [f"g{i}" for i in range(COUNT)]
    lines = ["vmctl create -q /extra/idle.cfg", "vmctl console idle --expect 'idle: up' --timeout 30",
             "vmctl destroy idle", *SETTLED]
    lines += [f"vmctl create -q /extra/idle.cfg 'name=\"{name}\"'" for name in names]
    lines += [f"vmctl console g{COUNT - 1} --expect 'idle: up' --timeout 30",
              "vmctl console g0 --expect 'idle: up' --timeout 30", "vmctl list --json", "vmctl audit --json",
              "! vmctl create -q /extra/idle.cfg 'name=\"g50\"'", "xenstore-control check"]
    lines += [f"vmctl destroy {name}" for name in names]
    lines += [*SETTLED, "vmctl list --json", "vmctl audit --json"]
    result = run_script(tmp_path, "paravane", lines, EXTRA=extra, SMP=2, DISK="none",
                        DOM0_CMDLINE="autostart=off").ok()
    guests = result.json("vmctl list --json")[1:]
    assert sorted(guest["name"] for guest in guests) == sorted(names)
    assert {guest["state"] for guest in guests} <= {"running", "blocked"}
    audits = result.json("vmctl audit --json")
    assert [audit["domid"] for audit in audits] == [0, *sorted(guest["domid"] for guest in guests)]
    assert all(audit["frames"] >= 2048 and not audit["differences"] for audit in audits)
    assert "is there already" in result.of("! vmctl create")
    assert len(result.json("vmctl list --json", 1)) == len(result.json("vmctl audit --json", 1)) == 1
    assert nodes(result, 0) == nodes(result, 1)
    same_memory("paravane", result, 0, 1)
