/* trueboot diagnose [NAME]: the server's side of "why is there no verdict": what a guest cannot see, and what to run there
 * (control-plane.md 6.2, SVC). Exit 0, 10 when something failed, 11 when something is worth a look. */
#include <string.h>
#include "base/clock.h"
#include "cli/frame/table.h"
#include "cli/remote/remote.h"
#include "cli/server/commands.h"
#include "diagnose/diagnosis.h"
#include "json/parse.h"
#include "x509/cert.h"
#include "x509/name.h"

enum { SECONDS = 60, EXPIRES_SOON_DAYS = 30, SILENT_MS = 60 * 60 * 1000 };

#define IN_THE_GUEST "in the guest: sudo trueboot-agent diagnose"

static const char *text_of(struct cli *cli, const struct json *v, const char *name, const char *otherwise)
{
    const char *text = show_member(cli, v, name);

    return text && *text ? text : otherwise;
}

static bool check_server(struct cli *cli, struct diagnosis *d, const struct json **ret)
{
    struct err err = ERR_INIT;
    unsigned status = remote_try(cli, "GET", "/v1/server", NULL, ret, &err);
    struct checked *c;

    if (status == 200) {
        diagnosis_add(d, CHECK_SERVER, RESULT_PASS, "version %s at %s, profile %s", text_of(cli, *ret, "version", "?"),
                      text_of(cli, *ret, "url", "?"), text_of(cli, *ret, "profile", "?"));
        return true;
    }
    if (status == 0) {
        c = diagnosis_add(d, CHECK_SERVER, RESULT_FAIL, "%s", err.text);
        checked_remedy(
            d, c,
            "systemctl start truebootd on the server's machine, or name the server with --server; TRUEBOOT_CA names its CA certificate");
    } else {
        c = diagnosis_add(d, CHECK_SERVER, RESULT_FAIL, "it answers HTTP %u", status);
        checked_remedy(d, c, status == 401 || status == 403 ? "give a token that may read: TRUEBOOT_TOKEN" : "look at the server's log");
        if (status == 401 || status == 403)
            c->cause = CAUSE_PERMISSIONS;
    }
    return false;
}

/* The CA that agents and clients are told to trust. */
static void check_certificate(struct diagnosis *d, const struct json *server)
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    char until[CLOCK_TEXT_LEN];
    struct err err = ERR_INIT;
    struct checked *c;
    int64_t left;

    if (!cert_parse_any(json_text(json_get(server, "caPem"), BYTES_NONE), &cert, &err)) {
        c = diagnosis_add(d, CHECK_SERVER_CERT, RESULT_FAIL, "its CA certificate cannot be read: %s", err.text);
        checked_remedy(d, c, "restore ca.pem and keys/ in the server's folder from the backup");
        return;
    }
    left = cert->not_after_ms - clock_now_ms();
    clock_format(cert->not_after_ms, until);
    c = diagnosis_add(d, CHECK_SERVER_CERT,
                      left < 0                              ? RESULT_FAIL
                      : left / 86400000 < EXPIRES_SOON_DAYS ? RESULT_WARN
                                                            : RESULT_PASS,
                      "its CA is valid until %s", until);
    if (c->result != RESULT_PASS)
        checked_remedy(d, c, "have the server make a new CA and give its ca.pem to the agents (net.ca_file)");
}

static bool check_vm(struct cli *cli, struct diagnosis *d, const char *name, const struct json **ret_status)
{
    const char *path = vm_route(cli, name, "/status");
    struct err err = ERR_INIT;
    unsigned status = path ? remote_try(cli, "GET", path, NULL, ret_status, &err) : 0;
    const struct json *ours, *configured;
    bool vtpm = true, secure_boot = true;
    struct checked *c;

    if (status != 200) {
        c = diagnosis_add(d, CHECK_SERVER_VM, RESULT_FAIL, "%s: %s", name,
                          status == 404 ? "there is no such VM"
                          : status      ? arena_printf(&cli->arena, "HTTP %u", status)
                                        : err.text);
        checked_remedy(d, c, "trueboot vm list shows those that are known; trueboot vm add NAME --uuid UUID adds one");
        return false;
    }
    ours = json_at(*ret_status, "properties", "trueboot", NULL);
    configured = json_get(ours, "configured");
    if (!json_as_boolean(json_get(configured, "vtpm"), &vtpm) || !json_as_boolean(json_get(configured, "secureBoot"), &secure_boot))
        vtpm = secure_boot = true;
    c = diagnosis_add(d, CHECK_SERVER_VM, vtpm && secure_boot ? RESULT_PASS : RESULT_FAIL, "UUID %s, %s, vTPM %s, Secure Boot %s, power %s",
                      text_of(cli, ours, "uuid", "?"), text_of(cli, configured, "securityType", "?"), vtpm ? "on" : "off",
                      secure_boot ? "on" : "off", text_of(cli, ours, "power", "?"));
    if (!vtpm)
        c->cause = CAUSE_NO_TPM;
    if (c->result == RESULT_FAIL)
        checked_remedy(d, c, "trueboot vm update %s --enable-vtpm --enable-secure-boot, then start it again", name);
    return true;
}

static void check_contact(struct cli *cli, struct diagnosis *d, const struct json *ours)
{
    int64_t last, now = clock_now_ms();
    bool known = clock_parse(json_text(json_get(ours, "lastContactUtc"), BYTES_NONE), &last);
    struct checked *c;

    if (!known) {
        c = diagnosis_add(d, CHECK_SERVER_HEARD, RESULT_FAIL, "nothing was ever heard from its agent");
        checked_remedy(d, c, "is it installed and enrolled? " IN_THE_GUEST);
    } else {
        c = diagnosis_add(d, CHECK_SERVER_HEARD, now - last > SILENT_MS ? RESULT_FAIL : RESULT_PASS, "%s, agent %s, %s",
                          relative_time(&cli->arena, last, now), text_of(cli, ours, "agentVersion", "?"),
                          text_of(cli, ours, "agentState", "?"));
        if (c->result == RESULT_FAIL)
            checked_remedy(d, c, "the VM is off, its agent stopped, or its way here is blocked; " IN_THE_GUEST);
    }
    if (json_text(json_get(ours, "agentError"), BYTES_NONE).len) {
        c = diagnosis_add(d, CHECK_SERVER_ERROR, RESULT_WARN, "%s", text_of(cli, ours, "agentError", ""));
        checked_remedy(d, c, IN_THE_GUEST);
    } else {
        diagnosis_add(d, CHECK_SERVER_ERROR, RESULT_PASS, "nothing");
    }
}

static void check_verdict(struct cli *cli, struct diagnosis *d, const char *name, const struct json *status)
{
    const struct json *properties = json_get(status, "properties"), *ours = json_get(properties, "trueboot");
    const char *health = text_of(cli, properties, "healthStatus", "Unknown");
    bool enrolled = json_get(ours, "lastVerdict") != NULL || json_text(json_get(ours, "agentVersion"), BYTES_NONE).len > 0;
    struct checked *c;

    c = diagnosis_add(d, CHECK_SERVER_ENROLLED, enrolled ? RESULT_PASS : RESULT_WARN, "%s",
                      enrolled ? "its attestation key is known" : "no evidence of its key has come yet");
    if (!enrolled)
        checked_remedy(d, c, "trueboot root list: is the host CA of its vTPM there? trueboot root add --kind ek HOST-CA.pem");
    c = diagnosis_add(d, CHECK_SERVER_VERDICT,
                      strcmp(health, "Healthy") == 0     ? RESULT_PASS
                      : strcmp(health, "Unhealthy") == 0 ? RESULT_FAIL
                                                         : RESULT_WARN,
                      "%s%s%s", health, json_text(json_get(properties, "errorMessage"), BYTES_NONE).len ? ": " : "",
                      text_of(cli, properties, "errorMessage", ""));
    if (c->result != RESULT_PASS)
        checked_remedy(d, c, "trueboot status %s --explain", name);
}

static int run_diagnose(struct cli *cli)
{
    static const int codes[] = { [RESULT_PASS] = EXIT_OK, [RESULT_WARN] = EXIT_JUDGED_UNKNOWN, [RESULT_FAIL] = EXIT_JUDGED_UNHEALTHY };
    struct writer text CLEANUP(writer_done) = { 0 }, json CLEANUP(writer_done) = { 0 };
    const struct json *server = NULL, *status = NULL, *value;
    struct diagnosis d;
    struct err err = ERR_INIT;
    struct bytes copy;
    int code;

    diagnosis_init(&d, &cli->arena, "trueboot", SECONDS);
    if (check_server(cli, &d, &server)) {
        check_certificate(&d, server);
        for (int i = 0; i < cli->n_arguments; i++) {
            size_t first = d.n;

            if (check_vm(cli, &d, cli->arguments[i], &status)) {
                check_contact(cli, &d, json_at(status, "properties", "trueboot", NULL));
                check_verdict(cli, &d, cli->arguments[i], status);
            }
            for (; first < d.n; first++)
                d.items[first].subject = cli->arguments[i];
        }
    }
    if (cli->output == OUTPUT_TABLE && !cli->query) {
        diagnosis_write_text(&d, &text);
        return writer_ok(&text) && fwrite(text.data, 1, text.len, stdout) == text.len ? codes[diagnosis_worst(&d)] : EXIT_ERROR;
    }
    diagnosis_write_json(&d, clock_now_ms(), &json);
    if (!arena_copy(&cli->arena, writer_bytes(&json), &copy) || !json_parse(&cli->arena, copy, NULL, &value, &err))
        return cli_fail(EXIT_ERROR, "out of memory");
    code = cli_print(cli, value, NULL);
    return code != EXIT_OK ? code : codes[diagnosis_worst(&d)];
}

const struct cli_command command_diagnose = {
    "diagnose", "[NAME…]", 0,           CLI_ARGUMENTS_MAX, "Why there is no verdict: the server's side, and what to run in the guest",
    NULL,       0,         run_diagnose
};
