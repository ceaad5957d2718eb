"""What lies between Banyan and a model's server in other people's networks: an authority of their own that signs
certificates, and a proxy. Both live on loopback and end with the test."""

import base64
import dataclasses
import http.client
import select
import socket
import subprocess

from loopback import LoopbackServer


class Authority:
    """Signs certificates that nobody else trusts. `file` is what its users name; `folder` holds it as OpenSSL's
    hashed folders do."""

    def __init__(self, folder):
        self._folder = folder
        self.file = folder / "authority.pem"
        self._key = folder / "authority.key"
        self.folder = folder / "hashed"
        self._openssl("req", "-x509", "-new", *self._new_key(self._key), "-subj", "/CN=Banyan's test authority",
                      "-days", "2", "-out", self.file)
        self.folder.mkdir()
        (self.folder / "authority.pem").write_bytes(self.file.read_bytes())
        self._openssl("rehash", self.folder)

    def issue(self, name):
        """The files of a certificate for one name, such as DNS:models.example or IP:127.0.0.1, and of its key."""
        at = self._folder / name.replace(":", "-")
        at.mkdir(exist_ok=True)
        files = {part: at / part for part in ("key", "request", "names", "certificate")}
        files["names"].write_text(f"subjectAltName = {name}\n")
        self._openssl("req", "-new", *self._new_key(files["key"]), "-subj", "/CN=server", "-out", files["request"])
        self._openssl("x509", "-req", "-in", files["request"], "-CA", self.file, "-CAkey", self._key, "-CAcreateserial",
                      "-days", "2", "-extfile", files["names"], "-out", files["certificate"])
        return files["certificate"], files["key"]

    @staticmethod
    def _new_key(path):
        return "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", path

    @staticmethod
    def _openssl(*arguments):
        done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@dataclasses.dataclass
class Passed:
    method: str
    target: str
    headers: dict  # names in lower case


class Proxy(LoopbackServer):
    """A proxy for plain HTTP and, by CONNECT, for anything else. Whatever host it is asked for, it reaches
    127.0.0.1, at the port asked for or at `to`. `login` (NAME:PASSWORD) is what it wants; `refusal` is a status
    that it gives instead."""

    def __init__(self, to=None, login=None, refusal=None):
        super().__init__()
        self.requests = []
        self._to = to
        self._login = login
        self._refusal = refusal

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def url(self):
        return f"http://{self.address}"

    def _admits(self, handler):
        """Notes the request; answers it itself if it goes no further."""
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.requests.append(Passed(handler.command, handler.path, headers))
        handler.close_connection = True
        status = self._refusal
        if self._login is not None:
            wanted = "Basic " + base64.b64encode(self._login.encode()).decode()
            if headers.get("proxy-authorization") != wanted:
                status = 407
        if status is None:
            return True
        handler.send_response_only(status)
        for name, value in (("Proxy-Authenticate", 'Basic realm="test"'), ("Content-Length", "0")):
            handler.send_header(name, value)
        handler.end_headers()
        return False

    def handle_POST(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        if not self._admits(handler):
            return
        host, _, path = handler.path.removeprefix("http://").partition("/")
        connection = http.client.HTTPConnection("127.0.0.1", self._to or int(host.partition(":")[2]), timeout=30)
        passed_on = {name: value for name, value in handler.headers.items() if not name.lower().startswith("proxy-")}
        connection.request("POST", "/" + path, body, passed_on)
        reply = connection.getresponse()
        data = reply.read()
        handler.send_response_only(reply.status)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    def handle_CONNECT(self, handler):
        if not self._admits(handler):
            return
        port = self._to or int(handler.path.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=30) as server:
            handler.send_response_only(200)
            handler.end_headers()
            handler.wfile.flush()
            ends = {handler.connection: server, server: handler.connection}
            while not self.stopping.is_set():
                for end in select.select(list(ends), [], [], 0.05)[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    ends[end].sendall(data)
