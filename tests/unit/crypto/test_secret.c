/* Memory for secrets: where it lies, what is left of it, and what happens where nothing may be locked. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "crypto/privkey.h"
#include "crypto/secret.h"
#include "support/test.h"

/* The VmFlags of the mapping that holds `p`: " rd wr mr lo dd …"; empty when there is none. */
static void flags_of(const void *p, char out[static 200])
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    unsigned long from, to, at = (unsigned long)p;
    char line[400];
    bool here = false;

    out[0] = 0;
    while (maps && fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2 && strchr(line, '-') < strchr(line, ' '))
            here = from <= at && at < to;
        else if (here && strncmp(line, "VmFlags:", 8) == 0)
            snprintf(out, 200, "%.190s", line + 8);
    }
    if (maps)
        fclose(maps);
}

static int in_a_child(int (*run)(void))
{
    pid_t child = fork();
    int status = -1;

    if (child == 0)
        _exit(run());
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

enum { FINE, NO_HEAP, DUMPED, NOT_LOCKED, LEFT_BEHIND, NO_KEY, SKIPPED, WRONG_GUARD };

static int locked_and_wiped(void)
{
    enum secret_guard guard = secret_memory_init();
    volatile const char *seen;
    char flags[200], *text;

    if (guard == SECRET_WIPED)
        return NO_HEAP;
    if (secret_memory_init() == SECRET_WIPED) /* a second time is fine */
        return NO_HEAP;
    text = secret_text("user:a password of some length");
    if (!text || strcmp(text, "user:a password of some length") != 0)
        return NO_HEAP;
    flags_of(text, flags);
    if (!strstr(flags, " dd"))
        return DUMPED;
    if (guard == SECRET_LOCKED && !strstr(flags, " lo"))
        return NOT_LOCKED;
    seen = text;
    secret_text_free(text);
    for (int i = 20; i < 30; i++) /* the heap stays mapped; what is in front is its own bookkeeping */
        if (seen[i] == "user:a password of some length"[i])
            return LEFT_BEHIND;
    return FINE;
}

TEST(a_secret_lies_locked_in_no_dump_and_is_wiped)
{
#if defined(__SANITIZE_ADDRESS__)
    SKIP("AddressSanitizer watches memory that was given back");
#endif
    CHECK_INT(in_a_child(locked_and_wiped), FINE);
}

static int nothing_may_be_locked(void)
{
    const struct rlimit none = { 0, 0 };
    struct privkey *key CLEANUP(privkey_free_at) = NULL;
    uint8_t signature[PRIVKEY_SIGNATURE_MAX];
    struct err err = ERR_INIT;
    size_t len = 0;
    char flags[200], *text;

    if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 || (geteuid() == 0 && setuid(65534) != 0))
        return SKIPPED;
    if (secret_memory_init() == SECRET_LOCKED)
        return WRONG_GUARD;
    text = secret_text("secret");
    if (!text)
        return NO_HEAP;
    flags_of(text, flags);
    secret_text_free(text);
    if (!privkey_generate(PRIVKEY_RSA_2048, &key, &err) ||
        !privkey_sign(key, SIGNATURE_RSAPSS, DIGEST_SHA256, BYTES_LIT("x"), signature, &len, &err))
        return NO_KEY;
    return strstr(flags, " dd") ? FINE : DUMPED;
}

TEST(where_nothing_may_be_locked_everything_works_and_no_dump_holds_it)
{
    int result = in_a_child(nothing_may_be_locked);

    if (result == SKIPPED)
        SKIP("the limit cannot be set here");
    CHECK_INT(result, FINE);
}

static int many_keys(void)
{
    struct privkey *keys[40] = { 0 };
    struct err err = ERR_INIT;
    void *large;

    if (secret_memory_init() == SECRET_WIPED)
        return NO_HEAP;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) /* more than one process ever has at once */
        if (!privkey_generate(PRIVKEY_P256, &keys[i], &err))
            return NO_KEY;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        privkey_free(keys[i]);
    large = secret_alloc(1 << 20); /* does not fit, and is there all the same */
    if (!large)
        return NO_HEAP;
    memset(large, 7, 1 << 20);
    secret_free(large, 1 << 20);
    secret_free(NULL, 0);
    secret_text_free(NULL);
    return secret_text(NULL) == NULL ? FINE : NO_HEAP;
}

TEST(the_heap_has_room_for_many_keys_and_large_secrets_lie_elsewhere) { CHECK_INT(in_a_child(many_keys), FINE); }

TEST(without_a_heap_a_secret_is_only_wiped)
{
    char *text = secret_text("secret"); /* nobody called secret_memory_init() in this process */

    CHECK_STRING(text, "secret");
    secret_text_free(text);
}
