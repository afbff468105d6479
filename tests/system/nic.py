"""The other end of the cable of tests/nic/main.c: frames, orders, and the machine."""
import os
import pathlib
import re
import socket
import struct
import subprocess
import threading
import time

from machine import BUILD, PATIENCE, RUN, environment

OWN = bytes.fromhex("025056aabb01")
ORDER, DATA = 0x88b5, 0x88b6
STATUS, FILTER, SEND, BREAK = 1, 2, 3, 4
THERE, VALID, PARTIAL = 0, 1, 2
WHOLE, TCP4, TCP6 = 0, 1, 2
SENDS_CHECKSUM, SENDS_TCP4, SENDS_TCP6 = 1, 2, 4
COUNTERS = ("received_packets", "received_bytes", "received_lost", "sent_packets", "sent_bytes",
            "sent_lost", "resets")
MAX_FRAME = 70000


def pattern(count):
    return bytes((i * 31 + (i >> 8)) & 255 for i in range(count))


class Cable:
    """A pair of datagram sockets between QEMU and us: a frame each, and none is lost."""

    def __init__(self, folder):
        self.theirs, ours = str(folder / "theirs"), str(folder / "ours")
        self.netdev = (f"dgram,local.type=unix,local.path={self.theirs},"
                       f"remote.type=unix,remote.path={ours}")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(ours)

    def send(self, frame):
        self.socket.sendto(frame, self.theirs)

    def receive(self, timeout):
        self.socket.settimeout(timeout)
        return self.socket.recv(MAX_FRAME)

    def close(self):
        self.socket.close()


class Nic:
    """The machine with the test guest as its initial domain."""

    def __init__(self, folder, model, cable=None, mtu=1500, hv="paravane", **settings):
        self.folder, self.model = pathlib.Path(folder), model
        self.cable = cable or Cable(self.folder)
        self.output, self.sequence, self.strays = "", 0, []
        self.qmp_path = str(self.folder / "qmp")
        initrd = self.folder / "initrd"
        subprocess.run("cpio -o -H newc --quiet > " + str(initrd), input=b"", shell=True, check=True)
        env = environment(folder, hv, {
            "DOM0": BUILD / "tests" / "nic.gz", "DOM0_INITRD": initrd,
            "DOM0_MEM": 96, "MEM": 512, "DISK": "none", "HEADLESS": 1, "NETIF": model,
            "DOM0_CMDLINE": f"mtu={mtu}", "TIMEOUT": 600, "NETDEV": self.cable.netdev,
            "QEMU_ARGS": f"-qmp unix:{self.qmp_path},server=on,wait=off "
                         + settings.pop("QEMU_ARGS", ""), **settings})
        self.process = subprocess.Popen([RUN], env=env, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        line = self.expect(r"nic: eth0 .* at \S+, ([0-9a-f:]+), link (\w+)")
        self.mac = bytes.fromhex(line[1].replace(":", ""))
        self.monitor = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.monitor.connect(self.qmp_path)
        self.qmp("qmp_capabilities")
        self.wait_until_it_answers()

    def _read(self):
        with open(self.folder / "console.log", "wb") as log:
            while data := self.process.stdout.read1(65536):
                log.write(data)
                log.flush()
                self.output += data.decode(errors="replace").replace("\r", "")

    def expect(self, text, seconds=100):
        limit = time.monotonic() + seconds * PATIENCE
        while time.monotonic() < limit:
            found = re.search(text, self.output)
            if found:
                return found
            assert "panic: " not in self.output and self.process.poll() is None, f"the machine went away\n{self.output[-2000:]}"
            time.sleep(0.05)
        raise AssertionError(f"no {text!r} in\n{self.output[-2000:]}")

    def qmp(self, command, **arguments):
        import json
        order = {"execute": command, **({"arguments": arguments} if arguments else {})}
        self.monitor.sendall(json.dumps(order).encode() + b"\n")
        answer, limit = b"", time.monotonic() + 30
        while b'"return"' not in answer:
            assert time.monotonic() < limit and b'"error"' not in answer, answer
            answer += self.monitor.recv(65536)

    def link(self, up):
        self.qmp("set_link", name="net0", up=up)

    def frame(self, payload, to=None, kind=DATA, source=OWN):
        return (to or self.mac) + source + struct.pack(">H", kind) + payload

    def send(self, frame):
        self.cable.send(frame)

    def receive(self, seconds=20):
        """The next frame that is for us, or None."""
        limit = time.monotonic() + seconds
        while (left := limit - time.monotonic()) > 0:
            try:
                frame = self.cable.receive(left)
            except (TimeoutError, BlockingIOError):
                return None
            if frame[:6] == OWN:
                return frame
            self.strays.append(frame)
        return None

    def wait_until_it_answers(self, seconds=20):
        """A card that starts, or has just been reset, may drop what comes."""
        limit = time.monotonic() + seconds * PATIENCE
        while True:
            try:
                return self.status(patience=1)
            except AssertionError:
                assert time.monotonic() < limit, self.output[-2000:]

    def order(self, op, body=b"", answered=True, patience=30):
        """Has the guest do something; the answer is its state, as a dictionary."""
        self.sequence = (self.sequence + 1) & 0xffff
        self.send(self.frame(struct.pack("<BBH", op, 0, self.sequence) + body.ljust(60, b"\0"),
                             kind=ORDER))
        while answered:
            frame = self.receive(patience)
            assert frame, f"no answer to order {op}"
            if frame[12:14] == struct.pack(">H", ORDER) and frame[14] == op | 0x80 \
                    and struct.unpack_from("<H", frame, 16)[0] == self.sequence:
                return self._status(frame[14:])
        return None

    @staticmethod
    def _status(data):
        (_, link, _, mtu_max, changes, pieces, features, interrupts, dropped, refused, failed,
         rooms) = struct.unpack_from("<BBHHHHIIIIII", data)
        checksum, segmentation, start, offset, segment, header = struct.unpack_from("<BBHHHH", data, 34)
        counters = dict(zip(COUNTERS, struct.unpack_from("<7Q", data, 44)))
        return {"link": link, "mtu_max": mtu_max, "link_changes": changes, "pieces": pieces,
                "features": features, "interrupts": interrupts, "dropped": dropped,
                "refused": refused, "failed": failed, "rooms": rooms,
                "offload": (checksum, segmentation, start, offset, segment, header),
                "model": data[100:132].rstrip(b"\0").decode(), **counters}

    def status(self, patience=30):
        return self.order(STATUS, patience=patience)

    def filter(self, promiscuous=False, all_multicast=False, multicast=()):
        self.order(FILTER, struct.pack("<BBH", promiscuous, all_multicast, len(multicast))
                   + b"".join(multicast))
        time.sleep(0.3)

    def send_packets(self, template, payload, offload=(0, 0, 0, 0, 0, 0), count=1, piece=4096, first=0):
        """Has the guest send packets: the template, then a pattern."""
        self.order(SEND, struct.pack("<BBHHHH", *offload)
                   + struct.pack("<HHHHI", piece, count, len(template), first, payload) + template,
                   answered=False)

    def close(self):
        self.monitor.close()
        self.process.terminate()
        self.process.wait(20)
        self.reader.join(5)
        self.cable.close()
