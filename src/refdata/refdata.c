#include "refdata/refdata.h"
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/file.h"
#include "base/utf8.h"
#include "bootchain/secure_boot_data.h"

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

/* ---- reading ---- */

bool refdata_read(struct arena *a, const char *path, struct refdata *ret, struct err *err)
{
    struct refdata data = { .path = arena_string(a, bytes_of_string(path)) };
    struct bytes text;

    if (!data.path)
        return err_set(err, ERR_NO_MEMORY, "no memory for reference data");
    if (!file_read_in(a, path, REFDATA_MAX_BYTES, &text, err))
        return false;
    if (!reference_parse(a, text, &data.reference, err))
        return err_within(err, "%s", path);
    *ret = data;
    return true;
}

const struct refdata *refdata_load(struct arena *a, const char *own, const char **ret_problem)
{
    const char *const places[] = { own, refdata_default_path(a) };

    *ret_problem = NULL;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        struct refdata *data = ARENA_NEW(a, struct refdata);
        struct err err = ERR_INIT;
        if (places[i] && data && refdata_read(a, places[i], data, &err))
            return data;
        if (places[i] && err.code != ERR_NOT_FOUND && !*ret_problem)
            *ret_problem = arena_printf(a, "reference data cannot be used: %s", data ? err.text : "no memory");
    }
    return NULL;
}

/* ---- renewing ---- */

/* What the list adds is counted over the result: entries of other kinds of hash are in the list, and nothing we compare. */
static size_t count_added(const struct boot_reference *base, const struct boot_reference *made)
{
    size_t n = 0;

    for (size_t i = 0; i < made->n_images; i++)
        n += !reference_find_image(base, made->images[i].sha256);
    for (size_t i = 0; i < made->n_certificates; i++)
        n += !reference_find_certificate(base, made->certificates[i].sha256);
    return n;
}

static bool update_from_list(struct arena *a, const struct boot_reference *base, struct bytes file, const char *name, int64_t as_of_ms,
                             struct refdata_update *ret, struct err *err)
{
    struct refdata_update made = { 0 };
    struct secure_boot_data list;
    char *file_name = text_for_people(a, bytes_of_string(name));
    const char *whole;

    if (!secure_boot_data_parse(a, file, &list, err) || !secure_boot_data_verify(a, &list, "dbx", NULL, 0, &made.signer, err))
        return false;
    whole = file_name ? arena_printf(a, "%s, signed by %s", file_name, made.signer) : NULL;
    if (!whole)
        return err_set(err, ERR_NO_MEMORY, "no memory for reference data");
    if (!reference_with_update(a, base, &list, whole, as_of_ms, &made.reference, err))
        return false;
    made.added = count_added(base, &made.reference);
    /* A list with nothing new leaves what was known as it was, its name and its age too; an older one does not make it older. */
    if (base && base->n_images && !made.added) {
        made.reference.name = base->name;
        made.reference.as_of_ms = as_of_ms > base->as_of_ms ? as_of_ms : base->as_of_ms;
    } else if (base && base->n_images && as_of_ms && as_of_ms < base->as_of_ms) {
        made.reference.as_of_ms = base->as_of_ms;
    }
    *ret = made;
    return true;
}

bool refdata_update(struct arena *a, const struct boot_reference *base, struct bytes file, const char *name, int64_t as_of_ms,
                    struct refdata_update *ret, struct err *err)
{
    struct refdata_update made = { 0 };

    if (!bytes_starts_with(file, BYTES_LIT("trueboot-reference ")))
        return update_from_list(a, base, file, name, as_of_ms, ret, err);
    if (!reference_parse(a, file, &made.reference, err))
        return false;
    made.added = count_added(base, &made.reference);
    *ret = made;
    return true;
}

bool refdata_write(const char *path, const struct boot_reference *reference, struct err *err)
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
    reference_write(&w, reference);
    if (!writer_ok(&w))
        return err_set(err, ERR_LIMIT, "the reference data are larger than %d bytes", REFDATA_MAX_BYTES);
    return file_write(path, writer_bytes(&w), 0644, err);
}

/* ---- telling ---- */

size_t refdata_entries(const struct boot_reference *reference)
{
    return reference->n_images + reference->n_certificates + reference->n_known + reference->n_sbat;
}

void refdata_put(struct json_out *out, const char *name, const struct refdata *data)
{
    const struct boot_reference *r = data ? &data->reference : NULL;

    if (!r) {
        json_put_null(out, name);
        return;
    }
    json_begin_object(out, name);
    json_put_string(out, "name", r->name);
    if (r->as_of_ms)
        json_put_time(out, "asOf", r->as_of_ms);
    else
        json_put_null(out, "asOf");
    json_put_string(out, "path", data->path);
    json_put_integer(out, "images", (int64_t)r->n_images);
    json_put_integer(out, "certificates", (int64_t)r->n_certificates);
    json_put_integer(out, "known", (int64_t)r->n_known);
    json_put_integer(out, "sbatDate", r->sbat_date);
    json_put_integer(out, "sbat", (int64_t)r->n_sbat);
    json_end(out);
}
