#include "refdata/seal.h"
#include "base/base64.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "x509/cert.h"

static const char keys_head[] = "trueboot-reference-keys 1\n";

static bool no_memory(struct err *err) { return err_set(err, ERR_NO_MEMORY, "no memory for keys"); }

static void key_id(const struct pubkey *key, char ret[static REFDATA_KEY_ID_LEN])
{
    struct digest d;

    digest_compute(DIGEST_SHA256, pubkey_spki(key), &d);
    hex_encode(digest_bytes(&d), ret);
}

/* ---- trusted keys ---- */

void refdata_keys_done(struct refdata_keys *keys)
{
    for (size_t i = 0; i < keys->n; i++)
        pubkey_free(keys->items[i].key);
    keys->n = 0;
}

/* Takes the key over. */
static bool add(struct refdata_keys *keys, struct pubkey *key, const char *name, const struct refdata_key **ret, struct err *err)
{
    struct refdata_key made = { .key = key, .name = name };

    key_id(key, made.id);
    for (size_t i = 0; i < keys->n; i++)
        if (strcmp(keys->items[i].id, made.id) == 0) {
            pubkey_free(key);
            keys->items[i].name = name;
            *ret = &keys->items[i];
            return true;
        }
    if (keys->n == REFDATA_KEYS_MAX) {
        pubkey_free(key);
        return err_set(err, ERR_LIMIT, "more than %d trusted keys", REFDATA_KEYS_MAX);
    }
    keys->items[keys->n] = made;
    *ret = &keys->items[keys->n++];
    return true;
}

static bool read_key_line(struct arena *a, struct bytes line, struct refdata_keys *keys, struct err *err)
{
    size_t first = bytes_find(line, BYTES_LIT("\t")), second;
    struct bytes rest = bytes_slice(line, first == SIZE_MAX ? line.len : first + 1, SIZE_MAX), der;
    const struct refdata_key *ignored;
    struct pubkey *key;
    const char *name;

    second = bytes_find(rest, BYTES_LIT("\t"));
    if (!bytes_equal_string(bytes_slice(line, 0, first), "key") || second == SIZE_MAX || second + 1 == rest.len)
        return err_set(err, ERR_MALFORMED, "\"key\", base64 and a name expected");
    name = text_for_people(a, bytes_slice(rest, second + 1, SIZE_MAX));
    if (!name)
        return no_memory(err);
    return base64_decode(a, BASE64_STANDARD, bytes_slice(rest, 0, second), &der, err) && pubkey_from_spki(der, &key, err) &&
           add(keys, key, name, &ignored, err);
}

bool refdata_keys_parse(struct arena *a, struct bytes text, struct refdata_keys *ret, struct err *err)
{
    struct refdata_keys keys CLEANUP(refdata_keys_done) = { 0 };
    struct bytes rest = bytes_slice(text, sizeof keys_head - 1, SIZE_MAX);

    if (!bytes_starts_with(text, bytes_of_string(keys_head)))
        return err_set(err, ERR_UNSUPPORTED, "not a list of trusted keys of version 1");
    for (size_t number = 2; rest.len; number++) {
        size_t end = bytes_find(rest, BYTES_LIT("\n"));
        struct bytes line = bytes_slice(rest, 0, end);
        rest = end == SIZE_MAX ? BYTES_NONE : bytes_slice(rest, end + 1, SIZE_MAX);
        if (line.len && line.data[0] != '#' && !read_key_line(a, line, &keys, err))
            return err_within(err, "line %zu", number);
    }
    *ret = keys;
    keys.n = 0;
    return true;
}

bool refdata_keys_read(struct arena *a, const char *path, struct refdata_keys *ret, struct err *err)
{
    struct bytes text;

    if (!file_exists(path)) {
        ret->n = 0;
        return true;
    }
    return (file_read_in(a, path, LIMIT_SMALL_BODY_BYTES, &text, err) && refdata_keys_parse(a, text, ret, err)) ||
           err_within(err, "%s", path);
}

bool refdata_keys_write(const char *path, const struct refdata_keys *keys, struct err *err)
{
    struct writer w CLEANUP(writer_done) = { .limit = LIMIT_SMALL_BODY_BYTES };

    write_string(&w, keys_head);
    for (size_t i = 0; i < keys->n; i++) {
        write_string(&w, "key\t");
        base64_write(&w, BASE64_STANDARD, pubkey_spki(keys->items[i].key));
        write_printf(&w, "\t%s\n", keys->items[i].name);
    }
    if (!writer_ok(&w))
        return err_set(err, ERR_LIMIT, "the list of trusted keys is larger than %d bytes", LIMIT_SMALL_BODY_BYTES);
    return file_write(path, writer_bytes(&w), 0644, err);
}

/* What people have: a certificate or a bare public key, in PEM or DER. */
static bool read_public(struct arena *a, struct bytes file, struct pubkey **ret, const char **ret_name, struct err *err)
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct err ignored = ERR_INIT;

    *ret_name = NULL;
    if (cert_parse_any(file, &cert, &ignored)) {
        if (!cert->key)
            return err_set(err, ERR_UNSUPPORTED, "%s", cert->key_problem);
        *ret_name = cert->common_name.len ? text_for_people(a, cert->common_name) : NULL;
        *ret = pubkey_ref(cert->key);
        return true;
    }
    if (bytes_find(file, BYTES_LIT("PRIVATE KEY-----")) != SIZE_MAX)
        return err_set(err, ERR_UNSUPPORTED, "this is a private key: trust its public half, which its owner can give to anybody");
    if (pubkey_from_spki(file, ret, &ignored) || pubkey_from_pem(file, ret, &ignored))
        return true;
    return err_set(err, ERR_MALFORMED, "neither a certificate nor a public key (PEM or DER)");
}

bool refdata_keys_add(struct arena *a, struct refdata_keys *keys, struct bytes file, const char *name, const struct refdata_key **ret,
                      struct err *err)
{
    const char *own_name;
    struct pubkey *key;
    char id[REFDATA_KEY_ID_LEN];

    if (!read_public(a, file, &key, &own_name, err))
        return false;
    key_id(key, id);
    if (name)
        own_name = text_for_people(a, bytes_of_string(name));
    if (!own_name)
        own_name = arena_printf(a, "key %.16s", id);
    if (!own_name) {
        pubkey_free(key);
        return no_memory(err);
    }
    return add(keys, key, own_name, ret, err);
}

bool refdata_keys_remove(struct refdata_keys *keys, const char *id)
{
    size_t found = SIZE_MAX, len = strlen(id);

    for (size_t i = 0; len >= 8 && i < keys->n; i++)
        if (strncmp(keys->items[i].id, id, len) == 0) {
            if (found != SIZE_MAX)
                return false;
            found = i;
        }
    if (found == SIZE_MAX)
        return false;
    pubkey_free(keys->items[found].key);
    for (size_t i = found + 1; i < keys->n; i++)
        keys->items[i - 1] = keys->items[i];
    keys->n--;
    return true;
}

/* ---- the signature ---- */

struct seal {
    struct bytes body, id, signature; /* signature: still base64url */
};

static bool find_seal(struct bytes pack, struct seal *ret)
{
    static const uint8_t mark[] = "\nsignature\t";
    struct bytes line;
    size_t at = pack.len, tab;

    /* The last line, which ends the text. */
    if (!pack.len || pack.data[pack.len - 1] != '\n')
        return false;
    for (at = pack.len - 1; at > 0 && pack.data[at - 1] != '\n'; at--)
        continue;
    line = bytes_slice(pack, at, pack.len - 1 - at);
    if (at == 0 || !bytes_starts_with(line, (struct bytes){ mark + 1, sizeof mark - 2 }))
        return false;
    line = bytes_slice(line, sizeof mark - 2, SIZE_MAX);
    tab = bytes_find(line, BYTES_LIT("\t"));
    *ret = (struct seal){ bytes_slice(pack, 0, at), bytes_slice(line, 0, tab),
                          tab == SIZE_MAX ? BYTES_NONE : bytes_slice(line, tab + 1, SIZE_MAX) };
    return true;
}

bool seal_is_there(struct bytes pack, struct bytes *ret_body)
{
    struct seal seal = { .body = pack };
    bool there = find_seal(pack, &seal);

    *ret_body = seal.body;
    return there;
}

static void algorithm_of(const struct pubkey *key, enum signature_scheme *ret_scheme, enum digest_algorithm *ret_hash)
{
    *ret_scheme = pubkey_type(key) == KEY_RSA ? SIGNATURE_RSAPSS : SIGNATURE_ECDSA;
    *ret_hash = pubkey_curve(key) == CURVE_P521 ? DIGEST_SHA512 : pubkey_curve(key) == CURVE_P384 ? DIGEST_SHA384 : DIGEST_SHA256;
}

static bool verify(const struct seal *seal, const struct refdata_key *key, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err why = ERR_INIT;
    enum signature_scheme scheme;
    enum digest_algorithm hash;
    struct bytes signature;

    algorithm_of(key->key, &scheme, &hash);
    return (base64_decode(&a, BASE64_URL, seal->signature, &signature, &why) &&
            pubkey_verify(key->key, scheme, hash, seal->body, signature, &why)) ||
           err_set(err, ERR_UNTRUSTED, "the signature does not hold: this is not what %s signed", key->name);
}

bool seal_check(struct bytes pack, const struct refdata_keys *keys, struct bytes *ret_body, const struct refdata_key **ret, struct err *err)
{
    struct seal seal;
    bool is_id;

    if (!find_seal(pack, &seal))
        return err_set(err, ERR_UNTRUSTED, "nobody signed this pack; whoever made it signs it with `trueboot data pack --sign KEY`");
    for (size_t i = 0; i < keys->n; i++)
        if (bytes_equal_string(seal.id, keys->items[i].id)) {
            if (!verify(&seal, &keys->items[i], err))
                return false;
            *ret_body = seal.body;
            *ret = &keys->items[i];
            return true;
        }
    is_id = seal.id.len == REFDATA_KEY_ID_LEN - 1;
    for (size_t i = 0; is_id && i < seal.id.len; i++)
        is_id = (seal.id.data[i] >= '0' && seal.id.data[i] <= '9') || (seal.id.data[i] >= 'a' && seal.id.data[i] <= 'f');
    if (!is_id)
        return err_set(err, ERR_MALFORMED, "the signature line does not name a key");
    return err_set(err, ERR_UNTRUSTED,
                   "signed with key %.16s…, which is not trusted here; if it is its maker's: `trueboot data trust FILE`",
                   (const char *)seal.id.data);
}

bool seal_write(struct writer *w, struct bytes body, const struct privkey *key, struct err *err)
{
    const struct pubkey *public = privkey_public(key);
    uint8_t signature[PRIVKEY_SIGNATURE_MAX];
    enum signature_scheme scheme;
    enum digest_algorithm hash;
    char id[REFDATA_KEY_ID_LEN];
    struct seal already;
    size_t len;

    if (!body.len || body.data[body.len - 1] != '\n' || find_seal(body, &already))
        return err_set(err, ERR_MALFORMED, "the pack is signed already, or its last line does not end");
    algorithm_of(public, &scheme, &hash);
    if (!privkey_sign(key, scheme, hash, body, signature, &len, err))
        return false;
    key_id(public, id);
    write_bytes(w, body);
    write_printf(w, "signature\t%s\t", id);
    base64_write(w, BASE64_URL, (struct bytes){ signature, len });
    write_string(w, "\n");
    return writer_ok(w) || err_set(err, ERR_LIMIT, "the pack is too large, or no memory");
}
