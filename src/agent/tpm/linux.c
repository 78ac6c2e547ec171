/* The transports of Linux. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <tss2/tss2_tctildr.h>
#include <unistd.h>
#include "agent/tpm/transport.h"
#include "base/clock.h"
#include "base/file.h"

struct device {
    struct tpm_transport transport; /* first */
    int fd;
};

static int left_until(int64_t deadline_ms)
{
    int64_t left = deadline_ms - clock_monotonic_ms();

    return left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

static bool too_late(struct err *err) { return err_set(err, ERR_UNREACHABLE, "the TPM does not answer in time"); }

/* /dev/tpm*, drivers/char/tpm/tpm-dev-common.c: one write is one command, one read its whole answer. Opened non-blocking, the kernel works
 * on the command by itself and poll() says when the answer is there; kernels before 4.20 do the work within write(). */

static bool device_failed(const char *what, struct err *err)
{
    enum err_code code = errno == ENODEV || errno == ENXIO || errno == EPIPE ? ERR_NOT_FOUND : ERR_IO;

    return err_set(err, code, "%s: %s", what, strerror(errno));
}

static bool await_answer(int fd, int64_t deadline_ms, struct err *err)
{
    struct pollfd wanted = { .fd = fd, .events = POLLIN };
    int n;

    do
        n = poll(&wanted, 1, left_until(deadline_ms));
    while (n < 0 && errno == EINTR);
    return n > 0 ? true : n == 0 ? too_late(err) : device_failed("waiting for the TPM", err);
}

static bool device_transmit(struct tpm_transport *transport, struct bytes command, int64_t deadline_ms, uint8_t *response, size_t size,
                            size_t *ret_len, struct err *err)
{
    int fd = ((struct device *)transport)->fd;
    ssize_t n;

    do
        n = write(fd, command.data, command.len);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return device_failed("writing to the TPM", err);
    if ((size_t)n != command.len)
        return err_set(err, ERR_IO, "the TPM took %zd of %zu bytes", n, command.len);
    if (!await_answer(fd, deadline_ms, err))
        return false;
    do
        n = read(fd, response, size);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return n < 0 ? device_failed("reading from the TPM", err) : err_set(err, ERR_IO, "the TPM answers with nothing");
    *ret_len = (size_t)n;
    return true;
}

static void device_close(struct tpm_transport *transport)
{
    close(((struct device *)transport)->fd);
    free(transport);
}

/* Who has `path` open, as far as we may look: "swtpm (pid 17)". */
static void name_holder(const char *path, char *out, size_t size)
{
    DIR *processes = opendir("/proc");

    out[0] = 0;
    for (struct dirent *p; processes && !out[0] && (p = readdir(processes));) {
        char folder[300], target[300];
        DIR *fds;

        if (p->d_name[0] < '1' || p->d_name[0] > '9' || snprintf(folder, sizeof folder, "/proc/%s/fd", p->d_name) >= (int)sizeof folder ||
            !(fds = opendir(folder)))
            continue;
        for (struct dirent *f; !out[0] && (f = readdir(fds));) {
            ssize_t n = readlinkat(dirfd(fds), f->d_name, target, sizeof target - 1);

            if (n > 0 && (size_t)n == strlen(path) && memcmp(target, path, (size_t)n) == 0)
                snprintf(out, size, "process %.20s", p->d_name);
        }
        closedir(fds);
    }
    if (processes)
        closedir(processes);
}

static bool device_refused(const char *path, int error, struct failure *why)
{
    char holder[40];

    switch (error) {
    case ENOENT:
        return failure_set(why, FAILURE_NO_TPM, "%s: there is no such device", path);
    case EACCES:
    case EPERM:
        return failure_set(why, FAILURE_TPM_PERM, "%s: no permission; join group tss, or look at SELinux and AppArmor", path);
    case EBUSY:
        name_holder(path, holder, sizeof holder);
        return failure_set(why, FAILURE_TPM_BUSY, "%s: %s holds it and there is no /dev/tpmrm0", path,
                           holder[0] ? holder : "another program");
    default:
        return failure_set(why, FAILURE_TPM_UNUSABLE, "%s: %s", path, strerror(error));
    }
}

static bool device_open(const char *name, struct tpm_transport **ret, struct failure *why)
{
    const char *path = name + strlen("device:");
    struct device *device;
    const char *base = strrchr(path, '/');
    int fd = open(path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd < 0)
        return device_refused(path, errno, why);
    device = calloc(1, sizeof *device);
    if (!device) {
        close(fd);
        return failure_set(why, FAILURE_NO_MEMORY, "out of memory");
    }
    device->fd = fd;
    device->transport = (struct tpm_transport){ .transmit = device_transmit,
                                                .close = device_close,
                                                .exclusive = strncmp(base ? base + 1 : path, "tpmrm", 5) != 0 };
    snprintf(device->transport.name, sizeof device->transport.name, "%s", name);
    *ret = &device->transport;
    return true;
}

/* Everything else, by name. Loading a module costs more than the commands it carries, so the last one stays loaded and open between two uses. */

struct loaded {
    struct tpm_transport transport; /* first */
    TSS2_TCTI_CONTEXT *tcti;        /* NULL after an exchange that failed: the state of the connection is unknown then */
};

static struct {
    TSS2_TCTI_CONTEXT *tcti; /* NULL: none */
    char name[TPM_TRANSPORT_NAME_LEN];
} parked;

static TSS2_TCTI_CONTEXT *take_parked(const char *name)
{
    TSS2_TCTI_CONTEXT *tcti = parked.tcti && strcmp(parked.name, name) == 0 ? parked.tcti : NULL;

    if (tcti)
        parked.tcti = NULL;
    return tcti;
}

static void park(TSS2_TCTI_CONTEXT *tcti, const char *name)
{
    if (parked.tcti)
        Tss2_TctiLdr_Finalize(&parked.tcti);
    parked.tcti = tcti;
    snprintf(parked.name, sizeof parked.name, "%s", name);
}

static bool loaded_connect(struct loaded *l, struct err *err)
{
    TSS2_RC rc;

    if (l->tcti)
        return true;
    rc = Tss2_TctiLdr_Initialize(l->transport.name, &l->tcti);
    if (rc == TSS2_RC_SUCCESS)
        return true;
    l->tcti = NULL;
    return err_set(err, ERR_IO, "TCTI %s cannot be opened (0x%X)", l->transport.name, rc);
}

static bool loaded_failed(struct loaded *l, const char *what, TSS2_RC rc, struct err *err)
{
    Tss2_TctiLdr_Finalize(&l->tcti);
    l->tcti = NULL;
    return err_set(err, rc == TSS2_TCTI_RC_INSUFFICIENT_BUFFER ? ERR_LIMIT : ERR_IO, "%s the TPM failed (0x%X)", what, rc);
}

static bool loaded_transmit(struct tpm_transport *transport, struct bytes command, int64_t deadline_ms, uint8_t *response, size_t size,
                            size_t *ret_len, struct err *err)
{
    struct loaded *l = (struct loaded *)transport;
    size_t len = size;
    TSS2_RC rc;

    if (!loaded_connect(l, err))
        return false;
    rc = Tss2_Tcti_Transmit(l->tcti, command.len, command.data);
    if (rc != TSS2_RC_SUCCESS)
        return loaded_failed(l, "writing to", rc, err);
    do {
        len = size;
        rc = Tss2_Tcti_Receive(l->tcti, &len, response, left_until(deadline_ms));
    } while (rc == TSS2_TCTI_RC_TRY_AGAIN && left_until(deadline_ms) > 0);
    if (rc == TSS2_TCTI_RC_TRY_AGAIN) {
        (void)loaded_failed(l, "waiting for", rc, err);
        return too_late(err);
    }
    if (rc != TSS2_RC_SUCCESS)
        return loaded_failed(l, "reading from", rc, err);
    *ret_len = len;
    return true;
}

static void loaded_close(struct tpm_transport *transport)
{
    struct loaded *l = (struct loaded *)transport;

    if (l->tcti)
        park(l->tcti, l->transport.name);
    free(l);
}

static bool loaded_open(const char *name, struct tpm_transport **ret, struct failure *why)
{
    struct loaded *l = calloc(1, sizeof *l);
    struct err err = ERR_INIT;

    if (!l)
        return failure_set(why, FAILURE_NO_MEMORY, "out of memory");
    l->transport = (struct tpm_transport){ .transmit = loaded_transmit, .close = loaded_close };
    snprintf(l->transport.name, sizeof l->transport.name, "%s", name);
    l->tcti = take_parked(name);
    if (!loaded_connect(l, &err)) {
        free(l);
        return failure_from(why, FAILURE_TPM_UNUSABLE, &err);
    }
    *ret = &l->transport;
    return true;
}

/* Choosing: tpm0 unless another one is configured (4.1). */

enum { TPMS_MAX = 16 /* looked for to be named */ };

static bool exists(const char *root, const char *path)
{
    char whole[512];

    return snprintf(whole, sizeof whole, "%s%s", root, path) < (int)sizeof whole && file_exists(whole);
}

/* What is there and is not 2 (2.1); kernels before 5.6 do not say. *ret: the digit. */
static bool is_other_version(const char *root, char *ret)
{
    struct bytes version CLEANUP(file_free) = BYTES_NONE;
    char path[512];
    struct err err;

    return snprintf(path, sizeof path, "%s/sys/class/tpm/tpm0/tpm_version_major", root) < (int)sizeof path &&
           file_read(path, 16, &version, &err) && version.len && (*ret = (char)version.data[0]) != '2';
}

static bool wrong_version(char version, struct failure *why)
{
    return failure_set(why, FAILURE_TPM12, "the TPM is version %s; 2.0 is needed", version == '1' ? "1.2" : "unknown");
}

static bool no_tpm(const char *root, struct failure *why)
{
    char version = 0;

    if (is_other_version(root, &version))
        return wrong_version(version, why);
    if (exists(root, "/sys/class/tpm/tpm0"))
        return failure_set(why, FAILURE_NO_TPM,
                           "the kernel has a TPM, but there is no /dev/tpmrm0 and no /dev/tpm0: pass the device into the container");
    if (exists(root, "/sys/firmware/acpi/tables/TPM2"))
        return failure_set(why, FAILURE_NO_TPM, "firmware announces a TPM but there is no device: load tpm_crb or tpm_tis");
    for (unsigned n = 1; n < TPMS_MAX; n++) {
        char path[40];

        snprintf(path, sizeof path, "/sys/class/tpm/tpm%u", n);
        if (exists(root, path))
            return failure_set(why, FAILURE_NO_TPM, "there is no tpm0, but tpm%u: name it, tpm.tcti = device:/dev/tpmrm%u", n, n);
    }
    return failure_set(why, FAILURE_NO_TPM, "there is no TPM: enable the vTPM in the VM's definition");
}

bool tpm_transport_find(const char *root, char ret_name[static TPM_TRANSPORT_NAME_LEN], struct failure *why)
{
    static const char *const nodes[] = { "/dev/tpmrm0", "/dev/tpm0" };
    char version = 0;

    for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
        if (!exists(root, nodes[i]))
            continue;
        if (is_other_version(root, &version))
            return wrong_version(version, why);
        if (snprintf(ret_name, TPM_TRANSPORT_NAME_LEN, "device:%s%s", root, nodes[i]) >= TPM_TRANSPORT_NAME_LEN)
            return failure_set(why, FAILURE_NO_TPM, "the name of the TPM's device is too long");
        return true;
    }
    return no_tpm(root, why);
}

static bool choose(const char *tcti, char ret_name[static TPM_TRANSPORT_NAME_LEN], struct failure *why)
{
    if (!tcti || !*tcti)
        tcti = getenv("TCTI");
    if (!tcti || !*tcti)
        return tpm_transport_find("", ret_name, why);
    if (snprintf(ret_name, TPM_TRANSPORT_NAME_LEN, "%s", tcti) >= TPM_TRANSPORT_NAME_LEN)
        return failure_set(why, FAILURE_NO_TPM, "the TCTI string is too long");
    return true;
}

bool tpm_transport_open(const char *tcti, struct tpm_transport **ret, struct failure *why)
{
    char name[TPM_TRANSPORT_NAME_LEN];

    if (!choose(tcti, name, why))
        return false;
    return strncmp(name, "device:", 7) == 0 ? device_open(name, ret, why) : loaded_open(name, ret, why);
}
