"""Loading 10,000 small files: cold, unchanged, with ten changed, and with the root's defaults changed."""

from __future__ import annotations

import gc
import resource
import sys
import time

from syncer.desired.loader import Loader
from tests.support.documents_text import defaults, one_app
from tests.support.memory_source import FixedClock, MemorySource

FILES = 10_000


def main() -> None:
    """Print one line per case."""
    more = "    labels: {team: care}\n"
    url = "https://h.example/{app}/{labels.team}"
    apps = {f"t{n % 100}/{n}.yaml": one_app(f"app-{n}", url=url, more=more) for n in range(FILES)}
    folders = {f"t{n}/_defaults.yaml": defaults("labels: {env: prod}\n") for n in range(100)}
    source = MemorySource({**apps, **folders})
    loader = Loader(FixedClock())
    timed("cold", loader, source)
    gc.collect()
    gc.freeze()
    timed("unchanged", loader, source)
    for turn in range(3):
        source.change({f"t{n}/{n}.yaml": one_app(f"app-{n}", url=f"https://h.example/{turn}") for n in range(10)})
        timed("ten changed", loader, source)
    source.change({"_defaults.yaml": defaults("labels: {company: acme}\n")})
    timed("the root's defaults changed", loader, source)
    say(f"{'peak memory':28} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:8.1f} MiB")


def timed(case: str, loader: Loader, source: MemorySource) -> None:
    """Load the newest snapshot and print how long it took."""
    snapshot = source.fetch()
    start = time.perf_counter()
    state = loader.load(source, snapshot)
    say(f"{case:28} {time.perf_counter() - start:8.3f} s   {len(state.apps)} apps, {len(state.problems)} problems")


def say(line: str) -> None:
    """One line of the result."""
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
