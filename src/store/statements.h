/* store/statements.h: every statement that we run. X(name, READ or WRITE, text). Private to src/store and its tests.
 *
 * Only what SQLite, PostgreSQL, Citus, CockroachDB and YugabyteDB all understand: no sequences, no triggers, no functions of one engine (CASE
 * instead of MAX/GREATEST); conflicts are settled by ON CONFLICT, because an error would end a PostgreSQL transaction; the VM leads every
 * key. Columns stand in the order of the field tables beside the functions that use them. */
#pragma once

#define VM_COLUMNS       "vm, name, security_type, secure_boot, vtpm, monitoring_enabled_ms, power, power_since_ms, host, version, created_ms"
#define IDENTITY_COLUMNS "vm, ak_name, ak_cert, ek_cert_sha256, ek_pub_name, enrolled_ms, active, iak_sha256"
#define ROOT_COLUMNS     "kind, provider, sha256, der, role, added_ms"
#define APPRAISAL_COLUMNS \
    "id, vm, time_ms, provider, verdict, reset_count, restart_count, clock, evidence_sha256, policy_hash, record, token_id"
#define JUDGEMENT_COLUMNS "vm, appraisal_id, baseline_version, verdict, reason, judged_ms, findings, since_ms, baseline_changes"
#define BASELINE_COLUMNS  "vm, version, components, created_ms, by_whom, reason, pinned, until_ms, ended_ms, ended_by, end_reason"
#define CONTACT_COLUMNS                                                                                                      \
    "vm, last_heartbeat_ms, last_report_ms, boot_id, agent_version, kernel_version, state, last_error, notes, reset_count, " \
    "restart_count, "                                                                                                        \
    "ak_counter"
#define PROVIDER_COLUMNS                                                                                                                \
    "name, subscription, resource_group, location, attest_uri, isolated, tpm_authentication, public_network_access, tags, created_ms, " \
    "created_by, version, token_profile, server_ak_ca, tpm_v1, deleted_ms, deleted_by, modified_ms, modified_by, enrolment_token"
#define OPERATION_COLUMNS         "id, kind, target, state, step, input, steps, failure, started_ms, ended_ms, by_whom"
#define SIGNER_COLUMNS            "provider, sha256, der, added_ms, by_whom"
#define POLICY_COLUMNS            "provider, type, version, jws, hash, by_whom, time_ms"
#define ENROLMENT_TOKEN_COLUMNS   "sha256, name, provider, vm, created_ms, expires_ms, by_whom, used_ms, used_by"
#define API_TOKEN_COLUMNS         "sha256, name, role, created_ms, expires_ms, by_whom, last_used_ms, scope"
#define PROVIDER_IDENTITY_COLUMNS "provider, vm, ek_cert_sha256, ak_cert, enrolled_ms, ak_name"
#define TOKEN_COLUMNS             "vm, jti, ak_name, boot_id, reported_ms, expires_ms"

/* clang-format off */
#define STATEMENTS(X)                                                                                                                      \
    X(CLAIM_ADD, WRITE, "INSERT INTO claims (claim, vm) VALUES ($1, $2) ON CONFLICT (claim) DO NOTHING")                                   \
    X(CLAIM_OWNER, READ, "SELECT vm FROM claims WHERE claim = $1")                                                                         \
    X(CLAIM_DROP, WRITE, "DELETE FROM claims WHERE claim = $1 AND vm = $2")                                                                \
    X(CLAIMS_DROP, WRITE, "DELETE FROM claims WHERE vm = $1")                                                                              \
    X(CLAIMS_DROP_KEYS, WRITE, "DELETE FROM claims WHERE vm = $1 AND claim <> $2")                                                         \
                                                                                                                                           \
    X(VM_ADD, WRITE, "INSERT INTO vms (" VM_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (vm) DO NOTHING") \
    X(VM_GET, READ, "SELECT " VM_COLUMNS " FROM vms WHERE vm = $1")                                                                        \
    X(VM_UPDATE, WRITE, "UPDATE vms SET name = $2, security_type = $3, secure_boot = $4, vtpm = $5, monitoring_enabled_ms = $6, "          \
        "power = $7, power_since_ms = $8, host = $9, version = $10 + 1 WHERE vm = $1 AND version = $10")                                   \
    X(VM_DROP, WRITE, "DELETE FROM vms WHERE vm = $1")                                                                                     \
    X(VM_LIST, READ, "SELECT " VM_COLUMNS " FROM vms WHERE name > $1 ORDER BY name LIMIT $2")                                              \
    X(VM_COUNT, READ, "SELECT COUNT(*) FROM vms")                                                                                          \
    X(VM_DROP_APPRAISALS, WRITE, "DELETE FROM appraisals WHERE vm = $1")                                                                   \
    X(VM_DROP_EVIDENCE, WRITE, "DELETE FROM evidence WHERE vm = $1")                                                                       \
    X(VM_DROP_JUDGEMENTS, WRITE, "DELETE FROM judgements WHERE vm = $1")                                                                   \
    X(VM_DROP_BASELINES, WRITE, "DELETE FROM baselines WHERE vm = $1")                                                                     \
    X(VM_DROP_TOKENS, WRITE, "DELETE FROM tokens WHERE vm = $1")                                                                           \
                                                                                                                                           \
    X(IDENTITY_PUT, WRITE, "INSERT INTO identities (" IDENTITY_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8) "                        \
        "ON CONFLICT (vm, ak_name) DO UPDATE SET ak_cert = excluded.ak_cert, ek_cert_sha256 = excluded.ek_cert_sha256, "                   \
        "ek_pub_name = excluded.ek_pub_name, enrolled_ms = excluded.enrolled_ms, active = excluded.active, "                               \
        "iak_sha256 = excluded.iak_sha256")                                                                                                \
    X(IDENTITY_RETIRE, WRITE, "UPDATE identities SET active = 0 WHERE vm = $1 AND ak_name <> $2 AND active <> 0")                          \
    X(IDENTITY_ACTIVE, READ, "SELECT " IDENTITY_COLUMNS " FROM identities WHERE vm = $1 AND active <> 0")                                  \
    X(IDENTITY_GET, READ, "SELECT " IDENTITY_COLUMNS " FROM identities WHERE vm = $1 AND ak_name = $2")                                    \
    X(IDENTITY_LIST, READ, "SELECT " IDENTITY_COLUMNS " FROM identities WHERE vm = $1 ORDER BY enrolled_ms DESC, ak_name LIMIT 1000")      \
                                                                                                                                           \
    X(ROOT_ADD, WRITE, "INSERT INTO roots (" ROOT_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6) "                                             \
        "ON CONFLICT (kind, provider, sha256) DO NOTHING")                                                                                 \
    X(ROOT_ROLE, WRITE, "UPDATE roots SET role = $4 WHERE kind = $1 AND provider = $2 AND sha256 = $3")                                    \
    X(ROOT_DROP, WRITE, "DELETE FROM roots WHERE kind = $1 AND provider = $2 AND sha256 = $3")                                             \
    X(ROOT_DROP_ALL, WRITE, "DELETE FROM roots WHERE kind = $1 AND provider = $2")                                                         \
    X(ROOT_LIST, READ, "SELECT " ROOT_COLUMNS " FROM roots WHERE kind = $1 AND provider = $2 ORDER BY added_ms, sha256")                   \
                                                                                                                                           \
    X(APPRAISAL_ADD, WRITE, "INSERT INTO appraisals (" APPRAISAL_COLUMNS ") "                                                              \
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING")                                               \
    X(APPRAISAL_PRUNE, WRITE, "DELETE FROM appraisals WHERE vm = $1 AND (time_ms, id) <= "                                                 \
        "(SELECT time_ms, id FROM appraisals WHERE vm = $1 ORDER BY time_ms DESC, id DESC LIMIT 1 OFFSET $2)")                             \
    X(APPRAISAL_GET, READ, "SELECT " APPRAISAL_COLUMNS " FROM appraisals WHERE vm = $1 AND id = $2")                                       \
    X(APPRAISAL_LATEST, READ, "SELECT " APPRAISAL_COLUMNS " FROM appraisals WHERE vm = $1 ORDER BY time_ms DESC, id DESC LIMIT 1")         \
    X(APPRAISAL_LAST_TIME, READ, "SELECT COALESCE(MAX(time_ms), 0) FROM appraisals WHERE vm = $1")                                         \
    X(APPRAISAL_LIST, READ, "SELECT " APPRAISAL_COLUMNS " FROM appraisals WHERE vm = $1 AND (time_ms, id) < ($2, $3) "                     \
        "ORDER BY time_ms DESC, id DESC LIMIT $4")                                                                                         \
    X(APPRAISAL_NEXT, READ, "SELECT " APPRAISAL_COLUMNS " FROM appraisals WHERE vm = $1 AND (time_ms, id) > ($2, $3) "                     \
        "ORDER BY time_ms, id LIMIT $4")                                                                                         \
    X(EVIDENCE_ADD, WRITE, "INSERT INTO evidence (vm, time_ms, appraisal_id, evidence) VALUES ($1, $2, $3, $4)")                           \
    X(EVIDENCE_PRUNE, WRITE, "DELETE FROM evidence WHERE vm = $1 AND (time_ms, appraisal_id) <= "                                          \
        "(SELECT time_ms, appraisal_id FROM evidence WHERE vm = $1 ORDER BY time_ms DESC, appraisal_id DESC LIMIT 1 OFFSET $2)")           \
    X(EVIDENCE_GET, READ, "SELECT evidence FROM evidence WHERE vm = $1 AND appraisal_id = $2")                                             \
                                                                                                                                           \
    X(JUDGEMENT_ADD, WRITE, "INSERT INTO judgements (" JUDGEMENT_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) "                  \
        "ON CONFLICT DO NOTHING")                                                                                                          \
    X(JUDGEMENT_PRUNE, WRITE, "DELETE FROM judgements WHERE vm = $1 AND (judged_ms, appraisal_id) <= "                                     \
        "(SELECT judged_ms, appraisal_id FROM judgements WHERE vm = $1 ORDER BY judged_ms DESC, appraisal_id DESC LIMIT 1 OFFSET $2)")     \
    X(JUDGEMENT_LATEST, READ, "SELECT " JUDGEMENT_COLUMNS " FROM judgements WHERE vm = $1 "                                                \
        "ORDER BY judged_ms DESC, appraisal_id DESC LIMIT 1")                                                                              \
    X(JUDGEMENT_LIST, READ, "SELECT " JUDGEMENT_COLUMNS " FROM judgements WHERE vm = $1 AND (judged_ms, appraisal_id) < ($2, $3) "         \
        "ORDER BY judged_ms DESC, appraisal_id DESC LIMIT $4")                                                                             \
                                                                                                                                           \
    X(BASELINE_ADD, WRITE, "INSERT INTO baselines (" BASELINE_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) "           \
        "ON CONFLICT (vm, version) DO NOTHING")                                                                                            \
    X(BASELINE_LATEST, READ, "SELECT " BASELINE_COLUMNS " FROM baselines WHERE vm = $1 ORDER BY version DESC LIMIT 1")                     \
    X(BASELINE_ACCEPTED, READ, "SELECT " BASELINE_COLUMNS " FROM baselines WHERE vm = $1 AND ended_ms = 0 "                                \
        "ORDER BY version DESC LIMIT $2")                                                                                                  \
    X(BASELINE_CHANGE, WRITE, "UPDATE baselines SET pinned = $3, until_ms = $4, ended_ms = $5, ended_by = $6, end_reason = $7, "           \
        "changes = changes + 1 WHERE vm = $1 AND version = $2 AND ended_ms = 0")                                                           \
    X(BASELINE_CHANGES, READ, "SELECT CAST(COALESCE(SUM(changes), 0) AS BIGINT) FROM baselines WHERE vm = $1")                           \
    X(BASELINE_NEXT_END, READ, "SELECT COALESCE(MIN(until_ms), 0) FROM baselines WHERE vm = $1 AND ended_ms = 0 AND until_ms > 0")         \
    X(BASELINE_GET, READ, "SELECT " BASELINE_COLUMNS " FROM baselines WHERE vm = $1 AND version = $2")                                     \
    X(BASELINE_LIST, READ, "SELECT " BASELINE_COLUMNS " FROM baselines WHERE vm = $1 AND version < $2 ORDER BY version DESC LIMIT $3")     \
                                                                                                                                           \
    X(CONTACT_PUT, WRITE, "INSERT INTO contacts (" CONTACT_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, -1) "      \
        "ON CONFLICT (vm) DO UPDATE SET "                                                                                                  \
        "last_heartbeat_ms = CASE WHEN excluded.last_heartbeat_ms > 0 THEN excluded.last_heartbeat_ms "                                    \
            "WHEN excluded.last_report_ms > 0 AND contacts.last_heartbeat_ms > excluded.last_report_ms "                                   \
            "THEN excluded.last_report_ms ELSE contacts.last_heartbeat_ms END, "                                                           \
        "last_report_ms = CASE WHEN excluded.last_report_ms > 0 THEN excluded.last_report_ms "                                             \
            "WHEN excluded.last_heartbeat_ms > 0 AND contacts.last_report_ms > excluded.last_heartbeat_ms "                                \
            "THEN excluded.last_heartbeat_ms ELSE contacts.last_report_ms END, "                                                           \
        "boot_id = COALESCE(excluded.boot_id, contacts.boot_id), "                                                                         \
        "agent_version = COALESCE(excluded.agent_version, contacts.agent_version), "                                                       \
        "kernel_version = COALESCE(excluded.kernel_version, contacts.kernel_version), "                                                    \
        "state = COALESCE(excluded.state, contacts.state), last_error = excluded.last_error, notes = excluded.notes, "                     \
        "reset_count = CASE WHEN excluded.reset_count < 0 THEN contacts.reset_count ELSE excluded.reset_count END, "                       \
        "restart_count = CASE WHEN excluded.restart_count < 0 THEN contacts.restart_count ELSE excluded.restart_count END")                \
    X(CONTACT_GET, READ, "SELECT " CONTACT_COLUMNS " FROM contacts WHERE vm = $1")                                                         \
    X(COUNTER_ADVANCE, WRITE, "INSERT INTO contacts (vm, last_heartbeat_ms, last_report_ms, reset_count, restart_count, ak_counter) " \
        "VALUES ($1, 0, 0, -1, -1, $2) "                                                                               \
        "ON CONFLICT (vm) DO UPDATE SET ak_counter = excluded.ak_counter WHERE contacts.ak_counter < excluded.ak_counter")                     \
    X(COUNTER_RESET, WRITE, "UPDATE contacts SET ak_counter = -1 WHERE vm = $1")                                     \
                                                                                                                                           \
    X(TOKEN_ADD, WRITE, "INSERT INTO tokens (" TOKEN_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (vm, jti) DO NOTHING")         \
    X(TOKEN_GET, READ, "SELECT " TOKEN_COLUMNS " FROM tokens WHERE vm = $1 AND jti = $2")                                                  \
    X(TOKEN_PRUNE, WRITE, "DELETE FROM tokens WHERE expires_ms < $1")                                                                      \
                                                                                                                                           \
    X(SETTING_GET, READ, "SELECT value FROM settings WHERE key = $1")                                                                      \
    X(SETTING_PUT, WRITE, "INSERT INTO settings (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value")      \
    X(SETTING_INIT, WRITE, "INSERT INTO settings (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING")                               \
    X(SETTING_DROP, WRITE, "DELETE FROM settings WHERE key = $1")                                                                          \
                                                                                                                                           \
    X(PROVIDER_ADD, WRITE, "INSERT INTO providers (" PROVIDER_COLUMNS ") "                                                                 \
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20) ON CONFLICT (name) DO NOTHING")     \
    X(PROVIDER_GET, READ, "SELECT " PROVIDER_COLUMNS " FROM providers WHERE name = $1 AND deleted_ms = 0")                                 \
    X(PROVIDER_UPDATE, WRITE, "UPDATE providers SET tpm_authentication = $2, public_network_access = $3, tags = $4, "                      \
        "token_profile = $6, server_ak_ca = $7, tpm_v1 = $8, modified_ms = $9, modified_by = $10, enrolment_token = $11, version = $5 + 1 "                         \
        "WHERE name = $1 AND version = $5 AND deleted_ms = 0")                                                                             \
    X(PROVIDER_MARK, WRITE, "UPDATE providers SET deleted_ms = $2, deleted_by = $3, version = version + 1 "                                \
        "WHERE name = $1 AND deleted_ms = 0")                                                                                              \
    X(PROVIDER_UNMARK, WRITE, "UPDATE providers SET deleted_ms = 0, deleted_by = NULL, version = version + 1 "                             \
        "WHERE name = $1 AND deleted_ms <> 0")                                                                                             \
    X(PROVIDER_DELETED_GET, READ, "SELECT " PROVIDER_COLUMNS " FROM providers WHERE name = $1 AND deleted_ms <> 0")                        \
    X(PROVIDER_DELETED_LIST, READ, "SELECT " PROVIDER_COLUMNS " FROM providers WHERE name > $1 AND deleted_ms <> 0 "                       \
        "ORDER BY name LIMIT $2")                                                                                                          \
    X(PROVIDER_URI_COUNT, READ, "SELECT COUNT(*) FROM providers WHERE attest_uri = $1 AND name <> $2")                                     \
    X(PROVIDER_DROP, WRITE, "DELETE FROM providers WHERE name = $1 AND deleted_ms <> 0")                                                   \
    X(PROVIDER_DROP_POLICIES, WRITE, "DELETE FROM policies WHERE provider = $1")                                                           \
    X(PROVIDER_DROP_SIGNERS, WRITE, "DELETE FROM policy_signers WHERE provider = $1")                                                      \
    X(PROVIDER_LIST, READ, "SELECT " PROVIDER_COLUMNS " FROM providers WHERE name > $1 AND deleted_ms = 0 ORDER BY name LIMIT $2")         \
    X(PROVIDER_DROP_IDENTITIES, WRITE, "DELETE FROM provider_identities WHERE provider = $1")                                              \
    X(PROVIDER_IDENTITY_PUT, WRITE, "INSERT INTO provider_identities (" PROVIDER_IDENTITY_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6) "     \
        "ON CONFLICT (vm, provider) DO UPDATE SET ek_cert_sha256 = excluded.ek_cert_sha256, ak_cert = excluded.ak_cert, "                  \
        "enrolled_ms = excluded.enrolled_ms, ak_name = excluded.ak_name")                                                                  \
    X(PROVIDER_IDENTITY_GET, READ, "SELECT " PROVIDER_IDENTITY_COLUMNS " FROM provider_identities WHERE provider = $1 AND vm = $2")        \
    X(PROVIDER_IDENTITY_RELEASE, WRITE, "DELETE FROM provider_identities WHERE vm = $1")                                                   \
    X(SIGNER_ADD, WRITE, "INSERT INTO policy_signers (" SIGNER_COLUMNS ") VALUES ($1, $2, $3, $4, $5) "                                    \
        "ON CONFLICT (provider, sha256) DO NOTHING")                                                                                       \
    X(SIGNER_DROP, WRITE, "DELETE FROM policy_signers WHERE provider = $1 AND sha256 = $2")                                                \
    X(SIGNER_COUNT, READ, "SELECT COUNT(*) FROM policy_signers WHERE provider = $1")                                                       \
    X(SIGNER_LIST, READ, "SELECT " SIGNER_COLUMNS " FROM policy_signers WHERE provider = $1 ORDER BY sha256")                              \
    X(POLICY_ADD, WRITE, "INSERT INTO policies (" POLICY_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7) "                                  \
        "ON CONFLICT (provider, type, version) DO NOTHING")                                                                                \
    X(POLICY_LATEST, READ, "SELECT " POLICY_COLUMNS " FROM policies WHERE provider = $1 AND type = $2 ORDER BY version DESC LIMIT 1")      \
    X(POLICY_LIST, READ, "SELECT " POLICY_COLUMNS " FROM policies WHERE provider = $1 AND type = $2 AND version < $3 "                     \
        "ORDER BY version DESC LIMIT $4")                                                                                                  \
    X(POLICY_COUNT, READ, "SELECT COUNT(*) FROM policies WHERE provider = $1")                                                             \
                                                                                                                                           \
    X(OPERATION_ADD, WRITE, "INSERT INTO operations (" OPERATION_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) "        \
        "ON CONFLICT (id) DO NOTHING")                                                                                                     \
    X(OPERATION_UPDATE, WRITE, "UPDATE operations SET state = $2, step = $3, steps = $4, failure = $5, ended_ms = $6, "                    \
        "input = CASE WHEN $6 > 0 THEN $7 ELSE input END WHERE id = $1")                                                                   \
    X(OPERATION_GET, READ, "SELECT " OPERATION_COLUMNS " FROM operations WHERE id = $1")                                                   \
    X(OPERATION_LIST, READ, "SELECT " OPERATION_COLUMNS " FROM operations WHERE (started_ms, id) < ($1, $2) "                              \
        "ORDER BY started_ms DESC, id DESC LIMIT $3")                                                                                      \
    X(OPERATION_UNFINISHED, READ, "SELECT " OPERATION_COLUMNS " FROM operations WHERE state = $1 ORDER BY started_ms, id LIMIT $2")        \
    X(OPERATION_PRUNE, WRITE, "DELETE FROM operations WHERE started_ms < $1 AND state <> $2")                                              \
                                                                                                                                           \
    X(ENROLMENT_TOKEN_ADD, WRITE, "INSERT INTO enrolment_tokens (" ENROLMENT_TOKEN_COLUMNS ") "                                            \
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (sha256) DO NOTHING")                                                     \
    X(ENROLMENT_TOKEN_COUNT, READ, "SELECT COUNT(*) FROM enrolment_tokens")                                                                \
    X(ENROLMENT_TOKEN_SWEEP, WRITE, "DELETE FROM enrolment_tokens WHERE expires_ms < $1")                                                  \
    X(ENROLMENT_TOKEN_GET, READ, "SELECT " ENROLMENT_TOKEN_COLUMNS " FROM enrolment_tokens WHERE sha256 = $1")                             \
    X(ENROLMENT_TOKEN_LIST, READ, "SELECT " ENROLMENT_TOKEN_COLUMNS " FROM enrolment_tokens WHERE sha256 > $1 ORDER BY sha256 LIMIT $2")   \
    X(ENROLMENT_TOKEN_USE, WRITE, "UPDATE enrolment_tokens SET used_ms = $2, used_by = $3 "                                                \
        "WHERE sha256 = $1 AND used_ms = 0 AND expires_ms > $2")                                                                           \
    X(ENROLMENT_TOKEN_SHIFT, WRITE, "UPDATE enrolment_tokens SET expires_ms = expires_ms - $1 WHERE expires_ms > $2")                      \
    X(ENROLMENT_TOKEN_DROP, WRITE, "DELETE FROM enrolment_tokens WHERE sha256 = $1")                                                       \
    X(PROVIDER_DROP_ENROLMENT_TOKENS, WRITE, "DELETE FROM enrolment_tokens WHERE provider = $1")                                           \
    X(API_TOKEN_ADD, WRITE, "INSERT INTO api_tokens (" API_TOKEN_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8) "                      \
        "ON CONFLICT (sha256) DO NOTHING")                                                                                                 \
    X(API_TOKEN_USED, WRITE, "UPDATE api_tokens SET last_used_ms = $2 WHERE sha256 = $1 AND last_used_ms < $2")                            \
    X(API_TOKEN_GET, READ, "SELECT " API_TOKEN_COLUMNS " FROM api_tokens WHERE sha256 = $1")                                               \
    X(API_TOKEN_LIST, READ, "SELECT " API_TOKEN_COLUMNS " FROM api_tokens WHERE sha256 > $1 ORDER BY sha256 LIMIT $2")                     \
    X(API_TOKEN_DROP, WRITE, "DELETE FROM api_tokens WHERE sha256 = $1")                                                                   \
                                                                                                                                           \
    X(SCHEMA_VERSION, READ, "SELECT COALESCE(MAX(version), 0) FROM schema_migrations")                                                     \
    X(SCHEMA_NOTE, WRITE, "INSERT INTO schema_migrations (version, applied_ms) VALUES ($1, $2)")
/* clang-format on */

enum statement {
#define X(name, kind, text) SQL_##name,
    STATEMENTS(X)
#undef X
        STATEMENT_COUNT
};

enum statement_kind { SQL_READ, SQL_WRITE };

struct statement_info {
    const char *name;
    enum statement_kind kind;
    const char *text;
};

extern const struct statement_info statements[STATEMENT_COUNT];
