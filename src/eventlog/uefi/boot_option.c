#include "eventlog/uefi/boot_option.h"
#include "base/reader.h"
#include "base/utf8.h"

/* EFI_LOAD_OPTION (UEFI 2.10, 3.1.3): u32 attributes, u16 length of the path list, description with NUL unit, path list, optional data. */
bool boot_option_parse(struct bytes data, struct boot_option *ret, struct err *err)
{
    struct reader r = reader_over(data);
    struct boot_option option = { 0 };
    struct bytes text;
    uint16_t path_len, unit = 1;

    if (!read_u32le(&r, &option.attributes) || !read_u16le(&r, &path_len))
        return err_set(err, ERR_TRUNCATED, "boot option's header at offset %zu", r.offset);
    text = r.rest;
    while (unit != 0)
        if (!read_u16le(&r, &unit))
            return err_set(err, ERR_TRUNCATED, "boot option's description has no end");
    option.description = bytes_slice(text, 0, text.len - r.rest.len - 2);
    if (!read_bytes(&r, path_len, &option.device_path))
        return err_set(err, ERR_TRUNCATED, "boot option's path of %u bytes at offset %zu", path_len, r.offset);
    option.optional_data = read_rest(&r);
    *ret = option;
    return true;
}

char *boot_option_description(struct arena *a, const struct boot_option *option)
{
    bool clean;
    char *text = utf8_from_utf16le(a, option->description, &clean);

    return text ? text_for_people(a, bytes_of_string(text)) : NULL;
}

bool boot_order_parse(struct bytes data, size_t *ret_n, struct err *err)
{
    if (data.len % 2 != 0)
        return err_set(err, ERR_MALFORMED, "BootOrder has %zu bytes, an even number is right", data.len);
    *ret_n = data.len / 2;
    return true;
}

uint16_t boot_order_at(struct bytes data, size_t i) { return (uint16_t)(data.data[2 * i] | data.data[2 * i + 1] << 8); }

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool boot_option_name(struct bytes name, const char *prefix, uint16_t *ret_number)
{
    size_t len = strlen(prefix);
    unsigned number = 0;

    if (name.len != 2 * (len + 4))
        return false;
    for (size_t i = 0; i < len + 4; i++) {
        uint8_t c = name.data[2 * i];
        if (name.data[2 * i + 1] != 0 || (i < len ? c != (uint8_t)prefix[i] : hex_digit(c) < 0))
            return false;
        if (i >= len)
            number = number << 4 | (unsigned)hex_digit(c);
    }
    *ret_number = (uint16_t)number;
    return true;
}
