"""Lays built-in values, the file, variables and options over each other, key by key, and remembers who won."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from syncer.documents import advice, building, loading, schema
from syncer.documents.veil import veil
from syncer.model.problems import Place, Problem
from syncer.settings import keys

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from syncer.documents.building import Value

HEADER: Final[dict[str, Value]] = {"apiVersion": "syncer/v1", "kind": "Config"}
WHOLE: Final = frozenset({"policy.allowed_hosts", "policy.suspend", "vendor.customer_tokens"})
"""Mappings that are one value: a stronger layer replaces them whole."""

BUILT_IN: Final[dict[str, Value]] = {
    "mode": "apply",
    "source.path": "config/apps",
    "source.ref": "HEAD",
    "source.subpath": "",
    "source.allow_file": False,
    "source.poll": "60s",
    "source.history": "fast-forward-only",
    "vendor.base_url": "https://integrationscore.mum1.exotel.com/v2/integrations",
    "vendor.concurrency": 32,
    "vendor.rate": "50/s",
    "vendor.deadline": "15s",
    "vendor.list_authorization": "bearer",
    "schedule.detect": "5m",
    "schedule.apply": "*/5 * * * *",
    "schedule.zone": "UTC",
    "schedule.jitter": "10%",
    "policy.on_commit": "apply",
    "policy.on_drift": "correct",
    "policy.protected": [],
    "policy.locked": [],
    "policy.windows": [],
    "policy.allowed_hosts": {},
    "policy.budget.apps": 25,
    "policy.budget.share": "30%",
    "policy.budget.per": "24h",
    "policy.budget.at_least": 3,
    "policy.mass_drift.apps": 2,
    "policy.mass_drift.share": "20%",
    "policy.transitions.blank_url.apps": 2,
    "policy.transitions.blank_url.share": "5%",
    "policy.transitions.recording_off.apps": 2,
    "policy.transitions.recording_off.share": "5%",
    "policy.transitions.streaming_off.apps": 2,
    "policy.transitions.streaming_off.share": "5%",
    "policy.max_unreadable": "30%",
    "rollout.waves": [{"share": "100%"}],
    "rollout.stop_after_failures": 0,
    "audit.origin": "syncer",
    "audit.rotate": "64MiB",
    "audit.anchors": [],
    "audit.may_vanish": False,
    "serve.listen": "127.0.0.1:8080",
    "serve.allowed_hosts": [],
    "metrics.apps": False,
    "metrics.job": "syncer",
    "webhooks.deadline": "10s",
    "webhooks.allow_networks": [],
    "notify": [],
    "leader.kind": "none",
    "leader.name": "syncer",
    "leader.lease_duration": "60s",
    "leader.renew_deadline": "40s",
    "leader.retry_period": "5s",
    "log.format": "auto",
    "log.level": "info",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A key's value, who says so (`origin`, for people), and where (None for built-in values)."""

    value: Value
    origin: str
    at: Place | None = None


@dataclass(slots=True)
class Layers:
    """All layers laid over each other: the winning entry of every key that has a value, and what is wrong."""

    entries: dict[str, Entry] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def lay(self, name: str, entry: Entry) -> None:
        """Let a stronger layer speak; alternatives push each other out."""
        for other in _alternatives(name):
            rival = self.entries.get(other)
            if rival is not None and not (rival.at and entry.at and rival.at.path == entry.at.path):
                del self.entries[other]
        self.entries[name] = entry

    def place(self, name: str) -> Place:
        """Where a key's value stands, for a problem with it."""
        entry = self.entries.get(name)
        return entry.at if entry is not None and entry.at is not None else Place("built-in")


def gather(
    options: Mapping[str, str], environ: Mapping[str, str], file: Path | None, commands: Collection[str]
) -> Layers:
    """Every layer in its order; raises nothing, the problems are in the result."""
    layers = Layers({name: Entry(value, "built-in") for name, value in BUILT_IN.items()})
    layers.entries["state_dir"] = _state_dir(environ)
    if file is None and environ.get(keys.CONFIG):
        file = Path(environ[keys.CONFIG])
    if file is not None:
        _lay_file(layers, file)
    _lay_variables(layers, environ, commands)
    for name, text in options.items():
        option = keys.OPTIONS.get(name, name)
        _lay_text(layers, _meant(name, text), text, option)
    return layers


def _state_dir(environ: Mapping[str, str]) -> Entry:
    """The XDG base directory specification: a relative XDG_STATE_HOME is ignored."""
    state_home = environ.get("XDG_STATE_HOME", "")
    if state_home.startswith("/"):
        return Entry(f"{state_home}/syncer", "$XDG_STATE_HOME")
    home = environ.get("HOME", "")
    return Entry(f"{home}/.local/state/syncer" if home.startswith("/") else "/var/lib/syncer", "built-in")


def _lay_file(layers: Layers, file: Path) -> None:
    try:
        with file.open("rb") as opened:
            data = opened.read(loading.MAX_BYTES + 1)  # whatever it is: a device has no end
    except OSError as error:
        message = f"the configuration can't be read: {error.strerror or error}"
        layers.problems.append(Problem("SY293", message, Place(str(file)), help="check the path given with -c"))
        return
    parsed = loading.parse(str(file), data)
    layers.problems += schema.check(parsed, "config")
    for path, value in _leaves(parsed.value, ()):
        at = parsed.places.value(path)
        layers.lay(".".join(path), Entry(value, f"{file}:{at.line}", at))


def _leaves(value: Value, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Value]]:
    if isinstance(value, dict) and ".".join(above) not in WHOLE:
        for key, below in value.items():
            if above or key not in keys.NOT_SETTINGS:
                yield from _leaves(below, (*above, key))
    elif above:
        yield above, value


def _lay_variables(layers: Layers, environ: Mapping[str, str], commands: Collection[str]) -> None:
    known = keys.known()
    for variable in sorted(environ):
        key, text = known.get(variable), environ[variable]
        if key is not None and text:  # an empty variable is how a manifest says "unset"
            _lay_text(layers, _meant(key.name, text), text, f"${variable}")
        elif key is not None or variable == keys.CONFIG:
            continue
        elif variable.startswith(keys.PREFIX) and variable not in commands and not keys.is_foreign(variable, environ):
            layers.problems.append(_unknown(variable, (*known, *commands)))


def _meant(name: str, text: str) -> str:
    if name in {keys.SOURCE, "source.path"}:
        return "source.url" if keys.is_url(text) else "source.path"
    return name


def _lay_text(layers: Layers, name: str, text: str, where: str) -> None:
    """One value from a variable or an option, through the same schema as the file."""
    value: Value = building.typed(text) if name in keys.typed_names() else text
    at = Place(where, 1, 1, max(1, len(text)), veil(text))
    nested = value
    path = tuple(name.split("."))
    for key in reversed(path):
        nested = {key: nested}
    document = {**HEADER, **(nested if isinstance(nested, dict) else {})}
    for finding in schema.validate(document, "config"):
        if finding.path == path or finding.rule == "SY201":
            shown = replace(at, length=1, text="") if finding.secret else at
            layers.problems.append(Problem(finding.rule, finding.message, shown, help=finding.help))
    layers.lay(name, Entry(value, where.removeprefix("$") if where[0] == "$" else f"option {where}", at))


def _unknown(variable: str, known: Collection[str]) -> Problem:
    near = advice.nearest(variable, known)
    hint = f"did you mean {near}?" if near else "variables for secrets begin with SYNCER_TOKEN_ or SYNCER_SECRET_"
    return Problem("SY290", f"unknown variable {variable}", Place(f"${variable}"), help=hint)


def _alternatives(name: str) -> tuple[str, ...]:
    """Keys of which only one can hold: a folder and a repository, a secret's file and its variable."""
    above, _, last = name.rpartition(".")
    if name in {"source.path", "source.url"}:
        return ("source.path", "source.url")
    return (f"{above}.file", f"{above}.env") if last in {"file", "env"} else ()
