"""The other end of dom0's network commands: an HTTP server and echoing sockets on this machine,
which QEMU's user network shows to dom0 as 10.0.2.2."""
import http.server
import re
import socket
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves the server's `files`; /chunked/X in chunks, /cut/X only a half, /moved/X elsewhere."""
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **fields):
        self.send_response(status)
        for name, value in {"Content_Length": len(body), **fields}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        way, _, name = self.path.strip("/").rpartition("/")
        body = self.server.files.get(name)
        wanted = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if body is None:
            self.answer(404)
        elif way == "moved":
            self.answer(302, Location="/" + name)
        elif way == "chunked":
            self.chunked(body)
        elif way == "cut":
            self.answer(200, body[:len(body) // 2], Content_Length=len(body))
            self.close_connection = True
        elif wanted and int(wanted[1]) >= len(body):
            self.answer(416, Content_Range=f"bytes */{len(body)}")
        elif wanted:
            first = int(wanted[1])
            self.answer(206, body[first:], Content_Range=f"bytes {first}-{len(body) - 1}/{len(body)}")
        else:
            self.answer(200, body)

    def chunked(self, body):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for at in range(0, len(body), 12345):
            piece = body[at:at + 12345]
            self.wfile.write(b"%x;of=many\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\nTrailer: yes\r\n\r\n")

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.files[self.path.strip("/")] = body
        self.answer(201)


class Web:
    """All of it, in threads of its own, as long as the `with` lasts."""

    def __init__(self, files):
        self.files = files
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.files = files
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.stream = socket.create_server(("127.0.0.1", 0))
        self.datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.datagrams.bind(("127.0.0.1", 0))
        self.stream_port = self.stream.getsockname()[1]
        self.datagram_port = self.datagrams.getsockname()[1]
        self.visited = threading.Event() # a stream has come

    def __enter__(self):
        for serve in (self.server.serve_forever, self.echo_streams, self.echo_datagrams):
            threading.Thread(target=serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.stream.close()
        self.datagrams.close()

    def echo_streams(self):
        try:
            while True:
                peer, _ = self.stream.accept()
                self.visited.set()
                said = b""
                while piece := peer.recv(65536):
                    said += piece
                peer.sendall(b"you said: " + said)
                peer.close()
        except OSError:
            pass # the end

    def echo_datagrams(self):
        try:
            while True:
                said, whom = self.datagrams.recvfrom(65536)
                self.datagrams.sendto(b"you sent: " + said, whom)
        except OSError:
            pass
