"""Reading a small file and a large one: libyaml against the pure parser, and the schema check beside them."""

from __future__ import annotations

import timeit
from functools import partial
from typing import TYPE_CHECKING

from syncer.documents import schema
from syncer.documents.loading import parse

if TYPE_CHECKING:
    from collections.abc import Callable

APP = """\
  app-{n}:
    app_id: app_{n}
    labels: {{region: in}}
    settings:
      popup_url: https://hooks.acme.example/{n}/popup
      recording_enabled: true
"""
HEAD = "apiVersion: syncer/v1\nkind: Apps\ncustomer_id: cust_acme\napps:\n"


def fleet(apps: int) -> bytes:
    return (HEAD + "".join(APP.format(n=n) for n in range(apps))).encode()


def best(work: Callable[[], object], number: int) -> float:
    """Seconds of one call, the best of five rounds."""
    return min(timeit.repeat(work, number=number, repeat=5)) / number


def main() -> None:
    for name, data, number in (("1 app", fleet(1), 300), ("5,000 apps", fleet(5000), 1)):
        parsed = parse("bench.yaml", data)
        read = best(partial(parse, "bench.yaml", data), number)
        pure = best(partial(parse, "bench.yaml", data, pure=True), max(1, number // 30))
        check = best(partial(schema.check, parsed, "apps"), number)
        line = f"{name:>10}: read {read * 1e6:10.0f} µs   pure {pure / read:5.1f} x   check {check * 1e6:10.0f} µs"
        print(line)  # noqa: T201 -- a benchmark's result


if __name__ == "__main__":
    main()
