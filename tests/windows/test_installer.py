#!/usr/bin/env python3
"""trueboot-agent.msi under Wine: installed, repaired and removed by msiexec. Prints TAP.

usage: test_installer.py TRUEBOOT-AGENT.MSI"""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../system"))
from tap import Tap  # noqa: E402

PACKAGE = sys.argv[1]
DRIVE = os.path.join(os.environ.get("WINEPREFIX", os.path.expanduser("~/.wine")), "drive_c")
OURS, PROGRAM = os.path.join(DRIVE, "ProgramData/trueboot-agent"), os.path.join(DRIVE, "Program Files/trueboot-agent/trueboot-agent.exe")
tap = Tap()


def wine(*words):
    return subprocess.run(["wine", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)


def msiexec(*words):
    """Its output goes nowhere: what it starts would keep a pipe open."""
    return subprocess.run(["wine", "msiexec", *words, "/qn"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60).returncode


def is_listed():
    return "trueboot-agent" in wine("sc", "query", "trueboot-agent").stdout


def main():
    shutil.rmtree(OURS, ignore_errors=True)
    # Wine ends its services when the last program that somebody started ends.
    stays = subprocess.Popen(["wine", "cmd", "/q"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        code = msiexec("/i", "Z:" + PACKAGE)
        tap.check(code != 0 and not is_listed() and not os.path.exists(PROGRAM), "a machine without a TPM is refused, and nothing of it stays", (code, is_listed()))
        os.makedirs(OURS, exist_ok=True)
        with open(os.path.join(OURS, "agent.conf"), "w") as file:
            file.write("tpm.tcti = swtpm:host=127.0.0.1,port=1\n")
        code = msiexec("/i", "Z:" + PACKAGE)
        tap.check(code == 0 and os.path.exists(PROGRAM) and is_listed(), "it installs program and service", (code, is_listed()))
        tap.check(os.path.exists(os.path.join(OURS, "state/owner")), "and the agent's folders", os.listdir(OURS))
        run = wine(PROGRAM, "version")
        tap.check(run.returncode == 0 and run.stdout.startswith("trueboot-agent "), "the program runs from there", run.stdout + run.stderr)
        code = msiexec("/i", "Z:" + PACKAGE)
        tap.check(code == 0 and os.path.exists(PROGRAM) and is_listed(), "installed again it stays", code)
        code = msiexec("/x", "Z:" + PACKAGE)
        tap.check(code == 0 and not os.path.exists(PROGRAM) and not is_listed(), "it removes both", (code, is_listed()))
        tap.check(os.path.exists(os.path.join(OURS, "agent.conf")) and os.path.isdir(os.path.join(OURS, "state")), "people's settings and the identity stay", os.listdir(OURS))
    finally:
        stays.communicate(b"exit\r\n", timeout=60)
        shutil.rmtree(OURS, ignore_errors=True)
    return tap.done()


sys.exit(main())
