"""Ten guests that send all they can through an uplink that takes less: each gets its tenth, whatever the
size of its frames."""
import collections
import socket
import threading
import time

import pexpect

from machine import BUILD, PATIENCE, prompt

GUESTS = 10
SIZES = [1514, 1514, 1514, 1514, 900, 900, 500, 500, 250, 250]
RATE = 3 << 19 # bytes a second that the world outside takes
SECONDS = 14
STATION = bytes.fromhex("025056aabb01")
CONFIG = """name = "g{i}"
kernel = "/extra/floods.elf"
memory = 8
cmdline = "send {size}"
vif = [ "mac=00:16:3e:77:00:{i:02x}" ]
"""


class SlowWorld:
    """The other end of a cable that carries so many bytes a second, and counts them by who sent them."""

    def __init__(self, folder):
        self.path = str(folder / "world")
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(self.path)
        self.server.listen()
        self.netdev = f"stream,server=off,addr.type=unix,addr.path={self.path}"
        self.counts, self.idle, self.rounds, self.is_open = collections.Counter(), 0, 0, True
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        cable, _ = self.server.accept()
        cable.setblocking(False)
        data, due, told = bytearray(), time.monotonic(), 0
        while self.is_open:
            if time.monotonic() - told > 1: # so that the bridge knows who is there
                told = time.monotonic()
                frame = b"\xff" * 6 + STATION + b"\x88\xb5" + bytes(46)
                cable.send(len(frame).to_bytes(4, "big") + frame)
            due = max(due + 0.02, time.monotonic() - 0.1)
            time.sleep(max(0, due - time.monotonic()))
            try:
                got = cable.recv(RATE // 50)
            except BlockingIOError:
                got = b""
            self.rounds += 1
            self.idle += len(got) < RATE // 100
            data = self.take(data + got)

    def take(self, data):
        at = 0
        while len(data) - at >= 4:
            end = at + 4 + int.from_bytes(data[at:at + 4], "big")
            if end > len(data):
                break
            if data[at + 4:at + 10] == STATION:
                self.counts[data[at + 15]] += end - at - 4
            at = end
        return data[at:]

    def close(self):
        self.is_open = False
        self.thread.join(5)
        self.server.close()


def extra(folder):
    (folder / "extra").mkdir()
    (folder / "extra/floods.elf").write_bytes((BUILD / "tests/hostile/floods.elf").read_bytes())
    for i, size in enumerate(SIZES):
        (folder / f"extra/g{i}.cfg").write_text(CONFIG.format(i=i, size=size))
    return folder / "extra"


def wait_until(what, seconds):
    limit = time.monotonic() + PATIENCE * seconds
    while not what():
        assert time.monotonic() < limit
        time.sleep(0.1)


def test_ten_guests_have_equal_parts_of_the_uplink(tmp_path):
    world = SlowWorld(tmp_path)
    try:
        machine = prompt(tmp_path, "paravane", EXTRA=extra(tmp_path), DISK="none", NETDEV=world.netdev,
                         DOM0_CMDLINE="ip=none")
        for i in range(GUESTS):
            machine.sendline(f"vmctl create -q /extra/g{i}.cfg")
            machine.expect_exact("dom0# ")
        wait_until(lambda: len(world.counts) == GUESTS, 20)
        time.sleep(2)
        before, rounds, idle = world.counts.copy(), world.rounds, world.idle
        time.sleep(SECONDS)
        after, rounds, idle = world.counts.copy(), world.rounds - rounds, world.idle - idle
        machine.sendline("vmctl bridge-show xenbr0")
        machine.expect_exact("dom0# ")
        machine.sendline("poweroff")
        machine.expect(pexpect.EOF)
    finally:
        world.close()
    parts = [after[i] - before[i] for i in range(GUESTS)]
    mean = sum(parts) / GUESTS
    print(f"{mean * GUESTS / SECONDS / 1024:.0f} KiB/s, idle {idle} of {rounds}; each, of its tenth:",
          " ".join(f"{part / mean:.3f}" for part in parts))
    assert idle < rounds / 2, "the uplink was not what they had to share"
    assert all(0.9 < part / mean < 1.1 for part in parts)
