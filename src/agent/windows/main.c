/* trueboot-agent.exe: the guest agent on Windows. Its settings lie in %ProgramData%\trueboot-agent\agent.conf, its state beside them. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include "agent/session/session.h"
#include "agent/windows/service.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/log.h"

enum { EXIT_USAGE = 2, EXIT_BAD_SETTINGS = 53 };

struct invocation {
    struct arena arena;
    struct agent_config config;
    const char *file, *output;
    struct bytes nonce;
    unsigned cycles;
    bool no_start_delay, anew;
};

static int refused(const char *what, const struct failure *why)
{
    fprintf(stderr, "trueboot-agent: %s: %s [%s]\n", what, why->text, failure_name(why->id));
    return 1;
}

static void say(void *context UNUSED, const char *step, const char *detail)
{
    fprintf(stderr, "trueboot-agent: %s%s%s\n", step, detail ? ": " : "", detail ? detail : "");
}

static void open_session(struct invocation *in, struct session *session)
{
    session_init(session, &in->config);
    session->progress = say;
}

static HANDLE stop_event;

static BOOL WINAPI on_console(DWORD event UNUSED)
{
    SetEvent(stop_event);
    return TRUE;
}

static int verb_run(struct invocation *in)
{
    struct windows_daemon daemon = { .config = &in->config, .cycles = in->cycles, .no_start_delay = in->no_start_delay };
    int code;

    daemon.stop = stop_event = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (!daemon.stop)
        return SERVICE_EXIT_FAILED;
    if (service_dispatch(&daemon, &code))
        return code;
    SetConsoleCtrlHandler(on_console, TRUE);
    return windows_daemon_run(&daemon);
}

static int verb_enroll(struct invocation *in)
{
    struct session session CLEANUP(session_done);
    struct failure why = FAILURE_INIT;

    open_session(in, &session);
    if (!session_enrol(&session, in->anew, &why))
        return refused("enroll", &why);
    printf("%s\n", session.state.vm_id);
    return 0;
}

static int put_out(const char *path, struct bytes content)
{
    struct err err = ERR_INIT;

    if (strcmp(path, "-") == 0)
        return fwrite(content.data, 1, content.len, stdout) == content.len && fflush(stdout) == 0 ? 0 : 1;
    if (file_write(path, content, 0600, &err))
        return 0;
    fprintf(stderr, "trueboot-agent: %s\n", err.text);
    return 1;
}

static int verb_once(struct invocation *in)
{
    struct session session CLEANUP(session_done);
    struct writer evidence CLEANUP(writer_done) = { 0 };
    struct failure why = FAILURE_INIT;
    struct attest_result result;

    open_session(in, &session);
    if (in->output)
        return session_evidence(&session, in->nonce, &evidence, &why) ? put_out(in->output, writer_bytes(&evidence))
                                                                      : refused("once", &why);
    if (!session_attest(&session, &in->arena, &result, &why))
        return refused("once", &why);
    return put_out("-", result.token);
}

static int verb_reset(struct invocation *in)
{
    const struct ak_options options = { .handle = in->config.ak_handle, .handle_fallback = in->config.ak_handle_fallback };
    struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
    struct session session CLEANUP(session_done);
    struct failure why = FAILURE_INIT;
    struct err err = ERR_INIT;

    session_init(&session, &in->config);
    if (!tpm_device_open(in->config.tcti, &tpm, &why) || !ak_forget(tpm, &options, &session.state.ak, &why))
        return refused("reset", &why);
    if (state_erase(in->config.state_dir, &err))
        return 0;
    fprintf(stderr, "trueboot-agent: reset: %s\n", err.text);
    return 1;
}

static int verb_install(struct invocation *in UNUSED) { return service_install(); }
static int verb_uninstall(struct invocation *in UNUSED) { return service_remove(); }

static int verb_version(struct invocation *in UNUSED)
{
    puts("trueboot-agent " TRUEBOOT_VERSION " (Windows)");
    return 0;
}

static int verb_help(struct invocation *in);

static const struct {
    const char *name;
    int (*run)(struct invocation *in);
    const char *help;
} verbs[] = {
    { "run", verb_run, "attest and report until told to stop; as a service, or in a console" },
    { "enroll", verb_enroll, "get a certificate for this TPM's attestation key" },
    { "once", verb_once, "one attestation, token to standard output; with --output an evidence file, without a server" },
    { "install", verb_install, "become a service" },
    { "uninstall", verb_uninstall, "stop being one; the identity stays" },
    { "reset", verb_reset, "forget key, certificate and state, before an image is captured" },
    { "version", verb_version, "print the version" },
    { "help", verb_help, "print this" },
};

static int verb_help(struct invocation *in UNUSED)
{
    size_t n;
    const struct config_key *keys = config_keys(&n);

    puts("Usage: trueboot-agent VERB [--config FILE] [--set KEY=VALUE]… [--output FILE] [--nonce HEX] [--cycles N] [--no-start-delay] "
         "[--reset]\n");
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        printf("  %-10s %s\n", verbs[i].name, verbs[i].help);
    puts("\nKeys of the configuration:");
    for (size_t i = 0; i < n; i++)
        printf("  %-20s %s\n", keys[i].key, keys[i].help);
    return 0;
}

static bool take_option(struct invocation *in, int option, const char *value, struct err *err)
{
    const char *equals;

    switch (option) {
    case 's':
        equals = strchr(value, '=');
        return equals ? config_set(&in->config, &in->arena, "--set", (struct bytes){ (const uint8_t *)value, (size_t)(equals - value) },
                                   bytes_of_string(equals + 1), err)
                      : err_set(err, ERR_MALFORMED, "--set: KEY=VALUE is wanted");
    case 'o':
        in->output = value;
        return true;
    case 'n':
        return hex_decode(&in->arena, bytes_of_string(value), &in->nonce, err);
    case 'y':
        in->cycles = (unsigned)strtoul(value, NULL, 10);
        return true;
    case 'd':
        return in->no_start_delay = true;
    case 'r':
        return in->anew = true;
    case 'c': /* taken in the first round */
        return true;
    default:
        return err_set(err, ERR_UNSUPPORTED, "see `trueboot-agent help`");
    }
}

/* Two rounds: which file, then what overrides it. */
static bool take_options(struct invocation *in, int argc, char **argv, bool first, struct err *err)
{
    static const struct option options[] = {
        { "config", required_argument, NULL, 'c' }, { "set", required_argument, NULL, 's' },
        { "output", required_argument, NULL, 'o' }, { "nonce", required_argument, NULL, 'n' },
        { "cycles", required_argument, NULL, 'y' }, { "no-start-delay", no_argument, NULL, 'd' },
        { "reset", no_argument, NULL, 'r' },        { NULL, 0, NULL, 0 },
    };
    int option;

    optind = 1;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (first && option == 'c')
            in->file = optarg;
        if (!first && !take_option(in, option, optarg, err))
            return false;
    }
    return true;
}

/* %ProgramData%\trueboot-agent: settings, state and logs; its access list is the installer's. */
static bool load(struct invocation *in, struct err *err)
{
    const char *data = getenv("ProgramData");
    char *folder = arena_printf(&in->arena, "%s\\trueboot-agent", data ? data : "C:\\ProgramData");
    char *file = folder ? arena_printf(&in->arena, "%s\\agent.conf", folder) : NULL;
    struct config_places places = { .fw_cfg = "", .file = in->file };

    if (!file)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    if (!places.file)
        places.file = file_exists(file) ? file : "";
    return config_load(&in->config, &in->arena, &places, err) &&
           (in->config.state_dir || config_set(&in->config, &in->arena, "default", BYTES_LIT("state.dir"), bytes_of_string(folder), err));
}

int main(int argc, char **argv)
{
    struct invocation in = { .file = NULL };
    const char *verb = argc > 1 ? argv[1] : "help";
    struct err err = ERR_INIT;

    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        int code;

        if (strcmp(verbs[i].name, verb) != 0)
            continue;
        if (!take_options(&in, argc - 1, argv + 1, true, &err) || !load(&in, &err) || !take_options(&in, argc - 1, argv + 1, false, &err)) {
            fprintf(stderr, "trueboot-agent: configuration: %s\n", err.text);
            return EXIT_BAD_SETTINGS;
        }
        code = verbs[i].run(&in);
        arena_done(&in.arena);
        return code;
    }
    fprintf(stderr, "trueboot-agent: no such verb; see `trueboot-agent help`\n");
    return EXIT_USAGE;
}
