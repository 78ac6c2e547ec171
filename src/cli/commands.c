#include "cli/commands.h"

const struct cli_command *const cli_commands[] = {
    &command_status,          &command_vm_create,
    &command_vm_add,          &command_vm_list,
    &command_vm_show,         &command_vm_start,
    &command_vm_stop,         &command_vm_update,
    &command_vm_delete,       &command_vm_release_identity,
    &command_baseline_show,   &command_baseline_approve,
    &command_baseline_learn,  &command_verify,
    &command_eventlog_show,   &command_eventlog_replay,
    &command_eventlog_diff,   &command_eventlog_explain,
    &command_quote_verify,    &command_bootchain_show,
    &command_evidence_get,    &command_evidence_claims,
    &command_root_add,        &command_root_list,
    &command_root_remove,     &command_policy_show,
    &command_policy_set,      &command_policy_reset,
    &command_policy_history,  &command_policy_lint,
    &command_policy_diff,     &command_policy_test,
    &command_provider_create, &command_provider_show,
    &command_provider_list,   &command_provider_delete,
    &command_provider_update, &command_provider_undelete,
    &command_provider_purge,  &command_operation_show,
    &command_operation_list,  &command_token_create,
    &command_token_list,      &command_token_revoke,
    &command_query,           &command_key_list,
    &command_key_rotate,      &command_key_revoke,
    &command_server_status,   &command_data_show,
    &command_data_update,     &command_data_trust,
    &command_data_pack,       &command_audit_verify,
    &command_audit_show,      &command_audit_checkpoint,
    &command_diagnose,
};
const size_t cli_n_commands = ARRAY_LEN(cli_commands);

const struct cli_option cli_global_options[] = {
    { "output", "FORMAT", "json, yaml or table (default: table on a terminal, json otherwise); also -o FORMAT" },
    { "query", "JMESPATH", "show only this part of the result" },
    { "server", "PLACE", "the server's local socket or URL (or TRUEBOOT_SERVER)" },
    { "help", NULL, "show help for a command" },
};
const size_t cli_n_global_options = ARRAY_LEN(cli_global_options);
