#include "audit/line.h"
#include "base/hex.h"
#include "crypto/digest.h"

enum { HASH_LEN = 64, SEQ_DIGITS = 18 };

#define HEAD "{\"seq\":"
#define PREV ",\"prev\":\""
#define HASH ",\"hash\":\""
#define END  "\"}"

const char audit_no_hash[AUDIT_HASH_TEXT_LEN] = "0000000000000000000000000000000000000000000000000000000000000000";

static void hash_of(struct bytes text, char ret[static AUDIT_HASH_TEXT_LEN])
{
    struct digest d;

    digest_compute(DIGEST_SHA256, text, &d);
    hex_encode(digest_bytes(&d), ret);
}

void audit_line_write(struct writer *w, int64_t seq, struct bytes members, const char *prev, char ret_hash[static AUDIT_HASH_TEXT_LEN])
{
    size_t start = w->len;

    write_printf(w, HEAD "%lld,", (long long)seq);
    write_bytes(w, members);
    write_printf(w, PREV "%s\"", prev);
    ret_hash[0] = '\0';
    if (writer_ok(w))
        hash_of((struct bytes){ w->data + start, w->len - start }, ret_hash);
    write_printf(w, HASH "%s" END "\n", ret_hash);
}

static bool is_hex(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!((text.data[i] >= '0' && text.data[i] <= '9') || (text.data[i] >= 'a' && text.data[i] <= 'f')))
            return false;
    return text.len == HASH_LEN;
}

static bool take_hash(struct bytes text, char ret[static AUDIT_HASH_TEXT_LEN])
{
    if (!is_hex(text))
        return false;
    memcpy(ret, text.data, HASH_LEN);
    ret[HASH_LEN] = '\0';
    return true;
}

/* Splits `LABEL" HEX "` off the end. */
static bool take_member(struct bytes *text, struct bytes label, struct bytes end, char ret[static AUDIT_HASH_TEXT_LEN])
{
    size_t len = label.len + HASH_LEN + end.len;
    struct bytes tail = bytes_slice(*text, text->len > len ? text->len - len : 0, len);

    if (text->len <= len || !bytes_starts_with(tail, label) || !bytes_ends_with(tail, end) ||
        !take_hash(bytes_slice(tail, label.len, HASH_LEN), ret))
        return false;
    *text = bytes_slice(*text, 0, text->len - len);
    return true;
}

static bool read_seq(struct bytes text, int64_t *ret)
{
    size_t i = sizeof HEAD - 1;
    int64_t seq = 0;

    if (!bytes_starts_with(text, BYTES_LIT(HEAD)))
        return false;
    for (; i < text.len && text.data[i] >= '0' && text.data[i] <= '9' && i < sizeof HEAD - 1 + SEQ_DIGITS; i++)
        seq = seq * 10 + (text.data[i] - '0');
    *ret = seq;
    return i > sizeof HEAD - 1 && i < text.len && text.data[i] == ',' && seq > 0;
}

bool audit_line_read(struct bytes line, struct audit_line *ret, struct err *err)
{
    struct audit_line found;
    struct bytes hashed = line, members;
    char computed[AUDIT_HASH_TEXT_LEN];

    if (!take_member(&hashed, BYTES_LIT(HASH), BYTES_LIT(END), found.hash))
        return err_set(err, ERR_MALFORMED, "it does not end in a hash");
    members = hashed;
    if (!take_member(&members, BYTES_LIT(PREV), BYTES_LIT("\""), found.prev) || !read_seq(members, &found.seq))
        return err_set(err, ERR_MALFORMED, "it is no record of an audit log");
    hash_of(hashed, computed);
    if (strcmp(computed, found.hash) != 0)
        return err_set(err, ERR_UNTRUSTED, "its content does not match its hash: it was changed after it was written");
    *ret = found;
    return true;
}

void audit_line_guess(struct bytes line, char ret_said[static AUDIT_HASH_TEXT_LEN], char ret_computed[static AUDIT_HASH_TEXT_LEN])
{
    struct bytes hashed = line;
    const size_t tail = sizeof HASH - 1 + HASH_LEN + sizeof END - 1;

    ret_said[0] = ret_computed[0] = '\0';
    if (!take_member(&hashed, BYTES_LIT(HASH), BYTES_LIT(END), ret_said)) {
        ret_said[0] = '\0';
        hashed = bytes_slice(line, 0, line.len > tail ? line.len - tail : 0);
    }
    hash_of(hashed, ret_computed);
}
