"""Who may write when several processes run: an election on a Kubernetes Lease. Knows nothing of apps or the journal.

A Lease only says who leads; it stops nobody. What makes it safe stands in `election`: a leader that asks, immediately
before each PUT, whether its time is enough, and a successor that waits.
"""
