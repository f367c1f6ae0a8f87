"""The daemon's configuration: options > SYNCER_ variables > file > built-in, as one frozen tree.

Every value, wherever it comes from, passes the schema of the file; all problems are told at once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncer.documents.veil import veil
from syncer.errors import ConfigError
from syncer.model.problems import counted
from syncer.settings import build, checks, layers
from syncer.settings.tree import Mode, Settings

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

__all__ = ["Mode", "Resolved", "Settings", "load"]


@dataclass(frozen=True, slots=True)
class Resolved:
    """The settings, and for every key (dotted) its value as text and who says so."""

    settings: Settings
    origins: Mapping[str, tuple[str, str]]


def load(
    options: Mapping[str, str],
    environ: Mapping[str, str],
    file: Path | None = None,
    commands: Collection[str] = (),
) -> Resolved:
    """The settings that options, variables and a file make; ConfigError with every problem.

    `options` maps dotted keys to texts; `source` stands for source.path or source.url. Without `file`,
    SYNCER_CONFIG names it. `commands` are the variables that stand for options of commands, so that they are known.
    """
    found = layers.gather(options, environ, file, commands)
    problems = (*found.problems, *checks.problems(found))
    if problems:
        raise ConfigError(f"the configuration has {counted(problems)}", problems)
    origins = {name: (_shown(entry), entry.origin) for name, entry in sorted(found.entries.items())}
    return Resolved(build.settings(found.entries), origins)


def _shown(entry: layers.Entry) -> str:
    text = entry.value if isinstance(entry.value, str) else json.dumps(entry.value, ensure_ascii=False)
    return veil(text)
