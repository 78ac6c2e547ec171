#include "refdata/refdata.h"
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/file.h"
#include "refdata/make.h"

/* ---- places ---- */

static const char *from_environment(struct arena *a, const char *variable)
{
    const char *value = getenv(variable);

    return value && *value ? arena_string(a, bytes_of_string(value)) : NULL;
}

const char *refdata_default_path(struct arena *a)
{
    const char *given = from_environment(a, "TRUEBOOT_REFERENCE"), *beside;
    char self[PATH_MAX], *slash;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    if (given)
        return given;
    self[n > 0 ? n : 0] = '\0';
    /* build/trueboot (a link to it), build/src/cli/trueboot; the pack is build/tools/reference.pack. */
    for (int i = 0; i < 3 && (slash = strrchr(self, '/')) != NULL; i++) {
        *slash = '\0';
        beside = arena_printf(a, "%s/tools/" REFDATA_FILE, self);
        if (!beside || file_exists(beside))
            return beside;
    }
    return TRUEBOOT_DATADIR "/" REFDATA_FILE;
}

const char *refdata_user_path(struct arena *a)
{
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");

    return data && *data ? arena_printf(a, "%s/trueboot/" REFDATA_FILE, data)
                         : arena_printf(a, "%s/.local/share/trueboot/" REFDATA_FILE, home ? home : ".");
}

const char *refdata_keys_path(struct arena *a, const char *pack_path)
{
    const char *slash = strrchr(pack_path, '/');

    return arena_printf(a, "%.*s" REFDATA_KEYS_FILE, slash ? (int)(slash + 1 - pack_path) : 0, pack_path);
}

/* ---- reading ---- */

/* The text that counts. A signed pack must be signed with a key beside `keys_of`; NULL: a signature is not looked at. */
static bool check_seal(struct arena *a, struct bytes file, const char *keys_of, struct refdata *data, struct bytes *ret, struct err *err)
{
    struct refdata_keys keys CLEANUP(refdata_keys_done) = { 0 };
    const struct refdata_key *signer;
    const char *path;

    if (!seal_is_there(file, ret) || !keys_of)
        return true;
    path = refdata_keys_path(a, keys_of);
    if (!path)
        return err_set(err, ERR_NO_MEMORY, "no memory for reference data");
    if (!refdata_keys_read(a, path, &keys, err) || !seal_check(file, &keys, ret, &signer, err))
        return false;
    data->origin = REFDATA_SIGNED;
    data->signer = signer->name;
    return true;
}

static bool read_pack(struct arena *a, const char *path, const char *keys_of, enum refdata_origin origin, struct refdata *ret,
                      struct err *err)
{
    struct refdata data = { .path = arena_string(a, bytes_of_string(path)), .origin = origin };
    struct bytes file, text;

    if (!data.path)
        return err_set(err, ERR_NO_MEMORY, "no memory for reference data");
    if (!file_read_in(a, path, REFDATA_MAX_BYTES, &file, err))
        return false;
    if (!check_seal(a, file, keys_of, &data, &text, err) || !reference_parse(a, text, &data.reference, err))
        return err_within(err, "%s", path);
    *ret = data;
    return true;
}

bool refdata_read(struct arena *a, const char *path, const char *keys_of, struct refdata *ret, struct err *err)
{
    return read_pack(a, path, keys_of, REFDATA_NAMED, ret, err);
}

const struct refdata *refdata_load(struct arena *a, const char *own, const char **ret_problem)
{
    const struct {
        const char *path, *keys_of;
        enum refdata_origin origin;
    } places[] = { { own, own, REFDATA_LOCAL }, { refdata_default_path(a), NULL, REFDATA_BUILT } };

    *ret_problem = NULL;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        struct refdata *data = ARENA_NEW(a, struct refdata);
        struct err err = ERR_INIT;
        if (places[i].path && data && read_pack(a, places[i].path, places[i].keys_of, places[i].origin, data, &err))
            return data;
        if (places[i].path && err.code != ERR_NOT_FOUND && !*ret_problem)
            *ret_problem = arena_printf(a, "reference data cannot be used: %s", data ? err.text : "no memory");
    }
    return NULL;
}

/* ---- renewing ---- */

static size_t count_missing(const struct revocation *some, size_t n_some, const struct revocation *all, size_t n_all)
{
    size_t missing = n_some;

    for (size_t i = 0, k = 0; i < n_some; i++) {
        while (k < n_all && revocation_compare(&all[k], &some[i]) < 0)
            k++;
        missing -= k < n_all && revocation_compare(&all[k], &some[i]) == 0;
    }
    return missing;
}

/* Images and certificates of `one` that `two` does not have. */
static size_t count_more(const struct boot_reference *one, const struct boot_reference *two)
{
    return count_missing(one->images, one->n_images, two->images, two->n_images) +
           count_missing(one->certificates, one->n_certificates, two->certificates, two->n_certificates);
}

static bool is_pack(struct bytes file) { return bytes_starts_with(file, BYTES_LIT("trueboot-reference ")); }

static bool check_dates(const struct refdata_change *change, const struct boot_reference *pack, struct err *err)
{
    const int64_t day = INT64_C(24) * 3600 * 1000;
    int64_t used_ms = change->base ? change->base->reference.as_of_ms : 0;
    char date[CLOCK_TEXT_LEN], used[CLOCK_TEXT_LEN];

    if (!pack->as_of_ms)
        return err_set(err, ERR_MALFORMED, "the pack carries no date (as-of), so that nobody could tell an old one from a new one");
    clock_format(pack->as_of_ms, date);
    if (change->now_ms && pack->as_of_ms > change->now_ms + day)
        return err_set(err, ERR_MALFORMED, "the pack is dated %.10s, which is in the future: its maker's clock or ours is wrong", date);
    if (change->downgrade || pack->as_of_ms >= used_ms)
        return true;
    clock_format(used_ms, used);
    return err_set(err, ERR_CONFLICT,
                   "the pack is of %.10s, older than the one in use, which is of %.10s; --downgrade takes it all the same", date, used);
}

static bool update_from_pack(struct arena *a, const struct refdata_change *change, struct bytes file, struct refdata_update *made,
                             struct err *err)
{
    const struct refdata_key *signer;
    struct bytes body;

    if (!seal_check(file, change->keys, &body, &signer, err) || !reference_parse(a, body, &made->reference, err) ||
        !check_dates(change, &made->reference, err))
        return false;
    made->verbatim = file;
    made->signer = signer->name;
    return true;
}

/* A list with nothing new leaves what was known as it was, its name and its age too; an older one does not make it older. */
static bool name_result(const struct refdata_change *change, const struct refdata_making *m, const char *words, struct boot_reference *made,
                        struct err *err)
{
    const struct boot_reference *base = change->base ? &change->base->reference : NULL;
    bool new_entries = !base || !base->n_images || count_more(made, base);

    made->as_of_ms = change->as_of_ms;
    for (size_t i = base ? base->n_sources : 0; i < made->n_sources && !change->as_of_ms; i++)
        if (made->sources[i].as_of_ms > made->as_of_ms)
            made->as_of_ms = made->sources[i].as_of_ms;
    if (base && made->as_of_ms < base->as_of_ms && (!m->signer || reference_count(base, REVOKED_BY_DBX)))
        made->as_of_ms = base->as_of_ms;
    made->name = base && base->name && (!new_entries || !m->signer) ? base->name : words;
    return made->name || err_set(err, ERR_NO_MEMORY, "no memory for reference data");
}

static bool update_from_files(struct arena *a, const struct refdata_change *change, const struct refdata_file *files, size_t n,
                              struct refdata_update *made, struct err *err)
{
    struct refdata_making m = { .a = a, .as_of_ms = change->as_of_ms };
    const char *words = "";

    if (change->base)
        m.made = change->base->reference;
    for (size_t i = 0; i < n; i++) {
        const char *before = m.signer;
        m.signer = NULL;
        if (is_pack(files[i].content))
            return err_set(err, ERR_MALFORMED, "%s: a data pack is taken alone", files[i].name);
        if (!refdata_take(&m, files[i].content, files[i].name, err))
            return n == 1 ? false : err_within(err, "%s", files[i].name);
        if (m.signer)
            words = m.made.sources[m.made.n_sources - 1].words;
        else
            m.signer = before;
    }
    if (!refdata_made(&m, &made->reference, err))
        return false;
    made->signer = m.signer;
    return name_result(change, &m, words, &made->reference, err);
}

bool refdata_update(struct arena *a, const struct refdata_change *change, const struct refdata_file *files, size_t n,
                    struct refdata_update *ret, struct err *err)
{
    static const struct boot_reference nothing = { 0 };
    const struct boot_reference *base = change->base ? &change->base->reference : &nothing;
    struct refdata_update made = { 0 };

    if (n == 1 && is_pack(files[0].content) ? !update_from_pack(a, change, files[0].content, &made, err)
                                            : !update_from_files(a, change, files, n, &made, err))
        return false;
    made.added = count_more(&made.reference, base);
    made.removed = count_more(base, &made.reference);
    *ret = made;
    return true;
}

bool refdata_write(const char *path, const struct refdata_update *update, struct err *err)
{
    struct writer w CLEANUP(writer_done) = { .limit = REFDATA_MAX_BYTES };
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');

    if (slash && slash != path) {
        if ((size_t)(slash - path) >= sizeof folder)
            return err_set(err, ERR_LIMIT, "path too long: %s", path);
        memcpy(folder, path, (size_t)(slash - path));
        folder[slash - path] = '\0';
        if (!file_make_dirs(folder, 0755, err))
            return false;
    }
    if (update->verbatim.len)
        write_bytes(&w, update->verbatim);
    else
        reference_write(&w, &update->reference);
    if (!writer_ok(&w))
        return err_set(err, ERR_LIMIT, "the reference data are larger than %d bytes", REFDATA_MAX_BYTES);
    return file_write(path, writer_bytes(&w), 0644, err);
}

/* ---- telling ---- */

size_t refdata_entries(const struct boot_reference *reference)
{
    return reference->n_images + reference->n_certificates + reference->n_known + reference->n_sbat;
}

static void put_counts(struct json_out *out, const struct boot_reference *r)
{
    static const char *const lists[] = {
#define X(name, word, words) word,
        REVOCATION_LISTS(X)
#undef X
    };
    static const char *const architectures[] = {
#define X(name, word, file) word,
        ARCHITECTURES(X)
#undef X
    };
    int64_t described = 0;

    json_begin_object(out, "lists");
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        json_put_integer(out, lists[i], (int64_t)reference_count(r, (enum revocation_list)i));
    json_end(out);
    json_begin_object(out, "architectures");
    for (size_t i = 0; i < ARRAY_LEN(architectures); i++) {
        int64_t n = 0;
        for (size_t k = 0; k < r->n_images; k++)
            n += r->images[k].architectures >> i & 1;
        json_put_integer(out, architectures[i], n);
    }
    json_end(out);
    for (size_t i = 0; i < r->n_images; i++)
        described += r->images[i].what != NULL;
    json_put_integer(out, "described", described);
}

static void put_date(struct json_out *out, int64_t as_of_ms)
{
    if (as_of_ms)
        json_put_time(out, "asOf", as_of_ms);
    else
        json_put_null(out, "asOf");
}

void refdata_put(struct json_out *out, const char *name, const struct refdata *data)
{
    static const char *const origins[] = { "built", "local", "signed", "named" };
    const struct boot_reference *r = data ? &data->reference : NULL;

    if (!r) {
        json_put_null(out, name);
        return;
    }
    json_begin_object(out, name);
    json_put_string(out, "name", r->name);
    put_date(out, r->as_of_ms);
    json_put_string(out, "path", data->path);
    json_put_string(out, "origin", origins[data->origin]);
    json_put_string(out, "signedBy", data->signer);
    json_begin_array(out, "sources");
    for (size_t i = 0; i < r->n_sources; i++) {
        json_begin_object(out, NULL);
        put_date(out, r->sources[i].as_of_ms);
        json_put_string(out, "words", r->sources[i].words);
        json_end(out);
    }
    json_end(out);
    json_put_integer(out, "images", (int64_t)r->n_images);
    json_put_integer(out, "certificates", (int64_t)r->n_certificates);
    json_put_integer(out, "known", (int64_t)r->n_known);
    json_put_integer(out, "sbatDate", r->sbat_date);
    json_put_integer(out, "sbat", (int64_t)r->n_sbat);
    put_counts(out, r);
    json_end(out);
}
