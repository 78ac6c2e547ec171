/* Runs every boot of tests/cases/boots; its README.md describes the format. */
#include <dirent.h>
#include <stdlib.h>
#include "base/file.h"
#include "base/hex.h"
#include "bootchain/chain/plain.h"
#include "log_builder.h"
#include "support/test.h"

enum { BOOTS_MAX = 256, LINES_MAX = 400 };

struct written_boot {
    struct bytes name;
    size_t n, n_expected;
    struct bytes lines[LINES_MAX], expected[LINES_MAX];
};

struct file {
    struct arena a;
    const char *name;
    size_t n;
    struct written_boot *boots[BOOTS_MAX];
};

static void file_done(struct file *f) { arena_done(&f->a); }

static bool begins(struct bytes line, const char *word, struct bytes *ret_rest)
{
    size_t len = strlen(word);

    if (!bytes_starts_with(line, bytes_of_string(word)) || (line.len > len && line.data[len] != ' '))
        return false;
    *ret_rest = bytes_trim(bytes_slice(line, len, line.len));
    return true;
}

static struct bytes next_word(struct bytes *rest)
{
    size_t n = 0;
    struct bytes word;

    while (n < rest->len && rest->data[n] != ' ')
        n++;
    word = bytes_slice(*rest, 0, n);
    *rest = bytes_trim(bytes_slice(*rest, n, rest->len));
    return word;
}

static bool cut_at(struct bytes whole, const char *mark, struct bytes *ret_before, struct bytes *ret_after)
{
    size_t at = bytes_find(whole, bytes_of_string(mark));

    if (at == SIZE_MAX)
        return false;
    *ret_before = bytes_trim(bytes_slice(whole, 0, at));
    *ret_after = bytes_trim(bytes_slice(whole, at + strlen(mark), whole.len));
    return true;
}

/* ---- reading ---------------------------------------------------------------------------------------------------------- */

static struct written_boot *boot_named(struct file *f, struct bytes name)
{
    for (size_t i = 0; i < f->n; i++)
        if (bytes_equal(f->boots[i]->name, name))
            return f->boots[i];
    return NULL;
}

static bool begin_boot(struct file *f, struct bytes title)
{
    struct written_boot *boot = ARENA_NEW(&f->a, struct written_boot), *like;
    struct bytes name, of;

    if (!boot || f->n == BOOTS_MAX)
        return false;
    if (cut_at(title, " like ", &name, &of)) {
        like = boot_named(f, of);
        if (!like)
            return false;
        *boot = *like;
        boot->n_expected = 0;
        title = name;
    }
    boot->name = title;
    f->boots[f->n++] = boot;
    return true;
}

static size_t line_at(const struct written_boot *boot, struct bytes beginning)
{
    for (size_t i = 0; i < boot->n; i++)
        if (bytes_starts_with(boot->lines[i], beginning))
            return i;
    return SIZE_MAX;
}

static bool insert(struct written_boot *boot, size_t at, struct bytes line)
{
    if (at > boot->n || boot->n == LINES_MAX)
        return false;
    memmove(&boot->lines[at + 1], &boot->lines[at], (boot->n - at) * sizeof *boot->lines);
    boot->lines[at] = line;
    boot->n++;
    return true;
}

/* `without`, `instead`, `before` change what was taken over; `expect` and what follows it says what must come out. */
static bool read_line(struct written_boot *boot, struct bytes line)
{
    struct bytes rest, what, with;
    size_t at;

    if (begins(line, "expect", &rest)) {
        boot->expected[boot->n_expected++] = rest;
        return boot->n_expected < LINES_MAX;
    }
    if (begins(line, "without", &rest)) {
        at = line_at(boot, rest);
        if (at == SIZE_MAX)
            return false;
        memmove(&boot->lines[at], &boot->lines[at + 1], (--boot->n - at) * sizeof *boot->lines);
        return true;
    }
    if (begins(line, "instead", &rest)) {
        if (!cut_at(rest, " >> ", &what, &with) || (at = line_at(boot, what)) == SIZE_MAX)
            return false;
        boot->lines[at] = with;
        return true;
    }
    if (begins(line, "before", &rest))
        return cut_at(rest, " >> ", &what, &with) && (at = line_at(boot, what)) != SIZE_MAX && insert(boot, at, with);
    return insert(boot, boot->n, line);
}

static bool read_file(struct file *f, struct bytes text)
{
    struct written_boot *boot = NULL;
    struct bytes line, rest;

    for (size_t number = 1; text.len; number++) {
        size_t end = bytes_find(text, BYTES_LIT("\n"));
        bool ok;
        line = bytes_trim(bytes_slice(text, 0, end == SIZE_MAX ? text.len : end));
        text = end == SIZE_MAX ? BYTES_NONE : bytes_slice(text, end + 1, text.len);
        if (!line.len || line.data[0] == '#')
            continue;
        ok = begins(line, "boot", &rest) ? begin_boot(f, rest) : boot && read_line(boot, line);
        if (!ok) {
            test_note("%s, line %zu: %.*s", f->name, number, BYTES_FMT(line));
            return false;
        }
        boot = f->boots[f->n - 1];
    }
    return true;
}

/* ---- building --------------------------------------------------------------------------------------------------------- */

/* \xNN and \0 */
static struct bytes unescaped(struct arena *a, struct bytes text)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct bytes ret = BYTES_NONE;

    for (size_t i = 0; i < text.len; i++) {
        uint8_t value = text.data[i];
        if (value == '\\' && i + 1 < text.len && text.data[i + 1] == '0') {
            value = 0;
            i++;
        } else if (value == '\\' && i + 3 < text.len && text.data[i + 1] == 'x' &&
                   hex_decode_into(bytes_slice(text, i + 2, 2), &value, 1)) {
            i += 3;
        }
        write_u8(&w, value);
    }
    if (!writer_ok(&w) || !arena_copy(a, writer_bytes(&w), &ret))
        abort();
    return ret;
}

static const char *text_of(struct arena *a, struct bytes b)
{
    const char *text = arena_string(a, b);

    return text ? text : "";
}

static struct bytes wide(struct arena *a, struct bytes text, bool with_nul) { return built_utf16(a, text_of(a, text), with_nul); }

static unsigned number_of(struct bytes word)
{
    unsigned n = 0;

    for (size_t i = 0; i < word.len; i++)
        n = n * 10 + (unsigned)(word.data[i] - '0');
    return n;
}

static bool type_of(struct bytes name, uint32_t *ret)
{
#define X(number, name_, content, covers, pcrs, after, section) \
    if (bytes_equal_string(name, #name_)) {                     \
        *ret = number;                                          \
        return true;                                            \
    }
    EVENT_TYPES(X)
#undef X
    if (!bytes_starts_with(name, BYTES_LIT("0x"))) /* a type that nobody knows */
        return false;
    *ret = (uint32_t)strtoul((const char *)name.data, NULL, 16);
    return true;
}

/* REGISTER TYPE DATA, or REGISTER TYPE DATA >> what was measured */
static bool build_raw(struct arena *a, struct built_log *log, struct bytes rest)
{
    unsigned pcr = number_of(next_word(&rest));
    struct bytes name = next_word(&rest), data, hashed;
    uint32_t type;

    if (!type_of(name, &type) || pcr >= LIMIT_PCRS)
        return false;
    if (!cut_at(rest, ">>", &data, &hashed))
        data = hashed = rest;
    built_add(log, pcr, type, unescaped(a, data), unescaped(a, hashed));
    return true;
}

/* REGISTER TEXT: extended beside the log */
static bool build_unlogged(struct arena *a, struct built_log *log, struct bytes rest)
{
    unsigned pcr = number_of(next_word(&rest));

    if (pcr >= LIMIT_PCRS || log->n_unlogged == ARRAY_LEN(log->unlogged))
        return false;
    log->unlogged[log->n_unlogged++] = (struct unlogged){ pcr, unescaped(a, rest) };
    return true;
}

/* REGISTER 0xID CONTENT; 0xID CONTENT…: records of Windows in one event */
static bool build_sipa(struct arena *a, struct built_log *log, struct bytes rest)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    unsigned pcr = number_of(next_word(&rest));
    struct bytes record, data = BYTES_NONE;

    while (rest.len) {
        struct bytes id, content;
        if (!cut_at(rest, ";", &record, &rest)) {
            record = rest;
            rest = BYTES_NONE;
        }
        id = next_word(&record);
        content = unescaped(a, record);
        if (!bytes_starts_with(id, BYTES_LIT("0x")))
            return false;
        write_u32le(&w, (uint32_t)strtoul(text_of(a, id), NULL, 16));
        write_u32le(&w, (uint32_t)content.len);
        write_bytes(&w, content);
    }
    if (!writer_ok(&w) || pcr >= LIMIT_PCRS || !arena_copy(a, writer_bytes(&w), &data))
        return false;
    return built_add(log, pcr, EVENT_TYPE(EV_EVENT_TAG), data, data), true;
}

static const struct {
    const char *word, *guid;
} guids[] = { { "GLOBAL", "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c" },
              { "SECURITY", "\xcb\xb2\x19\xd7\x3a\x3d\x96\x45\xa3\xbc\xda\xd0\x0e\x67\x65\x6f" },
              { "SHIM", "\x50\xab\x5d\x60\x46\xe0\x00\x43\xab\xb6\x3d\xd8\x10\xdd\x8b\x23" },
              { "DEVICES", "\xf4\xb4\xc2\xb9\x5f\xbf\x2d\x46\x8a\xdf\xc5\xc7\x0a\xc3\x5d\xad" } };

static const char *guid_of(struct bytes word)
{
    for (size_t i = 0; i < ARRAY_LEN(guids); i++)
        if (bytes_equal_string(word, guids[i].word))
            return guids[i].guid;
    return NULL;
}

/* GLOBAL|SECURITY NAME COMMON NAME & …: a key list with certificates of these names, before the separator of register 7 */
static bool build_keys(struct arena *a, struct built_log *log, struct bytes rest)
{
    const char *guid = guid_of(next_word(&rest));
    struct bytes name = next_word(&rest), holder, lists = BYTES_NONE;
    struct writer w CLEANUP(writer_done) = { 0 };

    while (rest.len) {
        if (!cut_at(rest, " & ", &holder, &rest)) {
            holder = rest;
            rest = BYTES_NONE;
        }
        write_bytes(&w, built_cert_list(a, built_certificate(a, text_of(a, holder), 3)));
    }
    if (!guid || !writer_ok(&w) || !arena_copy(a, writer_bytes(&w), &lists))
        return false;
    built_variable(log, 7, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG), guid, text_of(a, name), lists);
    return true;
}

static bool build_banks(struct built_log *log, struct bytes rest)
{
    while (rest.len && log->n_banks < ARRAY_LEN(log->banks)) {
        log->banks[log->n_banks] = digest_from_name(next_word(&rest));
        if (log->banks[log->n_banks++] == DIGEST_NONE)
            return false;
    }
    return !rest.len;
}

/* REGISTER TYPE GLOBAL|SECURITY|SHIM|DEVICES NAME CONTENT */
static bool build_variable(struct arena *a, struct built_log *log, struct bytes rest)
{
    unsigned pcr = number_of(next_word(&rest));
    struct bytes type_name = next_word(&rest), space = next_word(&rest), name = next_word(&rest);
    uint32_t type;

    if (!guid_of(space) || !type_of(type_name, &type))
        return false;
    built_variable(log, pcr, type, guid_of(space), text_of(a, name), unescaped(a, rest));
    return true;
}

static bool build_image(struct arena *a, struct built_log *log, struct bytes rest)
{
    struct bytes path = next_word(&rest);

    built_image(log, bytes_equal_string(path, "-") ? "" : text_of(a, path), text_of(a, rest));
    return true;
}

static bool build_section(struct arena *a, struct built_log *log, struct bytes rest, bool with_content, bool with_nul)
{
    struct bytes name = next_word(&rest), data = wide(a, name, with_nul);
    const char *text = text_of(a, name);

    built_add(log, 11, EVENT_TYPE(EV_IPL), data, (struct bytes){ (const uint8_t *)text, name.len + 1 });
    if (with_content)
        built_add(log, 11, EVENT_TYPE(EV_IPL), data, rest);
    return true;
}

/* VARIABLE NAME: a certificate of that name in an EFI_SIGNATURE_DATA */
static bool build_authority(struct arena *a, struct built_log *log, struct bytes rest)
{
    static const char security[] = "\xcb\xb2\x19\xd7\x3a\x3d\x96\x45\xa3\xbc\xda\xd0\x0e\x67\x65\x6f";
    struct bytes variable = next_word(&rest);

    built_variable(log, 7, EVENT_TYPE(EV_EFI_VARIABLE_AUTHORITY), security, text_of(a, variable),
                   built_signature(a, built_certificate(a, text_of(a, rest), 3)));
    return true;
}

static bool build_line(struct arena *a, struct built_log *log, struct bytes line)
{
    static const char options[] = "LOADED_IMAGE::LoadOptions";
    struct stock at;
    struct bytes rest, word, data;

    if (begins(line, "firmware", &rest))
        return built_firmware(a, log, &at), true;
    if (begins(line, "shim", &rest))
        return built_shim(a, log, &at), true;
    if (begins(line, "banks", &rest))
        return build_banks(log, rest);
    if (begins(line, "keys", &rest))
        return build_keys(a, log, rest);
    if (begins(line, "separators", &rest)) {
        for (unsigned pcr = 0; pcr < 8; pcr++)
            built_separator(log, pcr);
        return true;
    }
    if (begins(line, "exit", &rest))
        return built_exit(log), true;
    if (begins(line, "image", &rest))
        return build_image(a, log, rest);
    if (begins(line, "cmd", &rest))
        return built_grub(log, "grub_cmd: ", text_of(a, rest)), true;
    if (begins(line, "line", &rest))
        return built_grub(log, "kernel_cmdline: ", text_of(a, rest)), true;
    if (begins(line, "module", &rest))
        return built_grub(log, "module_cmdline: ", text_of(a, rest)), true;
    if (begins(line, "file", &rest)) {
        word = next_word(&rest);
        return built_file(log, text_of(a, word), text_of(a, rest)), true;
    }
    if (begins(line, "options", &rest))
        return built_tag(log, 9, 0x8f3b22ed, options, wide(a, rest, false)), true;
    if (begins(line, "options0", &rest))
        return built_tag(log, 9, 0x8f3b22ed, options, wide(a, rest, true)), true;
    if (begins(line, "initrd", &rest))
        return built_tag(log, 9, 0x8f3b22ec, "Linux initrd", rest), true;
    if (begins(line, "wide", &rest)) { /* REGISTER TEXT */
        unsigned pcr = number_of(next_word(&rest));
        data = wide(a, rest, true);
        return built_add(log, pcr, EVENT_TYPE(EV_IPL), data, data), true;
    }
    if (begins(line, "label", &rest)) { /* REGISTER NAME >> CONTENT */
        unsigned pcr = number_of(next_word(&rest));
        return cut_at(rest, ">>", &word, &rest) && (built_add(log, pcr, EVENT_TYPE(EV_IPL), wide(a, word, true), rest), true);
    }
    if (begins(line, "section", &rest))
        return build_section(a, log, rest, true, true);
    if (begins(line, "section0", &rest))
        return build_section(a, log, rest, true, false);
    if (begins(line, "name", &rest))
        return build_section(a, log, rest, false, true);
    if (begins(line, "authority", &rest))
        return build_authority(a, log, rest);
    if (begins(line, "raw", &rest))
        return build_raw(a, log, rest);
    if (begins(line, "unlogged", &rest))
        return build_unlogged(a, log, rest);
    if (begins(line, "sipa", &rest))
        return build_sipa(a, log, rest);
    return begins(line, "variable", &rest) && build_variable(a, log, rest);
}

/* db has who let the boot's images start. */
static void fill_db(struct arena *a, const struct written_boot *boot, struct built_log *log)
{
    struct bytes rest;

    for (size_t i = 0; i < boot->n && log->n_more_db < ARRAY_LEN(log->more_db); i++)
        if (begins(boot->lines[i], "authority", &rest) && bytes_equal_string(next_word(&rest), "db") &&
            !bytes_equal_string(rest, "Vendor CA"))
            log->more_db[log->n_more_db++] = text_of(a, rest);
}

static bool build(struct arena *a, const struct written_boot *boot, struct boot_sample *ret)
{
    struct built_log *log = ARENA_NEW(a, struct built_log);

    if (!log)
        return false;
    log->a = a;
    fill_db(a, boot, log);
    for (size_t i = 0; i < boot->n; i++)
        if (!build_line(a, log, boot->lines[i])) {
            test_note("%.*s: %.*s", BYTES_FMT(boot->name), BYTES_FMT(boot->lines[i]));
            return false;
        }
    return built_read(log, NULL, ret);
}

/* ---- judging ---------------------------------------------------------------------------------------------------------- */

/* ID, then SEVERITY and REGISTER where they matter, then after ":" words of its sentence */
static bool is_said(const struct findings *findings, struct bytes rest)
{
    struct bytes words = BYTES_NONE, id, severity, pcr;

    if (!cut_at(rest, ":", &rest, &words))
        words = BYTES_NONE;
    id = next_word(&rest);
    severity = next_word(&rest);
    pcr = next_word(&rest);
    for (size_t i = 0; i < findings->n; i++) {
        const struct finding *f = &findings->items[i];
        if (bytes_equal_string(id, finding_kind(f->id)->id) &&
            (!severity.len || bytes_equal_string(severity, severity_name(f->severity))) && (!pcr.len || (int)number_of(pcr) == f->pcr) &&
            (!words.len || bytes_find(bytes_of_string(f->text), words) != SIZE_MAX))
            return true;
    }
    return false;
}

/* A misspelt id would be absent from any boot. */
static bool names_a_finding(struct bytes rest)
{
    enum finding_id id;
    struct bytes before, after;

    if (cut_at(rest, ":", &before, &after))
        rest = before;
    return finding_id_from_text(next_word(&rest), &id);
}

/* How many things there are to look at. */
static size_t lines_of(const struct findings *findings)
{
    size_t n = 0;

    for (size_t i = 0; i < findings->n; i++)
        n += findings->items[i].severity >= SEVERITY_MEDIUM && !findings->items[i].follows;
    return n;
}

/* ID of ID: all of that kind are parts of the other. ID: none is a part. */
static bool is_part(const struct findings *findings, struct bytes text, bool part)
{
    struct bytes id, whole = BYTES_NONE;
    enum finding_id wanted;
    size_t n = 0;

    if (!cut_at(text, " of ", &id, &whole))
        id = text;
    if (!finding_id_from_text(id, &wanted) || part != (whole.len > 0))
        return false;
    for (size_t i = 0; i < findings->n; i++) {
        const struct finding_kind *follows = findings->items[i].follows;

        if (findings->items[i].id != wanted || findings->items[i].severity < SEVERITY_MEDIUM)
            continue;
        n++;
        if (part ? !follows || !bytes_equal_string(whole, follows->id) : follows != NULL)
            return false;
    }
    return n > 0;
}

static const char *or_dash(const char *text) { return text ? text : "-"; }

static bool holds(const struct boot_sample *s, struct bytes expected)
{
    const struct findings *findings = &s->findings;
    const struct bootchain *chain = &s->chain;
    struct bytes rest;

    if (begins(expected, "healthy", &rest))
        return findings_worst(findings) < SEVERITY_MEDIUM;
    if (begins(expected, "quiet", &rest))
        return findings_worst(findings) < SEVERITY_LOW;
    if (begins(expected, "unhealthy", &rest))
        return findings_worst(findings) >= SEVERITY_MEDIUM;
    if (begins(expected, "finding", &rest))
        return names_a_finding(rest) && is_said(findings, rest);
    if (begins(expected, "no", &rest))
        return names_a_finding(rest) && !is_said(findings, rest);
    if (begins(expected, "lines", &rest))
        return lines_of(findings) == number_of(rest);
    if (begins(expected, "part", &rest))
        return is_part(findings, rest, true);
    if (begins(expected, "alone", &rest))
        return is_part(findings, rest, false);
    if (begins(expected, "commandLine", &rest))
        return bytes_equal_string(rest, or_dash(chain->command_line));
    if (begins(expected, "kernel", &rest))
        return bytes_equal_string(rest, or_dash(chain->kernel));
    if (begins(expected, "initrd", &rest))
        return bytes_equal_string(rest, plain_initrd(chain->initrd));
    if (begins(expected, "secureBoot", &rest))
        return bytes_equal_string(rest, secure_boot_name(chain->secure_boot));
    return begins(expected, "flow", &rest) && bytes_equal_string(rest, plain_boot_flow(chain->flow));
}

static void judge(struct file *f, const struct written_boot *boot)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct boot_sample *was = ARENA_NEW(&a, struct boot_sample), *is = ARENA_NEW(&a, struct boot_sample);
    struct err err = ERR_INIT;
    struct bytes rest;
    bool failed = false;

    REQUIRE(was && is && build(&a, boot, is));
    if (!boot->n_expected) /* for others to be like */
        return;
    for (size_t i = 0; i < boot->n_expected; i++) {
        bool held;
        if (begins(boot->expected[i], "against", &rest)) {
            const struct written_boot *baseline = boot_named(f, rest);
            REQUIRE(baseline && build(&a, baseline, was));
            REQUIRE_OK(bootchain_compare(&a, &was->record, &is->record, &is->chain, NULL, &is->findings, &err), err);
            continue;
        }
        held = holds(is, boot->expected[i]);
        if (!held)
            test_note("%s, %.*s: expected %.*s", f->name, BYTES_FMT(boot->name), BYTES_FMT(boot->expected[i]));
        failed = failed || !held;
        CHECK(held);
    }
    for (size_t i = 0; failed && i < is->findings.n; i++)
        test_note("    %s %s %d: %s", severity_name(is->findings.items[i].severity), finding_kind(is->findings.items[i].id)->id,
                  is->findings.items[i].pcr, is->findings.items[i].text);
}

TEST(every_written_boot_is_judged_as_its_file_says)
{
    const char *folder = test_case("boots");
    DIR *d = opendir(folder);
    struct dirent *entry;
    unsigned boots = 0;

    REQUIRE(d);
    while ((entry = readdir(d))) {
        struct file f CLEANUP(file_done) = { .name = entry->d_name };
        struct bytes text;
        struct err err = ERR_INIT;
        const char *path = arena_printf(&f.a, "%s/%s", folder, entry->d_name);
        if (!bytes_ends_with(bytes_of_string(entry->d_name), BYTES_LIT(".boots")))
            continue;
        if (!path || !file_read_in(&f.a, path, 1 << 20, &text, &err) || !read_file(&f, text))
            CHECK(false);
        for (size_t i = 0; i < f.n; i++)
            judge(&f, f.boots[i]);
        boots += (unsigned)f.n;
    }
    closedir(d);
    test_note("%u boots", boots);
    CHECK(boots > 40);
}
