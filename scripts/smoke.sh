#!/usr/bin/env bash
# Asks an installation for what it is there for: makes a task whose reminder is due in half a minute, and waits for the
# reminder. Takes its task away again.
set -euo pipefail

usage() {
    cat <<END
scripts/smoke.sh URL

  URL                  such as https://todo.example.org
  PUNCTUAL_TOKEN       an API token of an account for this (Settings, API tokens)
  SMOKE_LATE_SECONDS   how late the reminder may be: 5
END
}
[ "${1:-}" = --help ] && { usage; exit; }
[ $# -eq 1 ] && [ -n "${PUNCTUAL_TOKEN:-}" ] || { usage >&2; exit 2; }
url=${1%/}
late=${SMOKE_LATE_SECONDS:-5}

# The token is read from a file descriptor: a command line is seen by everybody on the machine.
call() {
    curl --fail-with-body --silent --show-error --max-time 20 --retry 3 --retry-connrefused \
        --config <(printf 'header = "authorization: Bearer %s"\n' "$PUNCTUAL_TOKEN") "$@"
}

call "$url/healthz" >/dev/null
at=$(date --utc --date '+30 seconds' +%Y-%m-%dT%H:%M:%SZ)
made=$(call "$url/api/tasks" --header 'content-type: application/json' \
    --header "idempotency-key: smoke-$RANDOM-$(date +%s)" \
    --data "{\"title\":\"Smoke test\",\"reminders\":[{\"at\":\"$at\"}]}")
task=$(jq --raw-output .id <<<"$made")
trap 'call --request DELETE "$url/api/tasks/$task" >/dev/null' EXIT
echo "the task $task is to ring at $at"

deadline=$(($(date +%s) + 30 + late))
while :; do
    receipt=$(call "$url/api/tasks/$task/reminders" | jq --compact-output '.items[0]')
    if [ "$(jq --raw-output .state <<<"$receipt")" = fired ]; then
        echo "it rang, $(jq --raw-output .lateness_ms <<<"$receipt") ms late"
        exit
    fi
    if [ "$(date +%s)" -gt "$deadline" ]; then
        echo "it has not rung: $receipt" >&2
        exit 1
    fi
    sleep 1
done
