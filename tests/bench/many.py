"""Rows of a thousand guests: what the first and the thousandth cost, on our hypervisor.

One machine with one CPU that counts instructions, so a microsecond is a thousand of everybody's: the
time is that of vmctl, from its first instruction to its last, an idle guest of 8 MiB without devices,
and an image that dom0 has unpacked before.  A thousand are made and ended twice, left paused and
running.  In between they are counted and audited, and afterwards there must be as much memory, and
as many nodes in the store, as before: whatever is amiss is an error, not a missing row.
"""
import json
import os
import re
import shutil
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
COUNT = 1000
ENDS = 10  # so many at either end make a row, by their median
CONFIG = """name = "idle"
kernel = "/extra/idle.gz"
memory = 8
on_poweroff = "destroy"
"""
LOOK = ["sleep 1", "free", "vmctl info --json", "xenstore-control statistics"]


def script():
    lines = ["vmctl create -q /extra/idle.cfg", "vmctl destroy idle"]
    for option in ("-p ", ""):
        names = [f"g{i}" for i in range(COUNT)]
        lines += LOOK
        lines += [f"time vmctl create -q {option}/extra/idle.cfg 'name=\"{name}\"'" for name in names]
        lines += [*LOOK, "vmctl list --json", "vmctl audit > /audit"]
        lines += [f"time vmctl destroy {name}" for name in names]
    return lines + LOOK


class Missing(Exception):
    """What was to be measured is not there."""


def machine(work):
    """What the script printed, by its lines."""
    extra, path = os.path.join(work, "many"), os.path.join(work, "many-script")
    os.mkdir(extra)
    shutil.copy(os.path.join(BUILD, "tests/idle.gz"), extra)
    for name, lines in ((os.path.join(extra, "idle.cfg"), [CONFIG]), (path, script())):
        with open(name, "w", encoding="ascii") as out:
            out.write("\n".join(lines) + "\n")
    environment = dict(os.environ, HV="paravane", CMDLINE="console=com1", SMP="1", MEM="10240",
                       TIMEOUT="1500", EXTRA=extra, SCRIPT=path, DISK="none", LINUX="none",
                       QEMU_ARGS="-icount shift=0,sleep=off")
    done = subprocess.run([os.path.join(ROOT, "tools", "run")], env=environment, text=True,
                          errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    output = done.stdout.replace("\r", "")
    if done.returncode:
        raise Missing(f"status {done.returncode}; the last lines:\n" +
                      "\n".join(output.splitlines()[-15:]))
    return [part.partition("\n")[::2] for part in output.split("\ndom0# ")[1:]]


def found(pattern, text):
    match = re.search(pattern, text)
    if not match:
        raise Missing(f"{pattern}: not in {text[:200]!r}")
    return float(match[1])


def times(parts, command):
    """Microseconds of each, round by round."""
    all_of_them = [found(r"time: (\d+\.\d+) s", text) * 1e6 for line, text in parts
                   if line.startswith(command)]
    if len(all_of_them) != 2 * COUNT:
        raise Missing(f"{command}: {len(all_of_them)} times, not {2 * COUNT}")
    return all_of_them[:COUNT], all_of_them[COUNT:]


def of(parts, command):
    return [text for line, text in parts if line == command]


def check_count(text):
    counted = len(json.loads(text[:text.rindex("]") + 1]))
    if counted != COUNT + 1:
        raise Missing(f"{counted} domains are listed, not {COUNT + 1}")


def figures(parts):
    rows = {}
    for what, command in (("create", "time vmctl create"), ("destroy", "time vmctl destroy")):
        for state, took in zip(("paused", "running"), times(parts, command)):
            ends = took if what == "create" else took[::-1]
            rows[f"{what}-{state}-1st"] = ("us", statistics.median(ends[:ENDS]))
            rows[f"{what}-{state}-{COUNT}th"] = ("us", statistics.median(ends[-ENDS:]))
    for text in of(parts, "vmctl list --json"):
        check_count(text)
    used = [found(r"Mem: +\d+ +(\d+)", text) for text in of(parts, "free")]
    free = [found(r'"free_memory_kib": (\d+)', text) for text in of(parts, "vmctl info --json")]
    nodes = [found(r"nodes (\d+)", text) for text in of(parts, "xenstore-control statistics")]
    if [len(used), len(free), len(nodes)] != [5, 5, 5]:
        raise Missing("not every look was taken")
    # The first round makes room in dom0's own tables, which stays.
    if free[4] != free[2] or nodes[4] != nodes[0]:
        raise Missing(f"{free[2]} KiB free and {nodes[0]} nodes, afterwards {free[4]} and {nodes[4]}")
    rows["guest-dom0-memory"] = ("KiB", (used[1] - used[0]) / COUNT)
    rows["guest-hypervisor-memory"] = ("KiB", (free[2] - free[3]) / COUNT - 8192)
    return rows


def measure(work):
    """Rows as report.Report takes them; raises Missing."""
    rows = figures(machine(work))
    return [(name, unit, {"paravane": [figure]}, ("paravane",)) for name, (unit, figure) in rows.items()]
