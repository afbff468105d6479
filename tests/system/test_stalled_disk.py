"""A disk that stops answering, with all its slots in use: its own users wait, and nobody else does."""
import os
import re
import shutil
import signal
import subprocess
import time

from machine import BUILD, PROMPT, prompt

CONFIG = """name = "{0}"
kernel = "/extra/busy-disk.elf"
memory = 8
cmdline = "7"
disk = [ "phy:{1},xvda,w" ]
"""


class Disk:
    """A disk that another process has: it answers as long as that runs."""

    def __init__(self, folder):
        self.socket, image = folder / "disk.socket", folder / "other.img"
        with open(image, "wb") as file:
            file.truncate(32 << 20)
        self.process = subprocess.Popen([
            "qemu-storage-daemon", "--blockdev", f"driver=file,node-name=other,filename={image}",
            "--nbd-server", f"addr.type=unix,addr.path={self.socket}",
            "--export", "type=nbd,id=other,node-name=other,writable=on"])
        while not self.socket.exists() and self.process.poll() is None:
            time.sleep(0.05)

    def options(self):
        """QEMU's: the machine's vdb."""
        return (f"-drive if=none,id=other,format=raw,file=nbd+unix:///other?socket={self.socket} "
                "-device virtio-blk-pci,disable-legacy=on,drive=other")

    def stops(self):
        os.kill(self.process.pid, signal.SIGSTOP)

    def goes_on(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def ends(self):
        self.goes_on()
        self.process.kill()
        self.process.wait()


def do(machine, line):
    machine.sendline(line)
    return until_prompt(machine)


def until_prompt(machine):
    machine.expect_exact("\r" + PROMPT + "\x1b[K") # with nothing typed yet
    return machine.before.replace("\r", "").rpartition("\x1b[K")[2]


def users(machine):
    """Who uses vdb, as lsblk has it."""
    return re.search(r"^vdb\s+\d+\s+\w+\s+(\S+)", do(machine, "lsblk"), re.M)[1]


def typed(machine, line, answer):
    text = do(machine, f"vmctl console demo --send '{line}' --expect '{answer}' --timeout 300")
    assert re.search(answer, text), text


def others_go_on(machine):
    typed(machine, "dd if=/dev/zero of=/root/x bs=64k count=16 conv=fsync; echo w-$?", "w-0")
    do(machine, "vmctl create -q /extra/beside.cfg")
    assert "\nbusy: at work" in do(machine, 'vmctl console beside --expect "at work" --timeout 300')
    do(machine, "vmctl destroy beside")


def test_its_own_users_alone(tmp_path):
    extra = tmp_path / "extra"
    extra.mkdir()
    shutil.copy(BUILD / "tests/hostile/busy-disk.elf", extra)
    for name, device in ("waits", "vdb"), ("beside", "PARTLABEL=paravane-scratch"):
        (extra / f"{name}.cfg").write_text(CONFIG.format(name, device))
    disk = Disk(tmp_path)
    machine = prompt(tmp_path, "paravane", EXTRA=extra, QEMU_ARGS=disk.options())
    try:
        do(machine, "vmctl console demo --expect 'demo:/# $' --timeout 300")
        do(machine, "vmctl create -q /extra/waits.cfg")
        assert "\nbusy: at work" in do(machine, 'vmctl console waits --expect "at work" --timeout 300')
        disk.stops()
        others_go_on(machine)
        assert "waits" in do(machine, "vmctl list")
        assert users(machine) == "write"
        machine.sendline("vmctl destroy waits") # it is gone when nothing of its memory is in use
        time.sleep(2)
        disk.goes_on()
        assert "still hold" not in until_prompt(machine)
        assert users(machine) == "-"
        assert re.findall(r", (\d+) differences", do(machine, "vmctl audit")) == ["0", "0"]
    finally:
        disk.ends()
        machine.close(force=True)
    said = (tmp_path / "console.log").read_text(errors="replace")
    assert "no answer" not in said and "bad:" not in said
