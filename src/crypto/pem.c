#include "crypto/pem.h"
#include <stdio.h>
#include "base/base64.h"

enum { LINE_CHARACTERS = 64, LABEL_MAX = 40 };

static struct bytes after(struct bytes text, size_t offset) { return bytes_slice(text, offset, text.len); }

/* The base64 between the two lines, without its white space. */
static bool decode(struct arena *a, struct bytes body, struct bytes *ret_der, struct err *err)
{
    struct bytes packed;
    uint8_t *to = arena_alloc(a, body.len + 1);
    size_t n = 0;
    bool ok;

    if (!to)
        return err_set(err, ERR_NO_MEMORY, "PEM block of %zu bytes", body.len);
    for (size_t i = 0; i < body.len; i++)
        if (!memchr(" \t\r\n", body.data[i], 4))
            to[n++] = body.data[i];
    packed = (struct bytes){ to, n };
    ok = base64_decode(a, BASE64_STANDARD, packed, ret_der, err) || err_within(err, "PEM block");
    wipe(to, n); /* it may have been a private key */
    return ok;
}

bool pem_next(struct arena *a, struct bytes *text, const char *label, struct bytes *ret_der, struct err *err)
{
    char begin[LABEL_MAX + 32], end[LABEL_MAX + 32];
    struct bytes begin_line, end_line, body;
    size_t from, to;

    snprintf(begin, sizeof begin, "-----BEGIN %s-----", label);
    snprintf(end, sizeof end, "-----END %s-----", label);
    begin_line = bytes_of_string(begin);
    end_line = bytes_of_string(end);
    from = bytes_find(*text, begin_line);
    if (from == SIZE_MAX)
        return err_set(err, ERR_NOT_FOUND, "no PEM block \"%s\"", label);
    body = after(*text, from + begin_line.len);
    to = bytes_find(body, end_line);
    if (to == SIZE_MAX)
        return err_set(err, ERR_MALFORMED, "PEM block \"%s\" does not end", label);
    if (!decode(a, bytes_slice(body, 0, to), ret_der, err))
        return false;
    *text = after(body, to + end_line.len);
    return true;
}

void pem_write(struct writer *w, const char *label, struct bytes der)
{
    struct writer b64 = { 0 };

    base64_write(&b64, BASE64_STANDARD, der);
    if (!writer_ok(&b64))
        w->bad = true;
    write_printf(w, "-----BEGIN %s-----\n", label);
    for (size_t i = 0; i < b64.len; i += LINE_CHARACTERS) {
        write_bytes(w, bytes_slice(writer_bytes(&b64), i, LINE_CHARACTERS));
        write_u8(w, '\n');
    }
    write_printf(w, "-----END %s-----\n", label);
    writer_done_secret(&b64);
}
