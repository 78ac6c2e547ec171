#include "agent/handler/normalise.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "agent/files/folder.h"
#include "agent/settings/config.h"
#include "base/file.h"
#include "base/url.h"
#include "http/client/proxy.h"

enum { EXCEPTIONS_MAX = 8192 };

/* clang-format off */
/* What goes into a file of its own: the key of the configuration that names the file, and the file. */
static const struct secret {
    const char *key, *file;
    size_t offset; /* in struct protected_settings */
} secret_files[] = {
    { "enroll.token_file",          "enrollment-token",  offsetof(struct protected_settings, enrollment_token) },
    { "report.token_file",          "reporting-token",   offsetof(struct protected_settings, reporting_token) },
    { "net.proxy_credentials_file", "proxy-credentials", offsetof(struct protected_settings, proxy_credential) },
    { "net.client_cert_file",       "client.crt",        offsetof(struct protected_settings, client_cert_pem) },
    { "net.client_key_file",        "client.key",        offsetof(struct protected_settings, client_key_pem) },
};
/* clang-format on */
static const char ca_file[] = "handler-ca.pem";

static struct bytes secret_of(const struct protected_settings *secrets, const struct secret *s)
{
    return *(const struct bytes *)((const char *)secrets + s->offset);
}

/* The configuration on its way out. A key that this agent does not have is left out, and said. */
struct conf {
    struct writer *w;
    struct attestation_config *config;
    struct arena *a;
};

static void put(struct conf *c, const char *key, struct bytes value)
{
    if (!value.len)
        return;
    if (config_knows(key))
        write_printf(c->w, "%s = %.*s\n", key, BYTES_FMT(value));
    else
        attestation_config_warn(c->config, c->a, "this version of the agent has nothing to set %s with; it is ignored", key);
}

static void put_choice(struct conf *c, const char *key, enum config_choice choice)
{
    if (choice != CHOICE_NOT_GIVEN)
        put(c, key, choice == CHOICE_YES ? BYTES_LIT("yes") : BYTES_LIT("no"));
}

static void put_path(struct conf *c, const char *key, const char *folder, const char *file)
{
    const char *path = arena_printf(c->a, "%s/%s", folder, file);

    put(c, key, bytes_of_string(path ? path : ""));
}

bool normalise_take_proxy(struct attestation_config *config, struct protected_settings *secrets, struct arena *a, struct err *err)
{
    struct proxy_settings environment = { 0 };
    struct proxy_address proxy;

    proxy_environment(&environment);
    if (config->proxy.len || !environment.https_proxy)
        return true;
    if (!proxy_address_read(environment.https_proxy, a, &proxy, err))
        return err_within(err, "%s", proxy_variable());
    config->proxy = bytes_of_string(proxy.url);
    if (!proxy.credentials.len || secrets->proxy_credential.len)
        return true;
    return proxy_credentials_read(proxy.credentials, a, &secrets->proxy_credential, err) || err_within(err, "%s", proxy_variable());
}

/* A list that excepts less than its author meant is no reason to stop: the proxy gets what was to go past it. */
static bool put_exceptions(struct conf *c, struct err *err)
{
    struct proxy_settings environment = { 0 };
    struct bytes bad;

    proxy_environment(&environment);
    if (!environment.exceptions)
        return true;
    for (const char *s = environment.exceptions; *s; s++)
        if (((unsigned char)*s < 0x20 && *s != '\t') || *s == 0x7f)
            return err_set(err, ERR_MALFORMED, "%s has a control character in it", proxy_exceptions_variable());
    if (strlen(environment.exceptions) > EXCEPTIONS_MAX)
        return err_set(err, ERR_LIMIT, "%s is longer than %d characters", proxy_exceptions_variable(), EXCEPTIONS_MAX);
    bad = proxy_first_bad_exception(environment.exceptions);
    if (bad.len)
        attestation_config_warn(c->config, c->a, "%s: \"%s\" is no name, address or block of addresses, and excepts nothing",
                                proxy_exceptions_variable(), url_shown(c->a, bad));
    put(c, "net.no_proxy", bytes_of_string(environment.exceptions));
    return true;
}

static void put_pins(struct conf *c)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    for (size_t i = 0; i < c->config->n_pins; i++)
        write_printf(&w, "%s%.*s", i ? " " : "", BYTES_FMT(c->config->pins[i]));
    put(c, "net.pins", writer_bytes(&w));
}

static void put_addresses(struct conf *c)
{
    const struct attestation_config *config = c->config;

    put(c, "attest.endpoint", config->attest_endpoint);
    put(c, "attest.tenant", config->tenant);
    put(c, "attest.protocol", config->protocol);
    write_printf(c->w, "attest.frequency = %us\n", config->frequency_seconds);
    put_choice(c, "attest.challenge", config->challenge);
    put(c, "report.endpoint", config->report_endpoint);
    put_choice(c, "report.custom_token", config->use_custom_token == CHOICE_YES ? CHOICE_YES : CHOICE_NOT_GIVEN);
    put_choice(c, "report.alerts", config->disable_alerts == CHOICE_YES ? CHOICE_NO : CHOICE_NOT_GIVEN);
    put(c, "report.cluster_id", config->cluster_id);
    if (config_knows("report.resource_id")) /* what the published report calls ArmID */
        put(c, "report.resource_id", config->cluster_id);
    put(c, "report.cluster_tenant", config->cluster_tenant_id);
}

bool normalise_write(struct attestation_config *config, const struct protected_settings *secrets, const struct places *places,
                     const char *log_dir, struct arena *a, struct writer *w, struct err *err)
{
    const char *secrets_dir = arena_printf(a, "%s/secrets", places->run_dir);
    struct conf c = { w, config, a };

    if (!secrets_dir)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    write_string(w, "# Written by `trueboot-agent enable` from the settings of the VM extension; changes are lost.\n");
    put_addresses(&c);
    put(&c, "tpm.profile",
        config->profile.len                    ? config->profile
        : config->is_azure_stack == CHOICE_YES ? BYTES_LIT("azurelocal")
                                               : BYTES_NONE);
    put_choice(&c, "ima.enable", config->ima_reporting);
    put(&c, "net.proxy", config->proxy);
    if (!put_exceptions(&c, err))
        return false;
    put(&c, "log.dir", bytes_of_string(log_dir ? log_dir : ""));
    put_pins(&c);
    if (config->ca_bundle_pem.len)
        put_path(&c, "net.ca_file", places->etc_dir, ca_file);
    for (size_t i = 0; i < ARRAY_LEN(secret_files); i++)
        if (secret_of(secrets, &secret_files[i]).len)
            put_path(&c, secret_files[i].key, secrets_dir, secret_files[i].file);
    return writer_ok(w) ? true : err_set(err, ERR_NO_MEMORY, "out of memory");
}

static bool put_file(int folder, const char *name, struct bytes content, mode_t mode, uid_t uid, gid_t gid, struct err *err)
{
    if (content.len)
        return folder_write_for(folder, name, content, mode, uid, gid, err);
    return folder_unlink(folder, name, err);
}

bool normalise_files_are_there(const struct protected_settings *secrets, const struct places *places)
{
    for (size_t i = 0; i < ARRAY_LEN(secret_files); i++) {
        /* The token is taken away when it was used, and then there is a certificate. */
        bool is_token = secret_files[i].offset == offsetof(struct protected_settings, enrollment_token);
        char path[1024], certificate[1024];

        if (!secret_of(secrets, &secret_files[i]).len)
            continue;
        snprintf(path, sizeof path, "%s/secrets/%s", places->run_dir, secret_files[i].file);
        snprintf(certificate, sizeof certificate, "%s/ak.crt", places->state_dir);
        if (!file_exists(path) && !(is_token && file_exists(certificate)))
            return false;
    }
    return true;
}

bool normalise_put_files(const struct attestation_config *config, const struct protected_settings *secrets, const struct places *places,
                         uid_t uid, gid_t gid, struct err *err)
{
    int run CLEANUP(folder_close_at) = -1, etc CLEANUP(folder_close_at) = -1;
    char path[1024];

    if (snprintf(path, sizeof path, "%s/secrets", places->run_dir) >= (int)sizeof path)
        return err_set(err, ERR_LIMIT, "path too long: %s", places->run_dir);
    if (!places_make_run(places, uid, gid, err) || !folder_make(path, 0700, uid, gid, err) || !folder_open(path, &run, err))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(secret_files); i++)
        if (!put_file(run, secret_files[i].file, secret_of(secrets, &secret_files[i]), 0600, uid, gid, err))
            return false;
    return folder_open(places->etc_dir, &etc, err) && put_file(etc, ca_file, config->ca_bundle_pem, 0644, geteuid(), getegid(), err);
}
