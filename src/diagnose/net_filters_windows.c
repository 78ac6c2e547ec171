/* NET.04 on Windows: Windows Firewall's rules that block what goes out, as they lie in the registry: "v2.30|Action=Block|Active=TRUE|Dir=Out|…". */
#include "diagnose/registry_windows.h"
#include <stdio.h>
#include <stdlib.h>
#include "diagnose/net.h"

#define LOCAL_KEY  L"SYSTEM\\CurrentControlSet\\Services\\SharedAccess\\Parameters\\FirewallPolicy"
#define POLICY_KEY L"SOFTWARE\\Policies\\Microsoft\\WindowsFirewall"

enum { QUOTED_MAX = 3, RULE_CHARACTERS = 16384, RULES_MAX = 20000 };

struct blocked {
    unsigned n;
    const char *quoted;
};

/* "|NAME=value|" of a rule; BYTES_NONE when it has none. */
static struct bytes field(struct bytes rule, const char *name)
{
    size_t at = bytes_find(rule, bytes_of_string(name));
    struct bytes value = at == SIZE_MAX ? BYTES_NONE : bytes_slice(rule, at + strlen(name), rule.len);

    return bytes_slice(value, 0, bytes_find(value, BYTES_LIT("|")));
}

static void quote(struct diagnosis *d, struct blocked *b, struct bytes text)
{
    if (b->n++ < QUOTED_MAX && b->quoted)
        b->quoted = arena_printf(d->arena, "%s%s\"%.*s\"", b->quoted, *b->quoted ? ", " : "", BYTES_FMT(bytes_slice(text, 0, 160)));
}

static void look_at_rule(struct diagnosis *d, struct blocked *b, const wchar_t *text)
{
    struct bytes rule = bytes_of_string(registry_narrow(d, text));

    if (bytes_find(rule, BYTES_LIT("|Action=Block|")) != SIZE_MAX && bytes_find(rule, BYTES_LIT("|Dir=Out|")) != SIZE_MAX &&
        bytes_find(rule, BYTES_LIT("|Active=TRUE|")) != SIZE_MAX)
        quote(d, b, field(rule, "|Name="));
}

static void look_at_rules(struct diagnosis *d, struct blocked *b, const wchar_t *key, bool *ret_readable)
{
    wchar_t *text = malloc(RULE_CHARACTERS * sizeof *text);
    HKEY rules;

    if (text && RegOpenKeyExW(HKEY_LOCAL_MACHINE, key, 0, KEY_QUERY_VALUE, &rules) == ERROR_SUCCESS) {
        *ret_readable = true;
        for (DWORD i = 0; i < RULES_MAX; i++) {
            DWORD size = (RULE_CHARACTERS - 1) * sizeof *text, type, name_len = 512;
            wchar_t name[512];
            LONG result = RegEnumValueW(rules, i, name, &name_len, NULL, &type, (LPBYTE)text, &size);

            if (result != ERROR_SUCCESS && result != ERROR_MORE_DATA)
                break;
            if (result != ERROR_SUCCESS || type != REG_SZ)
                continue;
            text[size / sizeof *text] = 0;
            look_at_rule(d, b, text);
        }
        RegCloseKey(rules);
    }
    free(text);
}

/* A profile that lets nothing out unless a rule allows it. */
static void look_at_profiles(struct diagnosis *d, struct blocked *b, const wchar_t *key)
{
    static const wchar_t *const profiles[] = { L"DomainProfile", L"StandardProfile", L"PublicProfile" };

    for (size_t i = 0; i < ARRAY_LEN(profiles); i++) {
        wchar_t path[200];
        DWORD enabled = 0, blocks = 0;

        swprintf(path, ARRAY_LEN(path), L"%ls\\%ls", key, profiles[i]);
        if (registry_number(HKEY_LOCAL_MACHINE, path, L"EnableFirewall", &enabled) && enabled &&
            registry_number(HKEY_LOCAL_MACHINE, path, L"DefaultOutboundAction", &blocks) && blocks == 1)
            quote(d, b,
                  bytes_of_string(arena_printf(d->arena, "%s: blocked unless allowed", registry_narrow(d, profiles[i])) ?: "profile"));
    }
}

void net_filters(struct diagnosis *d, bool may_run UNUSED, bool connects)
{
    struct blocked b = { .quoted = "" };
    bool readable = false;
    struct checked *c;

    look_at_rules(d, &b, LOCAL_KEY L"\\FirewallRules", &readable);
    look_at_rules(d, &b, POLICY_KEY L"\\FirewallRules", &readable);
    look_at_profiles(d, &b, LOCAL_KEY);
    look_at_profiles(d, &b, POLICY_KEY);
    if (!readable && !b.n) {
        diagnosis_add(d, CHECK_FILTERS, RESULT_SKIP, "Windows Firewall's rules are not there or not for us");
        return;
    }
    if (!b.n) {
        diagnosis_add(d, CHECK_FILTERS, RESULT_PASS, "no rule of Windows Firewall blocks what goes out");
        return;
    }
    c = diagnosis_add(d, CHECK_FILTERS, connects ? RESULT_PASS : RESULT_WARN, "%u rules of Windows Firewall block what goes out: %s", b.n,
                      b.quoted ? b.quoted : "");
    if (!connects)
        checked_remedy(d, c, "one of them may be what is in the way: a rule that blocks wins over one that allows, so disable it");
}
