#include "bootchain/chain/cmdline.h"

/* ctype.h of the kernel: Latin-1, whatever the text's encoding is. */
static bool is_kernels_blank(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r') || c == 0xa0; }

static bool is_systemds_blank(uint8_t c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static bool is_any_blank(uint8_t c) { return c <= ' ' || c == 0xa0; }

static bool is_blank(enum cmdline_reader reader, uint8_t c)
{
    switch (reader) {
    case CMDLINE_KERNEL:
        return is_kernels_blank(c);
    case CMDLINE_SYSTEMD:
        return is_systemds_blank(c);
    default:
        return is_any_blank(c);
    }
}

/* The length of the word at the start of `text`. */
static size_t word_len(enum cmdline_reader reader, struct bytes text)
{
    uint8_t quote = 0;
    size_t n = 0;

    for (; n < text.len && (quote || !is_blank(reader, text.data[n])); n++) {
        uint8_t c = text.data[n];
        bool opens = reader != CMDLINE_SHELL && (c == '"' || (c == '\'' && reader == CMDLINE_SYSTEMD));
        if (quote && c == quote)
            quote = 0;
        else if (!quote && opens)
            quote = c;
    }
    return n;
}

static void split_at_equals(struct bytes word, struct bytes *ret_name, struct bytes *ret_value)
{
    size_t at = bytes_find(word, BYTES_LIT("="));

    *ret_name = bytes_slice(word, 0, at == SIZE_MAX ? word.len : at);
    *ret_value = at == SIZE_MAX ? BYTES_NONE : bytes_slice(word, at + 1, word.len);
}

static bool begins_with_quote(struct bytes b) { return b.len && b.data[0] == '"'; }
static bool ends_with_quote(struct bytes b) { return b.len && b.data[b.len - 1] == '"'; }

/* next_arg: a quote in front of the word or of the value goes away, closed or not, and with it one at the end. */
static void split_as_kernel(struct bytes word, struct bytes *ret_name, struct bytes *ret_value)
{
    bool quoted = begins_with_quote(word);

    if (quoted)
        word = bytes_slice(word, 1, word.len);
    if (quoted && ends_with_quote(word))
        word = bytes_slice(word, 0, word.len - 1);
    split_at_equals(word, ret_name, ret_value);
    if (!begins_with_quote(*ret_value))
        return;
    *ret_value = bytes_slice(*ret_value, 1, ret_value->len);
    if (ends_with_quote(*ret_value))
        *ret_value = bytes_slice(*ret_value, 0, ret_value->len - 1);
}

static void split_as_systemd(struct cmdline_word *word)
{
    size_t n = 0;
    uint8_t quote = 0;

    for (size_t i = 0; i < word->whole.len && n < sizeof word->plain; i++) {
        uint8_t c = word->whole.data[i];
        if (quote ? c == quote : c == '"' || c == '\'')
            quote = quote ? 0 : c;
        else
            word->plain[n++] = c;
    }
    split_at_equals((struct bytes){ word->plain, n }, &word->name, &word->value);
}

/* Scripts cut a word with ${x#name=}; quotes around a value that are left do not make it another one. */
static void split_as_shell(struct cmdline_word *word)
{
    split_at_equals(word->whole, &word->name, &word->value);
    while (word->value.len && (word->value.data[0] == '"' || word->value.data[0] == '\''))
        word->value = bytes_slice(word->value, 1, word->value.len);
    while (word->value.len && (ends_with_quote(word->value) || word->value.data[word->value.len - 1] == '\''))
        word->value = bytes_slice(word->value, 0, word->value.len - 1);
}

bool cmdline_word_next(enum cmdline_reader reader, struct bytes *rest, struct cmdline_word *ret)
{
    size_t n = 0;

    while (n < rest->len && is_blank(reader, rest->data[n]))
        n++;
    *rest = bytes_slice(*rest, n, rest->len);
    if (!rest->len)
        return false;
    n = word_len(reader, *rest);
    ret->whole = bytes_slice(*rest, 0, n);
    *rest = bytes_slice(*rest, n, rest->len);
    switch (reader) {
    case CMDLINE_KERNEL:
        split_as_kernel(ret->whole, &ret->name, &ret->value);
        break;
    case CMDLINE_SYSTEMD:
        split_as_systemd(ret);
        break;
    default:
        split_as_shell(ret);
        break;
    }
    return true;
}

bool cmdline_next(struct bytes *rest, struct bytes *ret_word, struct bytes *ret_name, struct bytes *ret_value)
{
    struct cmdline_word word;

    if (!cmdline_word_next(CMDLINE_KERNEL, rest, &word))
        return false;
    *ret_word = word.whole;
    *ret_name = word.name;
    *ret_value = word.value;
    return true;
}

bool cmdline_names_initrd(struct bytes text) { return bytes_find(text, BYTES_LIT("initrd=")) != SIZE_MAX; }

bool cmdline_is_kernels(struct bytes text) { return text.len && (text.data[0] == '/' || text.data[0] == '('); }
