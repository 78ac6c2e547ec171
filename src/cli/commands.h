/* cli/commands.h: every command, defined beside its code. */
#pragma once
#include "cli/cli.h"

extern const struct cli_command command_vm_create, command_vm_add, command_vm_list, command_vm_show, command_vm_start, command_vm_stop,
    command_vm_update, command_vm_delete, command_vm_release_identity;
extern const struct cli_command command_status, command_diagnose;
extern const struct cli_command command_baseline_show, command_baseline_approve, command_baseline_learn;
extern const struct cli_command command_root_add, command_root_list, command_root_remove;
extern const struct cli_command command_audit_verify, command_audit_show, command_audit_checkpoint;
extern const struct cli_command command_server_status;
extern const struct cli_command command_data_show, command_data_update, command_data_trust, command_data_pack;
extern const struct cli_command command_evidence_get, command_evidence_claims;
extern const struct cli_command command_policy_show, command_policy_set, command_policy_reset, command_policy_history, command_policy_lint,
    command_policy_diff, command_policy_test;
extern const struct cli_command command_provider_create, command_provider_show, command_provider_list, command_provider_delete,
    command_provider_update, command_provider_undelete, command_provider_purge;
extern const struct cli_command command_operation_show, command_operation_list;
extern const struct cli_command command_key_list, command_key_rotate, command_key_revoke;
extern const struct cli_command command_token_create, command_token_list, command_token_revoke;
extern const struct cli_command command_enrolment_token_create, command_enrolment_token_list, command_enrolment_token_revoke;
extern const struct cli_command command_verify;
extern const struct cli_command command_eventlog_show, command_eventlog_replay, command_eventlog_diff, command_eventlog_explain;
extern const struct cli_command command_quote_verify, command_bootchain_show, command_query;

/* A path below /v1 with a name in it, percent-encoded; NULL: no memory. */
const char *vm_route(struct cli *cli, const char *name, const char *rest);
/* Prints a status as `trueboot status NAME` does; `explain` as --explain does. */
void status_print_one(struct cli *cli, const struct json *status, bool explain);
