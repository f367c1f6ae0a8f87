"""Leadership by a Lease, with client-go's rules and what they lack.

From client-go (`tools/leaderelection`): each change is a compare-and-swap on resourceVersion; a record is judged by
how long *this* process has seen it unchanged, never by the times in it; whoever can't renew for the renew deadline has
lost.

A Lease is no fence: a leader that was stopped for a minute wakes up believing. Hence three things more. The time that
counts is that of CLOCK_BOOTTIME when the renewal was *sent*. `closed` is asked immediately before each PUT, and lets it
pass only if the whole of it fits into what is left. And who takes over from somebody that did not let go waits for the
longest PUT; where it was not seen how long that one has not renewed, for a whole lease as well.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from syncer.cluster import lease as leases
from syncer.cluster.lease import Claim, Spec
from syncer.cluster.ports import Nothing
from syncer.errors import ClusterError, ConflictError, LockedError
from syncer.log import Event
from syncer.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from syncer.cluster.lease import Lease
    from syncer.cluster.ports import Around, Carried, Leases
    from syncer.cluster.terms import Terms

JITTER: Final = 0.2
"""Share of the retry period by which followers ask sooner or later than each other."""
HELD: Final = "the run that holds it does the work; see the holder's log"


class Elector:
    """One candidate. `step` is one look or renewal; `run` makes them for ever, `acquire` until it is settled.

    `closed`, `leads`, `epoch` and `holder` are for everybody and cost nothing. `trouble` kept the last step from
    succeeding; `objection` is why this process must not lead.
    """

    def __init__(self, at: Leases, terms: Terms, around: Around, carried: Carried | None = None) -> None:
        self._at = at
        self._terms = terms
        self._around = around
        self._carried = carried or Nothing()
        self._log = around.log.bind(lease=around.name)
        self._seen: Lease | None = None
        self._seen_at = 0.0
        self._leading = False
        self._renewed_at = -math.inf
        self._free_at = self._owed = 0.0
        self._epoch: int | None = None
        self._counted = -1  # the largest epoch seen: a lease made anew, or counted back by hand, goes on from there
        self._was_closed = True
        self.objection = ""
        self.trouble = ""
        self._asked_again: float | None = None
        self._step: asyncio.Future[None] | None = None
        self._turn = asyncio.Lock()

    @property
    def holder(self) -> str:
        """Who held the lease when it was last seen; empty for nobody."""
        return self._seen.spec.holder if self._seen else ""

    @property
    def leads(self) -> bool:
        """Whether this process leads; it may have to wait before it writes."""
        return self._leading and self._age() < self._terms.renew

    @property
    def epoch(self) -> int | None:
        """The number of this leadership, greater than those of all before it; None without one."""
        return self._epoch if self.leads else None

    def closed(self) -> str:
        """Why no PUT may leave now; an empty text if one may, that ends within its deadline."""
        why = self._closed()
        self._was_closed = self._was_closed or bool(why)
        return why

    def _closed(self) -> str:
        if not self._leading:
            other = "" if self.holder == self._around.identity else self.holder  # ours, and not renewed in time
            return self.objection or f"{other or 'nobody'} leads, this process stands by"
        if self._age() >= self._terms.room:
            return f"the lease was last renewed {self._age():.0f} s ago: too long for a whole PUT"
        wait = self._free_at - self._now()
        return f"the PUTs of the leader before have {wait:.0f} s more to end" if wait > 0 else ""

    async def run(self, opened: Callable[[], None]) -> None:
        """Until cancelled; `opened` is called each time that PUTs are possible again after somebody was told no.

        Whoever was refused gave up a pass; that may be between two steps of a process that was stopped for a while.
        """
        while True:
            await self.step()
            if not self.closed() and self._was_closed:
                self._was_closed = False
                opened()
            await self._around.sleep(self._pause())

    async def acquire(self) -> None:
        """Wait until PUTs are possible. LockedError as soon as somebody else is seen to renew; ClusterError when the
        API server can't be asked for as long as a leader would be believed.
        """  # noqa: D205 -- two errors
        first: Spec | None = None
        answered = self._now()
        while True:
            await self.step()
            if not self.trouble:
                answered = self._now()
            if not self.closed():
                return
            if self.objection:
                raise ClusterError(self.objection, hint="see docs/kubernetes.md, What it may do")
            if self._now() - answered >= self._terms.renew:
                raise ClusterError(self.trouble, hint="nothing was written")
            if not self._leading and self._seen is not None:
                first = first or self._seen.spec
                if self._seen.spec != first and self.holder:
                    raise LockedError(f"the lease {self._around.name} is held by {self.holder}", hint=HELD)
            await self._around.sleep(self._pause())

    async def release(self) -> None:
        """Let go of the lease if it is ours; only once nothing is under way that could still write.

        A step that was left alone has its time to end: what it sent may have made this process the leader.
        """
        if self._step is not None and not self._step.done():
            await asyncio.wait({self._step}, timeout=self._terms.request)
            self._step.cancel()
        await self._let_go(ended=True)

    async def _let_go(self, *, ended: bool) -> None:
        """`ended`: nothing of ours is under way. A wait that is not over yet is left to the next leader."""
        self._leading = False
        try:
            try:
                await self._free(ended=ended)
            except ConflictError:
                await self._look_again()
                await self._free(ended=ended)
        except ClusterError as error:
            self._log.warning(Event.LEADER_FAILED, error=error.message, hint="others wait until it runs out")

    async def _free(self, *, ended: bool) -> None:
        held = self._seen
        if held is None or self.holder != self._around.identity:
            return
        clear = ended and self._epoch == held.spec.transitions and self._now() >= self._free_at
        claim = await self._claim(held, held.spec.transitions)
        self._saw(await self._at.replace(leases.released(held, claim, clear=clear)))
        self._log.info(Event.LEADER_RELEASED, epoch=self._epoch)

    async def step(self) -> None:
        """One try to get or keep the lease; it goes on if whoever waits for it is cancelled, until `release`."""
        self._step = asyncio.ensure_future(self._guarded())
        await asyncio.shield(self._step)

    async def _guarded(self) -> None:
        """Trouble with the API server is told, and ends a leadership in time."""
        self._asked_again = None
        try:
            async with self._turn:  # whoever has something to tell asks for a step besides
                await self._try()
                if self._seen is not None:
                    await in_thread(self._carried.saw, self._seen.annotations)
            self.trouble = ""
        except ConflictError:
            self.trouble = ""  # somebody was faster: the next step sees who
        except ClusterError as error:
            self._asked_again = error.retry_after
            if error.message != self.trouble:
                self._log.warning(Event.LEADER_FAILED, error=error.message, hint=error.hint)
            self.trouble = error.message
        except Exception as fault:  # noqa: BLE001 -- a fault of ours may cost the lead, but never the looking
            self._log.error(Event.LEADER_FAILED, error=type(fault).__name__, hint="report this", exc_info=fault)
            self.trouble = type(fault).__name__
        if self._leading and self._age() >= self._terms.renew:
            self._lose(f"it could not be renewed for {self._terms.renew:g} s")

    async def _try(self) -> None:
        if self._leading and self._seen is not None:
            with suppress(ConflictError):  # the version moved: only a look says whether the holder did, too
                await self._renew(self._seen)
                return
        if (found := await self._at.read()) is None:
            await self._create()
            return
        self._saw(found)
        if found.spec.holder == self._around.identity:
            await self._renew(found)
            return
        if self._leading:
            self._lose(f"{self.holder or 'somebody'} took it")
        if not self._left():
            await self._take(found)

    async def _renew(self, held: Lease) -> None:
        if await self._objects(held.annotations):
            self._lose(self.objection)
            await self._let_go(ended=False)
            return
        kept = self._epoch if self._leading else None
        epoch = leases.numbered(held.spec, self._counted) if kept is None else kept
        claim, sent = await self._claim(held, epoch), self._now()
        self._have(await self._at.replace(leases.renewed(held, claim)), sent, self._terms.quarantine)

    async def _take(self, free: Lease) -> None:
        if await self._objects(free.annotations):
            return
        self._epoch = None
        if not self.holder and not free.spec.released:
            self._owed = self._terms.unseen  # also if the answer to the request is lost
        claim, sent = await self._claim(free, self._counted + 1), self._now()
        wait = 0.0 if free.spec.released else self._terms.quarantine
        self._have(await self._at.replace(leases.taken(free, claim)), sent, wait)

    async def _create(self) -> None:
        """There is none: the first one ever, or somebody deleted it under a leader who does not know yet."""
        if self._leading:
            self._lose("it was deleted")
        if await self._objects({}):
            return
        namespace, _, name = self._around.name.partition("/")
        self._seen, self._epoch, self._owed = None, None, self._terms.unseen
        claim, sent = await self._claim(None, self._counted + 1), self._now()
        self._have(await self._at.create(leases.begun(namespace, name, claim)), sent, self._owed)

    def _have(self, held: Lease, sent: float, wait: float) -> None:
        """The server has taken our version: ours from when it was sent. `wait` is for a leadership that is new."""
        self._saw(held)
        self._renewed_at = sent
        if self._leading:
            return
        resumed = self._epoch == held.spec.transitions
        self._leading, self._epoch = True, held.spec.transitions
        if not resumed:
            self._free_at, self._was_closed = sent + max(wait, self._owed), True
        self._owed = 0.0
        waits = round(max(0.0, self._free_at - sent), 1)
        self._log.info(Event.LEADER_ACQUIRED, identity=self._around.identity, epoch=self._epoch, writes_in=waits)

    def _lose(self, why: str) -> None:
        self._leading = False
        self._log.warning(Event.LEADER_LOST, epoch=self._epoch, why=why)

    def _saw(self, found: Lease) -> None:
        """Remember a version; only what its holder writes counts as a sign of life."""
        if self._seen is None or found.spec != self._seen.spec:
            if found.spec.holder not in {"", self._around.identity, self.holder}:
                self._owed = 0.0  # there is a leader to wait for instead
                self._log.info(Event.LEADER_OTHER, holder=found.spec.holder, epoch=found.spec.transitions)
            self._seen_at = self._now()
            self._counted = max(self._counted, found.spec.count)
        self._seen = found

    async def _look_again(self) -> None:
        if (found := await self._at.read()) is not None:
            self._saw(found)
        else:
            self._seen = None

    def _left(self) -> float:
        """Seconds for which the record may still be somebody's, by how long it has been seen unchanged."""
        if self._seen is None or not self.holder:
            return 0.0
        return max(0.0, self._seen_at + max(self._terms.lease, self._seen.spec.seconds) - self._now())

    async def _objects(self, annotations: Mapping[str, str]) -> bool:
        self.objection = await in_thread(self._carried.objection, annotations, leads=self._leading)
        return bool(self.objection)

    async def _claim(self, found: Lease | None, epoch: int) -> Claim:
        wanted = await in_thread(self._carried.wanted, found.annotations if found else {})
        return Claim(self._around.identity, epoch, math.ceil(self._terms.lease), self._around.clock.now(), wanted)

    def _pause(self) -> float:
        """Until the next step: sooner where something is known to happen."""
        pause = self._terms.retry
        if not self._leading:
            pause *= self._around.rng.uniform(1 - JITTER, 1 + JITTER)
            if left := self._left():
                pause = min(pause, left + self._around.rng.uniform(0.0, 0.2))
        elif self._free_at > self._now():
            pause = min(pause, self._free_at - self._now())
        return max(pause, min(self._asked_again or 0.0, self._terms.request))

    def _age(self) -> float:
        return self._now() - self._renewed_at

    def _now(self) -> float:
        """Seconds that a suspended machine counts as well."""
        return self._around.boot.boottime_ns() / 1e9
