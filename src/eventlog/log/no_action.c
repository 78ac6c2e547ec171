#include "eventlog/log/no_action.h"
#include "base/reader.h"
#include "base/uuid.h"

enum { SIGNATURE_LEN = 16 };

static const struct {
    const char *signature, *says;
} kinds[] = { { NULL, "a statement of the firmware's maker" },
#define X(name, signature, says) { signature, says },
              NO_ACTION_KINDS(X)
#undef X
};

/* The signature stands for itself or ends with a NUL or a digit inside of its 16 bytes. */
static enum no_action_kind kind_of(struct bytes data)
{
    for (size_t i = 1; i < ARRAY_LEN(kinds); i++)
        if (bytes_starts_with(data, bytes_of_string(kinds[i].signature)))
            return (enum no_action_kind)i;
    return NO_ACTION_OTHER;
}

bool no_action_parse(struct bytes data, struct no_action *ret, struct err *err)
{
    struct reader r = reader_over(data);
    struct no_action event = { .kind = kind_of(data) };

    if (event.kind == NO_ACTION_OTHER || !read_skip(&r, SIGNATURE_LEN)) {
        event.body = bytes_slice(data, data.len < SIGNATURE_LEN ? data.len : SIGNATURE_LEN, data.len);
        *ret = event;
        return true;
    }
    event.body = r.rest;
    if (event.kind == NO_ACTION_STARTUP_LOCALITY) {
        if (event.body.len != 1)
            return err_set(err, ERR_MALFORMED, "StartupLocality has %zu bytes after its name, one is right", event.body.len);
        event.locality = event.body.data[0];
    }
    /* Sp800_155_PlatformId_Event, …Event2, …Event3: u32 vendor id, EFI_GUID of the reference manifest */
    if (event.kind == NO_ACTION_SP800_155 && (!read_u32le(&r, &event.vendor_id) || !read_bytes(&r, UUID_LEN, &event.manifest_guid)))
        return err_set(err, ERR_MALFORMED, "SP 800-155 event is too short: %zu bytes", data.len);
    *ret = event;
    return true;
}

const char *no_action_says(enum no_action_kind kind) { return kinds[kind].says; }
