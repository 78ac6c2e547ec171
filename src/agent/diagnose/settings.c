/* What the VM agent was told, read as `enable` reads it (guest-agent.md 10, Handler): the offending path, and whether the protected part opens. */
#include <stdio.h>
#include "agent/diagnose/diagnose.h"
#include "agent/handler/unseal.h"
#include "base/file.h"
#include "extension/attestation_config.h"
#include "extension/settings.h"

/* "…/status/7.status" → "CONFIG/7.settings"; NULL: it is not of that form. */
static const char *settings_path(struct arena *a, const char *config_folder, const char *status_file)
{
    static const char suffix[] = ".status";
    const char *slash = strrchr(status_file, '/');
    size_t name = slash ? strlen(slash + 1) : 0;

    if (!config_folder || name < sizeof suffix || strcmp(slash + 1 + name - (sizeof suffix - 1), suffix) != 0)
        return NULL;
    return arena_printf(a, "%s/%.*s.settings", config_folder, (int)(name - (sizeof suffix - 1)), slash + 1);
}

/* Yes or no, and what of it is not here; never what is inside. */
static void check_protected(struct diagnosis *d, const struct machine_places *places, const char *config_folder,
                            const struct handler_settings *settings)
{
    const char *folder = arena_printf(d->arena, "%s%s", places->root, config_folder);
    struct bytes text = BYTES_NONE;
    struct protected_settings inside;
    struct err err = ERR_INIT;
    struct checked *c;
    bool opens;

    if (!settings->protected_cms.len) {
        diagnosis_add(d, CHECK_HANDLER_SECRET, RESULT_SKIP, "there are none");
        return;
    }
    opens = folder && handler_unseal(folder, settings->thumbprint, settings->protected_cms, d->arena, &text, &err) &&
            protected_settings_parse(d->arena, text, &inside, &err);
    wipe((void *)text.data, text.len);
    if (opens) {
        diagnosis_add(d, CHECK_HANDLER_SECRET, RESULT_PASS, "yes");
        return;
    }
    c = diagnosis_add(d, CHECK_HANDLER_SECRET, RESULT_FAIL, "no: %s",
                      err.code != ERR_NOT_FOUND ? err.text
                                                : "the certificate and key that they were encrypted to are not here, or not for us");
    checked_remedy(d, c, "send the extension's settings again: the VM agent fetches the certificate anew");
}

void diagnose_settings(struct diagnosis *d, const struct machine_places *places, const char *config_folder, const char *status_file)
{
    const char *path = settings_path(d->arena, config_folder, status_file),
               *full = path ? arena_printf(d->arena, "%s%s", places->root, path) : NULL;
    struct handler_settings settings = { 0 };
    struct attestation_config config = { 0 };
    struct err err = ERR_INIT;
    struct bytes text;
    struct checked *c;

    if (!full || !file_read_in(d->arena, full, LIMIT_SETTINGS_BYTES, &text, &err)) {
        bool closed = full && err.code == ERR_DENIED, absent = !full || err.code == ERR_NOT_FOUND;

        c = diagnosis_add(d, CHECK_HANDLER_SET, closed ? RESULT_SKIP : RESULT_FAIL, "%s%s",
                          absent && path ? path
                          : absent       ? status_file
                                         : err.text,
                          absent ? " is not there" : "");
        checked_remedy(d, c, closed ? "run as root: only root may read it" : "send the extension's settings again");
        diagnosis_add(d, CHECK_HANDLER_SECRET, RESULT_SKIP, "no settings");
        return;
    }
    if (!handler_settings_parse(d->arena, text, &settings, &err) ||
        !attestation_config_read(d->arena, settings.public_settings, &config, &err)) {
        c = diagnosis_add(d, CHECK_HANDLER_SET, RESULT_FAIL, "%s: %s", path, err.text);
        checked_remedy(d, c, "correct what is named and send the extension's settings again");
    } else if (config.n_warnings) {
        c = diagnosis_add(d, CHECK_HANDLER_SET, RESULT_WARN, "%s: %s%s", path, config.warnings[0],
                          config.n_warnings > 1 ? "; the status has more of this kind" : "");
        checked_remedy(d, c, "correct it and send the extension's settings again");
    } else {
        diagnosis_add(d, CHECK_HANDLER_SET, RESULT_PASS, "%s is read, endpoint %.*s", path,
                      BYTES_FMT(config.attest_endpoint.len ? config.attest_endpoint : BYTES_LIT("not given")));
    }
    check_protected(d, places, config_folder, &settings);
}
