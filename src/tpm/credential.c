#include "tpm/credential.h"
#include "crypto/encrypt.h"
#include "crypto/random.h"
#include "tpm/kdf.h"

/* Everything that depends on the EK. The seed has the length of the EK's name algorithm (Part 1, 24.2). */
struct sealing {
    enum digest_algorithm hash;
    size_t key_len; /* of the AES key */
    uint8_t seed[DIGEST_MAX_LEN];
};

static void sealing_done(struct sealing *s) { wipe(s, sizeof *s); }

static bool shape_is_ours(const struct tpm_public *ek, struct err *err)
{
    const struct tpm_symmetric *sym = &ek->symmetric;

    if (ek->name_algorithm != DIGEST_SHA256 && ek->name_algorithm != DIGEST_SHA384 && ek->name_algorithm != DIGEST_SHA512)
        return err_set(err, ERR_UNSUPPORTED, "endorsement key with %s names", digest_name(ek->name_algorithm));
    if (sym->algorithm != TPM_ALG_AES || sym->mode != TPM_ALG_CFB || (sym->bits != 128 && sym->bits != 256))
        return err_set(err, ERR_UNSUPPORTED, "endorsement key with inner cipher 0x%04x of %u bits", sym->algorithm, sym->bits);
    if (ek->scheme.algorithm != TPM_ALG_NULL || (ek->type == TPM_ALG_ECC && ek->kdf.algorithm != TPM_ALG_NULL))
        return err_set(err, ERR_UNSUPPORTED, "endorsement key with a scheme of its own: 0x%04x", ek->scheme.algorithm);
    return true;
}

/* Part 1, B.10.4: the seed is random and goes under OAEP with the label "IDENTITY" and its NUL. */
static bool share_seed_rsa(const struct pubkey *key, struct sealing *s, struct writer *ret_encrypted, struct err *err)
{
    uint8_t cipher[ENCRYPT_RSA_MAX];
    size_t len;

    if (!random_bytes(s->seed, digest_len(s->hash), err) ||
        !encrypt_rsa_oaep(key, s->hash, BYTES_LIT("IDENTITY\0"), (struct bytes){ s->seed, digest_len(s->hash) }, cipher, &len, err))
        return false;
    write_u16be_prefixed(ret_encrypted, (struct bytes){ cipher, len });
    return true;
}

/* Part 1, C.6.4: the seed comes from an ephemeral key; its public point is what travels. */
static bool share_seed_ecc(const struct pubkey *key, struct sealing *s, struct writer *ret_encrypted, struct err *err)
{
    CLEANUP(writer_done) struct writer point = { 0 };
    struct encrypt_ecdh ecdh;
    struct bytes x;

    if (!encrypt_ecdh(key, &ecdh, err))
        return false;
    x = (struct bytes){ ecdh.ephemeral_x, ecdh.len };
    tpm_kdf_e(s->hash, (struct bytes){ ecdh.shared_x, ecdh.len }, "IDENTITY", x, pubkey_ec_x(key), s->seed, digest_len(s->hash));
    write_u16be_prefixed(&point, x);
    write_u16be_prefixed(&point, (struct bytes){ ecdh.ephemeral_y, ecdh.len });
    write_u16be_prefixed(ret_encrypted, writer_bytes(&point));
    ret_encrypted->bad = ret_encrypted->bad || !writer_ok(&point);
    wipe(&ecdh, sizeof ecdh);
    return true;
}

/* Part 1, 24.4 and 24.5: encIdentity = CFB(KDFa(seed, "STORAGE", name), TPM2B secret);
 * integrity = HMAC(KDFa(seed, "INTEGRITY"), encIdentity || name). */
static bool seal(const struct sealing *s, struct bytes name, struct bytes secret, struct writer *ret_object, struct err *err)
{
    CLEANUP(writer_done) struct writer body = { 0 };
    uint8_t identity[2 + DIGEST_MAX_LEN] = { 0, (uint8_t)secret.len };
    struct bytes seed = { s->seed, digest_len(s->hash) }, sealed = { identity, 2 + secret.len };
    uint8_t key[DIGEST_MAX_LEN];
    struct digest integrity;
    bool done;

    memcpy(identity + 2, secret.data, secret.len);
    tpm_kdf_a(s->hash, seed, "STORAGE", name, BYTES_NONE, key, s->key_len);
    done = encrypt_aes_cfb((struct bytes){ key, s->key_len }, sealed, identity, err);
    if (done) {
        tpm_kdf_a(s->hash, seed, "INTEGRITY", BYTES_NONE, BYTES_NONE, key, seed.len);
        hmac_compute(s->hash, (struct bytes){ key, seed.len }, (const struct bytes[]){ sealed, name }, 2, &integrity);
        write_u16be_prefixed(&body, digest_bytes(&integrity));
        write_bytes(&body, sealed);
        write_u16be_prefixed(ret_object, writer_bytes(&body));
        ret_object->bad = ret_object->bad || !writer_ok(&body);
    } else {
        wipe(identity, sizeof identity);
    }
    wipe(key, sizeof key);
    return done;
}

bool credential_make(struct arena *a, const struct tpm_public *ek, struct bytes name, struct bytes secret, struct bytes *ret_id_object,
                     struct bytes *ret_encrypted_secret, struct err *err)
{
    CLEANUP(sealing_done) struct sealing s = { .hash = ek->name_algorithm, .key_len = ek->symmetric.bits / 8u };
    CLEANUP(writer_done) struct writer encrypted = { 0 }, object = { 0 };
    CLEANUP(pubkey_free_at) struct pubkey *key = NULL;
    struct bytes id_object, encrypted_secret;

    if (!shape_is_ours(ek, err) || !tpm_public_key(ek, &key, err))
        return err_within(err, "credential");
    if (secret.len == 0 || secret.len > digest_len(s.hash)) /* Part 3, 12.6: the TPM refuses more */
        return err_set(err, ERR_LIMIT, "credential of %zu bytes; 1 to %zu", secret.len, digest_len(s.hash));
    if (!(ek->type == TPM_ALG_RSA ? share_seed_rsa(key, &s, &encrypted, err) : share_seed_ecc(key, &s, &encrypted, err)) ||
        !seal(&s, name, secret, &object, err))
        return err_within(err, "credential");
    if (!writer_ok(&encrypted) || !writer_ok(&object) || !arena_copy(a, writer_bytes(&object), &id_object) ||
        !arena_copy(a, writer_bytes(&encrypted), &encrypted_secret))
        return err_set(err, ERR_NO_MEMORY, "no memory for a credential");
    *ret_id_object = id_object;
    *ret_encrypted_secret = encrypted_secret;
    return true;
}
