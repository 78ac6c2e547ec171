/* Access lists say who may read a file there, and nobody asks them here. */
#include "agent/files/secret_file.h"

const char secret_file_remedy[] = "icacls /inheritance:r, and only SYSTEM and the Administrators may read it";

bool secret_file_is_open(const char *path UNUSED) { return false; }
bool secret_file_is_shared(const char *path UNUSED) { return false; }
