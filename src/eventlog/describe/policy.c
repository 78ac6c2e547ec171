/* Sentences about UEFI variables: Secure Boot policy, boot entries, authorities. */
#include "base/utf8.h"
#include "eventlog/uefi/boot_option.h"
#include "eventlog/describe/parts.h"
#include "eventlog/uefi/device_path.h"
#include "eventlog/software/shim.h"
#include "eventlog/uefi/signature_list.h"
#include "eventlog/uefi/variable.h"

enum { MAX_LISTED = 16 };

static const struct {
    const char *name;
    enum uefi_namespace space;
    const char *on, *off; /* what a one-byte switch says */
} switches[] = {
    { "SecureBoot", UEFI_EFI_GLOBAL, "Secure Boot was switched on", "Secure Boot was switched off" },
    { "SetupMode", UEFI_EFI_GLOBAL, "The firmware was in setup mode: anybody could change its keys", "The firmware was not in setup mode" },
    { "AuditMode", UEFI_EFI_GLOBAL, "The firmware was in audit mode: it checks images and starts them anyway",
      "The firmware was not in audit mode" },
    { "DeployedMode", UEFI_EFI_GLOBAL, "The firmware was in deployed mode", "The firmware was not in deployed mode" },
    { "MokSBState", UEFI_SHIM_LOCK, "shim's validation was switched off", "shim's validation was on" },
    { "MokListTrusted", UEFI_SHIM_LOCK, "The kernel trusts the machine owner keys", "The kernel does not trust the machine owner keys" },
};

static const struct {
    const char *name;
    enum uefi_namespace space;
    const char *words;
} key_lists[] = {
    { "PK", UEFI_EFI_GLOBAL, "The platform key (PK)" },
    { "KEK", UEFI_EFI_GLOBAL, "The keys that may change the lists (KEK)" },
    { "db", UEFI_IMAGE_SECURITY, "The list of what may start (db)" },
    { "dbx", UEFI_IMAGE_SECURITY, "The revocation list (dbx)" },
    { "dbt", UEFI_IMAGE_SECURITY, "The list of time stamp keys (dbt)" },
    { "dbr", UEFI_IMAGE_SECURITY, "The list of recovery keys (dbr)" },
    { "MokList", UEFI_SHIM_LOCK, "The machine owner keys (MokList)" },
    { "MokListX", UEFI_SHIM_LOCK, "The machine owner's revocation list (MokListX)" },
};

static bool describe_switch(struct describing *d, const struct uefi_variable *v)
{
    for (size_t i = 0; i < ARRAY_LEN(switches); i++) {
        if (!uefi_variable_is(v, switches[i].space, switches[i].name))
            continue;
        if (v->data.len == 1)
            write_printf(d->w, "%s (variable %s = %u).", v->data.data[0] ? switches[i].on : switches[i].off, switches[i].name,
                         v->data.data[0]);
        else
            write_printf(d->w, "The firmware has no setting for %s (the variable holds %zu bytes).", switches[i].name, v->data.len);
        return true;
    }
    return false;
}

static void count_signatures(struct describing *d, struct bytes data)
{
    struct signature_lists lists;
    struct err err = ERR_INIT;
    size_t n_certificates = 0;

    if (!signature_lists_parse(d->a, data, &lists, &err)) {
        write_string(d->w, " cannot be read: ");
        say_text(d, bytes_of_string(err.text));
        write_string(d->w, ".");
        return;
    }
    for (size_t i = 0; i < lists.n; i++)
        n_certificates += lists.items[i].kind == SIGNATURE_X509;
    if (lists.n == 0)
        write_string(d->w, ": empty.");
    else
        write_printf(d->w, ": %zu certificate%s and %zu other entr%s.", n_certificates, n_certificates == 1 ? "" : "s",
                     lists.n - n_certificates, lists.n - n_certificates == 1 ? "y" : "ies");
}

static bool describe_keys(struct describing *d, const struct uefi_variable *v)
{
    for (size_t i = 0; i < ARRAY_LEN(key_lists); i++)
        if (uefi_variable_is(v, key_lists[i].space, key_lists[i].name)) {
            write_string(d->w, key_lists[i].words);
            count_signatures(d, v->data);
            return true;
        }
    return false;
}

static void describe_other(struct describing *d, const struct uefi_variable *v)
{
    write_string(d->w, "The firmware setting ");
    say_utf16(d, v->name);
    write_printf(d->w, " has %zu bytes.", v->data.len);
}

static bool parse(struct describing *d, struct uefi_variable *ret)
{
    struct err err = ERR_INIT;

    if (uefi_variable_parse(d->event->data, ret, &err))
        return true;
    write_string(d->w, "A malformed variable: ");
    say_text(d, bytes_of_string(err.text));
    write_string(d->w, ".");
    return false;
}

void describe_variable(struct describing *d)
{
    struct uefi_variable v;

    if (parse(d, &v) && !describe_switch(d, &v) && !describe_keys(d, &v))
        describe_other(d, &v);
}

static void describe_order(struct describing *d, struct bytes data)
{
    struct err err = ERR_INIT;
    size_t n;

    if (!boot_order_parse(data, &n, &err) || n == 0) {
        write_string(d->w, "The boot order is empty or malformed.");
        return;
    }
    write_string(d->w, "The firmware tries these boot entries in this order: ");
    for (size_t i = 0; i < n && i < MAX_LISTED; i++)
        write_printf(d->w, "%s%04X", i ? ", " : "", boot_order_at(data, i));
    write_string(d->w, n > MAX_LISTED ? ", …." : ".");
}

static void describe_entry(struct describing *d, uint16_t number, struct bytes data)
{
    struct boot_option option;
    struct err err = ERR_INIT;
    char *path = NULL;

    write_printf(d->w, "Boot entry %04X", number);
    if (!boot_option_parse(data, &option, &err)) {
        write_string(d->w, " cannot be read.");
        return;
    }
    write_string(d->w, " is \"");
    say_utf16(d, option.description);
    write_string(d->w, option.attributes & BOOT_OPTION_ACTIVE ? "\"" : "\", switched off");
    if (device_path_text(d->a, option.device_path, &path, &err) && *path)
        write_printf(d->w, ", at %s", path);
    write_string(d->w, ".");
}

void describe_boot_variable(struct describing *d)
{
    struct uefi_variable v;
    uint16_t number;

    if (!parse(d, &v))
        return;
    if (uefi_variable_is(&v, UEFI_EFI_GLOBAL, "BootOrder"))
        describe_order(d, v.data);
    else if (uefi_variable_namespace(&v) == UEFI_EFI_GLOBAL && boot_option_name(v.name, "Boot", &number))
        describe_entry(d, number, v.data);
    else
        describe_variable(d);
}

void describe_authority(struct describing *d)
{
    struct uefi_variable v;
    struct signature signature;
    struct err err = ERR_INIT;

    if (!parse(d, &v))
        return;
    if (uefi_variable_is_named(&v, "SbatLevel")) {
        write_string(d->w, "shim refuses components older than this level: ");
        say_text(d, v.data);
        write_string(d->w, ".");
        return;
    }
    if (describe_switch(d, &v))
        return;
    write_string(d->w, "An image was allowed to start because of ");
    if (!signature_from_authority(v.data, &signature, &err))
        write_printf(d->w, "%zu bytes", v.data.len);
    else if (signature.kind == SIGNATURE_UNKNOWN)
        write_printf(d->w, "an entry of %zu bytes", v.data.len);
    else
        write_printf(d->w, "a%s", signature.kind == SIGNATURE_X509 ? " certificate" : "n image digest");
    write_string(d->w, " in ");
    say_utf16(d, v.name);
    write_string(d->w, ".");
}
