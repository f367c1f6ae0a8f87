"""What Prometheus is told: counts of what happened, and how things stand when it asks. The home of prometheus-client.

Every label is from a closed set or bounded in number, so that nobody outside can make series without end;
docs/metrics.md lists all of them. `collecting` counts, `standing` answers, `handing` gives it to files and gateways.
"""

from syncer.metrics.collecting import Metrics

__all__ = ["Metrics"]
