/* Writes a stock boot as a guest would find it, for clients that are not written in C: $TRUEBOOT_BOOT_FOLDER/log, and in registers 24 lines
 * of hexadecimal, bank SHA-256. */
#include <stdlib.h>
#include "base/file.h"
#include "base/hex.h"
#include "support/attestation_fixture.h"
#include "support/test.h"

TEST(a_boot_is_written)
{
    const char *folder = getenv("TRUEBOOT_BOOT_FOLDER");
    struct arena a CLEANUP(arena_done) = { 0 };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct test_boot boot;
    struct err err = ERR_INIT;

    REQUIRE(folder && test_boot_make(&a, &(struct boot_shape){ 0 }, &boot));
    for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++)
        write_printf(&w, "%s\n", hex_in(&a, digest_bytes(&boot.registers.banks[0].value[pcr])));
    REQUIRE_OK(file_write(arena_printf(&a, "%s/log", folder), boot.log, 0644, &err), err);
    REQUIRE_OK(file_write(arena_printf(&a, "%s/registers", folder), writer_bytes(&w), 0644, &err), err);
}
