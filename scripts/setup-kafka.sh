#!/usr/bin/env bash
# Installs Strimzi's operator, which makes Kafka from the chart's manifests, or brings it to this version: a second run
# changes nothing.
set -euo pipefail
# shellcheck source=scripts/versions.sh
source "$(dirname "$0")/versions.sh"

NAMESPACE=${STRIMZI_NAMESPACE:-strimzi}

usage() {
    cat <<END
scripts/setup-kafka.sh [--dry-run] [--context NAME] [--watch NAMESPACE]

Strimzi $STRIMZI_VERSION in the namespace $NAMESPACE of the cluster that kubectl points at.

  --dry-run          shows what would be done, and asks the cluster whether it would take it
  --context NAME     another cluster of your kubeconfig
  --watch NAMESPACE  where Kafka will be (the chart's namespace): punctual
  STRIMZI_VERSION, STRIMZI_NAMESPACE  other values
END
}

dry_run=()
context=()
watch=punctual
while [ $# -gt 0 ]; do
    case $1 in
    --dry-run) dry_run=(--dry-run=server) ;;
    --context | --watch)
        [ $# -ge 2 ] || { usage >&2; exit 2; }
        case $1 in
        --context) context=(--kube-context "$2") ;;
        --watch) watch=$2 ;;
        esac
        shift
        ;;
    -h | --help) usage; exit ;;
    *) usage >&2; exit 2 ;;
    esac
    shift
done
command -v helm >/dev/null || { echo "helm is not on PATH: https://helm.sh/docs/intro/install" >&2; exit 1; }

helm upgrade --install strimzi oci://quay.io/strimzi-helm/strimzi-kafka-operator "${context[@]}" "${dry_run[@]}" \
    --version "$STRIMZI_VERSION" --namespace "$NAMESPACE" --create-namespace \
    --set "watchNamespaces={$watch}" \
    --atomic --timeout 10m
