"""The times of an election, and what follows from them. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Terms:
    """Seconds: a lease for others (`lease`) and for its holder (`renew`), between renewals, of the longest PUT."""

    lease: float = 60.0
    renew: float = 40.0
    retry: float = 5.0
    put: float = 15.0

    @property
    def margin(self) -> float:
        """For what is between a decision and the wire: a quarter of what others wait longer than the holder writes."""
        return (self.lease - self.renew) / 4

    @property
    def room(self) -> float:
        """How old the last renewal may be when a PUT begins, so that it ends before the renew deadline."""
        return self.renew - self.put - self.margin

    @property
    def quarantine(self) -> float:
        """How long a new leader leaves PUTs to end that the one before may have begun."""
        return self.put + self.margin

    @property
    def unseen(self) -> float:
        """How long a new leader waits where it was not seen that the one before did not renew for a whole lease."""
        return self.lease + self.quarantine

    @property
    def request(self) -> float:
        """For one request to the API server: several must fit before the renew deadline."""
        return self.renew / 4
