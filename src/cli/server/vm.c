/* trueboot vm …: Trusted Launch VMs on this host, and the inventory. */
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/uuid.h"
#include "cli/frame/table.h"
#include "cli/remote/remote.h"
#include "cli/server/commands.h"
#include "cli/server/status.h"
#include "vmhost/ca.h"
#include "vmhost/vm.h"

enum { FIRST_VERDICT_SECONDS = 300, STOP_GRACE_MS = 1000 };

static void say(void *context UNUSED, const char *sentence) { fprintf(stderr, "%s\n", sentence); }

/* What the server says of itself: where its data lies, its name, its CA. */
struct server_facts {
    const char *data_dir, *url, *ca_pem;
};

static int ask_server(struct cli *cli, struct server_facts *ret)
{
    const struct json *v;
    int code = remote_call(cli, "GET", "/v1/server", NULL, &v);

    if (code != EXIT_OK)
        return code;
    ret->data_dir = arena_string(&cli->arena, json_text(json_get(v, "dataDir"), BYTES_NONE));
    ret->url = arena_string(&cli->arena, json_text(json_get(v, "url"), BYTES_NONE));
    ret->ca_pem = arena_string(&cli->arena, json_text(json_get(v, "caPem"), BYTES_NONE));
    return ret->data_dir && ret->url && ret->ca_pem ? EXIT_OK : cli_fail(EXIT_ERROR, "out of memory");
}

static int open_host(struct cli *cli, const char *data_dir, struct vm_host *ret)
{
    struct err err = ERR_INIT;

    *ret = (struct vm_host){ .data_dir = data_dir, .progress = say };
    return vm_host_find(ret, &cli->arena, &err) ? EXIT_OK : cli_fail_err(&err);
}

static int open_both(struct cli *cli, struct server_facts *server, struct vm_host *host)
{
    int code = ask_server(cli, server);
    return code == EXIT_OK ? open_host(cli, server->data_dir, host) : code;
}

/* The guest reaches its host's loopback as 10.0.2.2 on QEMU's user network. */
static const char *endpoint_for_guest(struct cli *cli, const char *url)
{
    const char *colon = strrchr(url, ':');
    return arena_printf(&cli->arena, "https://10.0.2.2%s", colon && colon[1] != '/' ? colon : ":8443");
}

static const char *body_of(struct cli *cli, const struct writer *w)
{
    return writer_ok(w) ? arena_string(&cli->arena, writer_bytes(w)) : NULL;
}

static int register_root(struct cli *cli, struct bytes pem)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    const char *body;

    json_begin_object(&out, NULL);
    json_put_string(&out, "kind", "ek");
    json_put_bytes(&out, "pem", pem);
    json_end(&out);
    body = body_of(cli, &w);
    return body ? remote_call(cli, "POST", "/v1/roots", body, NULL) : cli_fail(EXIT_ERROR, "out of memory");
}

static int register_vm(struct cli *cli, const struct vm_config *config, const char *power)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    const char *body;

    json_begin_object(&out, NULL);
    json_put_string(&out, "name", config->name);
    json_put_string(&out, "uuid", config->uuid);
    json_put_string(&out, "securityType", config->security_type == VM_TRUSTED_LAUNCH ? "TrustedLaunch" : "Standard");
    json_put_boolean(&out, "secureBoot", config->secure_boot);
    json_put_boolean(&out, "vtpm", config->vtpm);
    json_put_boolean(&out, "monitoring", config->integrity_monitoring);
    json_put_string(&out, "power", power);
    json_end(&out);
    body = body_of(cli, &w);
    return body ? remote_call(cli, "POST", "/v1/vms", body, NULL) : cli_fail(EXIT_ERROR, "out of memory");
}

static int tell_power(struct cli *cli, const char *name, const char *power)
{
    const char *path = vm_route(cli, name, ""), *body = arena_printf(&cli->arena, "{\"power\":\"%s\"}", power);
    return path && body ? remote_call(cli, "PATCH", path, body, NULL) : cli_fail(EXIT_ERROR, "out of memory");
}

static bool is_pending(const struct json *status) { return json_is_string(json_at(status, "properties", "healthStatus", NULL), "Pending"); }

/* Whether the verdict shown belongs to a boot before `since_ms`. */
static bool is_old(const struct json *status, int64_t since_ms)
{
    int64_t verified;
    return !clock_parse(json_text(json_at(status, "properties", "timestamp", NULL), BYTES_NONE), &verified) || verified < since_ms;
}

/* Enabling is done when a verdict about this boot exists (control-plane.md 2.7); a boot that is late may still come. */
static int wait_for_verdict(struct cli *cli, const char *name, int64_t since_ms, const struct json **ret)
{
    const char *path = vm_route(cli, name, "/status");
    int64_t give_up = clock_monotonic_ms() + FIRST_VERDICT_SECONDS * INT64_C(1000);
    const struct json *status = NULL;

    if (!path)
        return cli_fail(EXIT_ERROR, "out of memory");
    say(NULL, "Waiting for the agent in the VM to attest this boot");
    do {
        int code = remote_call(cli, "GET", path, NULL, &status);
        if (code != EXIT_OK)
            return code;
        if (!is_pending(status) && !is_old(status, since_ms))
            break;
        usleep(500 * 1000);
    } while (clock_monotonic_ms() < give_up);
    *ret = status;
    return EXIT_OK;
}

static void status_table(struct cli *cli, const struct json *status) { status_print_one(cli, status, false); }

static int finish(struct cli *cli, const char *name, int64_t since_ms, bool wait)
{
    const struct json *status = NULL;
    int code;

    if (!wait)
        return EXIT_OK;
    code = wait_for_verdict(cli, name, since_ms, &status);
    if (code == EXIT_OK)
        code = cli_print(cli, status, status_table);
    return code;
}

static int boot(struct cli *cli, const struct vm_host *host, const char *name, bool monitored)
{
    bool wait = monitored && !cli_flag(cli, "no-wait", false);
    int64_t since_ms = clock_now_ms();
    struct err err = ERR_INIT;
    int code;

    if (!vm_start(host, name, &err))
        return cli_fail_err(&err);
    code = tell_power(cli, name, "running");
    return code == EXIT_OK ? finish(cli, name, since_ms, wait) : code;
}

/* ---- create ---- */

static int read_create(struct cli *cli, const struct server_facts *server, struct vm_config *config)
{
    const char *type = cli_option(cli, "security-type");
    bool trusted = !type || strcmp(type, "TrustedLaunch") == 0;
    bool want_sb = cli_flag(cli, "enable-secure-boot", trusted), want_vtpm = cli_flag(cli, "enable-vtpm", trusted);
    bool monitor = cli_flag(cli, "enable-integrity-monitoring", false);

    /* No silent "asked for, but cannot work" (control-plane.md 0.2). */
    if (monitor && !(trusted && want_vtpm))
        return cli_fail(EXIT_USAGE, "--enable-integrity-monitoring needs --security-type TrustedLaunch and --enable-vtpm");
    *config = (struct vm_config){ .name = cli->arguments[0],
                                  .security_type = trusted ? VM_TRUSTED_LAUNCH : VM_STANDARD,
                                  .secure_boot = want_sb,
                                  .vtpm = want_vtpm,
                                  .integrity_monitoring = monitor,
                                  .cmdline = cli_option(cli, "kernel-command-line"),
                                  .endpoint = endpoint_for_guest(cli, server->url),
                                  .ca_pem = server->ca_pem };
    return config->endpoint ? EXIT_OK : cli_fail(EXIT_ERROR, "out of memory");
}

/* A name that the inventory has already must not cost a minute of building first. */
static int check_free(struct cli *cli, const char *name)
{
    const char *path = vm_route(cli, name, "");
    const struct json *ignored;
    struct err err = ERR_INIT;
    unsigned status = path ? remote_try(cli, "GET", path, NULL, &ignored, &err) : 0;

    if (status == 0)
        return cli_fail_err(&err);
    return status == 404 ? EXIT_OK
                         : cli_fail(EXIT_CONFLICT,
                                    "a VM named %s exists already: choose another name, or delete it (trueboot vm delete %s)", name, name);
}

static int run_create(struct cli *cli)
{
    struct server_facts server;
    struct vm_host host;
    struct vm_config config;
    struct host_parts parts;
    struct err err = ERR_INIT;
    struct bytes root;
    int code;

    if (!vm_name_check(cli->arguments[0], &err))
        return cli_fail(EXIT_USAGE, "%s", err.text);
    code = open_both(cli, &server, &host);
    if (code == EXIT_OK)
        code = read_create(cli, &server, &config);
    if (code == EXIT_OK)
        code = check_free(cli, config.name);
    if (code != EXIT_OK)
        return code;
    if (!host_need(&host, &cli->arena, &parts, &err) || (config.vtpm && !ca_ensure(&host, &parts, &cli->arena, &root, NULL, &err)))
        return cli_fail_err(&err);
    if (config.vtpm && (code = register_root(cli, root)) != EXIT_OK)
        return code;
    if (!vm_create(&host, &config, &cli->arena, &err))
        return cli_fail_err(&err);
    code = register_vm(cli, &config, "off");
    if (code != EXIT_OK) {
        struct err ignored = ERR_INIT; /* the first error is the one to show */
        if (!vm_delete(&host, config.name, &ignored))
            cli_fail(EXIT_ERROR, "%s", ignored.text);
        return code;
    }
    if (cli_flag(cli, "no-start", false))
        return EXIT_OK;
    say(NULL, "Starting the VM");
    return boot(cli, &host, config.name, config.integrity_monitoring);
}

static const struct cli_option create_options[] = {
    { "security-type", "TrustedLaunch|Standard", "with Secure Boot and a virtual TPM (default), or without", VALUE_ONE_OF },
    { "enable-secure-boot", NULL, "Secure Boot with Microsoft's keys (default with TrustedLaunch)" },
    { "enable-vtpm", NULL, "a virtual TPM (default with TrustedLaunch)" },
    { "enable-integrity-monitoring", NULL, "enrol, attest and judge each boot; returns when the first verdict is there" },
    { "kernel-command-line", "TEXT", "the guest kernel's command line" },
    { "no-start", NULL, "make the VM, but do not start it" },
    { "no-wait", NULL, "do not wait for the first verdict" },
};
const struct cli_command command_vm_create = { "vm create",
                                               "NAME",
                                               1,
                                               1,
                                               "Make and boot a VM with Secure Boot and a virtual TPM on this host",
                                               create_options,
                                               ARRAY_LEN(create_options),
                                               run_create };

/* ---- add: a VM that something else runs ---- */

static int run_add(struct cli *cli)
{
    const char *uuid = cli_option(cli, "uuid"), *type = cli_option(cli, "security-type");
    bool trusted = !type || strcmp(type, "TrustedLaunch") == 0;
    struct vm_config config = { .name = cli->arguments[0],
                                .security_type = trusted ? VM_TRUSTED_LAUNCH : VM_STANDARD,
                                .secure_boot = cli_flag(cli, "enable-secure-boot", trusted),
                                .vtpm = cli_flag(cli, "enable-vtpm", trusted),
                                .integrity_monitoring = cli_flag(cli, "enable-integrity-monitoring", true) };

    if (!uuid || !uuid_canonical(bytes_of_string(uuid), config.uuid))
        return cli_fail(EXIT_USAGE, "--uuid UUID is needed: the one in the VM's definition and in its vTPM's endorsement certificate");
    return register_vm(cli, &config, "unknown");
}

static const struct cli_option add_options[] = {
    { "uuid", "UUID", "the VM's UUID; its vTPM's endorsement certificate must name it", VALUE_UUID },
    { "security-type", "TrustedLaunch|Standard", "with Secure Boot and a virtual TPM (default), or without", VALUE_ONE_OF },
    { "enable-secure-boot", NULL, "how it is meant to be (default: on)" },
    { "enable-vtpm", NULL, "how it is meant to be (default: on)" },
    { "enable-integrity-monitoring", NULL, "judge it (default: yes)" },
};
const struct cli_command command_vm_add = { "vm add",
                                            "NAME",
                                            1,
                                            1,
                                            "Put a VM that something else runs (libvirt, Proxmox, …) into the inventory",
                                            add_options,
                                            ARRAY_LEN(add_options),
                                            run_add };

/* ---- start, stop, update, delete ---- */

static int apply_updates(struct cli *cli, const struct vm_host *host, const char *name)
{
    struct err err = ERR_INIT;
    bool sb = cli_flag(cli, "enable-secure-boot", true);

    if (cli_flag(cli, "restore-disk", false) && !vm_restore_disk(host, name, &err))
        return cli_fail_err(&err);
    if (cli_was_given(cli, "enable-secure-boot")) {
        const char *path = vm_route(cli, name, "");
        if (!vm_set_secure_boot(host, name, sb, &err))
            return cli_fail_err(&err);
        if (!path || remote_call(cli, "PATCH", path, sb ? "{\"secureBoot\":true}" : "{\"secureBoot\":false}", NULL) != EXIT_OK)
            return EXIT_ERROR;
    }
    if (cli_was_given(cli, "kernel-command-line") && !vm_set_cmdline(host, name, cli_option(cli, "kernel-command-line"), &err))
        return cli_fail_err(&err);
    if (cli_was_given(cli, "kernel") && !vm_replace_kernel(host, name, cli_option(cli, "kernel"), &err))
        return cli_fail_err(&err);
    if (cli_flag(cli, "modify-kernel", false) && !vm_modify_kernel(host, name, &err))
        return cli_fail_err(&err);
    if (cli_was_given(cli, "network") && !vm_set_link(host, name, strcmp(cli_option(cli, "network"), "off") != 0, &err))
        return cli_fail_err(&err);
    return EXIT_OK;
}

static int run_update(struct cli *cli)
{
    struct server_facts server;
    struct vm_host host;
    int code = open_both(cli, &server, &host);

    return code == EXIT_OK ? apply_updates(cli, &host, cli->arguments[0]) : code;
}

static int run_start(struct cli *cli)
{
    struct server_facts server;
    struct vm_host host;
    struct vm_config config;
    struct err err = ERR_INIT;
    int code = open_both(cli, &server, &host);

    if (code != EXIT_OK)
        return code;
    if (!vm_get(&host, &cli->arena, cli->arguments[0], &config, &err))
        return cli_fail_err(&err);
    /* The server may listen elsewhere than when the VM was made. */
    if (config.integrity_monitoring && !vm_set_agent(&host, config.name, endpoint_for_guest(cli, server.url), server.ca_pem, &err))
        return cli_fail_err(&err);
    code = apply_updates(cli, &host, config.name);
    return code == EXIT_OK ? boot(cli, &host, config.name, config.integrity_monitoring) : code;
}

static int run_stop(struct cli *cli)
{
    struct server_facts server;
    struct vm_host host;
    struct err err = ERR_INIT;
    int code = open_both(cli, &server, &host);

    if (code != EXIT_OK)
        return code;
    if (!vm_stop(&host, cli->arguments[0], STOP_GRACE_MS, &err))
        return cli_fail_err(&err);
    return tell_power(cli, cli->arguments[0], "off");
}

static int run_delete(struct cli *cli)
{
    struct server_facts server;
    struct vm_host host;
    struct err err = ERR_INIT;
    const char *path = vm_route(cli, cli->arguments[0], "");
    bool here;
    int code = open_both(cli, &server, &host);

    if (code != EXIT_OK)
        return code;
    here = vm_stop(&host, cli->arguments[0], STOP_GRACE_MS, &err) && vm_delete(&host, cli->arguments[0], &err);
    if (!here && err.code != ERR_NOT_FOUND)
        return cli_fail_err(&err);
    return path ? remote_call(cli, "DELETE", path, NULL, NULL) : cli_fail(EXIT_ERROR, "out of memory");
}

static const struct cli_option update_options[] = {
    { "enable-secure-boot", NULL, "switch Secure Boot on or off (VM must be off)" },
    { "kernel-command-line", "TEXT", "another kernel command line on the VM's disk (VM must be off)" },
    { "kernel", "FILE", "another kernel on the VM's disk (VM must be off)" },
    { "modify-kernel", NULL, "change one byte of the kernel, to see what happens (VM must be off)" },
    { "restore-disk", NULL, "a fresh copy of the disk the VM was made from (VM must be off)" },
    { "network", "on|off", "plug in or pull the network cable of a running VM", VALUE_ONE_OF },
};
static const struct cli_option start_options[] = {
    { "enable-secure-boot", NULL, "switch Secure Boot on or off first" },
    { "restore-disk", NULL, "take a fresh copy of the disk first" },
    { "no-wait", NULL, "do not wait for the verdict on this boot" },
};
const struct cli_command command_vm_start = {
    "vm start", "NAME", 1, 1, "Start a VM, and wait for the verdict on this boot", start_options, ARRAY_LEN(start_options), run_start
};
const struct cli_command command_vm_stop = { "vm stop", "NAME", 1, 1, "Stop a VM", NULL, 0, run_stop };
const struct cli_command command_vm_update = {
    "vm update", "NAME", 1, 1, "Change a VM's settings or disk", update_options, ARRAY_LEN(update_options), run_update
};
const struct cli_command command_vm_delete = { "vm delete", "NAME", 1, 1, "Stop a VM and remove everything of it", NULL, 0, run_delete };

/* ---- show, list, identity ---- */

static void vm_table(struct cli *cli, const struct json *list)
{
    static const char *const headings[] = { "NAME", "SECURITY", "SECUREBOOT", "VTPM", "MONITORING", "POWER", "UUID" };
    struct table *t = table_new(&cli->arena, headings, ARRAY_LEN(headings));

    for (size_t i = 0; list->type == JSON_ARRAY && i < list->array.n; i++) {
        const struct json *vm = list->array.items[i];
        bool sb = false, vtpm = false, monitoring = false;
        bool known = json_as_boolean(json_get(vm, "secureBoot"), &sb) && json_as_boolean(json_get(vm, "vtpm"), &vtpm) &&
                     json_as_boolean(json_get(vm, "monitoring"), &monitoring);
        table_row(t, (const char *const[]){ show_member(cli, vm, "name"), show_member(cli, vm, "securityType"),
                                            !known ? "?"
                                            : sb   ? "on"
                                                   : "off",
                                            !known ? "?"
                                            : vtpm ? "on"
                                                   : "off",
                                            !known       ? "?"
                                            : monitoring ? "on"
                                                         : "off",
                                            show_member(cli, vm, "power"), show_member(cli, vm, "uuid") });
    }
    table_print(t);
}

static int run_list(struct cli *cli)
{
    const struct json *vms;
    int code = remote_list(cli, "/v1/vms", &vms);

    return code == EXIT_OK ? cli_print(cli, vms, vm_table) : code;
}

static int run_show(struct cli *cli) { return remote_print(cli, "GET", vm_route(cli, cli->arguments[0], ""), NULL, NULL); }

static int run_release_identity(struct cli *cli)
{
    const char *path = vm_route(cli, cli->arguments[0], "/identity:release");
    return path ? remote_call(cli, "POST", path, NULL, NULL) : EXIT_ERROR;
}

const struct cli_command command_vm_list = { "vm list", "", 0, 0, "The inventory", NULL, 0, run_list };
const struct cli_command command_vm_show = { "vm show", "NAME", 1, 1, "One VM's settings", NULL, 0, run_show };
const struct cli_command command_vm_release_identity = {
    "vm release-identity", "NAME", 1, 1, "Let another TPM become this VM's (after its vTPM was made anew)", NULL, 0, run_release_identity
};
