"""IP packets made and taken apart by hand, for tests of what network cards do to them."""
import struct

OUR4, THEIR4 = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
OUR6, THEIR6 = bytes.fromhex("fd" + "00" * 14 + "01"), bytes.fromhex("fd" + "00" * 14 + "02")
TCP, UDP = 6, 17
TCP_CHECK, UDP_CHECK = 16, 6


def add(data, total=0):
    """The Internet checksum's sum (RFC 1071), not complemented."""
    if len(data) & 1:
        data += b"\0"
    total += sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def pseudo(version, protocol, length):
    if version == 4:
        return add(THEIR4 + OUR4 + struct.pack(">BBH", 0, protocol, length))
    return add(THEIR6 + OUR6 + struct.pack(">IHBB", length, 0, 0, protocol))


def ip_header(version, protocol, length):
    if version == 6:
        return struct.pack(">IHBB", 6 << 28, length, protocol, 64) + THEIR6 + OUR6
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + length, 0x1234, 0x4000, 64, protocol, 0) + THEIR4 + OUR4
    return head[:10] + struct.pack(">H", 0xffff ^ add(head)) + head[12:]


def template(ethernet, version, protocol, payload, options=b""):
    """Link, IP and transport headers whose checksum holds the pseudo header's sum only, and where
    the part summed starts.  The link header's type is set here, behind a VLAN tag if there is one."""
    transport = (20 + len(options)) if protocol == TCP else 8
    length, start = transport + payload, len(ethernet)
    half = pseudo(version, protocol, length)
    link = ethernet[:-2] + (b"\x08\x00" if version == 4 else b"\x86\xdd")
    ip = ip_header(version, protocol, length)
    if protocol == UDP:
        last = struct.pack(">HHHH", 1000, 2000, length, half)
    else:
        flags = (5 + len(options) // 4) << 12 | 0x19 # FIN PSH ACK
        last = struct.pack(">HHIIHHHH", 1000, 2000, 0xfffffff0, 7, flags, 500, half, 0) + options
    return link + ip + last, start + len(ip)


class Packet:
    """A TCP or UDP packet taken apart; every checksum has to be right."""

    def __init__(self, frame):
        at = 18 if frame[12:14] == b"\x81\x00" else 14
        self.version = frame[at] >> 4
        if self.version == 4:
            length, self.id, self.fragment = struct.unpack_from(">HHH", frame, at + 2)
            assert add(frame[at:at + 20]) == 0xffff, "the IP header's checksum is wrong"
            protocol, ip = frame[at + 9], 20
            data = frame[at + 20:at + length]
        else:
            length, protocol = struct.unpack_from(">HB", frame, at + 4)
            ip, self.fragment, self.id = 40, 0, None
            data = frame[at + 40:at + 40 + length]
        assert len(frame) >= at + ip + len(data)
        assert not any(frame[at + ip + len(data):]), "padding is not zero"
        self.data, self.protocol = data, protocol
        self.is_fragment = bool(self.fragment & 0x3fff)
        if not self.is_fragment:
            self.take_apart()

    def take_apart(self):
        assert add(self.data, pseudo(self.version, self.protocol, len(self.data))) == 0xffff, \
            f"checksum of protocol {self.protocol} over IPv{self.version} is wrong"
        if self.protocol == UDP:
            self.payload = self.data[8:]
            return
        self.sequence, flags = struct.unpack_from(">I4xH", self.data, 4)
        self.payload, self.flags = self.data[(flags >> 12) * 4:], flags & 0x1ff


def finish(frame, start, offset):
    """What a card does about PARTIAL."""
    total = 0xffff ^ add(frame[start:])
    at = start + offset
    return frame[:at] + struct.pack(">H", total) + frame[at + 2:]
