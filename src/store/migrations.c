#include "store/backend.h"

/* VM first in every key, so that rows spread and stay together; history is keyed by VM and time. No value depends on a sequence. BYTEA means
 * nothing to SQLite, which keeps bytes as bytes. */
static const char first[] = "CREATE TABLE claims (claim TEXT NOT NULL PRIMARY KEY, vm TEXT NOT NULL);"
                            "CREATE INDEX claims_by_vm ON claims (vm);"

                            "CREATE TABLE vms ("
                            " vm TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, security_type TEXT NOT NULL,"
                            " secure_boot SMALLINT NOT NULL, vtpm SMALLINT NOT NULL, monitoring_enabled_ms BIGINT NOT NULL,"
                            " power TEXT NOT NULL, power_since_ms BIGINT NOT NULL, host TEXT, version BIGINT NOT NULL,"
                            " created_ms BIGINT NOT NULL);"
                            "CREATE INDEX vms_by_name ON vms (name);"

                            "CREATE TABLE identities ("
                            " vm TEXT NOT NULL REFERENCES vms (vm) ON DELETE CASCADE, ak_name TEXT NOT NULL, ak_cert BYTEA,"
                            " ek_cert_sha256 TEXT, ek_pub_name TEXT, enrolled_ms BIGINT NOT NULL, active SMALLINT NOT NULL,"
                            " PRIMARY KEY (vm, ak_name));"

                            "CREATE TABLE roots ("
                            " kind TEXT NOT NULL, provider TEXT NOT NULL, sha256 TEXT NOT NULL, der BYTEA NOT NULL, role TEXT NOT NULL,"
                            " added_ms BIGINT NOT NULL, PRIMARY KEY (kind, provider, sha256));"

                            "CREATE TABLE appraisals ("
                            " id TEXT NOT NULL, vm TEXT NOT NULL, time_ms BIGINT NOT NULL, provider TEXT NOT NULL, verdict TEXT NOT NULL,"
                            " reset_count BIGINT NOT NULL, restart_count BIGINT NOT NULL, clock BIGINT NOT NULL,"
                            " evidence_sha256 TEXT NOT NULL, policy_hash TEXT, record BYTEA NOT NULL, token_id TEXT,"
                            " PRIMARY KEY (vm, time_ms, id), UNIQUE (vm, id));"

                            "CREATE TABLE evidence ("
                            " vm TEXT NOT NULL, time_ms BIGINT NOT NULL, appraisal_id TEXT NOT NULL, evidence BYTEA NOT NULL,"
                            " PRIMARY KEY (vm, time_ms, appraisal_id));"

                            "CREATE TABLE judgements ("
                            " vm TEXT NOT NULL, appraisal_id TEXT NOT NULL, baseline_version BIGINT NOT NULL, verdict TEXT NOT NULL,"
                            " reason TEXT NOT NULL, judged_ms BIGINT NOT NULL, findings TEXT NOT NULL, since_ms BIGINT NOT NULL,"
                            " PRIMARY KEY (vm, judged_ms, appraisal_id));"

                            "CREATE TABLE baselines ("
                            " vm TEXT NOT NULL, version BIGINT NOT NULL, components TEXT NOT NULL, created_ms BIGINT NOT NULL,"
                            " by_whom TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (vm, version));"

                            "CREATE TABLE contacts ("
                            " vm TEXT NOT NULL PRIMARY KEY REFERENCES vms (vm) ON DELETE CASCADE,"
                            " last_heartbeat_ms BIGINT NOT NULL, last_report_ms BIGINT NOT NULL, boot_id TEXT, agent_version TEXT,"
                            " kernel_version TEXT, state TEXT, last_error TEXT, reset_count BIGINT NOT NULL,"
                            " restart_count BIGINT NOT NULL, ak_counter BIGINT NOT NULL, ak_counter_boot BIGINT NOT NULL);"

                            "CREATE TABLE tokens ("
                            " vm TEXT NOT NULL, jti TEXT NOT NULL, ak_name TEXT NOT NULL, boot_id TEXT NOT NULL,"
                            " reported_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL, PRIMARY KEY (vm, jti));"
                            "CREATE INDEX tokens_by_expiry ON tokens (expires_ms);"

                            "CREATE TABLE settings (key TEXT NOT NULL PRIMARY KEY, value BYTEA NOT NULL);";

/* Rows of providers are few; policies are history, keyed by provider and type. */
static const char providers[] = "CREATE TABLE providers ("
                                " name TEXT NOT NULL PRIMARY KEY, subscription TEXT NOT NULL, resource_group TEXT NOT NULL,"
                                " location TEXT NOT NULL, attest_uri TEXT NOT NULL, isolated SMALLINT NOT NULL,"
                                " tpm_authentication SMALLINT NOT NULL, public_network_access SMALLINT NOT NULL, tags TEXT NOT NULL,"
                                " created_ms BIGINT NOT NULL, created_by TEXT NOT NULL, version BIGINT NOT NULL);"

                                "CREATE TABLE policies ("
                                " provider TEXT NOT NULL, type TEXT NOT NULL, version BIGINT NOT NULL, jws BYTEA NOT NULL, hash TEXT,"
                                " by_whom TEXT NOT NULL, time_ms BIGINT NOT NULL, PRIMARY KEY (provider, type, version));"

                                "CREATE TABLE policy_signers ("
                                " provider TEXT NOT NULL, sha256 TEXT NOT NULL, der BYTEA NOT NULL, added_ms BIGINT NOT NULL,"
                                " by_whom TEXT NOT NULL, PRIMARY KEY (provider, sha256));"

                                "CREATE TABLE api_tokens ("
                                " sha256 TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, created_ms BIGINT NOT NULL,"
                                " expires_ms BIGINT NOT NULL, by_whom TEXT NOT NULL);";

static const char token_profiles[] = "ALTER TABLE providers ADD COLUMN token_profile TEXT NOT NULL DEFAULT 'original';";
/* When a token was used last, to the minute; and what it is good for: '' for everything that its role may. */
static const char token_use[] = "ALTER TABLE api_tokens ADD COLUMN last_used_ms BIGINT NOT NULL DEFAULT 0;"
                                "ALTER TABLE api_tokens ADD COLUMN scope TEXT NOT NULL DEFAULT '';";
/* A deleted provider stays as a marked row, with all that belongs to it, until it is purged. */
static const char provider_life[] = "ALTER TABLE providers ADD COLUMN server_ak_ca SMALLINT NOT NULL DEFAULT 1;"
                                    "ALTER TABLE providers ADD COLUMN tpm_v1 SMALLINT NOT NULL DEFAULT 0;"
                                    "ALTER TABLE providers ADD COLUMN deleted_ms BIGINT NOT NULL DEFAULT 0;"
                                    "ALTER TABLE providers ADD COLUMN deleted_by TEXT;"

                                    "CREATE TABLE operations ("
                                    " id TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, target TEXT NOT NULL, state TEXT NOT NULL,"
                                    " step BIGINT NOT NULL, input BYTEA NOT NULL, steps TEXT NOT NULL, failure TEXT,"
                                    " started_ms BIGINT NOT NULL, ended_ms BIGINT NOT NULL, by_whom TEXT NOT NULL);"
                                    "CREATE INDEX operations_by_time ON operations (started_ms, id);"
                                    "CREATE INDEX operations_by_state ON operations (state, started_ms, id);"
                                    "CREATE INDEX providers_by_uri ON providers (attest_uri);";

/* VMs that an endorsement root of one provider vouches for. */
static const char provider_identities[] = "CREATE TABLE provider_identities ("
                                          " provider TEXT NOT NULL, vm TEXT NOT NULL, ek_cert_sha256 TEXT NOT NULL, ak_cert BYTEA NOT NULL,"
                                          " enrolled_ms BIGINT NOT NULL, PRIMARY KEY (vm, provider));"
                                          "CREATE INDEX provider_identities_by_provider ON provider_identities (provider);";

/* Who changed a provider's settings last. */
static const char provider_changes[] = "ALTER TABLE providers ADD COLUMN modified_ms BIGINT NOT NULL DEFAULT 0;"
                                       "ALTER TABLE providers ADD COLUMN modified_by TEXT;";

/* Tokens that let one machine enrol, once; and whether a provider wants one. */
static const char enrolment_tokens[] = "CREATE TABLE enrolment_tokens ("
                                       " sha256 TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, provider TEXT NOT NULL, vm TEXT NOT NULL,"
                                       " created_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL, by_whom TEXT NOT NULL,"
                                       " used_ms BIGINT NOT NULL, used_by TEXT NOT NULL);"
                                       "CREATE INDEX enrolment_tokens_by_provider ON enrolment_tokens (provider);"
                                       "CREATE INDEX enrolment_tokens_by_end ON enrolment_tokens (expires_ms);"
                                       "ALTER TABLE providers ADD COLUMN enrolment_token SMALLINT NOT NULL DEFAULT 0;";

/* What an agent noticed, in its words. */
static const char agent_notes[] = "ALTER TABLE contacts ADD COLUMN notes TEXT;";

/* Which initial attestation key vouched for a TPM; and by which attestation key a TPM is known at a provider, whatever vouches for it next. */
static const char initial_keys[] = "ALTER TABLE identities ADD COLUMN iak_sha256 TEXT;"
                                   "ALTER TABLE provider_identities ADD COLUMN ak_name TEXT;";

/* Several accepted boots beside each other. So far the newest replaced all before it, and a judgement stands as long as the rows have not changed since. */
static const char accepted_boots[] =
    "ALTER TABLE baselines ADD COLUMN pinned SMALLINT NOT NULL DEFAULT 0;"
    "ALTER TABLE baselines ADD COLUMN until_ms BIGINT NOT NULL DEFAULT 0;"
    "ALTER TABLE baselines ADD COLUMN ended_ms BIGINT NOT NULL DEFAULT 0;"
    "ALTER TABLE baselines ADD COLUMN ended_by TEXT;"
    "ALTER TABLE baselines ADD COLUMN end_reason TEXT;"
    "ALTER TABLE baselines ADD COLUMN changes BIGINT NOT NULL DEFAULT 1;"
    "UPDATE baselines SET ended_by = 'trueboot', end_reason = 'replaced by the next version', ended_ms = COALESCE((SELECT "
    "MAX(later.created_ms)"
    " FROM baselines later WHERE later.vm = baselines.vm AND later.version = baselines.version + 1 AND later.created_ms > 0), 1)"
    " WHERE version < (SELECT MAX(newest.version) FROM baselines newest WHERE newest.vm = baselines.vm);"
    "ALTER TABLE judgements ADD COLUMN baseline_changes BIGINT NOT NULL DEFAULT 0;"
    "UPDATE judgements SET baseline_changes = baseline_version;";

/* Nobody ever told it another boot than 0. */
static const char one_counter[] = "ALTER TABLE contacts DROP COLUMN ak_counter_boot;";

const struct migration migrations[] = {
    { "the first tables", first },
    { "attestation providers, their policies and signers, API tokens", providers },
    { "how a provider's tokens are made", token_profiles },
    { "use and scope of API tokens", token_use },
    { "providers that can be brought back, tracked operations", provider_life },
    { "identities that count at one provider", provider_identities },
    { "who changed a provider last", provider_changes },
    { "one-time enrolment tokens", enrolment_tokens },
    { "what agents noticed", agent_notes },
    { "initial attestation keys that vouched", initial_keys },
    { "several accepted boots of a VM", accepted_boots },
    { "one counter of signed requests for all boots", one_counter },
};
const size_t n_migrations = ARRAY_LEN(migrations);
