"""One Debian VM in QEMU (TCG) with Secure Boot and a vTPM, driven through QEMU's guest agent: an existing guest without inbound access."""
import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from rig import UUID, Rig, listens, until

OVMF_CODE, OVMF_VARS = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"
BOOT_SECONDS, COMMAND_SECONDS = 600, 120


class VmRig(Rig):
    """Server and vTPM of rig.py; the TPM is powered by the VM that it belongs to."""

    def power_on(self):
        pass


class Result:
    def __init__(self, code, out):
        self.code, self.out = code, out

    def __repr__(self):
        return f"exit {self.code}\n{self.out}"


class Socket:
    """Lines of JSON, as QMP and the guest agent speak them."""

    def __init__(self, path):
        self.socket, self.rest = socket.socket(socket.AF_UNIX), b""
        self.socket.connect(path)

    def send(self, value):
        self.socket.sendall(json.dumps(value).encode() + b"\n")

    def receive(self, seconds):
        end = time.monotonic() + seconds
        while b"\n" not in self.rest:
            self.socket.settimeout(max(0.01, end - time.monotonic()))
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionError("the other side is gone")
            self.rest += more
        line, self.rest = self.rest.split(b"\n", 1)
        return json.loads(line.lstrip(b"\xff"))


class DebianVm:
    """`folder` holds disk.raw, vars.fd, tpm/ (its state); payload is a tar that the guest sees as a disk."""

    def __init__(self, folder, payload):
        self.folder, self.payload, self.qemu, self.tpm, self.agent = folder, payload, None, None, None
        self.options = []  # more of QEMU's
        self.uuid = UUID

    def path(self, name):
        return os.path.join(self.folder, name)

    @classmethod
    def make(cls, folder, image, tpm_state, payload):
        os.makedirs(folder)
        copy_sparse(image, os.path.join(folder, "disk.raw"))
        shutil.copy(OVMF_VARS, os.path.join(folder, "vars.fd"))
        shutil.copytree(tpm_state, os.path.join(folder, "tpm"))
        return cls(folder, payload)

    def start(self):
        log = open(self.path("qemu.log"), "ab")
        for name in ("tpm.sock", "qga.sock", "qmp.sock"):
            if os.path.exists(self.path(name)):
                os.unlink(self.path(name))
        run = dict(stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder)
        self.tpm = subprocess.Popen(["swtpm", "socket", "--tpm2", "--tpmstate", "dir=tpm", "--ctrl", "type=unixio,path=tpm.sock", "--terminate"], **run)
        if not until(60, lambda: listens(self.tpm), pause=0.02):
            raise RuntimeError("swtpm does not answer")
        self.qemu = subprocess.Popen([
            "qemu-system-x86_64", "-machine", "q35,smm=on", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "1", "-m", "768", "-nodefaults",
            "-no-user-config", "-display", "none", "-uuid", self.uuid, "-serial", "file:serial.log", "-qmp", "unix:qmp.sock,server=on,wait=off",
            # A reset ends QEMU, and wait_for_boot() starts it anew: code that the emulator had translated before the reset was seen to run in GRUB after it.
            "-no-reboot", "-global", "driver=cfi.pflash01,property=secure,value=on", "-global", "ICH9-LPC.disable_s3=0",
            "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={OVMF_CODE}", "-drive", "if=pflash,unit=1,format=raw,file=vars.fd",
            "-drive", "if=none,id=boot,format=raw,cache=unsafe,file=disk.raw", "-device", "virtio-blk-pci,drive=boot,bootindex=1",
            "-drive", f"if=none,id=payload,format=raw,readonly=on,file={self.payload}", "-device", "virtio-blk-pci,drive=payload,serial=payload",
            "-netdev", "user,id=n0", "-device", "virtio-net-pci,id=net0,netdev=n0,romfile=",
            "-device", "virtio-serial-pci", "-chardev", "socket,id=qga,path=qga.sock,server=on,wait=off", "-device",
            "virtserialport,chardev=qga,name=org.qemu.guest_agent.0",
            "-chardev", "socket,id=tpm,path=tpm.sock", "-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", "tpm-crb,tpmdev=tpm0", *self.options], **run)
        if not until(30, lambda: os.path.exists(self.path("qga.sock")) or self.qemu.poll() is not None) or self.qemu.poll() is not None:
            raise RuntimeError("QEMU does not run: " + open(self.path("qemu.log")).read()[-500:])
        self.agent = Socket(self.path("qga.sock"))

    def wait_for_boot(self, other_than=None):
        """Until the guest agent answers and systemd has finished; the boot's id."""
        end = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < end:
            if self.qemu.poll() is not None:
                if self.qemu.returncode:
                    raise RuntimeError("QEMU ended: " + open(self.path("qemu.log")).read()[-500:])
                self.end()
                self.start()
            try:
                self.synchronise()
                boot = self.run("cat /proc/sys/kernel/random/boot_id", seconds=15).out.strip()
                if boot and boot != other_than:
                    self.run("systemctl is-system-running --wait", seconds=BOOT_SECONDS)
                    return boot
            except (TimeoutError, OSError, KeyError):
                pass
            time.sleep(1)
        raise RuntimeError("the VM did not come up:\n" + self.console()[-3000:])

    def console(self):
        with open(self.path("serial.log"), errors="replace") as f:
            return f.read()

    def synchronise(self):
        token = int(time.monotonic() * 1000) % 1000000000
        self.agent.socket.sendall(b"\xff")
        self.agent.send({"execute": "guest-sync-delimited", "arguments": {"id": token}})
        while True:
            if self.agent.receive(10).get("return") == token:
                return

    def ask(self, command, seconds=30, **arguments):
        self.agent.send({"execute": command, "arguments": arguments})
        answer = self.agent.receive(seconds)
        if "return" not in answer:
            raise RuntimeError(f"{command}: {answer}")
        return answer["return"]

    def run(self, command, seconds=COMMAND_SECONDS):
        """A shell command in the guest, as root."""
        pid = self.ask("guest-exec", path="/bin/sh", arg=["-c", command + "\n"], env=["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "TERM=dumb",
                       "DEBIAN_FRONTEND=noninteractive"], **{"capture-output": True})["pid"]
        end = time.monotonic() + seconds
        while True:
            status = self.ask("guest-exec-status", pid=pid)
            if status["exited"]:
                out = b"".join(base64.b64decode(status.get(k, "")) for k in ("out-data", "err-data"))
                return Result(status.get("exitcode", -status.get("signal", 0)), out.decode(errors="replace"))
            if time.monotonic() > end:
                raise TimeoutError(command)
            time.sleep(0.2)

    def start_command(self, command):
        """One whose end the guest agent will not tell."""
        self.ask("guest-exec", path="/bin/sh", arg=["-c", command])

    def write(self, path, text):
        handle = self.ask("guest-file-open", path=path, mode="w")
        self.ask("guest-file-write", handle=handle, **{"buf-b64": base64.b64encode(text.encode()).decode()})
        self.ask("guest-file-close", handle=handle)

    def qmp(self, command, **arguments):
        q = Socket(self.path("qmp.sock"))
        q.receive(10)
        for name, value in (("qmp_capabilities", {}), (command, arguments)):
            q.send({"execute": name, "arguments": value})
            while True:
                answer = q.receive(30)
                if "return" in answer or "error" in answer:
                    break
        q.socket.close()
        return answer

    def reboot(self, boot):
        """From inside, as an operator does; the new boot's id."""
        self.start_command("systemctl reboot")
        return self.wait_for_boot(other_than=boot)

    def power_off(self):
        if self.qemu and self.qemu.poll() is None:
            try:
                self.qmp("system_powerdown")
                self.qemu.wait(90)
            except (OSError, subprocess.TimeoutExpired, ConnectionError):
                pass
        self.end()

    def end(self):
        for process in (self.qemu, self.tpm):
            if process and process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait(5)
        if self.agent:
            self.agent.socket.close()
        self.qemu = self.tpm = self.agent = None


def copy_sparse(source, target):
    subprocess.run(["cp", "--sparse=always", source, target], check=True, timeout=120)


def make_payload(path, files):
    """name in the tar → file"""
    with tarfile.open(path, "w") as tar:
        for name, source in files.items():
            tar.add(source, arcname=name)
    with open(path, "ab") as f:
        f.truncate(-(-os.path.getsize(path) // 512) * 512)


def missing():
    if os.geteuid() != 0:
        return "only root can make a root file system"
    for tool in ("qemu-system-x86_64", "swtpm", "swtpm_setup", "swtpm_localca"):
        if not shutil.which(tool):
            return f"{tool} is not installed"
    for file in (OVMF_CODE, OVMF_VARS):
        if not os.path.exists(file):
            return f"{file} is not installed (ovmf)"
    return None
