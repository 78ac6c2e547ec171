/* trueboot-call: one HTTP request for trueboot: see cli/call.h. */
#include "cli/call.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "http/client.h"

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

int main(int argc, char **argv)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct http_client *client CLEANUP(http_client_free_at) = NULL;
    const char *ca = getenv("TRUEBOOT_CA"), *line;
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
    if (argc == 4)
        config.unix_socket = argv[3] + strlen("unix:");
    if (!file_read_in(&a, "/proc/self/fd/0", CALL_BODY_MAX, &call.body, &err) || !http_client_new(&config, &client, &err) ||
        !http_client_send(client, &a, &call, &response, &failure, &err))
        return failed(&a, failure, &err);
    line = arena_printf(&a, "%u", response.status);
    return line ? answer(line, response.body) : EXIT_FAILURE;
}
