/* guest.h: a machine for tests: TPM emulator, server, state folder, configuration. */
#pragma once
#include <stdio.h>
#include "agent/session/session.h"
#include "base/file.h"
#include "support/test.h"
#include "unit/agent/stub.h"
#include "unit/agent/vtpm.h"
#include "unit/agent/with_guest.h"

/* A guest: TPM, server, state folder, configuration. */
struct guest {
    struct vtpm vtpm;
    struct stub stub;
    struct arena arena;
    struct agent_config config;
    char state_dir[80], run_dir[80];
};

UNUSED static bool guest_start(struct guest *g, struct err *err)
{
    *g = (struct guest){ 0 };
    if (!vtpm_start(&g->vtpm) || !stub_start(&g->stub, err))
        return false;
    config_defaults(&g->config);
    snprintf(g->state_dir, sizeof g->state_dir, "%s/agent", g->vtpm.dir);
    snprintf(g->run_dir, sizeof g->run_dir, "%s/run", g->vtpm.dir);
    g->config.endpoint = g->stub.endpoint;
    g->config.ca_pem = g->stub.ca_pem;
    g->config.tcti = g->vtpm.tcti;
    g->config.state_dir = g->state_dir;
    g->config.run_dir = g->run_dir;
    g->config.firmware_log = "";
    g->config.systemd_log = "";
    return true;
}

UNUSED static void guest_stop(struct guest *g)
{
    stub_stop(&g->stub);
    vtpm_stop(&g->vtpm);
    arena_done(&g->arena);
}
