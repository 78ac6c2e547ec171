/* AzureGuest evidence as its decoded JSON text: what is accepted is in order, and reading it has no other effect. */
#include "attestation/protocol/azureguest_message.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "tpm/attest.h"

enum { MEMORY_FACTOR = 64, MEMORY_CONSTANT = 256 * 1024 };

static void public_is_sound(const struct tpm_public *pub)
{
    CLEANUP(writer_done) struct writer w = { 0 };
    struct tpm_public again;
    struct err err = ERR_INIT;

    tpm_public_encode(&w, pub);
    ENSURE(writer_ok(&w) && tpm_public_decode(writer_bytes(&w), &again, &err));
    ENSURE(again.attributes == pub->attributes && bytes_equal(again.rsa_n, pub->rsa_n) && bytes_equal(again.policy, pub->policy));
}

static void message_is_sound(const struct azureguest_message *m)
{
    const struct pcr_bank *bank = &m->evidence.pcrs.banks[0];

    ENSURE(bytes_equal_string(m->protocol_version, "1.0") || bytes_equal_string(m->protocol_version, "2.0"));
    ENSURE(bytes_equal_string(m->os_type, m->is_windows ? "Windows" : "Linux"));
    ENSURE(utf8_is_valid(m->os_distro) && m->os_distro.len <= AZUREGUEST_TEXT_MAX);
    ENSURE(utf8_is_valid(m->os_build) && m->os_build.len <= AZUREGUEST_TEXT_MAX);
    ENSURE(m->os_major >= 0 && m->os_minor >= 0);
    ENSURE((m->isolation == AZUREGUEST_TRUSTED_LAUNCH) == bytes_equal_string(m->isolation_type, "TrustedLaunch"));
    ENSURE(!m->client_payload || (m->client_payload->type == JSON_OBJECT && m->client_payload->object.n > 0));
    ENSURE(m->evidence.n_logs == 1 && m->evidence.logs[0].content.len <= LIMIT_LOG_BYTES);
    ENSURE(m->evidence.pcrs.n_banks == 1 && bank->algorithm == DIGEST_SHA256);
    ENSURE(bank->present < 1u << LIMIT_PCRS && m->pcr_set < 1u << LIMIT_PCRS);
    for (unsigned i = 0; i < LIMIT_PCRS; i++)
        ENSURE(!(bank->present >> i & 1) || bank->value[i].algorithm == DIGEST_SHA256);
    public_is_sound(&m->ak);
    public_is_sound(&m->enc_key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena a;
    struct azureguest_message *m, *again;
    struct err err = ERR_INIT;

    arena_reset(&a);
    m = ARENA_NEW(&a, struct azureguest_message);
    again = ARENA_NEW(&a, struct azureguest_message);
    ENSURE(m && again);
    if (!azureguest_message_read(&a, (struct bytes){ data, size }, m, &err)) {
        ENSURE(err.code != ERR_NONE && err.text[0] != '\0');
    } else {
        message_is_sound(m);
        ENSURE(azureguest_message_read(&a, (struct bytes){ data, size }, again, &err));
        ENSURE(digest_equal(&m->evidence.digest, &again->evidence.digest) && m->pcr_set == again->pcr_set);
    }
    ENSURE(a.used <= MEMORY_CONSTANT + MEMORY_FACTOR * size);
    return 0;
}
