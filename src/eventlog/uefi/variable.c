#include "eventlog/uefi/variable.h"
#include "base/reader.h"
#include "base/utf8.h"

static const char *const namespaces[] = { [UEFI_OTHER] = "",
#define X(constant, words, guid) [UEFI_##constant] = guid,
                                          UEFI_NAMESPACES(X)
#undef X
};

bool uefi_variable_parse(struct bytes data, struct uefi_variable *ret, struct err *err)
{
    struct reader r = reader_over(data);
    struct uefi_variable v;
    uint64_t name_units, data_len;

    if (!read_bytes(&r, UUID_LEN, &v.guid) || !read_u64le(&r, &name_units) || !read_u64le(&r, &data_len))
        return err_set(err, ERR_TRUNCATED, "variable's header at offset %zu", r.offset);
    if (name_units > r.rest.len / 2 || !read_bytes(&r, (size_t)name_units * 2, &v.name))
        return err_set(err, ERR_TRUNCATED, "variable's name of %llu characters at offset %zu", (unsigned long long)name_units, r.offset);
    if (data_len > r.rest.len || !read_bytes(&r, (size_t)data_len, &v.data))
        return err_set(err, ERR_TRUNCATED, "variable's content of %llu bytes at offset %zu", (unsigned long long)data_len, r.offset);
    v.excess = read_rest(&r);
    *ret = v;
    return true;
}

enum uefi_namespace uefi_variable_namespace(const struct uefi_variable *v)
{
    for (size_t i = 1; i < ARRAY_LEN(namespaces); i++)
        if (memcmp(v->guid.data, namespaces[i], UUID_LEN) == 0)
            return (enum uefi_namespace)i;
    return UEFI_OTHER;
}

bool uefi_variable_is_named(const struct uefi_variable *v, const char *name)
{
    size_t len = strlen(name);

    if (v->name.len != 2 * len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (v->name.data[2 * i] != (uint8_t)name[i] || v->name.data[2 * i + 1] != 0)
            return false;
    return true;
}

bool uefi_variable_is(const struct uefi_variable *v, enum uefi_namespace space, const char *name)
{
    return uefi_variable_is_named(v, name) && uefi_variable_namespace(v) == space;
}

char *uefi_variable_name(struct arena *a, const struct uefi_variable *v)
{
    bool clean;
    char *name = utf8_from_utf16le(a, v->name, &clean);

    return name ? text_for_people(a, bytes_of_string(name)) : NULL;
}
