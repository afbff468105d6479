"""dom0's own stack and its commands, with the machine that runs the test at the cable's other end."""
import hashlib
import random
import socket
import threading
import time

from machine import PROMPT, prompt, run_script
from web import Web

SIZE = 3000000


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_addresses(tmp_path):
    result = run_script(tmp_path, "paravane", [
        "ping -c 2 10.0.2.2", "ip addr", "ip route", "ip neigh", "ping -6 -c 1 fec0::2",
        "ip dhcp renew", "! ip addr add 10.0.2.77/24 dev xenbr0",
        "ip addr del 10.0.2.15/24 dev xenbr0", "! ping -c 1 10.0.2.2",
        "ip addr add 10.0.2.77/24 dev xenbr0", "ping -c 1 10.0.2.2",
        "! ip route add default via 10.9.9.9", "ip route add default via 10.0.2.2", "ip route",
        "ip dhcp renew", "ip addr add fd00::5/64 dev xenbr0", "ip addr show", "! ip addr add x dev xenbr0",
        "! ip addr add 10.0.0.1/8 dev none", "! nslookup no.such.name.invalid", "! ping -c 1 10.0.2.99"],
        DISK="none", TIMEOUT=90).ok()
    assert "2 requests, 2 answers" in result.of("ping -c 2")
    assert "inet 10.0.2.15/24 dynamic" in result.of("ip addr")
    assert "default via 10.0.2.2 dev xenbr0" in result.of("ip route")
    assert "10.0.2.2 dev xenbr0 lladdr" in result.of("ip neigh")
    assert "1 requests, 1 answers" in result.of("ping -6")
    assert "has an IPv4 address" in result.of("! ip addr add 10.0.2.77")
    assert "default via 10.0.2.2" in result.of("ip route", 2)
    assert "inet 10.0.2.15/24 dynamic" in result.of("ip dhcp renew", 1)
    assert "inet6 fd00::5/64" in result.of("ip addr show")


def test_an_address_from_the_command_line(tmp_path):
    result = run_script(tmp_path, "paravane", ["ip addr", "ip route", "ping -c 1 10.0.2.2"], DISK="none",
                        DOM0_CMDLINE="ip=10.0.2.20/24,10.0.2.2,10.0.2.3", TIMEOUT=60).ok()
    assert "inet 10.0.2.20/24\n" in result.of("ip addr")
    assert "default via 10.0.2.2" in result.of("ip route")


def test_no_address(tmp_path):
    result = run_script(tmp_path, "paravane", ["! ping -c 1 10.0.2.2", "ip addr", "! fetch http://10.0.2.2/"],
                        DISK="none", DOM0_CMDLINE="ip=none", TIMEOUT=60).ok()
    assert "inet 10." not in result.of("ip addr")
    assert "no route there" in result.of("! ping")


def test_fetch(tmp_path):
    body = random.Random(1).randbytes(SIZE)
    right = hashlib.sha256(body).hexdigest()
    wrong = hashlib.sha256(b"").hexdigest()
    with Web({"file": body, "text": b"hello from here\n"}) as web:
        at = f"http://10.0.2.2:{web.port}"
        result = run_script(tmp_path, "paravane", [
            f"fetch {at}/text -", f"fetch --sha256 {right} {at}/file", f"fetch {at}/moved/file /a",
            f"fetch --sha256 {right} {at}/chunked/file /b", f"! fetch --sha256 {wrong} {at}/file /c",
            "! ls /c", f"! fetch {at}/cut/file /d", f"fetch -c --sha256 {right} {at}/file /d",
            f"fetch -c --sha256 {right} {at}/file /d", f"! fetch {at}/none", f"! fetch {at}/moved/none",
            "! fetch https://10.0.2.2/", "! fetch http://10.0.2.2:1/", "! fetch", "! fetch --what x y",
            f"fetch --put /d {at}/back", f"fetch --discard {at}/back", f"fetch {at}/text", "ls -l /text",
            "ip link", "tasks"], DISK="none", TIMEOUT=90).ok()
        assert web.files["back"] == body
    assert "hello from here" in result.of("fetch")
    assert f"SHA-256 {right}" in result.of(f"fetch {at}/moved")
    assert f"SHA-256 is {right}, not what was expected (the file is removed)" in \
        result.of(f"! fetch --sha256 {wrong}")
    assert "the server ended in the middle (fetch -c goes on)" in result.of("! fetch", 1)
    assert f": {SIZE - SIZE // 2} bytes in" in result.of("fetch -c")
    assert "the server answered 404" in result.of(f"! fetch {at}/none")
    assert "only http:// is spoken here" in result.of("! fetch https")
    assert "refused" in result.of("! fetch http://10.0.2.2:1/")
    assert "16 /text" in result.of("ls -l /text")


def knock(port, web, heard):
    """Connects until dom0 listens, says something and hears what comes.

    Not before dom0 has a network: QEMU keeps a connection for it that nobody here waits for any more.
    """
    web.visited.wait(60)
    for _ in range(300):
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as peer:
                peer.sendall(b"from outside\n")
                peer.shutdown(socket.SHUT_WR)
                said = peer.recv(1000)
                if said:
                    heard.append(said)
                    return
        except OSError:
            pass
        time.sleep(0.5)


def test_nc(tmp_path):
    port, heard = free_port(), []
    with Web({}) as web:
        threading.Thread(target=knock, args=(port, web, heard), daemon=True).start()
        result = run_script(tmp_path, "paravane", [
            "echo words > /words", f"nc -w 10 -f /words 10.0.2.2 {web.stream_port}",
            f"nc -u -w 2 -f /words 10.0.2.2 {web.datagram_port}", "! nc -w 1 -l 9",
            "nc -w 60 -l -f /words 8000", "! nc 10.0.2.2 1", "! nc -w 2 10.0.2.99 80"],
            DISK="none", FORWARD=f"{port}:8000", TIMEOUT=90).ok()
    assert "you said: words" in result.of("nc -w 10")
    assert "you sent: words" in result.of("nc -u")
    assert "from outside" in result.of("nc -w 60")
    assert heard == [b"words\n"]


def test_by_hand(tmp_path):
    """Typed lines are sent, Ctrl-D ends what one says, Ctrl-C the command."""
    with Web({}) as web:
        child = prompt(tmp_path, "paravane", DISK="none")
        child.sendline(f"nc 10.0.2.2 {web.stream_port}")
        child.send("typed\r")
        child.expect_exact("typed")
        child.send("\x04")
        child.expect_exact("you said: typed")
        child.expect_exact(PROMPT)
        for command, sign in (("ping -c 1000 10.0.2.2", "icmp_seq=2"), ("nc -l 9", "nc -l 9"),
                              (f"nc 10.0.2.2 {web.stream_port}", str(web.stream_port)),
                              ("fetch http://10.0.2.99/", "fetch")):
            child.sendline(command)
            child.expect_exact(sign)
            time.sleep(1)
            child.send("\x03")
            child.expect_exact(PROMPT, timeout=20)
        child.close(force=True)
