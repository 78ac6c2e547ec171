/* Where Windows' tools have other names, and its files other places. */
#include "agent/diagnose/diagnose.h"

/* clang-format off */
static const char *const remedies[] = {
    [FAILURE_NO_TPM]         = "give the VM a vTPM 2.0; if it has one, look at it with tpm.msc or Get-Tpm",
    [FAILURE_TPM_PERM]       = "run as an administrator; the service's account (LocalService) may use the TPM by Windows' defaults",
    [FAILURE_TPM_BUSY]       = "another program holds the TPM: stop it",
    [FAILURE_TPM_MEMORY]     = "other programs fill the TPM: stop them; a restart of the VM empties it, too",
    [FAILURE_TPM_REFUSED]    = "the TPM refuses what the number says; restart the VM",
    [FAILURE_EH_PASSWORD]    = "take the endorsement hierarchy's password away: the agent knows none, and without it no key can be made or enrolled",
    [FAILURE_OWNER_PASSWORD] = "take the owner hierarchy's password away (Clear-Tpm makes the TPM's owner anew: all keys of its owner are lost)",
    [FAILURE_TPM_LOCKOUT]    = "wait for its recovery time, or end it (Unblock-Tpm); who else uses this TPM with a wrong password?",
    [FAILURE_PCR_BANK]       = "allocate the SHA-256 bank (the vTPM's setting) and restart the VM",
    [FAILURE_PCR_UNSTABLE]   = "find what extends the register that is named while the machine runs, and try again",
    [FAILURE_EK_UNUSABLE]    = "have the vTPM made anew with a usual endorsement key (RSA-2048 or P-384)",
    [FAILURE_LOG_TOO_LARGE]  = "measure less: fewer Secure Boot keys and option ROMs",
    [FAILURE_PROXY_AUTH]     = "give the proxy's user:password in net.proxy_credentials_file, or the protected setting proxyCredential",
    [FAILURE_TLS_TIME]       = "set this machine's clock (w32tm /resync), or have the server's certificate renewed",
    [FAILURE_MTU]            = "lower the interface's MTU (netsh interface ipv4 set subinterface), or let ICMP \"fragmentation needed\" through",
    [FAILURE_NO_ENDPOINT]    = "attest.endpoint = https://HOST:PORT in %ProgramData%\\trueboot-agent\\agent.conf, or --endpoint URL",
    [FAILURE_CLOCK_SKEW]     = "set this machine's clock: w32tm /resync (sc config w32time start= auto, sc start w32time)",
};
/* clang-format on */

const char *diagnose_remedy_here(enum failure_id id) { return (size_t)id < ARRAY_LEN(remedies) ? remedies[id] : NULL; }
