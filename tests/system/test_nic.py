"""Network cards, each model with its driver: tests/nic/main.c sends and receives, we are at the
cable's other end.  QEMU passes no checksum or segmentation on to its datagram sockets, so what
virtio-net does of that goes through a tap device."""
import collections
import os
import struct
import time

import pytest

from frames import OUR4, Packet, TCP, TCP_CHECK, UDP, UDP_CHECK, finish, template
from nic import (DATA, OWN, THERE, VALID, PARTIAL, SENDS_CHECKSUM, SENDS_TCP4, SENDS_TCP6, TCP4, TCP6, WHOLE, BREAK, Nic,
                 pattern)
from tap import HEADER, Tap

MODELS = ["virtio", "e1000e", "e1000"]
# The driver knows QEMU's 82574L, which cuts large segments into IP fragments.
OFFLOADS = {"virtio-net": 0, "82540EM": SENDS_CHECKSUM | SENDS_TCP4, "82574L": SENDS_CHECKSUM}
MULTICAST = bytes.fromhex("01005e010203")
OTHER = bytes.fromhex("025056aabb77")


EACH_MODEL = [pytest.param(model, marks=pytest.mark.xdist_group(f"nic-{model}")) for model in MODELS]
# On QEMU's default machine slots 3 and 7 have the same interrupt lines.
SHARED_LINE = {"NETIF_OPTIONS": ",addr=3",
               "QEMU_ARGS": "-netdev user,id=other -device e1000,netdev=other,addr=7"}


@pytest.fixture(scope="module", params=EACH_MODEL)
def nic(request, tmp_path_factory):
    settings = SHARED_LINE if request.param == "e1000" else {}
    machine = Nic(tmp_path_factory.mktemp(request.param), request.param, mtu=9000, **settings)
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
        if nic.model == "e1000": # the others' real ones do it themselves, QEMU's do not
            assert len(frame) >= 60


def test_filters(nic):
    kinds = {"own": nic.mac, "broadcast": b"\xff" * 6, "multicast": MULTICAST, "other": OTHER,
             "another multicast": bytes.fromhex("333300007788")}

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


@pytest.mark.parametrize("model", EACH_MODEL)
def test_under_xen(model, tmp_path):
    """Messages and lines as Xen gives them."""
    machine = Nic(tmp_path, model, mtu=9000, hv="xen")
    try:
        echoed(machine, [machine.frame(os.urandom(i * 61 % 9000)) for i in range(1, 600)])
        before = machine.status()
        time.sleep(2)
        assert machine.status()["interrupts"] - before["interrupts"] <= 4
    finally:
        machine.close()


def test_a_peer_that_does_not_listen(tmp_path):
    """The cable is full for longer than a card may take: what was to be sent ends, nothing hangs."""
    machine = Nic(tmp_path, "virtio")
    try:
        machine.send_packets(machine.frame(b"", to=OWN, source=machine.mac), 1000, count=400)
        machine.expect("eth0: the card .* reset")
        time.sleep(1)
        while machine.receive(0.5):
            pass
        after = machine.wait_until_it_answers()
        assert after["resets"] == 1 and after["failed"] > 50 and after["dropped"] == 0
        echoed(machine, [machine.frame(os.urandom(i * 5 % 1400)) for i in range(500)])
    finally:
        machine.close()


# Offloads.  The guest is told what to send; what arrives is taken apart.

def transport_cases():
    for tag in (b"", b"\x81\x00\x00\x07"):
        for version in (4, 6):
            for protocol, field in ((TCP, TCP_CHECK), (UDP, UDP_CHECK)):
                yield tag, version, protocol, field


def link_header(nic, tag=b""):
    return OWN + nic.mac + tag + b"\0\0"


def check_checksums(nic, received):
    """received() gives the next frame as it would be on the wire."""
    for tag, version, protocol, field in transport_cases():
        for payload in (0, 1, 18, 777, 1400, 8900):
            head, start = template(link_header(nic, tag), version, protocol, payload)
            nic.send_packets(head, payload, (PARTIAL, WHOLE, start, field, 0, 0), piece=1500,
                             first=min(payload, 100))
            packet = Packet(received())
            assert packet.version == version and packet.payload == pattern(payload)


def check_segments(nic, received, version, segment, payload, piece, tag=b""):
    options = bytes([1, 1, 8, 10]) + bytes(8)
    head, start = template(link_header(nic, tag), version, TCP, payload, options)
    kind = TCP4 if version == 4 else TCP6
    nic.send_packets(head, payload, (PARTIAL, kind, start, TCP_CHECK, segment, len(head)), piece=piece)
    got, number, first_id = b"", 0, None
    while len(got) < payload:
        packet = Packet(received())
        if nic.model == "e1000" and not packet.payload:
            continue # QEMU's sends one more if the payload is a multiple of the segments'
        assert packet.version == version
        assert packet.sequence == (0xfffffff0 + len(got)) & 0xffffffff
        assert len(packet.payload) == min(segment, payload - len(got))
        if version == 4:
            first_id = packet.id if first_id is None else first_id
            assert packet.id == (first_id + number) & 0xffff
        got += packet.payload
        number += 1
        assert packet.flags == (0x19 if len(got) == payload else 0x10), "FIN and PSH belong to the last"
    assert got == pattern(payload)


def segment_cases(nic, features, received):
    for version, feature in ((4, SENDS_TCP4), (6, SENDS_TCP6)):
        if not features & feature:
            continue
        for segment, payload, piece in ((1448, 14480, 4096), (1448, 60000, 4096), (1000, 1001, 700),
                                        (536, 20000, 1500), (8900, 60000, 4000), (1428, 3, 4096)):
            check_segments(nic, received, version, segment, payload, piece)
        check_segments(nic, received, version, 1440, 40000, 4096, b"\x81\x00\x00\x07")


def test_offloads(nic):
    """virtio-net offers none here; the others compute checksums and cut segments themselves."""
    status = nic.status()
    features = status["features"]
    assert features == OFFLOADS[status["model"]]
    if features & SENDS_CHECKSUM:
        check_checksums(nic, nic.receive)
    segment_cases(nic, features, nic.receive)
    after = nic.status()
    assert after["failed"] == after["refused"] == after["dropped"] == 0


def test_checksums_received(nic):
    """The 82574L says of good ones that they are good; nobody says so of bad ones."""
    for tag, version, protocol, field in transport_cases():
        for payload in (0, 1, 19, 1000):
            head, start = template(nic.mac + OWN + tag + b"\0\0", version, protocol, payload)
            frame = finish(head + os.urandom(payload), start, field)
            wrong = frame[:start + field] + bytes([frame[start + field] ^ 1]) + frame[start + field + 1:]
            for sent in (frame, wrong):
                nic.send(sent)
                back = nic.receive()
                assert back[12:len(sent)] == sent[12:]
                said = nic.status()["offload"]
                assert said[1:] == (WHOLE, 0, 0, 0, 0)
                assert said[0] == (VALID if nic.model == "e1000e" and sent is frame else THERE)


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
    after = nic.wait_until_it_answers()
    assert after["resets"] == before["resets"] + 1 and after["failed"] > before["failed"]
    nic.send(nic.frame(b"multicast".ljust(60), to=MULTICAST)) # the filter is what it was
    assert nic.receive()[14:23] == b"multicast"
    nic.send(nic.frame(bytes(60), to=OTHER))
    assert not nic.receive(1)
    nic.filter()
    echoed(nic, [nic.frame(os.urandom(i * 5 % 1400)) for i in range(2000)])


# A card's name, settings of it, and what it offers.
ALL = SENDS_CHECKSUM | SENDS_TCP4 | SENDS_TCP6
TAPPED = {"one pair": ("virtio", "", 1), "four pairs": ("virtio", ",mq=on,vectors=10", 4),
          "82574L": ("e1000e", ",subsys=0xa01f", 1)} # a real one's, and the kernel cuts


@pytest.fixture(scope="module", params=[
    pytest.param(name, marks=pytest.mark.xdist_group("nic-tap")) for name in TAPPED])
def tapped(request, tmp_path_factory):
    model, options, queues = TAPPED[request.param]
    tap = Tap(queues)
    machine = Nic(tmp_path_factory.mktemp("tap"), model, tap, mtu=9000, NETIF_OPTIONS=options)
    yield machine
    machine.close()


of_virtio = pytest.mark.parametrize("tapped", ["one pair", "four pairs"], indirect=True)


def on_the_wire(nic, cut):
    """What a card would send for what the tap gives us: checksums finished, `cut` segments checked
    for what says how to cut them and given back in that many packets."""
    queue = []

    def received():
        if queue:
            return queue.pop(0)
        frame = nic.receive()
        assert frame
        flags, kind, _, segment, start, offset = nic.cable.header # the kernel makes up header bytes
        if kind:
            assert flags & 1
            header = start + (frame[start + 12] >> 4) * 4
            queue.extend(cut(frame, kind, header, segment, start, offset))
            return queue.pop(0)
        return finish(frame, start, offset) if flags & 1 else frame
    return received


def cut_segments(frame, kind, header, segment, start, offset):
    """TCP segmentation as RFC 9293 and Linux have it."""
    head, payload = frame[:header], frame[header:]
    at = 18 if frame[12:14] == b"\x81\x00" else 14
    assert kind == (1 if frame[at] >> 4 == 4 else 4)
    sequence, flags = struct.unpack_from(">I4xH", head, start + 4)
    for number, done in enumerate(range(0, len(payload), segment)):
        part = payload[done:done + segment]
        length = len(head) - start + len(part)
        one = bytearray(head)
        last = done + len(part) == len(payload)
        struct.pack_into(">I4xH", one, start + 4, (sequence + done) & 0xffffffff,
                         flags if last else flags & ~9)
        fresh, _ = template(bytes(one[:at]), one[at] >> 4, TCP, length - 20)
        one[at:start] = fresh[at:start]
        if kind == 1:
            struct.pack_into(">H", one, at + 4, struct.unpack_from(">H", head, at + 4)[0] + number)
            struct.pack_into(">H", one, at + 10, 0)
            total = 0
            for i in range(at, start, 2):
                total += one[i] << 8 | one[i + 1]
            total = (total & 0xffff) + (total >> 16)
            struct.pack_into(">H", one, at + 10, 0xffff ^ ((total & 0xffff) + (total >> 16)))
        one[start + offset:start + offset + 2] = fresh[start + offset:start + offset + 2]
        yield finish(bytes(one) + part, start, offset)


def test_tap_offloads(tapped):
    features = tapped.status()["features"]
    assert features == ALL
    received = on_the_wire(tapped, cut_segments)
    check_checksums(tapped, received)
    segment_cases(tapped, features, received)


@of_virtio
def test_virtio_receives_large_segments(tapped):
    """They arrive as they are, with what is left to be done to them, and go back so."""
    for version, kind, ours in ((4, 1, TCP4), (6, 4, TCP6)):
        for payload, segment in ((60000, 1448), (4000, 1000), (4100, 536), (65000, 1400)):
            head, start = template(tapped.mac + OWN + b"\0\0", version, TCP, payload)
            frame = head + os.urandom(payload)
            tapped.cable.send(frame, HEADER.pack(1, kind, len(head), segment, start, TCP_CHECK))
            back = tapped.receive()
            assert back[12:] == frame[12:]
            assert tapped.cable.header[:2] + tapped.cable.header[3:] == (
                1, kind, segment, start, TCP_CHECK)
            status = tapped.status()
            assert status["offload"] == (PARTIAL, ours, start, TCP_CHECK, segment, len(head))
            assert status["pieces"] == (len(frame) + 12 + 4095) // 4096
    assert status["dropped"] == status["failed"] == status["received_lost"] == 0


@of_virtio
def test_virtio_checksums_received(tapped):
    head, start = template(tapped.mac + OWN + b"\0\0", 4, UDP, 100)
    for header, offload in ((HEADER.pack(1, 0, 0, 0, start, UDP_CHECK), (PARTIAL, WHOLE, start, UDP_CHECK, 0, 0)),
                            (HEADER.pack(0, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0))):
        tapped.cable.send(head + bytes(100), header)
        assert tapped.receive()[12:] == (head + bytes(100))[12:]
        assert tapped.status()["offload"] == offload


@of_virtio
def test_virtio_flows_keep_their_order(tapped):
    """Several flows at once, in as many queues as there are: each in its order."""
    frames = []
    for i in range(1500):
        head, _ = template(tapped.mac + OWN + b"\0\0", 4, UDP, 40)
        flow = struct.pack(">H", 1000 + i % 7)
        frames.append(head[:34] + flow + head[36:] + struct.pack(">I", i) + bytes(36))
    # Linux moves a flow to the queue that its answers come from once it has seen one: not in the middle.
    for frame in frames[:7]:
        tapped.send(frame)
        assert tapped.receive()
    seen = collections.defaultdict(list)
    for at in range(0, len(frames), 40):
        part = frames[at:at + 40]
        for frame in part:
            tapped.send(frame)
        for _ in part:
            back = tapped.receive()
            assert back
            seen[back[34:36]].append(back[42:46])
    assert sum(map(len, seen.values())) == len(frames)
    assert all(flow == sorted(flow) for flow in seen.values())
