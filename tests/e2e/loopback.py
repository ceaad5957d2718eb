"""A real HTTP server on loopback, in a thread of its own, for a test's lifetime."""

import http.server
import threading


class LoopbackServer:
    """with SomeServer() as server: ... Subclasses answer in `handle_POST` and the like, given the handler of one
    request; `wrap` may put something around a new connection. Thread-safe if those are. `stopping` is set at the end."""

    def __init__(self):
        self.stopping = threading.Event()
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                owner.handle_POST(self)

            def do_CONNECT(self):
                owner.handle_CONNECT(self)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 64

            def get_request(self):
                connection, address = super().get_request()
                return owner.wrap(connection), address

            def handle_error(self, *_):  # a client that went away
                pass

        self._httpd = Server(("127.0.0.1", 0), Handler)
        self.port = self._httpd.server_address[1]
        self._thread = threading.Thread(target=self._httpd.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self._httpd.shutdown()
        self._httpd.server_close()

    def wrap(self, connection):
        return connection

    def handle_POST(self, handler):
        handler.send_error(501)

    def handle_CONNECT(self, handler):
        handler.send_error(501)
