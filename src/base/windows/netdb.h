/* base/windows/netdb.h: <netdb.h> for the Windows build. */
#pragma once
#include <sys/socket.h>
#ifndef EAI_NODATA
#define EAI_NODATA WSANO_DATA
#endif
