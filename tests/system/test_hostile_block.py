"""A guest that does everything wrong with its disk (tests/hostile/block.c): it is answered or no longer
served, nothing of it stays behind, and who uses the same disk finds what he wrote."""
import re

from machine import BUILD, SETTLED, free_kib, nodes, run_script
from test_dom0_memory import used

CASES = 30000
CONFIG = """kernel = "/extra/block.elf"
memory = 16
disk = [ "phy:PARTLABEL=paravane-scratch,xvda,w" ]
on_crash = "destroy"
"""
DEATHS = list(enumerate(["off", "crash"] * 2))
CONSOLE = "vmctl console demo "
FILL = "dd if=/dev/urandom of=/root/f bs=1M count=2; md5sum /root/f > /root/sum; sync; echo f-$?"
LOAD = ("(while :; do cp /root/f /root/g; sync; echo 3 > /proc/sys/vm/drop_caches; "
        "cmp /root/f /root/g && echo >> /root/rounds || touch /root/differs; done) > /dev/null 2>&1 &")
CHECK = "echo 3 > /proc/sys/vm/drop_caches; md5sum -c /root/sum; ls /root/differs; echo c-$?"
# What the hypervisor keeps for dom0's grants is as large as it ever was; a guest cannot make it more
# than its rings can name.
KEPT_KIB = 512


def typed(line, answer):
    return f"{CONSOLE} --send '{line}' --expect '{answer}' --timeout 90"


ROUNDS = typed("echo n-$(cat /root/rounds | wc -l)-", "n-[0-9]+-")


def log_of(name):
    return f"cat /var/log/xen/console/guest-{name}.log"


def rounds(result):
    """Of the other guest, at each look."""
    return [int(n) for n in re.findall(r"n-(\d+)-", result.output)]


def test_an_attacker_on_the_same_disk(tmp_path):
    extra = tmp_path / "extra"
    extra.mkdir()
    (extra / "block.elf").write_bytes((BUILD / "tests/hostile/block.elf").read_bytes())
    for name, line in [("attacker", f"{CASES} 1 on"), *((f"dies-{i}", f"300 {i} {how}") for i, how in DEATHS)]:
        (extra / f"{name}.cfg").write_text(f'name = "{name}"\ncmdline = "{line}"\n' + CONFIG)
    lines = [CONSOLE + "--expect 'demo:/# $' --timeout 90", typed(FILL, "f-0"), *SETTLED, "free", typed(LOAD, "# $"),
             ROUNDS, "vmctl create -q /extra/attacker.cfg",
             'vmctl console attacker --expect "block done" --timeout 150', ROUNDS,
             "sleep 2", "free", log_of("attacker"), "vmctl destroy attacker",
             "rm /var/log/xen/console/guest-attacker.log", *SETTLED]
    for i, how in DEATHS:
        lines += [f"{'! ' if how == 'crash' else ''}vmctl create -q -F /extra/dies-{i}.cfg",
                  log_of(f"dies-{i}"), f"rm /var/log/xen/console/guest-dies-{i}.log"]
    lines += ["vmctl audit", ROUNDS, typed(CHECK, "c-[0-9]"), "lsblk", *SETTLED, "free", "vmctl list --json"]
    result = run_script(tmp_path, "paravane", lines, EXTRA=extra, TIMEOUT=500).ok()
    log = result.of(log_of("attacker"))
    print(log, "rounds of the other guest:", rounds(result))
    print("free KiB:", [free_kib(result, i) for i in range(3)], "of dom0:", [used(result, i) for i in range(3)])
    assert int(re.search(r"block: (\d+) cases", log).group(1)) >= 10000, log
    assert "bad:" not in result.output, log
    for i, _ in DEATHS:
        assert "hostile: block done" in result.of(log_of(f"dies-{i}"))
    began, done, ended = rounds(result)
    assert began < done < ended
    assert "/root/f: OK" in result.output and "c-1" in result.output
    assert [d["name"] for d in result.json("vmctl list --json")] == ["Domain-0", "demo"]
    assert re.findall(r", (\d+) differences", result.of("vmctl audit")) == ["0", "0"]
    scratch = [line for line in result.of("lsblk").splitlines() if "vda2" in line]
    assert scratch[0].split()[3] == "-"
    assert nodes(result, 0) == nodes(result, 1) == nodes(result, 2)
    assert 0 <= free_kib(result, 0) - free_kib(result, 1) <= KEPT_KIB
    assert abs(free_kib(result, 1) - free_kib(result, 2)) <= 64
    assert used(result, 1) - used(result, 0) <= 4096 and abs(used(result, 2) - used(result, 0)) <= 256
    # A guest can provoke lines without end: only the first few are printed.
    assert result.output.count("vbd: guest") < 100
