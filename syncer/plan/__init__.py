"""Pure decisions: diff, cause, gate, plan id. No I/O, no clock, no randomness, no third-party library."""
