/* base/windows/arpa/inet.h: inet_pton for the Windows build. */
#pragma once
#include <winsock2.h>
#include <ws2tcpip.h>
