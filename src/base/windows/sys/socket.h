/* base/windows/sys/socket.h: <sys/socket.h> for the Windows build. */
#pragma once
#include <winsock2.h>
#include <ws2tcpip.h>
