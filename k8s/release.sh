#!/usr/bin/env bash
# Brings a release, or a change of settings, to the cluster of the current kubectl context.
#
#   k8s/release.sh k8s/overlays/production
#   k8s/release.sh k8s/overlays/production --dry-run   what the API server would say; nothing changes
#
# Everything is applied at once. New pods of messages and media wait for the migrations of their release, and no old
# pod goes before a new one is ready; so a release that fails half-way leaves the one before it serving.
set -euo pipefail
overlay=${1:?"usage: $0 OVERLAY [--dry-run]"}
namespace=${PARLEY_NAMESPACE:-parley}
migrations=app.kubernetes.io/component=migration

if [ "${2:-}" = --dry-run ]; then exec kubectl apply --dry-run=server -k "$overlay"; fi

# A Job cannot be changed, only made anew.
kubectl delete job -n "$namespace" -l "$migrations" --ignore-not-found
kubectl apply -k "$overlay"
kubectl wait job -n "$namespace" -l "$migrations" --for=condition=complete --timeout=600s
for workload in statefulset/messages deployment/media deployment/gateway deployment/push; do
  kubectl rollout status -n "$namespace" "$workload" --timeout=900s
done
