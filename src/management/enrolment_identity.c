/* Whose TPM it is: what is known of it and of the VM, and becoming the VM's (attack-suite.md I4, I8, I10). */
#include <stdio.h>
#include "base/hex.h"
#include "management/enrolment_parts.h"
#include "store/providers.h"

static bool is_text(const char *stored, const char *text) { return stored && text && text[0] && strcmp(stored, text) == 0; }

/* By the certificate of its endorsement key; or by that key or its IAK, because its host may have renewed the certificate (attack I10); or by the attestation
 * key itself: it cannot leave its TPM, whichever of the two vouched for it then and vouches now. */
static bool is_its_tpm(const struct store_identity *active, const struct store_identity *now)
{
    return is_text(active->ek_cert_sha256, now->ek_cert_sha256) || is_text(active->ek_pub_name, now->ek_pub_name) ||
           is_text(active->iak_sha256, now->iak_sha256) || is_text(active->ak_name, now->ak_name);
}

/* What will be known of this TPM when it has proved itself. */
static bool identity_of(struct arena *a, const struct enrolment *p, struct store_identity *ret, struct err *err)
{
    bool by_ek = !p->iak_sha256[0];

    *ret = (struct store_identity){ .vm = p->vm,
                                    .ak_name = hex_in(a, tpm_name_bytes(&p->ak_name)),
                                    .ek_cert_sha256 = by_ek ? p->cert_sha256 : NULL,
                                    .ek_pub_name = by_ek ? hex_in(a, tpm_name_bytes(&p->ek_name)) : NULL,
                                    .iak_sha256 = by_ek ? NULL : p->iak_sha256 };
    return (ret->ak_name && (!by_ek || ret->ek_pub_name)) || err_set(err, ERR_NO_MEMORY, "no memory for an identity");
}

/* This TPM is this VM's already, where the identity will count. */
bool enrolment_is_known(const struct management *m, struct arena *a, const struct enrolment *p, bool *ret, struct err *err)
{
    struct store_provider_identity there;
    struct store_identity active, now;
    bool found = p->provider[0] ? store_provider_identity_get(m->store, a, p->provider, p->vm, &there, err)
                                : store_identity_active(m->store, a, p->vm, &active, err);

    *ret = false;
    if (!found && err->code != ERR_NOT_FOUND)
        return false;
    *err = ERR_INIT;
    if (!identity_of(a, p, &now, err))
        return false;
    *ret = found &&
           (p->provider[0] ? is_text(there.cert_sha256, p->cert_sha256) || is_text(there.ak_name, now.ak_name) : is_its_tpm(&active, &now));
    return true;
}

/* A VM that has an identity keeps it: another TPM does not become this VM without an operator's word (attack I4, I10). `now` learns what was known of the
 * same TPM besides. */
static bool check_identity(const struct management *m, struct arena *a, struct store_identity *now, struct err *err)
{
    struct store_identity active;

    if (!store_identity_active(m->store, a, now->vm, &active, err)) {
        if (err->code != ERR_NOT_FOUND)
            return false;
        *err = ERR_INIT;
        return true;
    }
    if (is_its_tpm(&active, now)) {
        now->ek_cert_sha256 = now->ek_cert_sha256 ? now->ek_cert_sha256 : active.ek_cert_sha256;
        now->ek_pub_name = now->ek_pub_name ? now->ek_pub_name : active.ek_pub_name;
        now->iak_sha256 = now->iak_sha256 ? now->iak_sha256 : active.iak_sha256;
        return true;
    }
    return err_set(err, ERR_CONFLICT, "this VM is enrolled with another TPM; if that is meant, release it: trueboot vm release-identity");
}

/* An operator sees it at the VM (monitor/status.c): somebody's host says of another TPM that it is this VM's. What cannot be noted is refused all the same. */
static void note_refused(const struct management *m, struct arena *a, const struct enrolment *p)
{
    const char *key = arena_printf(a, STORE_SETTING_REFUSED, p->vm);
    const char *value = arena_printf(a, "{\"time\":%lld,\"cert\":\"%s\"}", (long long)m->now_ms(), p->cert_sha256);
    struct err ignored = ERR_INIT;

    if (key && value)
        (void)!store_setting_put(m->store, key, bytes_of_string(value), &ignored);
}

/* The VM's TPM has proved itself since: an IAK that nobody knew yet may have been refused before its endorsement key was believed. */
static bool forget_refused(const struct management *m, struct arena *a, const char *vm, struct err *err)
{
    const char *key = arena_printf(a, STORE_SETTING_REFUSED, vm);

    if (!key)
        return err_set(err, ERR_NO_MEMORY, "no memory for a note");
    if (store_setting_delete(m->store, key, err))
        return true;
    if (err->code != ERR_NOT_FOUND)
        return false;
    *err = ERR_INIT;
    return true;
}

/* An identity at one provider is of its own: store_provider_identity_put compares it. */
bool enrolment_may_become(const struct management *m, struct arena *a, const struct enrolment *p, struct err *err)
{
    struct store_identity now;

    if (p->provider[0] || (identity_of(a, p, &now, err) && check_identity(m, a, &now, err)))
        return true;
    if (err->code == ERR_CONFLICT)
        note_refused(m, a, p);
    return false;
}

/* A TPM that answers for two VMs makes both suspect, until an operator releases one (attack I8). */
static bool note_duplicate(const struct management *m, struct arena *a, const char *vm, const char *owner, struct err *err)
{
    const char *of_vm = arena_printf(a, STORE_SETTING_DUPLICATE, vm), *of_owner = arena_printf(a, STORE_SETTING_DUPLICATE, owner);

    if (!of_vm || !of_owner)
        return err_set(err, ERR_NO_MEMORY, "no memory for a note");
    return store_setting_put(m->store, of_vm, bytes_of_string(owner), err) &&
           store_setting_put(m->store, of_owner, bytes_of_string(vm), err);
}

struct registration {
    const struct management *m;
    struct arena *a;
    const struct enrolment *p;
    struct store_identity *identity;
    char owner[UUID_TEXT_LEN]; /* the VM that has this TPM already, or "" */
};

/* With the registration, or not at all: of two machines that began with one token, one becomes enrolled. What began without one because the TPM was
 * known must find it known still. */
static bool use_token(const struct management *inside, struct arena *a, const struct enrolment *p, struct err *err)
{
    bool known = false;

    if (p->known && !enrolment_is_known(inside, a, p, &known, err))
        return false;
    if (p->known && !known)
        return err_set(err, ERR_UNTRUSTED, "this VM's TPM was released meanwhile: begin again");
    if (!p->token_sha256[0] || store_enrolment_token_use(inside->store, p->token_sha256, p->vm, inside->now_ms(), err))
        return true;
    return err->code == ERR_CONFLICT ? err_set(err, ERR_UNTRUSTED, "the enrolment token was used meanwhile, or has expired") : false;
}

/* Looking and registering are one step: of two TPMs that say they are this VM, at the same moment, one becomes it (attack I4). */
static bool register_in(struct store *tx, void *context, struct err *err)
{
    struct registration *r = context;
    struct management inside = *r->m;

    inside.store = tx;
    r->owner[0] = '\0';
    return check_identity(&inside, r->a, r->identity, err) && use_token(&inside, r->a, r->p, err) &&
           store_identity_register(tx, r->identity, r->owner, err);
}

struct provider_registration {
    const struct management *m;
    struct arena *a;
    const struct enrolment *p;
    const struct store_provider_identity *identity;
};

static bool register_at_provider_in(struct store *tx, void *context, struct err *err)
{
    const struct provider_registration *r = context;
    struct management inside = *r->m;

    inside.store = tx;
    return use_token(&inside, r->a, r->p, err) && store_provider_identity_put(tx, r->identity, err);
}

static bool register_at_provider(const struct management *m, struct arena *a, const struct enrolment *p, const struct cert *cert,
                                 struct err *err)
{
    const struct store_provider_identity identity = { .provider = p->provider,
                                                      .vm = p->vm,
                                                      .cert_sha256 = p->cert_sha256,
                                                      .ak_cert = cert->der,
                                                      .enrolled_ms = m->now_ms(),
                                                      .ak_name = hex_in(a, tpm_name_bytes(&p->ak_name)) };
    struct provider_registration r = { m, a, p, &identity };

    if (!identity.ak_name)
        return err_set(err, ERR_NO_MEMORY, "no memory for an identity");
    return store_transaction(m->store, register_at_provider_in, &r, err);
}

bool enrolment_register(const struct management *m, struct arena *a, const struct enrolment *p, const struct cert *cert, struct err *err)
{
    const char *said[LIMIT_EK_CERTS];
    struct store_identity identity;
    struct registration r = { .m = m, .a = a, .p = p, .identity = &identity };

    if (p->provider[0])
        return register_at_provider(m, a, p, cert, err);
    if (!identity_of(a, p, &identity, err))
        return false;
    for (size_t i = 0; i < p->n_said; i++) {
        said[i] = hex_in(a, tpm_name_bytes(&p->said[i]));
        if (!said[i])
            return err_set(err, ERR_NO_MEMORY, "no memory for an identity");
    }
    identity.also_eks = said;
    identity.n_also_eks = p->n_said;
    identity.ak_cert = cert->der;
    identity.enrolled_ms = m->now_ms();
    if (store_transaction(m->store, register_in, &r, err))
        return forget_refused(m, a, p->vm, err);
    if (err->code != ERR_CONFLICT)
        return false;
    if (!r.owner[0]) {
        note_refused(m, a, p);
        return false;
    }
    return note_duplicate(m, a, p->vm, r.owner, err) && err_set(err, ERR_CONFLICT, "this TPM already belongs to VM %s", r.owner);
}
