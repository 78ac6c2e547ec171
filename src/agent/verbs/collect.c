/* The verb collect-logs (guest-agent.md 11.3): root's helper next to the daemon. */
#include <stdlib.h>
#include "agent/machine/collect.h"
#include "agent/machine/log_place.h"
#include "agent/verbs/handler_verbs.h"
#include "base/clock.h"

int verb_collect_logs(struct invocation *in)
{
    const char *tcti = in->config.tcti ? in->config.tcti : getenv("TCTI");
    const struct collect_sources sources = { .firmware_log =
                                                 in->config.firmware_log ? in->config.firmware_log : log_place_of_tpm(&in->arena, tcti),
                                             .ima_log = in->config.ima_log,
                                             .with_ima = in->config.ima,
                                             .kernel_root = in->config.kernel_root,
                                             .host_item = in->places.fw_cfg,
                                             .with_kernel = in->config.kernel };
    struct err err = ERR_INIT;
    uid_t uid;
    gid_t gid;

    if (!verb_may_change(in, "collect-logs", in->places_of.run_dir))
        return VERB_EXIT_MISSING;
    places_user(verb_user(in), &uid, &gid);
    if (!collect_logs(&in->places_of, &sources, uid, gid, clock_now_ms(), &err))
        return verb_refused("collect-logs", VERB_EXIT_ERROR, &err);
    return VERB_EXIT_OK;
}
