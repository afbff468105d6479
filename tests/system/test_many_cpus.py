"""A machine of 64 CPUs, and guests with more vCPUs than shared_info has room for."""
import re

from kernels import config, printed, run_lines
from machine import BUILD, run_script, same_memory


def vcpus_say(count, least=None, first=None, last=None):
    lines = [f"vcpus: {count}", f"vcpus: {count - 1} answered", f"vcpus: {count - 1} woken",
             "vcpus: events were heard"]
    if first is not None:
        lines.append(f"vcpus: on CPUs from {least} on, the first on {first}, the last on {last}")
    return lines


def make(extra, name, vcpus, more=""):
    if not (extra / "vcpus.elf").exists():
        (extra / "vcpus.elf").write_bytes((BUILD / "tests/many/vcpus.elf").read_bytes())
    config(extra, name, "vcpus.elf", f"vcpus = {vcpus}\n{more}")


def test_more_vcpus_than_shared_info_has(hv, tmp_path):
    """Those from the 33rd on register where they hear of events, and cannot run before."""
    extra = tmp_path / "extra"
    extra.mkdir()
    make(extra, "some", 3)
    make(extra, "many", 40)
    result = run_script(tmp_path, hv, [*run_lines("some"), *run_lines("many")], SMP=2, EXTRA=extra,
                        DISK="none").ok()
    assert printed(result, "some")[:-1] == vcpus_say(3), result.tail()
    assert printed(result, "many")[:-1] == vcpus_say(40), result.tail()


def test_64_cpus(tmp_path):
    """Guests run on those they are pinned to, the last one too; all is as before when they have gone."""
    extra = tmp_path / "extra"
    extra.mkdir()
    (extra / "hello.elf").write_bytes((BUILD / "dom0/hello.elf").read_bytes())
    make(extra, "all", 128)
    make(extra, "high", 64, 'cpus = "40-63"\n')
    make(extra, "apart", 2, 'cpus = ["63", "62"]\n')
    make(extra, "shadow", 40, 'cpus = "33-63"\npgtable = "shadow"\n')
    make(extra, "nowhere", 1, 'cpus = "64-255"\n')
    make(extra, "beyond", 129)
    config(extra, "hello", "hello.elf", 'cpus = "50"\n')
    names = ["hello", "all", "high", "apart", "shadow"]
    lines = ["vmctl info --json", "try vmctl create /extra/nowhere.cfg",
             "try vmctl create /extra/beyond.cfg"]
    for name in names:
        lines += run_lines(name, 90)
    result = run_script(tmp_path, "paravane", [*lines, "vmctl audit", "vmctl info --json"], SMP=64,
                        EXTRA=extra, DISK="none", TIMEOUT=300).ok()
    assert "CPUs: 64 running" in result.output
    assert result.json("vmctl info --json")["nr_cpus"] == 64
    assert "none of those for vCPU 0 (it has CPUs 0 to 63)" in result.of("try vmctl create /extra/nowhere")
    assert "use 1 to 128" in result.of("try vmctl create /extra/beyond")
    assert printed(result, "hello")[-1] == "hello: done"
    assert printed(result, "all")[:-1] == vcpus_say(128), result.tail()
    high = printed(result, "high")
    assert high[:-1] == vcpus_say(64) and 40 <= int(high[-1].split()[4]), high
    assert printed(result, "apart") == vcpus_say(2, 62, 63, 62), result.tail()
    shadow = printed(result, "shadow")
    assert shadow[:-1] == vcpus_say(40) and 33 <= int(shadow[-1].split()[4]), shadow
    assert "0 differences" in result.of("vmctl audit")
    same_memory("paravane", result, 0, 1)


def test_more_cpus_than_the_initial_domain_has_vcpus(tmp_path):
    result = run_script(tmp_path, "paravane", ["vmctl info --json"], SMP=129, DISK="none").ok()
    assert result.json("vmctl info --json")["nr_cpus"] == 129
    assert re.search(r"control domain: \d+ MiB, 128 vCPUs", result.output), result.tail()
