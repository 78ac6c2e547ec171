/* bootchain/chain/windows.h: which of Windows' records speak of which fact, for explaining; windows.c makes the facts. */
#pragma once
#include <stdint.h>
#include "bootchain/chain/chain.h"

/* Registers whose tagged events count: 11 to 14, and 19 and 20 after a dynamic launch. */
bool windows_register(unsigned pcr);
/* `fact`: the name of a member of struct windows_facts. */
bool windows_record_speaks_of(uint32_t id, const char *fact);
/* A protection holds only while every record says so; anything else is a danger as soon as one says so. */
bool windows_fact_is_protection(const char *fact);
/* "boot debugging"; "" for a name that is no member. */
const char *windows_fact_words(const char *fact);
