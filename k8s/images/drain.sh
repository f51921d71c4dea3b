#!/bin/sh
# The first process of the functions' pods: it starts Spin with the arguments it is given, and stops it gently.
#
# Kubernetes tells a pod to stop and takes it out of its Services at the same time, so new requests still come for a few
# seconds; and Spin breaks off its requests when it is told to stop. So Spin is told DRAIN_SECONDS (15) later. By then
# nobody sends it anything, and what came before has been answered. The pod's grace period (30 s by default) must be longer.
set -u
program=${DRAIN_PROGRAM:-spin}
seconds=${DRAIN_SECONDS:-15}

"$program" "$@" &
child=$!

# shellcheck disable=SC2329  # the trap calls it
drain() {
    trap '' TERM INT
    echo "stops in $seconds s" >&2
    left=$seconds
    while [ "$left" -gt 0 ] && kill -0 "$child" 2>/dev/null; do
        sleep 1
        left=$((left - 1))
    done
    kill -TERM "$child" 2>/dev/null
}
trap drain TERM INT

# `wait` ends when a signal came, too.
while :; do
    wait "$child"
    status=$?
    kill -0 "$child" 2>/dev/null || break
done
# Told to stop, it has stopped: that is no failure.
[ "$status" -eq 143 ] && status=0
exit "$status"
