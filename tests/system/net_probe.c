/* One request as the agent makes it, and what became of it as the agent would report it: for network_classes.py.
 *
 * usage: net_probe BODY_BYTES KEY=VALUE…       prints {"code","reason","message","number"}, or null when there was an answer */
#include <stdio.h>
#include <stdlib.h>
#include "agent/protocol/server.h"
#include "agent/settings/config.h"

static bool configure(struct agent_config *config, struct arena *a, char **pairs, struct err *err)
{
    config_defaults(config);
    for (; *pairs; pairs++) {
        struct bytes pair = bytes_of_string(*pairs);
        size_t equals = bytes_find(pair, BYTES_LIT("="));

        if (equals == SIZE_MAX)
            return err_set(err, ERR_MALFORMED, "KEY=VALUE is wanted");
        if (!config_set(config, a, "argument", bytes_slice(pair, 0, equals), bytes_of_string(*pairs + equals + 1), err))
            return false;
    }
    return true;
}

static bool ask(const struct agent_config *config, struct arena *a, struct bytes body, struct failure *why)
{
    struct server_config server_config = server_config_of(config, config->endpoint);
    struct server *server CLEANUP(server_close_at) = NULL;
    struct server_answer answer;

    if (!server_open(&server_config, &server, why) || !server_post(server, "/probe", body, NULL, a, &answer, why))
        return false;
    return answer.status < 300 ? true : server_refusal(&answer, why);
}

int main(int argc, char **argv)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct writer body CLEANUP(writer_done) = { 0 }, w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    struct failure why = FAILURE_INIT;
    struct err err = ERR_INIT;
    struct agent_config config;

    if (argc < 2 || !configure(&config, &a, argv + 2, &err)) {
        fprintf(stderr, "net_probe: %s\n", err.text);
        return EXIT_FAILURE;
    }
    write_string(&body, "{}");
    for (long n = strtol(argv[1], NULL, 10); n > 2; n--)
        write_string(&body, " ");
    if (!ask(&config, &a, writer_bytes(&body), &why))
        failure_put(&out, NULL, &why);
    else
        json_put_null(&out, NULL);
    printf("%.*s\n", BYTES_FMT(writer_bytes(&w)));
    return EXIT_SUCCESS;
}
