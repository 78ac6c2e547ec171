/* What the running agent says of itself in its run folder. */
#include "diagnose/machine.h"
#include "json/parse.h"

static const struct json *agent_status(struct diagnosis *d, const struct machine_places *places)
{
    static const char *const names[] = { "out/status.json", "status.json" };
    const struct json *v = NULL;
    struct err ignored;

    for (size_t i = 0; i < ARRAY_LEN(names) && !v; i++) {
        struct bytes text = machine_read(d, places, 65536, "%s/%s", places->run_dir, names[i]);

        if (text.len && !json_parse(d->arena, text, NULL, &v, &ignored))
            v = NULL;
    }
    return v;
}

static struct bytes show(const struct json *v, const char *name)
{
    return bytes_slice(json_text(json_get(v, name), BYTES_LIT("never")), 0, 200);
}

static void check_status(struct diagnosis *d, const struct json *status, bool nobody_runs)
{
    const struct json *failure = json_get(status, "failure");
    struct checked *c;

    if (!status) {
        c = diagnosis_add(d, CHECK_AGENT_STATUS, RESULT_WARN, "no status: the agent does not run here, or has not yet begun");
        checked_remedy(d, c, "%s", machine_words.start_service);
        return;
    }
    if (failure && failure->type == JSON_OBJECT) {
        c = diagnosis_add(d, CHECK_AGENT_STATUS, RESULT_FAIL, "%.*s: %.*s: %.*s", BYTES_FMT(show(status, "state")),
                          BYTES_FMT(show(failure, "code")),
                          BYTES_FMT(bytes_slice(json_text(json_get(failure, "message"), BYTES_NONE), 0, 400)));
        checked_remedy(d, c, "the checks below say why");
        return;
    }
    if (nobody_runs) {
        c = diagnosis_add(d, CHECK_AGENT_STATUS, RESULT_WARN, "the agent does not run now; the last thing it said: %.*s, last verdict %.*s",
                          BYTES_FMT(show(status, "state")), BYTES_FMT(show(status, "lastVerdict")));
        checked_remedy(d, c, "%s", machine_words.start_service);
        return;
    }
    diagnosis_add(d, CHECK_AGENT_STATUS, RESULT_PASS, "%.*s, last verdict %.*s, last report %.*s", BYTES_FMT(show(status, "state")),
                  BYTES_FMT(show(status, "lastVerdict")), BYTES_FMT(show(status, "lastReportTime")));
}

static void check_version(struct diagnosis *d, const struct json *status)
{
    struct bytes runs = json_text(json_get(status, "agentVersion"), BYTES_NONE);
    struct checked *c;

    if (!runs.len) {
        diagnosis_add(d, CHECK_UNIT_VERSION, RESULT_SKIP, "no status of a running agent");
    } else if (bytes_equal_string(runs, TRUEBOOT_VERSION)) {
        diagnosis_add(d, CHECK_UNIT_VERSION, RESULT_PASS, TRUEBOOT_VERSION " both");
    } else {
        c = diagnosis_add(d, CHECK_UNIT_VERSION, RESULT_WARN, "%.*s runs, " TRUEBOOT_VERSION " is this program",
                          BYTES_FMT(bytes_slice(runs, 0, 40)));
        checked_remedy(d, c, "%s", machine_words.restart_service);
    }
}

void machine_check_status(struct diagnosis *d, const struct machine_places *places)
{
    const struct json *status = agent_status(d, places);

    check_status(d, status, places->nobody_runs);
    check_version(d, status);
}
