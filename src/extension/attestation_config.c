#include "extension/attestation_config.h"
#include <stdarg.h>
#include <stdio.h>
#include "base/distance.h"
#include "base/utf8.h"
#include "extension/config_value.h"
#include "extension/frequency.h"

/* clang-format off */
/*    section               key                            member              kind */
#define SETTINGS_KEYS(X)                                                                        \
    X(MAA,         "maaEndpoint",                 attest_endpoint,    ENDPOINT)                 \
    X(MAA,         "maaTenantName",               tenant,             TEXT)                     \
    X(MAA,         "maaAttestationPolicyContent", policy_content,     LONG_TEXT)                \
    X(ASC,         "ascReportingEndpoint",        report_endpoint,    ENDPOINT)                 \
    X(ASC,         "ascReportingFrequency",       frequency_seconds,  FREQUENCY)                \
    X(AZURE_STACK, "clusterId",                   cluster_id,         TEXT)                     \
    X(AZURE_STACK, "clusterAadTenantId",          cluster_tenant_id,  TEXT)                     \
    X(TOP,         "useCustomToken",              use_custom_token,   CHOICE)                   \
    X(TOP,         "disableAlerts",               disable_alerts,     CHOICE)                   \
    X(TOP,         "isAzureStack",                is_azure_stack,     CHOICE)                   \
    X(TRUEBOOT,    "protocol",                    protocol,           PROTOCOL)                 \
    X(TRUEBOOT,    "challenge",                   challenge,          CHOICE)                   \
    X(TRUEBOOT,    "imaReporting",                ima_reporting,      CHOICE)                   \
    X(TRUEBOOT,    "profile",                     profile,            PROFILE)                  \
    X(TRUEBOOT,    "proxy",                       proxy,              PROXY)                    \
    X(TRUEBOOT,    "caBundlePem",                 ca_bundle_pem,      PEM)                      \
    X(TRUEBOOT,    "pinnedSpkiSha256",            pins,               PINS)                     \
    X(TRUEBOOT,    "purgeOnUninstall",            purge_on_uninstall, CHOICE)                   \
    X(TRUEBOOT,    "strictEnable",                strict_enable,      CHOICE)                   \
    X(OLDER,       "maaEndpoint",                 attest_endpoint,    ENDPOINT)                 \
    X(OLDER,       "maaTenantName",               tenant,             TEXT)                     \
    X(OLDER,       "ascReportingEndpoint",        report_endpoint,    ENDPOINT)                 \
    X(OLDER,       "useAlternateToken",           use_custom_token,   CHOICE)                   \
    X(OLDER,       "disableAlerts",               disable_alerts,     CHOICE)
/* clang-format on */

enum section { SECTION_TOP, SECTION_MAA, SECTION_ASC, SECTION_AZURE_STACK, SECTION_TRUEBOOT, SECTION_OLDER };

static const struct key {
    enum section section;
    const char *name;
    size_t offset;
    enum config_value_kind kind;
} keys[] = {
#define X(section, name, member, kind) { SECTION_##section, name, offsetof(struct attestation_config, member), CONFIG_VALUE_##kind },
    SETTINGS_KEYS(X)
#undef X
};

static const struct {
    enum section section;
    const char *name;
} sections[] = { { SECTION_MAA, "MaaSettings" },
                 { SECTION_ASC, "AscSettings" },
                 { SECTION_AZURE_STACK, "AzureStackSettings" },
                 { SECTION_TRUEBOOT, "Trueboot" } };

static const char newer_name[] = "AttestationConfig", older_name[] = "AttestationEndpointCfg";

void attestation_config_warn(struct attestation_config *config, struct arena *a, const char *fmt, ...)
{
    char text[512];
    va_list arguments;
    char *copy;

    va_start(arguments, fmt);
    vsnprintf(text, sizeof text, fmt, arguments);
    va_end(arguments);
    copy = config->n_warnings < LIMIT_SETTINGS_WARNINGS ? arena_string(a, bytes_of_string(text)) : NULL;
    if (copy)
        config->warnings[config->n_warnings++] = copy;
}

/* Unknown keys. */

struct place {
    const char *path; /* "AttestationConfig.MaaSettings" */
    enum section section;
};

/* What an unknown key was perhaps meant to be. */
struct nearest {
    const char *name; /* NULL: nothing is near */
    unsigned distance;
};

static void consider(struct nearest *nearest, struct bytes name, const char *known)
{
    unsigned d = distance_between(name, known);

    if (d < nearest->distance)
        *nearest = (struct nearest){ known, d };
}

/* The nearest endpoint key, wherever it belongs. */
static struct nearest endpoint_near(struct bytes name)
{
    struct nearest nearest = { NULL, DISTANCE_NEAR - 1 };

    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (keys[i].kind == CONFIG_VALUE_ENDPOINT)
            consider(&nearest, name, keys[i].name);
    return nearest;
}

/* Where AttestationConfig has a key. */
static const char *section_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        for (size_t s = 0; s < ARRAY_LEN(sections); s++)
            if (strcmp(keys[i].name, name) == 0 && keys[i].section == sections[s].section)
                return sections[s].name;
    return "";
}

/* The nearest of the keys that may stand in this place. */
static struct nearest known_near(const struct place *place, struct bytes name)
{
    struct nearest nearest = { NULL, DISTANCE_NEAR };

    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (keys[i].section == place->section)
            consider(&nearest, name, keys[i].name);
    for (size_t i = 0; i < ARRAY_LEN(sections) && place->section == SECTION_TOP; i++)
        consider(&nearest, name, sections[i].name);
    return nearest;
}

/* An unknown section may hide an endpoint: then it is as bad as a mistyped endpoint. */
static bool hides_endpoint(const struct json *v)
{
    if (v->type == JSON_ARRAY) {
        for (size_t i = 0; i < v->array.n; i++)
            if (hides_endpoint(v->array.items[i]))
                return true;
        return false;
    }
    for (size_t i = 0; v->type == JSON_OBJECT && i < v->object.n; i++) {
        const struct json_member *m = &v->object.members[i];

        if (endpoint_near(m->name).name || hides_endpoint(m->value))
            return true;
    }
    return false;
}

static bool meet_unknown(struct attestation_config *config, struct arena *a, const struct place *place, const struct json_member *m,
                         struct nearest known, struct err *err)
{
    const struct nearest endpoint = endpoint_near(m->name);
    const char *near = known.name;
    char *shown = text_for_people(a, bytes_slice(m->name, 0, DISTANCE_WORD_MAX));
    const char *dot = *place->path ? "." : "";

    if (!shown)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    if (endpoint.name && bytes_equal_string(m->name, endpoint.name))
        return err_set(err, ERR_MALFORMED,
                       "%s%s%s has no meaning here: it belongs into %s.%s. An endpoint that is overlooked would send evidence elsewhere",
                       place->path, dot, shown, newer_name, section_of(endpoint.name));
    if (endpoint.name && (!near || endpoint.distance <= known.distance))
        return err_set(err, ERR_MALFORMED,
                       "%s%s%s is no key here; did you mean %s? An endpoint that is mistyped would send evidence elsewhere", place->path,
                       dot, shown, endpoint.name);
    if (hides_endpoint(m->value))
        return err_set(err, ERR_MALFORMED, "%s%s%s is no key here%s%s, and there is an endpoint in it", place->path, dot, shown,
                       near ? "; did you mean " : "", near ? near : "");
    if (near)
        attestation_config_warn(config, a, "%s%s%s is unknown and ignored; did you mean %s?", place->path, dot, shown, near);
    else
        attestation_config_warn(config, a, "%s%s%s is unknown and ignored", place->path, dot, shown);
    return true;
}

/* Known keys. */

static bool take_frequency(struct attestation_config *config, struct arena *a, const char *path, const struct json *v)
{
    const char *shown = config_value_shown(a, v);

    shown = shown ? shown : "";
    switch (frequency_parse(json_text(v, BYTES_LIT("?")), &config->frequency_seconds)) {
    case FREQUENCY_RAISED:
        attestation_config_warn(config, a, "%s: %s is below 15 minutes; 15 minutes are used", path, shown);
        break;
    case FREQUENCY_LOWERED:
        attestation_config_warn(config, a, "%s: %s is above 24 hours; 24 hours are used", path, shown);
        break;
    case FREQUENCY_UNREADABLE:
        attestation_config_warn(config, a, "%s: %s is no frequency such as 4H, 30M or 1D; 8 hours are used", path, shown);
        break;
    default:
        break;
    }
    return true;
}

static bool take_value(struct attestation_config *config, struct arena *a, const struct place *place, const struct key *key,
                       const struct json *v, struct err *err)
{
    char path[128];
    void *member = (char *)config + key->offset;
    bool fine;

    snprintf(path, sizeof path, "%s.%s", place->path, key->name);
    if (v->type == JSON_NULL)
        return true;
    switch (key->kind) {
    case CONFIG_VALUE_FREQUENCY:
        return take_frequency(config, a, path, v);
    case CONFIG_VALUE_CHOICE:
        fine = config_value_choice(v, member, err);
        break;
    case CONFIG_VALUE_PINS:
        fine = config_value_pins(a, v, config->pins, &config->n_pins, err);
        break;
    default:
        fine = config_value_text(a, key->kind, v, member, err);
    }
    return fine || config_value_refuse(a, key->kind, v, err) || err_within(err, "%s", path);
}

static const struct key *find_key(enum section section, struct bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (keys[i].section == section && bytes_equal_string(name, keys[i].name))
            return &keys[i];
    return NULL;
}

static bool read_object(struct attestation_config *config, struct arena *a, const struct place *place, const struct json *v,
                        struct err *err);

static bool read_member(struct attestation_config *config, struct arena *a, const struct place *place, const struct json_member *m,
                        struct err *err)
{
    const struct key *key = find_key(place->section, m->name);

    if (key)
        return take_value(config, a, place, key, m->value, err);
    for (size_t i = 0; i < ARRAY_LEN(sections) && place->section == SECTION_TOP; i++) {
        char path[64];
        const struct place inner = { path, sections[i].section };

        if (!bytes_equal_string(m->name, sections[i].name))
            continue;
        snprintf(path, sizeof path, "%s.%s", place->path, sections[i].name);
        return read_object(config, a, &inner, m->value, err);
    }
    return meet_unknown(config, a, place, m, known_near(place, m->name), err);
}

static bool read_object(struct attestation_config *config, struct arena *a, const struct place *place, const struct json *v,
                        struct err *err)
{
    if (v->type == JSON_NULL)
        return true;
    if (v->type != JSON_OBJECT)
        return err_set(err, ERR_MALFORMED, "%s: an object is expected", place->path);
    for (size_t i = 0; i < v->object.n; i++)
        if (!read_member(config, a, place, &v->object.members[i], err))
            return false;
    return true;
}

/* The whole. */

static const struct json *shape(const struct json *settings, const char *name)
{
    const struct json *v = json_get(settings, name);

    return v && v->type != JSON_NULL ? v : NULL;
}

static bool read_top(struct attestation_config *config, struct arena *a, const struct json *settings, struct err *err)
{
    static const struct place newer = { newer_name, SECTION_TOP }, older = { older_name, SECTION_OLDER }, outside = { "", SECTION_TOP };
    const struct json *new_shape = shape(settings, newer_name), *old_shape = shape(settings, older_name);

    for (size_t i = 0; i < settings->object.n; i++) {
        const struct json_member *m = &settings->object.members[i];
        struct nearest near = { NULL, DISTANCE_NEAR };

        consider(&near, m->name, newer_name);
        consider(&near, m->name, older_name);
        if (!bytes_equal_string(m->name, newer_name) && !bytes_equal_string(m->name, older_name) &&
            !meet_unknown(config, a, &outside, m, near, err))
            return false;
    }
    config->is_given = new_shape || old_shape;
    if (new_shape && old_shape)
        attestation_config_warn(config, a, "%s and %s are both given; %s holds", newer_name, older_name, newer_name);
    if (new_shape)
        return read_object(config, a, &newer, new_shape, err);
    return !old_shape || read_object(config, a, &older, old_shape, err);
}

static bool check_whole(struct attestation_config *config, struct arena *a, struct err *err)
{
    if (config->policy_content.len)
        attestation_config_warn(config, a,
                                "AttestationConfig.MaaSettings.maaAttestationPolicyContent is ignored: policies are set at the provider");
    if (!config->tenant.len)
        config->tenant = BYTES_LIT("GuestAttestation");
    if (config->is_azure_stack != CHOICE_YES)
        return true;
    if (!config->cluster_id.len || !config->cluster_tenant_id.len)
        return err_set(err, ERR_MALFORMED, "AttestationConfig.AzureStackSettings.%s is required when isAzureStack is true",
                       config->cluster_id.len ? "clusterAadTenantId" : "clusterId");
    return true;
}

bool attestation_config_read(struct arena *a, const struct json *settings, struct attestation_config *ret, struct err *err)
{
    struct attestation_config config = { .frequency_seconds = FREQUENCY_DEFAULT_SECONDS };

    if (settings && settings->type != JSON_OBJECT)
        return err_set(err, ERR_MALFORMED, "publicSettings: an object is expected");
    if (settings && !read_top(&config, a, settings, err))
        return false;
    if (!check_whole(&config, a, err))
        return false;
    *ret = config;
    return true;
}
