#!/usr/bin/env python3
"""What happens to the machine under a VM and to its vTPM (guest-agent.md 9.4): a reset in the middle of an attestation, a vTPM state that is rolled back to an
older copy, a clone that runs beside its original. Each with what the agent reports of it and what the monitor says. The VM is Debian with Secure
Boot, the vTPM is swtpm's. Prints TAP.

usage: vm_life.py BUILD"""
import os
import shutil
import signal
import sys
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "debian_vm")]
import vm as machine  # noqa: E402
from guest import Guest, play  # noqa: E402
from rig import UUID, until  # noqa: E402
from tap import ok  # noqa: E402

BUILD = os.path.abspath(sys.argv[1])


def findings(guest):
    """id → what the monitor has against the VM."""
    return {r["code"]: r["message"] for r in guest.properties()["trueboot"]["reasons"] if r["severity"] not in ("info", "low")}


def installed(guest):
    guest.run("mkdir -p /root/p && tar xf /dev/disk/by-id/virtio-payload -C /root/p && dpkg -i /root/p/agent.deb")
    status = guest.verdict_after()
    ok("the agent attests in a new VM, and the server says Healthy", status.get("lastVerdict") == "accepted" and guest.server_says(), f"{status}\n{guest.journal()}")


def reset_in_the_middle(guest, boot):
    """The server holds its breath, so that the machine is reset while the agent waits for an answer."""
    before, resets = guest.status(), guest.last_verdict()["resetCount"]
    tries = guest.journal().count("attesting")
    guest.rig.server.send_signal(signal.SIGSTOP)
    try:
        guest.vm.start_command("trueboot-agent once --via-daemon")
        attesting = until(60, lambda: guest.journal().count("attesting") > tries, pause=1)
        guest.vm.qmp("system_reset")
    finally:
        guest.rig.server.send_signal(signal.SIGCONT)
    ok("the machine is reset in the middle of an attestation", attesting)
    boot = guest.vm.wait_for_boot(other_than=boot)
    after = guest.verdict_after()
    ok("after the reset it attests the new boot by itself", after.get("lastVerdict") == "accepted" and after.get("bootId") == boot, f"{after}\n{guest.journal()}")
    ok("with the same key, and nothing to note: a reset is no rollback", after.get("akName") == before.get("akName") and not after.get("notes"), after)
    ok("no file of its state was torn", guest.run("find /var/lib/trueboot-agent -name '*.bad*'").out == "", guest.run("ls -l /var/lib/trueboot-agent").out)
    ok("the server has seen one more reset and says Healthy", guest.last_verdict()["resetCount"] == resets + 1 and guest.server_says(), guest.explained())
    return boot


def rolled_back(guest, boot, older):
    """One reboot later the state of two resets ago comes back: its next reset is one that was seen before."""
    boot = guest.vm.reboot(boot)
    status, resets = guest.verdict_after(), guest.last_verdict()["resetCount"]
    ok("before the rollback all is well", status.get("lastVerdict") == "accepted" and status.get("bootId") == boot and guest.server_says(), f"{status}\n{guest.explained()}")
    guest.vm.power_off()
    shutil.rmtree(guest.vm.path("tpm"))
    shutil.copytree(older, guest.vm.path("tpm"))
    guest.vm.start()
    boot = guest.vm.wait_for_boot(other_than=boot)
    status = guest.verdict_after()
    ok("with an older vTPM the agent goes on attesting, with the same key", status.get("akName") and status.get("bootId") == boot, f"{status}\n{guest.journal()}")
    note = guest.notes().get("STATE_ROLLBACK", "")
    ok("it reports that the TPM's state went back, with the counters", "went back" in note and str(resets) in note, guest.status())
    said = until(60, lambda: findings(guest).get("tpm.rollback"), pause=1) or ""
    ok("the monitor finds the rollback by itself, says the counters, and is Unhealthy", "counters" in said and guest.server_says("Unhealthy"), guest.explained())
    ok("what the agent reports is in the monitor's view, too", until(60, lambda: any(n.startswith("STATE_ROLLBACK") for n in guest.properties()["trueboot"]["agentNotes"]), pause=1),
       guest.properties())
    approved = guest.rig.cli("baseline", "approve", "web1")
    ok("approved by a person, the VM is Healthy again", approved.returncode == 0 and guest.server_says(), f"{approved}\n{guest.explained()}")
    return boot


def cloned(guest):
    """Disk and vTPM are copied while the VM is off, as hypervisors do by default; the copy gets another UUID and runs beside the original."""
    name = guest.status().get("akName")
    guest.vm.power_off()
    folder = guest.vm.folder + "-copy"
    shutil.copytree(guest.vm.path("tpm"), os.path.join(folder, "tpm"))
    for file in ("disk.raw", "vars.fd", "agent.json"):
        machine.copy_sparse(guest.vm.path(file), os.path.join(folder, file))
    copy = Guest(machine.DebianVm(folder, guest.vm.payload), guest.rig)
    copy.vm.options, copy.vm.uuid = guest.vm.options, str(uuid.uuid4())
    try:
        guest.vm.start()
        copy.vm.start()
        original_boot, copy_boot = guest.vm.wait_for_boot(), copy.vm.wait_for_boot()
        first, second = guest.verdict_after(), copy.verdict_after()
        ok("original and copy run, with one key", first.get("akName") == second.get("akName") == name and original_boot != copy_boot, [first, second])
        note = copy.notes().get("IDENTITY_MISMATCH", "")
        ok("the copy reports that its vTPM was made for another VM", copy.vm.uuid in note.lower() and UUID in note.lower(), copy.status())
        ok("the original has nothing of the kind to report: it cannot see its copy", "IDENTITY_MISMATCH" not in guest.notes(), guest.status())
        for one in (guest, copy, guest):  # they take turns, and one of them is behind the other
            one.run("trueboot-agent once --via-daemon")
        said = until(120, lambda: findings(guest), pause=1) or {}
        ok("the monitor sees that two machines take turns with one TPM, and is Unhealthy", set(said) & {"tpm.rollback", "tpm.identity_duplicated"} and guest.server_says("Unhealthy"),
           guest.explained())
        guest.run("trueboot-agent once --via-daemon")
        ok("a later attestation of either does not make it Healthy", not until(10, lambda: guest.rig.health() == "Healthy", pause=1), guest.explained())
    finally:
        copy.vm.end()


def scenario(guest):
    vm = guest.vm
    vm.start()
    boot = guest.started()
    installed(guest)
    older = vm.path("tpm-older")
    shutil.copytree(vm.path("tpm"), older)
    boot = reset_in_the_middle(guest, boot)
    rolled_back(guest, boot, older)
    cloned(guest)


if __name__ == "__main__":
    sys.exit(play("what happens to a real VM and its vTPM", BUILD, scenario))
