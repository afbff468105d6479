"""The demo guest from start to end: console, disk, power-off, again; the host's e2fsck after."""
import re
import subprocess

import pytest

from machine import AS_SHIPPED, SETTLED, demo_disk, nodes, run_script, same_memory

CONSOLE = "vmctl console demo "

WRITE = ("head -c 8388608 /dev/urandom > /root/big && sync && md5sum /root/big > /root/sum && "
         "echo 3 > /proc/sys/vm/drop_caches; md5sum -c /root/sum; echo wrote-$?")


def test_demo_guest(hv, tmp_path):
    result = run_script(tmp_path, hv, [
        CONSOLE + "--expect 'demo:/# $' --timeout 60",
        CONSOLE + "--send 'cat /proc/cpuinfo' --expect 'model name.*demo:/# $|demo:/# $' --timeout 20",
        CONSOLE + "--send 'dmesg | grep -c Xen; echo dmesg-$?' --expect 'dmesg-0' --timeout 20",
        CONSOLE + f"--send '{WRITE}' --expect 'wrote-0\\r' --timeout 150",
        CONSOLE + "--send 'xenstore-ls device; echo ls-$?' --expect 'ls-0\\r' --timeout 20",
        CONSOLE + "--send 'xenstore-write data/hello world; echo put-$?' --expect 'put-0\\r' --timeout 20",
        "xenstore-read /local/domain/1/data/hello",
        CONSOLE + "--send 'poweroff' --expect 'poweroff' --timeout 20",
        "vmctl wait demo --state gone --timeout 30",
        "vmctl list",
        "vmctl create /etc/vmctl/demo.cfg",
        CONSOLE + "--expect 'demo:/# $' --timeout 60",
        CONSOLE + "--send 'md5sum -c /root/sum; echo again-$?' --expect 'again-0\\r' --timeout 60",
        "vmctl shutdown demo",
        "vmctl wait demo --state gone --timeout 30",
    ], TIMEOUT=400, **AS_SHIPPED).ok()
    assert "processor" in result.of(CONSOLE + "--send 'cat")
    assert "vbd" in result.of(CONSOLE + "--send 'xenstore-ls")
    assert result.of("xenstore-read") == "world"
    assert "demo" not in result.of("vmctl list")
    disk = demo_disk(tmp_path)
    subprocess.run(["dd", f"if={disk}", f"of={tmp_path}/root.img", "bs=1M", "skip=1", "count=384",
                    "status=none"], check=True)
    checked = subprocess.run(["/sbin/e2fsck", "-fn", f"{tmp_path}/root.img"], capture_output=True,
                             text=True)
    (tmp_path / "root.img").unlink()
    assert checked.returncode == 0, checked.stdout


@pytest.mark.seldom_on_xen
def test_everything_comes_back(hv, tmp_path):
    """create and destroy leave free memory and xenstore as they were."""
    look = SETTLED
    result = run_script(tmp_path, hv, [
        "vmctl destroy demo", *look,
        "vmctl create -p /etc/vmctl/demo.cfg", "vmctl destroy demo",
        *look, "xenstore-control check",
        "vmctl create /etc/vmctl/demo.cfg", CONSOLE + "--expect 'demo:/# $' --timeout 60",
        "vmctl destroy demo", *look, "xenstore-control check", "vmctl list --json",
    ]).ok()
    assert nodes(result, 0) == nodes(result, 1) == nodes(result, 2)
    same_memory(hv, result, 1, 2)
    assert result.of("xenstore-control check") == "OK"
    assert len(result.json("vmctl list --json")) == 1


def test_lifecycle_commands(hv, tmp_path):
    result = run_script(tmp_path, hv, [
        "vmctl pause demo", "vmctl list --json", "vmctl unpause demo",
        CONSOLE + "--expect 'demo:/# $' --timeout 60",
        "vmctl domid demo", "vmctl domname 1", "vmctl rename demo other", "vmctl domname 1",
        "! vmctl domid demo", "vmctl uptime other", "vmctl top -n 1 -d 1", "vmctl dmesg > /dmesg",
        "! vmctl rename other a/b", "vmctl reboot other",
        "vmctl wait 1 --state gone --timeout 60", "vmctl wait other --state running --timeout 60",
        "vmctl console other --expect 'demo: up after[^#]*# $' --timeout 60",
        "vmctl domid other",
        "vmctl help", "vmctl help create", "vmctl help console", "! vmctl nonsense", "! vmctl destroy nobody",
    ]).ok()
    assert result.json("vmctl list --json")[1]["state"] == "paused"
    assert result.of("vmctl domid demo") == "1"
    assert result.of("vmctl domname 1", 1) == "other"
    assert result.of("vmctl domid other") == "2" # it keeps its name
    assert "KEY=VALUE  " in result.of("vmctl help create")
    assert all(f"  --{option} " in result.of("vmctl help console") for option in ("send", "expect", "timeout"))
    assert "vmctl: nobody: no such guest" in result.of("! vmctl destroy")


def test_scripts_stop_at_the_first_failure(tmp_path):
    result = run_script(tmp_path, "paravane", ["echo one", "! rm /nonsense", "try rm /nonsense", "nonsense",
                                       "echo two"])
    assert result.status == 127
    assert re.search("^one$", result.output, re.M) and "two" not in result.output
