"""Guests that flood the network (tests/hostile/floods.c): with addresses that are not theirs, with frames
for everybody, round a loop of two bridges.  A neighbour keeps its share, dom0 its memory."""
import re

import net_guest
from machine import BUILD, SETTLED, nodes, run_script, same_memory
from test_dom0_memory import used
from test_hostile_net import FETCH, MIB, Wire, log_of, rates

CONFIG = """name = "{name}"
kernel = "/extra/floods.elf"
memory = 8
cmdline = "{line}"
vif = [ {vif} ]
"""
FLOODS = {"spoof": "spoof 20000", "arp": "arp", "multicast": "multicast", "broadcast": "broadcast"}
LOOPS = {"apart": '"bridge=one", "bridge=two"', "across": '"bridge=one", "bridge=xenbr0"'}
# What a guest has said when it is at it: its first line may say 0.
ENOUGH = "[0-9][0-9][0-9][0-9] sent"
# What is left to a neighbour, and dom0 that serves both, beside one who floods: 1 in so many.
SHARE = 6
# KiB that dom0 may use for a flood: what may be kept for all guests (split-drivers/net/back/stash.c),
# tasks' stacks, consoles.
KEPT = 10240


def run(folder, lines, **configs):
    (folder / "extra").mkdir()
    (folder / "extra/floods.elf").write_bytes((BUILD / "tests/hostile/floods.elf").read_bytes())
    (folder / "extra/net-guest.gz").write_bytes(net_guest.image())
    (folder / "extra/neighbour.cfg").write_text(net_guest.config("neighbour", "10.0.2.50"))
    for name, text in configs.items():
        (folder / "extra" / f"{name}.cfg").write_text(text)
    wire = Wire(folder)
    fetch = FETCH + net_guest.digest(MIB)
    try:
        result = run_script(folder, "paravane", [
            "vmctl create /extra/neighbour.cfg",
            'vmctl console neighbour --expect "net-guest: address" --timeout 40', fetch,
            "vmctl bridge-show xenbr0", *SETTLED, fetch, "free", *lines(fetch), "sleep 1", fetch,
            "vmctl bridge-show xenbr0", *SETTLED, "free", "vmctl audit", "vmctl list --json",
        ], EXTRA=folder / "extra", DISK="none", NETDEV=wire.netdev, DOM0_CMDLINE="ip=10.0.2.15/24").ok()
    finally:
        wire.close()
    assert [d["name"] for d in result.json("vmctl list --json")] == ["Domain-0", "neighbour"]
    assert nodes(result, 0) == nodes(result, 1)
    same_memory("paravane", result, 0, 1)
    return result


def shares_are_kept(result, names):
    """The first transfer warms up, the second is the neighbour alone, the last alone again."""
    found = rates(result)
    print("MiB/s:", f"alone {found[1]}, {found[-1]};", ", ".join(
        f"{name} {rate}" for name, rate in zip(names, found[2:-1])))
    assert len(found) == len(names) + 3
    assert min(found[2:-1]) > min(found[1], found[-1]) / SHARE, found
    before = used(result, 0)
    after = [used(result, 1 + i) for i in range(len(names) + 1)]
    print("KiB that dom0 uses:", before, after)
    assert max(after[:-1]) < before + KEPT and after[-1] < before + 512


def flooded(name):
    """How much it has sent."""
    return lambda result: int(re.findall(r"flood: \w+ (\d+) sent", result.of(log_of(name)))[-1])


def test_floods(tmp_path):
    def lines(fetch):
        for name in FLOODS:
            enough = ENOUGH if name != "spoof" else "[2-9][0-9][0-9][0-9][0-9] sent"
            yield from (f"vmctl create -q /extra/{name}.cfg", fetch, "free",
                        f'vmctl console {name} --expect "{enough}" --timeout 60',
                        "vmctl bridge-show xenbr0", log_of(name), f"vmctl destroy {name}")
        yield f"rm {' '.join(log_of(name).split()[1] for name in FLOODS)}"
    result = run(tmp_path, lines, **{name: CONFIG.format(name=name, line=line, vif='""')
                                     for name, line in FLOODS.items()})
    for name in FLOODS:
        print(name, flooded(name)(result), "frames")
        assert flooded(name)(result) >= 1000
    shares_are_kept(result, FLOODS)
    # All of the first one's were counted; nobody was pushed out of the table, nothing came into it.
    shown = result.of("vmctl bridge-show xenbr0", 1)
    ports = [line.split() for line in shown.splitlines() if line.startswith("vif2.0")]
    assert int(ports[0][-1]) >= 20000, shown
    addresses = shown[shown.index("Address"):].splitlines()[1:]
    assert len(addresses) == 3 and any(" host " in line for line in addresses), shown


def test_a_loop_of_bridges(tmp_path):
    def lines(fetch):
        yield from ("vmctl bridge-create one", "vmctl bridge-create two")
        for name in LOOPS:
            yield from (f"vmctl create -q /extra/{name}-0.cfg", f"vmctl create -q /extra/{name}-1.cfg",
                        f'vmctl console {name}-1 --expect "{ENOUGH}" --timeout 60', fetch, "free",
                        f'vmctl console {name}-0 --expect "{ENOUGH}" --timeout 60',
                        log_of(f"{name}-0"), f"vmctl destroy {name}-0", f"vmctl destroy {name}-1")
        yield f"rm {' '.join(log_of(name + end).split()[1] for name in LOOPS for end in ('-0', '-1'))}"
        yield from ("vmctl bridge-delete one", "vmctl bridge-delete two")
    result = run(tmp_path, lines, **{f"{name}-{i}": CONFIG.format(name=f"{name}-{i}", line="forward 200", vif=vif)
                                     for name, vif in LOOPS.items() for i in range(2)})
    for name in LOOPS:
        print(name, flooded(name + "-0")(result), "frames")
        assert flooded(name + "-0")(result) > 1000
    shares_are_kept(result, LOOPS)
