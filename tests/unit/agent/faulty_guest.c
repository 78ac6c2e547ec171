#include "unit/agent/faulty_guest.h"
#include <stdio.h>
#include <unistd.h>
#include "base/file.h"

bool guest_start(struct guest *g, struct err *err)
{
    *g = (struct guest){ 0 };
    if (!vtpm_start(&g->vtpm) || !stub_start(&g->stub, err))
        return false;
    config_defaults(&g->config);
    snprintf(g->state_dir, sizeof g->state_dir, "%s/agent", g->vtpm.dir);
    snprintf(g->run_dir, sizeof g->run_dir, "%s/run", g->vtpm.dir);
    snprintf(g->log_path, sizeof g->log_path, "%s/firmware.log", g->vtpm.dir);
    g->config.endpoint = g->stub.endpoint;
    g->config.ca_pem = g->stub.ca_pem;
    g->config.tcti = g->vtpm.tcti;
    g->config.state_dir = g->state_dir;
    g->config.run_dir = g->run_dir;
    g->config.firmware_log = g->log_path;
    g->config.systemd_log = "";
    return true;
}

void guest_stop(struct guest *g)
{
    if (g->stub.server)
        stub_stop(&g->stub);
    vtpm_stop(&g->vtpm);
    arena_done(&g->arena);
}

static bool open_tpm(void *context, struct tpm_device **ret, struct failure *why)
{
    struct guest *g = context;
    struct tpm_transport *inner;

    if (!tpm_transport_open(g->vtpm.tcti, &inner, why))
        return false;
    faulty_init(&g->device, inner);
    g->device.n_faults = g->plan.n_faults;
    memcpy(g->device.faults, g->plan.faults, sizeof g->device.faults);
    g->device.hook = g->plan.hook;
    g->device.context = g->plan.context;
    g->device.transport.exclusive = g->exclusive;
    g->device.most = &g->most;
    g->opened++;
    return tpm_device_open_over(&g->device.transport, ret, why);
}

void guest_session(struct guest *g, struct session *ret)
{
    session_init(ret, &g->config);
    ret->open_tpm = open_tpm;
    ret->tpm_context = g;
}

bool guest_log(struct guest *g, const struct bytes *log)
{
    struct err err;

    if (!log)
        return unlink(g->log_path) == 0;
    return file_write(g->log_path, *log, 0600, &err);
}

bool guest_extend(struct guest *g, unsigned pcr, unsigned value)
{
    char command[120];

    snprintf(command, sizeof command, "tpm2_pcrextend %u:sha256=%064u", pcr, value);
    return vtpm_run(&g->vtpm, command);
}
