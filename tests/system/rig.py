"""What tests of the guest agent with real processes share: a truebootd, a software TPM that a recorded boot was measured into."""
import os
import shutil
import signal
import subprocess
import time

from ports import free_port

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
UUID = "6f1c1e58-7a0e-4a52-9d5c-1f6a2b3c4d5e"
BOOT = os.path.join(SOURCE, "tests/data/boots/clean.log")


def missing_tools():
    return [tool for tool in ("swtpm", "swtpm_setup", "swtpm_localca", "tpm2_pcrextend") if not shutil.which(tool)]


def until(seconds, condition, pause=0.1):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(pause)
    return condition()


def listens(process, sockets=1):
    """On so many unix sockets: their files are there a moment before anybody listens."""
    try:
        own = {os.readlink(f"/proc/{process.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{process.pid}/fd")}
    except OSError:
        return False
    with open("/proc/net/unix") as table:
        rows = [line.split() for line in table.readlines()[1:]]
    return sum(int(row[3], 16) & 0x10000 != 0 and f"socket:[{row[6]}]" in own for row in rows) >= sockets


class Rig:
    """In a folder of its own: server, TPM, one registered VM. Everything that it started ends with close()."""

    def __init__(self, build, work, *server_options):
        self.build, self.work, self.processes, self.server_options = build, work, [], server_options
        self.data, self.tpm_socket = os.path.join(work, "data"), os.path.join(work, "tpm.sock")
        self.agent = os.path.join(build, "src/agent/trueboot-agent")
        self.port, self.server = free_port(), None
        self.start_server()
        self.make_tpm()

    def start(self, *command):
        log = open(os.path.join(self.work, os.path.basename(command[0]) + ".log"), "ab")
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.processes.append(process)
        return process

    def cli(self, *arguments):
        env = dict(os.environ, TRUEBOOT_SERVER=os.path.join(self.data, "truebootd.sock"), PATH=os.path.join(self.build, "src/cli") + ":" + os.environ["PATH"])
        return subprocess.run([os.path.join(self.build, "src/cli/trueboot"), *arguments], env=env, capture_output=True, text=True, timeout=120)

    def start_server(self):
        self.server = self.start(os.path.join(self.build, "src/truebootd/truebootd"), "--data", self.data, "--listen", f"127.0.0.1:{self.port}",
                                 "--profile", "demo", *self.server_options)
        if not until(120, lambda: self.cli("server", "status", "-o", "json").returncode == 0):
            raise RuntimeError("truebootd does not answer")

    def stop_server(self):
        self.server.terminate()
        self.server.wait(60)

    def make_tpm(self):
        w = self.work
        for folder in ("ca", "tpm"):
            os.makedirs(os.path.join(w, folder))
        with open(f"{w}/localca.conf", "w") as f:
            f.write(f"statedir = {w}/ca\nsigningkey = {w}/ca/signkey.pem\nissuercert = {w}/ca/issuercert.pem\ncertserial = {w}/ca/certserial\n")
        open(f"{w}/localca.options", "w").close()
        with open(f"{w}/setup.conf", "w") as f:
            f.write(f"create_certs_tool = {shutil.which('swtpm_localca')}\ncreate_certs_tool_config = {w}/localca.conf\n"
                    f"create_certs_tool_options = {w}/localca.options\nactive_pcr_banks = sha256\n")
        subprocess.run(["swtpm_setup", "--tpm2", "--tpmstate", f"{w}/tpm", "--config", f"{w}/setup.conf", "--create-ek-cert", "--lock-nvram",
                        "--pcr-banks", "sha256", "--vmid", f"web1:{UUID}"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
        with open(f"{w}/roots.pem", "w") as f:
            for name in ("swtpm-localca-rootca-cert.pem", "issuercert.pem"):
                f.write(open(f"{w}/ca/{name}").read())
        for command in (["root", "add", "--kind", "ek", f"{w}/roots.pem"], ["vm", "add", "web1", "--uuid", UUID]):
            if self.cli(*command).returncode:
                raise RuntimeError("trueboot " + " ".join(command))
        self.power_on()

    def power_off(self):
        self.tpm.terminate()
        self.tpm.wait(30)

    def power_on(self, log=BOOT):
        """The TPM is reset, and what the log says is measured into it."""
        self.tpm = self.start("swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.work}/tpm", "--server", f"type=unixio,path={self.tpm_socket}", "--ctrl",
                   f"type=unixio,path={self.tpm_socket}.ctrl", "--flags", "startup-clear")
        if not until(60, lambda: listens(self.tpm, 2), pause=0.02):
            raise RuntimeError("swtpm does not answer")
        subprocess.run([os.path.join(SOURCE, "demo/replay_log"), log], env=dict(os.environ, TPM2TOOLS_TCTI=f"swtpm:path={self.tpm_socket}"),
                       check=True, timeout=60)

    @property
    def endpoint(self):
        return f"https://127.0.0.1:{self.port}"

    @property
    def ca_file(self):
        return os.path.join(self.data, "ca.pem")

    def health(self):
        return self.cli("status", "web1", "-o", "json", "--query", "properties.healthStatus").stdout.strip().strip('"')

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
