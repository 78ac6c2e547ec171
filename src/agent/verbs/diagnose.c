/* trueboot-agent diagnose (guest-agent.md 10): runs every check, prints, and answers with 0, 1 or 2. */
#include <stdio.h>
#include "agent/diagnose/diagnose.h"
#include "agent/files/secret_file.h"
#include "agent/verbs/verb.h"
#include "base/clock.h"
#include "diagnose/net.h"

enum { SECONDS = 85 /* of the 90 of the specification: the last check may take a moment */, ENDPOINTS_MAX = 3 };

/* Their root is in the paths already; firmware, kernel and processes have no other one. */
static struct machine_places machine_of(const struct places *places, const struct agent_config *config)
{
    return (struct machine_places){ .root = "",
                                    .state_dir = places->state_dir,
                                    .run_dir = places->run_dir,
                                    .log_dir = config->log_dir ? config->log_dir : places->log_dir,
                                    .handler_record = places->handler_record,
                                    .handler_conf = places->handler_conf,
                                    .may_run = !*places->root };
}

static size_t list_endpoints(struct invocation *in, struct net_endpoint *ret)
{
    const struct {
        const char *role, *url;
        bool attests;
    } all[ENDPOINTS_MAX] = { { "attest.endpoint", in->config.endpoint, true },
                             { "enroll.endpoint", in->config.enroll_endpoint, false },
                             { "report.endpoint", in->config.report_endpoint, false } };
    size_t n = 0;

    for (size_t i = 0; i < ENDPOINTS_MAX; i++) {
        const char *url = all[i].url && *all[i].url ? server_base(&in->arena, all[i].url) : NULL;

        if (url)
            ret[n++] = (struct net_endpoint){ .role = all[i].role, .url = url, .attests = all[i].attests };
    }
    return n;
}

/* Shorter deadlines than the agent's own: a person waits. */
static void shorten(struct server_config *config)
{
    config->connect_timeout_seconds = 3;
    config->tls_timeout_seconds = 5;
    config->first_byte_timeout_seconds = 8;
    config->total_timeout_seconds = 12;
}

static void check_network(struct invocation *in, struct diagnosis *d, const struct machine_places *places)
{
    struct server_config config = server_config_of(&in->config, in->config.endpoint);
    struct http_client *client CLEANUP(http_client_free_at) = NULL;
    struct net_endpoint endpoints[ENDPOINTS_MAX];
    struct net_plan plan = { .endpoints = endpoints, .may_run = places->may_run, .root = places->root };
    struct failure why = FAILURE_INIT;
    struct checked *c;

    plan.n = list_endpoints(in, endpoints);
    if (!plan.n) {
        c = diagnosis_add(d, CHECK_HTTP, RESULT_FAIL, "no server is configured");
        c->cause = CAUSE_OTHER;
        checked_remedy(d, c, "attest.endpoint = https://HOST:PORT in %s, or --endpoint URL", machine_words.config_file);
        return;
    }
    shorten(&config);
    if (!server_http_client(&config, &client, &why)) {
        c = diagnose_failed(d, CHECK_PROXY_CHOICE, RESULT_FAIL, &why);
        c->cause = why.id == FAILURE_PROXY_AUTH ? CAUSE_PROXY : CAUSE_TLS;
        checked_remedy(d, c, "correct the net.* keys of the configuration");
        return;
    }
    plan.client = client;
    plan.proxy = (struct proxy_settings){ .proxy = in->config.proxy, .no_proxy = in->config.no_proxy };
    proxy_environment(&plan.proxy);
    net_check(d, &plan);
}

static void skip_checks(struct diagnosis *d, enum check first, enum check last, const char *why)
{
    for (enum check c = first; c <= last; c++)
        diagnosis_add(d, c, RESULT_SKIP, "%s", why);
}

/* 3.1: no server is called over plain HTTP, and the agent says so only when it wants to. */
static bool are_addresses_fine(const struct agent_config *config, struct failure *why)
{
    const char *const all[ENDPOINTS_MAX] = { config->endpoint, config->enroll_endpoint, config->report_endpoint };

    for (size_t i = 0; i < ENDPOINTS_MAX; i++) {
        const struct server_config server = server_config_of(config, all[i]);

        if (all[i] && *all[i] && !server_check_address(&server, why))
            return false;
    }
    return true;
}

static void check_config(const struct invocation *in, struct diagnosis *d)
{
    const char *token_file = in->config.token_file;
    struct failure why = FAILURE_INIT;

    if (in->config_problem)
        checked_remedy(d, diagnosis_add(d, CHECK_CONFIG, RESULT_FAIL, "%s", in->config_problem), "correct the line that is named");
    else if (!are_addresses_fine(&in->config, &why))
        diagnose_failed(d, CHECK_CONFIG, RESULT_FAIL, &why);
    else if (token_file && secret_file_is_open(token_file))
        checked_remedy(d, diagnosis_add(d, CHECK_CONFIG, RESULT_WARN, "enroll.token_file may be read by others, who may enrol with it"),
                       "%s %s", machine_words.only_ours, token_file);
    else
        diagnosis_add(d, CHECK_CONFIG, RESULT_PASS, "read, endpoint %s", in->config.endpoint ? in->config.endpoint : "none");
}

static void run_checks(struct invocation *in, struct diagnosis *d, const struct machine_places *places, struct diagnose_findings *found)
{
    struct agent_state state;

    check_config(in, d);
    machine_check_system(d, places);
    state_look(&state, in->config.state_dir);
    diagnose_tpm(d, &in->config, &state, !in->preflight, found);
    diagnose_logs(d, &in->config, found);
    if (!in->preflight) {
        machine_check_handler(d, places, diagnose_settings);
        machine_check_service(d, places);
    }
    if (!in->offline)
        check_network(in, d, places);
    else
        skip_checks(d, CHECK_PROXY_CHOICE, CHECK_ADMITTED, "--offline");
    if (in->attest && !in->offline && !in->preflight && diagnosis_has_time(d))
        diagnose_attest(d, &in->config);
    else
        skip_checks(d, CHECK_ATTEST, CHECK_REPORT,
                    in->offline  ? "--offline"
                    : in->attest ? "no time, or --preflight"
                                 : "with --attest only");
    if (found->ak_cert.len && !arena_copy(d->arena, found->ak_cert, &found->ak_cert)) /* the state's goes away */
        found->ak_cert = BYTES_NONE;
    state_done(&state);
}

static void add_pcrs(struct bundle *b, const struct pcr_set *pcrs)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_INDENTED);

    json_begin_object(&out, NULL);
    evidence_put_pcrs(&out, "pcrs", pcrs);
    json_end(&out);
    bundle_add_text(b, "pcrs.json", writer_bytes(&w));
}

static void add_findings(struct bundle *b, const struct diagnose_findings *found)
{
    char name[40];

    for (size_t i = 0; i < found->n_ek_certs; i++) {
        snprintf(name, sizeof name, "ek-%zu.crt", i + 1);
        bundle_add_public(b, name, found->ek_certs[i]);
    }
    bundle_add_public(b, "ak.crt", found->ak_cert);
    bundle_add_public(b, "ak.pub", found->ak_public);
    if (found->has_pcrs)
        add_pcrs(b, &found->pcrs);
    bundle_add_public(b, "eventlog.bin", found->firmware_log);
    bundle_add_text(b, "tpm2-measure.log", found->systemd_log);
}

static bool write_bundle(struct invocation *in, struct diagnosis *d, const struct machine_places *places,
                         const struct diagnose_findings *found)
{
    const char *file = in->places.file ? in->places.file : arena_printf(&in->arena, "%s/agent.conf", in->places_of.etc_dir);
    struct bundle b CLEANUP(bundle_done);
    struct err err = ERR_INIT;

    bundle_init(&b, d, clock_now_ms());
    bundle_add_machine(&b, places, file ? file : "agent.conf");
    add_findings(&b, found);
    if (!bundle_write(&b, in->bundle, &err)) {
        fprintf(stderr, "trueboot-agent: diagnose: %s\n", err.text);
        return false;
    }
    fprintf(stderr, "%s holds, with secrets taken out:\n", in->bundle);
    for (size_t i = 0; i < b.n; i++)
        fprintf(stderr, "  %8zu  %s\n", b.sizes[i], b.names[i]);
    return true;
}

int verb_diagnose(struct invocation *in)
{
    static const int codes[] = { [RESULT_PASS] = 0, [RESULT_WARN] = 1, [RESULT_FAIL] = 2 };
    struct diagnose_findings *found = ARENA_NEW(&in->arena, struct diagnose_findings);
    struct writer w CLEANUP(writer_done) = { 0 };
    struct machine_places places = machine_of(&in->places_of, &in->config);
    struct diagnosis d;
    bool fine;

    if (!found)
        return 2;
    places.nobody_runs = !verb_daemon_runs(in);
    diagnosis_init(&d, &in->arena, "trueboot-agent", SECONDS);
    run_checks(in, &d, &places, found);
    if (in->json)
        diagnosis_write_json(&d, clock_now_ms(), &w);
    else
        diagnosis_write_text(&d, &w);
    fine = writer_ok(&w) && fwrite(w.data, 1, w.len, stdout) == w.len && fflush(stdout) == 0;
    if (in->bundle && !write_bundle(in, &d, &places, found))
        fine = false;
    return fine ? codes[diagnosis_worst(&d)] : 2;
}
