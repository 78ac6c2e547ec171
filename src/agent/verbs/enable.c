/* The verb enable (guest-agent.md 6.5-6.7, 6.9): settings in, configuration out, the daemon running, a status that says so. It returns when
 * the daemon has shown itself, and never waits for an attestation. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "agent/files/folder.h"
#include "agent/handler/handler.h"
#include "agent/handler/normalise.h"
#include "agent/handler/publish.h"
#include "agent/handler/unseal.h"
#include "agent/verbs/handler_verbs.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "crypto/digest.h"
#include "extension/compose.h"
#include "extension/outcome.h"

enum { STATE_WAIT_MS = 60 * 1000, VERDICT_WAIT_MS = 5 * 1000, POLL_MS = 200 };

struct enabling {
    struct invocation *in;
    struct handler h;
    struct attestation_config settings;
    struct protected_settings secrets;
    struct bytes secret_text; /* what the secrets are views of */
    struct agent_config effective;
    struct writer conf;
    char hash[65];
    struct handler_record record;
    bool had_record;
    int64_t now_ms;
};

static void enabling_done(struct enabling *e)
{
    wipe((void *)e->secret_text.data, e->secret_text.len);
    writer_done(&e->conf);
}

/* Settings. */

static bool open_protected(struct enabling *e, const struct handler_settings *settings, struct err *err)
{
    if (!settings->protected_cms.len)
        return true;
    return handler_unseal(e->h.environment.config_folder, settings->thumbprint, settings->protected_cms, &e->in->arena, &e->secret_text,
                          err) &&
           protected_settings_parse(&e->in->arena, e->secret_text, &e->secrets, err);
}

static const char *base_name(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;

    return slash ? slash + 1 : "the settings";
}

static bool read_settings(struct enabling *e, struct err *err)
{
    struct arena *a = &e->in->arena;
    struct bytes content CLEANUP(file_free) = BYTES_NONE, text = BYTES_NONE;
    struct handler_settings settings = { 0 };

    /* 6.6: without settings there is an empty 0.settings; a number whose file is not there must not put the defaults into force. */
    if (!e->h.settings_file && e->h.sequence)
        return err_set(err, ERR_NOT_FOUND, "%s%s%u.settings is not there", e->h.extension, *e->h.extension ? "." : "", e->h.sequence);
    /* Nor may a pipe, which is empty when nobody writes to it. */
    if (e->h.settings_file && !file_read_plain(e->h.settings_file, LIMIT_SETTINGS_BYTES, &content, err))
        return false;
    if (!arena_copy(a, content, &text))
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    if (!handler_settings_parse(a, text, &settings, err))
        return err_within(err, "%s", base_name(e->h.settings_file));
    if (!attestation_config_read(a, settings.public_settings, &e->settings, err) || !open_protected(e, &settings, err))
        return false;
    if (e->secrets.unknown_key.len)
        attestation_config_warn(&e->settings, a, "protectedSettings has a key that is unknown and ignored%s%s%s",
                                e->secrets.meant_key ? "; did you mean " : "", e->secrets.meant_key ? e->secrets.meant_key : "",
                                e->secrets.meant_key ? "?" : "");
    return true;
}

/* Configuration. */

static void hash_configuration(struct enabling *e)
{
    struct writer all CLEANUP(writer_done_secret) = { 0 };
    struct digest sha256;

    write_bytes(&all, writer_bytes(&e->conf));
    write_bytes(&all, e->secret_text);
    write_bytes(&all, e->secrets.proxy_credential); /* which may be the environment's */
    write_bytes(&all, e->settings.ca_bundle_pem);
    digest_compute(DIGEST_SHA256, writer_bytes(&all), &sha256);
    hex_encode(digest_bytes(&sha256), e->hash);
}

/* What the daemon will be told, all sources together. Without an endpoint it has nothing to do. */
static bool normalise(struct enabling *e, struct err *err)
{
    struct invocation *in = e->in;

    if (!normalise_take_proxy(&e->settings, &e->secrets, &in->arena, err) ||
        !normalise_write(&e->settings, &e->secrets, &in->places_of, verb_log_dir(in, e->h.environment.log_folder), &in->arena, &e->conf,
                         err) ||
        !config_load_without_handler(&e->effective, &in->arena, &in->places, err) ||
        !config_parse(&e->effective, &in->arena, "handler.conf", writer_bytes(&e->conf), err))
        return false;
    hash_configuration(e);
    if (e->effective.endpoint && *e->effective.endpoint)
        return true;
    if (e->settings.is_given)
        return err_set(err, ERR_MALFORMED, "AttestationConfig.MaaSettings.maaEndpoint is empty, and agent.conf names no attest.endpoint");
    attestation_config_warn(&e->settings, &in->arena,
                            "no attestation service is configured: maaEndpoint and attest.endpoint are both empty");
    return true;
}

static void fill_record(struct enabling *e)
{
    const struct handler_record before = e->record;
    struct handler_record *r = &e->record;

    *r = (struct handler_record){ .version = e->h.version,
                                  .sequence = e->h.sequence,
                                  .status_file = e->h.status_file,
                                  .heartbeat_file = e->h.environment.heartbeat_file,
                                  .events_folder = e->h.environment.events_folder,
                                  .log_folder = e->h.environment.log_folder,
                                  .operation = "Enable",
                                  .enabled_ms = e->now_ms,
                                  .first_enabled_ms = e->had_record && before.first_enabled_ms ? before.first_enabled_ms : e->now_ms,
                                  .applied_ms = e->now_ms,
                                  .config_sha256 = e->hash,
                                  .upgraded = before.upgraded,
                                  .purge = e->settings.purge_on_uninstall == CHOICE_YES,
                                  .n_warnings = e->settings.n_warnings };
    r->strict =
        !r->upgraded && (e->settings.strict_enable == CHOICE_YES || (e->settings.strict_enable == CHOICE_NOT_GIVEN && e->effective.strict));
    memcpy(r->warnings, e->settings.warnings, sizeof r->warnings);
}

static bool write_configuration(struct enabling *e, struct err *err)
{
    const struct places *p = &e->in->places_of;
    int etc CLEANUP(folder_close_at) = -1;
    uid_t uid;
    gid_t gid;

    places_user(verb_user(e->in), &uid, &gid);
    fill_record(e);
    verb_show_log(e->in, e->h.environment.log_folder);
    return file_make_dirs(p->etc_dir, 0755, err) && normalise_put_files(&e->settings, &e->secrets, p, uid, gid, err) &&
           folder_open(p->etc_dir, &etc, err) && folder_write_for(etc, "handler.conf", writer_bytes(&e->conf), 0640, geteuid(), gid, err) &&
           record_write(&e->record, p->handler_record, err) && verb_put_drop_in(e->in, &e->record, err);
}

/* The daemon. */

static bool wake_marker(const struct enabling *e, struct err *err)
{
    int fd CLEANUP(folder_close_at) = -1;
    uid_t uid;
    gid_t gid;

    places_user(verb_user(e->in), &uid, &gid);
    return folder_open(e->in->places_of.run_dir, &fd, err) && folder_write_for(fd, "attest-now", BYTES_NONE, 0640, uid, gid, err);
}

static bool get_running(struct enabling *e, struct service_control *services, struct err *err)
{
    if (services->ops->is_active(services))
        return services->ops->reload(services, err);
    /* A user who enables it does not wait for the minute that spreads the load of a host's boot. */
    return services->ops->units_changed(services, err) && wake_marker(e, err) && services->ops->start(services, err);
}

static bool daemon_says(const struct enabling *e, int64_t since_ms, struct arena *a, struct daemon_state *ret)
{
    int out CLEANUP(folder_close_at) = -1;
    struct err err = ERR_INIT;
    struct folder_file file;

    return folder_open_ours(e->in->places_of.out_dir, &out, &err) &&
           folder_read(out, "status.json", LIMIT_SMALL_BODY_BYTES, a, &file, &err) && file.modified_ms >= since_ms &&
           daemon_state_parse(a, file.content, ret, &err);
}

/* The exit code: a daemon that has found out that it cannot work says so at once; one that is still trying is fine. */
static int await_daemon(const struct enabling *e, struct service_control *services, struct err *ret_why)
{
    const struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };
    int after_state = 0;

    for (int waited = 0; waited < STATE_WAIT_MS && after_state < VERDICT_WAIT_MS; waited += POLL_MS) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct daemon_state d;

        nanosleep(&pause, NULL);
        if (!daemon_says(e, e->now_ms, &a, &d))
            continue;
        after_state += POLL_MS;
        if (d.failure[0])
            (void)!err_set(ret_why, ERR_IO, "%s [%s]", d.failure_message, d.failure);
        if (d.failure[0])
            return outcome_of(d.failure)->class == OUTCOME_FOR_GOOD ? outcome_of(d.failure)->exit_code : VERB_EXIT_OK;
        if (d.verdict_ms >= e->now_ms)
            return VERB_EXIT_OK;
    }
    return after_state || services->ops->is_active(services) ? VERB_EXIT_OK : VERB_EXIT_INTERNAL;
}

/* The verb. */

static void say_status(const struct enabling *e, enum status_word word, int code, const char *text)
{
    struct handler_status status = { .operation = "Enable" };
    struct err err = ERR_INIT;

    handler_status_set(&status, word, code, "%s", text);
    if (code)
        handler_status_sub(&status, SUBSTATUS_CONFIGURATION, STATUS_ERROR, code, "%s", text);
    if (!publish_status_file(e->h.status_file, &status, e->now_ms, &err))
        fprintf(stderr, "trueboot-agent: enable: %s\n", err.text);
}

static int refuse(const struct enabling *e, int code, const struct err *err)
{
    say_status(e, STATUS_ERROR, code, err->text);
    return verb_refused("enable", code, err);
}

static bool nothing_changed(const struct enabling *e, struct service_control *services)
{
    uint32_t applied;

    return e->had_record && !e->record.disabled && handler_applied_sequence(&e->h, &applied) && applied == e->h.sequence &&
           e->record.sequence == e->h.sequence && e->record.config_sha256 && strcmp(e->record.config_sha256, e->hash) == 0 &&
           e->record.status_file && strcmp(e->record.status_file, e->h.status_file) == 0 &&
           normalise_files_are_there(&e->secrets, &e->in->places_of) && services->ops->is_active(services);
}

static int apply(struct enabling *e, struct service_control *services)
{
    struct err err = ERR_INIT, why = ERR_INIT;
    int code;

    say_status(e, STATUS_TRANSITIONING, 0, "Boot integrity monitoring is starting.");
    if (!write_configuration(e, &err) || !get_running(e, services, &err))
        return refuse(e, VERB_EXIT_INTERNAL, &err);
    code = *e->in->places_of.root && services->ops == &service_none_ops ? VERB_EXIT_OK : await_daemon(e, services, &why);
    if (!publish_once(&e->in->places_of, &e->record, clock_now_ms(), &err))
        return verb_refused("enable", VERB_EXIT_INTERNAL, &err);
    if (code != VERB_EXIT_OK) {
        fprintf(stderr, "trueboot-agent: enable: the daemon cannot do its job: %s\n",
                why.text[0] ? why.text : "it did not start; its service's log says why");
        return code;
    }
    if (!handler_note_applied(&e->h, &err))
        return verb_refused("enable", VERB_EXIT_INTERNAL, &err);
    printf("boot integrity monitoring is enabled, sequence %u\n", e->h.sequence);
    return VERB_EXIT_OK;
}

/* The VM agent makes it, and shows a handler without a status as one that is still starting: nobody would read why. */
static bool make_status_folder(const struct enabling *e, struct err *err)
{
    enum { LONGEST_WRITE_SECONDS = 600 };
    const char *path = e->h.environment.status_folder;
    int folder CLEANUP(folder_close_at) = -1;

    if (!file_exists(path) && !file_make_dirs(path, 0700, err))
        return err_within(err, "no folder for the status");
    if (!folder_open(path, &folder, err))
        return false;
    folder_tidy(folder, LONGEST_WRITE_SECONDS);
    return true;
}

int verb_enable(struct invocation *in)
{
    struct enabling e CLEANUP(enabling_done) = { .in = in, .now_ms = clock_now_ms() };
    struct service_control services;
    struct err err = ERR_INIT, none = ERR_INIT;
    struct lock turn CLEANUP(lock_release) = { .file = -1 };

    if (!verb_may_install(in, "enable"))
        return VERB_EXIT_MISSING;
    if (!verb_take_turn(in, &turn, &err))
        return verb_refused("enable", VERB_EXIT_TIMED_OUT, &err);
    if (!handler_find(&in->arena, &e.h, &err) || !verb_services(in, &services, &err))
        return verb_refused("enable", err.code == ERR_NOT_FOUND ? VERB_EXIT_MISSING : VERB_EXIT_INTERNAL, &err);
    if (!make_status_folder(&e, &err))
        return verb_refused("enable", VERB_EXIT_INTERNAL, &err);
    e.had_record = record_read(&in->arena, in->places_of.handler_record, &e.record, &none);
    if (!read_settings(&e, &err) || !normalise(&e, &err))
        return refuse(&e, VERB_EXIT_BAD_SETTINGS, &err);
    if (!nothing_changed(&e, &services))
        return apply(&e, &services);
    if (!publish_once(&in->places_of, &e.record, e.now_ms, &err))
        return verb_refused("enable", VERB_EXIT_INTERNAL, &err);
    printf("boot integrity monitoring is enabled already, sequence %u\n", e.h.sequence);
    return VERB_EXIT_OK;
}
