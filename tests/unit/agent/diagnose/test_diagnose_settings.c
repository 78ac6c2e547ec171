/* What `diagnose` says of a VM extension's settings: the offending path, and whether the protected part opens. */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "agent/diagnose/diagnose.h"
#include "base/limits.h"
#include "unit/diagnose/fake_root.h"

#define HANDLER "/var/lib/waagent/X.Guest-1.0"
#define THUMB   "ABABABABABABABABABABABABABABABABABABABAB"

#define PUBLIC(text) "{\"runtimeSettings\":[{\"handlerSettings\":{\"publicSettings\":" text "}}]}"
#define PROTECTED(text) \
    "{\"runtimeSettings\":[{\"handlerSettings\":{\"protectedSettings\":\"" text "\",\"protectedSettingsCertThumbprint\":\"" THUMB "\"}}]}"

static void expect(const struct fake_root *f, enum check check, enum result result, const char *says)
{
    const struct checked *c = diagnosis_find(&f->d, check, NULL);

    REQUIRE(c);
    CHECK(c->result == result && strstr(c->measured, says) && (result == RESULT_PASS || result == RESULT_SKIP || c->remedy));
    if (test_failed())
        test_note("%s: %s: %s", check_row(check)->id, result_name(c->result), c->measured);
}

TEST(settings_are_read_as_enabling_reads_them)
{
    static const struct {
        const char *settings; /* NULL: there is no file */
        enum result result;
        const char *says;
    } cases[] = {
        { PUBLIC("{\"AttestationConfig\":{\"MaaSettings\":{\"maaEndpoint\":\"https://a.example\"}}}"), RESULT_PASS, "https://a.example" },
        { "", RESULT_PASS, "7.settings" },
        { NULL, RESULT_FAIL, "config/7.settings is not there" },
        { "{\"runtimeSettings\":", RESULT_FAIL, "config/7.settings: JSON" },
        { "{}", RESULT_FAIL, "runtimeSettings" },
        { PUBLIC("{\"AttestationConfig\":{\"MaaSettings\":{\"maaendpoint\":\"https://a\"}}}"), RESULT_FAIL,
          "AttestationConfig.MaaSettings.maaendpoint" },
        { PUBLIC("{\"AttestationConfig\":{\"useCustomToken\":7}}"), RESULT_FAIL, "AttestationConfig.useCustomToken" },
        { PUBLIC("{\"AttestationConfig\":{\"colour\":7}}"), RESULT_WARN, "AttestationConfig.colour" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        FAKE_ROOT(f);

        REQUIRE(!cases[i].settings || fake_put_text(&f, HANDLER "/config/7.settings", cases[i].settings));
        diagnose_settings(&f.d, &f.places, HANDLER "/config", HANDLER "/status/7.status");
        expect(&f, CHECK_HANDLER_SET, cases[i].result, cases[i].says);
        expect(&f, CHECK_HANDLER_SECRET, RESULT_SKIP, "");
    }
}

/* An empty text is no settings, which is fine; what cannot be read is not. */
TEST(settings_that_cannot_be_read_are_not_taken_for_none)
{
    struct writer large CLEANUP(writer_done) = { 0 };
    char path[400];
    FAKE_ROOT(f);

    while (large.len <= LIMIT_SETTINGS_BYTES)
        write_string(&large, "                                                                ");
    REQUIRE(fake_put(&f, HANDLER "/config/7.settings", writer_bytes(&large)));
    diagnose_settings(&f.d, &f.places, HANDLER "/config", HANDLER "/status/7.status");
    expect(&f, CHECK_HANDLER_SET, RESULT_FAIL, "larger than");
    snprintf(path, sizeof path, "%s" HANDLER "/config/7.settings", f.dir);
    REQUIRE(unlink(path) == 0 && mkdir(path, 0700) == 0);
    diagnose_settings(&f.d, &f.places, HANDLER "/config", HANDLER "/status/7.status");
    expect(&f, CHECK_HANDLER_SET, RESULT_FAIL, "cannot");
    expect(&f, CHECK_HANDLER_SECRET, RESULT_SKIP, "");
}

TEST(a_status_file_of_another_form_is_no_crash)
{
    static const char *const names[] = {
        "", "/", "/status/", "/status/7", "7.status", "/x/7.status", "/status/.status", "status/7.status"
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        FAKE_ROOT(f);

        diagnose_settings(&f.d, &f.places, HANDLER "/config", names[i]);
        expect(&f, CHECK_HANDLER_SET, RESULT_FAIL, "is not there");
    }
}

/* Certificate, key and settings as a VM agent leaves them. */
static bool encrypt_settings(const struct fake_root *f, const char *plain)
{
    char command[1200];

    snprintf(
        command, sizeof command,
        "cd %s" HANDLER "/.. && openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=t -days 2 -keyout " THUMB ".prv -out " THUMB
        ".crt 2>/dev/null && "
        "p=$(printf '%%s' '%s' | openssl cms -encrypt -binary -outform DER -aes256 " THUMB ".crt | base64 -w0) && "
        "printf '{\"runtimeSettings\":[{\"handlerSettings\":{\"protectedSettings\":\"%%s\",\"protectedSettingsCertThumbprint\":\"" THUMB
        "\"}}]}' "
        "$p >X.Guest-1.0/config/7.settings",
        f->dir, plain);
    return system(command) == 0;
}

TEST(protected_settings_open_or_it_is_said_why_not)
{
    static const char plain[] = "{\"enrollmentToken\":\"s3cret-9f8e7d\"}";
    FAKE_ROOT(f);

    REQUIRE(fake_put_text(&f, HANDLER "/config/7.settings", PROTECTED("MIIB")));
    diagnose_settings(&f.d, &f.places, HANDLER "/config", HANDLER "/status/7.status");
    expect(&f, CHECK_HANDLER_SECRET, RESULT_FAIL, "not here");
    if (system("command -v openssl >/dev/null") != 0)
        SKIP("openssl is not installed");
    REQUIRE(encrypt_settings(&f, plain));
    diagnose_settings(&f.d, &f.places, HANDLER "/config", HANDLER "/status/7.status");
    expect(&f, CHECK_HANDLER_SECRET, RESULT_PASS, "yes");
    REQUIRE(encrypt_settings(&f, "no JSON, s3cret-9f8e7d"));
    diagnose_settings(&f.d, &f.places, HANDLER "/config", HANDLER "/status/7.status");
    expect(&f, CHECK_HANDLER_SECRET, RESULT_FAIL, "no: protectedSettings: it is not encrypted to this certificate"); /* as random bytes */
    REQUIRE(fake_put_text(&f, HANDLER "/config/7.settings", PROTECTED("MIIB"))); /* its key is here, but this is no CMS */
    diagnose_settings(&f.d, &f.places, HANDLER "/config", HANDLER "/status/7.status");
    expect(&f, CHECK_HANDLER_SECRET, RESULT_FAIL, "no: ");
    for (size_t i = 0; i < f.d.n; i++)
        CHECK(!strstr(f.d.items[i].measured, "s3cret"));
}
