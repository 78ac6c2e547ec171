/* The log tools over real logs, and over one of our own. */
#include <dirent.h>
#include <stdlib.h>
#include "base/file.h"
#include "base/hex.h"
#include "json/parse.h"
#include "run.h"
#include "support/eventlog_builder.h"
#include "support/test.h"

/* ---- YAML beside tpm2_eventlog's ---- */

/* Where tpm2_eventlog 5.4 is not to be compared with. */
static const struct {
    const char *log;
    bool skip;       /* not at all */
    bool register_0; /* this register */
    const char *why;
} differ[] = {
    { "gentoo-lenovo", false, true, "it does not begin register 0 with the startup locality; pcrs.json has our value" },
    { "windows10-dell-desktop", false, true, "the same" },
    { "keylime-binary-bios-measurements", false, true, "the same; replay.json has our value" },
    { "specid-vendordata", true, false, "it reads vendor information beyond the event's end" },
    { "binary-measurements-nuc", true, false, "a TCG 1.2 log, which it prints without separating the events" },
    { "debian-10", true, false, "the same" },
    { "ebs-event-missing-eventlog", true, false, "the same" },
};

static bool next_line(struct bytes *rest, struct bytes *ret)
{
    size_t end = bytes_find(*rest, BYTES_LIT("\n"));

    if (!rest->len)
        return false;
    *ret = bytes_slice(*rest, 0, end == SIZE_MAX ? rest->len : end);
    *rest = end == SIZE_MAX ? BYTES_NONE : bytes_slice(*rest, end + 1, rest->len);
    return true;
}

/* What both must have alike: count, order, register, name, size and digests of the events; final register values. */
static bool next_compared(struct bytes *rest, bool register_0, struct bytes *ret)
{
    static const char *const starts[] = { "- EventNum: ",  "  PCRIndex: ",      "  EventType: ", "  Digest: ", "  DigestCount: ",
                                          "  EventSize: ", "  - AlgorithmId: ", "    Digest: ",  "pcrs:",      "  sha" };

    while (next_line(rest, ret)) {
        for (size_t i = 0; i < ARRAY_LEN(starts); i++)
            if (bytes_starts_with(*ret, bytes_of_string(starts[i])))
                return true;
        if (bytes_find(*ret, BYTES_LIT(": 0x")) == 7 && !(register_0 && bytes_starts_with(*ret, BYTES_LIT("    0  :"))))
            return true;
    }
    return false;
}

static unsigned compare_yaml(const char *name, struct bytes ours, struct bytes theirs, bool register_0)
{
    struct bytes a, b;
    unsigned lines = 0;

    for (;;) {
        bool more = next_compared(&ours, register_0, &a), expected = next_compared(&theirs, register_0, &b);
        if (!more && !expected)
            return lines;
        if (more != expected || !bytes_equal(a, b)) {
            test_note("%s: \"%.*s\", expected \"%.*s\"", name, more ? (int)a.len : 0, (const char *)a.data, expected ? (int)b.len : 0,
                      (const char *)b.data);
            CHECK(more == expected && bytes_equal(a, b));
            return lines;
        }
        lines++;
    }
}

static struct ran show(struct arena *a, const char *path, const char *format)
{
    struct command c = { .n = 0 };
    command_add(&c, "eventlog", "show", path, "-o", format, NULL);
    return run(a, &c, NULL);
}

static void compare_log(struct arena *a, const char *root, const char *name)
{
    const char *log = arena_printf(a, "%s/%s/eventlog.bin", root, name);
    const char *expected = arena_printf(a, "%s/%s/tpm2_eventlog.yaml", root, name);
    struct err err = ERR_INIT;
    bool register_0 = false;
    struct bytes theirs;
    struct ran r;

    if (!file_exists(expected))
        return;
    for (size_t i = 0; i < ARRAY_LEN(differ); i++)
        if (strcmp(differ[i].log, name) == 0) {
            test_note("%s: %s", name, differ[i].why);
            if (differ[i].skip)
                return;
            register_0 = differ[i].register_0;
        }
    r = show(a, log, "yaml");
    CHECK_INT(r.code, 0);
    REQUIRE_OK(file_read_in(a, expected, 1 << 24, &theirs, &err), err);
    CHECK(compare_yaml(name, r.out, theirs, register_0) > 20);
}

static void each_log(struct arena *a, void (*visit)(struct arena *a, const char *root, const char *name))
{
    const char *root = shared_data("event-logs");
    DIR *dir = root ? opendir(root = arena_printf(a, "%s", root)) : NULL;

    if (!dir)
        SKIP("no shared data");
    for (struct dirent *e; (e = readdir(dir));)
        if (e->d_name[0] != '.')
            visit(a, root, e->d_name);
    closedir(dir);
}

TEST(yaml_says_the_same_as_tpm2_eventlog)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    each_log(&a, compare_log);
}

/* ---- replay ---- */

/* pcrs.json against which a log cannot replay, and why. */
static const struct {
    const char *log, *bank, *why;
} unsound[] = { { "windows-server-2022-supermicro", "sha1", "Windows closed this bank with extends that the log does not have" } };

static bool is_unsound(const char *name, const struct json *mismatch)
{
    for (size_t i = 0; i < ARRAY_LEN(unsound); i++)
        if (strcmp(unsound[i].log, name) == 0 && json_is_string(json_get(mismatch, "bank"), unsound[i].bank))
            return true;
    return false;
}

static void replay_against_registers(struct arena *a, const char *root, const char *name)
{
    const char *log = arena_printf(a, "%s/%s/eventlog.bin", root, name), *pcrs = arena_printf(a, "%s/%s/pcrs.json", root, name);
    struct command c = { .n = 0 };
    const struct json *v, *mismatch;
    struct ran r;

    if (!file_exists(pcrs))
        return;
    command_add(&c, "eventlog", "replay", log, "--pcrs", pcrs, "-o", "json", NULL);
    r = run(a, &c, NULL);
    v = run_json(a, &r);
    REQUIRE(v && (mismatch = json_get(v, "mismatch")));
    CHECK_INT(r.code, mismatch->array.n ? 10 : 0);
    for (size_t i = 0; i < mismatch->array.n; i++)
        if (!is_unsound(name, mismatch->array.items[i])) {
            test_note("%s: %.*s", name, BYTES_FMT(mismatch->array.items[i]->raw));
            CHECK(is_unsound(name, mismatch->array.items[i]));
        }
}

TEST(real_logs_replay_to_the_registers_read_from_the_tpm)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    each_log(&a, replay_against_registers);
}

static void replay_alone(struct arena *a, const char *root, const char *name)
{
    const char *log = arena_printf(a, "%s/%s/eventlog.bin", root, name), *expected = arena_printf(a, "%s/%s/replay.json", root, name);
    struct command c = { .n = 0 };
    struct err err = ERR_INIT;
    const struct json *want, *v;
    struct bytes text;
    struct ran r;

    if (!file_exists(expected))
        return;
    REQUIRE_OK(file_read_in(a, expected, 1 << 20, &text, &err), err);
    REQUIRE_OK(json_parse(a, text, NULL, &want, &err), err);
    command_add(&c, "eventlog", "replay", log, "-o", "json", NULL);
    r = run(a, &c, NULL);
    v = run_json(a, &r);
    CHECK_INT(r.code, 0);
    CHECK(v && json_equal(v, want));
}

TEST(real_logs_replay_as_an_independent_script_says)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    each_log(&a, replay_alone);
}

/* ---- a log of our own ---- */

static const char *own_log(struct arena *a, const char *name, const char *command_line, size_t cut)
{
    struct log_builder b CLEANUP(log_builder_done) = { 0 };
    const enum digest_algorithm banks[] = { DIGEST_SHA256 };
    struct bytes whole;

    log_builder_begin(&b, banks, 1);
    log_add_variable(&b, 7, EV_EFI_VARIABLE_DRIVER_CONFIG, GUID_EFI_GLOBAL, "SecureBoot", BYTES_LIT("\x01"));
    log_add_separators(&b);
    log_add_hashing(&b, 8, EV_IPL, bytes_of_string(command_line), bytes_of_string(arena_printf(a, "kernel_cmdline: %s", command_line)));
    log_add_exit_boot_services(&b);
    whole = log_builder_bytes(&b);
    return temporary_file(a, name, bytes_slice(whole, 0, whole.len - cut));
}

TEST(yaml_of_our_own_log_is_as_reviewed)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct ran r = show(&a, own_log(&a, "own.bin", "/vmlinuz quiet", 0), "yaml");
    static const char *const pieces[] = {
        "---\nversion: 1\nevents:\n- EventNum: 0\n  PCRIndex: 0\n  EventType: EV_NO_ACTION\n"
        "  Digest: \"0000000000000000000000000000000000000000\"\n",
        "    Algorithms:\n    - Algorithm[0]:\n      algorithmId: sha256\n      digestSize: 32\n    vendorInfoSize: 0\n",
        "- EventNum: 1\n  PCRIndex: 7\n  EventType: EV_EFI_VARIABLE_DRIVER_CONFIG\n  DigestCount: 1\n  Digests:\n"
        "  - AlgorithmId: sha256\n    Digest: \"ccfc4bb32888a345bc8aeadaba552b627d99348c767681ab3141f5b01e40a40e\"\n  EventSize: 53\n"
        "  Event:\n    VariableName: 8be4df61-93ca-11d2-aa0d-00e098032b8c\n    UnicodeNameLength: 10\n    VariableDataLength: 1\n"
        "    UnicodeName: \"SecureBoot\"\n    VariableData: \"01\"\n",
        "  EventType: EV_SEPARATOR\n",
        "  Event: \"00000000\"\n",
        "    String: \"kernel_cmdline: /vmlinuz quiet\"\n",
        "  Event: \"Exit Boot Services Invocation\"\n",
        "\npcrs:\n  sha256:\n    0  : 0x",
    };

    CHECK_INT(r.code, 0);
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        if (bytes_find(r.out, bytes_of_string(pieces[i])) == SIZE_MAX)
            test_note("not there: %s", pieces[i]);
        CHECK(bytes_find(r.out, bytes_of_string(pieces[i])) != SIZE_MAX);
    }
}

TEST(a_log_that_ends_early_is_never_presented_as_whole)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const char *path = own_log(&a, "cut.bin", "/vmlinuz quiet", 3);
    struct command replay = { .n = 0 };
    struct ran r = show(&a, path, "yaml");

    CHECK_INT(r.code, 1);
    CHECK(bytes_find(r.error, BYTES_LIT("truncated")) != SIZE_MAX);
    r = show(&a, path, "json");
    CHECK_INT(r.code, 1);
    CHECK(json_is_string(json_get(run_json(&a, &r), "state"), "truncated"));
    command_add(&replay, "eventlog", "replay", path, NULL);
    r = run(&a, &replay, NULL);
    CHECK_INT(r.code, 1);
    CHECK_INT(r.out.len, 0);
}

TEST(two_boots_differ_in_words)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const char *was = own_log(&a, "was.bin", "/vmlinuz quiet", 0), *is = own_log(&a, "is.bin", "/vmlinuz quiet apparmor=0", 0);
    struct command same = { .n = 0 }, other = { .n = 0 };
    const struct json *v;
    struct ran r;

    command_add(&same, "eventlog", "diff", was, was, "-o", "json", NULL);
    r = run(&a, &same, NULL);
    CHECK_INT(r.code, 0);
    CHECK_INT(json_get(run_json(&a, &r), "differences")->array.n, 0);
    command_add(&other, "eventlog", "diff", was, is, "-o", "json", NULL);
    r = run(&a, &other, NULL);
    CHECK_INT(r.code, 10);
    v = run_json(&a, &r);
    REQUIRE(v);
    CHECK_STRING(arena_string(&a, json_text(json_at(v, "commandLine", "added", NULL), BYTES_NONE)), "apparmor=0");
    CHECK_STRING(arena_string(&a, json_text(json_at(v, "commandLine", "removed", NULL), BYTES_NONE)), "");
    CHECK_STRING(arena_string(&a, json_text(json_get(json_get(v, "differences")->array.items[0], "id"), BYTES_NONE)),
                 "boot.cmdline_changed");
}

/* ---- a confidential VM's log ---- */

static void measured_event(struct writer *w, uint32_t number, uint32_t type, struct bytes data, struct bytes hashed)
{
    struct digest d;

    digest_compute(DIGEST_SHA384, hashed, &d);
    write_u32le(w, number);
    write_u32le(w, type);
    write_u32le(w, 1);
    write_u16le(w, digest_tpm_id(DIGEST_SHA384));
    write_bytes(w, digest_bytes(&d));
    write_u32le(w, (uint32_t)data.len);
    write_bytes(w, data);
}

/* `image`: what shim's digest is of; `application`: extended into RTMR 3, or NULL; `fill` bytes of 0xff behind the last event. */
static const char *confidential_log(struct arena *a, const char *name, const char *image, const char *application, size_t fill)
{
    static const char secure_boot[] = "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c\x0a\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0"
                                      "S\0e\0c\0u\0r\0e\0B\0o\0o\0t\0\x01";
    struct bytes variable = { (const uint8_t *)secure_boot, sizeof secure_boot - 1 };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct bytes zeros = BYTES_LIT("\0\0\0\0");

    write_u32le(&w, 1);
    write_u32le(&w, EVENT_TYPE(EV_NO_ACTION));
    write_bytes(&w, BYTES_LIT("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"));
    write_u32le(&w, 33);
    write_bytes(&w, BYTES_LIT("Spec ID Event03\0\0\0\0\0\0\2\0\2\1\0\0\0\x0c\0\x30\0\0"));
    measured_event(&w, 1, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG), variable, variable);
    measured_event(&w, 1, EVENT_TYPE(EV_SEPARATOR), zeros, zeros);
    measured_event(&w, 2, EVENT_TYPE(EV_EFI_BOOT_SERVICES_APPLICATION), BYTES_LIT("shim"), bytes_of_string(image));
    measured_event(&w, 3, EVENT_TYPE(EV_IPL), BYTES_LIT("/boot/grub.cfg"), BYTES_LIT("menu"));
    measured_event(&w, 3, EVENT_TYPE(EV_IPL), BYTES_LIT("/boot/grub.cfg"), BYTES_LIT("menu"));
    if (application)
        measured_event(&w, 4, EVENT_TYPE(EV_IPL), bytes_of_string(application), bytes_of_string(application));
    while (fill--)
        write_u8(&w, 0xff);
    return temporary_file(a, name, writer_bytes(&w));
}

static const struct json *difference(struct arena *a, const char *was, const char *is, int code)
{
    struct command c = { .n = 0 };
    struct ran r;

    command_add(&c, "eventlog", "diff", was, is, "-o", "json", NULL);
    r = run(a, &c, NULL);
    CHECK_INT(r.code, code);
    return code == 1 ? NULL : run_json(a, &r);
}

TEST(two_logs_of_a_confidential_vm_differ_event_by_event)
{
    static const struct {
        const char *image, *application, *change;
        size_t fill;
        int64_t number;
    } rows[] = {
        { "shim", NULL, NULL, 0, 0 },
        { "shim", NULL, NULL, 1000, 0 },
        { "another shim", NULL, "changed", 0, 2 },
        { "shim", "app", "new", 1000, 4 },
    };
    struct arena a CLEANUP(arena_done) = { 0 };
    const char *was = confidential_log(&a, "cc-was.bin", "shim", NULL, 0);

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *is = confidential_log(&a, "cc-is.bin", rows[i].image, rows[i].application, rows[i].fill);
        const struct json *v = difference(&a, was, is, rows[i].change ? 10 : 0), *list;
        int64_t number = 0;
        REQUIRE(v && (list = json_get(v, "differences")));
        CHECK_INT(list->array.n, rows[i].change != NULL);
        CHECK_INT(json_get(v, "registers")->array.n, rows[i].change != NULL);
        if (!list->array.n)
            continue;
        CHECK(json_is_string(json_get(list->array.items[0], "change"), rows[i].change));
        CHECK(json_as_integer(json_get(list->array.items[0], "register"), &number) && number == rows[i].number);
        v = difference(&a, is, was, 10); /* the other way round: what was new is missing */
        REQUIRE(v && (list = json_get(v, "differences")) && list->array.n == 1);
        CHECK(json_is_string(json_get(list->array.items[0], "change"), strcmp(rows[i].change, "new") ? "changed" : "missing"));
    }
}

TEST(a_log_of_a_tpm_and_one_of_a_confidential_vm_are_not_compared)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const char *confidential = confidential_log(&a, "cc.bin", "shim", NULL, 0), *usual = own_log(&a, "pc.bin", "/vmlinuz quiet", 0);

    difference(&a, confidential, usual, 1);
    difference(&a, usual, confidential, 1);
}

TEST(every_event_is_explained_with_its_mark)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct command c = { .n = 0 };
    const struct json *v, *events;
    struct ran r;

    command_add(&c, "eventlog", "explain", own_log(&a, "explain.bin", "/vmlinuz init=/bin/sh", 0), "-o", "json", NULL);
    r = run(&a, &c, NULL);
    CHECK_INT(r.code, 0);
    v = run_json(&a, &r);
    REQUIRE(v);
    events = json_get(v, "events");
    for (size_t i = 0; i < events->array.n; i++)
        CHECK(json_text(json_get(events->array.items[i], "text"), BYTES_NONE).len > 10);
    CHECK(json_is_string(json_get(events->array.items[0], "proof"), "label"));
    CHECK(json_is_string(json_get(events->array.items[1], "proof"), "proved"));
    CHECK(bytes_find(json_get(v, "findings")->raw, BYTES_LIT("boot.cmdline_forbidden")) != SIZE_MAX);
}

TEST(what_is_no_log_is_an_error_of_one_sentence)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct ran r = show(&a, temporary_file(&a, "empty", BYTES_NONE), "yaml");

    CHECK_INT(r.code, 1);
    CHECK_INT(r.out.len, 0);
    CHECK(bytes_find(r.error, BYTES_LIT("no event log: it is empty")) != SIZE_MAX);
    r = show(&a, temporary_file(&a, "fill", BYTES_LIT("\xff\xff\xff\xff\xff\xff\xff\xff")), "yaml");
    CHECK_INT(r.code, 1);
    CHECK(bytes_find(r.error, BYTES_LIT("nothing but fill")) != SIZE_MAX);
    r = show(&a, "/nonexistent/log", "yaml");
    CHECK_INT(r.code, 1);
}
