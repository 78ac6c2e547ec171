/* The verbs that talk to TPM and server once: enroll, once. */
#include <stdio.h>
#include "agent/session/session.h"
#include "agent/verbs/verb.h"
#include "base/file.h"
#include "base/limits.h"

static void say(void *context UNUSED, const char *step, const char *detail)
{
    fprintf(stderr, "trueboot-agent: %s%s%s\n", step, detail ? ": " : "", detail ? detail : "");
}

static void open_session(struct invocation *in, struct session *session)
{
    verb_collect_first(in);
    session_init(session, &in->config);
    session->progress = say;
}

/* Whoever names a token means it: without one the machine would be enrolled as anybody, or refused for a reason that is none. */
static bool has_token(struct invocation *in, struct err *err)
{
    struct bytes token;

    if (!in->token_file)
        return true;
    if (!file_read_in(&in->arena, in->token_file, LIMIT_SMALL_BODY_BYTES, &token, err))
        return err_within(err, "--token-file");
    return bytes_trim(token).len || err_set(err, ERR_MALFORMED, "--token-file: %s is empty", in->token_file);
}

/* What was noticed and stopped nothing: a verdict that nobody expects may lie in it. */
static void say_notes(const struct session *session)
{
    struct notes notes = { .n = 0 };

    session_notes(session, &notes);
    for (size_t i = 0; i < notes.n; i++)
        fprintf(stderr, "trueboot-agent: note: %s (%s)\n", notes.item[i].text, failure_name(notes.item[i].id));
}

int verb_enroll(struct invocation *in)
{
    struct session session CLEANUP(session_done);
    struct failure why = FAILURE_INIT;
    struct err err = ERR_INIT;
    bool done;

    if (!has_token(in, &err)) {
        fprintf(stderr, "trueboot-agent: enroll: %s\n", err.text);
        return VERB_EXIT_BAD_SETTINGS;
    }
    open_session(in, &session);
    done = session_enrol(&session, in->anew, &why);
    say_notes(&session);
    if (!done)
        return verb_failed("enroll", &why);
    printf("%s\n", session.state.vm_id);
    return VERB_EXIT_OK;
}

static int write_evidence(struct invocation *in, struct session *session)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct failure why = FAILURE_INIT;

    if (!session_evidence(session, in->nonce, &w, &why))
        return verb_failed("once", &why);
    return verb_put_out(in->output, writer_bytes(&w));
}

/* Options of which one would be left out in silence. */
static const char *contradiction(const struct invocation *in)
{
    if (in->via_daemon && (in->output || in->nonce.len))
        return "--via-daemon takes neither --output nor --nonce: the daemon attests as it is configured";
    return in->nonce.len && !in->output ? "--nonce is for evidence that is carried by hand: --output is missing" : NULL;
}

/* With --output: evidence for carrying by hand, no server needed. Else one attestation; the token goes to standard output. */
int verb_once(struct invocation *in)
{
    struct session session CLEANUP(session_done);
    struct arena a CLEANUP(arena_done_secret) = { 0 };
    struct failure why = FAILURE_INIT;
    struct attest_result result;
    bool done;

    if (contradiction(in)) {
        fprintf(stderr, "trueboot-agent: once: %s\n", contradiction(in));
        return VERB_EXIT_USAGE;
    }
    if (in->via_daemon)
        return verb_once_via_daemon(in);
    open_session(in, &session);
    session.state.in_memory = true;
    if (in->output)
        return write_evidence(in, &session);
    done = session_attest(&session, &a, &result, &why);
    say_notes(&session);
    if (!done)
        return verb_failed("once", &why);
    printf("%.*s\n", BYTES_FMT(result.token));
    return VERB_EXIT_OK;
}
