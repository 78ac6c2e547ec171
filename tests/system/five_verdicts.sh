#!/bin/bash
# The demo's five verdicts, asserted with real boots, and what `--explain` must say about each (issue: "a real VM goes from power-on to
# Healthy, a tampered one to Unhealthy, a silent one to Unknown"). Prints TAP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n=0 failed=0
ok() { # description, then a command
    local what=$1
    shift
    n=$((n + 1))
    if "$@"; then echo "ok $n - $what"; else
        echo "not ok $n - $what"
        failed=$((failed + 1))
    fi
}
skip_all() {
    echo "ok 1 - five verdicts # SKIP $1"
    echo "1..1"
    exit 0
}
for tool in qemu-system-x86_64 swtpm swtpm_setup mcopy; do
    command -v $tool >/dev/null || skip_all "$tool is not installed"
done
[ -d "$build/guest-parts" ] || skip_all "the guest's boot chain was not fetched (make guest)"

TRUEBOOT_BUILD=$build TRUEBOOT_DEMO_DATA=$work/demo TRUEBOOT_DEMO_PORT=18443 TRUEBOOT_DEMO_END=stop timeout 800 demo/demo >"$work/out" 2>&1
status=$?
section() { awk -v from="$1" -v to="$2" 'index($0, from) { on = 1 } index($0, to) { on = 0 } on' "$work/out"; }
has() { section "$1" "$2" | grep -F -- "$3" >/dev/null; } # not -q: it ends early, and the pipe with an error
verdict() { grep -qE "^  $1 +$2 +$2 *$" "$work/out"; }

ok "the demo ends well" test "$status" = 0
ok "a clean boot is Healthy" verdict "clean boot" Healthy
ok "a changed command line is Unhealthy" verdict "kernel command line changed on disk" Unhealthy
ok "Secure Boot off with a modified kernel is Unhealthy" verdict "Secure Boot off, kernel modified" Unhealthy
ok "the restored VM is Healthy" verdict "restored" Healthy
ok "the silent VM is Unknown" verdict "silent" Unknown
ok "the explanation names the changed command line" has "2. Somebody" "3. Secure Boot" boot.cmdline_changed
ok "it shows the new text" has "2. Somebody" "3. Secure Boot" "audit=0 apparmor=0"
ok "it shows the register" has "2. Somebody" "3. Secure Boot" "PCR 8, event"
ok "it says what to do" has "2. Somebody" "3. Secure Boot" "trueboot baseline approve web1"
ok "the second explanation names Secure Boot" has "3. Secure Boot" "4. The VM" secureboot.disabled
ok "and the kernel as well" has "3. Secure Boot" "4. The VM" boot.kernel_changed
ok "silence is explained, and the old verdict does not stay" has "5. Its network" "Summary" "it says nothing about now"
[ "$failed" = 0 ] || sed 's/^/# /' "$work/out"
[ "$failed" = 0 ] || sed 's/^/# server: /' "$work/demo/truebootd.log" 2>/dev/null | tail -40
echo "1..$n"
exit "$((failed > 0))"
