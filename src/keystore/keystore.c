#include "keystore/keystore.h"
#include <arpa/inet.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>
#include "base/file.h"

enum { KEY_FILE_LIMIT = 256 * 1024 };
static const int64_t signer_validity_ms = 1825 * CA_DAY_MS, tls_validity_ms = 397 * CA_DAY_MS, tls_renewal_ms = 30 * CA_DAY_MS;

struct key_files {
    char key[PATH_MAX], cert[PATH_MAX], pending[PATH_MAX]; /* pending: the certificate, until both are there */
};

static bool name_files(const char *dir, const char *name, struct key_files *ret, struct err *err)
{
    if (snprintf(ret->key, sizeof ret->key, "%s/%s.key", dir, name) >= (int)sizeof ret->key ||
        snprintf(ret->cert, sizeof ret->cert, "%s/%s.pem", dir, name) >= (int)sizeof ret->cert ||
        snprintf(ret->pending, sizeof ret->pending, "%s/%s.pem.pending", dir, name) >= (int)sizeof ret->pending)
        return err_set(err, ERR_LIMIT, "path too long: %s", dir);
    return true;
}

/* A server that was killed between the key and its certificate had the certificate on disk already. */
static bool finish_pair(const struct key_files *files, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct bytes cert;

    if (!file_exists(files->pending))
        return true;
    if (file_exists(files->key) && !file_exists(files->cert) &&
        !(file_read_in(&a, files->pending, KEY_FILE_LIMIT, &cert, err) && file_write(files->cert, cert, 0644, err)))
        return false;
    unlink(files->pending); /* of a pair that is there, or of one that never came to be */
    return true;
}

/* look says whether both files are there; one without the other is an operator's business. */
static bool look(const struct key_files *files, bool *ret_there, struct err *err)
{
    bool key, cert;

    if (!finish_pair(files, err))
        return false;
    key = file_exists(files->key);
    cert = file_exists(files->cert);
    if (key != cert)
        return err_set(err, ERR_CONFLICT, "%s is there but %s is missing: restore it from a backup, or remove both to make a new key",
                       key ? files->key : files->cert, key ? files->cert : files->key);
    *ret_there = key;
    return true;
}

static bool load(struct arena *a, const struct key_files *files, struct bytes *ret_key, struct bytes *ret_cert, struct err *err)
{
    return file_read_in(a, files->key, KEY_FILE_LIMIT, ret_key, err) && file_read_in(a, files->cert, KEY_FILE_LIMIT, ret_cert, err);
}

/* A certificate without its key must never be seen, whenever the server is killed: look() finishes what is begun here. */
static bool save(const struct key_files *files, struct bytes key, struct bytes cert, struct err *err)
{
    if (!file_write(files->pending, cert, 0644, err) || !file_write(files->key, key, 0600, err) ||
        !file_write(files->cert, cert, 0644, err))
        return false;
    unlink(files->pending);
    return true;
}

/* Arena memory that held a key in PEM. */
static void forget(struct bytes pem) { wipe((void *)pem.data, pem.len); }

bool keystore_ca(const char *dir, const char *name, const struct ca *parent, const char *common_name, int64_t now_ms, struct ca **ret,
                 struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct ca *ca CLEANUP(ca_free_at) = NULL;
    struct key_files files;
    struct bytes key = BYTES_NONE, chain = BYTES_NONE;
    bool there, fine;

    if (!name_files(dir, name, &files, err) || !look(&files, &there, err))
        return false;
    if (there)
        fine = load(&a, &files, &key, &chain, err) && ca_load(key, chain, &ca, err);
    else
        fine = (parent ? ca_new_below(parent, common_name, now_ms, &ca, err) : ca_new(common_name, now_ms, &ca, err)) &&
               ca_save(ca, &a, &key, &chain, err) && save(&files, key, chain, err);
    forget(key);
    if (!fine)
        return err_within(err, "%s", files.key);
    *ret = TAKE(ca);
    return true;
}

static bool write_chain(struct arena *a, const struct cert *const *chain, size_t n, struct bytes *ret, struct err *err)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    for (size_t i = 0; i < n; i++) {
        const char *pem = cert_pem(chain[i], a);
        if (!pem)
            return err_set(err, ERR_NO_MEMORY, "no memory for a certificate");
        write_string(&w, pem);
    }
    return (writer_ok(&w) && arena_copy(a, writer_bytes(&w), ret)) || err_set(err, ERR_NO_MEMORY, "no memory for a certificate");
}

static bool make_signer(struct arena *a, enum signing_family family, enum privkey_kind kind, const struct ca *ca, const char *common_name,
                        int64_t now_ms, struct bytes *ret_key, struct bytes *ret_chain, struct err *err)
{
    struct privkey *key CLEANUP(privkey_free_at) = NULL;
    struct cert *leaf CLEANUP(cert_free_at) = NULL;
    const struct cert *chain[CA_CHAIN_MAX + 1];
    size_t n = 0;

    if (!privkey_generate(kind, &key, err))
        return false;
    if (!(family == SIGNING_CA_ISSUED ? ca_issue_token_signer(ca, common_name, privkey_public(key), now_ms, signer_validity_ms, &leaf, err)
                                      : ca_self_signed_signer(key, common_name, now_ms, signer_validity_ms, &leaf, err)))
        return false;
    chain[n++] = leaf;
    for (size_t i = 0; family == SIGNING_CA_ISSUED && i < ca_chain_len(ca); i++)
        chain[n++] = ca_cert(ca, i);
    return privkey_to_pem(key, a, ret_key, err) && write_chain(a, chain, n, ret_chain, err);
}

bool keystore_signing_key(const char *dir, const char *name, enum signing_family family, enum privkey_kind kind, const struct ca *ca,
                          const char *common_name, int64_t now_ms, struct signing_key *ret, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct cert *certs[LIMIT_CHAIN_CERTS];
    struct bytes key = BYTES_NONE, chain = BYTES_NONE;
    struct key_files files;
    size_t n = 0;
    bool there, fine;

    if (!name_files(dir, name, &files, err) || !look(&files, &there, err))
        return false;
    fine = there ? load(&a, &files, &key, &chain, err)
                 : make_signer(&a, family, kind, ca, common_name, now_ms, &key, &chain, err) && save(&files, key, chain, err);
    fine = fine && cert_parse_bundle(chain, certs, LIMIT_CHAIN_CERTS, &n, err) &&
           signing_key_init(ret, family, key, (const struct cert *const *)certs, n, err);
    for (size_t i = 0; i < n; i++)
        cert_free(certs[i]);
    forget(key);
    return fine || err_within(err, "%s", files.key);
}

static bool name_matches(const struct cert_alt_name *have, const char *want)
{
    uint8_t address[16];

    if (have->kind == ALT_NAME_DNS)
        return bytes_equal_string(have->value, want);
    if (have->kind != ALT_NAME_IP || inet_pton(have->value.len == 4 ? AF_INET : AF_INET6, want, address) != 1)
        return false;
    return bytes_equal(have->value, (struct bytes){ address, have->value.len });
}

static bool has_name(const struct cert *cert, const char *want)
{
    struct bytes rest = cert->alt_names;
    struct cert_alt_name alt;

    while (cert_alt_name_next(&rest, &alt))
        if (name_matches(&alt, want))
            return true;
    return false;
}

/* Valid for a while yet, and for these names, no more and no fewer: an address that this machine gave back may be another's now. */
static bool still_good(const struct cert *cert, const char *const *names, size_t n_names, int64_t now_ms)
{
    struct bytes rest = cert->alt_names;
    struct cert_alt_name alt;

    if (cert->not_after_ms < now_ms + tls_renewal_ms || cert->not_before_ms > now_ms)
        return false;
    for (size_t i = 0; i < n_names; i++)
        if (!has_name(cert, names[i]))
            return false;
    while (cert_alt_name_next(&rest, &alt)) {
        bool wanted = false;
        for (size_t i = 0; i < n_names && !wanted; i++)
            wanted = name_matches(&alt, names[i]);
        if (!wanted)
            return false;
    }
    return true;
}

bool keystore_tls(const char *dir, const char *name, const struct ca *ca, const char *const *names, size_t n_names, int64_t now_ms,
                  struct arena *a, struct bytes *ret_cert_pem, struct bytes *ret_key_pem, struct err *err)
{
    struct privkey *key CLEANUP(privkey_free_at) = NULL;
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct key_files files;
    struct bytes key_pem = BYTES_NONE, chain_pem = BYTES_NONE;
    const struct cert *chain[1];
    bool there;

    if (!name_files(dir, name, &files, err) || !look(&files, &there, err))
        return false;
    if (there) {
        if (!load(a, &files, &key_pem, &chain_pem, err) || !privkey_from_pem(key_pem, &key, err) || !cert_parse_pem(chain_pem, &cert, err))
            return err_within(err, "%s", files.key);
        if (pubkey_equal(cert->key, privkey_public(key)) && cert_is_signed_by(cert, ca_cert(ca, 0)->key, err) &&
            still_good(cert, names, n_names, now_ms)) {
            *ret_cert_pem = chain_pem;
            *ret_key_pem = key_pem;
            return true;
        }
        cert_free(TAKE(cert));
    } else if (!privkey_generate(PRIVKEY_P256, &key, err) || !privkey_to_pem(key, a, &key_pem, err)) {
        return false;
    }
    if (!ca_issue_tls_server(ca, names, n_names, privkey_public(key), now_ms, tls_validity_ms, &cert, err))
        return false;
    chain[0] = cert;
    if (!write_chain(a, chain, 1, &chain_pem, err) || !save(&files, key_pem, chain_pem, err))
        return false;
    *ret_cert_pem = chain_pem;
    *ret_key_pem = key_pem;
    return true;
}
