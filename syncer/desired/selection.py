"""Which apps a command is about: names, globs, `customer/app_id` and label selectors. Pure."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from syncer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from syncer.model.desired import AppRef

_TERM: Final = re.compile(r"\A(?P<key>[A-Za-z0-9][A-Za-z0-9_./-]*)(?P<sign>==|!=|=)(?P<value>[^=!,]*)\Z")
_GLOB: Final = frozenset("*?[")


class Named(Protocol):
    """What can be selected."""

    @property
    def ref(self) -> AppRef:
        """Its identity."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def labels(self) -> tuple[tuple[str, str], ...]:
        """Its labels."""


T = TypeVar("T", bound=Named)


@dataclass(frozen=True, slots=True)
class _Term:
    key: str
    value: str
    equal: bool

    def fits(self, app: Named) -> bool:
        """An app without the label differs from every value, as in Kubernetes selectors."""
        return (dict(app.labels).get(self.key) == self.value) is self.equal


def select(apps: Iterable[T], patterns: Sequence[str], labels: Sequence[str] = ()) -> tuple[T, ...]:
    """The apps that any pattern names (all without one) and that fit every label selector, in the order given.

    A pattern is a name, an app id, `customer/app_id`, or a glob of these; a selector is `env=prod,team!=x`.
    UsageError for a pattern that names nothing and for a selector that can't be read.
    """
    known = tuple(apps)
    terms = [term for selector in labels for term in _terms(selector)]
    for pattern in patterns:
        if not any(_named(app, pattern) for app in known):
            raise _unknown(pattern, known)
    chosen = (app for app in known if not patterns or any(_named(app, pattern) for pattern in patterns))
    return tuple(app for app in chosen if all(term.fits(app) for term in terms))


def _named(app: Named, pattern: str) -> bool:
    if "/" in pattern:
        return fnmatchcase(str(app.ref), pattern)
    return fnmatchcase(app.name, pattern) or fnmatchcase(app.ref.app_id, pattern)


def _unknown(pattern: str, apps: Sequence[Named]) -> UsageError:
    if _GLOB & set(pattern):
        return UsageError(f"no app matches {pattern!r}", hint="quote globs, so that the shell does not expand them")
    names = {name for app in apps for name in (app.name, app.ref.app_id, str(app.ref))}
    near = difflib.get_close_matches(pattern, sorted(names), n=1)
    hint = f"did you mean {near[0]!r}?" if near else "names are the keys under `apps:`; customer/app_id works too"
    return UsageError(f"no app is called {pattern!r}", hint=hint)


def _terms(selector: str) -> Iterable[_Term]:
    for part in selector.split(","):
        found = _TERM.match(part.strip())
        if found is None:
            raise UsageError(
                f"can't read the label selector {selector!r}", hint="write -l env=prod,team!=x: key=value or key!=value"
            )
        yield _Term(found["key"], found["value"], found["sign"] != "!=")
