#include "cli/files/ak_file.h"
#include "cli/offline/offline.h"
#include "cli/offline/run.h"
#include "jose/jwk.h"
#include "x509/chain.h"
#include "x509/ek_cert.h"

enum { ANCHORS_MAX = 64, BUNDLE_MAX = 1024 * 1024 };

/* ---- certificates ---- */

struct bundle {
    struct cert *certs[ANCHORS_MAX];
    size_t n;
};

static void bundle_done(struct bundle *b)
{
    for (size_t i = 0; i < b->n; i++)
        cert_free(b->certs[i]);
}

/* Anchors from every use of the option: CAs may issue, other certificates are pinned. */
static bool read_anchors(struct offline_run *r, const char *option, struct bundle *bundle, struct trust_store **ret)
{
    struct trust_entry entries[ANCHORS_MAX];
    struct bytes content;

    for (size_t i = 0; cli_option_at(r->cli, option, i); i++) {
        size_t n;
        if (!offline_read_path(r, cli_option_at(r->cli, option, i), BUNDLE_MAX, &content))
            return false;
        if (!cert_parse_bundle(content, bundle->certs + bundle->n, ANCHORS_MAX - bundle->n, &n, &r->err))
            return err_within(&r->err, "%s", cli_option_at(r->cli, option, i));
        bundle->n += n;
    }
    for (size_t i = 0; i < bundle->n; i++)
        entries[i] = (struct trust_entry){ bundle->certs[i]->is_ca ? TRUST_CA : TRUST_LEAF, bundle->certs[i] };
    return trust_store_new(entries, bundle->n, ret, &r->err);
}

bool offline_anchors(struct cli *cli, const char *option, struct trust_store **ret, struct err *err)
{
    struct offline_run r = { .cli = cli, .err = ERR_INIT };
    struct bundle bundle CLEANUP(bundle_done) = { .n = 0 };

    return read_anchors(&r, option, &bundle, ret) || err_copy(err, &r.err);
}

static bool check_chain(struct offline_run *r, const struct cert *leaf, const struct trust_store *store, enum chain_purpose purpose,
                        const char **ret_issuer)
{
    /* As at the server (attestation/service/vouch.c): an attestation key that is pinned is believed whatever its dates. */
    const struct chain_options options = { .purpose = purpose, .now_ms = r->request.now_ms, .pins_have_no_dates = purpose == CHAIN_AK };
    struct verified_chain *chain CLEANUP(verified_chain_free_at) = NULL;

    if (!chain_verify(store, leaf, NULL, 0, &options, &chain, &r->err))
        return false;
    *ret_issuer = arena_string(&r->cli->arena, verified_chain_anchor(chain)->common_name);
    return true;
}

static void note_identity(struct offline_run *r, const struct cert *ek, const struct trust_store *store)
{
    struct offline_identity *identity = &r->out->identity;
    struct ek_identity who;

    if (!check_chain(r, ek, store, CHAIN_EK, &identity->issuer) || !ek_cert_identity(ek, &who, &r->err)) {
        identity->state = IDENTITY_REFUSED;
        identity->sentence = arena_printf(&r->cli->arena, "%s", r->err.text);
        return;
    }
    identity->state = IDENTITY_VERIFIED;
    identity->vm_name = who.vm_name[0] ? arena_printf(&r->cli->arena, "%s", who.vm_name) : NULL;
    identity->vm_uuid = who.vm_uuid[0] ? arena_printf(&r->cli->arena, "%s", who.vm_uuid) : NULL;
}

bool offline_read_identity(struct offline_run *r)
{
    struct bundle bundle CLEANUP(bundle_done) = { .n = 0 };
    struct trust_store *store CLEANUP(trust_store_free_at) = NULL;
    struct cert *ek CLEANUP(cert_free_at) = NULL;
    bool given = cli_was_given(r->cli, "ek-cert");
    struct bytes content = r->out->has_file ? r->out->file.ek_cert : BYTES_NONE;

    if (!cli_was_given(r->cli, "ek-root"))
        return true;
    if (!given && !content.len)
        return err_set(&r->err, ERR_MALFORMED, "the evidence file has no endorsement certificate for --ek-root: name one with --ek-cert");
    if (given && !offline_read_option(r, "ek-cert", LIMIT_CERT_BYTES, &content))
        return false;
    if (!cert_parse_any(content, &ek, &r->err))
        return err_within(&r->err, "endorsement certificate");
    if (!read_anchors(r, "ek-root", &bundle, &store))
        return false;
    note_identity(r, ek, store);
    return true;
}

/* ---- the attestation key ---- */

static bool key_from_evidence(struct offline_run *r)
{
    struct bundle bundle CLEANUP(bundle_done) = { .n = 0 };
    struct trust_store *store CLEANUP(trust_store_free_at) = NULL;
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct jwk jwk CLEANUP(jwk_done) = { .key = NULL };
    struct evidence *e = &r->out->evidence;
    const char *issuer;

    if (!e->aik_cert.len) {
        if (!jwk_parse(e->aik_pub, &jwk, &r->err))
            return err_within(&r->err, "aik_pub");
        r->ak = pubkey_ref(jwk.key);
        return true;
    }
    if (!cert_parse(e->aik_cert, &cert, &r->err))
        return err_within(&r->err, "aik_cert");
    if (!cert->key)
        return err_set(&r->err, ERR_UNSUPPORTED, "aik_cert: %s", cert->key_problem);
    r->ak = pubkey_ref(cert->key);
    if (!cli_was_given(r->cli, "ak-root")) {
        r->request.ak_trusted = cli_was_given(r->cli, "assume-ak"); /* `policy test` asks what the rules say */
        return true;
    }
    if (!read_anchors(r, "ak-root", &bundle, &store))
        return false;
    r->request.ak_trusted = check_chain(r, cert, store, CHAIN_AK, &issuer);
    return true;
}

/* Whoever names the key with --ak vouches for it. */
bool offline_read_key(struct offline_run *r)
{
    if (!cli_was_given(r->cli, "ak"))
        return key_from_evidence(r);
    if (!ak_file_read(r->cli, cli_option(r->cli, "ak"), &r->ak, &r->request.ak_public, &r->err))
        return false;
    r->request.ak_trusted = true;
    return true;
}
