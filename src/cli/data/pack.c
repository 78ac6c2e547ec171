/* trueboot data pack: makes a reference data pack of one's own, and signs it. */
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/file.h"
#include "base/utf8.h"
#include "cli/data/commands.h"
#include "refdata/make.h"
#include "refdata/refdata.h"

enum { INPUT_MAX = 16 * 1024 * 1024 };

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* "2023:FILE", or FILE alone. */
static const char *generation_of(const char *text, int *ret)
{
    char *end;
    long value = strtol(text, &end, 10);

    *ret = 0;
    if (end == text || *end != ':' || value < 0 || value > 9999)
        return text;
    *ret = (int)value;
    return end + 1;
}

static bool take_certificates(struct cli *cli, struct refdata_making *m, struct err *err)
{
    const char *path;
    struct bytes file;
    int generation;

    for (size_t i = 0; (path = cli_option_at(cli, "forbid", i)) != NULL; i++)
        if (!cli_read(cli, path, INPUT_MAX, &file, err) || !refdata_forbid(m, file, last_part(path), err))
            return err_within(err, "%s", path);
    for (size_t i = 0; (path = cli_option_at(cli, "known", i)) != NULL; i++) {
        path = generation_of(path, &generation);
        if (!cli_read(cli, path, INPUT_MAX, &file, err) || !refdata_know(m, file, generation, err))
            return err_within(err, "%s", path);
    }
    return true;
}

static bool make(struct cli *cli, struct boot_reference *ret, struct err *err)
{
    struct refdata_making m = {
        .a = &cli->arena, .vouched = true, .advice = cli_flag(cli, "advice", false), .as_of_ms = cli_time(cli, "as-of", 0)
    };
    const char *name = cli_option(cli, "name");
    struct bytes file;

    for (int i = 0; i < cli->n_arguments; i++)
        if (!cli_read(cli, cli->arguments[i], INPUT_MAX, &file, err) || !refdata_take(&m, file, last_part(cli->arguments[i]), err))
            return err_within(err, "%s", cli->arguments[i]);
    if (!take_certificates(cli, &m, err) || !refdata_made(&m, ret, err))
        return false;
    if (!refdata_entries(ret))
        return err_set(err, ERR_MALFORMED, "nothing to put into a pack");
    ret->name = text_for_people(&cli->arena, bytes_of_string(name ? name : last_part(cli_option(cli, "out"))));
    ret->as_of_ms = m.as_of_ms ? m.as_of_ms : clock_now_ms() / 1000 * 1000;
    return ret->name || err_set(err, ERR_NO_MEMORY, "no memory for reference data");
}

static bool write_pack(struct cli *cli, const struct boot_reference *made, struct err *err)
{
    struct writer text CLEANUP(writer_done) = { .limit = REFDATA_MAX_BYTES - 2048 },
                       sealed CLEANUP(writer_done) = { .limit = REFDATA_MAX_BYTES };
    struct privkey *key CLEANUP(privkey_free_at) = NULL;
    const char *path = cli_option(cli, "sign");
    struct bytes pem;

    reference_write(&text, made);
    if (!writer_ok(&text))
        return err_set(err, ERR_LIMIT, "the pack is larger than %d bytes", REFDATA_MAX_BYTES);
    if (!path)
        return file_write(cli_option(cli, "out"), writer_bytes(&text), 0644, err);
    if (!file_read_in(&cli->arena, path, 64 * 1024, &pem, err))
        return false;
    if (!privkey_from_pem(pem, &key, err))
        return err_within(err, "%s", path);
    return seal_write(&sealed, writer_bytes(&text), key, err) && file_write(cli_option(cli, "out"), writer_bytes(&sealed), 0644, err);
}

static int run_pack(struct cli *cli)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    struct refdata data = { .path = cli_option(cli, "out"), .origin = REFDATA_NAMED };
    struct err err = ERR_INIT;
    const struct json *v;

    if (!data.path)
        return cli_fail(EXIT_USAGE, "--out FILE: where to put the pack");
    if (!make(cli, &data.reference, &err) || !write_pack(cli, &data.reference, &err))
        return cli_fail_err(&err);
    if (!cli_option(cli, "sign"))
        fputs("trueboot: note: nobody signed it: `trueboot data update` refuses it until `trueboot data pack --sign KEY` has\n", stderr);
    json_begin_object(&out, NULL);
    refdata_put(&out, "pack", &data);
    json_put_boolean(&out, "signed", cli_option(cli, "sign") != NULL);
    json_end(&out);
    v = cli_json(cli, &w);
    return v ? cli_print(cli, v, NULL) : EXIT_ERROR;
}

static const struct cli_option pack_options[] = {
    { "out", "FILE", "where to put the pack" },
    { "sign", "KEY", "sign it with this private key (PEM: P-256, P-384, P-521, or RSA of at least 2048 bits)" },
    { "name", "NAME", "what the pack is called; without it, its file's name" },
    { "as-of", "DATE", "the date of the pack and of the lists in it; without it, now", VALUE_DATE },
    { "forbid", "CERT", "what this certificate signed is forbidden (repeatable)" },
    { "known", "YEAR:CERT", "a certificate to be called by its name, of this generation of Microsoft's keys (repeatable)" },
    { "advice", NULL, "forbid, too, what only descriptions name" },
};
const struct cli_command command_data_pack = {
    "data pack",
    "FILE…",
    0,
    CLI_ARGUMENTS_MAX,
    "Make a data pack of signed lists, descriptions, signature lists, shim, SBAT levels, other packs, and sign it",
    pack_options,
    ARRAY_LEN(pack_options),
    run_pack
};
