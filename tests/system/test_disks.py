"""Disks and partitions of guests: who may have what at the same time, reading and writing, a
read-only disk, a whole disk with its partitions."""
from machine import run_script

KERNEL = 'kernel = "/boot/demo/vmlinuz"\nramdisk = "/boot/demo/initrd.gz"\nextra = "console=hvc0"\n'


def config(folder, name, *disks):
    listed = ", ".join(f'"{disk}"' for disk in disks)
    (folder / f"{name}.cfg").write_text(f'name = "{name}"\n{KERNEL}memory = 160\ndisk = [ {listed} ]\n')


def typed(guest, line, answer):
    return f"vmctl console {guest} --send '{line}' --expect '{answer}' --timeout 60"


def test_sharing(hv, tmp_path):
    extra = tmp_path / "extra"
    extra.mkdir()
    config(extra, "both", "phy:/dev/vda2,xvda,w", "phy:vda1,xvdb,r")
    config(extra, "whole", "phy:/dev/vda,xvda,r")
    config(extra, "busy", "phy:/dev/vda,xvda,w")
    config(extra, "absent", "phy:/dev/vdz,xvda,w")
    result = run_script(tmp_path, hv, [
        "! vmctl create /extra/both.cfg", "! vmctl create /extra/busy.cfg",
        "! vmctl create /extra/absent.cfg",
        "vmctl destroy demo",
        "vmctl create /extra/both.cfg",
        "vmctl console both --expect BusyBox --timeout 60",
        typed("both", "dd if=/dev/urandom of=/dev/xvda bs=1M count=20 conv=fsync; echo w-$?", "w-0"),
        typed("both", "dd if=/dev/zero of=/dev/xvdb bs=1M count=1; echo r-$?", "r-1"),
        typed("both", "mkdir /m; mount -t ext4 -o ro /dev/xvdb /m; ls /m/etc; echo m-$?", "m-0"),
        "lsblk", "! vmctl create /extra/busy.cfg",
        "vmctl destroy both",
        "vmctl create /extra/whole.cfg",
        "vmctl console whole --expect BusyBox --timeout 60",
        typed("whole", "cat /proc/partitions; echo p-$?", "p-0"),
        "! vmctl create /etc/vmctl/demo.cfg",
        "vmctl destroy whole", "lsblk",
    ], EXTRA=extra).ok()
    assert "in use" in result.of("! vmctl create /extra/both.cfg")
    assert "in use" in result.of("! vmctl create /extra/busy.cfg", 1)
    assert "vdz" in result.of("! vmctl create /extra/absent.cfg")
    assert "xvda2" in result.of("vmctl console whole --send")
    lines = {line.split()[0]: line.split() for line in result.of("lsblk").splitlines()[1:]
             if line.startswith("  vda")}
    assert lines["vda1"][3] == "read" and lines["vda2"][3] == "write"
    assert all(line.split()[3] == "-" for line in result.of("lsblk", 1).splitlines()[1:]
               if line.strip().startswith("vda"))
