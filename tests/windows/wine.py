"""What the tests of the agent under Wine share: a software TPM behind a port, and the agent's settings for a rig's server."""
import os
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../system"))
from rig import BOOT  # noqa: E402


def pump(a, b):
    try:
        while True:
            data = a.recv(65536)
            if not data:
                break
            b.sendall(data)
    except OSError:
        pass
    for s in (a, b):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def relay(port, path):
    """Wine has TCP, the emulator a local socket."""
    server = socket.create_server(("127.0.0.1", port))

    def serve():
        while True:
            client, _ = server.accept()
            tpm = socket.socket(socket.AF_UNIX)
            tpm.connect(path)
            for ends in ((client, tpm), (tpm, client)):
                threading.Thread(target=pump, args=ends, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()


def settings(rig, port):
    return {"attest.endpoint": f"https://localhost:{rig.port}",  # Wine compares names, no addresses
            "net.ca_file": "Z:" + rig.ca_file, "tpm.tcti": f"swtpm:host=127.0.0.1,port={port}", "log.firmware": "Z:" + BOOT, "log.systemd": ""}


def agent(program, rig, port, state, *arguments):
    keys = {**settings(rig, port), "state.dir": "Z:" + state}
    command = ["wine", program, arguments[0]]
    for key, value in keys.items():
        command += ["--set", f"{key}={value}"]
    command += arguments[1:]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=240)
