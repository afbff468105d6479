"""A disk with a cache that is lost when its power goes: QEMU's NBD, served from a file.

Until the machine flushes, each block of 4096 bytes may be as it was at the last flush or as any write since has
made it, whatever became of the others."""
import os
import random
import socket
import struct
import threading

BLOCK = 4096
OPTION, ANSWER, REQUEST, REPLY = 0x49484156454f5054, 0x3e889045565a9, 0x25609513, 0x67446698
GO, ACK, INFO, UNSUPPORTED = 7, 1, 3, 0x80000001
READ, WRITE, DISCONNECT, FLUSH, TRIM = range(5)
HAS_FLAGS, SENDS_FLUSH, SENDS_FUA, SENDS_TRIM = 1, 4, 8, 32
FUA = 1


class Gone(Exception):
    """The machine has no power any more."""


class VolatileDisk:
    def __init__(self, image, path):
        self.file, self.size, self.path = os.open(image, os.O_RDWR), os.path.getsize(image), str(path)
        self.versions = {} # of a block: its contents at the last flush, and after each write since
        self.stops_with, self.has_stopped, self.powerless = None, threading.Event(), threading.Event()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(1)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def options(self, name):
        return (f"-drive if=none,id={name},format=raw,file=nbd+unix:///?socket={self.path} "
                f"-device virtio-blk-pci,disable-legacy=on,drive={name},serial={name}")

    def get(self, count):
        data = bytearray()
        while len(data) < count:
            piece = self.peer.recv(count - len(data))
            if not piece:
                raise Gone
            data += piece
        return bytes(data)

    def greet(self):
        self.peer.sendall(b"NBDMAGICIHAVEOPT" + struct.pack(">H", 3))
        self.get(4)
        option = None
        while option != GO:
            _, option, length = struct.unpack(">QII", self.get(16))
            self.get(length)
            if option == GO:
                flags = HAS_FLAGS | SENDS_FLUSH | SENDS_FUA | SENDS_TRIM
                self.peer.sendall(struct.pack(">QIIIHQH", ANSWER, GO, INFO, 12, 0, self.size, flags))
            self.peer.sendall(struct.pack(">QIII", ANSWER, option, ACK if option == GO else UNSUPPORTED, 0))

    def write(self, at, data, is_stable):
        blocks = range(at // BLOCK, (at + len(data) - 1) // BLOCK + 1)
        for block in blocks:
            self.versions.setdefault(block, [os.pread(self.file, BLOCK, block * BLOCK)])
        os.pwrite(self.file, data, at)
        for block in blocks:
            if is_stable:
                del self.versions[block]
            else:
                self.versions[block].append(os.pread(self.file, BLOCK, block * BLOCK))

    def stop_if_wanted(self):
        """The power goes when the cache holds so much."""
        if self.stops_with and len(self.versions) >= self.stops_with:
            self.has_stopped.set()
            self.powerless.wait()
            raise Gone

    def answer(self):
        magic, flags, kind, cookie, at, length = struct.unpack(">IHHQQI", self.get(28))
        assert magic == REQUEST
        data = b""
        if kind == DISCONNECT:
            raise Gone
        if kind == WRITE:
            self.write(at, self.get(length), flags & FUA)
            self.stop_if_wanted()
        elif kind == READ:
            data = os.pread(self.file, length, at)
        elif kind == FLUSH:
            self.versions.clear()
        self.peer.sendall(struct.pack(">IIQ", REPLY, 0, cookie) + data)

    def serve(self):
        self.peer, _ = self.listener.accept()
        try:
            self.greet()
            while True:
                self.answer()
        except (Gone, ConnectionError):
            pass

    def power_goes(self):
        """QEMU has been killed.  How many blocks have not become what was written last."""
        self.powerless.set()
        self.thread.join()
        lost = 0
        for block, versions in self.versions.items():
            kept = random.choice(versions)
            lost += kept != versions[-1]
            os.pwrite(self.file, kept, block * BLOCK)
        self.close()
        return lost

    def close(self):
        self.listener.close()
        os.close(self.file)
        os.unlink(self.path)
