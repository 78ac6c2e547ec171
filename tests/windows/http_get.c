/* http_get URL [CA-FILE] [PROXY [CREDENTIALS]]: one GET by http/client/client.h; prints the failure's slug, or the status and the body's length. */
#include <stdio.h>
#include "http/client/client.h"

int main(int argc, char **argv)
{
    const struct http_client_config config = { .ca_file = argc > 2 && *argv[2] ? argv[2] : NULL,
                                               .proxy = argc > 3 ? argv[3] : NULL,
                                               .proxy_credentials = argc > 4 ? argv[4] : NULL,
                                               .connect_timeout_ms = 20000,
                                               .first_byte_timeout_ms = 6000,
                                               .max_response = 64 * 1024 };
    struct http_client *client CLEANUP(http_client_free_at) = NULL;
    struct arena a CLEANUP(arena_done) = { 0 };
    enum http_failure failure;
    struct http_answer answer;
    struct err err = ERR_INIT;
    struct http_call call = { .method = "GET", .url = argc > 1 ? argv[1] : "" };

    if (!http_client_new(&config, &client, &err)) {
        printf("no client: %s\n", err.text);
        return 1;
    }
    for (int i = 0; i < 2; i++) { /* the second one over the connection that is there */
        if (!http_client_send(client, &a, &call, &answer, &failure, &err)) {
            printf("%s\n", http_failure_slug(failure));
            fprintf(stderr, "%s\n", err.text);
            return 1;
        }
    }
    printf("%u %zu %.*s\n", answer.status, answer.body.len, BYTES_FMT(http_answer_header(&answer, "x-test")));
    return 0;
}
