/* trueboot-call: one HTTP request for trueboot: see cli/remote/call.h. */
#include "cli/remote/call.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/writer.h"
#include "http/client/client.h"

static int answer(const char *first_line, struct bytes rest)
{
    bool written = fprintf(stdout, "%s\n", first_line) > 0 && fwrite(rest.data, 1, rest.len, stdout) == rest.len;
    return written && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int failed(struct arena *a, enum http_failure failure, const struct err *err)
{
    const char *line = arena_printf(a, "0 %s %s", err_slug(err->code), http_failure_slug(failure));
    return line ? answer(line, bytes_of_string(err->text)) : EXIT_FAILURE;
}

/* Standard input is a socket, which cannot be opened by a path. */
static bool read_body(struct writer *to, struct err *err)
{
    uint8_t buffer[16384];
    size_t n;

    while ((n = fread(buffer, 1, sizeof buffer, stdin)) > 0)
        write_bytes(to, (struct bytes){ buffer, n });
    if (ferror(stdin))
        return err_set(err, ERR_IO, "the request cannot be read");
    return writer_ok(to) || err_set(err, ERR_LIMIT, "the request is larger than %d bytes", CALL_BODY_MAX);
}

int main(int argc, char **argv)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct writer body CLEANUP(writer_done) = { .limit = CALL_BODY_MAX };
    struct http_client *client CLEANUP(http_client_free_at) = NULL;
    const char *ca = getenv("TRUEBOOT_CA"), *token = getenv("TRUEBOOT_TOKEN"), *line;
    struct http_field credentials = { .name = BYTES_LIT("Authorization") };
    struct http_client_config config = { .ca_file = ca && *ca ? ca : NULL,
                                         .user_agent = "trueboot/" TRUEBOOT_VERSION,
                                         .max_response = CALL_ANSWER_MAX };
    enum http_failure failure = HTTP_FAILURE_NONE;
    struct http_answer response;
    struct err err = ERR_INIT;
    struct http_call call;

    if (argc < 3 || argc > 4 || (argc == 4 && strncmp(argv[3], "unix:", 5) != 0)) {
        fputs("usage: " CALL_PROGRAM " METHOD URL [unix:SOCKET] (trueboot runs it)\n", stderr);
        return EXIT_FAILURE;
    }
    call = (struct http_call){ .method = argv[1], .url = argv[2] };
    if (argc == 4) {
        config.unix_socket = argv[3] + strlen("unix:");
    } else if (token && *token) {
        line = arena_printf(&a, "Bearer %s", token);
        credentials.value = line ? bytes_of_string(line) : BYTES_NONE;
        call.headers = &credentials;
        call.n_headers = 1;
    }
    if (!read_body(&body, &err) || !http_client_new(&config, &client, &err))
        return failed(&a, failure, &err);
    call.body = writer_bytes(&body);
    if (!http_client_send(client, &a, &call, &response, &failure, &err))
        return failed(&a, failure, &err);
    line = arena_printf(&a, "%u", response.status);
    return line ? answer(line, response.body) : EXIT_FAILURE;
}
