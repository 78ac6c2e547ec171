#include "truebootd/config.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void print_help(void)
{
    puts("usage: truebootd [--data DIR] [--listen ADDR:PORT] [--url URL] [--profile default|demo] [--verbose]\n"
         "\n"
         "The trueboot server: attestation service, monitor and inventory in one process.\n"
         "\n"
         "  --data DIR          where everything is kept: database, keys (0600), DIR/ca.pem, DIR/truebootd.sock\n"
         "                      (without it /var/lib/trueboot and /run/trueboot for root, the XDG folders for others)\n"
         "  --listen ADDR:PORT  TLS address for agents and clients (default 0.0.0.0:8443)\n"
         "  --url URL           the name that goes into tokens as issuer (default https://localhost:PORT or https://HOSTNAME:PORT)\n"
         "  --profile NAME      \"demo\" shortens every interval and deadline to seconds; it is shown in each status\n"
         "  --verbose           log every request");
}

/* Without --data: the system's places for root, the user's own otherwise. */
static bool default_places(struct config *c)
{
    const char *home = getenv("HOME"), *data = getenv("XDG_DATA_HOME"), *run = getenv("XDG_RUNTIME_DIR");
    int n;

    if (geteuid() == 0) {
        snprintf(c->data, sizeof c->data, "/var/lib/trueboot");
        snprintf(c->socket, sizeof c->socket, "/run/trueboot/truebootd.sock");
        return true;
    }
    if (data && *data)
        n = snprintf(c->data, sizeof c->data, "%s/trueboot", data);
    else
        n = snprintf(c->data, sizeof c->data, "%s/.local/share/trueboot", home ? home : ".");
    if (run && *run)
        snprintf(c->socket, sizeof c->socket, "%s/trueboot/truebootd.sock", run);
    else
        snprintf(c->socket, sizeof c->socket, "%s", "");
    return n > 0 && (size_t)n < sizeof c->data;
}

static bool take_profile(const char *name, struct config *c)
{
    if (strcmp(name, "demo") == 0)
        c->times = &health_times_demo;
    else if (strcmp(name, "default") == 0)
        c->times = &health_times_default;
    else
        return false;
    c->profile = name;
    return true;
}

static bool absolute(const char *dir, char ret[static PATH_MAX])
{
    char here[PATH_MAX];

    if (dir[0] == '/')
        return snprintf(ret, PATH_MAX, "%s", dir) < PATH_MAX;
    return getcwd(here, sizeof here) && snprintf(ret, PATH_MAX, "%.*s/%s", PATH_MAX / 2, here, dir) < PATH_MAX;
}

enum config_outcome config_read(int argc, char **argv, struct config *ret)
{
    static const struct option options[] = {
        { "data", required_argument, NULL, 'd' }, { "listen", required_argument, NULL, 'l' },
        { "url", required_argument, NULL, 'u' },  { "profile", required_argument, NULL, 'p' },
        { "verbose", no_argument, NULL, 'v' },    { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },    { NULL, 0, NULL, 0 },
    };
    struct config c = { .listen = "0.0.0.0:8443", .profile = "default", .times = &health_times_default };
    const char *data = NULL;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'd')
            data = optarg;
        else if (option == 'l')
            c.listen = optarg;
        else if (option == 'u')
            c.url = optarg;
        else if (option == 'v')
            c.verbose = true;
        else if (option == 'h' || option == 'V') {
            if (option == 'h')
                print_help();
            else
                puts("truebootd " TRUEBOOT_VERSION);
            return CONFIG_DONE;
        } else if (option != 'p' || !take_profile(optarg, &c)) {
            fprintf(stderr, "truebootd: see truebootd --help\n");
            return CONFIG_WRONG;
        }
    }
    if (optind != argc || !(data ? absolute(data, c.data) : default_places(&c))) {
        fprintf(stderr, "truebootd: unexpected argument; see truebootd --help\n");
        return CONFIG_WRONG;
    }
    if (!c.socket[0] && snprintf(c.socket, sizeof c.socket, "%.*s/truebootd.sock", PATH_MAX - 32, c.data) >= PATH_MAX)
        return CONFIG_WRONG;
    *ret = c;
    return CONFIG_RUN;
}
