"""Random fleets as a vendor may have them, and random sources as people may write them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from syncer.model import url
from syncer.model.desired import AppRef
from syncer.model.fields import FLAG_FIELDS, AppSettings, Field
from syncer.model.live import Listed, LiveApp

if TYPE_CHECKING:
    import random

AT: Final = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
CANARY: Final = "s3cr3tCanaryValue0123456789abcdefXYZ"
GOOD: Final = (
    "https://hooks.example/popup",
    "https://hooks.example/a%20b/c",
    "https://hooks.example:8443/x:",
    "https://other.example/{id}/popup",
    "https://hooks.example/-dash/~x/(y),z;a=b'c!",
    "wss://media.example/stream",
)
BAD: Final = (
    "",
    " ",
    "null",
    "true",
    "http://hooks.example/popup",
    f"https://hooks.example/p?token={CANARY}",
    f"https://hooks.example/{CANARY}",
    f"https://user:{CANARY}@hooks.example/",
    "https://hooks.example/{app}",
    "https://hooks.example/{",
    "https://192.0.2.7/x",
    "https://h\u043eoks.example/x",
    "https://hooks.example/#frag",
    "https://hooks.example/\x1b[31m",
    "https://hooks.example/\u202e",
    "https://hooks.example/a\nb: c",
    "https://hooks.example/ # comment",
    "- [&x] !!binary |",
    "\"quoted\" \\ 'both'",
    "https://hooks.example/" + "x" * 2100,
    "x" * 70_000,
)
IDS: Final = (
    "app_1",
    "123",
    "true",
    "null",
    "No",
    "a.b-c_d",
    "APP_1",
    "0x1F",
    "1e3",
    "..",
    "a..b",
    "-x",
    "é",
    "a b",
    "~",
)
NAMES: Final = (
    "Support Desk",
    "support-desk",
    "",
    "true",
    "Ünïted",
    "\x1b[31m",
    "123",
    "app_1",
    "a" * 300,
    "null",
    "no",
)


def setting(rng: random.Random, name: Field, app_id: str) -> str | bool | None:
    """A value that the vendor may hold."""
    if name in FLAG_FIELDS:
        return rng.choice((True, False, False, None)) if rng.random() < 0.9 else None
    kind = rng.random()
    if kind < 0.3:
        return None
    return rng.choice(GOOD).replace("{id}", app_id) if kind < 0.85 else rng.choice(BAD)


def settings(values: dict[Field, str | bool | None]) -> AppSettings:
    """Plain values as a live app's settings."""
    return AppSettings(**{name.value: url.parse(v) if isinstance(v, str) else v for name, v in values.items()})


def fleet(rng: random.Random) -> tuple[list[Listed], list[LiveApp]]:
    """Apps of one customer, few of them unlike the others."""
    ids = rng.sample(IDS, rng.randint(1, 6))
    alike = {name: setting(rng, name, ids[0]) for name in Field}
    listed, live = [], []
    for app_id in ids:
        own = {name: setting(rng, name, app_id) if rng.random() < 0.2 else value for name, value in alike.items()}
        ref = AppRef("cust_1", app_id)
        listed.append(Listed(ref, rng.choice(NAMES)))
        extra = ("beta_mode", "x\ny") if rng.random() < 0.1 else ()
        live.append(LiveApp(ref, settings(own), AT, extra=extra))
    return listed, live


@dataclass
class Written:
    """A source in the making: its files, and every comment in them."""

    rng: random.Random
    files: dict[str, bytes] = field(default_factory=dict)
    comments: list[str] = field(default_factory=list)

    def comment(self) -> str:
        """Behind a value, or nothing."""
        if self.rng.random() < 0.5:
            return ""
        self.comments.append(f"# note {len(self.comments)}: don't {{touch}} 'this\"")
        return f"  {self.comments[-1]}"

    def scalar(self, value: str | bool | None, *, flow: bool) -> str:
        """One value in any spelling that means the same."""
        if value is None:
            return self.rng.choice(("null", "~") if flow else ("null", "~", ""))
        if isinstance(value, bool):
            return str(value).lower()
        quoted = (f"'{value}'", f'"{value}"')
        return self.rng.choice(quoted if flow else (*quoted, value))

    def mapping(self, values: dict[str, str | bool | None], indent: str) -> list[str]:
        """The lines under `settings:`, that one included."""
        if self.rng.random() < 0.4:
            inner = ", ".join(f"{key}: {self.scalar(value, flow=True)}" for key, value in values.items())
            return [f"{indent}settings: {{{inner}}}{self.comment()}"]
        lines = [f"{indent}settings:{self.comment()}"]
        for key, value in values.items():
            if self.rng.random() < 0.2:
                lines += [f"{indent}  # about {key}", ""]
            lines.append(f"{indent}  {key}: {self.scalar(value, flow=False)}{self.comment()}".rstrip())
        return lines

    def some(self, chance: float) -> dict[str, str | bool | None]:
        """Fields that one layer declares."""
        urls = [name for name in Field if name not in FLAG_FIELDS]
        return {
            name.value: self.rng.choice((None, "https://hooks.example/a", "https://hooks.example/{app}/b"))
            for name in urls
            if self.rng.random() < chance
        }

    def apps(self, path: str, prefix: str) -> None:
        """One file with a few apps."""
        lines = ["apiVersion: syncer/v1", f"kind: Apps{self.comment()}", "customer_id: cust_1"]
        if values := self.some(0.4):
            lines += ["defaults:", *self.mapping(values, "  ")]
        lines += ["apps:", "  # the apps"]
        for number in range(self.rng.randint(1, 4)):
            lines += self.app(f"{prefix}{number}")
        end = "\r\n" if self.rng.random() < 0.3 else "\n"
        text = end.join(lines) + (end if self.rng.random() < 0.8 else "")
        self.files[path] = text.encode()

    def app(self, name: str) -> list[str]:
        """One app in one of the ways to write it."""
        values = self.some(0.4)
        way = self.rng.random()
        if way < 0.2:
            inner = ", ".join(f"{key}: {self.scalar(value, flow=True)}" for key, value in values.items())
            body = self.rng.choice(
                ("{}", f"{{app_id: {name}, settings: {{{inner}}}}}", f"{{ settings: {{ {inner} }} }}")
            )
            return [f"  {name}: {body}{self.comment()}"]
        lines = [f"  {name}:{self.comment()}", f"    labels: {{team: x}}{self.comment()}"]
        return [*lines, *self.mapping(values, "    ")] if values else lines


def source(rng: random.Random) -> Written:
    """A source of up to three files."""
    made = Written(rng)
    if rng.random() < 0.6 and (values := made.some(0.5)):
        lines = ["apiVersion: syncer/v1", "kind: Defaults", *made.mapping(values, "")]
        made.files["_defaults.yaml"] = ("\n".join(lines) + "\n").encode()
    made.apps("a.yaml", "alpha-")
    if rng.random() < 0.5:
        made.apps("sub/b.yaml", "beta-")
    return made
