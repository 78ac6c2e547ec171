#include "base/reader.h"
#include "base/writer.h"
#include "crypto/random.h"
#include "monitor/monitor.h"

enum { HEAD_LEN = 16, TAG_LEN = MONITOR_NONCE_LEN - HEAD_LEN };

bool monitor_init(struct monitor *monitor, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct bytes kept;

    if (!random_bytes(monitor->nonce_key, sizeof monitor->nonce_key, err) ||
        !store_setting_init(monitor->store, &a, "monitor.nonce_key", BYTES_OF(monitor->nonce_key), &kept, err))
        return false;
    if (kept.len != sizeof monitor->nonce_key)
        return err_set(err, ERR_MALFORMED, "stored nonce key has %zu bytes", kept.len);
    memcpy(monitor->nonce_key, kept.data, kept.len);
    wipe((void *)kept.data, kept.len);
    return true;
}

static void tag_of(const struct monitor *monitor, const char *vm, struct bytes head, uint8_t ret[static 32])
{
    const struct bytes parts[] = { BYTES_LIT("trueboot-nonce-1"), bytes_of_string(vm), head };
    hmac_sha256(BYTES_OF(monitor->nonce_key), parts, ARRAY_LEN(parts), ret);
}

bool monitor_nonce_make(const struct monitor *monitor, const char *vm, int64_t now_ms, uint8_t ret[static MONITOR_NONCE_LEN],
                        struct err *err)
{
    uint8_t tag[32];

    for (size_t i = 0; i < 8; i++)
        ret[i] = (uint8_t)((uint64_t)now_ms >> (8 * (7 - i)));
    if (!random_bytes(ret + 8, HEAD_LEN - 8, err))
        return false;
    tag_of(monitor, vm, (struct bytes){ ret, HEAD_LEN }, tag);
    memcpy(ret + HEAD_LEN, tag, TAG_LEN);
    return true;
}

bool monitor_nonce_check(const struct monitor *monitor, const char *vm, struct bytes nonce, int64_t now_ms, struct err *err)
{
    struct reader r = reader_over(nonce);
    struct bytes head = bytes_slice(nonce, 0, HEAD_LEN);
    int64_t life = 2 * monitor->times->interval + monitor->times->boot_deadline;
    uint8_t tag[32];
    uint64_t made;

    if (nonce.len != MONITOR_NONCE_LEN || !read_u64be(&r, &made))
        return err_set(err, ERR_UNTRUSTED, "the nonce is not one of ours");
    tag_of(monitor, vm, head, tag);
    if (!bytes_equal_ct(bytes_slice(nonce, HEAD_LEN, TAG_LEN), (struct bytes){ tag, TAG_LEN }))
        return err_set(err, ERR_UNTRUSTED, "the nonce was not made for this VM");
    if ((int64_t)made + life < now_ms)
        return err_set(err, ERR_UNTRUSTED, "the nonce has expired");
    return true;
}
