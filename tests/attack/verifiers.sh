#!/bin/bash
# The attack suite against verifiers that know it from outside: trueboot's own command line, one that accepts everything, one that refuses everything.
#
# usage: verifiers.sh BUILD
set -u
build=$1
suite=$(dirname "$0")/../../tools/attack_suite
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TRUEBOOT=$build/src/cli/trueboot
n=0 failed=0

check() { # SENTENCE, then a command
    local sentence=$1
    shift
    n=$((n + 1))
    if "$@" > "$work/said" 2>&1; then
        echo "ok $n - $sentence"
    else
        sed 's/^/# /' "$work/said"
        echo "not ok $n - $sentence"
        failed=1
    fi
}

ask() { "$suite" --cases "$work/cases" --verifier "$1"; }
fails_in() { # A verifier, and a row that it must fail
    ! ask "$1" > "$work/rows" && grep -q "^$2  *fail" "$work/rows"
}

check "the evidence of every attack is written with the answer that is expected" "$suite" "$build" --export "$work/cases"
check "a folder with something in it is not written to" eval '! "$suite" "$build" --export "$work/cases"'
check "trueboot verify answers as expected" ask "$suite"'_trueboot {folder} {accepted}'
check "a verifier that accepts everything fails" fails_in true L1
check "a verifier that refuses everything fails" fails_in false Q0
check "rows that nobody asked for are left out" eval '"$suite" --cases "$work/cases" --rows Q7 --verifier false > "$work/some"; ! grep -q "^L" "$work/some" && grep -q "^Q7 " "$work/some"'
check "a verifier that cannot be run is named" eval '! ask ./no-such-verifier 2> "$work/why"; grep -q "no-such-verifier cannot be run" "$work/why"'
check "a verifier that ends by a signal fails" fails_in "sh -c 'kill -SEGV \$\$'" Q1
echo "1..$n"
exit $failed
