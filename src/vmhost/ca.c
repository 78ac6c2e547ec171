#define _GNU_SOURCE
#include "vmhost/ca.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "vmhost/process.h"

enum { SETUP_MS = 120000, PEM_MAX = 64 * 1024 };

static void close_at(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static bool write_text(struct arena *a, const char *dir, const char *name, const char *text, struct err *err)
{
    const char *path = arena_printf(a, "%s/%s", dir, name);

    if (!path || !text)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    return file_write(path, bytes_of_string(text), 0600, err);
}

/* Configuration of swtpm_setup and swtpm_localca, written anew each time: DATA may have moved. */
static bool configure(const struct host_parts *parts, const char *dir, struct arena *a, struct err *err)
{
    return write_text(
               a, dir, "localca.conf",
               arena_printf(a, "statedir = %s\nsigningkey = %s/signkey.pem\nissuercert = %s/issuercert.pem\ncertserial = %s/certserial\n",
                            dir, dir, dir, dir),
               err) &&
           write_text(a, dir, "localca.options", "--platform-manufacturer trueboot\n--platform-version 1\n--platform-model QEMU-q35\n",
                      err) &&
           write_text(a, dir, "setup.conf",
                      arena_printf(a,
                                   "create_certs_tool = %s\ncreate_certs_tool_config = %s/localca.conf\ncreate_certs_tool_options = "
                                   "%s/localca.options\nactive_pcr_banks = sha256\n",
                                   parts->swtpm_localca, dir, dir),
                      err);
}

/* One at a time: serial numbers are a file of the CA. */
static int lock_folder(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0 && flock(fd, LOCK_EX) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool setup_tpm(const struct host_parts *parts, const char *dir, const char *state_dir, const char *vm_id, struct arena *a,
                      struct err *err)
{
    const char *config = arena_printf(a, "%s/setup.conf", dir);
    const char *argv[] = { parts->swtpm_setup,
                           "--tpm2",
                           "--tpmstate",
                           state_dir,
                           "--tpm",
                           arena_printf(a, "%s socket", parts->swtpm),
                           "--config",
                           config,
                           "--create-ek-cert",
                           "--create-platform-cert",
                           "--lock-nvram",
                           "--pcr-banks",
                           "sha256",
                           "--vmid",
                           vm_id,
                           "--overwrite",
                           NULL };

    if (!config || !argv[5])
        return err_set(err, ERR_NO_MEMORY, "no memory");
    return process_run(&(struct process_job){ .argv = argv, .timeout_ms = SETUP_MS }, a, NULL, err);
}

static bool prepare(const struct vm_host *host, const struct host_parts *parts, struct arena *a, const char **ret_dir, int *ret_lock,
                    struct err *err)
{
    const char *dir = arena_printf(a, "%s/host-ca", host->data_dir);

    if (!dir)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    if (!file_make_dirs(dir, 0700, err))
        return false;
    *ret_lock = lock_folder(dir);
    if (*ret_lock < 0)
        return err_set(err, ERR_IO, "%s cannot be locked: %m", dir);
    *ret_dir = dir;
    return configure(parts, dir, a, err);
}

/* swtpm_localca makes its CA when it first signs: let it sign for a TPM that is thrown away. */
static bool make_first(const struct vm_host *host, const struct host_parts *parts, const char *dir, struct arena *a, struct err *err)
{
    const char *state = arena_printf(a, "%s/first", dir), *file = arena_printf(a, "%s/first/tpm2-00.permall", dir),
               *lock = arena_printf(a, "%s/first/.lock", dir);

    if (!state || !file || !lock)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    vm_host_say(host, "Making this host's CA for virtual TPMs");
    if (!file_make_dirs(state, 0700, err))
        return false;
    bool done = setup_tpm(parts, dir, state, "trueboot-host-ca", a, err);
    unlink(file);
    unlink(lock);
    rmdir(state);
    return done;
}

bool ca_ensure(const struct vm_host *host, const struct host_parts *parts, struct arena *a, struct bytes *ret_pem, const char **ret_path,
               struct err *err)
{
    CLEANUP(close_at) int lock = -1;
    struct bytes root, issuer;
    const char *dir;

    if (!prepare(host, parts, a, &dir, &lock, err))
        return false;
    const char *root_path = arena_printf(a, "%s/swtpm-localca-rootca-cert.pem", dir),
               *issuer_path = arena_printf(a, "%s/issuercert.pem", dir), *chain_path = arena_printf(a, "%s/chain.pem", dir);
    if (!root_path || !issuer_path || !chain_path)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    if (!file_exists(issuer_path) && !make_first(host, parts, dir, a, err))
        return err_within(err, "the host's CA for virtual TPMs cannot be made");
    if (!file_read_in(a, root_path, PEM_MAX, &root, err) || !file_read_in(a, issuer_path, PEM_MAX, &issuer, err))
        return false;
    const char *chain = arena_printf(a, "%.*s%.*s", BYTES_FMT(root), BYTES_FMT(issuer));
    if (!chain)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    if (!file_write(chain_path, bytes_of_string(chain), 0600, err))
        return false;
    *ret_pem = bytes_of_string(chain);
    if (ret_path)
        *ret_path = chain_path;
    return true;
}

bool ca_make_tpm(const struct vm_host *host, const struct host_parts *parts, const char *state_dir, const char *vm_id, struct err *err)
{
    CLEANUP(arena_done) struct arena a = { 0 };
    CLEANUP(close_at) int lock = -1;
    const char *dir;

    return prepare(host, parts, &a, &dir, &lock, err) && file_make_dirs(state_dir, 0700, err) &&
           (setup_tpm(parts, dir, state_dir, vm_id, &a, err) || err_within(err, "the virtual TPM cannot be made"));
}
