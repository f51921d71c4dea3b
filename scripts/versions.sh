# shellcheck shell=bash
# What a cluster has beside Punctual, and what CI makes one with: their versions stand here and nowhere else. The environment
# may name others.

# Of these, tests/k8s checks the chart's objects against the definitions of the same version.
: "${CERT_MANAGER_VERSION:=v1.21.2}"
: "${DAPR_VERSION:=1.18.2}"
: "${ENVOY_GATEWAY_VERSION:=v1.9.1}"
: "${KEDA_VERSION:=2.21.0}"
: "${STRIMZI_VERSION:=1.2.0}"

: "${SPINKUBE_VERSION:=0.6.1}"
: "${METRICS_SERVER_CHART:=3.13.1}"
: "${PROMETHEUS_CHART:=88.5.3}"

# No release of Spin 4.1 or later is out yet, and a canary changes under its name (k8s/images/README.md).
: "${SPIN_VERSION:=canary}"

# For CI's cluster. The node's image is the one that this kind was released with.
: "${KIND_VERSION:=v0.33.0}"
: "${KIND_NODE_IMAGE:=kindest/node:v1.37.0@sha256:a1ed56cfb0e7b93589bdf97c8cd566405a265939e3620fc4f5de89adff580ae5}"
: "${HELM_VERSION:=v4.3.2}"
