#include "cli/remote/remote.h"
#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/file.h"
#include "cli/frame/table.h"
#include "cli/remote/call.h"
#include "json/parse.h"

/* --server, TRUEBOOT_SERVER, or the places of architecture.md 8. */
static const char *server_place(struct cli *cli)
{
    const char *run = getenv("XDG_RUNTIME_DIR"), *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME"), *place;

    if (cli->server)
        return cli->server;
    place = getenv("TRUEBOOT_SERVER");
    if (place && *place)
        return place;
    if (geteuid() == 0)
        return "/run/trueboot/truebootd.sock";
    if (run && *run)
        return arena_printf(&cli->arena, "%s/trueboot/truebootd.sock", run);
    return data && *data ? arena_printf(&cli->arena, "%s/trueboot/truebootd.sock", data)
                         : arena_printf(&cli->arena, "%s/.local/share/trueboot/truebootd.sock", home ? home : ".");
}

bool remote_is_network(struct cli *cli)
{
    const char *place = server_place(cli);

    return place && bytes_starts_with(bytes_of_string(place), BYTES_LIT("https://"));
}

/* Beside this program, as in a build folder, or where it was installed. NULL: nowhere. */
static const char *helper_path(struct cli *cli)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self);
    const char *slash = n > 0 ? memrchr(self, '/', (size_t)n) : NULL, *path;

    if (slash) {
        path = arena_printf(&cli->arena, "%.*s/" CALL_PROGRAM, (int)(slash - self), self);
        if (path && access(path, X_OK) == 0)
            return path;
    }
    return access(TRUEBOOT_LIBEXEC "/" CALL_PROGRAM, X_OK) == 0 ? TRUEBOOT_LIBEXEC "/" CALL_PROGRAM : NULL;
}

/* The helper's standard input and output are one socket, so that a helper which dies early cannot kill us with SIGPIPE. */
static bool start_helper(const char *const argv[], int *ret_fd, pid_t *ret_pid, struct err *err)
{
    posix_spawn_file_actions_t actions;
    int fds[2], failure;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return err_set(err, ERR_IO, "socketpair: %s", strerror(errno));
    failure = posix_spawn_file_actions_init(&actions);
    if (failure == 0) {
        if (!(failure = posix_spawn_file_actions_adddup2(&actions, fds[1], STDIN_FILENO)) &&
            !(failure = posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO)))
            failure = posix_spawn(ret_pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);
        posix_spawn_file_actions_destroy(&actions);
    }
    close(fds[1]);
    *ret_fd = fds[0];
    if (failure == 0)
        return true;
    close(fds[0]);
    return err_set(err, ERR_IO, "cannot run %s: %s", argv[0], strerror(failure));
}

static bool send_all(int fd, struct bytes body)
{
    while (body.len) {
        ssize_t n = send(fd, body.data, body.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        body = bytes_slice(body, (size_t)n, body.len);
    }
    return shutdown(fd, SHUT_WR) == 0;
}

static void receive_all(int fd, struct writer *to)
{
    uint8_t buffer[16384];
    ssize_t n;

    while ((n = recv(fd, buffer, sizeof buffer, 0)) > 0 || (n < 0 && errno == EINTR))
        if (n > 0)
            write_bytes(to, (struct bytes){ buffer, (size_t)n });
}

static bool run_helper(const char *const argv[], struct bytes body, struct writer *answer, struct err *err)
{
    bool sent;
    pid_t pid;
    int fd, status = 0;

    if (!start_helper(argv, &fd, &pid, err))
        return false;
    sent = send_all(fd, body);
    receive_all(fd, answer);
    close(fd);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (!sent || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return err_set(err, ERR_INTERNAL, "%s ended before the server's answer was there", argv[0]);
    return writer_ok(answer) || err_set(err, ERR_NO_MEMORY, "out of memory");
}

/* "0 CODE FAILURE" */
static void take_failure(struct cli *cli, struct bytes line, struct bytes sentence, struct err *err)
{
    bool refused = bytes_ends_with(line, BYTES_LIT(" " CALL_REFUSED));
    enum err_code code = ERR_INTERNAL;
    const char *text = arena_string(&cli->arena, sentence);

    for (enum err_code c = ERR_NONE; c <= ERR_INTERNAL; c++) {
        struct bytes slug = bytes_of_string(err_slug(c));
        if (bytes_equal(bytes_slice(line, 2, slug.len), slug) && bytes_equal_string(bytes_slice(line, 2 + slug.len, 1), " "))
            code = c;
    }
    if (refused)
        err_set(err, ERR_UNREACHABLE, "the server does not answer at %s: start truebootd, or name one with --server", server_place(cli));
    else
        err_set(err, code, "%s", text ? text : "out of memory");
}

/* "STATUS\nBODY"; 0 with an error else. */
static unsigned take_answer(struct cli *cli, struct bytes content, const struct json **ret, struct err *err)
{
    size_t end = bytes_find(content, BYTES_LIT("\n"));
    struct bytes line = bytes_slice(content, 0, end), body = BYTES_NONE;
    unsigned status = 0;

    if (end == SIZE_MAX || !arena_copy(&cli->arena, bytes_slice(content, end + 1, content.len), &body))
        return err_set(err, ERR_INTERNAL, "%s gave no answer", CALL_PROGRAM), 0;
    for (size_t i = 0; i < line.len && line.data[i] >= '0' && line.data[i] <= '9'; i++)
        status = status * 10 + (line.data[i] - '0');
    if (status == 0) {
        take_failure(cli, line, body, err);
        return 0;
    }
    *ret = &json_null;
    if (body.len && !json_parse(&cli->arena, body, NULL, ret, err)) {
        err_within(err, "the server's answer");
        return 0;
    }
    return status;
}

unsigned remote_try(struct cli *cli, const char *method, const char *path, const char *body, const struct json **ret, struct err *err)
{
    struct writer answer CLEANUP(writer_done) = { .limit = CALL_ANSWER_MAX };
    const char *place = server_place(cli), *helper = helper_path(cli), *url, *socket = NULL;
    bool far = place && strncmp(place, "https://", 8) == 0;

    if (place && !far && !file_exists(place))
        return err_set(err, ERR_UNREACHABLE, "no server is running here (%s is not there): start truebootd, or name one with --server",
                       place),
               0;
    if (!helper)
        return err_set(err, ERR_NOT_FOUND, "%s is not installed beside trueboot or in " TRUEBOOT_LIBEXEC, CALL_PROGRAM), 0;
    url = arena_printf(&cli->arena, "%s%s", far ? place : "http://localhost", path);
    if (!far)
        socket = arena_printf(&cli->arena, "unix:%s", place ? place : "");
    if (!place || !url || (!far && !socket))
        return err_set(err, ERR_NO_MEMORY, "out of memory"), 0;
    if (!run_helper((const char *const[]){ helper, method, url, socket, NULL }, body ? bytes_of_string(body) : BYTES_NONE, &answer, err))
        return 0;
    return take_answer(cli, writer_bytes(&answer), ret, err);
}

static int fail_status(struct cli *cli, unsigned status, const struct json *answer)
{
    const struct json *error = json_get(answer, "error");
    const char *message = show_member(cli, error, "message");
    enum exit_code code = status == 404                    ? EXIT_NOT_FOUND
                          : status == 401 || status == 403 ? EXIT_PERMISSION
                          : status == 409 || status == 412 ? EXIT_CONFLICT
                                                           : EXIT_ERROR;

    return cli_fail(code, "%s", message ? message : arena_printf(&cli->arena, "the server answered with status %u", status));
}

int remote_call(struct cli *cli, const char *method, const char *path, const char *body, const struct json **ret)
{
    const struct json *answer = &json_null;
    struct err err = ERR_INIT;
    unsigned status = remote_try(cli, method, path, body, &answer, &err);

    if (status == 0)
        return cli_fail_err(&err);
    if (status >= 300)
        return fail_status(cli, status, answer);
    if (ret)
        *ret = answer;
    return EXIT_OK;
}

int remote_list(struct cli *cli, const char *list, const struct json **ret)
{
    const struct json **items = NULL, *page;
    const char *path = list;
    size_t n = 0;

    for (;;) {
        const struct json *value;
        struct bytes next;
        int code = !path ? cli_fail(EXIT_ERROR, "out of memory") : remote_call(cli, "GET", path, NULL, &page);
        if (code != EXIT_OK)
            return code;
        value = json_get(page, "value");
        if (value && value->type == JSON_ARRAY && value->array.n) {
            items = arena_grow(&cli->arena, items, n, n + value->array.n, sizeof *items);
            if (!items)
                return cli_fail(EXIT_ERROR, "out of memory");
            for (size_t i = 0; i < value->array.n; i++)
                items[n++] = value->array.items[i];
        }
        next = json_text(json_get(page, "next"), BYTES_NONE);
        if (!next.len)
            break;
        path = arena_printf(&cli->arena, "%s?after=%.*s", list, BYTES_FMT(next));
    }
    *ret = json_array(&cli->arena, items, n);
    return *ret ? EXIT_OK : cli_fail(EXIT_ERROR, "out of memory");
}

int remote_print(struct cli *cli, const char *method, const char *path, const char *body,
                 void (*table)(struct cli *cli, const struct json *answer))
{
    const struct json *answer;
    int code = path ? remote_call(cli, method, path, body, &answer) : cli_fail(EXIT_ERROR, "out of memory");

    return code == EXIT_OK ? cli_print(cli, answer, table) : code;
}

static bool stands_in_names(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'; }

const char *vm_route(struct cli *cli, const char *name, const char *rest)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    write_string(&w, "/v1/vms/");
    for (const char *c = name; *c; c++)
        if (stands_in_names(*c))
            write_u8(&w, (uint8_t)*c);
        else
            write_printf(&w, "%%%02X", (unsigned char)*c);
    write_string(&w, rest);
    return writer_ok(&w) ? arena_string(&cli->arena, writer_bytes(&w)) : NULL;
}

const char *item_route(struct cli *cli, const char *folder, const char *name)
{
    for (const char *c = name; *c; c++)
        if (!stands_in_names(*c))
            return NULL;
    return *name ? arena_printf(&cli->arena, "/v1/%s/%s", folder, name) : NULL;
}

int no_item(const char *what, const char *name)
{
    return cli_fail(EXIT_NOT_FOUND, "there is no %s %s: its name is letters, digits and hyphens", what, name);
}
