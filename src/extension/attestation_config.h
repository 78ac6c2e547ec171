/* extension/attestation_config.h: publicSettings of the GuestAttestation extension, in both published shapes, as one record
 * (guest-agent.md 7.1-7.5, control-plane.md 1.4).
 *
 *   {"AttestationConfig":{"MaaSettings":{…},"AscSettings":{…},"AzureStackSettings":{…},"Trueboot":{…},"useCustomToken":…,…}}
 *   {"AttestationEndpointCfg":{"maaEndpoint","maaTenantName","ascReportingEndpoint","useAlternateToken","disableAlerts"}}   older
 *
 * Keys are case-sensitive. An unknown key is a warning that names the nearest known one; but whatever looks like a mistyped endpoint
 * refuses the settings, because a default would send evidence to the wrong place. Errors and warnings name the path of the key. */
#pragma once
#include <stdint.h>
#include "base/limits.h"
#include "json/value.h"

enum config_choice { CHOICE_NOT_GIVEN, CHOICE_NO, CHOICE_YES };

enum { CONFIG_PINS_MAX = 8, CONFIG_TEXT_MAX = 2048 };

struct attestation_config {                        /* texts are views into the settings or the arena; empty: not given */
    struct bytes attest_endpoint, report_endpoint; /* trimmed, https, no trailing slash */
    struct bytes tenant;                           /* "GuestAttestation" when not given */
    struct bytes policy_content;                   /* ignored, with a warning */
    uint32_t frequency_seconds;                    /* within the range of extension/frequency.h */
    struct bytes cluster_id, cluster_tenant_id;    /* there when is_azure_stack */
    enum config_choice use_custom_token, disable_alerts, is_azure_stack;
    bool is_given; /* one of the two shapes is there, be it empty */
    /* AttestationConfig.Trueboot */
    struct bytes protocol; /* "tpm", "azureguest" or "auto"; any case is taken */
    struct bytes profile;  /* "auto", "azure", "azurelocal" or "selfhosted" */
    struct bytes proxy;    /* http:// or https://, without user and password */
    struct bytes ca_bundle_pem;
    struct bytes pins[CONFIG_PINS_MAX]; /* 64 lower-case hex digits each */
    size_t n_pins;
    enum config_choice challenge, ima_reporting, purge_on_uninstall, strict_enable;

    const char *warnings[LIMIT_SETTINGS_WARNINGS];
    size_t n_warnings; /* those beyond the limit are dropped */
};

/* `settings` NULL: everything is the default. */
MUST_CHECK bool attestation_config_read(struct arena *a, const struct json *settings, struct attestation_config *ret, struct err *err);

/* For callers that find out more: kept up to the limit. */
void attestation_config_warn(struct attestation_config *config, struct arena *a, const char *fmt, ...) PRINTF_LIKE(3, 4);
