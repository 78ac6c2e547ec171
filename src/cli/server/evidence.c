/* trueboot evidence get: what lies behind a verdict, as a file. (`evidence claims`: cli/offline/claims.c.) */
#include "base/file.h"
#include "cli/remote/remote.h"
#include "cli/server/commands.h"

static int run_evidence_get(struct cli *cli)
{
    const char *id = cli_option(cli, "appraisal"), *to = cli_option(cli, "output-file");
    const char *rest = arena_printf(&cli->arena, "/appraisals/%s/evidence", id ? id : "latest");
    const char *path = rest ? vm_route(cli, cli->arguments[0], rest) : NULL;
    const struct json *evidence;
    struct err err = ERR_INIT;
    const char *text;
    int code = path ? remote_call(cli, "GET", path, NULL, &evidence) : cli_fail(EXIT_ERROR, "out of memory");

    if (code != EXIT_OK)
        return code;
    text = json_to_string(&cli->arena, evidence, JSON_COMPACT);
    if (!text)
        return cli_fail(EXIT_ERROR, "out of memory");
    if (!to)
        return puts(text) < 0 ? EXIT_ERROR : EXIT_OK;
    return file_write(to, bytes_of_string(text), 0644, &err) ? EXIT_OK : cli_fail_err(&err);
}

static const struct cli_option evidence_options[] = {
    { "appraisal", "ID", "of which appraisal (default: the latest)" },
    { "output-file", "FILE", "write it there (NAME.evidence.json)" },
};
const struct cli_command command_evidence_get = { "evidence get",
                                                  "NAME",
                                                  1,
                                                  1,
                                                  "The evidence behind a VM's verdict, for `trueboot verify`",
                                                  evidence_options,
                                                  ARRAY_LEN(evidence_options),
                                                  run_evidence_get };
