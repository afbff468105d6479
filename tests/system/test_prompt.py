"""dom0 as a user meets it: the prompt, editing, the guest's console and back."""
import pexpect
import pytest

from machine import PROMPT, prompt


def line(machine, text, expected=None):
    machine.send(text + "\r")
    if expected:
        machine.expect(expected)
    machine.expect_exact("\n" + "\r" + PROMPT)


def interrupted(machine):
    """Ctrl-C ends whatever waits, and the guest that create -F stayed with runs on."""
    for command in ("sleep 1000", "vmctl wait demo --state gone", "vmctl console demo --expect never",
                    "vmctl create -F /etc/vmctl/demo.cfg 'name=\"other\"' disk=[]"):
        machine.send(command + "\r")
        if "-F" in command:
            machine.expect("started as domain")
        machine.send("\x03")
        machine.expect("interrupted")
        machine.expect_exact("\n" + "\r" + PROMPT)
    line(machine, "vmctl list", "other")
    line(machine, "vmctl destroy other")


@pytest.mark.seldom_on_xen
def test_prompt(hv, tmp_path):
    machine = prompt(tmp_path, hv, DOM0_CMDLINE="autostart=off")
    try:
        line(machine, "help", "vmctl")
        machine.send("vmctl create /etc/vmctl/demo.cfg\r")
        machine.expect_exact("\runpacking the kernel: ")  # for who sits there; it goes when it is done
        machine.expect_exact("\r\x1b[Kdemo: started as domain 1")
        machine.expect_exact(PROMPT)
        line(machine, "echo 'a  b' \"c\"", "\na  b c")
        line(machine, "echo lost\b\b\b\bfound", "\nfound")
        machine.send("\x1b[A")
        machine.expect_exact("found")
        line(machine, "", "\nfound")
        # Home, a function key, page up, Ctrl and the right arrow, End: sequences leave nothing behind.
        line(machine, "cho seq\x1b[1~e\x1b[15~\x1b[5~\x1b[1;5C\x1b[4~uence", "\nsequence")
        line(machine, "echo text > /tmp.txt")
        line(machine, "cat /tmp.txt", "\ntext")
        line(machine, "echo one; nonsense; echo two", "\none.*nonsense: no such command.*\ntwo")
        line(machine, "ls /etc /tmp.txt /etc/vmctl; ls /none /etc", r"/etc:.*vmctl/\s+/tmp.txt.*/etc/vmctl:\s+auto/\s+demo.cfg"
             ".*/none: No such file.*/etc:.*vmctl/")
        line(machine, "vmctl li\t", "demo")
        line(machine, "cat /tmp.\t; ls /etc/vmc\t", "cat /tmp.txt ; ls /etc/vmctl/.*\ntext.*demo.cfg")
        machine.send("vmctl re\t\t")
        machine.expect_exact("reboot  rename")
        machine.send("\x03vmctl cons\tde\t\r")
        machine.expect_exact("vmctl console demo ")
        machine.expect("demo:/# ")
        machine.send("echo in-$((20+22))\r")
        machine.expect_exact("in-42")
        machine.send("printf '\\033]0;ti\\007t%s\\n' le\r")  # not so in its echo
        machine.expect_exact("\x1b]0;ti\x07tle")  # who sits there sees what the guest means
        machine.send("reboot\r")  # who sits there stays through it
        machine.expect("demo: up after")
        machine.expect("demo:/# ")
        machine.send("printf '\\033]0;ti\\007t%s\\n' le\r")
        machine.expect_exact("\x1b]0;ti\x07tle")
        machine.send("\x1d")
        machine.expect_exact(PROMPT)
        for look in ("cat /var/log/xen/console/guest-demo.log", "vmctl console demo --expect tle"):
            machine.send(look + "\r")
            machine.expect_exact("\ntle")
            machine.expect_exact(PROMPT)
            assert "\x1b]" not in machine.before and "\x07" not in machine.before
        interrupted(machine)
        line(machine, "lsblk", "vda1")
        line(machine, "nonsense", "no such command")
        line(machine, "vmctl lsit", "lsit: no such command .did you mean list")
        line(machine, "vmctl create --help", "start a guest.*KEY=VALUE")
        line(machine, "vmctl console 0", "not for dom0 itself")
        machine.send("poweroff\r")
        machine.expect(pexpect.EOF)
    finally:
        machine.close(force=True)
