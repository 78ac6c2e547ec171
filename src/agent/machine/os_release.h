/* agent/machine/os_release.h: the operating system's own name, for AzureGuest's OS members (guest-agent.md 3.2). Words of the guest, for people. */
#pragma once
#include "base/bytes.h"

struct os_release {
    const char *type, *build; /* OSType and OSBuild, as the published clients of this system fill them */
    char name[128];           /* NAME without quotes, "Linux" when there is none; "Microsoft" on Windows */
    uint32_t major, minor;    /* of VERSION_ID, 1.0 when there is none, as others do; 10.0 on Windows */
    bool is_windows;
};

/* os_release_parse reads the text of /etc/os-release; whatever is wrong with it, there is an answer. */
void os_release_parse(struct bytes text, struct os_release *ret);
void os_release_read(struct os_release *ret); /* of this machine: /etc/os-release, else /usr/lib/os-release */
