"""The daemon's HTTP server: probes, metrics, JSON, actions, push triggers. It shows and asks; it decides nothing."""
