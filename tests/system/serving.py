"""What tests of a running truebootd share: starting and ending one, asking it. Not a test itself."""
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import time

from ports import free_port


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.content = response.status, response.headers, response.read()

    def json(self):
        return json.loads(self.content) if self.content else None

    def error(self):
        try:
            return self.json()["error"]["message"]
        except (ValueError, KeyError, TypeError):
            return ""


class Server:
    def __init__(self, build, folder, *options):
        self.build, self.data, self.options, self.port, self.process = build, folder + "/data", list(options), free_port(), None
        self.log_file = folder + "/server.log"

    def start(self):
        self.log = open(self.log_file, "ab")
        self.process = subprocess.Popen([f"{self.build}/src/truebootd/truebootd", "--data", self.data, "--listen", f"127.0.0.1:{self.port}"] +
                                        self.options, stdout=self.log, stderr=self.log)
        for _ in range(1200):
            if self.process.poll() is not None:
                return False
            try:
                if self.ask("GET", "/servicehealth").status == 204:
                    return True
            except OSError:
                pass
            time.sleep(0.1)
        return False

    def end(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(60)
        self.log.close()

    def logged(self):
        return open(self.log_file, errors="replace").read()

    def connection(self, timeout=60):
        context = ssl.create_default_context(cafile=f"{self.data}/ca.pem")
        return http.client.HTTPSConnection("localhost", self.port, context=context, timeout=timeout)

    @staticmethod
    def send(connection, method, path, body, token, headers):
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        connection.request(method, path, body, headers)
        return Answer(connection.getresponse())

    def ask(self, method, path, body=None, token=None, headers=None, timeout=60):
        """Over TLS."""
        connection = self.connection(timeout)
        try:
            return self.send(connection, method, path, body, token, headers)
        finally:
            connection.close()

    def local(self, method, path, body=None, token=None, headers=None):
        """Over the local socket: the caller's user id is the credential, unless there is a token."""
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(60)
        connection.sock.connect(f"{self.data}/truebootd.sock")
        try:
            return self.send(connection, method, path, body, token, headers)
        finally:
            connection.close()

    def token(self, role, **more):
        return self.local("POST", "/v1/tokens", {"name": "test", "role": role, **more}).json()["token"]

    def metrics(self):
        """{'name{labels}': value}"""
        values = {}
        for line in self.local("GET", "/metrics").content.decode().splitlines():
            if line and not line.startswith("#"):
                key, value = line.rsplit(" ", 1)
                values[key] = float(value)
        return values

    def command(self, *arguments):
        run = subprocess.run([f"{self.build}/src/cli/trueboot", *arguments], capture_output=True, text=True, timeout=60,
                             env={**os.environ, "TRUEBOOT_SERVER": f"{self.data}/truebootd.sock"})
        return run.returncode, run.stdout, run.stderr
