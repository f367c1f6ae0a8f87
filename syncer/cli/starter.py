"""The files that `syncer init` writes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
"""What the schema of Apps takes as customer_id and app_id."""

DEFAULTS = """\
# For this folder and every folder below it. Apps may override what is not locked.
apiVersion: syncer/v1
kind: Defaults
policy:
  on_commit: apply      # apply | hold: a change in git waits for `syncer approve`
  on_drift: correct     # correct | report | ignore: what happens when somebody changes a setting at the vendor
"""

APPS = """\
# yaml-language-server: $schema=./.schemas/apps.schema.json
apiVersion: syncer/v1
kind: Apps
customer_id: "{customer}"
defaults:
  token: {{file: "/var/run/secrets/syncer/{{app}}"}}     # the app's bearer token; read again at every use
apps:
  first-app:
    app_id: "{app_id}"
    settings:
      # Only what is declared here is managed; everything else keeps its value at the vendor. Write your own URL:
      missed_call_url: https://hooks.example.com/{{app}}/missed-call
"""

CONFIG = """\
# The daemon's own configuration. `syncer config show --origin` prints every key with its value and where it is from.
apiVersion: syncer/v1
kind: Config
mode: observe           # observe: looks and never writes. Change to apply when `syncer plan` shows what you expect.
source:
  path: {folder}/apps
state_dir: {folder}/state
"""


def files(folder: Path, customer: str, app_id: str) -> dict[Path, str]:
    """Path and text of each file of a new source below `folder`; UsageError for ids that no source may hold."""
    from syncer.documents import schemas
    from syncer.errors import UsageError

    for option, value in (("--customer", customer), ("--app", app_id)):
        if not ID.fullmatch(value):
            advice = "letters, digits, `_`, `.` and `-`, beginning with a letter or digit"
            raise UsageError(f"{option} {value!r} is no id", hint=f"{advice}; nothing was written")

    return {
        folder / "apps" / "_defaults.yaml": DEFAULTS,
        folder / "apps" / "apps.yaml": APPS.format(customer=customer, app_id=app_id),
        folder / "apps" / ".schemas" / "apps.schema.json": schemas.text("apps"),
        folder / "syncer.yaml": CONFIG.format(folder=folder),
        folder / ".gitignore": "/state/\n",
    }
