#include "diagnose/words.h"

const struct machine_words machine_words = {
    .config_file = "%ProgramData%\\trueboot-agent\\agent.conf",
    .config_folder = "%ProgramData%\\trueboot-agent\\",
    .be_privileged = "run as an administrator",
    .only_ours = "icacls /inheritance:r /grant:r SYSTEM:F Administrators:F for",
    .set_clock = "w32tm /resync (sc config w32time start= auto, sc start w32time)",
    .start_service = "sc start trueboot-agent",
    .restart_service = "sc stop trueboot-agent, then sc start trueboot-agent",
    .ask_publisher = "sc query trueboot-agent-publish: it copies them",
    .no_log = "Windows keeps it in %windir%\\Logs\\MeasuredBoot when it started by UEFI with a TPM 2.0: has this VM both?",
    .hosts_file = "%windir%\\System32\\drivers\\etc\\hosts",
};
