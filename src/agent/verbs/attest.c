/* The verbs that talk to TPM and server once: enroll, once. */
#include <stdio.h>
#include "agent/session/session.h"
#include "agent/verbs/verb.h"

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

int verb_enroll(struct invocation *in)
{
    struct session session CLEANUP(session_done);
    struct failure why = FAILURE_INIT;

    open_session(in, &session);
    if (!session_enrol(&session, in->anew, &why))
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

/* With --output: evidence for carrying by hand, no server needed. Else one attestation; the token goes to standard output. */
int verb_once(struct invocation *in)
{
    struct session session CLEANUP(session_done);
    struct arena a CLEANUP(arena_done_secret) = { 0 };
    struct failure why = FAILURE_INIT;
    struct attest_result result;

    if (in->via_daemon)
        return verb_once_via_daemon(in);
    open_session(in, &session);
    session.state.in_memory = true;
    if (in->output)
        return write_evidence(in, &session);
    if (!session_attest(&session, &a, &result, &why))
        return verb_failed("once", &why);
    printf("%.*s\n", BYTES_FMT(result.token));
    return VERB_EXIT_OK;
}
