/* An event log in the YAML that tpm2_eventlog writes, so that scripts made for it can read ours: the same keys, event names, digests and
 * register values. Where its text is not YAML that reads back (strings with quotes of their own), ours is. */
#include "base/hex.h"
#include "base/uuid.h"
#include "cli/eventlog/log_tool.h"
#include "eventlog/log/spec_id.h"
#include "eventlog/uefi/device_path.h"
#include "eventlog/uefi/firmware_blob.h"
#include "eventlog/uefi/image_load.h"
#include "eventlog/uefi/variable.h"

struct yaml {
    struct writer *w;
    struct arena *a;
    const struct eventlog *log;
};

static void put_hex(struct yaml *y, struct bytes b)
{
    char text[2 * 512 + 1];

    write_u8(y->w, '"');
    for (size_t at = 0; at < b.len; at += 512) {
        struct bytes piece = bytes_slice(b, at, 512);
        hex_encode(piece, text);
        write_bytes(y->w, (struct bytes){ (const uint8_t *)text, 2 * piece.len });
    }
    write_string(y->w, "\"\n");
}

/* Text as a quoted scalar: JSON's are YAML's. */
static void put_text(struct yaml *y, const char *text)
{
    json_write_string(y->w, bytes_of_string(text ? text : ""));
    write_u8(y->w, '\n');
}

static void put_algorithm(struct yaml *y, uint16_t tpm_id)
{
    enum digest_algorithm algorithm = digest_from_tpm_id(tpm_id);

    if (algorithm == DIGEST_NONE)
        write_printf(y->w, "0x%04x\n", tpm_id);
    else
        write_printf(y->w, "%s\n", digest_name(algorithm));
}

/* ---- what an event's data says ---- */

static bool put_spec_id(struct yaml *y, const struct event *e)
{
    struct err err = ERR_INIT;
    struct spec_id id;

    if (!spec_id_parse(e->data, &id, &err))
        return false;
    write_printf(y->w,
                 "  SpecID:\n  - Signature: %s\n    platformClass: %u\n    specVersionMinor: %u\n    specVersionMajor: %u\n"
                 "    specErrata: %u\n    uintnSize: %u\n    numberOfAlgorithms: %zu\n    Algorithms:\n",
                 id.signature, id.platform_class, id.minor, id.major, id.errata, id.uintn_size, id.n_algorithms);
    for (size_t i = 0; i < id.n_algorithms; i++) {
        write_printf(y->w, "    - Algorithm[%zu]:\n      algorithmId: ", i);
        put_algorithm(y, id.algorithms[i].tpm_id);
        write_printf(y->w, "      digestSize: %u\n", id.algorithms[i].len);
    }
    write_printf(y->w, "    vendorInfoSize: %zu\n", id.vendor_info.len);
    if (id.vendor_info.len) {
        write_string(y->w, "    vendorInfo: ");
        put_hex(y, id.vendor_info);
    }
    return true;
}

static bool put_variable(struct yaml *y, const struct event *e)
{
    struct err err = ERR_INIT;
    struct uefi_variable v;
    char guid[UUID_TEXT_LEN];

    if (!uefi_variable_parse(e->data, &v, &err))
        return false;
    guid_format(v.guid.data, guid);
    write_printf(y->w, "  Event:\n    VariableName: %s\n    UnicodeNameLength: %zu\n    VariableDataLength: %zu\n    UnicodeName: ", guid,
                 v.name.len / 2, v.data.len);
    put_text(y, uefi_variable_name(y->a, &v));
    if (v.data.len) {
        write_string(y->w, "    VariableData: ");
        put_hex(y, v.data);
    }
    return true;
}

static bool put_image(struct yaml *y, const struct event *e)
{
    struct err err = ERR_INIT;
    struct image_load image;
    char *path;

    if (!image_load_parse(e->data, &image, &err) || !device_path_text(y->a, image.device_path, &path, &err))
        return false;
    write_printf(y->w,
                 "  Event:\n    ImageLocationInMemory: 0x%llx\n    ImageLengthInMemory: %llu\n    ImageLinkTimeAddress: 0x%llx\n"
                 "    LengthOfDevicePath: %zu\n    DevicePath: ",
                 (unsigned long long)image.address, (unsigned long long)image.length, (unsigned long long)image.link_time_address,
                 image.device_path.len);
    put_text(y, path);
    return true;
}

static bool put_blob(struct yaml *y, const struct event *e, bool described)
{
    struct err err = ERR_INIT;
    struct firmware_blob blob;

    if (!firmware_blob_parse(e->data, described, &blob, &err))
        return false;
    write_string(y->w, "  Event:\n");
    if (described) {
        write_string(y->w, "    BlobDescription: ");
        json_write_string(y->w, blob.description);
        write_u8(y->w, '\n');
    }
    write_printf(y->w, "    BlobBase: 0x%llx\n    BlobLength: 0x%llx\n", (unsigned long long)blob.base, (unsigned long long)blob.length);
    return true;
}

static bool is_printable(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < 0x20 || text.data[i] > 0x7e)
            return false;
    return text.len > 0;
}

static bool put_string(struct yaml *y, const struct event *e, const char *before)
{
    struct bytes text = e->data;

    while (text.len && text.data[text.len - 1] == 0)
        text.len--;
    if (!is_printable(text))
        return false;
    write_string(y->w, before);
    json_write_string(y->w, text);
    write_u8(y->w, '\n');
    return true;
}

static bool is_firmware_piece(const struct event *e)
{
    return e->data.len == 16 && (e->type == EVENT_TYPE(EV_POST_CODE) || e->type == EVENT_TYPE(EV_S_CRTM_CONTENTS));
}

static bool put_content(struct yaml *y, const struct event *e)
{
    const struct event_type *type = event_type_find(e->type);

    switch (type ? type->content : CONTENT_OPAQUE) {
    case CONTENT_VARIABLE:
    case CONTENT_BOOT_VARIABLE:
    case CONTENT_AUTHORITY:
        return put_variable(y, e);
    case CONTENT_IMAGE:
        return put_image(y, e);
    case CONTENT_BLOB:
        return put_blob(y, e, false);
    case CONTENT_BLOB2:
        return put_blob(y, e, true);
    case CONTENT_IPL:
        return put_string(y, e, "  Event:\n    String: ");
    case CONTENT_TEXT: /* the older kinds of firmware measurements are base and length without saying so (PFP 10.2.5) */
        return (is_firmware_piece(e) && put_blob(y, e, false)) || put_string(y, e, "  Event: ");
    default:
        return false;
    }
}

/* ---- events and registers ---- */

static void put_digests(struct yaml *y, const struct event *e)
{
    uint16_t tpm_id;
    struct bytes value;

    write_printf(y->w, "  DigestCount: %u\n  Digests:\n", e->n_digests);
    for (size_t i = 0; event_digest_at(y->log, e, i, &tpm_id, &value); i++) {
        write_string(y->w, "  - AlgorithmId: ");
        put_algorithm(y, tpm_id);
        write_string(y->w, "    Digest: ");
        put_hex(y, value);
    }
}

static void put_event(struct yaml *y, const struct event *e)
{
    bool header = event_is_spec_id(e);
    uint16_t tpm_id;
    struct bytes value;

    write_printf(y->w, "- EventNum: %u\n  PCRIndex: %u\n  EventType: ", e->number, e->pcr);
    if (event_type_find(e->type))
        write_printf(y->w, "%s\n", event_type_name(e->type));
    else
        write_printf(y->w, "0x%x\n", e->type);
    if (header && event_digest_at(y->log, e, 0, &tpm_id, &value)) {
        write_string(y->w, "  Digest: ");
        put_hex(y, value);
    } else {
        put_digests(y, e);
    }
    write_printf(y->w, "  EventSize: %zu\n", e->data.len);
    if ((header && put_spec_id(y, e)) || !e->data.len || put_content(y, e))
        return;
    write_string(y->w, "  Event: ");
    put_hex(y, e->data);
}

static void put_registers(struct yaml *y, const struct pcr_set *set)
{
    char text[2 * DIGEST_MAX_LEN + 1];

    write_string(y->w, "pcrs:\n");
    for (size_t b = 0; b < set->n_banks; b++) {
        if (!set->banks[b].present)
            continue;
        write_printf(y->w, "  %s:\n", digest_name(set->banks[b].algorithm));
        for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++) {
            if (!(set->banks[b].present >> pcr & 1))
                continue;
            hex_encode(digest_bytes(&set->banks[b].value[pcr]), text);
            write_printf(y->w, "    %-2u : 0x%s\n", pcr, text);
        }
    }
}

void eventlog_yaml(struct writer *w, struct arena *a, const struct eventlog *log, const struct pcr_set *computed)
{
    struct yaml y = { .w = w, .a = a, .log = log };

    write_string(w, "---\nversion: 1\nevents:\n");
    for (size_t i = 0; i < log->n_events; i++)
        put_event(&y, &log->events[i]);
    put_registers(&y, computed);
}
