#include "diagnose/redact.h"
#include <ctype.h>
#include <strings.h>

enum { TOKEN_LEAST = 20, KEY_MAX = 64 };

static bool begins(struct bytes text, const char *word)
{
    size_t n = strlen(word);

    return text.len >= n && strncasecmp((const char *)text.data, word, n) == 0;
}

static bool is_token_char(uint8_t c)
{
    return isalnum(c) || c == '-' || c == '_' || c == '.' || c == '+' || c == '/' || c == '=' || c == '~';
}

static size_t token_len(struct bytes text)
{
    size_t n = 0;

    while (n < text.len && is_token_char(text.data[n]))
        n++;
    return n;
}

/* Each of these says how many bytes of the text it has dealt with; 0: not its business. */

static size_t take_token(struct bytes text, struct writer *w)
{
    size_t n = bytes_starts_with(text, BYTES_LIT("eyJ")) ? token_len(text) : 0;

    if (n < TOKEN_LEAST)
        return 0;
    write_string(w, "[token]");
    return n;
}

static size_t take_scheme(struct bytes text, struct writer *w)
{
    static const char *const schemes[] = { "Bearer ", "Basic ", "Digest ", "TrueBoot-AK " };

    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t word = strlen(schemes[i]), n;

        if (!begins(text, schemes[i]))
            continue;
        n = token_len(bytes_slice(text, word, text.len));
        if (!n)
            return 0;
        write_bytes(w, bytes_slice(text, 0, word));
        write_string(w, "[hidden]");
        return word + n;
    }
    return 0;
}

static size_t take_user(struct bytes text, struct writer *w)
{
    size_t n = 3;

    if (!bytes_starts_with(text, BYTES_LIT("://")))
        return 0;
    while (n < text.len && !isspace(text.data[n]) && !strchr("/?#\"'<>", text.data[n]))
        n++;
    while (n > 3 && text.data[n - 1] != '@')
        n--;
    if (n <= 3)
        return 0;
    write_string(w, "://[hidden]@");
    return n;
}

static size_t take_private_key(struct bytes text, struct writer *w)
{
    size_t line = bytes_find(text, BYTES_LIT("\n")), end;

    if (!bytes_starts_with(text, BYTES_LIT("-----BEGIN ")) || bytes_find(bytes_slice(text, 0, line), BYTES_LIT("PRIVATE KEY")) == SIZE_MAX)
        return 0;
    write_string(w, "[private key]");
    end = bytes_find(text, BYTES_LIT("-----END "));
    if (end == SIZE_MAX)
        return text.len;
    line = bytes_find(bytes_slice(text, end + 9, text.len), BYTES_LIT("-----"));
    return line == SIZE_MAX ? text.len : end + 9 + line + 5;
}

/* Keys and values. */

static bool is_key_char(uint8_t c) { return isalnum(c) || c == '_' || c == '-' || c == '.'; }

static bool is_secret_key(struct bytes key)
{
    static const char *const words[] = {
        "pass", "secret", "token", "credential", "apikey", "api_key", "private", "authorization", "cookie"
    };

    if (key.len > KEY_MAX)
        return false; /* where a secret lies is hidden, too: "enroll.token_file = …" */
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        for (size_t at = 0; at + strlen(words[i]) <= key.len; at++)
            if (begins(bytes_slice(key, at, key.len), words[i]))
                return true;
    return false;
}

static size_t blanks(struct bytes text, size_t at)
{
    while (at < text.len && (text.data[at] == ' ' || text.data[at] == '\t'))
        at++;
    return at;
}

/* Where the value ends: at its closing quote, or with the line's next blank, comma or bracket; a password may hold anything, so an unquoted one at the
 * end of "key = …" lines goes to the end of the line. */
static size_t value_end(struct bytes text, size_t at, bool to_end_of_line)
{
    if (at < text.len && (text.data[at] == '"' || text.data[at] == '\'')) {
        uint8_t quote = text.data[at++];

        while (at < text.len && text.data[at] != quote && text.data[at] != '\n')
            at += text.data[at] == '\\' && at + 1 < text.len ? 2 : 1;
        return at < text.len && text.data[at] == quote ? at + 1 : at;
    }
    while (at < text.len && text.data[at] != '\n' && (to_end_of_line || (!isspace(text.data[at]) && !strchr(",}]&;", text.data[at]))))
        at++;
    return at;
}

/* At the first byte of a word. */
static size_t take_value(struct bytes text, struct writer *w)
{
    size_t key = 0, at, end;
    bool spaced;

    while (key < text.len && is_key_char(text.data[key]))
        key++;
    if (!key || !is_secret_key(bytes_slice(text, 0, key)))
        return 0;
    at = key;
    if (at < text.len && (text.data[at] == '"' || text.data[at] == '\''))
        at++;
    end = blanks(text, at);
    spaced = end > at;
    if (end >= text.len || (text.data[end] != '=' && text.data[end] != ':'))
        return 0;
    at = blanks(text, end + 1);
    spaced |= at > end + 1;
    if (at >= text.len || text.data[at] == '\n' || text.data[at] == '{' || text.data[at] == '[' || begins(bytes_slice(text, at, 5), "null"))
        return 0;
    end = value_end(text, at, spaced);
    write_bytes(w, bytes_slice(text, 0, at));
    write_string(w, "[hidden]");
    return end;
}

void redact(struct bytes text, struct writer *w)
{
    bool word_begins = true;

    while (text.len) {
        size_t n = take_private_key(text, w);

        if (!n && word_begins)
            n = take_token(text, w);
        if (!n && word_begins)
            n = take_scheme(text, w);
        if (!n && word_begins)
            n = take_value(text, w);
        if (!n)
            n = take_user(text, w);
        if (!n) {
            write_u8(w, text.data[0]);
            n = 1;
        }
        word_begins = !is_key_char(text.data[n - 1]);
        text = bytes_slice(text, n, text.len);
    }
}
