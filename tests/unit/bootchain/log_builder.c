#include "log_builder.h"
#include <stdlib.h>
#include "support/test.h"

static struct bytes kept(struct arena *a, struct writer *w)
{
    struct bytes copy = BYTES_NONE;

    if (!writer_ok(w) || !arena_copy(a, writer_bytes(w), &copy))
        abort();
    writer_done(w);
    return copy;
}

size_t built_add(struct built_log *log, uint32_t pcr, uint32_t type, struct bytes data, struct bytes hashed)
{
    if (log->n >= BUILT_EVENTS_MAX)
        abort();
    log->events[log->n] = (struct built_event){ .pcr = pcr, .type = type, .data = data, .hashed = hashed };
    return log->n++;
}

size_t built_text(struct built_log *log, uint32_t pcr, uint32_t type, const char *text)
{
    return built_add(log, pcr, type, bytes_of_string(text), bytes_of_string(text));
}

size_t built_separator(struct built_log *log, uint32_t pcr)
{
    return built_add(log, pcr, EVENT_TYPE(EV_SEPARATOR), BYTES_LIT("\0\0\0\0"), BYTES_LIT("\0\0\0\0"));
}

struct bytes built_utf16(struct arena *a, const char *text, bool with_nul)
{
    struct writer w = { 0 };

    for (; *text; text++)
        write_u16le(&w, (uint8_t)*text);
    if (with_nul)
        write_u16le(&w, 0);
    return kept(a, &w);
}

size_t built_variable(struct built_log *log, uint32_t pcr, uint32_t type, const char *guid, const char *name, struct bytes content)
{
    struct writer w = { 0 };
    struct bytes data;

    write_bytes(&w, (struct bytes){ (const uint8_t *)guid, 16 });
    write_u64le(&w, strlen(name));
    write_u64le(&w, content.len);
    write_bytes(&w, built_utf16(log->a, name, false));
    write_bytes(&w, content);
    data = kept(log->a, &w);
    return built_add(log, pcr, type, data, data);
}

/* UEFI_IMAGE_LOAD_EVENT with one file path node. */
size_t built_image(struct built_log *log, const char *file, const char *content)
{
    struct bytes name = built_utf16(log->a, file, true);
    struct writer w = { 0 };

    write_u64le(&w, 0x1000);
    write_u64le(&w, 0x2000);
    write_u64le(&w, 0);
    write_u64le(&w, file[0] ? name.len + 8 : 0);
    if (file[0]) {
        write_u8(&w, 4); /* media, file path */
        write_u8(&w, 4);
        write_u16le(&w, (uint16_t)(name.len + 4));
        write_bytes(&w, name);
        write_bytes(&w, BYTES_LIT("\x7f\xff\x04\x00"));
    }
    return built_add(log, 4, EVENT_TYPE(EV_EFI_BOOT_SERVICES_APPLICATION), kept(log->a, &w), bytes_of_string(content));
}

size_t built_grub(struct built_log *log, const char *prefix, const char *text)
{
    const char *data = arena_printf(log->a, "%s%s", prefix, text);

    return built_add(log, 8, EVENT_TYPE(EV_IPL), (struct bytes){ (const uint8_t *)data, strlen(data) + 1 }, bytes_of_string(text));
}

size_t built_file(struct built_log *log, const char *path, const char *content)
{
    return built_add(log, 9, EVENT_TYPE(EV_IPL), (struct bytes){ (const uint8_t *)path, strlen(path) + 1 }, bytes_of_string(content));
}

size_t built_tag(struct built_log *log, uint32_t pcr, uint32_t id, const char *label, struct bytes hashed)
{
    struct writer w = { 0 };

    write_u32le(&w, id);
    write_u32le(&w, (uint32_t)strlen(label) + 1);
    write_bytes(&w, (struct bytes){ (const uint8_t *)label, strlen(label) + 1 });
    return built_add(log, pcr, EVENT_TYPE(EV_EVENT_TAG), kept(log->a, &w), hashed);
}

#define GUID_SHA256 "\x26\x16\xc4\xc1\x4c\x50\x92\x40\xac\xa9\x41\xf9\x36\x93\x43\x28"
#define GUID_X509   "\xa1\x59\xc0\xa5\xe4\x94\xa7\x4a\x87\xb5\xab\x15\x5c\x2b\xf0\x72"
#define OWNER       "\x11\x11\x11\x11\x22\x22\x33\x33\x44\x44\x55\x55\x55\x55\x55\x55"

static struct bytes signature_list(struct arena *a, const char *guid, size_t entry_len, const struct bytes *entries, size_t n)
{
    struct writer w = { 0 };

    write_bytes(&w, (struct bytes){ (const uint8_t *)guid, 16 });
    write_u32le(&w, (uint32_t)(28 + n * (16 + entry_len)));
    write_u32le(&w, 0);
    write_u32le(&w, (uint32_t)(16 + entry_len));
    for (size_t i = 0; i < n; i++) {
        write_bytes(&w, BYTES_LIT(OWNER));
        write_bytes(&w, entries[i]);
    }
    return kept(a, &w);
}

struct bytes built_hash_list(struct arena *a, const uint8_t (*hashes)[32], size_t n)
{
    struct bytes entries[16];

    for (size_t i = 0; i < n && i < ARRAY_LEN(entries); i++)
        entries[i] = (struct bytes){ hashes[i], 32 };
    return signature_list(a, GUID_SHA256, 32, entries, n);
}

struct bytes built_cert_list(struct arena *a, struct bytes der) { return signature_list(a, GUID_X509, der.len, &der, 1); }

struct bytes built_signature(struct arena *a, struct bytes der)
{
    struct writer w = { 0 };

    write_bytes(&w, BYTES_LIT(OWNER));
    write_bytes(&w, der);
    return kept(a, &w);
}

static struct bytes der(struct arena *a, uint8_t tag, struct bytes content)
{
    struct writer w = { 0 };

    write_u8(&w, tag);
    if (content.len >= 256) {
        write_u8(&w, 0x82);
        write_u16be(&w, (uint16_t)content.len);
    } else if (content.len >= 128) {
        write_u8(&w, 0x81);
        write_u8(&w, (uint8_t)content.len);
    } else
        write_u8(&w, (uint8_t)content.len);
    write_bytes(&w, content);
    return kept(a, &w);
}

static struct bytes joined(struct arena *a, const struct bytes *parts, size_t n)
{
    struct writer w = { 0 };

    for (size_t i = 0; i < n; i++)
        write_bytes(&w, parts[i]);
    return kept(a, &w);
}

struct bytes built_certificate(struct arena *a, const char *common_name, uint8_t serial)
{
    struct bytes oid = BYTES_LIT("\x06\x03\x55\x04\x03");
    struct bytes attribute = joined(a, (struct bytes[]){ oid, der(a, 0x0c, bytes_of_string(common_name)) }, 2);
    struct bytes name = der(a, 0x30, der(a, 0x31, der(a, 0x30, attribute)));
    struct bytes number = der(a, 0x02, (struct bytes){ &serial, 1 });
    struct bytes algorithm = der(a, 0x30, BYTES_LIT("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"));
    struct bytes validity = der(a, 0x30,
                                BYTES_LIT("\x17\x0d"
                                          "200101000000Z"
                                          "\x17\x0d"
                                          "400101000000Z"));
    struct bytes tbs = der(a, 0x30, joined(a, (struct bytes[]){ number, algorithm, name, validity, name }, 5));

    struct bytes signature = der(a, 0x03, (struct bytes){ (const uint8_t[256]){ 0 }, 256 });

    return der(a, 0x30, joined(a, (struct bytes[]){ tbs, algorithm, signature }, 3));
}

struct bytes built_bytes(const struct built_log *log)
{
    static const enum digest_algorithm usual[] = { DIGEST_SHA256 };
    const enum digest_algorithm *banks = log->n_banks ? log->banks : usual;
    size_t n_banks = log->n_banks ? log->n_banks : 1;
    struct writer w = { 0 };

    write_u32le(&w, 0);
    write_u32le(&w, EVENT_TYPE(EV_NO_ACTION));
    write_bytes(&w, BYTES_LIT("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"));
    write_u32le(&w, (uint32_t)(29 + 4 * n_banks));
    write_bytes(&w, BYTES_LIT("Spec ID Event03\0\0\0\0\0\0\2\0\2"));
    write_u32le(&w, (uint32_t)n_banks);
    for (size_t i = 0; i < n_banks; i++) {
        write_u16le(&w, digest_tpm_id(banks[i]));
        write_u16le(&w, (uint16_t)digest_len(banks[i]));
    }
    write_u8(&w, 0);
    for (size_t i = 0; i < log->n; i++) {
        const struct built_event *e = &log->events[i];
        struct digest d;
        if (e->gone)
            continue;
        write_u32le(&w, e->pcr);
        write_u32le(&w, e->type);
        write_u32le(&w, (uint32_t)n_banks);
        for (size_t b = 0; b < n_banks; b++) {
            digest_compute(banks[b], e->hashed, &d);
            write_u16le(&w, digest_tpm_id(banks[b]));
            write_bytes(&w, digest_bytes(&d));
        }
        write_u32le(&w, (uint32_t)e->data.len);
        write_bytes(&w, e->data);
    }
    return kept(log->a, &w);
}

bool built_read(struct built_log *log, const struct boot_reference *reference, struct boot_sample *ret)
{
    return sample_from_log_and(log->a, built_bytes(log), log->unlogged, log->n_unlogged, reference, ret);
}

#define GLOBAL   "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c"
#define SECURITY "\xcb\xb2\x19\xd7\x3a\x3d\x96\x45\xa3\xbc\xda\xd0\x0e\x67\x65\x6f"
#define SHIM     "\x50\xab\x5d\x60\x46\xe0\x00\x43\xab\xb6\x3d\xd8\x10\xdd\x8b\x23"

void built_firmware(struct arena *a, struct built_log *log, struct stock *s)
{
    const uint32_t config = EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG);
    static const uint8_t revoked[][32] = { { 1 }, { 2 } };
    struct bytes lists[1 + ARRAY_LEN(log->more_db)];

    built_add(log, 0, EVENT_TYPE(EV_S_CRTM_VERSION), built_utf16(a, "1.0", true), built_utf16(a, "1.0", true));
    built_add(log, 0, EVENT_TYPE(EV_EFI_PLATFORM_FIRMWARE_BLOB), BYTES_LIT("\0\0\x82\0\0\0\0\0\0\0\x0e\0\0\0\0\0"), BYTES_LIT("pei"));
    built_add(log, 0, EVENT_TYPE(EV_EFI_PLATFORM_FIRMWARE_BLOB), BYTES_LIT("\0\0\x90\0\0\0\0\0\0\0\xc0\0\0\0\0\0"), BYTES_LIT("dxe"));
    s->secure_boot = built_variable(log, 7, config, GLOBAL, "SecureBoot", BYTES_LIT("\1"));
    s->pk = built_variable(log, 7, config, GLOBAL, "PK", built_cert_list(a, built_certificate(a, "Platform", 1)));
    s->kek = built_variable(log, 7, config, GLOBAL, "KEK", built_cert_list(a, built_certificate(a, "Exchange", 2)));
    lists[0] = built_cert_list(a, built_certificate(a, "Vendor CA", 3));
    for (size_t i = 0; i < log->n_more_db; i++)
        lists[i + 1] = built_cert_list(a, built_certificate(a, log->more_db[i], 3));
    s->db = built_variable(log, 7, config, SECURITY, "db", joined(a, lists, log->n_more_db + 1));
    s->dbx = built_variable(log, 7, config, SECURITY, "dbx", built_hash_list(a, revoked, 2));
    s->separator7 = built_separator(log, 7);
    built_text(log, 4, EVENT_TYPE(EV_EFI_ACTION), "Calling EFI Application from Boot Option");
    for (uint32_t pcr = 0; pcr < 7; pcr++)
        built_separator(log, pcr);
}

void built_shim(struct arena *a, struct built_log *log, struct stock *ret)
{
    const uint32_t authority = EVENT_TYPE(EV_EFI_VARIABLE_AUTHORITY);

    ret->authority_db = built_variable(log, 7, authority, SECURITY, "db", built_signature(a, built_certificate(a, "Vendor CA", 3)));
    ret->shim = built_image(log, "\\EFI\\BOOT\\BOOTX64.EFI", "shim");
    ret->mok_list = built_add(log, 14, EVENT_TYPE(EV_IPL), BYTES_LIT("MokList\0"), BYTES_LIT("mok list"));
    ret->sbat = built_variable(log, 7, authority, SHIM, "SbatLevel", BYTES_LIT("sbat,1,2024010900\nshim,4\ngrub,3\n"));
    ret->authority_shim = built_variable(log, 7, authority, SHIM, "Shim", built_certificate(a, "Distribution CA", 4));
}

void built_exit(struct built_log *log)
{
    built_text(log, 5, EVENT_TYPE(EV_EFI_ACTION), "Exit Boot Services Invocation");
    built_text(log, 5, EVENT_TYPE(EV_EFI_ACTION), "Exit Boot Services Returned with Success");
}

void built_stock(struct arena *a, struct built_log *log, struct stock *ret)
{
    *log = (struct built_log){ .a = a };
    built_firmware(a, log, ret);
    built_shim(a, log, ret);
    ret->grub = built_image(log, "\\EFI\\BOOT\\grubx64.efi", "grub");
    ret->config_command = built_grub(log, "grub_cmd: ", "configfile (hd0,gpt2)/grub/grub.cfg");
    ret->config_file = built_file(log, "(hd0,gpt2)/grub/grub.cfg", "menu");
    built_grub(log, "grub_cmd: ", "load_env");
    built_file(log, "(hd0,gpt2)/grub/grubenv", "state");
    ret->linux_command = built_grub(log, "grub_cmd: ", "linux /vmlinuz-6.1 root=/dev/vda1 ro");
    ret->kernel_file = built_file(log, "/vmlinuz-6.1", "kernel file");
    ret->kernel = built_image(log, "", "kernel");
    ret->cmdline = built_grub(log, "kernel_cmdline: ", "/vmlinuz-6.1 root=/dev/vda1 ro");
    ret->initrd_command = built_grub(log, "grub_cmd: ", "initrd /initrd.img-6.1");
    ret->initrd_file = built_file(log, "/initrd.img-6.1", "initrd");
    built_exit(log);
}
