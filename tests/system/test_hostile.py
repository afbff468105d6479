"""Guests that attack: they alone suffer.  dom0 and the demo guest run on, a guest that uses all its
services goes on being served, memory comes back."""
import pytest

from machine import BUILD, SETTLED, demo_disk, nodes, run_script, same_memory
from test_greedy import CONFIG as QUIET, quiet_marks, uptime_ms

CONFIG = """name = "hostile"
kernel = "/extra/{program}.elf"
memory = 8
vcpus = {vcpus}
cmdline = "{case}"
pgtable = "{mode}"
"""

CASES = ["triple-fault", "write-page-table", "jump-to-hypervisor", "wild-pins", "wild-hypercalls",
         "event-storm", "store-storm", "wild-rings", "console-flood"]

FATAL = CASES[:3]
# What they do to their own ports and rings may take their voice away: that they come to their end
# is seen by how they go, which is by powering off.
VOICELESS = ["wild-hypercalls", "wild-rings", "wild-hypercalls-shadow"]
# On Paravane some of them in shadow mode, too.
SHADOW = ["wild-pins-shadow", "wild-hypercalls-shadow"]

TABLES = ["bits", "frames", "in-themselves", "many", "given-back", "instructions", "races"]

# Programs that run all their cases in one boot: (program, vCPUs, mode, command line, cases)
PROGRAMS = {"pairs": ("pairs", 16, "direct", "",
                      ["initialise", "pin-levels", "timers", "flips", "own-grant", "pinned-root"]),
            "edges": ("edges", 1, "direct", "",
                      ["times", "memory", "orders", "counts", "descriptors", "ports", "flushes"]),
            "tables-direct": ("tables", 2, "direct", "", TABLES),
            "tables-writable": ("tables", 2, "writable", "stores", TABLES),
            "tables-shadow": ("tables", 2, "shadow", "", TABLES)}

# A quiet guest beside an attacker makes at least so small a part of the rounds it makes alone.  An
# attacker with 16 vCPUs has most of the machine, and the machine may get busier meanwhile.
FACTOR = 300

ALIVE = "vmctl console demo --send 'echo alive-$((40+2))' --expect 'alive-42' --timeout 60"


LOG = "cat /var/log/xen/console/guest-hostile.log"


@pytest.fixture(scope="module")
def extra(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    for case in CASES + ["spin"]:
        (folder / f"{case}.cfg").write_text(
            CONFIG.format(case=case, program="hostile", vcpus=1, mode="direct"))
    for name in SHADOW:
        (folder / f"{name}.cfg").write_text(CONFIG.format(
            case=name.removesuffix("-shadow"), program="hostile", vcpus=1, mode="shadow"))
    for name, (program, vcpus, mode, line, _) in PROGRAMS.items():
        (folder / f"{name}.cfg").write_text(
            CONFIG.format(case=line, program=program, vcpus=vcpus, mode=mode))
    (folder / "quiet.cfg").write_text(QUIET.format(
        name="quiet", kind="quiet", memory=8, disk='disk = ["phy:/dev/vdb,xvda,r"]'))
    for program in {"hostile", "greedy", *(row[0] for row in PROGRAMS.values())}:
        (folder / f"{program}.elf").write_bytes(
            (BUILD / "tests" / "hostile" / f"{program}.elf").read_bytes())
    return folder


def attack(hv, case):
    """Lines that run it to its end; then all is as it was for the others."""
    lines = [f"rm -f {LOG.split()[1]}"]
    if case in FATAL:
        lines += [f"! vmctl create -q -F /extra/{case}.cfg"]
    elif case in VOICELESS and hv == "paravane":  # on Xen some of it may keep it for ever
        lines += [f"vmctl create -q -F /extra/{case}.cfg"]
    else:
        lines += [f"vmctl create -q /extra/{case}.cfg",
                  f"try vmctl wait hostile --state gone --timeout {10 if case in VOICELESS else 30}"]
    lines += ["uptime", "try " + LOG, "try vmctl destroy hostile", ALIVE]
    return ["uptime"] + lines + (["vmctl audit"] if hv == "paravane" else [])


def rate(marks, start, end):
    """Rounds a second from the last mark before to the first after."""
    t0, r0 = max(mark for mark in marks if mark[0] <= start)
    t1, r1 = min(mark for mark in marks if mark[0] >= end)
    return 1000 * (r1 - r0) / (t1 - t0)


def was_served(result, attacks):
    """The first two uptimes are those of the quiet guest alone, then come two for each attack."""
    marks = quiet_marks(result)
    times = [uptime_ms(result, i) for i in range(2 + 2 * len(attacks))]
    found = [rate(marks, *times[i:i + 2]) for i in range(0, len(times), 2)]
    print("quiet guest, rounds a second:", f"alone {found[0]:.0f},",
          ", ".join(f"{case} {r:.0f}" for case, r in zip(attacks, found[1:])))
    assert min(found[1:]) > found[0] / FACTOR


@pytest.mark.seldom_on_xen
def test_attacks(hv, extra, tmp_path):
    blank = tmp_path / "blank.img"
    blank.write_bytes(bytes(8 << 20))
    lines = ["vmctl console demo --expect 'demo:/# $' --timeout 60", "vmctl create -q /extra/quiet.cfg",
             "sleep 2", "uptime", "sleep 3", "uptime", *SETTLED]
    attacks = CASES + (SHADOW + list(PROGRAMS) if hv == "paravane" else [])
    for case in attacks:
        lines += attack(hv, case)
    lines += [*SETTLED, "sleep 1", "vmctl list --json", "xenstore-control check",
              "cat /var/log/xen/console/guest-quiet.log"]
    result = run_script(tmp_path, hv, lines, EXTRA=extra, TIMEOUT=400,
                        DISK=f"{demo_disk(tmp_path)},{blank}").ok()
    was_served(result, attacks)
    for i, case in enumerate(attacks):
        log = result.of("try " + LOG, i)
        if case in FATAL:
            assert "hostile: crashed" in result.of(f"! vmctl create -q -F /extra/{case}.cfg")
            assert f"{case} done" not in log
        elif case in VOICELESS and hv == "paravane":
            assert "hostile: powered off" in result.of(f"vmctl create -q -F /extra/{case}.cfg")
        elif hv == "paravane":
            for name in PROGRAMS[case][-1] if case in PROGRAMS else [case.removesuffix("-shadow")]:
                assert f"hostile: {name} done" in log, log
        assert "bad:" not in log, log
    assert [d["name"] for d in result.json("vmctl list --json")] == ["Domain-0", "demo", "quiet"]
    assert nodes(result, 0) == nodes(result, 1)
    same_memory(hv, result, 0, 1)


@pytest.mark.seldom_on_xen
def test_a_spinning_guest_is_no_bother(hv, extra, tmp_path):
    result = run_script(tmp_path, hv, [
        "vmctl create /extra/spin.cfg",
        "vmctl console demo --expect 'demo:/# $' --timeout 90", ALIVE,
        "vmctl list --json", "vmctl destroy hostile", ALIVE,
    ], EXTRA=extra, SMP=1).ok()
    assert result.json("vmctl list --json")[-1]["cpu_seconds"] > 0.5
