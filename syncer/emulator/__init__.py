"""The vendor in memory, with a ledger and faults. Imports nothing of syncer, so that it can judge it."""
