#!/bin/bash
# deb_packages.sh DEB-FOLDER: the packages of `make deb`, installed, used, upgraded, removed and purged in a bare root. Prints TAP.
set -u
debs=$1
root=$(mktemp -d) n=0 failed=0
cleanup() {
    [ -n "${server:-}" ] && kill "$server" 2>/dev/null
    [ -n "${guest_agent:-}" ] && kill "$guest_agent" 2>/dev/null
    umount "$root/proc" 2>/dev/null
    rm -rf --one-file-system "$root"
}
trap cleanup EXIT

check() { # sentence command…
    local what=$1
    shift
    n=$((n + 1))
    if "$@" >"$root.log" 2>&1; then
        echo "ok $n - $what"
    else
        failed=$((failed + 1))
        sed 's/^/# /' "$root.log" | tail -n 15
        echo "not ok $n - $what"
    fi
}
skip() {
    echo "ok 1 - packages in a bare root # SKIP $1"
    echo 1..1
    exit 0
}
inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
absent() { [ ! -e "$root$1" ]; }
has_line() { inside grep -qxF "$1" "$2"; }
next_version() { # the same content under a higher version, as an upgrade brings it
    local deb
    for deb in "$root"/debs/trueboot*_amd64.deb; do
        dpkg-deb -R "$deb" "$root/unpacked" && sed -i 's/^Version: .*/&+next/' "$root/unpacked/DEBIAN/control" &&
            dpkg-deb --root-owner-group -b "$root/unpacked" "${deb%_amd64.deb}+next_amd64.deb" >/dev/null || return 1
        rm -rf "$root/unpacked"
    done
}
answers() { # the server of the package, as the package's user, over its socket and with its own command line
    inside setpriv --reuid trueboot --regid trueboot --clear-groups truebootd --config /etc/trueboot/truebootd.conf --set server.listen=127.0.0.1:0 >"$root.server" 2>&1 &
    server=$!
    for _ in $(seq 300); do
        inside trueboot server status -o json 2>/dev/null && return 0
        sleep 0.2
    done
    cat "$root.server" && false
}

by_guest_agent() { # arguments…: from outside, through the channel that QEMU would have
    python3 "$(dirname "$0")/../../guest/install_by_guest_agent" --socket "$root/run/qga.sock" "$@"
}
start_guest_agent() {
    inside apt-get install -q -y --no-install-recommends qemu-guest-agent || return 1
    inside qemu-ga -m unix-listen -p /run/qga.sock -t /run >"$root.qga" 2>&1 &
    guest_agent=$!
    for _ in $(seq 600); do
        [ -S "$root/run/qga.sock" ] && return 0
        sleep 0.1
    done
    cat "$root.qga" && false
}
installs_unseen() { # there is no TPM: it says so, and everything else is as it should be
    local said
    said=$(by_guest_agent --endpoint https://192.0.2.1:8443 --ca-file /etc/ssl/certs/ca-certificates.crt "$(echo "$debs"/trueboot-agent_*.deb)") && return 1
    echo "$said" | tail -n 3
    [[ ${said##*$'\n'} == "Most probable cause: no TPM"* ]] && inside dpkg -s trueboot-agent | grep '^Status: install ok installed' >/dev/null &&
        has_line 'endpoint = https://192.0.2.1:8443' /etc/trueboot-agent/agent.conf.d/50-server.conf &&
        cmp /etc/ssl/certs/ca-certificates.crt "$root/etc/trueboot-agent/ca.pem" && absent /run/trueboot-agent.deb
}

[ "$(id -u)" = 0 ] || skip "only root can make one"
command -v debootstrap >/dev/null || skip "debootstrap is not installed"
ls "$debs"/trueboot-agent_*.deb >/dev/null 2>&1 || skip "there are no packages; make deb"
mirror=$(awk '$1 == "deb" && $2 ~ /^http/ {print $2; exit} $1 == "URIs:" {print $2; exit}' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null)
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
debootstrap --variant=minbase "$suite" "$root" "$mirror" >"$root.log" 2>&1 || skip "debootstrap failed: $(tail -n 1 "$root.log" | cut -c1-100)"
cp /etc/apt/apt.conf.d/* "$root/etc/apt/apt.conf.d/" 2>/dev/null
chmod 0755 "$root" # mktemp made it ours alone, and it becomes / for the server's user, too
mount -t proc proc "$root/proc" || skip "no mount allowed"
mkdir "$root/debs" && cp "$debs"/trueboot*_amd64.deb "$root/debs" && rm -f "$root"/debs/*dbgsym*
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" && chmod +x "$root/usr/sbin/policy-rc.d"

check "they install with what they depend on, and nothing else is asked for" inside sh -c 'apt-get update -q && apt-get install -q -y --no-install-recommends /debs/*.deb'
check "the command line runs" inside trueboot --version
check "it judges off line: a missing file is an error, not a verdict" inside sh -c 'trueboot verify /none; test $? = 1'
check "the agent runs, and says what is in its way" inside sh -c 'trueboot-agent diagnose --offline; test $? = 2'
check "each program has its man page" inside sh -c 'ls /usr/share/man/man1/trueboot.1.gz /usr/share/man/man8/truebootd.8.gz /usr/share/man/man8/trueboot-agent.8.gz'
check "completions know the agent's verbs and their options" inside bash -c '. /usr/share/bash-completion/completions/trueboot-agent &&
    COMP_WORDS=(trueboot-agent collect-l) COMP_CWORD=1 && _trueboot_agent && [ "${COMPREPLY[*]}" = collect-logs ] &&
    COMP_WORDS=(trueboot-agent once --non) COMP_CWORD=2 && _trueboot_agent && [ "${COMPREPLY[*]}" = --nonce ] &&
    for verb in $(trueboot-agent help | sed -n "/^Usage/,/^Options/s/^  \([a-z-]*\) .*/\1/p"); do
        for option in $(trueboot-agent "$verb" --help | sed -n "s/^  \(--[a-z-]*\).*/\1/p"); do
            COMP_WORDS=(trueboot-agent "$verb" "$option") && _trueboot_agent && case " ${COMPREPLY[*]} " in *" $option "*) ;; *) exit 1 ;; esac
        done
    done && ls /usr/share/zsh/vendor-completions/_trueboot-agent /usr/share/fish/vendor_completions.d/trueboot-agent.fish'
check "the units are there and enabled" inside sh -c 'ls /etc/systemd/system/multi-user.target.wants/truebootd.service /etc/systemd/system/multi-user.target.wants/trueboot-agent.service'
check "both have accounts of their own" inside sh -c 'getent passwd trueboot && getent passwd trueboot-agent && getent group tss'
check "the agent's state is nobody else's" inside sh -c '[ "$(stat -c %a:%U /var/lib/trueboot-agent)" = 700:trueboot-agent ]'
inside install -d -o trueboot -g trueboot -m 0750 /run/trueboot
check "the server starts as its own user and answers" answers
echo '# mine' >>"$root/etc/trueboot/truebootd.conf"
kill "$server" 2>/dev/null
wait "$server" 2>/dev/null
server=
check "the next version is made" next_version
check "it upgrades without a question" inside sh -c 'dpkg --force-confold -i /debs/*+next_amd64.deb'
check "a changed setting stays" has_line '# mine' /etc/trueboot/truebootd.conf
check "what the server keeps stays" inside sh -c 'test -s /var/lib/trueboot/trueboot.db && test -s /var/lib/trueboot/ca.pem'
check "it removes" inside dpkg -r trueboot trueboot-server trueboot-agent
check "settings and state stay until purged" inside sh -c 'test -e /etc/trueboot/truebootd.conf && test -d /var/lib/trueboot'
check "it purges" inside dpkg -P trueboot trueboot-server trueboot-agent
check "then nothing is left of the server" absent /var/lib/trueboot
check "nor of the agent" absent /var/lib/trueboot-agent
check "nor any setting" inside sh -c '! ls -d /etc/trueboot /etc/trueboot-agent /etc/systemd/system/multi-user.target.wants/true* 2>/dev/null'
check "a guest agent runs in it" start_guest_agent
check "through it the package comes into a guest that nobody logs in to, with its settings" installs_unseen
check "what is no package is refused before the guest is asked for anything" sh -c "! python3 '$(dirname "$0")/../../guest/install_by_guest_agent' --socket '$root/run/qga.sock' --endpoint https://a /etc/passwd"
check "and what makes a template of it wipes the identity" sh -c "touch '$root/var/lib/trueboot-agent/ak.crt' && python3 '$(dirname "$0")/../../guest/install_by_guest_agent' --socket '$root/run/qga.sock' --reset-only && test ! -e '$root/var/lib/trueboot-agent/ak.crt'"
echo "1..$n"
[ "$failed" = 0 ]
