#include "attestation/protocol/ima_piece.h"

bool ima_pieces_allowed(const struct policy *policy)
{
    return policy && (policy_version(policy) < 12 ||
                      (!policy_may_use(policy, BYTES_LIT("events")) && !policy_may_use(policy, BYTES_LIT("bootEvents"))));
}

static bool start_over(struct err *err, const char *why) { return err_set(err, ERR_CONFLICT, "%s: send the IMA list from its start", why); }

bool ima_piece_find(const struct attestation_service *service, struct arena *a, const char *vm, const struct policy *policy,
                    const struct evidence *evidence, const struct ima_replay **ret, struct err *err)
{
    struct ima_replay *state;
    struct err why = ERR_INIT;
    struct bytes kept;
    const char *key;

    *ret = NULL;
    if (!evidence->ima_piece || (!evidence->ima_from && !evidence->ima_more))
        return true;
    if (!vm[0] || !ima_pieces_allowed(policy))
        return start_over(err, vm[0] ? "the policy looks at events" : "the key is of no VM that is known here");
    if (!evidence->ima_from)
        return true;
    state = ARENA_NEW(a, struct ima_replay);
    key = arena_printf(a, STORE_SETTING_IMA, vm);
    if (!state || !key)
        return err_set(err, ERR_NO_MEMORY, "no memory for an IMA list");
    if (!store_setting_get(service->store, a, key, &kept, &why))
        return why.code == ERR_NOT_FOUND ? start_over(err, "nothing is known of the entries before") : err_copy(err, &why);
    if (!ima_replay_read(kept, state, &why) || state->n != evidence->ima_from)
        return start_over(err, "the piece does not begin where the last one ended");
    *ret = state;
    return true;
}

bool ima_piece_keep(const struct attestation_service *service, struct arena *a, const char *vm, const struct evidence *evidence,
                    const struct appraised *appraised, struct err *err)
{
    const struct ima_progress *p = appraised->ima_progress;
    struct writer w CLEANUP(writer_done) = { 0 };
    const char *key;

    if (!evidence->ima_piece || !p)
        return true;
    /* A list that came from its start, in however many pieces, is what was found, and a finding. One that fitted once may be another's by now. */
    if (p->broken || (!p->proved && !evidence->ima_more))
        return !p->replay.confirmed || start_over(err, "the piece does not lead to the quoted value of register 10");
    if (!vm[0])
        return true;
    ima_replay_write(&w, &p->replay);
    key = arena_printf(a, STORE_SETTING_IMA, vm);
    if (!key || !writer_ok(&w))
        return err_set(err, ERR_NO_MEMORY, "no memory for an IMA list");
    return store_setting_put(service->store, key, writer_bytes(&w), err);
}
