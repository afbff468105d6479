"""Network cards, each model with its driver: tests/nic/main.c sends and receives, we are at the
cable's other end.  QEMU passes no checksum or segmentation on to its datagram sockets, so what
virtio-net does of that goes through a tap device."""
import collections
import os
import struct
import time

import pytest

from frames import OUR4, Packet, TCP, TCP_CHECK, UDP, UDP_CHECK, finish, template
from nic import (DATA, OWN, PARTIAL, SENDS_CHECKSUM, SENDS_TCP4, SENDS_TCP6, TCP4, TCP6, WHOLE, BREAK, Nic,
                 pattern)
from tap import HEADER, Tap

MODELS = ["virtio"]
MULTICAST = bytes.fromhex("01005e010203")
OTHER = bytes.fromhex("025056aabb77")


@pytest.fixture(scope="module", params=[
    pytest.param(model, marks=pytest.mark.xdist_group(f"nic-{model}")) for model in MODELS])
def nic(request, tmp_path_factory):
    machine = Nic(tmp_path_factory.mktemp(request.param), request.param, mtu=9000)
    yield machine
    machine.close()


def echoed(nic, frames, window=48):
    """Sends them all, so many under way at most; each must come back, in their order."""
    waiting = collections.deque()
    for frame in [*frames, None]:
        while waiting and (frame is None or len(waiting) == window):
            back, first = nic.receive(), waiting.popleft()
            assert back, f"nothing comes back\n{nic.status(patience=3)}"
            assert back[6:12] == nic.mac
            assert back[12:len(first)] == first[12:], f"{len(back)} bytes for {len(first)}"
            assert not any(back[len(first):]), "padding is not zero"
        if frame is not None:
            waiting.append(frame)
            nic.send(frame)


def test_every_size(nic):
    sizes = [*range(14, 80), *range(1500, 1530), *range(2040, 2060), *range(4070, 4110),
             *range(8170, 8200), 9013, 9014, 9018]
    echoed(nic, [nic.frame(os.urandom(size - 14)) for size in sizes])


def test_bursts(nic):
    before = nic.status()
    frames = [nic.frame(struct.pack("<I", i) + os.urandom(i * 37 % 1490)) for i in range(4000)]
    echoed(nic, frames)
    after = nic.status()
    assert after["received_packets"] - before["received_packets"] == len(frames) + 1
    assert after["sent_packets"] - before["sent_packets"] == len(frames) + 1
    assert after["received_bytes"] - before["received_bytes"] >= sum(map(len, frames))
    for lost in ("received_lost", "sent_lost", "dropped", "failed", "refused", "resets"):
        assert after[lost] == 0, lost
    # Each frame can at most have come and gone with one each.
    assert after["interrupts"] - before["interrupts"] < 2 * len(frames) + 20


def test_quiet_when_idle(nic):
    before = nic.status()
    time.sleep(3)
    assert nic.status()["interrupts"] - before["interrupts"] <= 4


def test_long_queues(nic):
    """More than any ring holds, in packets of many buffers: they wait for room, and none is lost."""
    for piece, count in ((4096, 400), (100, 150), (1, 30)):
        payload = 1000 if piece > 1 else 20
        if piece == 1 or payload // piece < 18:
            nic.send_packets(nic.frame(b"", to=OWN, source=nic.mac), payload, count=count, piece=piece)
            for _ in range(count):
                frame = nic.receive()
                assert frame and frame[14:14 + payload] == pattern(payload)
                assert not any(frame[14 + payload:])
    assert nic.status()["dropped"] == 0


def test_short_frames_are_padded_with_zeros(nic):
    nic.send_packets(nic.frame(os.urandom(200), to=OWN, source=nic.mac), 0)
    assert nic.receive()
    for size in (14, 20, 42, 59):
        nic.send_packets(nic.frame(bytes(size - 14), to=OWN, source=nic.mac)[:12] + b"\x88\xb6"
                         + b"\xaa" * (size - 14), 0)
        frame = nic.receive()
        assert frame[14:size] == b"\xaa" * (size - 14) and not any(frame[size:])
        if nic.model != "virtio":
            assert len(frame) >= 60


def test_filters(nic):
    kinds = {"own": nic.mac, "broadcast": b"\xff" * 6, "multicast": MULTICAST, "other": OTHER,
             "another multicast": bytes.fromhex("333300000001")}

    def let_in():
        for at, to in enumerate(kinds.values()):
            nic.send(nic.frame(bytes([at]) * 50, to=to))
        seen = set()
        while (frame := nic.receive(1)):
            seen.add(list(kinds)[frame[14]])
        return seen

    nic.filter()
    assert let_in() == {"own", "broadcast"}
    nic.filter(multicast=[bytes.fromhex("01005e7f0001"), MULTICAST])
    assert let_in() == {"own", "broadcast", "multicast"}
    nic.filter(all_multicast=True)
    assert let_in() == {"own", "broadcast", "multicast", "another multicast"}
    nic.filter(promiscuous=True)
    assert let_in() == set(kinds)
    many = [bytes.fromhex("01005e00") + struct.pack(">H", i * 977 & 0xffff) for i in range(63)]
    nic.filter(multicast=[*many, MULTICAST])
    assert let_in() >= {"own", "broadcast", "multicast"}
    assert "other" not in let_in()
    nic.filter()
    assert let_in() == {"own", "broadcast"}


def test_link(nic):
    before = nic.status()["link_changes"]
    nic.link(False)
    nic.expect("nic: link down")
    nic.link(True)
    nic.expect("nic: link down(.|\n)*nic: link up")
    time.sleep(0.5)
    after = nic.status()
    assert after["link"] == 1 and after["link_changes"] - before == 2
    echoed(nic, [nic.frame(os.urandom(100)) for _ in range(100)])


def test_a_card_that_stands_still_is_reset(nic):
    nic.filter(multicast=[MULTICAST])
    before = nic.status()
    nic.order(BREAK, answered=False)
    nic.expect("eth0: the card .* reset")
    time.sleep(2)
    while nic.receive(0.5):
        pass
    after = nic.status()
    assert after["resets"] == before["resets"] + 1 and after["failed"] > before["failed"]
    nic.send(nic.frame(b"multicast".ljust(60), to=MULTICAST)) # the filter is what it was
    assert nic.receive()[14:23] == b"multicast"
    nic.send(nic.frame(bytes(60), to=OTHER))
    assert not nic.receive(1)
    nic.filter()
    echoed(nic, [nic.frame(os.urandom(i * 5 % 1400)) for i in range(2000)])
