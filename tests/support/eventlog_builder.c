#include "support/eventlog_builder.h"

enum { SHA1_LEN = 20 };

static void reset_registers(struct log_builder *b)
{
    b->pcrs.n_banks = b->n_banks;
    for (size_t i = 0; i < b->n_banks; i++) {
        b->pcrs.banks[i] = (struct pcr_bank){ .algorithm = b->banks[i], .present = (1u << LIMIT_PCRS) - 1 };
        for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++)
            pcr_reset_value(b->banks[i], pcr, &b->pcrs.banks[i].value[pcr]);
    }
}

void log_builder_begin(struct log_builder *b, const enum digest_algorithm *banks, size_t n_banks)
{
    static const uint8_t zeros[SHA1_LEN];

    writer_reset(&b->w);
    b->sha1_format = false;
    b->n_banks = n_banks;
    memcpy(b->banks, banks, n_banks * sizeof *banks);
    reset_registers(b);
    write_u32le(&b->w, 0);
    write_u32le(&b->w, EVENT_TYPE(EV_NO_ACTION));
    write_bytes(&b->w, BYTES_OF(zeros));
    write_u32le(&b->w, (uint32_t)(29 + 4 * n_banks));
    write_bytes(&b->w, BYTES_LIT("Spec ID Event03\0\0\0\0\0\0\2\0\2"));
    write_u32le(&b->w, (uint32_t)n_banks);
    for (size_t i = 0; i < n_banks; i++) {
        write_u16le(&b->w, digest_tpm_id(banks[i]));
        write_u16le(&b->w, (uint16_t)digest_len(banks[i]));
    }
    write_u8(&b->w, 0);
}

void log_builder_begin_sha1(struct log_builder *b)
{
    writer_reset(&b->w);
    b->sha1_format = true;
    b->n_banks = 1;
    b->banks[0] = DIGEST_SHA1;
    reset_registers(b);
}

void log_builder_done(struct log_builder *b) { writer_done(&b->w); }

struct bytes log_builder_bytes(const struct log_builder *b) { return writer_bytes(&b->w); }

static void add(struct log_builder *b, uint32_t pcr, uint32_t type, struct bytes extended, struct bytes hashed, struct bytes data)
{
    write_u32le(&b->w, pcr);
    write_u32le(&b->w, type);
    if (!b->sha1_format)
        write_u32le(&b->w, (uint32_t)b->n_banks);
    for (size_t i = 0; i < b->n_banks; i++) {
        struct digest shown, real;
        digest_compute(b->banks[i], hashed, &shown);
        digest_compute(b->banks[i], extended, &real);
        if (!b->sha1_format)
            write_u16le(&b->w, digest_tpm_id(b->banks[i]));
        write_bytes(&b->w, digest_bytes(&shown));
        if (type != EVENT_TYPE(EV_NO_ACTION) && pcr < LIMIT_PCRS)
            digest_extend(&b->pcrs.banks[i].value[pcr], digest_bytes(&real));
    }
    write_u32le(&b->w, (uint32_t)data.len);
    write_bytes(&b->w, data);
}

void log_add(struct log_builder *b, uint32_t pcr, uint32_t type, struct bytes data) { add(b, pcr, type, data, data, data); }

void log_add_hashing(struct log_builder *b, uint32_t pcr, uint32_t type, struct bytes hashed, struct bytes data)
{
    add(b, pcr, type, hashed, hashed, data);
}

void log_add_forged(struct log_builder *b, uint32_t pcr, uint32_t type, struct bytes extended, struct bytes shown)
{
    add(b, pcr, type, extended, shown, shown);
}

void log_variable(struct writer *w, const char *guid, const char *name, struct bytes data)
{
    write_bytes(w, (struct bytes){ (const uint8_t *)guid, 16 });
    write_u64le(w, strlen(name));
    write_u64le(w, data.len);
    for (const char *c = name; *c; c++)
        write_u16le(w, (uint8_t)*c);
    write_bytes(w, data);
}

void log_add_variable(struct log_builder *b, uint32_t pcr, uint32_t type, const char *guid, const char *name, struct bytes data)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    log_variable(&w, guid, name, data);
    log_add(b, pcr, type, writer_bytes(&w));
}

void log_add_separators(struct log_builder *b)
{
    for (uint32_t pcr = 0; pcr < 8; pcr++)
        log_add(b, pcr, EVENT_TYPE(EV_SEPARATOR), BYTES_LIT("\0\0\0\0"));
}

void log_add_exit_boot_services(struct log_builder *b)
{
    log_add(b, 5, EVENT_TYPE(EV_EFI_ACTION), BYTES_LIT("Exit Boot Services Invocation"));
    log_add(b, 5, EVENT_TYPE(EV_EFI_ACTION), BYTES_LIT("Exit Boot Services Returned with Success"));
}

void log_add_image(struct log_builder *b, const char *image)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    write_u64le(&w, 0x1000); /* address, length, link-time address, length of the device path */
    write_u64le(&w, 0x2000);
    write_u64le(&w, 0);
    write_u64le(&w, 4);
    write_bytes(&w, BYTES_LIT("\x7f\xff\x04\x00"));
    log_add_hashing(b, 4, EVENT_TYPE(EV_EFI_BOOT_SERVICES_APPLICATION), bytes_of_string(image), writer_bytes(&w));
}

void log_builder_sound_boot(struct log_builder *b, const enum digest_algorithm *banks, size_t n_banks)
{
    static const char *const keys[] = { "PK", "KEK" }, *const lists[] = { "db", "dbx" };

    log_builder_begin(b, banks, n_banks);
    log_add(b, 0, EVENT_TYPE(EV_S_CRTM_VERSION), BYTES_LIT("1\0.\0\0\0"));
    log_add_hashing(b, 0, EVENT_TYPE(EV_EFI_PLATFORM_FIRMWARE_BLOB), BYTES_LIT("firmware"),
                    BYTES_LIT("\0\0\x82\0\0\0\0\0\0\0\x0e\0\0\0\0\0"));
    log_add_variable(b, 7, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG), GUID_EFI_GLOBAL, "SecureBoot", BYTES_LIT("\1"));
    for (size_t i = 0; i < 2; i++)
        log_add_variable(b, 7, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG), GUID_EFI_GLOBAL, keys[i], BYTES_NONE);
    for (size_t i = 0; i < 2; i++)
        log_add_variable(b, 7, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG), GUID_IMAGE_SECURITY, lists[i], BYTES_NONE);
    log_add(b, 4, EVENT_TYPE(EV_EFI_ACTION), BYTES_LIT("Calling EFI Application from Boot Option"));
    log_add_separators(b);
    log_add_variable(b, 7, EVENT_TYPE(EV_EFI_VARIABLE_AUTHORITY), GUID_IMAGE_SECURITY, "db", BYTES_LIT("owner of 16 bytecertificate"));
    log_add_image(b, "shim");
    log_add_hashing(b, 8, EVENT_TYPE(EV_IPL), BYTES_LIT("/vmlinuz quiet"), BYTES_LIT("kernel_cmdline: /vmlinuz quiet\0"));
    log_add_exit_boot_services(b);
}
