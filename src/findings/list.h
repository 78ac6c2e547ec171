/* findings/list.h: the one list of findings. Included with X defined; no include guard on purpose.
 *
 * X(name, id, severity, phase, title, why, remedy)
 * To add one: a row here, a check that raises it, a test that sees it. tests/unit/findings pins the ids. */

/* evidence: the quote */
X(QUOTE_MALFORMED, "quote.malformed", CRITICAL, EVIDENCE, "Quote cannot be read", "The TPM's statement is not a well-formed TPMS_ATTEST.",
  "Update trueboot-agent in {vm} and attest again.")
X(QUOTE_MAGIC, "quote.magic", CRITICAL, EVIDENCE, "Not made by a TPM",
  "Only a structure that begins with TPM_GENERATED_VALUE was produced inside a TPM.",
  "Treat {vm} as compromised until explained: somebody signed a forged structure.")
X(QUOTE_TYPE, "quote.type", CRITICAL, EVIDENCE, "Not a quote", "The TPM signed something, but not a statement about PCRs.",
  "Treat {vm} as compromised until explained.")
X(QUOTE_SIGNATURE, "quote.signature", CRITICAL, EVIDENCE, "Quote's signature is wrong",
  "The registers were not signed by this VM's attestation key.", "Re-enrol {vm}; if it happens again, treat it as compromised.")
X(QUOTE_ALGORITHM, "quote.algorithm", CRITICAL, EVIDENCE, "Signature algorithm not accepted", "Weak algorithms can be forged.",
  "Use an RSA-2048 (or larger) or NIST-curve attestation key with SHA-256 or better.")
X(QUOTE_NONCE, "quote.nonce", CRITICAL, EVIDENCE, "Quote is not fresh",
  "The quote does not contain the challenge: it may be a recording of an earlier boot.",
  "Attest again; if it stays, treat {vm} as compromised.")
X(QUOTE_SELECTION, "quote.selection", CRITICAL, EVIDENCE, "Quote covers other registers",
  "The registers shown are not exactly those that the TPM signed.", "Update trueboot-agent in {vm} and attest again.")
X(QUOTE_PCR_MISSING, "quote.pcr_missing", CRITICAL, EVIDENCE, "A required register is not quoted",
  "What a quote leaves out cannot be judged.", "Quote every register of the policy's required_pcr_mask in a SHA-256 or better bank.")
X(QUOTE_DIGEST, "quote.pcr_digest", CRITICAL, EVIDENCE, "Register values do not match the quote",
  "The values sent are not those that the TPM signed.", "Attest again: a register may have moved between reading and quoting.")
X(QUOTE_BANK, "quote.bank_weak", CRITICAL, EVIDENCE, "Only a weak PCR bank is quoted", "SHA-1 registers alone can be imitated.",
  "Activate the TPM's SHA-256 bank in {vm}'s firmware settings.")
X(QUOTE_CLOCK_UNSAFE, "quote.clock_unsafe", INFO, EVIDENCE, "TPM was not shut down cleanly",
  "The TPM's clock may have stepped back after a power loss.", "Nothing to do.")

/* evidence: identity */
X(AK_UNTRUSTED, "tpm.ak_untrusted", CRITICAL, EVIDENCE, "Attestation key is not vouched for",
  "Nobody we trust says that this key lives in a TPM.",
  "Enrol {vm} (trueboot-agent enroll), or add the issuer with `trueboot root add --kind ak FILE`; off line, name it with --ak-root.")
X(AK_ATTRIBUTES, "tpm.ak_attributes", CRITICAL, EVIDENCE, "Attestation key is not a restricted TPM key",
  "A key that signs anything can sign a forged quote.",
  "Create the key with restricted, sign, fixedTPM, fixedParent and sensitiveDataOrigin.")
X(AK_PUBLIC, "tpm.ak_public", CRITICAL, EVIDENCE, "Certificate and public area name different attestation keys",
  "What the certificate vouches for is not the key that was shown.", "Update the agent in {vm} and attest again.")
X(AK_REPLACED, "tpm.ak_replaced", CRITICAL, EVIDENCE, "Attestation key was replaced",
  "The evidence is signed by another key than the one enrolled for this VM.",
  "Find out who changed the TPM's key in {vm}; then enrol again.")
X(EK_REFUSED, "tpm.ek_refused", CRITICAL, EVIDENCE, "Endorsement certificate refused",
  "The certificate that says which TPM this is does not hold.",
  "Register the host CA with `trueboot root add --kind ek FILE`, or re-create the vTPM.")
X(TPM_IDENTITY_DUPLICATED, "tpm.identity_duplicated", CRITICAL, EVIDENCE, "Two VMs share one TPM identity",
  "A copied vTPM lets one machine answer for another.",
  "Give each copy its own vTPM; run `trueboot-agent reset` before capturing a template.")
X(TPM_ROLLBACK, "tpm.rollback", HIGH, EVIDENCE, "TPM state went back in time",
  "Counters are lower than last seen: a snapshot was restored or the TPM was cleared.",
  "Confirm that {vm} was restored on purpose, then `trueboot baseline approve {vm}`.")
X(TPM_EVIDENCE_LATE, "tpm.evidence_late", MEDIUM, EVIDENCE, "Evidence came after newer evidence",
  "It was made before what this VM has attested since, and says nothing about now.", "Nothing to do: the next attestation settles it.")
X(TPM_NONE, "tpm.none", CRITICAL, EVIDENCE, "No virtual TPM", "Without a TPM nothing can be attested.",
  "Stop {vm} and give it a vTPM (`--enable-vtpm`).")

/* evidence: a second key that the attestation key vouches for */
X(CERTIFY_MALFORMED, "certify.malformed", CRITICAL, EVIDENCE, "Certification cannot be read",
  "The TPM's statement about the key is not a well-formed TPMS_ATTEST, or its signature has no known form.",
  "Update the agent in {vm} and attest again.")
X(CERTIFY_MAGIC, "certify.magic", CRITICAL, EVIDENCE, "Certification was not made by a TPM",
  "Only a structure that begins with TPM_GENERATED_VALUE was produced inside a TPM.", "Treat {vm} as compromised until explained.")
X(CERTIFY_TYPE, "certify.type", CRITICAL, EVIDENCE, "Not a certification", "The TPM signed something, but not a statement about a key.",
  "Treat {vm} as compromised until explained.")
X(CERTIFY_SIGNATURE, "certify.signature", CRITICAL, EVIDENCE, "Certification's signature is wrong",
  "The attestation key did not vouch for this key.", "Attest again; if it happens again, treat {vm} as compromised.")
X(CERTIFY_NONCE, "certify.nonce", CRITICAL, EVIDENCE, "Certification is not fresh",
  "It does not contain the challenge: it may be a recording.", "Attest again.")
X(CERTIFY_SIGNER, "certify.signer", CRITICAL, EVIDENCE, "Quote and certification are of different keys",
  "Both must come from one attestation key of one TPM.", "Treat {vm} as compromised until explained.")
X(CERTIFY_NAME, "certify.name", CRITICAL, EVIDENCE, "Another key is certified",
  "The attestation key vouches for another key than the one shown.", "Treat {vm} as compromised until explained.")
X(SEALING_KEY, "sealing_key.attributes", CRITICAL, EVIDENCE, "Key for the answer does not protect it",
  "An answer encrypted to it could be opened elsewhere, or without the attested registers.", "Update the agent in {vm} and attest again.")
X(SEALING_POLICY, "sealing_key.policy", CRITICAL, EVIDENCE, "Key for the answer is not bound to the quoted registers",
  "It would open the answer in another state than the one attested.", "Attest again: a register may have moved since the key was made.")
X(BOOT_ATTESTATION_KEY, "boot_attestation.other_key", CRITICAL, EVIDENCE, "Evidence of the boot is signed by another key",
  "What was attested at boot and what is attested now must come from one TPM.",
  "Attest again; if it happens again, treat {vm} as compromised.")
X(BOOT_ATTESTATION_OTHER, "boot_attestation.other_boot", CRITICAL, EVIDENCE, "Evidence of the boot is of another boot",
  "Only a quote since the same reset of the TPM says how this machine started.",
  "Attest again; if it happens again, treat {vm} as compromised.")
X(ISOLATION, "isolation.unsupported", CRITICAL, EVIDENCE, "Isolation evidence that nobody here can verify",
  "A hardware report of a confidential VM came along; taking the VM for less than it says would hide a lie.",
  "Attest as a Trusted Launch VM, or at a service that verifies SEV-SNP and TDX reports.")

/* evidence: the logs */
X(LOG_MISSING, "log.missing", HIGH, EVIDENCE, "No event log", "Register values alone do not say what was loaded.",
  "Boot {vm} through the EFI stub (`linuxefi` in GRUB, or a unified kernel image), so that the kernel receives the firmware's log.")
X(LOG_MALFORMED, "log.malformed", CRITICAL, EVIDENCE, "Event log cannot be read", "The log breaks the TCG format at the place given.",
  "Attest again; if it stays, report the firmware and keep the log.")
X(LOG_TRUNCATED, "log.truncated", HIGH, EVIDENCE, "Event log ends too early", "Events are missing at the end of the log.",
  "Enlarge the firmware's log area, or update the firmware.")
X(LOG_REPLAY_MISMATCH, "log.replay_mismatch", CRITICAL, EVIDENCE, "Event log does not explain a register",
  "The log, replayed, gives another value than the TPM signed: events were added, removed or changed.",
  "Treat {vm} as compromised until explained; compare with `trueboot eventlog replay --pcrs`.")
X(LOG_PCR_UNEXPLAINED, "log.pcr_unexplained", CRITICAL, EVIDENCE, "A register changed without any event",
  "The TPM's register was extended, but no event of the log says by what.", "Send the complete log, systemd's measurement log included; where register 15 has none (systemd 252 to 254), `trueboot baseline approve {vm}`.")
X(LOG_BANK_UNEXTENDED, "log.bank_unextended", CRITICAL, EVIDENCE, "A PCR bank was never extended by firmware",
  "Software could fill an unused bank with any history it likes (CVE-2021-42299).", "Update the firmware, or deactivate the bank.")
X(LOG_UNKNOWN_EVENT, "log.unknown_event", HIGH, EVIDENCE, "Unknown kind of event in a register that matters",
  "An event's type is not covered by its digest: an unknown type can hide a genuine event.",
  "Report the firmware and its event type to trueboot's maintainers; until it is known, treat {vm} as compromised.")
X(LOG_SEPARATOR, "log.separator", HIGH, EVIDENCE, "Separator missing, repeated or wrong",
  "The separator closes the firmware's part of a register; without it later software could pose as firmware.",
  "Update the firmware; if it is current, treat {vm} as compromised until explained.")
X(LOG_SEPARATOR_ERROR, "log.separator_error", HIGH, EVIDENCE, "Firmware recorded an error", "The firmware says that measuring failed.",
  "Look at the firmware's messages and update it.")
X(LOG_AFTER_SEPARATOR, "log.after_separator", HIGH, EVIDENCE, "Event after the separator",
  "An event of the firmware's own part came after that part was closed.", "Treat {vm} as compromised until explained.")
X(LOG_DUPLICATE_VARIABLE, "log.duplicate_variable", HIGH, EVIDENCE, "Secure Boot variable measured twice",
  "Two different statements about one variable: at most one is genuine.", "Treat {vm} as compromised until explained.")
X(LOG_UNPROVED, "log.unproved", MEDIUM, EVIDENCE, "Event data does not match its digest",
  "The text of this event is not what the TPM recorded, so nothing is believed from it.",
  "Compare the event with the firmware's documentation.")
X(LOG_PARTIAL_EVENT, "log.partial_event", HIGH, EVIDENCE, "Event recorded in some banks only",
  "Firmware and loaders extend every bank: an event that lacks one was cut in two to hide it, or put there by a program.",
  "Treat {vm} as compromised until explained; if a program of yours extends one bank only, let it extend all.")
X(LOG_LOCALITY, "log.locality", HIGH, EVIDENCE, "Startup locality out of place",
  "The event that sets register 0's start value came twice, late, or with a wrong value.", "Update the firmware.")
X(LOG_TRAILING, "log.trailing", INFO, EVIDENCE, "Bytes after the last event",
  "Padding or foreign records follow the log's end; they are ignored.", "Nothing to do.")
X(LOG_EXIT_BOOT_SERVICES, "log.exit_boot_services", MEDIUM, EVIDENCE, "No ExitBootServices event",
  "Without it the end of the firmware's part is not proved.", "Boot through the EFI stub.")
X(LOG_CONFIDENTIAL, "log.confidential", HIGH, EVIDENCE, "Log of a confidential VM's own registers",
  "Its events went into measurement registers of the processor; no TPM's quote says anything about them.",
  "Send the log that belongs to the TPM (binary_bios_measurements); nobody here judges measurement registers yet.")
X(LOG_COMPONENTS, "log.too_many_components", HIGH, EVIDENCE, "More was measured than can be judged",
  "What lies past the limit is neither looked at nor compared.",
  "If this boot is genuine, shorten what its loader measures (e.g. GRUB's menu); otherwise treat {vm} as compromised until explained.")
X(IMA_MISMATCH, "ima.replay_mismatch", HIGH, EVIDENCE, "IMA list does not explain register 10",
  "The kernel's list of measured files does not reproduce the quoted value.",
  "Attest again. A kernel that was resumed from hibernation, or that kexec started without the list of the first, stays like this until "
  "{vm} is restarted; if it is not one of these, or stays after a restart, treat {vm} as compromised until explained.")
X(IMA_RESUMED, "ima.resumed", HIGH, EVIDENCE, "The kernel outlived the TPM's registers",
  "So it is after hibernation: the TPM began anew, and the kernel that runs came from the disk, where nothing measured it.",
  "If {vm} was hibernated, restart it (a full boot, no resume) and attest again; `nohibernate` on its command line prevents it. If not, "
  "treat {vm} as compromised until explained.")
X(IMA_MALFORMED, "ima.malformed", HIGH, EVIDENCE, "IMA list cannot be read", "The list breaks its format at the place given.",
  "Attest again with the complete list.")
X(IMA_INCOMPLETE, "ima.incomplete", INFO, EVIDENCE, "IMA list has not come completely",
  "A long list comes in pieces; until the last one came, it proves nothing.", "Nothing to do: the agent sends the rest at once.")
X(SYSTEMD_LOG_MALFORMED, "systemd_log.malformed", HIGH, EVIDENCE, "systemd's measurement log cannot be read",
  "Registers that user space extends cannot be explained.", "Attest again with the complete /run/log/systemd/tpm2-measure.log.")

/* the boots that are accepted beside each other */
X(BASELINE_WITHDRAWN, "baseline.withdrawn", MEDIUM, EVIDENCE, "A boot that is not accepted any more",
  "It was accepted once, and somebody withdrew that or its time was over: an older boot may have holes that a newer one closes.",
  "Boot {vm} as it is accepted now; or, if this one shall stay, `trueboot baseline approve {vm} --pin`.")
X(BASELINE_OLDER_BOOT, "baseline.older_boot", LOW, EVIDENCE, "An older accepted boot",
  "It is accepted, but a newer one was approved since: an attacker may prefer the older one.",
  "If both shall stay, `trueboot baseline pin {vm} VERSION`; if this one shall not, `trueboot baseline reject {vm} VERSION`.")

/* firmware */
X(FIRMWARE_CHANGED, "firmware.changed", MEDIUM, FIRMWARE, "Firmware changed",
  "Another firmware build ran than the one accepted for this VM.",
  "If the host's firmware was updated, `trueboot baseline approve {vm}`; otherwise look at the host.")
X(FIRMWARE_CONFIG, "firmware.config", LOW, FIRMWARE, "Machine shape or firmware settings changed",
  "Memory size, CPU count or boot entries differ; no code or key changed.",
  "Nothing to do if the VM was resized or its boot entries edited on purpose.")
X(FIRMWARE_OPTION_ROM, "firmware.option_rom", MEDIUM, FIRMWARE, "Third-party firmware code ran",
  "A device's option ROM runs with the firmware's rights.",
  "Remove the device or its ROM (`romfile=` for QEMU), or `trueboot baseline approve {vm}`.")
X(FIRMWARE_DEBUGGER, "firmware.debugger", HIGH, FIRMWARE, "Firmware debugger enabled", "A debugger can change anything while it boots.",
  "Disable the UEFI debugger.")
X(FIRMWARE_DMA, "firmware.dma_protection_disabled", HIGH, FIRMWARE, "DMA protection disabled",
  "A device could write into memory while the firmware runs.", "Enable DMA protection in the firmware's settings.")
X(BOOT_GPT_CHANGED, "boot.gpt_changed", LOW, LOADER, "Disk layout changed", "The partition table differs; no image or key changed.",
  "Nothing to do if the disk was resized or repartitioned on purpose.")
X(BOOT_ORDER_CHANGED, "boot.order_changed", LOW, FIRMWARE, "Boot entries changed",
  "Entries or their order differ; the images that ran did not.", "Nothing to do if an entry was added on purpose.")

/* Secure Boot policy */
X(SECUREBOOT_DISABLED, "secureboot.disabled", HIGH, SECURE_BOOT_POLICY, "Secure Boot is off",
  "The firmware started whatever lay on the disk, signed or not.",
  "Switch Secure Boot on: `trueboot vm stop {vm}`, `trueboot vm start {vm} --enable-secure-boot`.")
X(SECUREBOOT_UNPROVED, "secureboot.unproved", HIGH, SECURE_BOOT_POLICY, "Secure Boot state is not proved",
  "The log does not prove in register 7 whether Secure Boot was on.", "Boot with firmware that measures the SecureBoot variable.")
X(SECUREBOOT_SETUP_MODE, "secureboot.setup_mode", HIGH, SECURE_BOOT_POLICY, "Firmware is in setup mode",
  "Without a platform key anybody in the guest may replace the keys.", "Enrol a platform key (PK).")
X(SECUREBOOT_AUDIT_MODE, "secureboot.audit_mode", HIGH, SECURE_BOOT_POLICY, "Firmware is in audit mode",
  "Images are checked, and started even if the check fails.", "Leave audit mode.")
X(SECUREBOOT_SHIM_INSECURE, "secureboot.shim_validation_disabled", HIGH, SECURE_BOOT_POLICY, "shim's validation is switched off",
  "shim starts unsigned images although the firmware says Secure Boot.", "Run `mokutil --enable-validation` in {vm} and reboot.")
X(SECUREBOOT_KEYS_CHANGED, "secureboot.keys_changed", MEDIUM, SECURE_BOOT_POLICY, "Secure Boot keys changed",
  "PK, KEK or db decide what may start; they are not the ones accepted.",
  "If you changed the keys, `trueboot baseline approve {vm}`; otherwise restore the VM's variables.")
X(SECUREBOOT_DBX_CHANGED, "secureboot.dbx_updated", INFO, SECURE_BOOT_POLICY, "Revocation list grew",
  "More images are forbidden than before; everything that ran is still allowed.", "Nothing to do.")
X(SECUREBOOT_DBX_SHRUNK, "secureboot.dbx_shrunk", HIGH, SECURE_BOOT_POLICY, "Revocation list shrank",
  "Images that were forbidden may start again.", "Restore the VM's dbx; treat {vm} as compromised until explained.")
X(SECUREBOOT_DBX_OLD, "secureboot.dbx_outdated", LOW, SECURE_BOOT_POLICY, "Revocation list is old",
  "Loaders with known holes are still allowed to start.", "Install the current dbx update in {vm} (fwupdmgr update).")
X(SECUREBOOT_AUTHORITY, "secureboot.authority_changed", MEDIUM, SECURE_BOOT_POLICY, "Another key authorised the boot",
  "An image was accepted because of a certificate that did not vouch for one before.",
  "If the loader's vendor changed, `trueboot baseline approve {vm}`.")
X(SECUREBOOT_AUTHORITY_MISSING, "secureboot.authority_missing", MEDIUM, SECURE_BOOT_POLICY, "Nobody authorised what was loaded",
  "Secure Boot says on, but register 7 names no certificate that let an image start.",
  "Do not start a kernel directly from the hypervisor (-kernel).")
X(SECUREBOOT_MOK_CHANGED, "secureboot.mok_changed", MEDIUM, SECURE_BOOT_POLICY, "Machine owner keys changed",
  "Keys that shim trusts besides the firmware's differ.", "If you enrolled the key, `trueboot baseline approve {vm}`.")
X(SBAT_OLD, "secureboot.sbat_outdated", LOW, SECURE_BOOT_POLICY, "SBAT revocation level is old",
  "Old vulnerable loader generations are still accepted by shim.", "Update shim and its SBAT level in {vm}.")
X(SBAT_CHANGED, "secureboot.sbat_changed", MEDIUM, SECURE_BOOT_POLICY, "SBAT revocation level changed",
  "The level that shim enforces is not the one accepted.", "If shim was updated, `trueboot baseline approve {vm}`.")
X(SECUREBOOT_LIST_MALFORMED, "secureboot.list_malformed", MEDIUM, SECURE_BOOT_POLICY, "Key list cannot be read",
  "A Secure Boot variable breaks its format: which keys decide is not known.",
  "Restore {vm}'s Secure Boot variables; if they are current, report the firmware.")
X(SECUREBOOT_TEST_KEY, "secureboot.test_platform_key", LOW, SECURE_BOOT_POLICY, "A Secure Boot key is a test key",
  "Test keys are shared by many machines, and the private halves of some are public (CVE-2024-8105, Debian's snakeoil variables): whoever "
  "has one may replace other keys, or sign loaders.",
  "Update {vm}'s firmware, or enrol keys of your own.")
X(SECUREBOOT_CA_2011, "secureboot.ca_2011_only", INFO, SECURE_BOOT_POLICY, "Only the 2011 Microsoft keys are enrolled",
  "They expire from 2026 on; loaders signed with the 2023 keys will not start.", "Plan the Secure Boot certificate update.")

/* loader */
X(BOOT_REVOKED_IMAGE, "boot.revoked_image", CRITICAL, LOADER, "A revoked image ran",
  "This image is on the revocation list: it has a known hole.", "Update the loader in {vm} and its dbx; check the VM for compromise.")
X(BOOT_REVOKED_SIGNER, "boot.revoked_signer", CRITICAL, LOADER, "An image of a revoked signer ran",
  "The certificate that authorised this image is on the revocation list.", "Update the loader in {vm} and its dbx.")
X(BOOT_REVOCATIONS_UNCHECKED, "boot.revocations_unchecked", INFO, LOADER, "Images were not looked up in the revocation lists",
  "The lists name images by SHA-256, and register 4 was not quoted in that bank.",
  "Have {vm} quote its SHA-256 bank; activate it in the TPM if it is off.")
X(BOOT_NO_IMAGE, "boot.no_image", MEDIUM, LOADER, "No boot image was measured",
  "Register 4 holds no loaded image: the kernel came past the measured way (e.g. QEMU -kernel).", "Boot from disk through the firmware.")
X(BOOT_LOADER_CHANGED, "boot.loader_changed", MEDIUM, LOADER, "Boot loader changed",
  "Another loader ran than the one accepted for this VM.", "If the loader was updated, `trueboot baseline approve {vm}`.")
X(BOOT_CHAIN_CHANGED, "boot.chain_changed", MEDIUM, LOADER, "Boot chain changed",
  "An accepted step of the boot is missing or a new one appeared.",
  "If the boot chain was changed on purpose, `trueboot baseline approve {vm}`.")

/* OS */
X(BOOT_KERNEL_CHANGED, "boot.kernel_changed", MEDIUM, OS, "Kernel changed", "Another kernel ran than the one accepted for this VM.",
  "If the kernel was updated, `trueboot baseline approve {vm}`; otherwise restore it.")
X(BOOT_INITRD_CHANGED, "boot.initrd_changed", MEDIUM, OS, "Initial RAM disk changed",
  "The first user space that runs is not the accepted one; nobody signs it.",
  "If it was rebuilt on purpose, `trueboot baseline approve {vm}`.")
X(BOOT_INITRD_UNMEASURED, "boot.initrd_unmeasured", MEDIUM, OS, "Initial RAM disk is not measured",
  "Nothing proves which initramfs ran: it can be changed without a trace.",
  "Use a unified kernel image, or accept this chain explicitly in the baseline.")
X(BOOT_CMDLINE_CHANGED, "boot.cmdline_changed", MEDIUM, OS, "Kernel command line changed",
  "The command line decides what the kernel protects.",
  "If you changed it, `trueboot baseline approve {vm}`; otherwise restore it on the disk.")
X(BOOT_CMDLINE_FORBIDDEN, "boot.cmdline_forbidden", HIGH, OS, "Dangerous kernel option",
  "This option switches off a protection or replaces the first program.", "Remove the option from {vm}'s command line.")
X(BOOT_CONFIG_CHANGED, "boot.config_changed", MEDIUM, OS, "Loader configuration changed",
  "A file or command of the boot loader differs from the accepted one.", "If you changed it, `trueboot baseline approve {vm}`.")
X(BOOT_UKI_CHANGED, "boot.uki_changed", MEDIUM, OS, "Unified kernel image's content changed",
  "A section of the image differs from the accepted one.", "If the image was rebuilt on purpose, `trueboot baseline approve {vm}`.")
X(BOOT_UNPROVED, "boot.unproved", MEDIUM, OS, "A boot step is not proved",
  "The event's text does not hash to its digest, so it counts for nothing.", "Compare the event with the loader's documentation.")
X(USERSPACE_CHANGED, "userspace.changed", MEDIUM, OS, "User-space measurement changed",
  "A register that the operating system extends differs from the accepted value.",
  "If it was changed on purpose, `trueboot baseline approve {vm}`.")
X(PCR_CHANGED, "pcr.changed", MEDIUM, EVIDENCE, "A register differs and no log explains it", "The quoted value is not the accepted one.",
  "Send the event log with the evidence; see `log.missing`.")
X(BASELINE_BANKS, "baseline.no_common_bank", MEDIUM, EVIDENCE, "Baseline is of another PCR bank",
  "The accepted boot and this one were measured with different hash algorithms only.",
  "If the vTPM's banks were changed on purpose, `trueboot baseline approve {vm}`.")
X(VALUE_PCR_USED, "pcr.application_used", INFO, OS, "Application registers were used",
  "Registers 16 and 23 belong to programs; they are shown, not judged.", "Nothing to do.")
X(DRTM_UNEXPECTED, "pcr.drtm_unexpected", HIGH, EVIDENCE, "Dynamic-launch registers are not in their reset state",
  "Registers 17 to 22 changed without a measured launch.", "Treat {vm} as compromised until explained.")
X(PCR_RESET, "pcr.reset", CRITICAL, EVIDENCE, "Firmware registers are empty",
  "Registers 0 to 7 have their reset value although an operating system runs.", "Treat {vm} as compromised until explained.")

/* OS facts that Windows measures */
X(OS_TEST_SIGNING, "os.test_signing", HIGH, OS, "Test signing is on", "Drivers with test signatures may run.",
  "Run `bcdedit /set testsigning off` in {vm} and reboot.")
X(OS_BOOT_DEBUGGING, "os.boot_debugging", HIGH, OS, "Boot debugging is on", "A debugger can change the boot.",
  "Run `bcdedit /bootdebug off` in {vm} and reboot.")
X(OS_KERNEL_DEBUGGING, "os.kernel_debugging", HIGH, OS, "Kernel debugging is on", "A debugger can change the running kernel.",
  "Run `bcdedit /debug off` in {vm} and reboot.")
X(OS_SAFE_MODE, "os.safe_mode", MEDIUM, OS, "Booted in safe mode", "Protections do not start in safe mode.", "Reboot {vm} normally.")
X(OS_CODE_INTEGRITY, "os.code_integrity_disabled", HIGH, OS, "Code integrity is off", "Unsigned drivers may run.",
  "Enable code integrity in {vm}.")

/* the running kernel: proved where IMA's list says it, else the guest's own words, which the text says */
X(OS_MODULE_UNSIGNED, "os.module_unsigned", LOW, OS, "Unsigned kernel module",
  "Code that no trusted key vouches for was given to the kernel, or runs in it.",
  "Remove the module from {vm} or sign it with a machine owner key, and reboot.")
X(OS_MODULE_REFUSED, "os.module_refused", LOW, OS, "Kernel module refused",
  "A driver failed validation: somebody tried to load it, or it is missing a signature that it needs.",
  "Find out who loads the module in {vm}; sign it (`mokutil --import KEY`) or remove it.")
X(OS_MODULE_SIGNATURES, "os.module_signatures_not_enforced", LOW, OS, "Module signatures are not enforced",
  "Root can load any code into the kernel.",
  "Boot {vm} with Secure Boot, which locks the kernel down, or add `module.sig_enforce=1` to its command line.")
X(OS_LOCKDOWN, "os.lockdown_off", LOW, OS, "Kernel is not locked down",
  "With Secure Boot on, root can still change the running kernel (kexec, /dev/mem, unsigned modules).",
  "Use a kernel that locks itself down under Secure Boot, or add `lockdown=integrity` to {vm}'s command line.")
X(OS_KERNEL_TAINTED, "os.kernel_tainted", INFO, OS, "Kernel is tainted",
  "Something runs in, or happened to, the kernel that its makers do not answer for.",
  "Nothing to do if the module is wanted; `cat /proc/sys/kernel/tainted` in {vm} shows the mask.")
X(OS_KEXEC, "os.kexec", INFO, OS, "Another kernel was made ready with kexec",
  "A kernel that is started this way is not measured by the firmware.",
  "Nothing to do for a crash kernel (kdump); otherwise find out who prepared it.")

/* policy */
X(POLICY_DENIED, "policy.denied", HIGH, EVIDENCE, "Policy denies this boot", "A deny rule of the attestation policy fired.",
  "See the rule in `trueboot policy show`.")
X(POLICY_NOT_PERMITTED, "policy.not_permitted", HIGH, EVIDENCE, "Policy does not permit this boot",
  "No permit rule of the attestation policy fired.", "See `trueboot policy show`.")
X(POLICY_ERROR, "policy.error", HIGH, EVIDENCE, "Policy failed to run", "A policy that cannot be evaluated permits nothing.",
  "Correct the policy; `trueboot policy test` shows the place.")
