#include "x509/chain.h"
#include <stdlib.h>
#include "base/clock.h"
#include "crypto/der.h"
#include "x509/ak_cert.h"
#include "x509/ek_cert.h"
#include "x509/name.h"

/* Every signature that is tried costs; equal names and cross-signed loops must not multiply it. */
enum { SIGNATURE_BUDGET = 64, PATH_MAX_CERTS = LIMIT_CHAIN_CERTS + 2 };

struct verified_chain {
    size_t n;
    const struct cert *certs[PATH_MAX_CERTS];
};

/* ---- what a leaf must be for its purpose ---- */

static bool leaf_not_ca(const struct cert *leaf, struct err *err)
{
    return !leaf->is_ca || err_set(err, ERR_UNTRUSTED, "it is a CA certificate (CA:TRUE), not that of a key in use");
}

static bool platform_leaf(const struct cert *leaf, struct err *err)
{
    if (!(leaf->ekus & EKU_TPM_PLATFORM))
        return err_set(err, ERR_UNTRUSTED, "it has no extended key usage 2.23.133.8.2 (platform certificate)");
    return leaf_not_ca(leaf, err);
}

static bool tls_server_leaf(const struct cert *leaf, struct err *err)
{
    if (leaf->has_ekus && !(leaf->ekus & (EKU_TLS_SERVER | EKU_ANY)))
        return err_set(err, ERR_UNTRUSTED, "its extended key usages do not include TLS server");
    return leaf_not_ca(leaf, err);
}

static bool signer_leaf(const struct cert *leaf, struct err *err)
{
    if (leaf->has_key_usage && !(leaf->key_usage & (KEY_USAGE_DIGITAL_SIGNATURE | KEY_USAGE_NON_REPUDIATION)))
        return err_set(err, ERR_UNTRUSTED, "its key usage does not include digitalSignature");
    return true;
}

static const struct purpose {
    bool (*leaf)(const struct cert *leaf, struct err *err);
    unsigned ekus; /* what an intermediate that limits itself by EKUs must allow; 0: nothing is asked */
} purposes[] = {
    [CHAIN_EK] = { ek_cert_check, EKU_TPM_EK },
    [CHAIN_AK] = { ak_cert_check, EKU_TPM_AK },
    [CHAIN_IAK] = { iak_cert_check, EKU_TPM_AK },
    [CHAIN_CLOUD_AK] = { ak_cert_check_cloud, EKU_TPM_AK | EKU_OTHER },
    [CHAIN_PLATFORM] = { platform_leaf, EKU_TPM_PLATFORM },
    [CHAIN_TLS_SERVER] = { tls_server_leaf, EKU_TLS_SERVER },
    [CHAIN_POLICY_SIGNER] = { signer_leaf, 0 },
    [CHAIN_TOKEN_SIGNER] = { signer_leaf, 0 },
};

/* ---- rules for one certificate ---- */

static bool dates_hold(const struct cert *cert, const struct chain_options *options, struct err *err)
{
    char text[CLOCK_TEXT_LEN];

    if (options->ignore_dates)
        return true;
    if (options->now_ms < cert->not_before_ms - options->skew_ms) {
        clock_format(cert->not_before_ms, text);
        return err_set(err, ERR_UNTRUSTED, "it is not valid before %s", text);
    }
    /* RFC 5280 4.1.2.5: notAfter is inclusive, to the second. */
    if (options->now_ms > cert->not_after_ms + 999 + options->skew_ms) {
        clock_format(cert->not_after_ms, text);
        return err_set(err, ERR_UNTRUSTED, "it expired on %s", text);
    }
    return true;
}

static bool common_rules(const struct cert *cert, const struct chain_options *options, struct err *err)
{
    CLEANUP(arena_done) struct arena a = { 0 };

    if (!cert->key)
        return err_set(err, ERR_UNTRUSTED, "%s", cert->key_problem);
    if (cert->unknown_critical.len > 0) {
        const char *oid = der_oid_text(&a, cert->unknown_critical);
        return err_set(err, ERR_UNTRUSTED, "it has a critical extension that we do not know (%s)", oid ? oid : "unprintable");
    }
    return dates_hold(cert, options, err);
}

static bool is_self_issued(const struct cert *cert) { return bytes_equal(cert->subject, cert->issuer); }

/* Version 1 has no basic constraints: trust_store_new let only self-signed roots of it in. */
static bool may_issue(const struct cert *cert, bool is_anchor) { return cert->is_ca || (is_anchor && cert->version == 1); }

/* RFC 5280 6.1.4: path[0 … n-1] stands below `issuer`, which may issue. */
static bool issuer_rules(const struct cert *issuer, bool is_anchor, const struct cert *const *path, size_t n,
                         const struct chain_options *options, struct err *err)
{
    unsigned needed = purposes[options->purpose].ekus;
    int below = 0;

    if (issuer->has_key_usage && !(issuer->key_usage & KEY_USAGE_CERT_SIGN))
        return err_set(err, ERR_UNTRUSTED, "its key usage does not include keyCertSign");
    for (size_t i = 1; i < n; i++) /* the leaf does not count, nor do those that only carry a CA over to a new key */
        below += !is_self_issued(path[i]);
    if (issuer->path_len != CERT_NO_PATH_LEN && below > issuer->path_len)
        return err_set(err, ERR_UNTRUSTED, "its path length %d does not allow %d CA certificates below it", issuer->path_len, below);
    if (!is_anchor && needed && issuer->has_ekus && !(issuer->ekus & (needed | EKU_ANY)))
        return err_set(err, ERR_UNTRUSTED, "its extended key usages exclude this purpose");
    return common_rules(issuer, options, err);
}

/* ---- the search ---- */

struct search {
    const struct trust_store *store;
    const struct cert *const *extra;
    size_t n_extra;
    const struct chain_options *options;
    const struct cert *path[PATH_MAX_CERTS];
    size_t n;
    unsigned signatures_left;
    /* The refusal to tell when every attempt fails: the one that got furthest. */
    size_t best_depth;
    struct err best;
};

static const char *subject_of(struct arena *a, const struct cert *cert)
{
    const char *text = name_text(a, cert->subject);

    return text && text[0] ? text : "(no subject)";
}

/* Refusals with a proved issuer count more than a missing one at the same depth. */
static void remember(struct search *s, size_t depth, const struct cert *about, const struct err *why)
{
    CLEANUP(arena_done) struct arena a = { 0 };

    if (s->best.code != ERR_NONE && depth <= s->best_depth)
        return;
    s->best_depth = depth;
    s->best = *why;
    if (about)
        err_within(&s->best, "certificate %s", subject_of(&a, about));
}

static bool is_on_path(const struct search *s, const struct cert *cert)
{
    for (size_t i = 0; i < s->n; i++) /* a key that comes back under its name is a loop, whichever certificate says it */
        if (cert_equal(s->path[i], cert) || (bytes_equal(s->path[i]->spki, cert->spki) && bytes_equal(s->path[i]->subject, cert->subject)))
            return true;
    return false;
}

static bool may_be_issuer(const struct cert *candidate, const struct cert *of)
{
    if (!candidate->key || !bytes_equal(candidate->subject, of->issuer))
        return false;
    return of->authority_key_id.len == 0 || candidate->subject_key_id.len == 0 ||
           bytes_equal(of->authority_key_id, candidate->subject_key_id);
}

static bool extend(struct search *s, unsigned *ret_same_name);

/* One candidate for the issuer of the path's end. True: the path is complete. */
static bool try_issuer(struct search *s, const struct cert *candidate, bool is_anchor, unsigned *same_name)
{
    const struct cert *end = s->path[s->n - 1];
    struct err why = ERR_INIT;

    if (!bytes_equal(candidate->subject, end->issuer))
        return false;
    if (is_on_path(s, candidate))
        return false;
    ++*same_name;
    if (!may_be_issuer(candidate, end))
        return false;
    if (s->signatures_left == 0) {
        err_set(&why, ERR_UNTRUSTED, "too many certificates of the same names to try");
        remember(s, 2 * PATH_MAX_CERTS, NULL, &why);
        return false;
    }
    s->signatures_left--;
    if (!cert_is_signed_by(end, candidate->key, &why)) {
        if (why.code == ERR_UNSUPPORTED)
            remember(s, 2 * s->n + 1, end, &why);
        return false;
    }
    if (!may_issue(candidate, is_anchor)) {
        CLEANUP(arena_done) struct arena a = { 0 };
        const char *name = name_text(&a, candidate->subject);
        err_set(&why, ERR_UNTRUSTED, "Unable to find issuer certificate %s: the one of that name is no CA (basic constraints)",
                name ? name : "?");
        remember(s, 2 * s->n + 1, NULL, &why);
        return false;
    }
    if (!issuer_rules(candidate, is_anchor, s->path, s->n, s->options, &why)) {
        remember(s, 2 * s->n + 1, candidate, &why);
        return false;
    }
    if (s->n == PATH_MAX_CERTS) {
        err_set(&why, ERR_UNTRUSTED, "the chain is longer than %d certificates", PATH_MAX_CERTS);
        remember(s, 2 * PATH_MAX_CERTS, NULL, &why);
        return false;
    }
    s->path[s->n++] = candidate;
    if (is_anchor)
        return true;
    unsigned next_same_name = 0;
    if (extend(s, &next_same_name))
        return true;
    s->n--;
    return false;
}

static bool try_store(struct search *s, enum trust_kind kind, unsigned *same_name)
{
    for (size_t i = 0; i < trust_store_count(s->store); i++) {
        const struct trust_entry *entry = trust_store_entry(s->store, i);

        if (entry->kind == kind && try_issuer(s, entry->cert, kind == TRUST_CA, same_name))
            return true;
    }
    return false;
}

static bool extend(struct search *s, unsigned *same_name)
{
    const struct cert *end = s->path[s->n - 1];
    CLEANUP(arena_done) struct arena a = { 0 };
    struct err why = ERR_INIT;
    const char *issuer;

    if (try_store(s, TRUST_CA, same_name) || try_store(s, TRUST_INTERMEDIATE, same_name))
        return true;
    for (size_t i = 0; i < s->n_extra; i++)
        if (try_issuer(s, s->extra[i], false, same_name))
            return true;
    issuer = name_text(&a, end->issuer);
    if (*same_name > 0)
        err_set(&why, ERR_UNTRUSTED, "Unable to find issuer certificate %s: %u of that name did not sign it", issuer ? issuer : "?",
                *same_name);
    else
        err_set(&why, ERR_UNTRUSTED, "Unable to find issuer certificate %s", issuer ? issuer : "?");
    remember(s, 2 * s->n, NULL, &why);
    return false;
}

static bool finish(const struct search *s, struct verified_chain **ret, struct err *err)
{
    struct verified_chain *chain = calloc(1, sizeof *chain);

    if (!chain)
        return err_set(err, ERR_NO_MEMORY, "certificate chain");
    chain->n = s->n;
    for (size_t i = 0; i < s->n; i++)
        chain->certs[i] = cert_ref(s->path[i]);
    *ret = chain;
    return true;
}

bool chain_verify(const struct trust_store *store, const struct cert *leaf, const struct cert *const *extra, size_t n_extra,
                  const struct chain_options *options, struct verified_chain **ret, struct err *err)
{
    struct search s = { .store = store,
                        .extra = extra,
                        .n_extra = n_extra,
                        .options = options,
                        .path = { leaf },
                        .n = 1,
                        .signatures_left = SIGNATURE_BUDGET };
    CLEANUP(arena_done) struct arena a = { 0 };
    bool pinned = trust_store_has(store, TRUST_LEAF, leaf);
    struct chain_options timeless = *options;
    unsigned same_name = 0;

    timeless.ignore_dates = true;
    if (n_extra > LIMIT_CHAIN_CERTS)
        return err_set(err, ERR_LIMIT, "%zu certificates sent along; at most %d are looked at", n_extra, LIMIT_CHAIN_CERTS);
    if (!common_rules(leaf, pinned && options->pins_have_no_dates ? &timeless : options, err) ||
        !purposes[options->purpose].leaf(leaf, err)) {
        err->code = ERR_UNTRUSTED;
        return err_within(err, "certificate %s", subject_of(&a, leaf));
    }
    if (pinned || extend(&s, &same_name))
        return finish(&s, ret, err);
    *err = s.best;
    err->code = ERR_UNTRUSTED;
    return false;
}

void verified_chain_free(struct verified_chain *chain)
{
    for (size_t i = 0; chain && i < chain->n; i++)
        cert_free((struct cert *)chain->certs[i]);
    free(chain);
}

void verified_chain_free_at(struct verified_chain **chain) { verified_chain_free(*chain); }

size_t verified_chain_len(const struct verified_chain *chain) { return chain->n; }

const struct cert *verified_chain_cert(const struct verified_chain *chain, size_t i) { return chain->certs[i]; }

const struct cert *verified_chain_leaf(const struct verified_chain *chain) { return chain->certs[0]; }

const struct cert *verified_chain_anchor(const struct verified_chain *chain) { return chain->certs[chain->n - 1]; }

int64_t verified_chain_not_after_ms(const struct verified_chain *chain)
{
    int64_t first = chain->certs[0]->not_after_ms;

    for (size_t i = 1; i < chain->n; i++)
        if (chain->certs[i]->not_after_ms < first)
            first = chain->certs[i]->not_after_ms;
    return first;
}
