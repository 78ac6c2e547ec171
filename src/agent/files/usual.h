/* agent/files/usual.h: where the agent's things lie on this system when nobody says otherwise (guest-agent.md 7.7, 12).
 *
 *             Linux                        Windows
 *   etc       /etc/trueboot-agent          %ProgramData%\trueboot-agent
 *   state     /var/lib/trueboot-agent      %ProgramData%\trueboot-agent\state
 *   run       /run/trueboot-agent          %ProgramData%\trueboot-agent\run
 *   publish   /run/trueboot-agent-publish  %ProgramData%\trueboot-agent\publish
 *   log       /var/log/trueboot-agent      %ProgramData%\trueboot-agent\logs
 *   program   /usr/local/lib/trueboot-agent  %ProgramFiles%\trueboot-agent
 *
 * Paths have slashes on both systems; Windows takes them. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

/* The fw_cfg item of QEMU, as Linux shows it. */
#define USUAL_HOST_ITEM "/sys/firmware/qemu_fw_cfg/by_name/opt/org.trueboot/agent/raw"

struct usual_places {
    const char *etc, *state, *run, *publish, *log, *program;
    const char *host_item; /* what the hypervisor says, whatever the root; "": there is no way for it to say anything */
};

/* Below `root` ("" for this machine's own). On Windows it stands for both %ProgramData% and %ProgramFiles%. */
MUST_CHECK bool usual_places(struct usual_places *ret, struct arena *a, const char *root, struct err *err);
