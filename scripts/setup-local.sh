#!/usr/bin/env bash
# Installs this working copy on a minikube or kind cluster, and before that whatever the chart needs. A second run brings all
# of it to what is here now; Secrets and data stay.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/versions.sh
source scripts/versions.sh

usage() {
    cat <<END
scripts/setup-local.sh [--dry-run] [--context NAME]

On one minikube or kind cluster: cert-manager, SpinKube, Dapr, Strimzi, KEDA, Envoy Gateway, metrics-server, Prometheus; in
the namespace punctual a Postgres and, built from this working copy, Punctual. scripts/versions.sh has the versions.

  --dry-run       prints every command, and runs none
  --context NAME  another cluster of your kubeconfig than the current one: minikube's profile, or kind-NAME
  SPIN_VERSION, SPIN_SHA256_amd64, SPIN_SHA256_arm64
                  the Spin in the functions' image; without a checksum, the one on its release's list
END
}

dry_run=
context=
while [ $# -gt 0 ]; do
    case $1 in
    --dry-run) dry_run=yes ;;
    --context)
        [ $# -ge 2 ] || { usage >&2; exit 2; }
        context=$2
        shift
        ;;
    -h | --help) usage; exit ;;
    *) usage >&2; exit 2 ;;
    esac
    shift
done

# ---------------------------------------------------------------------------------------------- what has to be there
missing=()
need() { # PROGRAM, WHERE IT IS FOUND
    command -v "$1" >/dev/null || missing+=("$1 is not on PATH: $2")
}
need kubectl https://kubernetes.io/docs/tasks/tools
need helm https://helm.sh/docs/intro/install
need docker https://docs.docker.com/get-started/get-docker
need curl "your system's package curl"
need openssl "your system's package openssl"
if [ -z "$context$dry_run" ] && command -v kubectl >/dev/null; then
    context=$(kubectl config current-context 2>/dev/null) ||
        missing+=("kubectl has no current cluster: minikube start (k8s/README.md), or kind create cluster")
fi
context=${context:-minikube}
case $context in
kind-*) need kind https://kind.sigs.k8s.io/docs/user/quick-start ;;
*) need minikube https://minikube.sigs.k8s.io/docs/start ;;
esac

# These ask. Only such a cluster is taken: no other one is anybody's to try things on.
ask() {
    case $(helm version --template '{{.Version}}') in
    v4.*) ;;
    *) missing+=("helm is not of version 4: https://helm.sh/docs/intro/install") ;;
    esac
    docker version >/dev/null 2>&1 || missing+=("docker has no engine that answers: start it")
    case $context in
    kind-*) kind get clusters 2>/dev/null | grep --quiet --line-regexp --fixed-strings "${context#kind-}" ;;
    *) minikube --profile "$context" status >/dev/null 2>&1 ;;
    esac || missing+=("$context is no running cluster of minikube or kind: minikube start (k8s/README.md)")
    local minor
    minor=$(kubectl --context "$context" get --raw /version 2>/dev/null | sed -n 's/.*"minor": "\([0-9]*\).*/\1/p') || true
    [ "${minor:-0}" -ge 36 ] || missing+=("$context is Kubernetes 1.${minor:-?}, the chart needs 1.36 (k8s/README.md)")
}
[ -n "$dry_run" ] || [ ${#missing[@]} -gt 0 ] || ask
if [ ${#missing[@]} -gt 0 ]; then
    printf '%s\n' "${missing[@]}" >&2
    [ -n "$dry_run" ] || exit 1
fi

# ---------------------------------------------------------------------------------------------- how things are done
step() { printf '\n── %s\n' "$*"; }
run() { # shows a command and runs it
    printf '+'
    printf ' %q' "$@"
    printf '\n'
    [ -n "$dry_run" ] || "$@"
}
kube=(kubectl --context "$context" --namespace punctual)
exists() { # KIND NAME
    [ -z "$dry_run" ] && "${kube[@]}" get "$@" >/dev/null 2>&1
}
# Helm leaves a chart's kinds as they are where they exist: after a step of a version, take a new cluster.
install() { # RELEASE CHART VERSION NAMESPACE [OPTION]…
    step "$1 $3"
    run helm upgrade --install "$1" "$2" --version "$3" --kube-context "$context" --namespace "$4" --create-namespace \
        --wait --timeout 10m --hide-notes "${@:5}"
}

# ---------------------------------------------------------------------------------------------- what the chart needs
step "the namespace punctual"
exists namespace punctual || run "${kube[@]}" create namespace punctual
run "${kube[@]}" label namespace punctual --overwrite pod-security.kubernetes.io/enforce=restricted

install cert-manager oci://quay.io/jetstack/charts/cert-manager "$CERT_MANAGER_VERSION" cert-manager --set crds.enabled=true

# No RuntimeClass: the functions run in an image of their own (executor.mode: image), because no shim carries their Spin yet.
step "SpinKube's kinds"
run "${kube[@]}" apply --server-side --filename \
    "https://github.com/spinframework/spin-operator/releases/download/v$SPINKUBE_VERSION/spin-operator.crds.yaml"
install spin-operator oci://ghcr.io/spinframework/charts/spin-operator "$SPINKUBE_VERSION" spin-operator

step "dapr $DAPR_VERSION"
run env DAPR_REPLICAS=1 scripts/setup-dapr.sh --context "$context"

step "strimzi $STRIMZI_VERSION"
run scripts/setup-kafka.sh --context "$context" --watch punctual

install keda keda "$KEDA_VERSION" keda --repo https://kedacore.github.io/charts

# The Gateway API's kinds are in its chart.
install envoy-gateway oci://docker.io/envoyproxy/gateway-helm "$ENVOY_GATEWAY_VERSION" envoy-gateway-system
run kubectl --context "$context" --namespace envoy-gateway-system apply --server-side --filename k8s/minikube/gateway.yaml

# minikube has an addon of it, too. In both clusters the kubelets sign their own certificates.
if exists apiservice v1beta1.metrics.k8s.io &&
    ! helm status metrics-server --kube-context "$context" --namespace kube-system >/dev/null 2>&1; then
    step "metrics-server is there, as an addon"
else
    install metrics-server metrics-server "$METRICS_SERVER_CHART" kube-system \
        --repo https://kubernetes-sigs.github.io/metrics-server --set 'args={--kubelet-insecure-tls}'
fi

# For KEDA, and for our own metrics; of the stack, only the operator and Prometheus.
install prometheus oci://ghcr.io/prometheus-community/charts/kube-prometheus-stack "$PROMETHEUS_CHART" monitoring \
    --set alertmanager.enabled=false,grafana.enabled=false,kubeStateMetrics.enabled=false,nodeExporter.enabled=false \
    --set kubernetesServiceMonitors.enabled=false,defaultRules.create=false \
    --set prometheus.prometheusSpec.podMonitorSelectorNilUsesHelmValues=false \
    --set prometheus.prometheusSpec.ruleSelectorNilUsesHelmValues=false

# ---------------------------------------------------------------------------------------------- Secrets and Postgres
random() { od -An -vtx1 -N32 /dev/urandom | tr -d ' \n'; }
value() { # SECRET KEY
    [ -n "$dry_run" ] || "${kube[@]}" get secret "$1" --output "jsonpath={.data.$2}" | base64 --decode
}
# Makes a Secret of its input's lines KEY=VALUE where there is none. No command line and no output has the values.
secret() {
    if exists secret "$1"; then
        echo "  $1 is there"
    else
        run "${kube[@]}" create secret generic "$1" --from-env-file /dev/stdin
    fi
}

step "Secrets"
secret postgres <<END
owner=$(random)
functions=$(random)
worker=$(random)
state=$(random)
END
owner=$(value postgres owner)
functions=$(value postgres functions)
worker=$(value postgres worker)
state=$(value postgres state)
# SEC 1: the private half is 32 bytes from the eighth on, the public one the last 65.
key=
[ -n "$dry_run" ] || key=$(openssl ecparam -name prime256v1 -genkey -noout -outform DER | base64)
secret punctual <<END
events_secret=$(random)
vapid_key=$(base64 --decode <<<"$key" | head -c 39 | tail -c 32 | base64)
vapid_public_key=$(base64 --decode <<<"$key" | tail -c 65 | base64 | tr '+/' '-_' | tr -d '=\n')
database_url=postgres://punctual_worker:$worker@postgres:5432/punctual?sslmode=disable
END
events=$(value punctual events_secret)
secret punctual-functions <<END
token_secret=$(random)
events_secret=$events
database_url=postgres://punctual_functions:$functions@postgres:5432/punctual?sslmode=disable
END
secret punctual-migrate <<<"database_url=postgres://postgres:$owner@postgres:5432/punctual?sslmode=disable"
secret punctual-state <<<"state_database_url=postgres://dapr_state:$state@postgres:5432/dapr_state?sslmode=disable"
secret punctual-dapr-api-token <<<"token=$(random)"
secret punctual-dapr-app-token <<<"token=$(random)"

step "Postgres"
run "${kube[@]}" apply --server-side --filename k8s/minikube/postgres.yaml
run "${kube[@]}" rollout status statefulset/postgres --timeout 5m

# ---------------------------------------------------------------------------------------------- images
# The tag is of the content, so that an upgrade replaces exactly the pods whose image is another one.
image() { # TARGET [BUILD OPTION]…
    local name=ghcr.io/punctual/punctual-$1
    step "the image $1"
    run docker build --file k8s/images/Dockerfile --target "$1" --tag "$name:local" "${@:2}" .
    tag=sha256:content
    [ -n "$dry_run" ] || tag=$(docker image inspect --format '{{.Id}}' "$name:local")
    tag=${tag#sha256:}
    tag=${tag:0:12}
    run docker tag "$name:local" "$name:$tag"
    case $context in
    kind-*) run kind load docker-image "$name:$tag" --name "${context#kind-}" ;;
    *) run minikube --profile "$context" image load "$name:$tag" ;;
    esac
}

image worker
worker_tag=$tag
arch=amd64
[ -n "$dry_run" ] || arch=$(docker version --format '{{.Server.Arch}}')
checksum=SPIN_SHA256_$arch
if [ -z "${!checksum:-}" ] && [ -z "$dry_run" ]; then
    # It says that the file arrived whole, and no more: the list comes from where the file does.
    list=https://github.com/spinframework/spin/releases/download/$SPIN_VERSION/checksums-$SPIN_VERSION.txt
    file=spin-$SPIN_VERSION-linux-${arch/arm64/aarch64}.tar.gz
    declare "$checksum=$(curl --fail --silent --show-error --location "$list" | sed -n "s/^\([0-9a-f]\{64\}\)  $file\$/\1/p")"
    [ -n "${!checksum}" ] || { echo "$list has no $file" >&2; exit 1; }
fi
image executor --build-arg "SPIN_VERSION=$SPIN_VERSION" --build-arg "$checksum=${!checksum:-}"
executor_tag=$tag

# ---------------------------------------------------------------------------------------------- Punctual
step "Punctual"
run helm upgrade --install punctual k8s/chart --kube-context "$context" --namespace punctual \
    --values k8s/chart/values-minikube.yaml --set-string "images.worker.tag=$worker_tag,images.executor.tag=$executor_tag" \
    --set-string "app.vapidPublicKey=$(value punctual vapid_public_key)" --wait --timeout 20m
# Helm knows nothing of the Deployments that SpinKube's operator makes.
made=(deployment --selector core.spinkube.dev/app-name)
run "${kube[@]}" wait "${made[@]}" --timeout 2m \
    --for "jsonpath={.spec.template.spec.containers[0].image}=ghcr.io/punctual/punctual-executor:$executor_tag"
run "${kube[@]}" rollout status "${made[@]}" --timeout 10m
run helm test punctual --kube-context "$context" --namespace punctual --logs
[ -z "$dry_run" ] || exit 0

cat <<END

Punctual is on $context. The way to it, as long as this runs:

  kubectl --context $context --namespace envoy-gateway-system port-forward service/punctual 8080:80

Then open http://localhost:8080: the first account that is made is the admin's.
END
