/* Settings of the VM extension, as any tenant may write them: whatever is read, every text that goes into the agent's configuration is one
 * line, every refusal says why, and what the protected half holds is never quoted. */
#include "extension/attestation_config.h"
#include "extension/frequency.h"
#include "extension/settings.h"
#include "fuzz.h"

static void check_line(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        ENSURE(text.data[i] >= 0x20 && text.data[i] != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct bytes text = { data, size };
    struct attestation_config config;
    struct handler_settings settings;
    struct protected_settings secret;
    struct err err = ERR_INIT;

    if (!protected_settings_parse(&a, text, &secret, &err))
        ENSURE(err.text[0] && err.code != ERR_NONE);
    err = ERR_INIT;
    if (!handler_settings_parse(&a, text, &settings, &err)) {
        ENSURE(err.text[0] && err.code != ERR_NONE);
        return 0;
    }
    if (!attestation_config_read(&a, settings.public_settings, &config, &err)) {
        ENSURE(err.text[0] && err.code != ERR_NONE);
        return 0;
    }
    ENSURE(config.frequency_seconds >= FREQUENCY_LEAST_SECONDS && config.frequency_seconds <= FREQUENCY_MOST_SECONDS);
    ENSURE(!config.attest_endpoint.len || bytes_starts_with(config.attest_endpoint, BYTES_LIT("https://")));
    ENSURE(config.n_warnings <= LIMIT_SETTINGS_WARNINGS);
    check_line(config.attest_endpoint);
    check_line(config.report_endpoint);
    check_line(config.tenant);
    check_line(config.cluster_id);
    check_line(config.proxy);
    return 0;
}
