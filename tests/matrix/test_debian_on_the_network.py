"""A Debian guest as its users have it: systemd brings its network up, apt fetches and installs from a
mirror, and it serves files to another guest and, by QEMU's port forwarding, to the outside."""
import functools
import hashlib
import http.server
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import pytest

from machine import ROOT, run_script
from net_guests import CACHE, config, extra

sys.path.insert(0, str(ROOT / "tools"))
import debian_root

PACKAGES = ["systemd", "systemd-sysv", "udev", "dbus", "apt", "python3", "iproute2", "iputils-ping"]
MIB = 32
PAGE = "a page of the guest's\n"
ADDRESS = "10.0.2.80" # besides the one that DHCP gives it, which depends on who asks first

FILES = {
    "etc/hostname": "debian\n",
    "etc/fstab": "/dev/xvda / ext4 errors=remount-ro 0 1\n",
    "etc/resolv.conf": "nameserver 10.0.2.3\n",
    "etc/systemd/network/wired.network": # udev calls a guest's first interface enX0
        f"[Match]\nName=enX*\n\n[Network]\nDHCP=ipv4\nAddress={ADDRESS}/24\n",
    "etc/systemd/system/console-shell.service":
        "[Service]\nType=idle\nEnvironment=HOME=/root PS1=debian#\nWorkingDirectory=/root\n"
        "ExecStart=/bin/bash --norc --noediting -i\nStandardInput=tty-force\nTTYPath=/dev/hvc0\n",
    "etc/systemd/system/web.service":
        "[Service]\nExecStart=/usr/bin/python3 -u -m http.server --directory /srv 80\n"
        "StandardOutput=tty\nTTYPath=/dev/hvc0\nStandardError=inherit\n",
    "srv/page": PAGE,
}
LINKS = {
    "etc/systemd/system/multi-user.target.wants/console-shell.service": "../console-shell.service",
    "etc/systemd/system/multi-user.target.wants/systemd-networkd.service":
        "/lib/systemd/system/systemd-networkd.service",
    "etc/systemd/system/serial-getty@hvc0.service": "/dev/null",
}

# Another guest, which fetches the file from the first.
OTHER = """
udhcpc -i eth0 -n -q -s /bin/true > /dev/null 2>&1
ip addr add 10.0.2.81/24 dev eth0
echo other: $(wget -q -O - http://%s/file | sha256sum)
echo other: done
while :; do sleep 1000; done
""" % ADDRESS


class Mirror:
    """A folder with packages, served to the machine as http://10.0.2.2:port."""

    def __init__(self, folder):
        self.folder = folder
        debian_root.download(folder, ["hello"])
        self.digest = self.made(folder.parent / "made")
        listed = subprocess.run(["dpkg-scanpackages", "-m", "."], cwd=folder, check=True,
                                capture_output=True).stdout
        (folder / "Packages").write_bytes(listed)
        (folder / "Release").write_text(
            "Origin: test\nSuite: test\nDate: " + time.strftime("%a, %d %b %Y %H:%M:%S UTC", time.gmtime()) +
            f"\nSHA256:\n {hashlib.sha256(listed).hexdigest()} {len(listed)} Packages\n")
        self.asked = []
        mirror = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_request(self, code="-", size="-"):
                mirror.asked.append((self.path, int(code)))

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.port = self.server.server_address[1]

    def made(self, tree):
        """A package with a large file, and that file's digest."""
        data = os.urandom(MIB << 20)
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "usr/share").mkdir(parents=True)
        (tree / "usr/share/large-file").write_bytes(data)
        (tree / "DEBIAN/control").write_text(
            "Package: large-file\nVersion: 1.0\nArchitecture: all\nMaintainer: nobody <nobody@localhost>\n"
            "Depends: hello\nDescription: a large file\n")
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", tree, self.folder], check=True,
                       capture_output=True)
        return hashlib.sha256(data).hexdigest()


def disk(folder, port):
    """The guest's disk, and the digest of the file that it serves."""
    root = folder / "root"
    subprocess.run(["cp", "-a", debian_root.make(str(CACHE / "debian-root-1"), PACKAGES, installed=True),
                    root], check=True)
    served = os.urandom(MIB << 20)
    for name, text in {**FILES, "etc/apt/sources.list":
                       f"deb [trusted=yes] http://10.0.2.2:{port} ./\n"}.items():
        (root / name).write_text(text)
    (root / "srv/file").write_bytes(served)
    for name, to in LINKS.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).symlink_to(to)
    image = folder / "debian.img"
    debian_root.image(image, root, "1G")
    shutil.rmtree(root)
    return image, hashlib.sha256(served).hexdigest()


def from_outside(port, got):
    """What the forwarded port gives, as soon as it gives something: the page, and the file's digest."""
    at = f"http://127.0.0.1:{port}"
    while not got:
        try:
            with urllib.request.urlopen(f"{at}/page", timeout=20) as answer:
                page = answer.read().decode()
            with urllib.request.urlopen(f"{at}/file", timeout=200) as answer:
                digest = hashlib.sha256(answer.read()).hexdigest()
            got += [page, digest]
            urllib.request.urlopen(f"{at}/seen", timeout=20).close() # that is not there: so much for the script
        except OSError:
            time.sleep(1)


def say(command, timeout=120):
    return f"vmctl console debian --send '{command}; echo status=$?' --expect 'status=\\d' --timeout {timeout}"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.mark.skipif(os.getuid() != 0, reason="a Debian root takes root rights to make")
def test_debian_with_networkd_apt_and_a_web_server(tmp_path):
    mirror = Mirror(tmp_path / "mirror")
    image, digest = disk(tmp_path, mirror.port)
    folder = extra(tmp_path, OTHER, {"other": config("other")})
    (folder / "debian.cfg").write_text(
        'name = "debian"\nkernel = "/boot/demo/vmlinuz"\nramdisk = "/boot/demo/initrd.gz"\n'
        'root = "/dev/xvda rw"\nextra = "console=hvc0 quiet"\nmemory = 512\nvcpus = 1\nvif = [ "" ]\n'
        'disk = [ "phy:/dev/vda,xvda,w" ]\n')
    port, got = free_port(), []
    threading.Thread(target=from_outside, args=(port, got), daemon=True).start()
    result = run_script(tmp_path, "paravane", [
        "vmctl create /extra/debian.cfg",
        'vmctl console debian --expect "debian#" --timeout 200',
        say("systemctl is-system-running --wait"),
        say("/lib/systemd/systemd-networkd-wait-online -i enX0 --timeout=100"),
        say("networkctl --no-pager status enX0 | grep State; ip -4 -br addr show enX0"),
        say("apt-get -q update; apt-get -qy install large-file", 300),
        say("hello; sha256sum /usr/share/large-file"),
        say("systemctl start web"),
        "vmctl create /extra/other.cfg",
        'vmctl console other --expect "other: done" --timeout 200',
        "vmctl console debian --expect '10.0.2.2 .*GET /seen' --timeout 120",
        "vmctl audit",
        "vmctl destroy other", "vmctl shutdown -w debian", "vmctl list",
    ], EXTRA=folder, DISK=image, MEM=2048, TIMEOUT=900, FORWARD=f"{port}:{ADDRESS}:80").ok()
    assert "status=0" in result.of("vmctl console debian --send 'systemctl is-s"), result.tail() # none failed
    assert re.search(r"State: routable \(configured\)", result.output), result.tail()
    assert len(re.findall(r"10\.0\.2\.\d+/24", result.of("vmctl console debian --send 'networkctl"))) == 2
    assert "status=0" in result.of("vmctl console debian --send 'apt-get"), result.tail()
    assert "Hello, world!" in result.output
    assert f"{mirror.digest}  /usr/share/large-file" in result.output
    assert f"other: {digest}" in result.output
    assert got == [PAGE, digest]
    assert any(path.endswith("/large-file_1.0_all.deb") and code == 200 for path, code in mirror.asked)
