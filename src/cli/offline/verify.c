/* trueboot verify, trueboot baseline learn: appraisal without a server. */
#include "bootchain/chain/plain.h"
#include "cli/files/pcrs_file.h"
#include "cli/frame/table.h"
#include "cli/frame/terminal.h"
#include "cli/offline/commands.h"
#include "cli/offline/offline.h"
#include "cli/show/findings.h"
#include "cli/show/kernel.h"

static void put_tpm(struct json_out *out, const struct appraisal *a)
{
    char firmware[17];

    if (!a->quote_verified) {
        json_put_null(out, "tpm");
        return;
    }
    snprintf(firmware, sizeof firmware, "%016llx", (unsigned long long)a->firmware_version);
    json_begin_object(out, "tpm");
    json_put_integer(out, "clock", (int64_t)(a->clock_ms & INT64_MAX));
    json_put_integer(out, "resetCount", a->reset_count);
    json_put_integer(out, "restartCount", a->restart_count);
    json_put_boolean(out, "safe", a->clock_safe);
    json_put_string(out, "firmwareVersion", firmware);
    json_end(out);
}

static void put_ima(struct json_out *out, const struct offline *o)
{
    if (!o->ima) {
        json_put_null(out, "ima");
        return;
    }
    json_begin_object(out, "ima");
    json_put_integer(out, "entries", (int64_t)o->ima->n);
    if (o->ima_verified)
        json_put_integer(out, "quoted", (int64_t)o->ima_fits);
    else
        json_put_null(out, "quoted");
    json_end(out);
}

static void put_identity(struct json_out *out, const struct offline_identity *identity)
{
    if (identity->state == IDENTITY_NOT_ASKED) {
        json_put_null(out, "identity");
        return;
    }
    json_begin_object(out, "identity");
    json_put_boolean(out, "ekVerified", identity->state == IDENTITY_VERIFIED);
    json_put_string(out, "vmName", identity->vm_name);
    json_put_string(out, "vmUuid", identity->vm_uuid);
    json_put_string(out, "root", identity->issuer);
    json_put_string(out, "problem", identity->sentence);
    json_end(out);
}

/* Facts of the boot that only a log proves; without one they are unknown, and said so. */
static void put_chain(struct json_out *out, const struct bootchain *chain)
{
    json_put_string(out, "auditMode", fact_name(chain ? chain->audit_mode : FACT_UNKNOWN));
    json_put_string(out, "deployedMode", fact_name(chain ? chain->deployed_mode : FACT_UNKNOWN));
    json_put_string(out, "microsoft2011", fact_name(chain ? chain->ms_2011 : FACT_UNKNOWN));
    json_put_string(out, "microsoft2023", fact_name(chain ? chain->ms_2023 : FACT_UNKNOWN));
    json_put_string(out, "sbatLevel", chain ? chain->sbat_level : NULL);
    json_put_string(out, "firmwareVersion", chain ? chain->crtm_version : NULL);
    json_put_string(out, "bootFlow", plain_boot_flow(chain ? chain->flow : BOOT_FLOW_UNKNOWN));
    json_put_string(out, "initrd", plain_initrd(chain ? chain->initrd : INITRD_UNKNOWN));
}

static void put_facts(struct json_out *out, const struct offline *o)
{
    const struct appraisal *a = &o->appraised.appraisal;

    json_begin_object(out, "facts");
    facts_write(out, &a->facts);
    put_chain(out, o->appraised.chain);
    put_tpm(out, a);
    put_ima(out, o);
    put_identity(out, &o->identity);
    json_begin_object(out, "registers");
    pcrs_write(out, &a->boot.registers);
    json_end(out);
    json_end(out);
}

static const struct json *verdict_value(struct cli *cli, const struct offline *o)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    const struct appraisal *a = &o->appraised.appraisal;

    json_begin_object(&out, NULL);
    json_put_string(&out, "verdict", verdict_name(o->verdict));
    json_put_string(&out, "vm", a->vm[0] ? a->vm : NULL);
    json_put_time(&out, "asOf", a->time_ms);
    json_put_boolean(&out, "quoteVerified", a->quote_verified);
    json_put_boolean(&out, "akTrusted", a->ak_trusted);
    json_put_boolean(&out, "nonceChecked", o->nonce_checked);
    json_put_boolean(&out, "baseline", o->baseline != NULL);
    json_put_string(&out, "policy", decision_name(a->decision));
    json_put_string(&out, "reference", a->reference);
    put_facts(&out, o);
    findings_put(&cli->arena, &out, "findings", &o->findings, a->vm[0] ? a->vm : NULL);
    if (o->findings.overflow)
        json_put_boolean(&out, "moreFindings", true);
    json_end(&out);
    return cli_json(cli, &w);
}

/* ---- for people ---- */

static void line(const char *name, const char *value) { print_named(2, 14, name, value); }

static const char *yes_no(const struct json *v, const char *name, const char *yes, const char *no)
{
    bool value = false;
    return json_as_boolean(json_get(v, name), &value) && value ? yes : no;
}

static void verdict_table(struct cli *cli, const struct json *v)
{
    const struct json *facts = json_get(v, "facts"), *phases = json_get(facts, "phases"), *identity = json_get(facts, "identity");

    printf("%s\n\n", show_member(cli, v, "verdict"));
    line("VM", show_member(cli, v, "vm"));
    line("Quote", yes_no(v, "quoteVerified", "verified", "not verified"));
    line("Freshness", yes_no(v, "nonceChecked", "nonce checked", "not checked: no --nonce"));
    line("Baseline", yes_no(v, "baseline", "compared", "none: only what can be judged alone was judged"));
    line("Reference data", show_member(cli, v, "reference") ? show_member(cli, v, "reference") : "none: revocations are not looked for");
    line("Secure Boot", show_member(cli, facts, "secureBoot"));
    line("Setup mode", show_member(cli, facts, "setupMode"));
    line("Boot", show_member(cli, facts, "boot"));
    line("Kernel", show_member(cli, facts, "kernel"));
    line("Command line", show_member(cli, facts, "commandLine"));
    line("OS", show_member(cli, facts, "osRelease"));
    kernel_show(cli, json_get(facts, "kernelState"), line);
    if (identity && identity->type == JSON_OBJECT) {
        const char *name = show_member(cli, identity, "vmName"), *uuid = show_member(cli, identity, "vmUuid");
        line("TPM identity", yes_no(identity, "ekVerified", "endorsement certificate verified", "endorsement certificate refused"));
        line("", arena_printf(&cli->arena, "%s%s%s", name ? name : "", name && uuid ? " " : "", uuid ? uuid : ""));
        line("", show_member(cli, identity, "problem"));
    }
    puts("\nPhases");
    for (enum phase p = PHASE_FIRMWARE; p <= PHASE_OS; p++) {
        const char *text = show_member(cli, phases, phase_name(p));
        print_named(2, 18, phase_title(p), text ? text : "unknown");
    }
    findings_section(cli, "Findings", json_get(v, "findings"), FINDINGS_JUDGED);
}

static int run_verify(struct cli *cli)
{
    static const enum exit_code codes[] = {
        [VERDICT_HEALTHY] = EXIT_OK, [VERDICT_UNHEALTHY] = EXIT_JUDGED_UNHEALTHY, [VERDICT_UNKNOWN] = EXIT_JUDGED_UNKNOWN
    };
    struct offline *o = ARENA_NEW(&cli->arena, struct offline);
    const struct json *v;
    int code = o ? offline_appraise(cli, o) : cli_fail(EXIT_ERROR, "out of memory");

    if (code != EXIT_OK)
        return code;
    v = verdict_value(cli, o);
    code = v ? cli_print(cli, v, verdict_table) : EXIT_ERROR;
    return code == EXIT_OK ? (int)codes[o->verdict] : code;
}

/* What is learned must be one boot that was really quoted. Whether it is a good one, the person who learns it has to know: what stands
 * against it is said on standard error, and stays a finding unless accepted. */
static int learn(struct cli *cli, const struct offline *o)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    struct baseline baseline;
    struct err err = ERR_INIT;
    const struct json *v;

    for (size_t i = 0; i < o->findings.n; i++)
        if (o->findings.items[i].severity >= SEVERITY_MEDIUM)
            fprintf(stderr, "trueboot: note: %s (%s): %s\n", finding_kind(o->findings.items[i].id)->title,
                    finding_kind(o->findings.items[i].id)->id, o->findings.items[i].text);
    if (!baseline_learn(&cli->arena, &o->appraised.appraisal, cli_flag(cli, "accept-findings", false), &baseline, &err))
        return cli_fail_err(&err);
    json_begin_object(&out, NULL);
    baseline_write(&out, &baseline);
    json_end(&out);
    v = cli_json(cli, &w);
    if (!v)
        return EXIT_ERROR;
    if (cli->output == OUTPUT_TABLE)
        cli->output = OUTPUT_JSON; /* a baseline is for programs */
    return cli_print(cli, v, NULL);
}

static int run_baseline_learn(struct cli *cli)
{
    struct offline *o = ARENA_NEW(&cli->arena, struct offline);
    int code = o ? offline_appraise(cli, o) : cli_fail(EXIT_ERROR, "out of memory");

    return code == EXIT_OK ? learn(cli, o) : code;
}

static const struct cli_option verify_options[] = { OFFLINE_OPTIONS };
static const struct cli_option learn_options[] = {
    OFFLINE_OPTIONS, { "accept-findings", NULL, "accept holes of this boot chain (medium findings), such as an unmeasured initramfs" }
};
const struct cli_command command_verify = {
    "verify", "[EVIDENCE_FILE]", 0, 1, "Judge evidence from files, without a server", verify_options, ARRAY_LEN(verify_options), run_verify
};
const struct cli_command command_baseline_learn = {
    "baseline learn",         "[EVIDENCE_FILE]", 0, 1, "Make a baseline of evidence from files; it goes to standard output", learn_options,
    ARRAY_LEN(learn_options), run_baseline_learn
};
