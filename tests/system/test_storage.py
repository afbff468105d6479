"""File systems on dom0's disks: what is written survives, e2fsck agrees, the power may go at any time, and a
partition belongs to dom0 or to a guest."""
import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import time

import pytest

from machine import BUILD, PATCHES_ITSELF, PATIENCE, RUN, environment, run_script

MIB = 48


def filesystem(path, mib=MIB, kind="ext4", label="paravane", options=()):
    with open(path, "wb") as image:
        image.truncate(mib << 20)
    subprocess.run(["/sbin/mke2fs", "-q", "-F", "-t", kind, *(["-L", label] if label else []), *options, path],
                   check=True)
    return path


def partitioned(path, *parts):
    """A disk with GPT and these (name, image) in partitions."""
    lines, at = ["label: gpt"], 2048
    for name, image in parts:
        sectors = os.path.getsize(image) // 512
        lines.append(f"start={at}, size={sectors}, name={name}")
        at += sectors + 2048
    with open(path, "wb") as disk:
        disk.truncate(at * 512 + (1 << 20))
    subprocess.run(["/sbin/sfdisk", "-q", path], input="\n".join(lines) + "\n", text=True, check=True)
    at = 2048
    for _, image in parts:
        sectors = os.path.getsize(image) // 512
        copy(image, path, seek=at, fresh=True)
        at += sectors + 2048
    return path


def copy(source, target, skip=0, seek=0, sectors=None, fresh=False):
    """Where the target is fresh its holes remain."""
    left = os.path.getsize(source) - skip * 512 if sectors is None else sectors * 512
    with open(source, "rb") as a, open(target, "r+b") as b:
        a.seek(skip * 512)
        b.seek(seek * 512)
        while left > 0 and (piece := a.read(min(left, 1 << 20))):
            left -= len(piece)
            if fresh and not piece.strip(b"\0"):
                b.seek(len(piece), os.SEEK_CUR)
            else:
                b.write(piece)


def first_partition(disk, target, mib=MIB):
    target.write_bytes(b"")
    copy(disk, target, skip=2048, sectors=mib << 11)
    return target


def is_clean(image):
    done = subprocess.run(["/sbin/e2fsck", "-fn", image], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def dumped(image, path):
    return subprocess.run(["/sbin/debugfs", "-R", f"cat {path}", image], capture_output=True, check=True).stdout


def folder_with(tmp_path, **files):
    extra = tmp_path / "extra"
    extra.mkdir(exist_ok=True)
    for name, data in files.items():
        (extra / name).write_bytes(data)
    return extra


@pytest.mark.seldom_on_xen
def test_files_survive(hv, tmp_path):
    random.seed(1)
    data = {"big": random.randbytes(5_000_001), "small": b"small\n", "empty": b""}
    extra = folder_with(tmp_path, **data)
    disk = partitioned(tmp_path / "d.img", ("paravane", filesystem(tmp_path / "p.img")))
    first = run_script(tmp_path, hv, [
        "mount", "mkdir -p /data/one/two", "cp /extra/big /data/one/two", "cp /extra/small /data",
        "cp -r /extra /data/copy", "cp /extra/empty /data/empty", "rm /data/copy/small",
        "mv /data/one/two /data/two", "cp /data/two/big /data/one/again", "rm -r /data/copy",
        "cp /extra/small /data/one", "mv /data/one/small /data/one/again", "df",
        "echo words > /data/words", "echo more >> /data/words", "ls -l /data",
        "! umount /", "! rm /data", "! mv /data /elsewhere", "! mount vda1 /mnt", "! mount vdz /mnt",
    ], EXTRA=extra, DISK=disk, SMP=1).ok()
    assert "vda1 is mounted on /data (ext4, writable)" in first.output
    assert "vda1 on /data (ext4, rw)" in first.of("mount")
    assert "in use" in first.of("! mount vda1 /mnt")
    image = first_partition(disk, tmp_path / "after.img")
    is_clean(image)
    assert dumped(image, "/two/big") == data["big"]
    assert dumped(image, "/one/again") == b"small\n"
    assert dumped(image, "/words") == b"words\nmore\n"
    second = run_script(tmp_path, hv, [
        "sha256sum /data/two/big /data/words", "ls /data", "cp /data/two/big /tmp",
        "sha256sum /tmp/big", "umount /data", "ls /data", "mount -r LABEL=paravane /mnt", "! rm /mnt/words",
        "! echo x > /mnt/words", "cat /mnt/words", "umount /mnt"], EXTRA=extra, DISK=disk, SMP=1).ok()
    assert second.output.count(hashlib.sha256(data["big"]).hexdigest()) == 2
    assert second.of("ls /data").split()[:6] == ["empty", "lost+found/", "one/", "small", "two/", "words"]
    assert second.of("ls /data", 1).strip() == ""
    assert second.of("cat /mnt/words").strip() == "words\nmore"


GUEST = 'name = "{0}"\nkernel = "{1}/idle.gz"\nmemory = 8\ndisk = [ {2} ]\n'


def test_a_partition_is_doms_or_a_guests(tmp_path):
    extra = folder_with(tmp_path, **{"guest.cfg": GUEST.format("guest", "/extra", '"phy:vda1,xvda,w"').encode()})
    shutil.copy(BUILD / "tests" / "idle.gz", extra)
    (extra / "auto.cfg").write_text(GUEST.format("auto", "/data", ""))
    disk = partitioned(tmp_path / "d.img", ("paravane", filesystem(tmp_path / "p.img")))
    result = run_script(tmp_path, "paravane", [
        "! vmctl create /extra/guest.cfg", "cp /extra/idle.gz /data", "mkdir -p /data/vmctl/auto",
        "cp /extra/auto.cfg /data/vmctl/auto", "umount /data", "vmctl create /extra/guest.cfg",
        "sleep 1", "! mount vda1 /data", "! mount -r UUID=no-such /data", "vmctl destroy guest", "sleep 1",
        "mount /dev/vda1 /data", "ls /data"], EXTRA=extra, DISK=disk, SMP=1).ok()
    assert "busy" in result.of("! vmctl create")
    assert "in use" in result.of("! mount vda1")
    assert "idle.gz" in result.of("ls /data")
    again = run_script(tmp_path, "paravane", ["vmctl list"], DISK=disk, SMP=1).ok()
    assert re.search(r"\bauto\b", again.of("vmctl list")), again.tail()


LINUX = ('name = "linux"\nkernel = "/boot/demo/vmlinuz"\nramdisk = "/boot/demo/initrd.gz"\nextra = "console=hvc0"\n'
         'memory = 160\ndisk = [ "phy:vda1,xvda,w" ]\n')


def typed(line):
    return f"vmctl console linux --send '{line}; echo s-$?' --expect 's-0' --timeout 60"


def test_linux_and_dom0_take_turns(tmp_path):
    """Linux finds what dom0 wrote, and is cut off in the middle; dom0 replays Linux's journal and frees the
    file that Linux had open without a name."""
    data = random.Random(3).randbytes(1_000_000)
    extra = folder_with(tmp_path, data=data, **{"linux.cfg": LINUX.encode()})
    disk = partitioned(tmp_path / "d.img", ("paravane", filesystem(tmp_path / "p.img")))
    result = run_script(tmp_path, "paravane", [
        "cp /extra/data /data/data", "mkdir /data/folder", "umount /data", "vmctl create /extra/linux.cfg",
        "vmctl console linux --expect BusyBox --timeout 60",
        typed("mkdir /m; mount -t ext4 /dev/xvda /m; sha256sum /m/data"),
        typed("for i in 1 2 3 4 5 6 7 8; do mkdir /m/l$i; cp /m/data /m/l$i/copy; rm -r /m/l1; done; sync"),
        typed("ln -s l5/copy /m/link; cp /m/data /m/open; exec 5</m/open; rm /m/open /m/l2/copy; mv /m/l3 /m/folder; sync"),
        "vmctl destroy linux", "sleep 1", "mount vda1 /data", "ls /data", "sha256sum /data/l8/copy",
        "sha256sum /data/folder/l3/copy", "sha256sum /data/link", "cp /data/data /data/l4/more",
    ], EXTRA=extra, DISK=disk, SMP=1, **PATCHES_ITSELF).ok()
    assert result.output.count(hashlib.sha256(data).hexdigest()) == 4
    assert result.of("mount vda1") == "" # and nothing to say
    assert set(result.of("ls /data").split()) == {"data", "folder/", "link", "lost+found/",
                                                  *(f"l{i}/" for i in (2, 4, 5, 6, 7, 8))}
    image = first_partition(disk, tmp_path / "after.img")
    is_clean(image)
    assert dumped(image, "/l4/more") == data


def test_two_of_a_name(tmp_path):
    disk = partitioned(tmp_path / "d.img", ("paravane", filesystem(tmp_path / "a.img", 8, label="")),
                       ("paravane", filesystem(tmp_path / "b.img", 8, "ext2")))
    result = run_script(tmp_path, "paravane", ["! ls /data", "mkdir /a", "mount vda1 /a", "mount"],
                        DISK=disk, SMP=1).ok()
    assert "more than one is called paravane" in result.output
    # What a guest may write on its partition, a label, makes nothing of it that dom0 takes.
    disk = partitioned(tmp_path / "e.img", ("mine", filesystem(tmp_path / "c.img", 8)),
                       ("other", filesystem(tmp_path / "b.img", 8, "ext2")))
    labelled = run_script(tmp_path, "paravane", ["! ls /data", "! mount LABEL=paravane /tmp"], DISK=disk, SMP=1).ok()
    assert "is called paravane" not in labelled.output and "more than one" in labelled.of("! mount LABEL")
    named = run_script(tmp_path, "paravane", ["ls /data", "mount"], DISK=disk, SMP=1,
                       DOM0_CMDLINE="data=PARTLABEL=other").ok()
    assert "vda2 on /data (ext2, rw)" in named.of("mount")
    none = run_script(tmp_path, "paravane", ["! ls /data"], DISK=disk, SMP=1, DOM0_CMDLINE="data=off").ok()
    assert "called" not in none.output
    assert "vda1 on /a (ext4, rw)" in result.of("mount", 1)


def test_what_is_not_to_be_written(tmp_path):
    """Errors, unknown features, no file system, and one that says it is larger than its partition."""
    errors = filesystem(tmp_path / "a.img", 8, label="errors")
    subprocess.run(["/sbin/debugfs", "-w", "-R", "ssv state 2", errors], check=True, capture_output=True)
    feature = filesystem(tmp_path / "b.img", 8, label="feature", options=["-O", "encrypt"])
    quota = filesystem(tmp_path / "c.img", 8, label="quota", options=["-O", "quota"])
    large = filesystem(tmp_path / "d.img", 8, label="large")
    with open(large, "r+b") as image:
        image.truncate(4 << 20)
    with open(tmp_path / "e.img", "wb") as image:
        image.truncate(1 << 20)
    disk = partitioned(tmp_path / "disk.img", ("a", errors), ("b", feature), ("c", quota), ("d", large),
                       ("e", tmp_path / "e.img"))
    result = run_script(tmp_path, "paravane", [
        "mkdir /a", "mkdir /c", "mount LABEL=errors /a", "! mkdir /a/b", "ls /a", "! mount LABEL=feature /mnt",
        "mount LABEL=quota /c", "! echo x > /c/x", "! mount LABEL=large /mnt", "! mount vda5 /mnt", "mount"],
        DISK=disk, SMP=1).ok()
    assert "read-only: it has errors" in result.of("mount LABEL=errors")
    assert "features that are not known" in result.of("! mount LABEL=feature")
    assert "features that can only be read" in result.of("mount LABEL=quota")
    assert "larger than what it is on" in result.of("! mount LABEL=large")
    assert "no file system that is known" in result.of("! mount vda5")
    assert result.of("mount", 2).count(", ro)") == 2


def children(pid):
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True).stdout
    return [int(word) for word in found.split()]


def run_until(tmp_path, disk, extra, lines, marks):
    """Runs the script until it has printed `done N` so many times, and a little more; then the machine's power
    goes, in the middle of whatever it does.  How often it had printed it."""
    script = tmp_path / "script"
    script.write_text("\n".join(lines) + "\n")
    env = environment(tmp_path, "paravane", {"SCRIPT": script, "EXTRA": extra, "DISK": disk, "SMP": 1})
    child = subprocess.Popen([RUN], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT)
    output, limit = "", time.monotonic() + 60 * PATIENCE
    try:
        while output.count("\ndone ") < marks and time.monotonic() < limit:
            piece = os.read(child.stdout.fileno(), 4096)
            if not piece:
                break
            output += piece.decode(errors="replace").replace("\r", "")
        time.sleep(random.random() / 4)
        for pid in children(child.pid):
            os.kill(pid, signal.SIGKILL)
        output += child.communicate(timeout=60)[0].decode(errors="replace").replace("\r", "")
    finally:
        child.kill()
    (tmp_path / "console.log").write_text(output)
    assert output.count("\ndone ") >= marks, output[-2000:]
    return output.count("\ndone ")


def test_power_goes(tmp_path):
    random.seed(2)
    data = random.randbytes(300_000)
    extra = folder_with(tmp_path, data=data)
    disk = partitioned(tmp_path / "d.img", ("paravane", filesystem(tmp_path / "p.img")))
    for life, marks in enumerate((3, 11, 24)):
        lines = []
        for i in range(200):
            lines += [f"cp /extra/data /data/f{life}-{i}", "sync", f"echo done {i}",
                      *([f"rm /data/f{life}-{i - 3}"] if i % 2 and i > 3 else [])]
        done = run_until(tmp_path, disk, extra, lines, marks)
        image = first_partition(disk, tmp_path / "after.img")
        replayed = subprocess.run(["/sbin/e2fsck", "-p", image], capture_output=True, text=True)
        assert replayed.returncode == 0, replayed.stdout + replayed.stderr
        is_clean(image)
        for i in range(done):
            if i % 2 or i + 3 >= done: # nobody has asked to remove those
                assert dumped(image, f"/f{life}-{i}") == data
    run_until(tmp_path, disk, extra, ["cp /extra/data /data/unsynced", "sleep 6", "echo done 0", "sleep 9"], 1)
    image = first_partition(disk, tmp_path / "after.img")
    assert subprocess.run(["/sbin/e2fsck", "-p", image], capture_output=True).returncode == 0
    assert dumped(image, "/unsynced") == data
    result = run_script(tmp_path, "paravane", ["sha256sum /data/f2-21", "rm -r /data/lost+found"],
                        DISK=disk, SMP=1).ok()
    assert "vda1 is mounted on /data (ext4, writable)\n" in result.output
    assert hashlib.sha256(data).hexdigest() in result.of("sha256sum")
    is_clean(first_partition(disk, tmp_path / "after.img"))
