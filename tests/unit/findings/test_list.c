#include "findings/finding.h"
#include "base/limits.h"
#include "support/test.h"

TEST(ids_are_dotted_lower_case_unique_and_explained)
{
    for (unsigned i = 0; i < FINDING_ID_COUNT; i++) {
        const struct finding_kind *kind = finding_kind(i);
        enum finding_id found;
        CHECK(kind->id && strchr(kind->id, '.') && kind->title[0] && kind->why[0] && kind->remedy[0]);
        for (const char *c = kind->id; *c; c++)
            CHECK((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '.' || *c == '_');
        REQUIRE(finding_id_from_text(bytes_of_string(kind->id), &found));
        CHECK_INT(found, i);
    }
}

TEST(the_worst_finding_decides_and_an_overflowing_list_is_critical)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct findings list = { .arena = &a };

    CHECK(findings_worst(&list) == SEVERITY_INFO);
    findings_add(&list, FINDING_FIRMWARE_CONFIG, 1, 3, "memory size differs");
    CHECK(findings_worst(&list) == SEVERITY_LOW);
    for (unsigned i = 0; i < LIMIT_FINDINGS; i++)
        findings_add(&list, FINDING_LOG_TRAILING, FINDING_NO_PCR, FINDING_NO_EVENT, "again");
    CHECK(list.overflow && list.n == LIMIT_FINDINGS);
    CHECK(findings_worst(&list) == SEVERITY_CRITICAL);
}

TEST(a_finding_is_safe_to_show)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct findings list = { .arena = &a };
    struct finding *f = findings_add(&list, FINDING_BOOT_CMDLINE_CHANGED, 8, 12, "line \x1b[31m");

    finding_was_is(&list, f, "quiet", "init=/bin/sh\n");
    CHECK_STRING(f->text, "line \\x1b[31m");
    CHECK_STRING(f->is, "init=/bin/sh\\x0a");
}

TEST(a_remedy_names_the_vm_or_says_where_its_name_goes)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const struct finding_kind kind = {
        .remedy = "Look at {vm}; then `trueboot baseline approve {vm}`, or `trueboot vm stop {vm}` and {vm} again."
    };
    const struct finding_kind plain = { .remedy = "Do nothing." };

    CHECK_STRING(finding_remedy(&a, &kind, "web1"),
                 "Look at web1; then `trueboot baseline approve web1`, or `trueboot vm stop web1` and web1 again.");
    CHECK_STRING(finding_remedy(&a, &kind, NULL),
                 "Look at this VM; then `trueboot baseline approve NAME`, or `trueboot vm stop NAME` and this VM again.");
    CHECK_STRING(finding_remedy(&a, &plain, "web1"), "Do nothing.");
}
