/* trueboot-agent: the guest agent's verbs (guest-agent.md 1.1). Options and their help come from the tables below and of config.h. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include "agent/verbs/verb.h"
#include "base/distance.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/utf8.h"
#include "crypto/secret.h"

struct verb {
    const char *name;
    int (*run)(struct invocation *in);
    enum { CONFIG_NONE, CONFIG_IF_FINE /* a handler's verbs work with a broken agent.conf, too */, CONFIG_NEEDED } config;
    const char *help;
};

static int verb_version(struct invocation *in UNUSED)
{
    printf("trueboot-agent " TRUEBOOT_VERSION "\n");
    return 0;
}

static int verb_help(struct invocation *in);

static const struct verb verbs[] = {
    { "run", verb_run, CONFIG_NEEDED, "attest and report until told to stop" },
    { "enroll", verb_enroll, CONFIG_NEEDED, "get a certificate for this TPM's attestation key" },
    { "once", verb_once, CONFIG_NEEDED, "one attestation, token to standard output; with --output an evidence file, without a server" },
    { "status", verb_status, CONFIG_NEEDED, "what the running agent last did, as JSON" },
    { "diagnose", verb_diagnose, CONFIG_IF_FINE,
      "say what is wrong with this machine or its way to the server, and what would help; changes nothing" },
    { "reset", verb_reset, CONFIG_NEEDED, "forget key, certificate and state, before an image is captured" },
    { "install", verb_install, CONFIG_IF_FINE, "VM extension, or by hand: program, folders, service" },
    { "enable", verb_enable, CONFIG_IF_FINE, "VM extension: apply the settings, start the daemon" },
    { "update", verb_update, CONFIG_IF_FINE, "VM extension: take over from another version" },
    { "disable", verb_disable, CONFIG_IF_FINE, "VM extension: stop the daemon" },
    { "uninstall", verb_uninstall, CONFIG_IF_FINE, "VM extension, or by hand: remove them; the identity stays" },
    { "collect-logs", verb_collect_logs, CONFIG_NEEDED, "root: copy the logs of the boot to where the daemon may read them (Linux)" },
    { "publish", verb_publish, CONFIG_IF_FINE, "root: pass the daemon's status on to the VM agent" },
    { "version", verb_version, CONFIG_NONE, "print the version" },
    { "help", verb_help, CONFIG_NONE, "print this" },
};

enum { MOST_CYCLES = 1000000 };

/* Options of our own, and those that are another spelling of a configuration key. */
enum option_id {
    OPT_CONFIG = 256,
    OPT_FW_CFG,
    OPT_SET,
    OPT_ROOT,
    OPT_SERVICES,
    OPT_EVERY,
    OPT_OUTPUT,
    OPT_NONCE,
    OPT_NO_START_DELAY,
    OPT_CYCLES,
    OPT_RESET,
    OPT_VIA_DAEMON,
    OPT_DEBUG,
    OPT_JSON,
    OPT_OFFLINE,
    OPT_ATTEST,
    OPT_PREFLIGHT,
    OPT_BUNDLE,
    OPT_PURGE,
    OPT_KEY
};

static const struct option_row {
    const char *name, *argument;
    int id;
    const char *key;   /* OPT_KEY */
    const char *verbs; /* whose it is, with a space between; NULL: everybody's */
    const char *help;
} options[] = {
    { "config", "FILE", OPT_CONFIG, NULL, NULL, "instead of /etc/trueboot-agent/agent.conf" },
    { "fw-cfg", "FILE", OPT_FW_CFG, NULL, NULL, "instead of the hypervisor's opt/org.trueboot/agent; \"\" for none" },
    { "set", "KEY=VALUE", OPT_SET, NULL, NULL, "one configuration key; `trueboot-agent help` lists them" },
    { "endpoint", "URL", OPT_KEY, "attest.endpoint", NULL, "the server" },
    { "ca-file", "FILE", OPT_KEY, "net.ca_file", NULL, "CA certificates of the server" },
    { "tcti", "TCTI", OPT_KEY, "tpm.tcti", NULL, "which TPM, e.g. swtpm:path=SOCKET" },
    { "state-dir", "DIR", OPT_KEY, "state.dir", NULL, NULL },
    { "run-dir", "DIR", OPT_KEY, "run.dir", NULL, NULL },
    { "token-file", "FILE", OPT_KEY, "enroll.token_file", NULL, NULL },
    { "root", "DIR", OPT_ROOT, NULL, NULL, "work below another root than /, e.g. an image" },
    { "services", "KIND", OPT_SERVICES, NULL, "install enable update disable uninstall reset",
      "auto, systemd, direct (a plain container), scm (Windows) or none" },
    { "every", "SECONDS", OPT_EVERY, NULL, "publish", "again and again" },
    { "no-start-delay", NULL, OPT_NO_START_DELAY, NULL, "run", "attest at once" },
    { "cycles", "N", OPT_CYCLES, NULL, "run", "stop after N attestations, failed ones included" },
    { "reset", NULL, OPT_RESET, NULL, "enroll", "forget the enrolled key first" },
    { "via-daemon", NULL, OPT_VIA_DAEMON, NULL, "once", "let the running daemon attest now; its status to standard output" },
    { "output", "FILE", OPT_OUTPUT, NULL, "once", "evidence file to write, - for standard output" },
    { "nonce", "HEX", OPT_NONCE, NULL, "once", "the quote's qualifying data; random when not given" },
    { "json", NULL, OPT_JSON, NULL, "diagnose", "for programs" },
    { "offline", NULL, OPT_OFFLINE, NULL, "diagnose", "leave the network alone" },
    { "attest", NULL, OPT_ATTEST, NULL, "diagnose", "make one attestation, not reported, and print its claims" },
    { "preflight", NULL, OPT_PREFLIGHT, NULL, "diagnose", "before installing: can this machine reach and use what it needs?" },
    { "bundle", "FILE", OPT_BUNDLE, NULL, "diagnose", "also write an archive for support, without secrets" },
    { "purge", NULL, OPT_PURGE, NULL, "uninstall", "the machine's identity, too" },
    { "debug", NULL, OPT_DEBUG, NULL, NULL, "say more" },
};

static bool is_of(const struct option_row *option, const char *verb)
{
    size_t len = strlen(verb);

    for (const char *at = option->verbs; at && (at = strstr(at, verb)) != NULL; at += len)
        if ((at == option->verbs || at[-1] == ' ') && (at[len] == 0 || at[len] == ' '))
            return true;
    return !option->verbs;
}

static void print_option(const struct option_row *option, bool with_verbs)
{
    const char *argument = option->argument ? option->argument : "";
    const char *help = option->help ? option->help : option->key ? option->key : "";

    printf("  --%s%s%-*s %s%s%s\n", option->name, *argument ? " " : "", (int)(22 - strlen(option->name) - (*argument != 0)), argument,
           with_verbs && option->verbs ? option->verbs : "", with_verbs && option->verbs ? ": " : "", help);
}

static int verb_help(struct invocation *in UNUSED)
{
    size_t n;
    const struct config_key *keys = config_keys(&n);

    printf("trueboot-agent: proves how this machine started\n\nUsage: trueboot-agent VERB [OPTION…]\n\n");
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        printf("  %-12s %s\n", verbs[i].name, verbs[i].help);
    printf("\nOptions:\n");
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        print_option(&options[i], true);
    printf("\nKeys of the configuration:\n");
    for (size_t i = 0; i < n; i++)
        printf("  %-20s %s\n", keys[i].key, keys[i].help);
    return 0;
}

static int help_with(const struct verb *verb)
{
    printf("Usage: trueboot-agent %s [OPTION…]\n\n%s\n\nOptions:\n", verb->name, verb->help);
    for (unsigned own = 0; own < 2; own++)
        for (size_t i = 0; i < ARRAY_LEN(options); i++)
            if ((options[i].verbs == NULL) == own && is_of(&options[i], verb->name))
                print_option(&options[i], false);
    return 0;
}

/* A setting like those of the files: one that is wrong is told by the same exit code (6.5). */
static bool set_key(struct invocation *in, const char *place, struct bytes key, const char *value, struct err *err)
{
    in->bad_setting = !config_set(&in->config, &in->arena, place, key, bytes_of_string(value), err);
    return !in->bad_setting;
}

static bool set_pair(struct invocation *in, const char *place, const char *pair, struct err *err)
{
    const char *equals = strchr(pair, '=');

    if (!equals)
        return err_set(err, ERR_MALFORMED, "%s: KEY=VALUE is wanted", place);
    return set_key(in, place, (struct bytes){ (const uint8_t *)pair, (size_t)(equals - pair) }, equals + 1, err);
}

/* A number in digits and nothing else; 0: it is none from 1 to `most`. */
static unsigned count_of(const char *text, unsigned most)
{
    unsigned long value = 0;

    for (const char *c = text; *c; c++)
        if (*c < '0' || *c > '9' || (value = value * 10 + (unsigned long)(*c - '0')) > most)
            return 0;
    return (unsigned)value;
}

static bool take_option(struct invocation *in, size_t i, const char *value, struct err *err)
{
    switch (options[i].id) {
    case OPT_SET:
        return set_pair(in, "--set", value, err);
    case OPT_KEY:
        if (strcmp(options[i].key, "enroll.token_file") == 0)
            in->token_file = value;
        return set_key(in, arena_printf(&in->arena, "--%s", options[i].name), bytes_of_string(options[i].key), value, err);
    case OPT_SERVICES:
        return verb_take_services(in, value, err);
    case OPT_EVERY:
        in->every_seconds = count_of(value, 3600);
        return in->every_seconds ? true : err_set(err, ERR_MALFORMED, "--every: 1 to 3600 seconds are wanted");
    case OPT_OUTPUT:
        in->output = value;
        return true;
    case OPT_NONCE:
        if (!hex_decode(&in->arena, bytes_of_string(value), &in->nonce, err) || !in->nonce.len || in->nonce.len > LIMIT_NONCE_BYTES)
            return err_set(err, ERR_MALFORMED, "--nonce: 1 to %d bytes in hexadecimal are wanted", LIMIT_NONCE_BYTES);
        return true;
    case OPT_CYCLES:
        in->cycles = count_of(value, MOST_CYCLES);
        return in->cycles ? true : err_set(err, ERR_MALFORMED, "--cycles: a number from 1 to %d is wanted", MOST_CYCLES);
    case OPT_NO_START_DELAY:
        return in->no_start_delay = true;
    case OPT_VIA_DAEMON:
        return in->via_daemon = true;
    case OPT_RESET:
        return in->anew = true;
    case OPT_JSON:
        return in->json = true;
    case OPT_OFFLINE:
        return in->offline = true;
    case OPT_ATTEST:
        return in->attest = true;
    case OPT_PREFLIGHT:
        return in->preflight = true;
    case OPT_BUNDLE:
        in->bundle = value;
        return true;
    case OPT_PURGE:
        return in->purge = true;
    case OPT_DEBUG:
        log_set_level(LOG_DEBUG);
        return true;
    default:
        return true; /* --config, --root and --fw-cfg were taken in the first round */
    }
}

/* Two rounds: where the configuration lies, then, when it is loaded, what overrides it. */
static bool parse_options(struct invocation *in, const struct verb *verb, int argc, char **argv, bool first, struct err *err)
{
    struct option table[ARRAY_LEN(options) + 1] = { 0 };
    int index, c;

    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        table[i] =
            (struct option){ .name = options[i].name, .has_arg = options[i].argument ? required_argument : no_argument, .val = OPT_KEY };
    optind = 1;
    while ((c = getopt_long(argc, argv, "", table, &index)) != -1) {
        if (c == '?')
            return err_set(err, ERR_UNSUPPORTED, "see `trueboot-agent %s --help`", verb->name);
        if (!is_of(&options[index], verb->name))
            return err_set(err, ERR_UNSUPPORTED, "--%s is no option of %s, but of %s", options[index].name, verb->name,
                           options[index].verbs);
        if (!first && !take_option(in, (size_t)index, optarg, err))
            return false;
        if (first && options[index].id == OPT_CONFIG)
            in->places.file = optarg;
        if (first && options[index].id == OPT_ROOT)
            in->root = optarg;
        if (first && options[index].id == OPT_FW_CFG)
            in->places.fw_cfg = optarg;
    }
    return optind >= argc ? true : err_set(err, ERR_UNSUPPORTED, "\"%s\" is one word too many", argv[optind]);
}

static const struct verb *find_verb(const char *name)
{
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        name = "version";
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

/* `trueboot-agent help VERB`, as well as `trueboot-agent VERB --help`. */
static bool asks_about(const struct verb *verb, int argc, char **argv)
{
    return argc == 3 && strcmp(verb->name, "help") == 0 && argv[2][0] != '-';
}

static int usage(const char *problem)
{
    fprintf(stderr, "trueboot-agent: %s\n", problem);
    return VERB_EXIT_USAGE;
}

static int usage_of_verb(const char *name)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct bytes word = bytes_slice(bytes_of_string(name), 0, DISTANCE_WORD_MAX);
    const char *shown = text_for_people(&a, word), *near = NULL;
    unsigned nearest = 3; /* verbs are short: at DISTANCE_NEAR most are near to each other */

    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        unsigned d = distance_between(word, verbs[i].name);

        near = d < nearest ? verbs[i].name : near;
        nearest = d < nearest ? d : nearest;
    }
    fprintf(stderr, "trueboot-agent: there is no verb \"%s\"%s%s%s; see `trueboot-agent help`\n", shown ? shown : "",
            near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    return VERB_EXIT_USAGE;
}

static int run_client(struct invocation *in, int argc, char **argv)
{
    struct err err = ERR_INIT;

    if (!config_load(&in->config, &in->arena, &in->places, &err) ||
        !places_init(&in->places_of, &in->arena, in->places.root, in->config.state_dir, in->config.run_dir, &err)) {
        fprintf(stderr, "trueboot-agent: configuration: %s\n", err.text);
        return VERB_EXIT_BAD_SETTINGS;
    }
    return verb_client(in, argc, argv);
}

static int do_as_told(int argc, char **argv)
{
    const struct verb *verb;
    struct invocation in = { .arguments = argv };
    struct err err = ERR_INIT;
    int code;

    verb = find_verb(argc > 1 ? argv[1] : "help");
    in.secrets = secret_memory_init(); /* before the first key */
    setenv("TSS2_LOG", "all+none", 0); /* the TPM library logs what we report ourselves */
    in.places.root = getenv("TRUEBOOT_AGENT_ROOT");
    if (argc > 0 && verb_is_client(argv[0]))
        return run_client(&in, argc, argv);
    if (!verb)
        return usage_of_verb(argv[1]);
    if (argc < 2)
        return verb_help(&in);
    if (argc > 2 && wants_help(argc - 2, argv + 2))
        return help_with(verb);
    if (asks_about(verb, argc, argv))
        return find_verb(argv[2]) ? help_with(find_verb(argv[2])) : usage_of_verb(argv[2]);
    if (!parse_options(&in, verb, argc - 1, argv + 1, true, &err))
        return usage(err.text);
    if (in.root && *in.root && !file_exists(in.root)) { /* a mistyped image would be made, or found to have nothing to wipe */
        fprintf(stderr, "trueboot-agent: --root: there is no folder %s\n", text_for_people(&in.arena, bytes_of_string(in.root)) ?: "");
        return VERB_EXIT_USAGE;
    }
    in.places.root = in.root ? in.root : in.places.root;
    config_defaults(&in.config);
    if (verb->config != CONFIG_NONE && !config_load(&in.config, &in.arena, &in.places, &err)) {
        fprintf(stderr, "trueboot-agent: configuration: %s\n", err.text);
        if (verb->config == CONFIG_NEEDED)
            return VERB_EXIT_BAD_SETTINGS;
        in.config_problem = arena_printf(&in.arena, "%s", err.text);
    }
    if (!parse_options(&in, verb, argc - 1, argv + 1, false, &err)) {
        usage(err.text);
        return in.bad_setting ? VERB_EXIT_BAD_SETTINGS : VERB_EXIT_USAGE;
    }
    if (!places_init(&in.places_of, &in.arena, in.places.root, in.config.state_dir, in.config.run_dir, &err))
        return usage(err.text);
    code = verb->run(&in);
    arena_done_secret(&in.arena); /* protected settings were taken apart in it */
    return code;
}

/* What was asked for and could not be printed was not done: a full disk behind `>`, a closed pipe. */
int main(int argc, char **argv)
{
    int code = do_as_told(argc, argv);

    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fprintf(stderr, "trueboot-agent: the output could not be written\n");
    return code ? code : VERB_EXIT_ERROR;
}
