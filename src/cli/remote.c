/* Talking to truebootd: over its local socket on the same machine, or over TLS. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "cli/cli.h"
#include "http/client.h"

/* --server, TRUEBOOT_SERVER, or the places of architecture.md 8. */
static const char *server_place(struct cli *cli)
{
    const char *run = getenv("XDG_RUNTIME_DIR"), *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME"), *place;

    if (cli->server)
        return cli->server;
    place = getenv("TRUEBOOT_SERVER");
    if (place && *place)
        return place;
    if (geteuid() == 0)
        return "/run/trueboot/truebootd.sock";
    if (run && *run)
        return arena_printf(&cli->arena, "%s/trueboot/truebootd.sock", run);
    return data && *data ? arena_printf(&cli->arena, "%s/trueboot/truebootd.sock", data)
                         : arena_printf(&cli->arena, "%s/.local/share/trueboot/truebootd.sock", home ? home : ".");
}

static bool open_client(struct cli *cli, const char **ret_base, struct http_client **ret, struct err *err)
{
    const char *place = server_place(cli), *ca = getenv("TRUEBOOT_CA");
    struct http_client_config config = { .ca_file = ca && *ca ? ca : NULL, .user_agent = "trueboot/" TRUEBOOT_VERSION };

    if (!place)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    if (strncmp(place, "https://", 8) == 0) {
        *ret_base = place;
    } else {
        config.unix_socket = place;
        *ret_base = "http://localhost";
        if (!file_exists(place))
            return err_set(err, ERR_UNREACHABLE, "no server is running here (%s is not there): start truebootd, or name one with --server",
                           place);
    }
    return http_client_new(&config, ret, err);
}

unsigned remote_try(struct cli *cli, const char *method, const char *path, const char *body, const struct json **ret, struct err *err)
{
    struct http_client *client CLEANUP(http_client_free_at) = NULL;
    enum http_failure failure = HTTP_FAILURE_NONE;
    struct http_answer answer;
    struct http_call call = { .method = method, .body = body ? bytes_of_string(body) : BYTES_NONE };
    const char *base;

    if (!open_client(cli, &base, &client, err))
        return 0;
    call.url = arena_printf(&cli->arena, "%s%s", base, path);
    if (!call.url || !http_client_send(client, &cli->arena, &call, &answer, &failure, err)) {
        if (failure == HTTP_FAILURE_CONNECT_REFUSED)
            err_set(err, ERR_UNREACHABLE, "the server does not answer at %s: start truebootd, or name one with --server",
                    server_place(cli));
        return 0;
    }
    *ret = &json_null;
    if (answer.body.len && !json_parse(&cli->arena, answer.body, NULL, ret, err)) {
        err_within(err, "the server's answer");
        return 0;
    }
    return answer.status;
}

static int fail_status(struct cli *cli, unsigned status, const struct json *answer)
{
    const struct json *error = json_get(answer, "error");
    const char *message = show_member(cli, error, "message");
    enum exit_code code = status == 404                    ? EXIT_NOT_FOUND
                          : status == 401 || status == 403 ? EXIT_PERMISSION
                          : status == 409 || status == 412 ? EXIT_CONFLICT
                                                           : EXIT_ERROR;

    return cli_fail(code, "%s", message ? message : arena_printf(&cli->arena, "the server answered with status %u", status));
}

int remote_call(struct cli *cli, const char *method, const char *path, const char *body, const struct json **ret)
{
    const struct json *answer = &json_null;
    struct err err = ERR_INIT;
    unsigned status = remote_try(cli, method, path, body, &answer, &err);

    if (status == 0)
        return cli_fail_err(&err);
    if (status >= 300)
        return fail_status(cli, status, answer);
    if (ret)
        *ret = answer;
    return EXIT_OK;
}
