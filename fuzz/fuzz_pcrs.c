/* Register values in files that people bring: our JSON, YAML of tpm2-tools, its serialized form. What is read writes back and reads the same. */
#include "cli/files/pcrs_file.h"
#include "fuzz.h"

enum { BYTES_PER_BYTE = 256, FIXED = 64 * 1024 };

static void write_set(struct writer *w, const struct pcr_set *set)
{
    struct json_out out = json_out_to(w, JSON_COMPACT);

    json_begin_object(&out, NULL);
    pcrs_write(&out, set);
    json_end(&out);
    ENSURE(writer_ok(w));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena a;
    struct writer w CLEANUP(writer_done) = { 0 }, w2 CLEANUP(writer_done) = { 0 };
    struct pcr_set set, again;
    struct err err = ERR_INIT;
    uint32_t present = 0;

    arena_reset(&a);
    if (!pcrs_parse(&a, (struct bytes){ data, size }, &set, &err)) {
        ENSURE(err.code != ERR_NONE && err.text[0]);
    } else {
        ENSURE(set.n_banks >= 1 && set.n_banks <= LIMIT_PCR_BANKS);
        for (size_t i = 0; i < set.n_banks; i++) {
            present |= set.banks[i].present;
            for (size_t k = 0; k < i; k++)
                ENSURE(set.banks[k].algorithm != set.banks[i].algorithm);
        }
        ENSURE(present && present < 1u << LIMIT_PCRS);
        write_set(&w, &set);
        ENSURE(pcrs_parse(&a, writer_bytes(&w), &again, &err));
        write_set(&w2, &again);
        ENSURE(bytes_equal(writer_bytes(&w), writer_bytes(&w2)));
    }
    ENSURE(a.used <= BYTES_PER_BYTE * (size + 4096) + FIXED);
    return 0;
}
