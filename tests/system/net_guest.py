"""The guest of tests/net-guest: its image, its configs, what it sends."""
import functools
import hashlib
import struct

from machine import BUILD

MIB = 1 << 20


def image():
    return (BUILD / "tests/net-guest.gz").read_bytes()


@functools.lru_cache
def block():
    """A MiB of what it sends, but for the number in front (tests/net-guest/main.c, block_make)."""
    x, words = 2463534242, []
    for _ in range(MIB // 4):
        x ^= x << 13 & 0xffffffff
        x ^= x >> 17
        x ^= x << 5 & 0xffffffff
        words.append(x)
    return struct.pack(f"<{len(words)}I", *words)


def digest(mib):
    """SHA-256 of so many MiB."""
    hashed = hashlib.sha256()
    for number in range(mib):
        hashed.update(struct.pack("<I", number) + block()[4:])
    return hashed.hexdigest()


def config(name, address, words="", mtu=1500, memory=96):
    return f"""name = "{name}"
kernel = "/extra/net-guest.gz"
extra = "ip={address}/24,10.0.2.2 {words}"
memory = {memory}
vcpus = 1
vif = [ "bridge=xenbr0,mtu={mtu}" ]
on_poweroff = "destroy"
on_crash = "destroy"
"""
