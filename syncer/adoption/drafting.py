"""The text of an Apps file from live values: readable first, since people go on with it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from syncer.adoption.spelling import scalar
from syncer.model.fields import Field, plain
from syncer.model.text import sanitize
from syncer.model.url import Url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from syncer.model.desired import AppRef
    from syncer.model.fields import Value

HEAD: Final = """\
# Written by `syncer import`. A field in a comment is not managed: it keeps its value at the vendor.
apiVersion: syncer/v1
kind: Apps
"""
INDENT: Final = "      "

About: TypeAlias = "tuple[AppRef, Field | None]"
"""What a line says: one field of an app, or something of the app itself."""


@dataclass(frozen=True, slots=True)
class Draft:
    """One app to be written: `values` are declared, `left` the fields that are not, each with why.

    `extra` names fields that the vendor has and the contract does not know.
    """

    ref: AppRef
    name: str
    values: Mapping[Field, Value]
    left: Mapping[Field, str] = field(default_factory=dict)
    extra: tuple[str, ...] = ()

    def without(self, wanted: Field, why: str) -> Draft:
        """The same app with one field left out."""
        kept = {name: value for name, value in self.values.items() if name is not wanted}
        return replace(self, values=kept, left={**self.left, wanted: why})


@dataclass(frozen=True, slots=True)
class Sheet:
    """One file: where its apps' tokens are kept (`file` or `env`, and a text with placeholders), and its apps.

    `team` becomes a label of all its apps. `refused` are apps that are not in it, each with why.
    """

    customer_id: str
    token: tuple[str, str]
    drafts: tuple[Draft, ...]
    team: str = ""
    refused: tuple[tuple[AppRef, str], ...] = ()


def text(sheet: Sheet, *, factored: bool) -> tuple[str, Mapping[int, About]]:
    """The file, and what each line (from 1) is about.

    `factored`: what all apps have alike stands in `defaults`, once.
    """
    shared = _shared(sheet.drafts) if factored else {}
    about: dict[int, About] = {}
    lines = [*HEAD.splitlines(), f"customer_id: {scalar(sheet.customer_id)}", "defaults:"]
    if sheet.team:
        lines.append(f"  labels: {{team: {scalar(sheet.team, flow=True)}}}")
    kind, where = sheet.token
    lines.append(f"  token: {{{kind}: {scalar(where, flow=True)}}}")
    if shared:
        lines.append(f"  settings:  # alike in all {len(sheet.drafts):,} apps")
        lines += [f"    {name}: {scalar(value)}" for name, value in shared.items()]
    lines.append("apps:")
    for draft in sheet.drafts:
        for line, concerns in _app(draft, shared):
            lines.append(line)
            about[len(lines)] = draft.ref, concerns
    lines += [f"  # not imported: {sanitize(str(ref))}: {sanitize(why)}" for ref, why in sheet.refused]
    return "\n".join(lines) + "\n", about


def _app(draft: Draft, shared: Mapping[Field, str | bool | None]) -> Iterator[tuple[str, Field | None]]:
    """Its lines, each with the field that it declares."""
    own = [(name, value) for name, value in draft.values.items() if name not in shared]
    named = draft.name != draft.ref.app_id
    head = f"  {scalar(draft.name)}:"
    yield head if own or named else f"{head} {{}}", None
    if named:
        yield f"    app_id: {scalar(draft.ref.app_id)}", None
    if own:
        yield "    settings:", None
    for name, value in own:
        yield f"{INDENT}{name}: {scalar(plain(value))}", name
    for name, why in draft.left.items():
        yield f"{INDENT}# {name}: {sanitize(why)}", None
    if draft.extra:
        yield f"{INDENT}# the vendor also has: {sanitize(', '.join(draft.extra))}", None


def _shared(drafts: tuple[Draft, ...]) -> dict[Field, str | bool | None]:
    """What every one of several apps declares alike, its own id or name in a path written as a placeholder."""
    found: dict[Field, str | bool | None] = {}
    if len(drafts) > 1:
        for name in Field:
            ways = [_ways(draft, name) for draft in drafts]
            alike = [way for way in ways[0] if all(way in others for others in ways[1:])]
            if alike:
                found[name] = alike[0][0]
    return found


def _ways(draft: Draft, name: Field) -> tuple[tuple[str | bool | None], ...]:
    """How a value may be written, plainest first; each in a tuple, because null is one of them."""
    if name not in draft.values:
        return ()
    value = draft.values[name]
    if not isinstance(value, Url):
        return ((plain(value),),)
    forms = (value.text, _placed(value.text, draft.ref.app_id, "{app_id}"), _placed(value.text, draft.name, "{app}"))
    return tuple((form,) for form in dict.fromkeys(forms))


def _placed(text: str, part: str, placeholder: str) -> str:
    """The text with a placeholder for each whole segment of its path that is `part`."""
    head, mark, query = text.partition("?")
    scheme, _, rest = head.partition("://")
    host, *segments = rest.split("/")
    placed: Iterable[str] = (placeholder if segment == part else segment for segment in segments)
    return f"{scheme}://{'/'.join((host, *placed))}{mark}{query}"
