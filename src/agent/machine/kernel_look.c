#include "agent/machine/kernel_look.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/file.h"

enum { SMALL_FILE = 256, KMSG_RECORD = 8192 /* the most that the kernel hands out at once: CONSOLE_EXT_LOG_MAX */ };

static bool path_under(const char *root, const char *path, char ret[static PATH_MAX])
{
    return snprintf(ret, PATH_MAX, "%s%s", root, path) < PATH_MAX;
}

/* One line without blanks around it; empty when the file is not there. */
static struct bytes read_line(const char *root, const char *path, char space[static SMALL_FILE])
{
    struct bytes text CLEANUP(file_free) = BYTES_NONE, line;
    char full[PATH_MAX];
    struct err err = ERR_INIT;

    if (!path_under(root, path, full) || !file_read(full, SMALL_FILE, &text, &err))
        return BYTES_NONE;
    line = bytes_trim(text);
    if (!line.len)
        return BYTES_NONE;
    memcpy(space, line.data, line.len);
    return (struct bytes){ (const uint8_t *)space, line.len };
}

static enum kernel_switch read_switch(const char *root, const char *path, const char *on)
{
    char space[SMALL_FILE];
    struct bytes line = read_line(root, path, space);

    return !line.len ? KERNEL_SWITCH_UNKNOWN : bytes_equal_string(line, on) ? KERNEL_SWITCH_ON : KERNEL_SWITCH_OFF;
}

/* A kernel without modules has no switch for them, but it has the others of this folder. */
static enum kernel_switch modules_disabled(const char *root)
{
    enum kernel_switch is = read_switch(root, "/proc/sys/kernel/modules_disabled", "1");
    char space[SMALL_FILE];

    if (is == KERNEL_SWITCH_UNKNOWN && read_line(root, "/proc/sys/kernel/osrelease", space).len)
        return KERNEL_SWITCH_ON;
    return is;
}

static void take_release(const char *root, struct kernel_state *s)
{
    char space[SMALL_FILE];
    struct bytes line = read_line(root, "/proc/sys/kernel/osrelease", space);

    if (!line.len || line.len >= sizeof s->release)
        return;
    for (size_t i = 0; i < line.len; i++)
        if (line.data[i] <= ' ' || line.data[i] > '~')
            return;
    memcpy(s->release, line.data, line.len);
    s->release[line.len] = 0;
}

static void take_taint(const char *root, struct kernel_state *s)
{
    char space[SMALL_FILE];
    struct bytes line = read_line(root, "/proc/sys/kernel/tainted", space);
    uint64_t mask = 0;

    for (size_t i = 0; i < line.len; i++) {
        if (line.data[i] < '0' || line.data[i] > '9' || mask > UINT32_MAX)
            return;
        mask = mask * 10 + (line.data[i] - '0');
    }
    s->has_taint = line.len && mask <= UINT32_MAX;
    s->taint = s->has_taint ? (uint32_t)mask : 0;
}

static void take_modules(const char *root, struct kernel_state *s)
{
    char folder[PATH_MAX], path[PATH_MAX], space[SMALL_FILE];
    const struct dirent *entry;
    unsigned n = 0;
    DIR *dir;

    if (!path_under(root, "/sys/module", folder) || !(dir = opendir(folder)))
        return;
    while ((entry = readdir(dir)) != NULL && n++ < LIMIT_SYS_MODULES) {
        struct bytes name = bytes_of_string(entry->d_name);
        if (entry->d_name[0] == '.' || !kernel_module_name_is_valid(name) ||
            snprintf(path, sizeof path, "/sys/module/%s/taint", entry->d_name) >= (int)sizeof path)
            continue;
        kernel_state_add_tainting(s, name, read_line(root, path, space));
    }
    s->more |= entry != NULL;
    closedir(dir);
}

/* Whole lines of `buffer` go into the state; what is left of the last one moves to the front. */
static size_t take_lines(struct kernel_state *s, char *buffer, size_t len)
{
    size_t from = 0;

    for (;;) {
        struct bytes rest = { (const uint8_t *)buffer + from, len - from };
        size_t n = bytes_find(rest, BYTES_LIT("\n"));
        if (n == SIZE_MAX)
            break;
        kernel_log_record(s, bytes_slice(rest, 0, n));
        from += n + 1;
    }
    memmove(buffer, buffer + from, len - from);
    return len - from == KMSG_RECORD ? 0 : len - from; /* a line that fills the buffer is none of the kernel's */
}

/* The device gives one record at each read, from the oldest that there is; EPIPE says that some were overwritten meanwhile. */
static void take_log(const char *root, struct kernel_state *s)
{
    char path[PATH_MAX], *buffer;
    size_t len = 0, total = 0;
    int fd;

    if (!path_under(root, "/dev/kmsg", path) || (fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)) < 0)
        return;
    buffer = malloc(KMSG_RECORD);
    while (buffer && total < LIMIT_KERNEL_LOG_BYTES) {
        ssize_t n = read(fd, buffer + len, KMSG_RECORD - len);
        if (n < 0 && (errno == EPIPE || errno == EINTR)) {
            total++;
            continue;
        }
        if (n < 0 && errno == EINVAL && len) { /* the next record does not fit behind what has no end */
            len = 0;
            total++;
            continue;
        }
        if (n <= 0)
            break;
        total += (size_t)n;
        len = take_lines(s, buffer, len + (size_t)n);
    }
    free(buffer);
    close(fd);
}

void kernel_look(const char *root, struct kernel_state *ret)
{
    char space[SMALL_FILE];

    *ret = (struct kernel_state){ .release = "" };
    root = root ? root : "";
    take_release(root, ret);
    ret->lockdown = kernel_lockdown_parse(read_line(root, "/sys/kernel/security/lockdown", space));
    ret->sig_enforce = read_switch(root, "/sys/module/module/parameters/sig_enforce", "Y");
    ret->modules_disabled = modules_disabled(root);
    take_taint(root, ret);
    take_modules(root, ret);
    take_log(root, ret);
}
