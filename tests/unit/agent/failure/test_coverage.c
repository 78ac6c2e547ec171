/* No row of the failure catalogue without a test that produces exactly its code (guest-agent.md 15 no. 7): which one it is stands here, and that it is
 * there is looked up in its source. */
#include <stdio.h>
#include <string.h>
#include "agent/failure/failure.h"
#include "base/file.h"
#include "diagnose/diagnosis.h"
#include "extension/outcome.h"
#include "support/test.h"

enum { CODES = FAILURE_INTERNAL + 1 };

static const char catalogue[] = "unit/agent/failure/test_catalogue.c", life[] = "unit/agent/daemon/test_life.c",
                  device[] = "unit/agent/tpm/test_device.c", passwords[] = "unit/agent/tpm/test_passwords.c",
                  network[] = "system/network_classes.py", hostile[] = "system/hostile_answers.py";

/* The file below tests/, and the test in it (Python's rows are their own). */
static const struct {
    const char *file, *test;
} shown[CODES] = {
    [FAILURE_IAK_UNUSABLE] = { "unit/agent/session/test_iak.c", "enroll_iak_require_takes_nothing_else" },
#define ROW(name) [FAILURE_##name] = { catalogue, "every_row_of_the_catalogue_has_exactly_its_code" }
    ROW(TPM_UNUSABLE),
    ROW(TPM_MEMORY),
    ROW(TPM_REFUSED),
    ROW(TPM_LOCKOUT),
    ROW(EH_DISABLED),
    ROW(PCR_UNSTABLE),
    ROW(EK_UNUSABLE),
    ROW(AK_REPLACED),
    ROW(SEED_CHANGED),
    ROW(NOT_ENROLLED),
    ROW(AWAITS_APPROVAL),
    ROW(ENROLL_REFUSED),
    ROW(ACTIVATE_FAIL),
    ROW(IDENTITY_UNKNOWN),
    ROW(CLONE),
    ROW(LOG_TOO_LARGE),
    ROW(REFUSED),
    ROW(REPORT_REFUSED),
    ROW(NONCE),
    ROW(NOT_AUTHORISED),
    ROW(WRONG_ENDPOINT),
    ROW(SERVER_TROUBLE),
    ROW(BAD_ANSWER),
    ROW(TLS),
    ROW(NO_ENDPOINT),
    ROW(AK_MISSING),
    ROW(AK_CERT_PENDING),
    ROW(CVM_FOUND),
    ROW(PCR_CHANGED),
    ROW(AK_CERT_EXPIRED),
    ROW(EK_CERT_MISSING),
    ROW(NV_TOO_SMALL),
    ROW(LOG_MISSING),
    ROW(LOG_EMPTY),
    ROW(LOG_SHA1),
    ROW(LOG_REPLAY),
    ROW(LOG_TRUNCATED),
    ROW(TPM_CLEARED),
    ROW(STATE_ROLLBACK),
    ROW(KEXEC),
    ROW(RESTART_SEEN),
    ROW(INTERNAL),
#undef ROW
#define ROW(name) [FAILURE_##name] = { network, "CASES" }
    ROW(DNS),
    ROW(CONNECT_TIMEOUT),
    ROW(PROXY_AUTH),
    ROW(CONNECT_REFUSED),
    ROW(PROXY_BLOCK),
    ROW(TLS_UNTRUSTED),
    ROW(TLS_NAME),
    ROW(TLS_TIME),
    ROW(TLS_PROTO),
    ROW(MTU),
    ROW(TIMEOUT),
#undef ROW
    [FAILURE_NO_TPM] = { device, "the_resource_manager_comes_first_and_its_absence_is_explained" },
    [FAILURE_TPM12] = { device, "the_resource_manager_comes_first_and_its_absence_is_explained" },
    [FAILURE_TPM_PERM] = { device, "a_device_that_may_not_be_opened_says_why" },
    [FAILURE_TPM_BUSY] = { device, "a_device_that_may_not_be_opened_says_why" },
    [FAILURE_PCR_BANK] = { "unit/agent/tpm/test_tpm.c", "a_bank_that_is_not_allocated_is_named_and_not_quoted" },
    [FAILURE_EK_CERT_MISMATCH] = { "unit/agent/tpm/test_tpm.c", "a_certificate_of_another_endorsement_key_is_a_mismatch" },
    [FAILURE_UNREACHABLE] = { hostile, "ANSWERS" },
    [FAILURE_CLOCK_SKEW] = { life, "a_request_of_another_time_is_refused_once_and_made_anew_in_the_servers_time" },
    [FAILURE_EH_PASSWORD] = { passwords, "a_password_of_the_endorsement_hierarchy_is_called_so" },
    [FAILURE_OWNER_PASSWORD] = { passwords, "a_key_that_cannot_be_persistent_is_made_once_in_a_boot" },
    [FAILURE_SETTINGS_REFUSED] = { "unit/agent/session/test_session.c",
                                   "the_third_answer_of_401_or_403_in_a_row_is_a_matter_of_the_settings" },
    [FAILURE_BAD_SETTINGS] = { catalogue, "an_ecc_key_enrols_attests_and_signs_reports_but_not_for_azureguest" },
    [FAILURE_TOKEN_DECRYPT] = { "unit/agent/protocol/test_azureguest.c", "an_answer_for_another_key_is_no_answer" },
    [FAILURE_PLATFORM_REKEY] = { catalogue, "a_platforms_key_is_used_as_it_is_and_waited_for_longer_each_time" },
    [FAILURE_IDENTITY_MISMATCH] = { catalogue, "firmware_settings_are_seen_and_uuids_compared_in_both_byte_orders" },
    [FAILURE_RESUME] = { life, "a_machine_that_slept_attests_at_once_and_says_so" },
    [FAILURE_VMGENID] = { life, "a_machine_that_was_restored_or_copied_attests_at_once_and_says_so" },
    [FAILURE_NOT_UEFI] = { catalogue, "firmware_settings_are_seen_and_uuids_compared_in_both_byte_orders" },
    [FAILURE_SB_OFF] = { catalogue, "firmware_settings_are_seen_and_uuids_compared_in_both_byte_orders" },
    [FAILURE_SHIM_INSECURE] = { catalogue, "firmware_settings_are_seen_and_uuids_compared_in_both_byte_orders" },
    [FAILURE_DISK_FULL] = { catalogue, "a_full_disk_turns_state_into_memory_and_harms_no_file" },
    [FAILURE_STATE_NEWER] = { catalogue, "a_state_of_a_newer_version_is_left_alone_and_noted" },
    [FAILURE_STATE_CORRUPT] = { catalogue, "a_damaged_state_file_is_noted_and_the_key_comes_back" },
    [FAILURE_DUPLICATE] = { life, "a_second_agent_is_a_duplicate_and_names_the_first" },
    [FAILURE_CANCELLED] = { life, "who_is_told_to_stop_says_so_and_leaves_nothing_in_the_tpm" },
    [FAILURE_NO_MEMORY] = { life, "memory_that_runs_out_is_a_failure_of_its_own" },
};

/* The same for what `diagnose` checks: where each is seen to fail, or to warn where it never fails. */
static const struct {
    const char *file, *word; /* NULL: it only says what is */
} seen[CHECK_COUNT] = {
#define IN(file, name)        [CHECK_##name] = { file, "CHECK_" #name }
#define MACHINE(name)         IN("unit/diagnose/test_machine.c", name)
#define FAILS(name)           IN("unit/agent/diagnose/test_diagnose_fails.c", name)
#define BY_ID(file, name, id) [CHECK_##name] = { file, "\"" id "\"" }
    MACHINE(PRIVILEGE),
    MACHINE(VIRTUAL),
    MACHINE(UEFI),
    MACHINE(LOCKDOWN),
    MACHINE(SPACE),
    MACHINE(LSM),
    MACHINE(SECURE_BOOT),
    MACHINE(MOK),
    MACHINE(CLOCK_SYNC),
    MACHINE(MODE),
    MACHINE(HANDLER_ENV),
    MACHINE(HANDLER_STATUS),
    MACHINE(HANDLER_EVENTS),
    MACHINE(AGENT_STATUS),
    MACHINE(UNIT),
    MACHINE(UNIT_RESTARTS),
    MACHINE(UNIT_DENIALS),
    MACHINE(UNIT_VERSION),
    FAILS(TPM_VERSION),
    FAILS(TPM_BANKS),
    FAILS(TPM_LOCKOUT),
    FAILS(TPM_SLOTS),
    FAILS(TPM_NV),
    FAILS(TPM_HIERARCHIES),
    FAILS(TPM_CLOCK),
    FAILS(EK_CERT),
    FAILS(IAK),
    FAILS(AK),
    FAILS(AK_CERT),
    FAILS(TRIAL_QUOTE),
    FAILS(TRIAL_KEY),
    FAILS(LOG_FIRMWARE),
    FAILS(LOG_REPLAY),
    FAILS(LOG_IMA),
    FAILS(ATTEST),
    FAILS(REPORT),
    IN("unit/agent/diagnose/test_diagnose.c", TPM_NODE),
    IN("unit/agent/diagnose/test_diagnose_settings.c", HANDLER_SET),
    IN("unit/agent/diagnose/test_diagnose_settings.c", HANDLER_SECRET),
    IN("unit/agent/daemon/test_life.c", TIME),
    IN("unit/agent/daemon/test_life.c", ADMITTED),
    BY_ID("system/hostile_settings.py", CONFIG, "CFG.01"),
    BY_ID("system/hostile_settings.py", PROXY_CHOICE, "PXY.01"),
    BY_ID("system/network_classes.py", RESOLVE, "NET.01"),
    BY_ID("system/network_classes.py", ROUTE, "NET.02"),
    BY_ID("system/network_classes.py", CONNECT, "NET.03"),
    BY_ID("system/network_classes.py", FILTERS, "NET.04"),
    BY_ID("system/network_classes.py", PROXY_CONNECT, "PXY.02"),
    BY_ID("system/network_classes.py", TLS, "TLS.01"),
    BY_ID("system/network_classes.py", UPLOAD, "TLS.02"),
    BY_ID("system/network_classes.py", HTTP, "HTTP.01"),
#undef IN
#undef MACHINE
#undef FAILS
#undef BY_ID
};

/* What is so whatever one does, and the server's checks, which are the command line's. */
static bool never_fails(enum check check) { return check == CHECK_OS || (check >= CHECK_SERVER && check <= CHECK_SERVER_VERDICT); }

TEST(every_check_of_diagnose_is_seen_to_fail_by_a_test_that_is_there)
{
    struct arena a CLEANUP(arena_done) = { 0 };

    for (int check = 0; check < CHECK_COUNT; check++) {
        struct bytes text = BYTES_NONE;
        struct err err = ERR_INIT;

        CHECK((seen[check].file != NULL) != never_fails((enum check)check));
        if (!seen[check].file) {
            if (!never_fails((enum check)check))
                test_note("%s", check_row((enum check)check)->id);
            continue;
        }
        CHECK(file_read_in(&a, arena_printf(&a, TESTS_ROOT "/%s", seen[check].file), 1 << 20, &text, &err));
        CHECK(bytes_find(text, bytes_of_string(seen[check].word)) != SIZE_MAX);
        if (bytes_find(text, bytes_of_string(seen[check].word)) == SIZE_MAX)
            test_note("%s is not in %s", seen[check].word, seen[check].file);
    }
}

/* `word` as it stands by itself: not within a longer name. */
static bool has_word(struct bytes text, const char *word)
{
    size_t n = strlen(word);

    for (size_t at; (at = bytes_find(text, bytes_of_string(word))) != SIZE_MAX; text = bytes_slice(text, at + n, text.len)) {
        uint8_t before = at ? text.data[at - 1] : ' ', after = at + n < text.len ? text.data[at + n] : ' ';

        if ((before == '"' && (after == '"' || after == '\\')) || (before == '_' && (after == ' ' || after == ',' || after == ')')))
            return true;
    }
    return false;
}

TEST(every_failure_is_produced_by_a_test_that_is_there)
{
    struct arena a CLEANUP(arena_done) = { 0 };

    for (int id = FAILURE_NONE + 1; id < CODES; id++) {
        const char *name = failure_name((enum failure_id)id);
        bool before = test_failed();
        struct bytes text = BYTES_NONE;
        struct err err = ERR_INIT;

        CHECK(shown[id].file != NULL);
        if (shown[id].file) {
            CHECK(file_read_in(&a, arena_printf(&a, TESTS_ROOT "/%s", shown[id].file), 1 << 20, &text, &err));
            CHECK(bytes_find(text, bytes_of_string(shown[id].test)) != SIZE_MAX);
            CHECK(has_word(text, name));
        }
        if (!before && test_failed())
            test_note("%s is not shown by %s", name, shown[id].test ? shown[id].test : "anything");
    }
}

/* What is only ever noted, and what ends no verb. */
static bool ends_nothing(enum failure_id id)
{
    static const enum failure_id notes[] = { FAILURE_NV_TOO_SMALL,  FAILURE_TPM_CLEARED,  FAILURE_STATE_ROLLBACK, FAILURE_IDENTITY_MISMATCH,
                                             FAILURE_KEXEC,         FAILURE_RESTART_SEEN, FAILURE_RESUME,         FAILURE_VMGENID,
                                             FAILURE_NOT_UEFI,      FAILURE_SB_OFF,       FAILURE_SHIM_INSECURE,  FAILURE_DISK_FULL,
                                             FAILURE_STATE_CORRUPT, FAILURE_STATE_NEWER,  FAILURE_CANCELLED,      FAILURE_NO_MEMORY,
                                             FAILURE_INTERNAL };

    for (size_t i = 0; i < ARRAY_LEN(notes); i++)
        if (notes[i] == id)
            return true;
    return false;
}

TEST(every_failure_that_can_end_a_verb_has_its_exit_code)
{
    for (int id = FAILURE_NONE + 1; id < CODES; id++) {
        const char *name = failure_name((enum failure_id)id);
        bool own = strcmp(outcome_of(name)->failure, name) == 0;

        CHECK(own || ends_nothing((enum failure_id)id));
        CHECK(outcome_of(name)->exit_code >= 51 && outcome_of(name)->exit_code <= 70);
        if (!own && !ends_nothing((enum failure_id)id))
            test_note("%s", name);
    }
}
