"""The manifests under config/kubernetes, rendered as kubectl renders them."""
