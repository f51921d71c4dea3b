#!/usr/bin/env bash
# Installs this version of the chart on OKE, or brings an installation to it; takes it back where it does not come up, or
# where its smoke test fails.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    cat <<END
scripts/deploy-oke.sh [--dry-run] [--context NAME] [--namespace NAME] [--values FILE]... --images PREFIX --tag TAG

  --images PREFIX   registry and path: fra.ocir.io/TENANCY/punctual gives …/punctual-worker and …/punctual-executor
  --tag TAG         of both images (digests are values: images.worker.digest, images.executor.digest)
  --values FILE     over k8s/chart/values-oke.yaml: hosts, Neon's addresses, the vault
  --namespace NAME  punctual
  --context NAME    another cluster of your kubeconfig
  --dry-run         renders it, and asks the cluster whether it would take it
  SMOKE_URL, PUNCTUAL_TOKEN  run scripts/smoke.sh afterwards
END
}

dry_run=
context=()
values=()
namespace=punctual
images=
tag=
while [ $# -gt 0 ]; do
    case $1 in
    --dry-run) dry_run=yes ;;
    -h | --help) usage; exit ;;
    --images | --tag | --values | --namespace | --context)
        [ $# -ge 2 ] || { usage >&2; exit 2; }
        case $1 in
        --images) images=$2 ;;
        --tag) tag=$2 ;;
        --values) values+=(--values "$2") ;;
        --namespace) namespace=$2 ;;
        --context) context=(--kube-context "$2") ;;
        esac
        shift
        ;;
    *) usage >&2; exit 2 ;;
    esac
    shift
done
[ -n "$images" ] && [ -n "$tag" ] || { usage >&2; exit 2; }
command -v helm >/dev/null || { echo "helm is not on PATH: https://helm.sh/docs/intro/install" >&2; exit 1; }

arguments=(punctual k8s/chart "${context[@]}" --namespace "$namespace"
    --values k8s/chart/values-oke.yaml "${values[@]}"
    --set-string "images.worker.repository=$images-worker" --set-string "images.worker.tag=$tag"
    --set-string "images.executor.repository=$images-executor" --set-string "images.executor.tag=$tag")

if [ -n "$dry_run" ]; then
    exec helm upgrade --install "${arguments[@]}" --dry-run=server
fi

before=$(helm history punctual "${context[@]}" --namespace "$namespace" --max 1 --output json 2>/dev/null | jq '.[0].revision' || true)
helm upgrade --install "${arguments[@]}" --create-namespace --atomic --timeout 15m

if [ -n "${SMOKE_URL:-}" ] && ! scripts/smoke.sh "$SMOKE_URL"; then
    if [ -z "$before" ] || [ "$before" = null ]; then
        echo "the smoke test failed; there is no version before to go back to" >&2
    else
        echo "the smoke test failed: back to revision $before" >&2
        helm rollback punctual "$before" "${context[@]}" --namespace "$namespace" --wait --timeout 15m
    fi
    exit 1
fi
