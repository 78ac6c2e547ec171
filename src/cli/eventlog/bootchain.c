/* trueboot bootchain show: what one boot consisted of, and who vouched for each step. */
#include "base/clock.h"
#include "bootchain/chain/plain.h"
#include "cli/data/reference.h"
#include "cli/eventlog/commands.h"
#include "cli/eventlog/log_tool.h"
#include "cli/frame/table.h"
#include "cli/frame/terminal.h"
#include "cli/show/findings.h"
#include "refdata/refdata.h"

static void put_keys(struct json_out *out, const char *name, const struct boot_keys *keys)
{
    if (!keys->measured) {
        json_put_null(out, name);
        return;
    }
    json_begin_array(out, name);
    for (size_t i = 0; i < keys->n; i++) {
        const struct boot_key *key = &keys->items[i];
        json_begin_object(out, NULL);
        json_put_string(out, "kind", key->kind == KEY_CERTIFICATE ? "certificate" : key->kind == KEY_OTHER ? "other" : "hash");
        json_put_string(out, "name", key->name);
        if (key->generation)
            json_put_integer(out, "generation", key->generation);
        if (key->kind == KEY_CERTIFICATE)
            json_put_hex(out, "sha256", BYTES_OF(key->sha256));
        else
            json_put_hex(out, "hash", key->data);
        json_end(out);
    }
    json_end(out);
}

/* Which generations of Microsoft's keys are in a list: [2011], [2011,2023], … (attack-suite.md B4); null where the list is not proved. */
static void put_generations(struct json_out *out, const char *name, const struct boot_keys *keys)
{
    static const int generations[] = { 2011, 2023 };

    if (!keys->measured) {
        json_put_null(out, name);
        return;
    }
    json_begin_array(out, name);
    for (size_t g = 0; g < ARRAY_LEN(generations); g++)
        for (size_t i = 0; i < keys->n; i++)
            if (keys->items[i].generation == generations[g]) {
                json_put_integer(out, NULL, generations[g]);
                break;
            }
    json_end(out);
}

static void put_policy(struct json_out *out, const struct bootchain *c)
{
    json_begin_object(out, "secureBootPolicy");
    json_put_string(out, "secureBoot", secure_boot_name(c->secure_boot));
    json_put_string(out, "setupMode", fact_name(c->setup_mode));
    json_put_string(out, "auditMode", fact_name(c->audit_mode));
    json_put_string(out, "deployedMode", fact_name(c->deployed_mode));
    json_put_string(out, "shimValidation", fact_name(c->shim_validation));
    json_put_string(out, "microsoft2011", fact_name(c->ms_2011));
    json_put_string(out, "microsoft2023", fact_name(c->ms_2023));
    put_generations(out, "kekGenerations", &c->kek);
    put_generations(out, "dbGenerations", &c->db);
    if (c->authority_generation)
        json_put_integer(out, "authorityGeneration", c->authority_generation);
    else
        json_put_null(out, "authorityGeneration");
    json_put_string(out, "sbatLevel", c->sbat_level);
    put_keys(out, "PK", &c->pk);
    put_keys(out, "KEK", &c->kek);
    put_keys(out, "db", &c->db);
    put_keys(out, "dbx", &c->dbx);
    json_begin_array(out, "authorities");
    for (size_t i = 0; i < c->n_authorities; i++) {
        json_begin_object(out, NULL);
        json_put_integer(out, "event", c->authorities[i].event);
        json_put_boolean(out, "proved", c->authorities[i].proved);
        json_put_string(out, "source", c->authorities[i].source);
        json_put_string(out, "name", c->authorities[i].key.name);
        json_end(out);
    }
    json_end(out);
    json_end(out);
}

static void put_images(struct json_out *out, const struct bootchain *c)
{
    static const char *const roles[] = { "firmwareApplication", "loader", "kernel", "unifiedKernelImage", "driver" };

    json_begin_array(out, "images");
    for (size_t i = 0; i < c->n_images; i++) {
        const struct boot_image *image = &c->images[i];
        json_begin_object(out, NULL);
        json_put_integer(out, "event", image->event);
        json_put_integer(out, "pcr", image->pcr);
        json_put_string(out, "role", roles[image->role]);
        json_put_string(out, "name", image->name);
        json_put_string(out, "path", image->path);
        json_put_string(out, "authority", image->authority ? image->authority->key.name : NULL);
        json_begin_object(out, "digests");
        for (size_t k = 0; k < image->n_digests; k++)
            json_put_hex(out, digest_name(image->digests[k].algorithm), digest_bytes(&image->digests[k]));
        json_end(out);
        json_end(out);
    }
    json_end(out);
}

static void put_components(struct cli *cli, struct json_out *out, const struct component_list *list)
{
    json_begin_array(out, "components");
    for (size_t i = 0; i < list->n; i++) {
        const struct component *c = &list->items[i];
        json_begin_object(out, NULL);
        json_put_string(out, "phase", phase_name(c->phase));
        json_put_integer(out, "pcr", c->pcr);
        json_put_integer(out, "event", c->event);
        json_put_string(out, "kind", component_kind_slug(c->kind));
        json_put_string(out, "name", c->name);
        json_put_string(out, "text", c->text);
        json_put_string(out, "signer", c->signer);
        json_put_string(out, "digest", component_digest_text(&cli->arena, c));
        json_end(out);
    }
    json_end(out);
}

static const struct json *chain_value(struct cli *cli, const struct log_tool *t)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    const struct bootchain *c = &t->chain;

    json_begin_object(&out, NULL);
    json_put_boolean(&out, "registersGiven", t->pcrs != NULL);
    json_put_string(&out, "boot", plain_boot_summary(&cli->arena, c));
    json_put_string(&out, "flow", plain_boot_flow(c->flow));
    json_put_string(&out, "kernel", c->kernel);
    json_put_string(&out, "commandLine", c->command_line);
    json_put_string(&out, "osRelease", c->os_release);
    json_put_string(&out, "initrd", plain_initrd(c->initrd));
    json_begin_object(&out, "phases");
    for (enum phase p = PHASE_FIRMWARE; p <= PHASE_OS; p++)
        json_put_string(&out, phase_name(p), plain_phase_summary(&cli->arena, c, p));
    json_end(&out);
    put_policy(&out, c);
    put_images(&out, c);
    put_components(cli, &out, &c->components);
    json_put_string(&out, "reference", t->reference ? reference_words(&cli->arena, t->reference, clock_now_ms()) : NULL);
    findings_put(&cli->arena, &out, "findings", &t->findings, NULL);
    json_end(&out);
    return cli_json(cli, &w);
}

static void chain_table(struct cli *cli, const struct json *v)
{
    static const char *const headings[] = { "PHASE", "PCR", "WHAT", "SIGNED BY", "DIGEST" };
    const struct json *components = json_get(v, "components");
    struct table *t = table_new(&cli->arena, headings, ARRAY_LEN(headings));

    printf("%s\n\n", show_member(cli, v, "boot"));
    for (enum phase p = PHASE_FIRMWARE; p <= PHASE_OS; p++)
        print_named(2, 18, phase_title(p), show_member(cli, json_get(v, "phases"), phase_name(p)));
    puts("");
    for (size_t i = 0; i < components->array.n; i++) {
        const struct json *c = components->array.items[i];
        const char *digest = show_member(cli, c, "digest"), *text = show_member(cli, c, "text"), *name = show_member(cli, c, "name");
        int64_t pcr = -1;
        table_row(t, (const char *const[]){ show_member(cli, c, "phase"),
                                            json_as_integer(json_get(c, "pcr"), &pcr) ? arena_printf(&cli->arena, "%d", (int)pcr) : NULL,
                                            text ? arena_printf(&cli->arena, "%s: %.60s", name, text) : name, show_member(cli, c, "signer"),
                                            digest ? arena_printf(&cli->arena, "%.19s", digest) : NULL });
    }
    table_print(t);
    printf("\nReference data: %s\n", show_member(cli, v, "reference") ? show_member(cli, v, "reference") : "none");
    findings_section(cli, "Findings", json_get(v, "findings"), FINDINGS_JUDGED);
}

static int run_show(struct cli *cli)
{
    struct log_tool *t = ARENA_NEW(&cli->arena, struct log_tool);
    const char *paths[LIMIT_LOGS];
    const struct refdata *data = NULL;
    struct err err = ERR_INIT;
    const struct json *v;
    size_t n = 0;
    int code;

    for (int i = 0; i < cli->n_arguments; i++)
        paths[n++] = cli->arguments[i];
    while (n < LIMIT_LOGS && cli_option_at(cli, "log", n - (size_t)cli->n_arguments)) {
        paths[n] = cli_option_at(cli, "log", n - (size_t)cli->n_arguments);
        n++;
    }
    if (!n)
        return cli_fail(EXIT_USAGE, "an event log is needed: FILE or --log FILE");
    code = t ? log_tool_open(cli, paths, n, t) : cli_fail(EXIT_ERROR, "out of memory");
    if (code == EXIT_OK && !cli_reference(cli, &data, &err))
        code = cli_fail_input(&err);
    if (code == EXIT_OK) {
        t->reference = data ? &data->reference : NULL;
        code = log_tool_registers(cli, t);
    }
    if (code == EXIT_OK)
        code = log_tool_boot(cli, t);
    if (code != EXIT_OK)
        return code;
    v = chain_value(cli, t);
    code = v ? cli_print(cli, v, chain_table) : EXIT_ERROR;
    return code == EXIT_OK ? log_tool_state(t) : code;
}

static const struct cli_option options[] = { { "log", "FILE", "event log; several are joined in order" },
                                             { "pcrs", "FILE", "register values that decide which events count" },
                                             { "data", "FILE", "reference data pack (default: what `trueboot data show` names)" } };
const struct cli_command command_bootchain_show = {
    "bootchain show", "[FILE…]", 0, LIMIT_LOGS, "What a boot consisted of, by its log", options, ARRAY_LEN(options), run_show
};
