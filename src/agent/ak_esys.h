/* agent/ak_esys.h: the key as ESAPI knows it, for the files that command it (quote.c, ek.c). */
#pragma once
#include "agent/ak.h"

unsigned ak_esys_object(const struct ak *ak); /* an ESYS_TR, valid until ak_close() */
