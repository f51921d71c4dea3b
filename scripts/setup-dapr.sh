#!/usr/bin/env bash
# Installs Dapr's control plane, or brings it to this version: a second run changes nothing.
set -euo pipefail
# shellcheck source=scripts/versions.sh
source "$(dirname "$0")/versions.sh"

NAMESPACE=${DAPR_NAMESPACE:-dapr-system}

usage() {
    cat <<END
scripts/setup-dapr.sh [--dry-run] [--context NAME]

Dapr $DAPR_VERSION in the namespace $NAMESPACE of the cluster that kubectl points at, highly available, its jobs' store on disk.

  --dry-run       shows what would be done, and asks the cluster whether it would take it
  --context NAME  another cluster of your kubeconfig
  DAPR_VERSION, DAPR_NAMESPACE  other values; DAPR_REPLICAS=1 for a single node
END
}

dry_run=()
context=()
while [ $# -gt 0 ]; do
    case $1 in
    --dry-run) dry_run=(--dry-run=server) ;;
    --context)
        [ $# -ge 2 ] || { usage >&2; exit 2; }
        context=(--kube-context "$2")
        shift
        ;;
    -h | --help) usage; exit ;;
    *) usage >&2; exit 2 ;;
    esac
    shift
done
command -v helm >/dev/null || { echo "helm is not on PATH: https://helm.sh/docs/intro/install" >&2; exit 1; }

high_availability=true
[ "${DAPR_REPLICAS:-3}" = 1 ] && high_availability=false

# Jobs live in the scheduler's etcd, so it is on a volume: without its folder every registered job is gone (the worker
# registers those of the next hour again within seconds, and fires them itself meanwhile).
helm upgrade --install dapr dapr "${context[@]}" "${dry_run[@]}" \
    --repo https://dapr.github.io/helm-charts --version "$DAPR_VERSION" \
    --namespace "$NAMESPACE" --create-namespace \
    --set global.ha.enabled="$high_availability" \
    --set global.logAsJson=true \
    --set dapr_scheduler.cluster.storageSize=16Gi \
    --set dapr_scheduler.cluster.inMemoryStorage=false \
    --set dapr_sidecar_injector.enableK8sDownwardAPIs=true \
    --set dapr_sidecar_injector.sidecarDropALLCapabilities=true \
    --atomic --timeout 10m
