/* agent/handler/service_scm.h: the names of our two services at Windows' service control manager.
 *
 *   trueboot-agent          the daemon, as LocalService with a token restricted to what names the service
 *   trueboot-agent-publish  passes its status on to the VM agent, as the system's own account without privileges; with a VM extension only */
#pragma once

#define SCM_DAEMON    L"trueboot-agent"
#define SCM_PUBLISHER L"trueboot-agent-publish"
