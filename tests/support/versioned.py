"""An installation whose source is a real git repository."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from tests.support.repositories import Repository
from tests.support.site import CUSTOMER, Site, app_id, site

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

CONFIG = """\
apiVersion: syncer/v1
kind: Config
source: {{url: "{url}", ref: main, allow_file: true, poll: {poll}}}
vendor: {{base_url: {vendor}, rate: 5000/s}}
schedule: {{detect: {detect}, apply: 1h, jitter: 0%}}
policy:   # tests of the limits set their own
  budget: {{apps: 100000, share: 100%, at_least: 100000}}
  mass_drift: {{apps: 100000}}
  transitions: {{blank_url: {{apps: 9999}}, recording_off: {{apps: 9999}}, streaming_off: {{apps: 9999}}}}
state_dir: {state}
"""


def apps_file(home: Path, numbers: range, settings: Mapping[str, object]) -> bytes:
    """A file of apps that take their tokens from below `home`."""
    document = {
        "apiVersion": "syncer/v1",
        "kind": "Apps",
        "customer_id": CUSTOMER,
        "defaults": {"token": {"file": f"{home}/tokens/{{app}}"}, "settings": settings},
        "apps": {app_id(number): {} for number in numbers},
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2)


@dataclass(frozen=True, slots=True)
class Versioned:
    """A site and the repository that it reads; each app has a file of its own."""

    site: Site
    repository: Repository

    def commit(self, numbers: range, **settings: object) -> str:
        """Declares these settings for these apps, each in its own file."""
        return self.declare(numbers, settings)

    def declare(self, numbers: range, settings: Mapping[str, object]) -> str:
        """The same with a mapping."""
        files: dict[str | bytes, Any] = {
            f"{app_id(n)}.yaml": apps_file(self.site.home, range(n, n + 1), settings) for n in numbers
        }
        return self.repository.commit(files)

    def before(self, commits: int) -> str:
        """The commit so many before the newest."""
        return self.repository.git("rev-parse", f"main~{commits}")

    def configure(self, *, url: str = "", poll: str = "1h", detect: str = "1h") -> None:
        """Writes the configuration; nothing runs by itself unless asked for."""
        text = CONFIG.format(
            url=url or self.repository.url,
            vendor=self.site.emulator.base_url,
            state=self.site.state,
            poll=poll,
            detect=detect,
        )
        self.site.config.write_text(text)


@contextmanager
def versioned(home: Path, count: int = 3, **settings: object) -> Iterator[Versioned]:
    """An installation of `count` apps in a repository of one commit; `settings` are what it declares."""
    with site(home, count) as here:
        made = Versioned(here, Repository.create(home / "settings.git"))
        made.declare(range(1, count + 1), settings)
        made.configure()
        yield made
