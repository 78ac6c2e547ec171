/* What a cycle like the one before costs, in things that can be counted: a time says little on a busy machine. The functions counted stand in front of the
 * libraries' own, and count only what the thread of the agent asks for: TPM and server live in this process, too. */
#define _GNU_SOURCE
#define OPENSSL_SUPPRESS_DEPRECATED
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>
#include <openssl/sha.h>
#include "agent/daemon/run.h"
#include "http/server/server.h"
#include "unit/agent/guest.h"

#define LOG TESTS_ROOT "/data/boots/clean.log"

struct costs {
    unsigned waits_for_disk, renames, opens, connections, tpm_commands; /* swtpm's interface: a connection for each command */
    size_t hashed;
};

static _Thread_local struct costs spent;
static _Thread_local bool counts;

#define NEXT(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

int fsync(int fd)
{
    spent.waits_for_disk += counts;
    return NEXT(fsync)(fd);
}

int fdatasync(int fd)
{
    spent.waits_for_disk += counts;
    return NEXT(fdatasync)(fd);
}

int rename(const char *from, const char *to)
{
    spent.renames += counts;
    return NEXT(rename)(from, to);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    spent.renames += counts;
    return NEXT(renameat2)(from_dir, from, to_dir, to, flags);
}

int open64(const char *path, int flags, ...)
{
    va_list more;
    mode_t mode;

    va_start(more, flags);
    mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
    va_end(more);
    spent.opens += counts;
    return openat(AT_FDCWD, path, flags, mode);
}

int connect(int fd, const struct sockaddr *to, socklen_t len)
{
    if (to->sa_family == AF_UNIX)
        spent.tpm_commands += counts;
    else
        spent.connections += counts;
    return NEXT(connect)(fd, to, len);
}

/* What crypto/hash_libcrypto.c hashes with. */
int SHA256_Update(SHA256_CTX *ctx, const void *data, size_t len)
{
    spent.hashed += counts ? len : 0;
    return NEXT(SHA256_Update)(ctx, data, len);
}

static bool cycle(struct session *s, struct costs *ret)
{
    struct report_answer answer;
    struct failure why = FAILURE_INIT;
    bool done;

    spent = (struct costs){ 0 };
    counts = true;
    done = session_cycle(s, &answer, &why);
    counts = false;
    *ret = spent;
    if (!done)
        test_note("%s", why.text);
    return done;
}

TEST(a_cycle_like_the_one_before_opens_no_connection_waits_for_no_disk_and_reads_and_hashes_once)
{
    struct session s CLEANUP(session_done) = { 0 };
    struct http_server_stats before, after;
    struct bytes log CLEANUP(file_free) = BYTES_NONE;
    struct err err = ERR_INIT;
    struct costs spends;

    REQUIRE_OK(file_read(LOG, 1 << 20, &log, &err), err);
    WITH_GUEST(g);
    g.config.firmware_log = LOG;
    stub_keep_connections(&g.stub, true);
    session_init(&s, &g.config);
    REQUIRE(cycle(&s, &spends));                                                                     /* enrols */
    CHECK(spends.waits_for_disk > 0 && spends.renames > 0 && spends.hashed > 0 && spends.opens > 0); /* it does count */
    CHECK_INT(spends.connections, 1);
    for (int i = 0; i < 2; i++) /* the first nonce of the monitor's, registers that have not been seen to rest */
        REQUIRE(cycle(&s, &spends));
    for (int i = 0; i < 5; i++) {
        before = http_server_stats(g.stub.server);
        REQUIRE(cycle(&s, &spends));
        after = http_server_stats(g.stub.server);
        CHECK_INT(spends.waits_for_disk, 0);
        CHECK_INT(spends.renames, 0);
        CHECK_INT(spends.opens, 3); /* the log, the token and the state, which are written in place */
        CHECK_INT(spends.connections, 0);
        CHECK_INT(after.connections_made, before.connections_made);
        CHECK_INT(after.requests - before.requests, 3); /* challenge, evidence, report */
        CHECK(spends.tpm_commands <= 7);
        CHECK(spends.hashed < 4 * log.len); /* itself, its events, the request with two layers of base64, and little else */
    }
    CHECK_STRING(g.stub.problem, "");
}

/* Where the server has more agents than it keeps. */
TEST(a_closed_connection_costs_one_new_one_for_the_whole_cycle)
{
    struct session s CLEANUP(session_done) = { 0 };
    struct http_server_stats before, after;
    struct costs spends;

    WITH_GUEST(g);
    session_init(&s, &g.config);
    for (int i = 0; i < 3; i++)
        REQUIRE(cycle(&s, &spends));
    before = http_server_stats(g.stub.server);
    session_hang_up(&s);
    REQUIRE(cycle(&s, &spends));
    after = http_server_stats(g.stub.server);
    CHECK_INT(spends.connections, 1);
    CHECK_INT(after.connections_made - before.connections_made, 1);
    CHECK_INT(after.requests - before.requests, 3);
    CHECK_INT(spends.waits_for_disk, 0);
    CHECK_STRING(g.stub.problem, "");
}

static bool live(const struct guest *g, unsigned cycles, struct costs *ret)
{
    const struct run_options options = { .no_start_delay = true, .cycles = cycles };
    int code;

    spent = (struct costs){ 0 };
    counts = true;
    code = run_daemon(&g->config, &options);
    counts = false;
    *ret = spent;
    return code == RUN_EXIT_OK;
}

TEST(the_daemon_adds_its_status_and_nothing_else)
{
    enum { MORE = 3 };
    struct costs one, more;

    WITH_GUEST(g);
    g.config.firmware_log = LOG;
    g.stub.next_report_seconds = 1;
    g.stub.is_demo = true;
    stub_keep_connections(&g.stub, true);
    REQUIRE(live(&g, 1, &one) && live(&g, 1, &one)); /* the first one enrols */
    REQUIRE(live(&g, 1 + MORE, &more));
    CHECK_INT(more.waits_for_disk, one.waits_for_disk);
    CHECK_INT(more.renames - one.renames, MORE); /* status.json, below /run */
    CHECK_INT(more.opens - one.opens, 3 * MORE); /* mkostemp opens by itself */
    CHECK_INT(more.connections, one.connections);
}
