"""Power losses: QEMU is killed while a guest writes on its disk and dom0 on its own, and what their disks had in
their caches is lost or not (volatile_disk.py).  What was acknowledged is there afterwards, and nothing is left for
e2fsck but to replay the journals."""
import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time

from machine import PATIENCE, RUN, demo_disk, environment, linux_folder, small_kernel
from test_storage import children, filesystem, partitioned
from volatile_disk import VolatileDisk

SMALL = """name = "demo"
kernel = "/extra/vmlinuz"
memory = 192
root = "/dev/xvda rw"
extra = "console=hvc0 quiet"
disk = [ "phy:PARTLABEL=paravane-demo,xvda,w" ]
"""
CACHED_MAX = 60 # blocks: most moments have few
MIB = {"disk.img": 384, "data.img": 48} # of the file systems, a MiB from their disks' beginning
# Files of many sizes, each synced and then told of, a counter in one place, some that go again; and beside
# them what nobody syncs.
LOAD = """i=0
file() { yes "$1 $2" | head -c $(($2 % 37 * 4099 + 100)); }
rm -rf /root/load /root/churn
mkdir -p /root/load
noise() { dd if=/dev/urandom of=/root/noise bs=16k count=8 seek=$(($1 % 64 * 8)) conv=notrunc oflag=direct; }
(n=0; while :; do n=$((n + 1)); noise $n 2> /dev/null || echo no noise; usleep 5000; done) &
while :; do
    i=$((i + 1))
    file $1 $i | dd of=/root/load/$1-$i bs=64k conv=fsync 2> /dev/null &&
    echo $1 $i | dd of=/root/counter conv=notrunc,fsync 2> /dev/null && echo acked $i
    [ $((i % 5)) != 4 ] || rm -f /root/churn/*/$1-$((i - 3))
    mkdir -p /root/churn/$((i % 7)); mv /root/load/$1-$((i - 2)) /root/churn/$((i % 7))/ 2> /dev/null
done
"""
ACKED, DONE = re.compile(r"\backed (\d+)\n"), re.compile(r"\ndone (\d+)\n")
E2FSCK_LINES = re.compile(r"\S+: (recovering journal|clean, .*|(Clearing|Truncating) orphaned inode .*|\d+/\d+ files .*)"
                          r"|Setting free (inodes|blocks) count .*|\s*")


class Loss(Exception):
    """What was acknowledged is not there, or a file system is broken."""


def of_guest(life, i):
    size, line = i % 37 * 4099 + 100, f"{life} {i}\n".encode()
    return (line * (size // len(line) + 1))[:size]


def prepare(folder):
    """The disks, and what dom0's initrd gets."""
    folder.joinpath("extra").mkdir()
    small = linux_folder()
    (folder / "extra/demo.cfg").write_text(SMALL)
    if small:
        shutil.copy(small_kernel(), folder / "extra/vmlinuz")
    (folder / "extra/data").write_bytes(random.Random(7).randbytes(100_000))
    demo_disk(folder)
    partitioned(folder / "data.img", ("paravane", filesystem(folder / "p.img")))
    disk = folder / "disk.img"
    (folder / "load").write_text(LOAD)
    subprocess.run(["/sbin/debugfs", "-w", "-R", f"write {folder}/load load", f"{disk}?offset={1 << 20}"],
                   check=True, capture_output=True)


def script(life):
    config = "/extra/demo.cfg" if linux_folder() else "/etc/vmctl/demo.cfg"
    console = "vmctl console demo --send '{}' --expect '{}' --timeout 90"
    lines = [f"vmctl create -q {config}", "vmctl console demo --expect 'demo:/# $' --timeout 90",
             f"mkdir /data/{life}", f"try rm -r /data/{life - 1}",
             console.format(f"sh /load {life} &", "acked [0-9]+")]
    for i in range(500):
        lines += [f"cp /extra/data /data/{life}/{life}-{i}", "sync", f"echo done {i}",
                  *([f"rm /data/{life}/{life}-{i - 3}"] if i % 5 == 4 else []),
                  console.format(":", "acked [0-9]+")]
    return "\n".join(lines) + "\n"


def run_and_kill(folder, life, seconds):
    """Runs until the guest has written something and so many seconds more.  What was printed."""
    (folder / "script").write_text(script(life))
    disks = [VolatileDisk(folder / f"{name}.img", folder / f"{name}.socket") for name in ("disk", "data")]
    env = environment(folder, "paravane", {
        "SCRIPT": folder / "script", "EXTRA": folder / "extra", "DISK": "none", "TIMEOUT": 300 * PATIENCE,
        "QEMU_ARGS": " ".join(disk.options(name) for disk, name in zip(disks, ("demo", "data")))})
    child = subprocess.Popen([RUN], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT)
    output, limit, end = "", time.monotonic() + 100 * PATIENCE, None
    try:
        os.set_blocking(child.stdout.fileno(), False)
        while child.poll() is None and time.monotonic() < (end or limit):
            output += (child.stdout.read() or b"").decode(errors="replace").replace("\r", "")
            if not end and ACKED.search(output):
                end = time.monotonic() + seconds
            time.sleep(0.01)
        disks[0].stops_with = random.randint(1, CACHED_MAX)
        disks[0].has_stopped.wait(1)
        for pid in children(child.pid):
            os.kill(pid, signal.SIGKILL)
        child.wait(60)
        output += (child.stdout.read() or b"").decode(errors="replace").replace("\r", "")
    finally:
        child.kill()
    (folder / "console.log").write_text(output)
    if not end:
        raise Loss("no write was acknowledged:\n" + output[-2000:])
    return output, sum(disk.power_goes() for disk in disks)


def repaired(image, copy):
    """A copy of the first partition with its journal replayed, which is all there is to be done."""
    subprocess.run(["dd", f"if={image}", f"of={copy}", "bs=1M", "skip=1", f"count={MIB[image.name]}", "conv=sparse",
                    "status=none"], check=True)
    done = subprocess.run(["/sbin/e2fsck", "-p", copy], capture_output=True, text=True)
    said = done.stdout + done.stderr
    if done.returncode not in (0, 1) or not all(E2FSCK_LINES.fullmatch(line) for line in said.splitlines()):
        raise Loss(f"{image.name}: e2fsck -p: {done.returncode}: {said}")
    done = subprocess.run(["/sbin/e2fsck", "-fn", copy], capture_output=True, text=True)
    if done.returncode:
        raise Loss(f"{image.name}: e2fsck -fn after the replay: {done.stdout}")
    return copy


def files_of(image, folder):
    """All files below a folder of an image, by their names."""
    with tempfile.TemporaryDirectory(dir=image.parent) as out:
        subprocess.run(["/sbin/debugfs", "-R", f"rdump {folder} {out}", image], check=True,
                       capture_output=True)
        return {name: open(os.path.join(where, name), "rb").read()
                for where, _, names in os.walk(out) for name in names}


def look(folder, life, output):
    """How many acknowledged writes were looked for, and found: the guest's and dom0's."""
    acked = max(int(n) for n in ACKED.findall(output))
    done = max([-1] + [int(n) for n in DONE.findall(output)])
    files = files_of(repaired(folder / "disk.img", folder / "disk.copy"), "/root")
    guests = [i for i in range(1, acked + 1) if i % 5 != 1] # the others may have gone
    for i in guests:
        if files.get(f"{life}-{i}") != of_guest(life, i):
            raise Loss(f"life {life}: the guest's file {i} of {acked} is not what was synced")
    if int(files["counter"].split()[1]) < acked:
        raise Loss(f"life {life}: the counter is {files['counter']}, {acked} was acknowledged")
    files = files_of(repaired(folder / "data.img", folder / "data.copy"), "/")
    own = [i for i in range(done + 1) if i % 5 != 1]
    data = (folder / "extra/data").read_bytes()
    for i in own:
        if files.get(f"{life}-{i}") != data:
            raise Loss(f"life {life}: dom0's file {i} of {done} is not what was synced")
    return len(guests) + 1, len(own)


def lose_power(folder, kills, seconds):
    """So many lives on the same disks, each after up to `seconds` of load.  Prints a line for each; returns
    all writes looked for."""
    prepare(folder)
    total = 0
    for life in range(kills):
        pause = random.uniform(0.2, seconds)
        output, lost = run_and_kill(folder, life, pause)
        guests, own = look(folder, life, output)
        total += guests + own
        print(f"power-loss: kill {life + 1}: after {pause:.1f} s of load, {lost} blocks lost from caches; found "
              f"{guests} writes of the guest, {own} of dom0", flush=True)
    return total
