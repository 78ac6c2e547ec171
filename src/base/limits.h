/* base/limits.h: every limit on what a stranger can grow, in one place. Each has a test at the edge and past it.
 * Sources: architecture.md 8, attestation-service.md 13.3, guest-agent.md 4. */
#pragma once

enum {
    /* event logs */
    LIMIT_LOG_BYTES = 4 * 1024 * 1024,
    LIMIT_LOG_EVENTS = 65536,
    LIMIT_LOG_BANKS = 8,     /* digest algorithms that one log may declare */
    LIMIT_LOGS = 16,         /* logs that one attestation may join */
    LIMIT_EVENT_NESTING = 8, /* nested records, e.g. Windows' SIPA aggregates */
    LIMIT_IMA_ENTRIES = 500000,
    LIMIT_IMA_BYTES = 16 * 1024 * 1024,
    LIMIT_IMA_GAP_BEFORE = 32,               /* entries that a kernel measures before it resumes another one from hibernation */
    LIMIT_IMA_GAP_AFTER = 64,                /* entries since then, which are told from those of before */
    LIMIT_IMA_KEXECS = 16,                   /* kernels that are looked for before the one whose IMA list came */
    LIMIT_IMA_KEXEC_ENTRIES = 4096,          /* in a list before which they are looked for */
    LIMIT_IMA_PIECE_BYTES = 2 * 1024 * 1024, /* what the agent sends of a list at once */
    LIMIT_IMA_PIECE_ENTRIES = 50000,
    LIMIT_AGENT_NOTES = 24,           /* of one report; more are left out */
    LIMIT_POLICY_IMA_ENTRIES = 50000, /* of a list whose single entries a policy asks for */
    LIMIT_SYSTEMD_RECORDS = 4096,
    LIMIT_KERNEL_MODULES = 32,                /* named in each list of a kernel's state; what comes after is said to be there */
    LIMIT_KERNEL_LOG_BYTES = 8 * 1024 * 1024, /* of the kernel's log that are looked through */
    LIMIT_SYS_MODULES = 4096,                 /* folders of /sys/module that are looked into */
    LIMIT_SIGNATURE_LISTS = 1024,             /* in one UEFI key variable */
    LIMIT_SIGNATURES = 16384,

    /* what the agent keeps when it cannot report */
    LIMIT_SPOOL_REPORTS = 16,
    LIMIT_SPOOL_BYTES = 8 * 1024 * 1024,

    /* TPM structures */
    LIMIT_PCR_BANKS = 8,
    LIMIT_PCRS = 24,
    LIMIT_NONCE_BYTES = 64,

    /* certificates */
    LIMIT_CERT_BYTES = 16 * 1024,
    LIMIT_CHAIN_CERTS = 8,
    LIMIT_EK_CERTS = 8, /* in one enrolment request */

    /* JSON and tokens */
    LIMIT_JSON_DEPTH = 64,
    LIMIT_JSON_DEPTH_SUITE = 512, /* the parser's own ceiling, whatever a caller asks for */
    LIMIT_TOKEN_BYTES = 64 * 1024,

    /* HTTP */
    LIMIT_HTTP_HEADER_BYTES = 16 * 1024,
    LIMIT_ATTEST_BODY_BYTES = 16 * 1024 * 1024,
    LIMIT_AZUREGUEST_LOG_BYTES = 1024 * 1024, /* as the agent sends it: guest-agent.md 4.1 */
    LIMIT_AZUREGUEST_BODY_BYTES = 4 * 1024 * 1024,
    LIMIT_SEALED_TOKEN_BYTES = 1024 * 1024, /* an answer of AzureGuest: guest-agent.md 3.4 */
    LIMIT_POLICY_BODY_BYTES = 1024 * 1024,
    LIMIT_REPORT_BODY_BYTES = 1024 * 1024,
    LIMIT_SMALL_BODY_BYTES = 64 * 1024,          /* heartbeats, nonces, management */
    LIMIT_HTTP_BODIES_BYTES = 256 * 1024 * 1024, /* of large requests that are arriving or being worked on, all together */
    LIMIT_HTTP_CONNECTIONS = 1024,
    LIMIT_HTTP_CONNECTIONS_PER_ADDRESS = 256,
    LIMIT_HTTP_DEADLINE_SECONDS = 30,  /* absolute, for one connection's request */
    LIMIT_HTTP_ANSWER_SECONDS = 10,    /* from there to the answer */
    LIMIT_HTTP_KEPT_SECONDS = 80 * 60, /* a connection without requests, of a caller who comes again: until its next heartbeat */
    LIMIT_HTTP_KEPT_SHARE = 2,         /* of all connections, and of one address's, one in so many may wait like that */
    LIMIT_HTTP_CONNECTION_LIFE_SECONDS = 12 * 3600, /* then it is made anew: whom we trust is asked again */
    LIMIT_TLS_TICKET_SECONDS = 26 * 3600, /* a session can be gone on with: the rarest agent comes once a day (guest-agent.md 7.3) */
    LIMIT_TLS_TICKET_KEY_SECONDS = 7 * 24 * 3600, /* what tickets are sealed with */

    /* policy */
    LIMIT_POLICY_TEXT_BYTES = 512 * 1024,
    LIMIT_POLICY_RULES = 2000,
    LIMIT_POLICY_CONDITIONS = 64,
    LIMIT_POLICY_CALL_DEPTH = 32,
    LIMIT_POLICY_CLAIMS = 100000,
    LIMIT_POLICY_VALUE_BYTES = 64 * 1024 * 1024,
    LIMIT_POLICY_MEMORY_BYTES = 128 * 1024 * 1024, /* of one evaluation: values, what is made on the way to them, parsed JSON */
    LIMIT_POLICY_STEPS = 20 * 1000 * 1000,
    LIMIT_JMESPATH_TEXT_BYTES = 64 * 1024,
    LIMIT_JMESPATH_DEPTH = 128,

    /* attestation */
    LIMIT_CHALLENGE_SECONDS = 300,
    LIMIT_ENROLMENT_SECONDS = 300,
    LIMIT_ENROLMENT_TOKENS = 10000,                /* one-time tokens kept, used and expired ones for a month */
    LIMIT_ENROLMENT_TOKEN_SECONDS = 7 * 24 * 3600, /* until one expires, at most: guest-agent.md 2.5 wants them short-lived */
    LIMIT_OPEN_ENROLMENTS = 10000,
    LIMIT_USED_CHALLENGES = 1000000, /* remembered until they expire */
    LIMIT_OTHER_KEYS = 2,
    LIMIT_CUSTOM_CLAIMS = 64,
    LIMIT_FINDINGS = 1024,
    LIMIT_COMPONENTS = 8192,

    /* the VM extension's files (guest-agent.md 6, 7.2, 11.3) */
    LIMIT_SETTINGS_BYTES = 64 * 1024,
    LIMIT_SETTINGS_DEPTH = 8,
    LIMIT_SETTINGS_WARNINGS = 16, /* kept; what comes after is counted only */
    LIMIT_HANDLER_STATUS_BYTES = 32 * 1024,
    LIMIT_EVENT_MESSAGE_BYTES = 3072,
    LIMIT_EVENT_BYTES = 6144,
    LIMIT_EVENTS_PER_HOUR = 20,

    LIMIT_CONFIG_BYTES = 256 * 1024, /* of one configuration file */

    /* history: what is older is removed, per VM; what later judgements must know of earlier boots is kept apart (monitor/memory.c) */
    LIMIT_APPRAISALS_KEPT = 256,
    LIMIT_JUDGEMENTS_KEPT = 256,

    /* baselines: boots of one VM that are accepted beside each other, and how long an older one is after a newer was approved */
    LIMIT_ACCEPTED_BOOTS = 8,
    LIMIT_OLDER_BOOT_DAYS = 30,
    LIMIT_ENDED_BOOTS_KNOWN = 16, /* that a boot is recognised by, to say when it was accepted */

    /* inventory */
    LIMIT_NAME_BYTES = 64,
    LIMIT_REASON_BYTES = 1024, /* why somebody approved */
    LIMIT_LIST_PAGE = 1000,
    LIMIT_DELETED_PROVIDER_DAYS = 30, /* that a deleted provider can be brought back */
    LIMIT_OPERATION_DAYS = 90,        /* that an operation which ended is remembered */
};
