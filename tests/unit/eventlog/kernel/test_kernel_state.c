/* What a guest says of its running kernel: read strictly, written back the same, and refused modules found in the kernel's log. */
#include <stdio.h>
#include "eventlog/ima/summary.h"
#include "eventlog/kernel/state.h"
#include "json/parse.h"
#include "support/test.h"

#define HEAD "\"schema\":1,\"release\":\"6.1.0-18-amd64\",\"lockdown\":\"integrity\",\"sigEnforce\":false,\"modulesDisabled\":null,"
#define TAIL                                                                                                                         \
    "\"taint\":12288,\"tainting\":[{\"module\":\"nvidia\",\"flags\":\"OE\"}],\"refused\":[{\"module\":null,\"reason\":\"lockdown\"," \
    "\"times\":3}],\"more\":false"

static bool read_text(struct arena *a, const char *text, struct kernel_state *ret, struct err *err)
{
    const struct json *v;

    return json_parse(a, bytes_of_string(text), NULL, &v, err) && kernel_state_read(v, ret, err);
}

TEST(words_are_read_member_by_member_and_written_back_the_same)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    struct kernel_state s;
    struct err err = ERR_INIT;

    REQUIRE(read_text(&a, "{" HEAD TAIL "}", &s, &err));
    CHECK_STRING(s.release, "6.1.0-18-amd64");
    CHECK(s.lockdown == LOCKDOWN_INTEGRITY && s.sig_enforce == KERNEL_SWITCH_OFF && s.modules_disabled == KERNEL_SWITCH_UNKNOWN);
    CHECK(s.has_taint && s.taint == (1u << KERNEL_TAINT_UNSIGNED | 1u << 12));
    CHECK(s.n_tainting == 1 && s.n_refused == 1 && s.refused[0].times == 3 && s.refused[0].why == MODULE_REFUSED_LOCKDOWN);
    CHECK_STRING(s.tainting[0].name, "nvidia");
    CHECK_STRING(s.tainting[0].flags, "OE");
    CHECK_STRING(s.refused[0].name, "");
    json_begin_object(&out, NULL);
    kernel_state_write(&out, &s);
    json_end(&out);
    CHECK_BYTES(writer_bytes(&w), BYTES_LIT("{" HEAD TAIL "}"));
}

TEST(words_that_break_the_form_are_refused_and_named)
{
    static const struct {
        const char *text, *says;
        enum err_code code;
    } rows[] = {
        { "[]", "schema", ERR_MALFORMED },
        { "{\"schema\":2}", "schema 2", ERR_UNSUPPORTED },
        { "{\"schema\":1,\"release\":\"a b\",\"tainting\":[],\"refused\":[],\"more\":false}", "release", ERR_MALFORMED },
        { "{\"schema\":1,\"release\":7}", "release", ERR_MALFORMED },
        { "{\"schema\":1,\"lockdown\":\"open\"}", "lockdown", ERR_MALFORMED },
        { "{\"schema\":1,\"lockdown\":1}", "lockdown", ERR_MALFORMED },
        { "{\"schema\":1,\"taint\":-1}", "taint", ERR_MALFORMED },
        { "{\"schema\":1,\"taint\":4294967296}", "taint", ERR_MALFORMED },
        { "{\"schema\":1,\"sigEnforce\":\"Y\"}", "sigEnforce", ERR_MALFORMED },
        { "{\"schema\":1,\"modulesDisabled\":1}", "modulesDisabled", ERR_MALFORMED },
        { "{\"schema\":1,\"refused\":[],\"more\":false}", "tainting", ERR_MALFORMED },
        { "{\"schema\":1,\"tainting\":[],\"more\":false}", "refused", ERR_MALFORMED },
        { "{\"schema\":1,\"tainting\":[],\"refused\":[]}", "more", ERR_MALFORMED },
        { "{\"schema\":1,\"tainting\":[{\"module\":\"../x\",\"flags\":\"E\"}],"
          "\"refused\":[],\"more\":false}",
          "tainting[0]: module", ERR_MALFORMED },
        { "{\"schema\":1,\"tainting\":[{\"module\":\"x\",\"flags\":\"e\"}],\"refused\":[],\"more\":false}", "flags", ERR_MALFORMED },
        { "{\"schema\":1,\"tainting\":[{\"module\":\"x\",\"flags\":\"\"}],\"refused\":[],\"more\":false}", "flags", ERR_MALFORMED },
        { "{\"schema\":1,\"tainting\":[],\"refused\":[{\"module\":\"\",\"reason\":\"unsigned\",\"times\":1}],\"more\":false}", "refused[0]",
          ERR_MALFORMED },
        { "{\"schema\":1,\"tainting\":[],\"refused\":[{\"reason\":\"mood\",\"times\":1}],\"more\":false}", "reason", ERR_MALFORMED },
        { "{\"schema\":1,\"tainting\":[],\"refused\":[{\"reason\":\"unsigned\",\"times\":0}],\"more\":false}", "times", ERR_MALFORMED },
    };
    struct arena a CLEANUP(arena_done) = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kernel_state s = { .taint = 77 };
        struct err err = ERR_INIT;
        CHECK(!read_text(&a, rows[i].text, &s, &err));
        CHECK_INT(err.code, rows[i].code);
        CHECK(strstr(err.text, rows[i].says) != NULL);
        CHECK_INT(s.taint, 77); /* written only on success */
    }
}

TEST(lists_hold_as_many_modules_as_the_limit_says_and_no_more)
{
    struct arena a CLEANUP(arena_done) = { 0 };

    for (size_t n = LIMIT_KERNEL_MODULES; n <= LIMIT_KERNEL_MODULES + 1; n++) {
        struct writer w CLEANUP(writer_done) = { 0 };
        struct kernel_state s;
        struct err err = ERR_INIT;
        write_string(&w, "{\"schema\":1,\"refused\":[],\"more\":true,\"tainting\":[");
        for (size_t i = 0; i < n; i++)
            write_printf(&w, "%s{\"module\":\"m%zu\",\"flags\":\"O\"}", i ? "," : "", i);
        write_string(&w, "]}");
        CHECK(read_text(&a, arena_string(&a, writer_bytes(&w)), &s, &err) == (n == LIMIT_KERNEL_MODULES));
        CHECK(n == LIMIT_KERNEL_MODULES ? s.n_tainting == n && s.more : err.code == ERR_LIMIT);
    }
}

TEST(what_is_added_past_the_limit_is_said_to_be_there)
{
    struct kernel_state s = { .release = "" };
    char name[16];

    for (unsigned i = 0; i < LIMIT_KERNEL_MODULES; i++) {
        snprintf(name, sizeof name, "m%u", i);
        kernel_state_add_tainting(&s, bytes_of_string(name), BYTES_LIT("O"));
        kernel_state_add_refused(&s, bytes_of_string(name), MODULE_REFUSED_KEY);
    }
    kernel_state_add_tainting(&s, BYTES_LIT("m0"), BYTES_LIT("O"));
    kernel_state_add_refused(&s, BYTES_LIT("m0"), MODULE_REFUSED_KEY);
    CHECK(!s.more && s.refused[0].times == 2);
    kernel_state_add_refused(&s, BYTES_LIT("another"), MODULE_REFUSED_KEY);
    CHECK(s.more && s.n_refused == LIMIT_KERNEL_MODULES && s.n_tainting == LIMIT_KERNEL_MODULES);
}

TEST(refused_modules_are_found_in_the_kernels_log_and_only_there)
{
    static const struct {
        const char *record;
        int n;
        const char *name;
        enum module_refusal why;
    } rows[] = {
        { "5,812,9000000,-;evil: loading of unsigned module is rejected", 1, "evil", MODULE_REFUSED_UNSIGNED },
        { "5,812,9000000,-;module: evil: loading of module with unavailable key is rejected", 1, "evil", MODULE_REFUSED_KEY },
        { "5,812,9000000,-,caller=T1;x_1-2: loading of module with unsupported crypto is rejected\n SUBSYSTEM=x", 1, "x_1-2",
          MODULE_REFUSED_CRYPTO },
        { "5,1,2,-;Loading of unsigned module is rejected", 1, "", MODULE_REFUSED_UNSIGNED },
        { "5,1,2,-;Lockdown: modprobe: unsigned module loading is restricted; see man kernel_lockdown.7", 1, "", MODULE_REFUSED_LOCKDOWN },
        { "3,1,2,-;ima: impossible to appraise a module without a file descriptor. sig_enforce kernel parameter is not set", 1, "",
          MODULE_REFUSED_APPRAISAL },
        { "5,1,2,-;\x1b[31m evil\x01: loading of unsigned module is rejected", 1, "", MODULE_REFUSED_UNSIGNED },
        { "13,1,2,-;evil: loading of unsigned module is rejected", 0, "", 0 }, /* a program wrote it */
        { "5,1,2,-;loop: module verification failed: signature and/or required key missing - tainting kernel", 0, "", 0 },
        { "evil: loading of unsigned module is rejected", 0, "", 0 },
        { "x,1,2,-;evil: loading of unsigned module is rejected", 0, "", 0 },
        { "", 0, "", 0 },
        { ";", 0, "", 0 },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kernel_state s = { .release = "" };
        kernel_log_record(&s, bytes_of_string(rows[i].record));
        CHECK_INT(s.n_refused, rows[i].n);
        if (!s.n_refused)
            continue;
        CHECK_STRING(s.refused[0].name, rows[i].name);
        CHECK_INT(s.refused[0].why, rows[i].why);
    }
}

TEST(lockdown_is_what_stands_in_brackets)
{
    CHECK_INT(kernel_lockdown_parse(BYTES_LIT("none [integrity] confidentiality")), LOCKDOWN_INTEGRITY);
    CHECK_INT(kernel_lockdown_parse(BYTES_LIT("[none] integrity confidentiality\n")), LOCKDOWN_NONE);
    CHECK_INT(kernel_lockdown_parse(BYTES_LIT("none integrity [confidentiality]")), LOCKDOWN_CONFIDENTIALITY);
    CHECK_INT(kernel_lockdown_parse(BYTES_LIT("none integrity")), LOCKDOWN_UNKNOWN);
    CHECK_INT(kernel_lockdown_parse(BYTES_LIT("]none[")), LOCKDOWN_UNKNOWN);
    CHECK_INT(kernel_lockdown_parse(BYTES_LIT("[total]")), LOCKDOWN_UNKNOWN);
    CHECK_INT(kernel_lockdown_parse(BYTES_NONE), LOCKDOWN_UNKNOWN);
}

TEST(every_taint_bit_has_a_letter_of_its_own_and_words)
{
    for (unsigned i = 0; i < KERNEL_TAINT_BITS; i++) {
        CHECK(kernel_taint_words(i) && kernel_taint_words(i)[0]);
        for (unsigned k = 0; k < i; k++)
            CHECK(kernel_taint_letter(i) != kernel_taint_letter(k));
    }
    CHECK(!kernel_taint_words(KERNEL_TAINT_BITS) && kernel_taint_letter(KERNEL_TAINT_BITS) == '?');
    CHECK_INT(kernel_taint_letter(KERNEL_TAINT_UNSIGNED), 'E');
}

static struct ima_entry entry_of(enum ima_template template, const char *name, const char *modsig)
{
    return (struct ima_entry){ .template = template, .name = bytes_of_string(name), .modsig = bytes_of_string(modsig) };
}

TEST(a_module_has_no_signature_only_where_the_kernel_was_recording_them)
{
    const struct ima_entry early = entry_of(IMA_TEMPLATE_MODSIG, "/lib/modules/6.1/kernel/fs/ext4.ko", ""),
                           first = entry_of(IMA_TEMPLATE_MODSIG, "/lib/modules/6.1/kernel/a.ko", "PKCS#7"),
                           packed = entry_of(IMA_TEMPLATE_MODSIG, "/lib/modules/6.1/kernel/b.ko.xz", ""),
                           evil = entry_of(IMA_TEMPLATE_MODSIG, "/root/evil.ko", ""),
                           other = entry_of(IMA_TEMPLATE_NG, "/root/evil.ko", ""),
                           program = entry_of(IMA_TEMPLATE_MODSIG, "/usr/bin/ko", ""), bare = entry_of(IMA_TEMPLATE_MODSIG, "/x/.ko", ""),
                           kexec = entry_of(IMA_TEMPLATE_BUF, "kexec-cmdline", "");
    struct ima_summary s = { 0 };

    ima_summary_add(&s, &early);
    ima_summary_add(&s, &other);
    CHECK(s.n_modules == 2 && s.n_unsigned == 0);
    ima_summary_add(&s, &first);
    ima_summary_add(&s, &packed);
    ima_summary_add(&s, &other);
    ima_summary_add(&s, &program);
    ima_summary_add(&s, &bare);
    CHECK(s.n_modules == 5 && s.n_signed == 1 && s.n_unsigned == 0 && s.n_kexec == 0);
    ima_summary_add(&s, &evil);
    ima_summary_add(&s, &kexec);
    CHECK(s.n_modules == 6 && s.n_unsigned == 1 && s.n_kexec == 1);
    CHECK_STRING(s.unsigned_names[0], "evil");
    for (unsigned i = 0; i < 2 * IMA_SUMMARY_NAMES; i++)
        ima_summary_add(&s, &evil);
    CHECK(s.n_unsigned == 1 + 2 * IMA_SUMMARY_NAMES);
}
