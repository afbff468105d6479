"""A guest that does everything wrong with its network interface (tests/hostile/net.c): it is answered
or no longer served, and nobody else notices but by a fair share of the time."""
import re
import threading

import net_guest
from machine import BUILD, SETTLED, nodes, run_script, same_memory
from nic import Cable

CASES = 12000
MIB = 16
ATTACKER, WITNESS = "00:16:3e:66:00:01", "00:16:3e:66:00:02"
CONFIG = f"""kernel = "/extra/net.elf"
memory = 16
vif = [ "mac={ATTACKER}", "mac={WITNESS}" ]
on_crash = "destroy"
"""
SHORT_TO = bytes.fromhex("025056aabb")
# One attacker beside one neighbour, and dom0 between them: what is left to the neighbour is at least
# so large a part of what it has alone.
SHARE = 4


class Wire(Cable):
    """What leaves by the uplink."""

    def __init__(self, folder):
        super().__init__(folder)
        self.frames, self.short, self.strange = 0, 0, []
        self.is_open = True
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        while self.is_open:
            try:
                self.look(self.receive(0.5))
            except TimeoutError:
                pass

    def look(self, frame):
        self.frames += 1
        if frame[:5] == SHORT_TO and frame[12:14] == b"\x88\xb6":
            self.short += 1
            if frame[14:].rstrip(b"\0") != b"\xa5" * (frame[5] - 14):
                self.strange.append(frame.hex())
        if frame[12:14] == b"\x88\xb7" and frame[6:12].hex(":") != ATTACKER:
            self.strange.append(frame.hex())

    def close(self):
        self.is_open = False
        self.reader.join()
        super().close()


def extra(folder):
    (folder / "extra").mkdir()
    (folder / "extra/net.elf").write_bytes((BUILD / "tests/hostile/net.elf").read_bytes())
    (folder / "extra/net-guest.gz").write_bytes(net_guest.image())
    (folder / "extra/neighbour.cfg").write_text(net_guest.config("neighbour", "10.0.2.50"))
    for name, line in [("attacker", f"{CASES} 1 on"), *((f"dies-{i}", f"300 {i} {how}") for i, how in DEATHS)]:
        (folder / "extra" / f"{name}.cfg").write_text(f'name = "{name}"\ncmdline = "{line}"\n' + CONFIG)
    return folder / "extra"


DEATHS = list(enumerate(["off", "crash"] * 2))
FETCH = f"fetch http://10.0.2.50/{MIB} --discard --sha256 "


def rates(result):
    """MiB/s of each transfer."""
    return [float(rate) for rate in re.findall(r"bytes in [\d.]+ s, ([\d.]+) MiB/s", result.output)]


def log_of(name):
    return f"cat /var/log/xen/console/guest-{name}.log"


def test_an_attacker_and_a_neighbour(tmp_path):
    fetch = FETCH + net_guest.digest(MIB)
    lines = ["vmctl create /extra/neighbour.cfg",
             'vmctl console neighbour --expect "net-guest: address" --timeout 40', fetch, *SETTLED,
             fetch, "vmctl create -q /extra/attacker.cfg", fetch, fetch,
             'vmctl console attacker --expect "net done" --timeout 30',
             log_of("attacker"), "vmctl destroy attacker"]
    for i, how in DEATHS:
        lines += [f"{'! ' if how == 'crash' else ''}vmctl create -q -F /extra/dies-{i}.cfg",
                  log_of(f"dies-{i}"), f"rm /var/log/xen/console/guest-dies-{i}.log"]
    lines += ["rm /var/log/xen/console/guest-attacker.log", "vmctl audit", fetch, *SETTLED,
              "vmctl list --json", log_of("neighbour")]
    wire = Wire(tmp_path)
    try:
        result = run_script(tmp_path, "paravane", lines, EXTRA=extra(tmp_path), DISK="none", NETDEV=wire.netdev,
                            DOM0_CMDLINE="ip=10.0.2.15/24").ok()
    finally:
        wire.close()
    log = result.of(log_of("attacker"))
    print(log, f"{wire.frames} frames on the wire, {wire.short} short ones")
    assert int(re.search(r"net: (\d+) cases", log).group(1)) >= 10000, log
    assert "bad:" not in result.output, log
    for i, _ in DEATHS:
        assert "hostile: net done" in result.of(log_of(f"dies-{i}"))
    found = rates(result)
    print("MiB/s:", found)
    assert len(found) == 5 and min(found[2:4]) > min(found[1], found[4]) / SHARE, found
    assert wire.short > 100 and not wire.strange, wire.strange[:3]
    assert [d["name"] for d in result.json("vmctl list --json")] == ["Domain-0", "neighbour"]
    assert "stopped" not in result.of(log_of("neighbour"))
    assert nodes(result, 0) == nodes(result, 1)
    same_memory("paravane", result, 0, 1)
