/* What helps against each failure, in one line that stands alone: whoever reads it has no other page at hand (guest-agent.md 9, 10). */
#include "agent/diagnose/diagnose.h"

struct remedy {
    enum cause cause;
    const char *text;
};

/* clang-format off */
static const struct remedy remedies[] = {
    [FAILURE_NO_TPM]           = { CAUSE_NO_TPM, "give the VM a vTPM 2.0; if it has one, load its driver (modprobe tpm_crb tpm_tis)" },
    [FAILURE_TPM12]            = { CAUSE_TPM, "give the VM a TPM of version 2.0" },
    [FAILURE_TPM_PERM]         = { CAUSE_PERMISSIONS, "run as root, or put the user into group tss (usermod -aG tss trueboot-agent)" },
    [FAILURE_TPM_BUSY]         = { CAUSE_PERMISSIONS, "another program holds /dev/tpm0: let it use /dev/tpmrm0, or stop it" },
    [FAILURE_TPM_UNUSABLE]     = { CAUSE_NO_TPM, "restart the VM: a TPM that failed to resume answers with errors until then" },
    [FAILURE_TPM_MEMORY]       = { CAUSE_TPM, "other programs fill the TPM: let them use /dev/tpmrm0, or tpm2_flushcontext -t -l; a restart of the VM empties it, too" },
    [FAILURE_TPM_REFUSED]      = { CAUSE_AK, "the TPM refuses what the number says; restart the VM" },
    [FAILURE_TPM_LOCKOUT]      = { CAUSE_AK, "wait for its recovery time, or end it (tpm2_dictionarylockout -c); who else uses this TPM with a wrong password?" },
    [FAILURE_EH_DISABLED]      = { CAUSE_TPM, "restart the VM: a hierarchy that is switched off stays so until the TPM is reset" },
    [FAILURE_EH_PASSWORD]      = { CAUSE_TPM, "take the endorsement hierarchy's password away (tpm2_changeauth -c endorsement -p OLD): the agent knows none, and without it no key can be made or enrolled" },
    [FAILURE_OWNER_PASSWORD]   = { CAUSE_AK, "do it with the owner's password yourself (tpm2_evictcontrol -C o -P OWNER -c HANDLE, tpm2_nvundefine -C o -P OWNER 0x01c101d0), or take it away (tpm2_changeauth -c owner -p OLD)" },
    [FAILURE_PCR_BANK]         = { CAUSE_TPM, "allocate the SHA-256 bank (tpm2_pcrallocate sha256:all, or the vTPM's setting) and restart the VM" },
    [FAILURE_PCR_UNSTABLE]     = { CAUSE_LOG, "find what extends the register that is named while the machine runs (its log: journalctl -b; IMA has register 10), and try again" },
    [FAILURE_EK_CERT_MISMATCH] = { CAUSE_AK, "the vTPM's state is mixed from two: make it anew" },
    [FAILURE_EK_UNUSABLE]      = { CAUSE_AK, "have the vTPM made anew with a usual endorsement key (swtpm_setup --create-ek-cert: RSA-2048 or P-384)" },
    [FAILURE_AK_REPLACED]      = { CAUSE_AK, "somebody put another key there; if that was you: trueboot-agent enroll --reset" },
    [FAILURE_SEED_CHANGED]     = { CAUSE_AK, "the vTPM was made anew; if that was meant: trueboot-agent enroll --reset" },
    [FAILURE_NOT_ENROLLED]     = { CAUSE_AK, "trueboot-agent enroll (the service does it at its start); see the network checks" },
    [FAILURE_AWAITS_APPROVAL]  = { CAUSE_AK, "an operator approves this machine at the server; its endorsement key is named at KEY.01" },
    [FAILURE_ENROLL_REFUSED]   = { CAUSE_REFUSAL, "at the server: trueboot vm add NAME --uuid UUID, and the host's CA with trueboot root add --kind ek" },
    [FAILURE_IAK_UNUSABLE]     = { CAUSE_AK, "enroll.iak = never does without it; or have its certificate made anew by whoever made the vTPM" },
    [FAILURE_ACTIVATE_FAIL]    = { CAUSE_AK, "trueboot-agent enroll once more; if it fails again, the server knows another TPM for this VM" },
    [FAILURE_IDENTITY_UNKNOWN] = { CAUSE_AK, "trueboot-agent enroll --reset; at the server, trueboot vm list shows whether it knows this VM" },
    [FAILURE_CLONE]            = { CAUSE_AK, "trueboot-agent reset in the copy, then give it a vTPM of its own; if this is the original: trueboot vm release-identity NAME at the server" },
    [FAILURE_LOG_TOO_LARGE]    = { CAUSE_LOG, "measure less: a smaller IMA policy or ima.enable = no, fewer Secure Boot keys and option ROMs" },
    [FAILURE_REFUSED]          = { CAUSE_REFUSAL, "trueboot status NAME --explain says which rule, on the server's side" },
    [FAILURE_REPORT_REFUSED]   = { CAUSE_REFUSAL, "trueboot diagnose NAME looks at the monitor's side; report.endpoint has to be the monitor" },
    [FAILURE_NONCE]            = { CAUSE_TIME, "try again; if it stays so, something between here and the server keeps or repeats answers" },
    [FAILURE_NOT_AUTHORISED]   = { CAUSE_REFUSAL, "give the agent what the server asks for: report.token_file or net.client_cert_file; else attest.endpoint is another server" },
    [FAILURE_SETTINGS_REFUSED] = { CAUSE_REFUSAL, "give the agent what the server asks for: report.token_file or net.client_cert_file; else attest.endpoint is another server" },
    [FAILURE_WRONG_ENDPOINT]   = { CAUSE_REFUSAL, "correct attest.endpoint: the server's address without the path of a call" },
    [FAILURE_SERVER_TROUBLE]   = { CAUSE_REFUSAL, "look at the server's journal (journalctl -u truebootd); the agent tries again by itself" },
    [FAILURE_BAD_ANSWER]       = { CAUSE_PROXY, "something else than the server answers, or changes answers: have the proxy or filter let this host through" },
    [FAILURE_UNREACHABLE]      = { CAUSE_FIREWALL, "see the network checks: NET.03 and TLS.01 say how far it gets" },
    [FAILURE_DNS]              = { CAUSE_DNS, "see NET.01 for the resolver and the rule that opens port 53" },
    [FAILURE_CONNECT_TIMEOUT]  = { CAUSE_FIREWALL, "see NET.03 for the rule that lets the connection through" },
    [FAILURE_PROXY_AUTH]       = { CAUSE_PROXY, "give the proxy's user:password in net.proxy_credentials_file (mode 0600), or the protected setting proxyCredential" },
    [FAILURE_CONNECT_REFUSED]  = { CAUSE_FIREWALL, "see NET.03: start the server, correct the port, or have the firewall accept instead of reject" },
    [FAILURE_PROXY_BLOCK]      = { CAUSE_PROXY, "have the proxy or filter allow this host; see PXY.02 and HTTP.01" },
    [FAILURE_TLS_UNTRUSTED]    = { CAUSE_TLS, "net.ca_file has to hold the server's CA (ca.pem), or that of the proxy that inspects TLS" },
    [FAILURE_TLS_NAME]         = { CAUSE_TLS, "call the server by a name of its certificate, which TLS.01 shows" },
    [FAILURE_TLS_TIME]         = { CAUSE_TIME, "set this machine's clock (timedatectl), or have the server's certificate renewed" },
    [FAILURE_TLS_PROTO]        = { CAUSE_TLS, "let TLS 1.2 or 1.3 through: a firewall that filters by name cuts it off, or the server is too old" },
    [FAILURE_MTU]              = { CAUSE_FIREWALL, "lower the interface's MTU (ip link set dev IF mtu 1400), or let ICMP \"fragmentation needed\" through" },
    [FAILURE_TIMEOUT]          = { CAUSE_FIREWALL, "see the network checks for the stage that stalls; net.timeout_total allows more time" },
    [FAILURE_TLS]              = { CAUSE_TLS, "correct net.ca_file, net.client_cert_file, net.client_key_file or net.pins: PEM files, and SHA-256 hashes" },
    [FAILURE_NO_ENDPOINT]      = { CAUSE_OTHER, "attest.endpoint = https://HOST:PORT in /etc/trueboot-agent/agent.conf, or --endpoint URL" },
    [FAILURE_CLOCK_SKEW]       = { CAUSE_TIME, "set this machine's clock: timedatectl set-ntp true (or install chrony)" },
    [FAILURE_AK_MISSING]       = { CAUSE_AK, "wait for the platform, or redeploy the VM if its key was evicted; on a vTPM of your own: tpm.profile = selfhosted" },
    [FAILURE_AK_CERT_PENDING]  = { CAUSE_AK, "wait: the platform writes it within an hour of the first start" },
    [FAILURE_CVM_FOUND]        = { CAUSE_OTHER, "this agent is for Trusted Launch: a confidential VM needs its own attestation client" },
    [FAILURE_BAD_SETTINGS]     = { CAUSE_OTHER, "correct the settings that are named" },
    [FAILURE_PCR_CHANGED]      = { CAUSE_LOG, "try again; if it stays so, something extends registers 0 to 7 while the machine runs" },
    [FAILURE_TOKEN_DECRYPT]    = { CAUSE_REFUSAL, "something between here and the server changes answers, or the server speaks another protocol: attest.protocol" },
    [FAILURE_CANCELLED]        = { CAUSE_OTHER, "it was told to stop: run it again" },
    [FAILURE_NO_MEMORY]        = { CAUSE_OTHER, "free some memory and run it again" },
    [FAILURE_INTERNAL]         = { CAUSE_OTHER, "a mistake of ours: trueboot-agent diagnose --bundle FILE, and report it with that file" },
};
/* clang-format on */

/* The general one, unless this system has words of its own for it. */
const char *diagnose_remedy(enum failure_id id)
{
    const char *here = diagnose_remedy_here(id);

    return here ? here : (size_t)id < ARRAY_LEN(remedies) ? remedies[id].text : NULL;
}

struct checked *diagnose_failed(struct diagnosis *d, enum check check, enum result result, const struct failure *why)
{
    struct checked *c = diagnosis_add(d, check, result, "%s [%s]", why->text, failure_name(why->id));

    c->number = failure_number(why->id);
    if (!diagnose_remedy(why->id))
        return c;
    c->cause = remedies[why->id].cause;
    if (result != RESULT_PASS)
        checked_remedy(d, c, "%s", diagnose_remedy(why->id));
    return c;
}
