/* trueboot status: what an operator looks at first. One line a VM, or one VM with every reason. */
#include "cli/server/status.h"
#include <string.h>
#include "base/clock.h"
#include "base/utf8.h"
#include "cli/frame/table.h"
#include "cli/frame/terminal.h"
#include "cli/remote/remote.h"
#include "cli/server/commands.h"
#include "cli/show/findings.h"
#include "cli/show/kernel.h"

static const char *text_at(struct cli *cli, const struct json *status, const char *name)
{
    return show_member(cli, json_get(status, "properties"), name);
}

static const struct json *ours(const struct json *status) { return json_at(status, "properties", "trueboot", NULL); }

static const char *ago(struct cli *cli, const struct json *v, const char *name)
{
    int64_t t;
    return clock_parse(json_text(json_get(v, name), BYTES_NONE), &t) ? relative_time(&cli->arena, t, clock_now_ms()) : "never";
}

/* The worst reason's id for the list. */
static const char *first_reason(struct cli *cli, const struct json *status)
{
    static const char *const order[] = { "critical", "high", "medium" };
    const struct json *reasons = json_get(ours(status), "reasons");
    const char *code = show_member(cli, ours(status), "reasonCode");

    if (code && *code && strcmp(code, "Judged") != 0)
        return code;
    for (size_t s = 0; reasons && reasons->type == JSON_ARRAY && s < ARRAY_LEN(order); s++)
        for (size_t i = 0; i < reasons->array.n; i++)
            if (json_is_string(json_get(reasons->array.items[i], "severity"), order[s]) && !json_get(reasons->array.items[i], "follows"))
                return show_member(cli, reasons->array.items[i], "code");
    return NULL;
}

static void add_line(struct cli *cli, struct table *t, const struct json *status)
{
    bool stale = false;
    const char *values[] = { show_member(cli, ours(status), "vm"),
                             text_at(cli, status, "healthStatus"),
                             text_at(cli, status, "attestSecureBootEnabled"),
                             text_at(cli, status, "bootIntegrityValidated"),
                             text_at(cli, status, "attestationCertValidated"),
                             text_at(cli, status, "linuxKernelVersion"),
                             ago(cli, json_get(status, "properties"), "timestamp"),
                             "",
                             first_reason(cli, status) };

    values[7] = json_as_boolean(json_get(ours(status), "stale"), &stale) && stale ? "stale" : "-";
    table_row(t, values);
}

static struct table *new_table(struct cli *cli)
{
    static const char *const headings[] = { "VM", "HEALTH", "SECUREBOOT", "BOOT", "CERT", "KERNEL", "LAST VERIFIED", "STALE", "REASON" };
    return table_new(&cli->arena, headings, ARRAY_LEN(headings));
}

static void line(const char *name, const char *value) { print_named(2, 20, name, value); }

static void print_head(struct cli *cli, const struct json *status)
{
    const struct json *p = json_get(status, "properties"), *t = ours(status), *last = json_get(t, "lastVerdict"), *notes;
    const char *profile = show_member(cli, t, "profile");
    int64_t version;
    bool stale = false;

    printf("%s: %s\n", show_member(cli, t, "vm"), show_member(cli, p, "healthStatus"));
    line("Why", show_member(cli, p, "errorMessage"));
    line("Secure Boot", show_member(cli, p, "attestSecureBootEnabled"));
    line("Boot integrity", show_member(cli, p, "bootIntegrityValidated"));
    line("Certificate", show_member(cli, p, "attestationCertValidated"));
    line("Kernel", show_member(cli, p, "linuxKernelVersion"));
    line("Boot", show_member(cli, last, "boot"));
    if (json_as_integer(json_get(t, "baselineVersion"), &version) && version > 0)
        line("Compared with", arena_printf(&cli->arena, "version %lld of the boots that are accepted", (long long)version));
    line("Last verified", ago(cli, p, "timestamp"));
    if (json_as_boolean(json_get(t, "stale"), &stale) && stale)
        line("Stale", "yes: the next report is late; the agent may have stopped, or the VM may be compromised");
    if (!json_is_string(json_get(p, "healthStatus"), "Healthy") && last && !json_is_string(json_get(last, "verdict"), "Unhealthy"))
        line("Last verdict",
             arena_printf(&cli->arena, "%s, %s; it says nothing about now", show_member(cli, last, "verdict"), ago(cli, last, "timeUtc")));
    line("Agent", show_member(cli, t, "agentError"));
    notes = json_get(t, "agentNotes");
    for (size_t i = 0; notes && notes->type == JSON_ARRAY && i < notes->array.n; i++)
        line(i ? "" : "Agent noticed", text_for_people(&cli->arena, json_text(notes->array.items[i], BYTES_NONE)));
    if (json_get(t, "refusedTpm") && json_get(t, "refusedTpm")->type == JSON_OBJECT)
        line("Another TPM", arena_printf(&cli->arena, "wanted to enrol as this VM %s and was refused (certificate %.16s…)",
                                         ago(cli, json_get(t, "refusedTpm"), "timeUtc"),
                                         show_member(cli, json_get(t, "refusedTpm"), "certificateSha256")));
    if (profile && strcmp(profile, "default") != 0)
        line("Profile", arena_printf(&cli->arena, "%s (intervals and deadlines are shortened)", profile));
}

static void print_phases(struct cli *cli, const struct json *status)
{
    static const struct {
        const char *name, *title;
    } phases[] = { { "firmware", "Firmware" }, { "secureBootPolicy", "Secure Boot policy" }, { "loader", "Loader" }, { "os", "OS" } };
    const struct json *last = json_get(ours(status), "lastVerdict");

    if (!last)
        return;
    printf("\nWhat was measured at the last verified boot:\n");
    for (size_t i = 0; i < ARRAY_LEN(phases); i++)
        line(phases[i].title, show_member(cli, json_get(last, "phases"), phases[i].name));
    line("Command line", show_member(cli, last, "commandLine"));
    kernel_show(cli, json_get(last, "kernelState"), line);
    line("Appraisal", show_member(cli, last, "appraisal"));
    line("Reference data", show_member(cli, last, "reference") ? show_member(cli, last, "reference") : "none");
}

void status_print_one(struct cli *cli, const struct json *status, bool explain)
{
    print_head(cli, status);
    if (!explain)
        return;
    findings_print(cli, json_get(ours(status), "reasons"), FINDINGS_JUDGED);
    print_phases(cli, status);
}

static void one_table(struct cli *cli, const struct json *status)
{
    if (cli_flag(cli, "explain", false)) {
        status_print_one(cli, status, true);
        return;
    }
    struct table *t = new_table(cli);
    add_line(cli, t, status);
    table_print(t);
}

static void list_table(struct cli *cli, const struct json *list)
{
    struct table *t = new_table(cli);

    for (size_t i = 0; list->type == JSON_ARRAY && i < list->array.n; i++)
        add_line(cli, t, list->array.items[i]);
    table_print(t);
}

static int exit_for(const struct json *status)
{
    const struct json *health = json_at(status, "properties", "healthStatus", NULL);

    if (json_is_string(health, "Unhealthy"))
        return EXIT_JUDGED_UNHEALTHY;
    return json_is_string(health, "Healthy") ? EXIT_OK : EXIT_JUDGED_UNKNOWN;
}

static int run_status(struct cli *cli)
{
    bool exit_status = cli_flag(cli, "exit-status", cli->n_arguments == 1);
    const struct json *value;
    int worst = EXIT_OK, code;

    if (cli->n_arguments == 0) {
        code = remote_list(cli, "/v1/status", &value);
        if (code == EXIT_OK)
            code = cli_print(cli, value, list_table);
        for (size_t i = 0; code == EXIT_OK && exit_status && i < value->array.n; i++) {
            int one = exit_for(value->array.items[i]);
            worst = one == EXIT_JUDGED_UNHEALTHY || worst == EXIT_OK ? one : worst;
        }
        return code != EXIT_OK ? code : worst;
    }
    for (int i = 0; i < cli->n_arguments; i++) {
        const char *path = vm_route(cli, cli->arguments[i], "/status");
        int one;
        code = path ? remote_call(cli, "GET", path, NULL, &value) : EXIT_ERROR;
        if (code == EXIT_OK)
            code = cli_print(cli, value, one_table);
        if (code != EXIT_OK)
            return code;
        one = exit_for(value);
        worst = one == EXIT_JUDGED_UNHEALTHY || worst == EXIT_OK ? one : worst;
    }
    return exit_status ? worst : EXIT_OK;
}

static const struct cli_option status_options[] = {
    { "explain", NULL, "every reason: event, register, what was, what is, why it matters and what to do" },
    { "exit-status", NULL, "exit with 10 (Unhealthy) or 11 (Unknown); on by default for one VM" },
};
const struct cli_command command_status = { "status",
                                            "[NAME…]",
                                            0,
                                            CLI_ARGUMENTS_MAX,
                                            "How VMs are: health, Secure Boot, boot integrity, and why",
                                            status_options,
                                            ARRAY_LEN(status_options),
                                            run_status };
