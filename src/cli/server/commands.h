/* cli/server/commands.h: verbs that ask the server. Each is defined beside its code. */
#pragma once
#include "cli/frame/cli.h"

extern const struct cli_command command_audit_verify, command_audit_show, command_audit_checkpoint;
extern const struct cli_command command_baseline_list, command_baseline_show, command_baseline_approve, command_baseline_reject,
    command_baseline_pin;
extern const struct cli_command command_diagnose;
extern const struct cli_command command_enrolment_token_create, command_enrolment_token_list, command_enrolment_token_revoke;
extern const struct cli_command command_evidence_get;
extern const struct cli_command command_key_list, command_key_rotate, command_key_revoke;
extern const struct cli_command command_operation_show, command_operation_list, command_provider_undelete, command_provider_purge;
extern const struct cli_command command_provider_create, command_provider_show, command_provider_list, command_provider_update,
    command_provider_delete;
extern const struct cli_command command_root_add, command_root_list, command_root_remove;
extern const struct cli_command command_server_status;
extern const struct cli_command command_status;
extern const struct cli_command command_token_create, command_token_list, command_token_revoke;
extern const struct cli_command command_vm_create, command_vm_add, command_vm_start, command_vm_stop, command_vm_update, command_vm_delete,
    command_vm_list, command_vm_show, command_vm_release_identity;
