#include "truebootd/config.h"
#include <dirent.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/ini.h"
#include "base/limits.h"
#include "http/server/server.h"
#include "truebootd/config_keys.h"

enum { DROP_INS_MAX = 256, WORDS_MAX = 64, SETTINGS_MAX = 256 };

enum kind { KIND_TEXT, KIND_SWITCH, KIND_NUMBER, KIND_DURATION, KIND_SIZE, KIND_CHOICE };
enum when { WHEN_START, WHEN_LIVE };

struct key {
    enum kind kind;
    size_t offset; /* of a const char * for TEXT, a bool for SWITCH, an int64_t for the others */
    int64_t least, most;
};

static const struct key keys[] = {
#define X(section, key, member, kind, standard, least, most, when, choices, help) \
    { KIND_##kind, offsetof(struct config, member), least, most },
    CONFIG_KEYS(X)
#undef X
};

const struct config_key config_keys[] = {
#define X(section, key, member, kind, standard, least, most, when, choices, help) \
    { section, key, standard, choices, help, WHEN_##when == WHEN_LIVE },
    CONFIG_KEYS(X)
#undef X
};
const size_t config_n_keys = ARRAY_LEN(config_keys);

/* ---- values ---------------------------------------------------------------------------------------------------------- */

/* Digits and a unit; false: not of that shape. */
static bool read_number(struct bytes text, const char *units, const int64_t *factors, int64_t *ret)
{
    int64_t value = 0;
    size_t i = 0;
    const char *unit;

    for (; i < text.len && text.data[i] >= '0' && text.data[i] <= '9'; i++) {
        if (value > INT64_MAX / 2000000000 / 10)
            return false;
        value = value * 10 + (text.data[i] - '0');
    }
    if (i == 0 || i + 1 < text.len)
        return false;
    if (i < text.len) {
        unit = strchr(units, text.data[i] | 0x20);
        if (!unit || !*unit)
            return false;
        value *= factors[unit - units];
    }
    *ret = value;
    return true;
}

static bool read_switch(struct bytes text, bool *ret)
{
    static const char *const words[] = { "no", "off", "false", "0", "yes", "on", "true", "1" };

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (bytes_equal_string(text, words[i])) {
            *ret = i >= 4;
            return true;
        }
    return false;
}

/* The place of a word in "a|b|c"; -1: it is none of them. */
static int64_t read_choice(const char *choices, struct bytes word)
{
    int64_t place = 0;

    for (const char *at = choices;; place++) {
        size_t len = strcspn(at, "|");

        if (word.len == len && memcmp(word.data, at, len) == 0)
            return place;
        if (!at[len])
            return -1;
        at += len + 1;
    }
}

static bool out_of_range(const struct key *key, const struct config_key *info, struct err *err)
{
    const char *what = key->kind == KIND_DURATION ? "a time (45s, 30m, 8h, 7d; a number is seconds)"
                       : key->kind == KIND_SIZE   ? "a size (64k, 16m, 1g; a number is bytes)"
                                                  : "a number";
    return err_set(err, ERR_MALFORMED, "%s is %s from %lld to %lld", info->key, what, (long long)key->least, (long long)key->most);
}

static bool set_value(struct config *config, size_t i, struct bytes value, struct err *err)
{
    static const int64_t seconds[] = { 1, 60, 3600, 86400 }, bytes[] = { 1024, 1024 * 1024, 1024 * 1024 * 1024 };
    const struct key *key = &keys[i];
    const struct config_key *info = &config_keys[i];
    void *member = (char *)config + key->offset;
    const char *text;
    int64_t number = 0;
    bool on = false;

    switch (key->kind) {
    case KIND_TEXT:
        if ((int64_t)value.len < key->least || (int64_t)value.len > key->most)
            return err_set(err, ERR_MALFORMED, "%s is a text of %lld to %lld bytes", info->key, (long long)key->least,
                           (long long)key->most);
        text = arena_string(config->arena, value);
        memcpy(member, &text, sizeof text);
        return text || err_set(err, ERR_NO_MEMORY, "no memory for settings");
    case KIND_SWITCH:
        if (!read_switch(value, &on))
            return err_set(err, ERR_MALFORMED, "%s is yes or no", info->key);
        memcpy(member, &on, sizeof on);
        return true;
    case KIND_CHOICE:
        number = read_choice(info->choices, value);
        if (number < 0)
            return err_set(err, ERR_MALFORMED, "%s is one of %s", info->key, info->choices);
        break;
    case KIND_NUMBER:
    case KIND_DURATION:
    case KIND_SIZE:
        if (!(key->kind == KIND_NUMBER     ? read_number(value, "", NULL, &number)
              : key->kind == KIND_DURATION ? read_number(value, "smhd", seconds, &number)
                                           : read_number(value, "kmg", bytes, &number)) ||
            number < key->least || number > key->most)
            return out_of_range(key, info, err);
        break;
    }
    memcpy(member, &number, sizeof number);
    return true;
}

void config_defaults(struct arena *a, struct config *ret)
{
    struct err err = ERR_INIT;

    *ret = (struct config){ .arena = a };
    for (size_t i = 0; i < config_n_keys; i++)
        if (!set_value(ret, i, bytes_of_string(config_keys[i].standard), &err))
            abort(); /* our own table */
}

/* ---- keys ------------------------------------------------------------------------------------------------------------ */

/* The nearest key of the section; for an unknown section the nearest section. */
static const char *nearest(struct bytes section, struct bytes key, bool *ret_section_is_known)
{
    const char *words[WORDS_MAX], *sections[WORDS_MAX];
    size_t n = 0, n_sections = 0;

    for (size_t i = 0; i < config_n_keys && i < WORDS_MAX; i++) {
        sections[n_sections++] = config_keys[i].section;
        if (bytes_equal_string(section, config_keys[i].section))
            words[n++] = config_keys[i].key;
    }
    *ret_section_is_known = n > 0;
    return n > 0 ? nearest_word(key, words, n) : nearest_word(section, sections, n_sections);
}

static bool unknown_key(const char *place, struct bytes section, struct bytes key, struct err *err)
{
    bool known;
    const char *near = nearest(section, key, &known);
    struct bytes shown = bytes_slice(known ? key : section, 0, 60);

    return err_set(err, ERR_MALFORMED, known ? "%s: there is no key \"%.*s\" in [%.*s]%s%s%s" : "%s: there is no section [%.*s]%.*s%s%s%s",
                   place, BYTES_FMT(shown), BYTES_FMT(known ? bytes_slice(section, 0, 60) : BYTES_LIT("")), near ? "; did you mean " : "",
                   near ? near : "", near ? "?" : "");
}

bool config_set(struct config *config, const char *place, struct bytes section, struct bytes key, struct bytes value, struct err *err)
{
    for (size_t i = 0; i < config_n_keys; i++)
        if (bytes_equal_string(section, config_keys[i].section) && bytes_equal_string(key, config_keys[i].key))
            return set_value(config, i, value, err) || err_within(err, "%s", place);
    return unknown_key(place, section, key, err);
}

static bool take_entry(void *context, const struct ini_entry *entry, struct err *err)
{
    return config_set(context, entry->place, entry->section, entry->key, entry->value, err);
}

static bool read_file(struct config *config, const char *file, struct err *err)
{
    struct bytes text;

    return file_read_in(config->arena, file, LIMIT_CONFIG_BYTES + 1, &text, err) &&
           ini_read(config->arena, file, text, take_entry, config, err);
}

static int is_drop_in(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && bytes_ends_with(bytes_of_string(entry->d_name), BYTES_LIT(".conf"));
}

bool config_read_files(struct config *config, const char *file, struct err *err)
{
    const char *folder = arena_printf(config->arena, "%s.d", file), *path;
    struct dirent **entries;
    bool fine = true;
    int n;

    if (!folder)
        return err_set(err, ERR_NO_MEMORY, "no memory for settings");
    if (!read_file(config, file, err))
        return false;
    n = scandir(folder, &entries, is_drop_in, alphasort);
    for (int i = 0; i < n; i++) {
        path = arena_printf(config->arena, "%s/%s", folder, entries[i]->d_name);
        fine = fine && (path || err_set(err, ERR_NO_MEMORY, "no memory for settings")) &&
               (i < DROP_INS_MAX || err_set(err, ERR_LIMIT, "%s: more than %d files", folder, DROP_INS_MAX)) &&
               read_file(config, path, err);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return fine;
}

/* ---- places ---------------------------------------------------------------------------------------------------------- */

/* Without a folder of one's own: the system's places for root, the XDG folders otherwise. */
static bool default_places(struct config *c)
{
    const char *home = getenv("HOME"), *data = getenv("XDG_DATA_HOME"), *run = getenv("XDG_RUNTIME_DIR");
    int n;

    if (geteuid() == 0) {
        snprintf(c->data, sizeof c->data, "/var/lib/trueboot");
        snprintf(c->socket, sizeof c->socket, "/run/trueboot/truebootd.sock");
        return true;
    }
    if (data && *data)
        n = snprintf(c->data, sizeof c->data, "%s/trueboot", data);
    else
        n = snprintf(c->data, sizeof c->data, "%s/.local/share/trueboot", home ? home : ".");
    if (run && *run)
        snprintf(c->socket, sizeof c->socket, "%s/trueboot/truebootd.sock", run);
    return n > 0 && (size_t)n < sizeof c->data;
}

static bool absolute(const char *dir, char ret[static PATH_MAX])
{
    char here[PATH_MAX];

    if (dir[0] == '/')
        return snprintf(ret, PATH_MAX, "%s", dir) < PATH_MAX;
    return getcwd(here, sizeof here) && snprintf(ret, PATH_MAX, "%.*s/%s", PATH_MAX / 2, here, dir) < PATH_MAX;
}

static bool complete(struct config *c, struct err *err)
{
    if (!c->tls_certificate[0] != !c->tls_key[0])
        return err_set(err, ERR_MALFORMED, "tls.certificate and tls.key go together: a certificate without its key is of no use");
    if (!http_listen_check(c->listen, err))
        return err_within(err, "server.listen");
    c->socket[0] = '\0';
    if (!(c->data_dir[0] ? absolute(c->data_dir, c->data) : default_places(c)) ||
        (c->socket_path[0] && !absolute(c->socket_path, c->socket)) ||
        (!c->socket[0] && snprintf(c->socket, sizeof c->socket, "%.*s/truebootd.sock", PATH_MAX - 32, c->data) >= PATH_MAX))
        return err_set(err, ERR_LIMIT, "a path is too long");
    c->profile = c->profile_choice ? "demo" : "default";
    c->times = c->profile_choice ? &health_times_demo : &health_times_default;
    return true;
}

/* The usual file; NULL when there is none. */
static const char *default_file(struct arena *a)
{
    const char *home = getenv("HOME"), *xdg = getenv("XDG_CONFIG_HOME"), *file;

    if (geteuid() == 0)
        file = "/etc/trueboot/truebootd.conf";
    else if (xdg && *xdg)
        file = arena_printf(a, "%s/trueboot/truebootd.conf", xdg);
    else
        file = home ? arena_printf(a, "%s/.config/trueboot/truebootd.conf", home) : NULL;
    return file && file_exists(file) ? file : NULL;
}

/* ---- the command line ------------------------------------------------------------------------------------------------ */

static void print_help(void)
{
    puts("usage: truebootd [--config FILE] [--set SECTION.KEY=VALUE]… [--data DIR] [--listen ADDR:PORT] [--url URL]\n"
         "                 [--profile default|demo] [--verbose]\n"
         "\n"
         "The trueboot server: attestation service, monitor and inventory in one process.\n"
         "\n"
         "  --config FILE       settings (default /etc/trueboot/truebootd.conf for root, ~/.config/trueboot/truebootd.conf for others),\n"
         "                      then FILE.d/*.conf in order of name\n"
         "  --set S.KEY=VALUE   one setting; what stands on the command line wins\n"
         "  --help-config       every setting, as a file to start from\n"
         "  --check-config      read the settings, and say whether they are fine\n"
         "  --data DIR          server.data: database, keys (0600), DIR/ca.pem, DIR/audit, DIR/truebootd.sock\n"
         "  --listen ADDR:PORT  server.listen: TLS address for agents and clients (default 0.0.0.0:8443)\n"
         "  --url URL           server.url: the name that goes into tokens as issuer (default https://localhost:PORT or "
         "https://HOSTNAME:PORT)\n"
         "  --profile NAME      server.profile: \"demo\" shortens every interval and deadline to seconds; it is shown in each status\n"
         "  --verbose           log.requests=all: log every request");
}

static void print_config(void)
{
    const char *section = "";

    puts("# Settings of truebootd, as they are without this file. Those marked [live] follow SIGHUP.");
    for (size_t i = 0; i < config_n_keys; i++) {
        const struct config_key *k = &config_keys[i];

        if (strcmp(section, k->section) != 0)
            printf("\n[%s]\n", k->section);
        section = k->section;
        printf("# %s%s%s%s%s\n#%s =%s%s\n", k->help, k->choices ? " (" : "", k->choices ? k->choices : "", k->choices ? ")" : "",
               k->live ? " [live]" : "", k->key, k->standard[0] ? " " : "", k->standard);
    }
}

struct setting {
    struct bytes section, key, value;
};

struct command_line {
    const char *file;
    bool check;
    struct setting settings[SETTINGS_MAX];
    size_t n;
};

static bool add_setting(struct command_line *c, const char *section, const char *key, const char *value, struct err *err)
{
    if (c->n == SETTINGS_MAX)
        return err_set(err, ERR_LIMIT, "more than %d settings on the command line", SETTINGS_MAX);
    c->settings[c->n++] = (struct setting){ bytes_of_string(section), bytes_of_string(key), bytes_of_string(value) };
    return true;
}

static bool take_set(struct command_line *c, const char *text, struct err *err)
{
    struct bytes all = bytes_of_string(text);
    size_t dot = bytes_find(all, BYTES_LIT(".")), equals = bytes_find(all, BYTES_LIT("="));

    if (equals == SIZE_MAX || dot >= equals)
        return err_set(err, ERR_MALFORMED, "--set %s: write SECTION.KEY=VALUE", text);
    if (!add_setting(c, "", "", "", err))
        return false;
    c->settings[c->n - 1] = (struct setting){ bytes_trim(bytes_slice(all, 0, dot)), bytes_trim(bytes_slice(all, dot + 1, equals - dot - 1)),
                                              bytes_trim(bytes_slice(all, equals + 1, all.len)) };
    return true;
}

static enum config_outcome read_options(int argc, char *const *argv, struct command_line *c, struct err *err)
{
    static const struct option options[] = {
        { "config", required_argument, NULL, 'c' }, { "set", required_argument, NULL, 's' },    { "data", required_argument, NULL, 'd' },
        { "listen", required_argument, NULL, 'l' }, { "url", required_argument, NULL, 'u' },    { "profile", required_argument, NULL, 'p' },
        { "verbose", no_argument, NULL, 'v' },      { "help", no_argument, NULL, 'h' },         { "version", no_argument, NULL, 'V' },
        { "help-config", no_argument, NULL, 'H' },  { "check-config", no_argument, NULL, 'C' }, { NULL, 0, NULL, 0 },
    };
    bool fine = true;
    int option;

    optind = 0; /* from the start, again when settings are read anew */
    while (fine && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            c->file = optarg;
            break;
        case 's':
            fine = take_set(c, optarg, err);
            break;
        case 'd':
            fine = add_setting(c, "server", "data", optarg, err);
            break;
        case 'l':
            fine = add_setting(c, "server", "listen", optarg, err);
            break;
        case 'u':
            fine = add_setting(c, "server", "url", optarg, err);
            break;
        case 'p':
            fine = add_setting(c, "server", "profile", optarg, err);
            break;
        case 'v':
            fine = add_setting(c, "log", "requests", "all", err);
            break;
        case 'C':
            c->check = true;
            break;
        case 'h':
            print_help();
            return CONFIG_DONE;
        case 'H':
            print_config();
            return CONFIG_DONE;
        case 'V':
            puts("truebootd " TRUEBOOT_VERSION);
            return CONFIG_DONE;
        default:
            fine = err_set(err, ERR_MALFORMED, "see truebootd --help");
        }
    }
    if (fine && optind != argc)
        fine = err_set(err, ERR_MALFORMED, "unexpected argument %s; see truebootd --help", argv[optind]);
    return fine ? CONFIG_RUN : CONFIG_WRONG;
}

enum config_outcome config_read(struct arena *a, int argc, char *const *argv, struct config *ret, struct err *err)
{
    struct command_line *c = ARENA_NEW(a, struct command_line);
    enum config_outcome outcome;
    const char *file;

    if (!c) {
        err_set(err, ERR_NO_MEMORY, "no memory for settings");
        return CONFIG_WRONG;
    }
    outcome = read_options(argc, argv, c, err);
    if (outcome != CONFIG_RUN)
        return outcome;
    config_defaults(a, ret);
    file = c->file ? c->file : default_file(a);
    if (file && !config_read_files(ret, file, err))
        return CONFIG_WRONG;
    for (size_t i = 0; i < c->n; i++)
        if (!config_set(ret, "command line", c->settings[i].section, c->settings[i].key, c->settings[i].value, err))
            return CONFIG_WRONG;
    if (!complete(ret, err))
        return CONFIG_WRONG;
    if (c->check)
        puts("the settings are fine");
    return c->check ? CONFIG_DONE : CONFIG_RUN;
}

/* ---- again, while the server runs -------------------------------------------------------------------------------------- */

static size_t member_size(enum kind kind)
{
    return kind == KIND_TEXT ? sizeof(const char *) : kind == KIND_SWITCH ? sizeof(bool) : sizeof(int64_t);
}

static bool differs(const struct key *key, const struct config *one, const struct config *other)
{
    const char *a, *b;
    const void *at = (const char *)one + key->offset, *there = (const char *)other + key->offset;

    if (key->kind != KIND_TEXT)
        return memcmp(at, there, member_size(key->kind)) != 0;
    memcpy(&a, at, sizeof a);
    memcpy(&b, there, sizeof b);
    return strcmp(a, b) != 0;
}

void config_reload(struct config *config, const struct config *fresh, struct arena *a, const char **ret_waiting)
{
    const char *waiting = NULL;

    for (size_t i = 0; i < config_n_keys; i++) {
        const struct key *key = &keys[i];

        if (!differs(key, config, fresh))
            continue;
        if (config_keys[i].live)
            memcpy((char *)config + key->offset, (const char *)fresh + key->offset, member_size(key->kind));
        else
            waiting = arena_printf(a, "%s%s%s.%s", waiting ? waiting : "", waiting ? ", " : "", config_keys[i].section, config_keys[i].key);
    }
    *ret_waiting = waiting;
}
