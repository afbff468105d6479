"""The world outside the machine, for tests: a server on this host that QEMU's own network leads to
as 10.0.2.2 and fec0::2.  It gives and takes files by HTTP, and takes streams by TCP."""
import hashlib
import http.server
import os
import socket
import socketserver
import threading


class Outside:
    """big: what GET /big gives; taken: the digests of what came by PUT, POST or as a stream."""

    def __init__(self, mib):
        self.mib = mib
        self.seed = os.urandom(1 << 20)
        self.digest = hashlib.sha256(self.seed * mib).hexdigest()
        self.taken = []
        self.came = threading.Condition()
        self.http = self.start(http.server.ThreadingHTTPServer, self.handler())
        self.stream = self.start(ThreadingServer, self.stream_handler())

    def start(self, kind, handler):
        class Both(kind):
            address_family = socket.AF_INET6
            daemon_threads = True

            def server_bind(self):
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
                return super().server_bind()
        server = Both(("::", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    @property
    def port(self):
        return self.http.server_address[1]

    @property
    def stream_port(self):
        return self.stream.server_address[1]

    def take(self, read):
        digest = hashlib.sha256()
        while data := read(1 << 16):
            digest.update(data)
        with self.came:
            self.taken.append(digest.hexdigest())
            self.came.notify_all()

    def wait_for(self, count, seconds):
        with self.came:
            assert self.came.wait_for(lambda: len(self.taken) >= count, seconds), self.taken
            return self.taken

    def handler(self):
        outside = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(outside.mib << 20))
                self.end_headers()
                for _ in range(outside.mib):
                    self.wfile.write(outside.seed)

            def do_PUT(self):
                left = int(self.headers["Content-Length"])

                def read(most):
                    nonlocal left
                    data = self.rfile.read(min(most, left))
                    left -= len(data)
                    return data
                outside.take(read)
                self.send_response(201)
                self.send_header("Content-Length", "0")
                self.end_headers()
        return Handler

    def stream_handler(self):
        outside = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                outside.take(self.request.recv)
        return Handler

    def close(self):
        for server in (self.http, self.stream):
            server.shutdown()
            server.server_close()


class ThreadingServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
