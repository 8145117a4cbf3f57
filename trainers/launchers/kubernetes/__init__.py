"""Kubernetes: manifests for `kubectl apply`. The cluster starts, replaces and ends what they describe."""
