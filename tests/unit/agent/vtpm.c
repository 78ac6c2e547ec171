#include "unit/agent/vtpm.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/file.h"

static bool run_in(const char *dir, const char *tcti, const char *command)
{
    char line[1200];

    snprintf(line, sizeof line, "cd '%s' && TPM2TOOLS_TCTI='%s' && export TPM2TOOLS_TCTI && ( %s ) >>log 2>&1", dir, tcti, command);
    return system(line) == 0;
}

bool vtpm_run(const struct vtpm *vtpm, const char *command) { return run_in(vtpm->dir, vtpm->tcti, command); }

/* A socket's file is there before anybody listens: on a busy machine that is a moment in which connections are refused. The kernel knows. */
static bool is_listening(const char *path)
{
    FILE *sockets = fopen("/proc/net/unix", "r");
    char line[300], name[128];
    unsigned long flags;
    bool found = false;

    while (sockets && !found && fgets(line, sizeof line, sockets))
        found = sscanf(line, "%*s %*s %*s %lx %*s %*s %*s %127s", &flags, name) == 2 && (flags & 0x10000) && strcmp(name, path) == 0;
    if (sockets)
        fclose(sockets);
    return found;
}

static bool has_ended(const struct vtpm *v) { return waitpid(v->pid, NULL, WNOHANG) != 0; }

static bool launch(struct vtpm *v, const char *startup)
{
    enum { PATIENCE_MS = 60000, LOOK_MS = 5 };

    char server[128], control[128], state[96], socket[96], beside[104];

    snprintf(socket, sizeof socket, "%s/s", v->dir);
    snprintf(beside, sizeof beside, "%s.ctrl", socket);
    unlink(socket);
    unlink(beside);
    snprintf(server, sizeof server, "type=unixio,path=%s", socket);
    snprintf(control, sizeof control, "type=unixio,path=%s.ctrl", socket);
    snprintf(state, sizeof state, "dir=%s/state", v->dir);
    v->pid = fork();
    if (v->pid == 0) {
        if (!freopen("/dev/null", "w", stderr))
            _exit(126);
        execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", state, "--server", server, "--ctrl", control, "--flags", startup,
               (char *)NULL);
        _exit(127);
    }
    for (int ms = 0; ms < PATIENCE_MS && v->pid > 0; ms += LOOK_MS) {
        if (is_listening(socket) && is_listening(beside))
            return true;
        if (has_ended(v)) {
            v->pid = 0;
            return false;
        }
        usleep(LOOK_MS * 1000);
    }
    return false;
}

/* swtpm 0.10 may turn in circles after SIGTERM instead of ending. */
static void halt(struct vtpm *v)
{
    enum { PATIENCE_MS = 5000, LOOK_MS = 1 };
    bool ended = v->pid <= 0;

    if (!ended)
        kill(v->pid, SIGTERM);
    for (int ms = 0; ms < PATIENCE_MS && !ended; ms += LOOK_MS) {
        ended = has_ended(v);
        if (!ended)
            usleep(LOOK_MS * 1000);
    }
    if (!ended) {
        kill(v->pid, SIGKILL);
        waitpid(v->pid, NULL, 0);
    }
    v->pid = 0;
}

/* swtpm_localca makes its CA in the folder itself, so that no test leaves anything in the user's home. */
static const char make_tpm[] =
    "mkdir -p state ca && "
    "printf 'statedir = %s/ca\\nsigningkey = %s/ca/key.pem\\nissuercert = %s/ca/cert.pem\\ncertserial = %s/ca/serial\\n' . . . . | "
    "sed \"s|= \\.|= $PWD|\" >localca.conf && "
    "printf -- '--platform-manufacturer trueboot\\n--platform-version 1\\n--platform-model test\\n' >localca.options && "
    "printf 'create_certs_tool = %s\\ncreate_certs_tool_config = %s/localca.conf\\ncreate_certs_tool_options = %s/localca.options\\n' "
    "\"$(command -v swtpm_localca || echo /usr/bin/swtpm_localca)\" \"$PWD\" \"$PWD\" >setup.conf && "
    "swtpm_setup --tpm2 --tpmstate state --create-ek-cert --create-platform-cert --config setup.conf --vmid web1:" VTPM_UUID
    " --pcr-banks sha256 --overwrite";

/* Manufacturing takes longest, so a program does it once and each test starts from a copy. All have the same seeds, then. */
static char template_dir[48];

static void remove_folder(const char *dir)
{
    char line[80];

    snprintf(line, sizeof line, "rm -rf '%s'", dir);
    if (system(line) != 0)
        fprintf(stderr, "%s stays\n", dir);
}

/* A short name: the path of a unix socket has room for 107 characters. */
static bool make_folder(char *dir, size_t size)
{
    snprintf(dir, size, P_tmpdir "/trueboot-vtpm.XXXXXX");
    return mkdtemp(dir) != NULL;
}

static void remove_template(void) { remove_folder(template_dir); }

static bool make_template(void)
{
    if (template_dir[0])
        return true;
    if (!make_folder(template_dir, sizeof template_dir))
        return false;
    atexit(remove_template);
    return run_in(template_dir, "", make_tpm);
}

static bool copy_template(const struct vtpm *v)
{
    char command[100];

    snprintf(command, sizeof command, "cp -r '%s/state' .", template_dir);
    return run_in(v->dir, "", command);
}

bool vtpm_start(struct vtpm *ret)
{
    *ret = (struct vtpm){ 0 };
    if (system("command -v swtpm >/dev/null && command -v swtpm_setup >/dev/null && command -v tpm2_clear >/dev/null") != 0) {
        snprintf(ret->why, sizeof ret->why, "swtpm, swtpm_setup or tpm2-tools is not installed");
        return false;
    }
    if (!make_template()) {
        snprintf(ret->why, sizeof ret->why, "swtpm_setup makes no TPM here");
        return false;
    }
    if (!make_folder(ret->dir, sizeof ret->dir)) {
        snprintf(ret->why, sizeof ret->why, "no folder for the TPM can be made");
        return false;
    }
    snprintf(ret->tcti, sizeof ret->tcti, "swtpm:path=%s/s", ret->dir);
    if (copy_template(ret) && launch(ret, "not-need-init,startup-clear"))
        return true;
    snprintf(ret->why, sizeof ret->why, "the TPM emulator does not start; see %s/log", ret->dir);
    halt(ret);
    return false;
}

void vtpm_power_cycle(struct vtpm *vtpm)
{
    halt(vtpm);
    if (!launch(vtpm, "not-need-init,startup-clear"))
        abort();
}

bool vtpm_while_off(struct vtpm *vtpm, const char *command)
{
    bool done;

    halt(vtpm);
    done = vtpm_run(vtpm, command);
    return launch(vtpm, "not-need-init,startup-clear") && done;
}

void vtpm_resume(struct vtpm *vtpm)
{
    if (!vtpm_run(vtpm, "tpm2_shutdown"))
        abort();
    halt(vtpm);
    if (!launch(vtpm, "not-need-init,startup-state"))
        abort();
}

void vtpm_stop(struct vtpm *vtpm)
{
    halt(vtpm);
    if (vtpm->dir[0] && !vtpm->why[0])
        remove_folder(vtpm->dir);
}
