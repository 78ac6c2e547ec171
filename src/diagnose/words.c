#include "diagnose/words.h"

const struct machine_words machine_words = {
    .config_file = "/etc/trueboot-agent/agent.conf",
    .config_folder = "/etc/trueboot-agent/",
    .be_privileged = "run as root",
    .only_ours = "chmod 0600",
    .set_clock = "timedatectl set-ntp true",
    .start_service = "systemctl start trueboot-agent.service",
    .restart_service = "systemctl restart trueboot-agent.service",
    .ask_publisher = "systemctl status trueboot-agent-publish.timer trueboot-agent-publish.service: it copies them",
    .no_log = "mount securityfs; an old kernel or a TPM that firmware does not know keeps no log",
    .hosts_file = "/etc/hosts",
};
