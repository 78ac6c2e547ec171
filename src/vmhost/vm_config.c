#include "vmhost/vm_config.h"

#include "base/clock.h"
#include "json/parse.h"
#include "json/write.h"

enum { VM_JSON_VERSION = 1 };

static const char *const security_types[] = { [VM_STANDARD] = "Standard", [VM_TRUSTED_LAUNCH] = "TrustedLaunch" };

static bool is_name_character(char c, bool first) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '-' && !first); }

bool vm_name_check(const char *name, struct err *err)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < len && len <= VM_NAME_MAX; i++)
        if (!is_name_character(name[i], i == 0))
            len = 0;
    if (len == 0 || len > VM_NAME_MAX)
        return err_set(err, ERR_MALFORMED, "not a VM name: 1 to %d characters of a-z, 0-9 and -, the first no -", VM_NAME_MAX);
    return true;
}

bool vm_cmdline_check(const char *cmdline, struct err *err)
{
    size_t len = strlen(cmdline);

    if (len > VM_CMDLINE_MAX)
        return err_set(err, ERR_LIMIT, "the kernel command line is longer than %d characters", VM_CMDLINE_MAX);
    for (size_t i = 0; i < len; i++)
        if (cmdline[i] < ' ' || cmdline[i] > '~' || strchr("\"'\\$;&|<>{}#`", cmdline[i]))
            return err_set(
                err, ERR_MALFORMED,
                "the kernel command line has a character at position %zu that GRUB would not take as it stands: use letters, digits, "
                "spaces and . , : = / + - _ @ %% ( ) [ ] ! ? * ^ ~",
                i + 1);
    return true;
}

bool vm_config_check(const struct vm_config *config, struct err *err)
{
    char canonical[UUID_TEXT_LEN];

    if (!vm_name_check(config->name, err) || !vm_cmdline_check(config->cmdline, err))
        return false;
    if (!uuid_canonical(bytes_of_string(config->uuid), canonical) || strcmp(canonical, config->uuid) != 0)
        return err_set(err, ERR_MALFORMED, "uuid is no UUID in lower case");
    if (config->memory_mib < VM_MEMORY_MIN_MIB || config->memory_mib > VM_MEMORY_MAX_MIB)
        return err_set(err, ERR_LIMIT, "memory must be from %d to %d MiB", VM_MEMORY_MIN_MIB, VM_MEMORY_MAX_MIB);
    if (config->security_type == VM_STANDARD && (config->secure_boot || config->vtpm))
        return err_set(err, ERR_MALFORMED, "Secure Boot and a vTPM need security type TrustedLaunch");
    return true;
}

/* Members with plain text, for reading and writing alike. */
#define TEXT_MEMBERS(X) \
    X(cmdline)          \
    X(endpoint)         \
    X(ca_pem)           \
    X(image)
#define FLAG_MEMBERS(X) \
    X(secure_boot)      \
    X(vtpm)             \
    X(integrity_monitoring)

static bool need_text(struct arena *a, const struct json *v, const char *member, const char **ret, struct err *err)
{
    struct bytes text;

    if (!json_need_string(v, member, &text, err))
        return false;
    if (text.len && memchr(text.data, '\0', text.len))
        return err_set(err, ERR_MALFORMED, "%s contains a NUL character", member);
    *ret = arena_string(a, text);
    return *ret || err_set(err, ERR_NO_MEMORY, "no memory");
}

static bool need_flag(const struct json *v, const char *member, bool *ret, struct err *err)
{
    return json_as_boolean(json_get(v, member), ret) || err_set(err, ERR_MALFORMED, "%s is missing or neither true nor false", member);
}

static bool read_identity(struct arena *a, const struct json *v, struct vm_config *config, struct err *err)
{
    const char *uuid, *created, *type;
    int64_t version;

    if (!json_need_integer(v, "version", &version, err))
        return false;
    if (version != VM_JSON_VERSION)
        return err_set(err, ERR_UNSUPPORTED, "version %lld is unknown to this program", (long long)version);
    if (!need_text(a, v, "name", &config->name, err) || !need_text(a, v, "uuid", &uuid, err) ||
        !need_text(a, v, "created", &created, err) || !need_text(a, v, "security_type", &type, err))
        return false;
    if (!uuid_canonical(bytes_of_string(uuid), config->uuid))
        return err_set(err, ERR_MALFORMED, "uuid is no UUID");
    if (!clock_parse(bytes_of_string(created), &config->created_ms))
        return err_set(err, ERR_MALFORMED, "created is no RFC 3339 time");
    for (size_t i = 0; i < ARRAY_LEN(security_types); i++)
        if (strcmp(type, security_types[i]) == 0) {
            config->security_type = (enum vm_security_type)i;
            return true;
        }
    return err_set(err, ERR_MALFORMED, "security_type is neither Standard nor TrustedLaunch");
}

bool vm_config_read(struct arena *a, struct bytes json, struct vm_config *ret, struct err *err)
{
    struct vm_config config = { 0 };
    const struct json *v;
    int64_t memory;

    if (!json_parse(a, json, &(struct json_options){ .refuse_duplicates = true }, &v, err) || !read_identity(a, v, &config, err) ||
        !json_need_integer(v, "memory_mib", &memory, err))
        return false;
    config.memory_mib = memory < 0 || memory > VM_MEMORY_MAX_MIB ? 0 : (unsigned)memory;
#define X(member)                                    \
    if (!need_flag(v, #member, &config.member, err)) \
        return false;
    FLAG_MEMBERS(X)
#undef X
#define X(member)                                       \
    if (!need_text(a, v, #member, &config.member, err)) \
        return false;
    TEXT_MEMBERS(X)
#undef X
    if (!vm_config_check(&config, err))
        return false;
    *ret = config;
    return true;
}

static char *finish(struct arena *a, struct writer *w)
{
    write_string(w, "\n");
    return writer_ok(w) ? arena_string(a, writer_bytes(w)) : NULL;
}

char *vm_config_write(struct arena *a, const struct vm_config *config)
{
    CLEANUP(writer_done) struct writer w = { 0 };
    struct json_out out = json_out_to(&w, JSON_INDENTED);

    json_begin_object(&out, NULL);
    json_put_integer(&out, "version", VM_JSON_VERSION);
    json_put_string(&out, "name", config->name);
    json_put_string(&out, "uuid", config->uuid);
    json_put_time(&out, "created", config->created_ms);
    json_put_string(&out, "security_type", security_types[config->security_type]);
#define X(member) json_put_boolean(&out, #member, config->member);
    FLAG_MEMBERS(X)
#undef X
    json_put_integer(&out, "memory_mib", config->memory_mib);
#define X(member) json_put_string(&out, #member, config->member ? config->member : "");
    TEXT_MEMBERS(X)
#undef X
    json_end(&out);
    return finish(a, &w);
}

char *vm_config_agent_item(struct arena *a, const struct vm_config *config)
{
    CLEANUP(writer_done) struct writer w = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    json_begin_object(&out, NULL);
    json_put_integer(&out, "version", 1);
    json_put_string(&out, "vm", config->uuid);
    json_put_string(&out, "name", config->name);
    json_put_string(&out, "endpoint", config->endpoint ? config->endpoint : "");
    json_put_string(&out, "ca_pem", config->ca_pem ? config->ca_pem : "");
    json_put_boolean(&out, "integrity_monitoring", config->integrity_monitoring);
    json_end(&out);
    return finish(a, &w);
}
