"""A tap device as the cable: the kernel passes virtio-net's header along, so both ends see what is
left to be done to a packet."""
import fcntl
import os
import select
import socket
import struct
import subprocess

import pytest

SOL_PACKET, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING = 263, 15, 23
HEADER = struct.Struct("<BBHHHH") # flags, type, header bytes, segment bytes, start, offset
NO_HEADER = HEADER.pack(0, 0, 0, 0, 0, 0)


def run(*words):
    subprocess.run(words, check=True, capture_output=True)


class Tap:
    def __init__(self, queues=1):
        self.name = f"pvtest{os.getpid() % 100000}"
        if os.geteuid() or not os.path.exists("/dev/net/tun"):
            pytest.skip("tap devices are for root only")
        try:
            run("ip", "tuntap", "add", "dev", self.name, "mode", "tap", "vnet_hdr",
                *(["multi_queue"] if queues > 1 else []))
        except subprocess.CalledProcessError as refused:
            pytest.skip(f"this host gives nobody tap devices: {refused.stderr.decode().strip()}")
        try:
            with open(f"/proc/sys/net/ipv6/conf/{self.name}/disable_ipv6", "w", encoding="ascii") as off:
                off.write("1") # or the host says hello
        except OSError:
            pass
        run("ip", "link", "set", self.name, "mtu", "9100", "up")
        self.netdev = f"tap,ifname={self.name},script=no,downscript=no,vhost=off,queues={queues}"
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        self.socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 64 << 20) # SO_RCVBUFFORCE
        self.socket.bind((self.name, 0))
        self.header = None

    def send(self, frame, header=NO_HEADER):
        self.socket.send(header + frame)

    def receive(self, timeout):
        if not select.select([self.socket], [], [], timeout)[0]:
            raise TimeoutError
        data = self.socket.recv(80000)
        self.header = HEADER.unpack_from(data)
        return data[HEADER.size:]

    def close(self):
        self.socket.close()
        subprocess.run(["ip", "link", "del", self.name], check=False)
