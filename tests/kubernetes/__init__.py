"""What only a real kube-apiserver can say; `make soak-kubernetes` runs it, and CONTRIBUTING.md says what it needs."""
