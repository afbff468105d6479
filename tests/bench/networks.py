"""Network figures for the benchmark: the same two guests on Paravane and on Xen 4.17 with a Linux
dom0 (bridge, netback), and one machine without a hypervisor.

Where only guests and dom0 take part they come from one run each under -icount with one CPU: a
second is a thousand million instructions, of everybody together, and the figures repeat to about
1 %.  The same in wall time with two CPUs, and with a server outside, are medians of interleaved
rounds.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / os.environ.get("BUILD", "build")
os.environ["BUILD"] = str(BUILD)
sys.path[:0] = [str(ROOT / "tests/system"), str(ROOT / "tests/matrix")]
# pylint: disable=wrong-import-position
import linux_dom0  # noqa: E402
import net_guests  # noqa: E402
from machine import main_kernel  # noqa: E402

ICOUNT = "-icount shift=0,sleep=off"
PORT = 5123
DOM0, OUTSIDE, FIRST, SECOND = "10.0.2.15", "10.0.2.2", "10.0.2.50", "10.0.2.51"
# name: (what net-bench does, with whom)
ROWS = {"guest-to-dom0": ("send", DOM0), "dom0-to-guest": ("receive", DOM0),
        "dom0-round-trip": ("rtt", DOM0), "guest-to-guest": ("send", SECOND),
        "guest-round-trip": ("rtt", SECOND), "guest-packets": ("packets", SECOND),
        "guest-to-outside": ("send", OUTSIDE), "outside-to-guest": ("receive", OUTSIDE),
        "outside-round-trip": ("rtt", OUTSIDE)}
UNITS = {"send": "Mbit/s", "receive": "Mbit/s", "rtt": "us", "packets": "packets/s"}
INSIDE = [name for name, (_, peer) in ROWS.items() if peer != OUTSIDE]

GUEST = f"""ip route add default via {OUTSIDE}
net-bench serve {PORT} &
echo guest-$ip-up
sleep 1
for row in $(echo $rows | tr , ' '); do
    set -- $(echo $row | tr : ' ')
    echo "bench $1 $(net-bench $2 $3 {PORT} $seconds)"
    sleep 0.3
done
[ -z "$rows" ] || echo bench-end
while :; do sleep 1000; done
"""
SCRIPT = f"""try vmctl destroy demo
net-bench serve {PORT}
vmctl create /extra/second.cfg
vmctl console second --expect guest-{SECOND}-up --timeout 120
vmctl create /extra/first.cfg
vmctl console first --expect bench-end --timeout 1500
"""
LINUX_SCRIPT = f"""net-bench serve {PORT} &
brctl addif xenbr0 eth0; ip link set eth0 up
vmctl create /extra/second.cfg
said second guest-{SECOND}-up 200
vmctl create /extra/first.cfg
said first bench-end 1500
cat /var/log/xen/console/guest-first.log
"""


def words(ip, names, seconds):
    rows = ",".join(":".join((name, *ROWS[name])) for name in names)
    return f"norandmaps net.ip={ip} net.seconds={seconds} net.rows={rows}"


def guests(folder, program, names, seconds):
    """What dom0 needs to run the two: a folder for EXTRA."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    configs = {name: net_guests.config(name, words(ip, rows, seconds), tsc_mode='"native"',
                                       kernel='"/extra/vmlinuz"')
               for name, ip, rows in (("first", FIRST, names), ("second", SECOND, []))}
    extra = net_guests.extra(folder, GUEST, configs, programs=[program])
    shutil.copy(main_kernel(), extra / "vmlinuz")
    return extra


def figures(output):
    found = {}
    for name, figure in re.findall(r"bench ([a-z0-9-]+) net-bench \w+ ([\d.]+)", output):
        found[name] = float(figure)
    return found


def paravane(folder, program, names, seconds, **settings):
    extra = guests(folder, program, names, seconds)
    (folder / "script").write_text(SCRIPT)
    env = {**os.environ, "EXTRA": str(extra), "SCRIPT": str(folder / "script"), "DISK": "none",
           "LINUX": "none", "CMDLINE": "console=com1", "TIMEOUT": "1600",
           **{k: str(v) for k, v in settings.items()}}
    done = subprocess.run([ROOT / "tools/run"], env=env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return figures(done.stdout.decode(errors="replace"))


def xen(folder, program, names, seconds, **settings):
    extra = guests(folder, program, names, seconds)
    files = {path.name: path.read_bytes() for path in extra.iterdir()}
    return figures(linux_dom0.run(folder, LINUX_SCRIPT, files, 1600, programs=[program],
                                  modules=["virtio_net", "virtio_pci"], CMDLINE="console=com1",
                                  **settings))


def native(folder, program, names, seconds):
    """The same kernel on the machine itself, with the outside only."""
    folder.mkdir()
    extra = net_guests.extra(folder, GUEST, {}, programs=[program],
                             drivers=("virtio_pci", "virtio_net"))
    command = ["timeout", "300", "qemu-system-x86_64", "-accel", "tcg,thread=single", "-cpu", "max,-smap", "-smp", "2",
               "-m", "1024", "-display", "none", "-monitor", "none", "-serial", "stdio", "-no-reboot",
               "-kernel", main_kernel(), "-initrd", extra / "initrd.gz",
               "-append", f"console=ttyS0 quiet panic=1 {words(FIRST, names, seconds)}",
               "-netdev", "user,id=n", "-device", "virtio-net-pci,disable-legacy=on,netdev=n"]
    output = ""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as process:
        for line in process.stdout:
            output += line.decode(errors="replace")
            if line.startswith(b"bench-end"):
                break
        process.terminate()
    return figures(output)


def build(work):
    program = work / "net-bench"
    subprocess.run(["gcc", "-std=gnu11", "-O2", "-static", "-o", program,
                    ROOT / "tests/bench/net-bench.c"], check=True)
    return program


def of(name, runs):
    """A row's figures by column, from lists of runs."""
    return {column: [run[name] for run in found if name in run] for column, found in runs.items()}


def measure(work, rounds):
    """Rows as report.Report takes them: (name, unit, {column: figures}, columns that must be there)."""
    work = pathlib.Path(work) / "networks"
    work.mkdir()
    program = build(work)
    columns = {"paravane": paravane, "xen_linux": xen}
    counted = {name: run(work / f"{name}-icount", program, INSIDE, 1, SMP=1, QEMU_ARGS=ICOUNT)
               for name, run in columns.items()}
    rows = [(f"{name}-icount", UNITS[ROWS[name][0]], of(name, {c: [f] for c, f in counted.items()}),
             tuple(columns)) for name in INSIDE]
    collected = {name: [] for name in ("native", *columns)}
    server = subprocess.Popen([program, "serve", str(PORT)], start_new_session=True)
    try:
        for number in range(rounds):
            outside = [name for name in ROWS if name not in INSIDE]
            collected["native"].append(native(work / f"native-{number}", program, outside, 3))
            for name, run in columns.items():
                collected[name].append(run(work / f"{name}-{number}", program, list(ROWS), 3, SMP=2,
                                           THREADS="one"))
    finally:
        os.killpg(server.pid, 15)
    rows += [(name, UNITS[kind], of(name, collected),
              tuple(columns) if name in INSIDE else ("native", *columns))
             for name, (kind, _) in ROWS.items()]
    return rows
