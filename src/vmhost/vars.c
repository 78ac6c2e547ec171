#include "vmhost/vars.h"

#include "base/file.h"
#include "base/reader.h"
#include "base/writer.h"

const char VARS_GUID_GLOBAL[] = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
const char VARS_GUID_SECURE_BOOT_ENABLE[] = "f0a30bc7-af08-4556-99c4-001009c93a44";

/* EFI_SYSTEM_NV_DATA_FV_GUID and EFI_AUTHENTICATED_VARIABLE_GUID of EDK II. */
static const char guid_volume[] = "fff12b8d-7696-4c8b-a985-2747075b4f50";
static const char guid_store[] = "aaf32c78-947b-439a-a180-2e144ec37792";

enum {
    STORE_FORMATTED = 0x5a,
    STORE_HEALTHY = 0xfe,
    STORE_HEADER_LEN = 28,
    VARIABLE_MARK = 0x55aa,
    VARIABLE_ADDED = 0x3f,
    VARIABLE_BEING_REPLACED = 0x3e, /* still counts unless its successor is there: a write was interrupted */
    HEADER_KEPT = 8 + 16 + 4,       /* monotonic count, EFI_TIME, key index */
    ALIGNMENT = 4,
    NV_BS = 0x3, /* NON_VOLATILE | BOOTSERVICE_ACCESS */
};

static bool guid_is(struct bytes guid, const char *text)
{
    uint8_t want[UUID_LEN];

    return guid_parse(bytes_of_string(text), want) && bytes_equal(guid, BYTES_OF(want));
}

/* EFI_FIRMWARE_VOLUME_HEADER: zero vector 16, GUID 16, length 8, "_FVH", attributes 4, header length 2, … */
static bool read_volume_header(struct reader *r, struct err *err)
{
    struct reader at = *r;
    struct bytes guid, mark;
    uint64_t length;
    uint16_t header_len;

    if (!read_skip(&at, 16) || !read_bytes(&at, UUID_LEN, &guid) || !read_u64le(&at, &length) || !read_bytes(&at, 4, &mark) ||
        !read_skip(&at, 4) || !read_u16le(&at, &header_len) || !read_skip(r, header_len))
        return err_set(err, ERR_TRUNCATED, "the firmware volume's header does not fit into the file");
    if (!guid_is(guid, guid_volume) || !bytes_equal_string(mark, "_FVH"))
        return err_set(err, ERR_MALFORMED, "this is no OVMF variable store");
    return true;
}

/* VARIABLE_STORE_HEADER: GUID 16, size 4 (header included), format 1, state 1, reserved 6. Leaves `ret` over the variables. */
static bool read_store_header(struct reader *r, struct reader *ret, struct err *err)
{
    struct bytes guid;
    uint32_t size;
    uint8_t format, state;

    if (!read_bytes(r, UUID_LEN, &guid) || !read_u32le(r, &size) || !read_u8(r, &format) || !read_u8(r, &state) || !read_skip(r, 6))
        return err_set(err, ERR_TRUNCATED, "the variable store's header does not fit into the file");
    if (!guid_is(guid, guid_store))
        return err_set(err, ERR_UNSUPPORTED, "the variable store does not hold authenticated variables: use the Secure Boot build of OVMF");
    if (format != STORE_FORMATTED || state != STORE_HEALTHY)
        return err_set(err, ERR_MALFORMED, "the variable store is not formatted (format %#x, state %#x)", format, state);
    if (size < STORE_HEADER_LEN || !read_sub(r, size - STORE_HEADER_LEN, ret))
        return err_set(err, ERR_TRUNCATED, "the variable store claims %u bytes, more than the file has", size);
    return true;
}

static bool same_variable(const struct vars_variable *a, struct bytes name, const uint8_t guid[static UUID_LEN])
{
    return bytes_equal(a->name, name) && memcmp(a->guid, guid, UUID_LEN) == 0;
}

static struct vars_variable *lookup(const struct vars *v, struct bytes name, const uint8_t guid[static UUID_LEN])
{
    for (size_t i = 0; i < v->n; i++)
        if (same_variable(&v->items[i], name, guid))
            return &v->items[i];
    return NULL;
}

static bool append(struct vars *v, const struct vars_variable *item, struct err *err)
{
    if (v->n >= VARS_MAX_VARIABLES)
        return err_set(err, ERR_LIMIT, "more than %d variables", VARS_MAX_VARIABLES);
    if (v->n == v->capacity) {
        size_t capacity = v->capacity ? 2 * v->capacity : 64;
        struct vars_variable *grown = arena_grow(v->arena, v->items, v->n, capacity, sizeof *grown);
        if (!grown)
            return err_set(err, ERR_NO_MEMORY, "no memory");
        v->items = grown;
        v->capacity = capacity;
    }
    v->items[v->n++] = *item;
    return true;
}

/* A complete variable beats one that is being replaced, whichever comes first. */
static bool keep(struct vars *v, const struct vars_variable *item, uint8_t state, struct err *err)
{
    if (state != VARIABLE_ADDED && state != VARIABLE_BEING_REPLACED)
        return true;
    struct vars_variable *other = lookup(v, item->name, item->guid);
    if (!other)
        return append(v, item, err);
    if (state == VARIABLE_ADDED)
        *other = *item;
    return true;
}

/* AUTHENTICATED_VARIABLE_HEADER: mark 2, state 1, reserved 1, attributes 4, monotonic count 8, EFI_TIME 16, key index 4, name length 4,
 * data length 4, GUID 16; then name and data. */
static bool read_variable(struct vars *v, struct reader *r, bool *ret_end, struct err *err)
{
    struct vars_variable item = { 0 };
    uint32_t name_len, data_len;
    size_t start = r->offset;
    struct bytes guid;
    uint16_t mark;
    uint8_t state;

    *ret_end = r->rest.len < 2;
    if (*ret_end || !read_u16le(r, &mark) || mark != VARIABLE_MARK) {
        *ret_end = true;
        return true;
    }
    if (!read_u8(r, &state) || !read_skip(r, 1) || !read_u32le(r, &item.attributes) || !read_bytes(r, HEADER_KEPT, &item.rest_of_header) ||
        !read_u32le(r, &name_len) || !read_u32le(r, &data_len) || !read_bytes(r, UUID_LEN, &guid))
        return err_set(err, ERR_TRUNCATED, "the header of the variable at %zu does not fit into the store", start);
    if (!read_bytes(r, name_len, &item.name) || !read_bytes(r, data_len, &item.data))
        return err_set(err, ERR_TRUNCATED, "the variable at %zu claims %u + %u bytes, more than the store has", start, name_len, data_len);
    memcpy(item.guid, guid.data, UUID_LEN);
    if (!keep(v, &item, state, err))
        return false;
    size_t padding = (ALIGNMENT - r->offset % ALIGNMENT) % ALIGNMENT;
    if (!read_skip(r, padding))
        *ret_end = true;
    return true;
}

bool vars_parse(struct arena *a, struct bytes image, struct vars *ret, struct err *err)
{
    struct vars v = { .image = image, .arena = a };
    struct reader r = reader_over(image), area;

    if (image.len > VARS_MAX_BYTES)
        return err_set(err, ERR_LIMIT, "the variable store is larger than %d bytes", VARS_MAX_BYTES);
    if (!read_volume_header(&r, err) || !read_store_header(&r, &area, err))
        return false;
    v.store = area.offset;
    v.store_len = area.rest.len;
    for (bool end = false; !end;)
        if (!read_variable(&v, &area, &end, err))
            return false;
    *ret = v;
    return true;
}

/* ASCII to UTF-16LE with its NUL. */
static bool wide(struct arena *a, const char *text, struct bytes *ret)
{
    size_t len = 2 * (strlen(text) + 1);
    uint8_t *out = arena_alloc(a, len);

    for (size_t i = 0; out && text[i]; i++)
        out[2 * i] = (uint8_t)text[i];
    *ret = (struct bytes){ out, len };
    return out != NULL;
}

static bool is_called(struct bytes utf16, const char *name)
{
    size_t len = strlen(name);

    if (utf16.len != 2 * (len + 1))
        return false;
    for (size_t i = 0; i <= len; i++)
        if (utf16.data[2 * i] != (uint8_t)name[i] || utf16.data[2 * i + 1])
            return false;
    return true;
}

const struct vars_variable *vars_find(const struct vars *v, const char *name, const char *guid)
{
    uint8_t want[UUID_LEN];

    if (!guid_parse(bytes_of_string(guid), want))
        return NULL;
    for (size_t i = 0; i < v->n; i++)
        if (is_called(v->items[i].name, name) && memcmp(v->items[i].guid, want, UUID_LEN) == 0)
            return &v->items[i];
    return NULL;
}

bool vars_set(struct vars *v, const char *name, const char *guid, uint32_t attributes, struct bytes data, struct err *err)
{
    struct vars_variable item = { .attributes = attributes, .data = data };
    uint8_t *kept = arena_alloc(v->arena, HEADER_KEPT);

    if (!kept || !wide(v->arena, name, &item.name))
        return err_set(err, ERR_NO_MEMORY, "no memory");
    if (!guid_parse(bytes_of_string(guid), item.guid))
        return err_set(err, ERR_INTERNAL, "%s is no GUID", guid);
    struct vars_variable *old = lookup(v, item.name, item.guid);
    if (old) {
        old->data = data;
        return true;
    }
    item.rest_of_header = (struct bytes){ kept, HEADER_KEPT };
    return append(v, &item, err);
}

static void write_fill(struct writer *w, size_t n)
{
    for (size_t i = 0; i < n; i++)
        write_u8(w, 0xff); /* erased flash */
}

bool vars_write(const struct vars *v, struct arena *a, struct bytes *ret, struct err *err)
{
    CLEANUP(writer_done) struct writer w = { .limit = v->image.len };
    size_t end = v->store + v->store_len;

    write_bytes(&w, bytes_slice(v->image, 0, v->store));
    for (size_t i = 0; i < v->n; i++) {
        const struct vars_variable *item = &v->items[i];
        write_u16le(&w, VARIABLE_MARK);
        write_u8(&w, VARIABLE_ADDED);
        write_u8(&w, 0);
        write_u32le(&w, item->attributes);
        write_bytes(&w, item->rest_of_header);
        write_u32le(&w, (uint32_t)item->name.len);
        write_u32le(&w, (uint32_t)item->data.len);
        write_bytes(&w, BYTES_OF(item->guid));
        write_bytes(&w, item->name);
        write_bytes(&w, item->data);
        if (w.len % ALIGNMENT)
            write_fill(&w, ALIGNMENT - w.len % ALIGNMENT);
    }
    if (!writer_ok(&w) || w.len > end)
        return err_set(err, ERR_LIMIT, "the variables do not fit into the store");
    write_fill(&w, end - w.len);
    write_bytes(&w, bytes_slice(v->image, end, SIZE_MAX));
    if (!writer_ok(&w) || !arena_copy(a, writer_bytes(&w), ret))
        return err_set(err, ERR_NO_MEMORY, "no memory");
    return true;
}

static bool load(struct arena *a, const char *path, struct vars *ret, struct err *err)
{
    struct bytes image;

    return file_read_in(a, path, VARS_MAX_BYTES, &image, err) && (vars_parse(a, image, ret, err) || err_within(err, "%s", path));
}

static bool has_platform_key(const struct vars *v)
{
    const struct vars_variable *pk = vars_find(v, "PK", VARS_GUID_GLOBAL);
    return pk && pk->data.len;
}

/* Without the variable the firmware takes Secure Boot as on once a platform key is there (AuthVariableLib). */
static bool is_on(const struct vars *v)
{
    const struct vars_variable *enable = vars_find(v, "SecureBootEnable", VARS_GUID_SECURE_BOOT_ENABLE);
    return has_platform_key(v) && (!enable || (enable->data.len == 1 && enable->data.data[0] == 1));
}

bool vars_file_get_secure_boot(const char *path, bool *ret, struct err *err)
{
    CLEANUP(arena_done) struct arena a = { 0 };
    struct vars v;

    if (!load(&a, path, &v, err))
        return false;
    *ret = is_on(&v);
    return true;
}

bool vars_file_set_secure_boot(const char *path, bool on, struct err *err)
{
    static const uint8_t flags[] = { 0, 1 };
    CLEANUP(arena_done) struct arena a = { 0 };
    struct bytes changed;
    struct vars v;

    if (!load(&a, path, &v, err))
        return false;
    if (on && !has_platform_key(&v))
        return err_set(err, ERR_CONFLICT, "%s: no platform key is enrolled, so Secure Boot cannot be on: start from OVMF_VARS_4M.ms.fd",
                       path);
    return vars_set(&v, "SecureBootEnable", VARS_GUID_SECURE_BOOT_ENABLE, NV_BS, (struct bytes){ &flags[on], 1 }, err) &&
           vars_write(&v, &a, &changed, err) && file_write(path, changed, 0600, err);
}
