"""One app from all its layers: placeholders filled in, values typed, rules across fields. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast

from syncer.desired import checks, placeholders, policies, urls
from syncer.desired.faults import Fault
from syncer.desired.layers import Declared, located
from syncer.model import url
from syncer.model.desired import AppRef, DesiredApp, Layer, Origin, Revision
from syncer.model.fields import UNDECLARED, AppSettings, Field

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from syncer.desired.layers import Stack
    from syncer.documents.building import Value
    from syncer.documents.places import KeyPath, Places
    from syncer.model.desired import TokenRef
    from syncer.model.fields import Setting
    from syncer.model.problems import Place, Problem

NO_REVISION: Final = Revision("", "")
"""Stands in a resolved app until a reading of one revision takes it up."""

NEEDED: Final = (
    ("SY301", Field.RECORDING_ENABLED, Field.RECORDING_URL),
    ("SY302", Field.STREAMING_ENABLED, Field.STREAMING_URL),
)
"""Rule, the flag, and the URL without which it sends something to nobody."""


@dataclass(frozen=True, slots=True)
class Naming:
    """What an app is called and where it stands; `path` leads to it in its own file."""

    name: str
    ref: AppRef
    places: Places
    path: KeyPath

    @property
    def place(self) -> Place:
        """Its name, for a caret."""
        return self.places.key(self.path)


class Resolution:
    """One app in the making: the problems found so far, and the values for placeholders."""

    def __init__(self, stack: Stack, naming: Naming) -> None:
        self.stack = stack
        self.naming = naming
        self.problems: list[Problem] = []
        self.labels = {key[1]: cast("str", one.value) for key, one in stack.declared.items() if key[0] == "labels"}
        self._values = {
            "app": naming.name,
            "app_id": naming.ref.app_id,
            "customer_id": naming.ref.customer_id,
            **{f"labels.{key}": value for key, value in self.labels.items()},
        }

    def app(self) -> DesiredApp:
        """The app; meaningless when `problems` holds an error."""
        settings = AppSettings(**{field.value: self._setting(field) for field in Field})
        self._across(settings)
        self._advise()
        naming, declared = self.naming, self.stack.declared
        at = Origin(naming.places.path, *naming.places.position(naming.path), Layer.APP)
        return DesiredApp(
            ref=naming.ref,
            name=naming.name,
            settings=settings,
            token=self._token(),
            at=at,
            revision=NO_REVISION,
            origins=tuple((f, declared[key].origin) for f in Field if (key := ("settings", f.value)) in declared),
            labels=tuple(sorted(self.labels.items())),
            policy=policies.policy(self.stack),
            more_origins=tuple(
                sorted((".".join(key), d.origin) for key, d in declared.items() if key[0] != "settings")
            ),
        )

    def _setting(self, field: Field) -> Setting:
        one = self.stack.declared.get(("settings", field.value))
        if one is None:
            return UNDECLARED
        if not isinstance(one.value, str):
            return cast("bool | None", one.value)
        text = self._expand(one, one.value)
        if text is None:
            return UNDECLARED
        self._blame(one, urls.faults(field, text, self.stack.hosts.get(field)))
        return url.parse(text)

    def _token(self) -> TokenRef | None:
        one = self.stack.declared.get(("token",))
        if one is None:
            return None
        path, written = checks.token_text(cast("Mapping[str, Value]", one.value))
        text = self._expand(one, written, *path)
        if text is None:
            return None
        self._blame(one, checks.token_faults(path[-1], text), *path)
        return checks.token_ref(path, text)

    def _expand(self, one: Declared, written: str, *deeper: str) -> str | None:
        """The text for this app; None where a fault stands in the way, which is reported once."""
        if one.faulty:
            return None
        text, wrong = placeholders.expand(written, self._values)
        self._blame(one, wrong, *deeper)
        return None if wrong else text

    def _blame(self, one: Declared, wrong: Iterable[Fault], *deeper: str) -> None:
        """At the value when it stands in the app's own file; else at the app, which is the one that can't have it."""
        for fault in wrong:
            if one.places is not self.naming.places:
                self.problems.append(self._for_app(fault, one))
            elif one.origin.layer is Layer.FILE:
                self.problems.append(one.problem(replace(fault, label=f"for `{self.naming.name}`"), *deeper))
            else:
                self.problems.append(one.problem(fault, *deeper))

    def _for_app(self, fault: Fault, one: Declared) -> Problem:
        return located(replace(fault, label="for this app"), self.naming.place, one.place, "declared here")

    def _at_app(self, fault: Fault) -> None:
        self.problems.append(located(fault, self.naming.place))

    def _across(self, settings: AppSettings) -> None:
        for rule, flag, wanted in NEEDED:
            if settings.get(flag) is True and settings.get(wanted) in {UNDECLARED, None}:
                self._needs(rule, flag, wanted)

    def _advise(self) -> None:
        if not any(key[0] == "settings" for key in self.stack.declared):
            self._at_app(Fault.warning("SY503", "no settings: nothing of this app is managed", help=_SETTINGS_HELP))
        if ("token",) not in self.stack.declared:
            self._at_app(Fault.warning("SY501", "no token: this app can be neither read nor written", help=_TOKEN_HELP))

    def _needs(self, rule: str, flag: Field, wanted: Field) -> None:
        on = self.stack.declared["settings", flag.value]
        null = self.stack.declared.get(("settings", wanted.value))
        if null is not None and isinstance(null.value, str):
            return  # its own fault is reported
        fault = Fault(rule, f"`{flag}` is true, and there is no `{wanted}`", help=f"declare {wanted}, or {flag}: false")
        if null is None:
            self._blame(on, (fault,))
            return
        self.problems.append(self._disagreement(fault, on, null))

    def _disagreement(self, fault: Fault, one: Declared, two: Declared) -> Problem:
        """At the later of two values, showing both; later is the stronger layer, or the lower line of one."""
        earlier, later = sorted((one, two), key=lambda it: (it.rank, it.origin.line, it.origin.column))
        if later.places is self.naming.places:
            return located(replace(fault, label="and this"), later.place or self.naming.place, earlier.place, "this")
        return located(replace(fault, label="for this app"), self.naming.place, later.place, "declared here")


_TOKEN_HELP: Final = "write token: {file: /absolute/path/{app}} in this app or a layer below it"  # noqa: S105 -- advice
_SETTINGS_HELP: Final = "declare at least one field under settings:"


def problems_of_id(naming: Naming) -> Iterator[Problem]:
    """Ids become segments of a URL path, so none may hold `..`; the schema has checked the rest of their form."""
    paths: tuple[tuple[str, KeyPath], ...] = (
        (naming.ref.customer_id, ("customer_id",)),
        (naming.ref.app_id, (*naming.path, "app_id")),
    )
    for text, path in paths:
        if ".." in text:
            fault = Fault("SY307", f"`..` in the id `{text}`", help="copy the id as the vendor shows it")
            yield located(fault, naming.places.value(path))
