#include "agent_parts.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Carries commands for the real transport, and looks at the clock. */
struct timed {
    struct tpm_transport transport; /* first */
    struct tpm_transport *inner;
    struct agent_parts *parts;
};

static bool transmit(struct tpm_transport *transport, struct bytes command, int64_t deadline_ms, uint8_t *response, size_t size,
                     size_t *ret_len, struct err *err)
{
    struct timed *t = (struct timed *)transport;
    double before = cpu_us();
    bool done = t->inner->transmit(t->inner, command, deadline_ms, response, size, ret_len, err);

    t->parts->carried_us += cpu_us() - before;
    t->parts->commands++;
    return done;
}

static void close_timed(struct tpm_transport *transport)
{
    struct timed *t = (struct timed *)transport;

    t->inner->close(t->inner);
    free(t);
}

static bool open_tpm(void *context, struct tpm_device **ret, struct failure *why)
{
    struct agent_parts *parts = context;
    struct timed *t = calloc(1, sizeof *t);

    if (!t || !tpm_transport_open(parts->guest->vtpm.tcti, &t->inner, why)) {
        free(t);
        return false;
    }
    t->parts = parts;
    t->transport = (struct tpm_transport){ .transmit = transmit, .close = close_timed };
    return tpm_device_open_over(&t->transport, ret, why);
}

static void lap(struct agent_parts *parts) { series_lap(&parts->step[parts->now], &parts->last_us); }

/* The steps that the session tells of are those that we count by. */
static void on_progress(void *context, const char *step, const char *detail UNUSED)
{
    static const struct {
        const char *told;
        enum agent_step next;
    } turns[] = { { "attesting", STEP_ATTEST }, { "evidence accepted", STEP_REPORT }, { "reported", STEP_STATE } };
    struct agent_parts *parts = context;

    for (size_t i = 0; i < ARRAY_LEN(turns); i++) {
        if (strcmp(step, turns[i].told) == 0) {
            lap(parts);
            parts->now = turns[i].next;
        }
    }
}

static bool measure(struct agent_parts *parts, struct session *session, int cycles, unsigned pause_ms, struct err *err)
{
    struct failure why = FAILURE_INIT;
    struct report_answer answer;

    for (int i = -3; i < cycles; i++) { /* the first ones make connection, keys and memories */
        if (i == 0)
            for (size_t n = 0; n < STEP_COUNT; n++)
                parts->step[n].n = 0;
        if (i >= 0)
            usleep(pause_ms * 1000);
        parts->commands = 0;
        parts->carried_us = 0;
        parts->now = STEP_OPEN;
        parts->last_us = cpu_us();
        if (!session_cycle(session, &answer, &why))
            return err_set(err, ERR_INTERNAL, "an attestation fails: %s; %s", why.text, parts->guest->stub.problem);
        lap(parts);
        if (i >= 0)
            series_add(&parts->carried, parts->carried_us);
    }
    return true;
}

bool agent_parts_measure(struct bench_guest *guest, int cycles, unsigned pause_ms, struct agent_parts *ret, struct err *err)
{
    struct session session CLEANUP(session_done) = { 0 };
    struct agent_config config;

    *ret = (struct agent_parts){ .guest = guest };
    config_defaults(&config);
    config.endpoint = guest->stub.endpoint;
    config.ca_file = guest->ca_path;
    config.tcti = guest->vtpm.tcti;
    config.state_dir = guest->state_dir;
    config.run_dir = guest->run_dir;
    config.firmware_log = guest->log_path;
    config.systemd_log = "";
    session_init(&session, &config);
    session.open_tpm = open_tpm;
    session.tpm_context = ret;
    session.progress = on_progress;
    session.context = ret;
    return measure(ret, &session, cycles, pause_ms, err);
}

void agent_parts_print(const struct agent_parts *parts, double whole_us)
{
    static const char *const names[] = {
        [STEP_OPEN] = "TPM opened, key, certificate and lock-out looked at",
        [STEP_ATTEST] = "challenge, quote, log, evidence signed, sent and answered",
        [STEP_REPORT] = "report signed by the TPM, sent and answered",
        [STEP_STATE] = "state written to the disk",
    };
    double rest = whole_us;

    for (size_t i = 0; i < STEP_COUNT; i++) {
        double us = series_median(&parts->step[i]);

        printf("    %-56s %6.0f us, %3.0f %%\n", names[i], us, us * 100 / whole_us);
        rest -= us;
    }
    printf("    %-56s %6.0f us, %3.0f %%\n", "the rest: daemon, status, and waking up with cold caches", rest, rest * 100 / whole_us);
    printf("    %-56s %6.0f us, %3.0f %%; %u commands\n", "in these: carried to the emulator and back", series_median(&parts->carried),
           series_median(&parts->carried) * 100 / whole_us, parts->commands);
}
