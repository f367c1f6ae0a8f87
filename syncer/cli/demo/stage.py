"""What the demo plays on: a git repository made from the sample fleet, an emulator seeded to match, token files."""

from __future__ import annotations

import json
import secrets
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

from syncer import environment, sources
from syncer.desired.folder import FolderSource
from syncer.emulator.store import Seed
from syncer.model.desired import EnvToken, FileToken, MintedToken, OnDrift
from syncer.model.fields import UNDECLARED, Field, plain

if TYPE_CHECKING:
    from syncer.emulator.server import Emulator
    from syncer.model.desired import DesiredApp

SECRETS_IN_FLEET: Final = "/var/run/secrets/syncer"
"""Where the sample fleet expects mounted tokens; the demo's copy points at a folder of its own."""

CONFIG: Final = """\
apiVersion: syncer/v1
kind: Config
source:
  url: file://{repository}
  ref: main
  allow_file: true
  poll: 1s
vendor:
  base_url: {vendor}
schedule: {{detect: 2s, apply: 1h, jitter: 0%}}
state_dir: {state}
serve: {{listen: "127.0.0.1:0", token: {{file: {token}}}}}
audit: {{may_vanish: true}}
log: {{format: json}}
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """Folders of one demo, all below `home`."""

    home: Path
    emulator: Emulator

    @property
    def work(self) -> Path:
        """The clone that a person commits in; the daemon never sees it."""
        return self.home / "work"

    @property
    def repository(self) -> Path:
        """The bare repository that stands for the git server."""
        return self.home / "settings.git"

    @property
    def secrets(self) -> Path:
        """Mounted tokens."""
        return self.home / "secrets"

    @property
    def state(self) -> Path:
        """Journal, index, mirror."""
        return self.home / "state"

    @property
    def token(self) -> Path:
        """The token with which the daemon takes orders."""
        return self.home / "serve.token"

    @property
    def config(self) -> Path:
        """The daemon's configuration."""
        return self.home / "syncer.yaml"

    def git(self, *arguments: str) -> None:
        """Runs git in the clone as the demo's person."""
        person = ("-c", "user.name=Asha Rao", "-c", "user.email=asha@acme.example", "-c", "init.defaultBranch=main")
        subprocess.run(
            ["git", *person, "-C", str(self.work), *arguments],
            check=True,
            capture_output=True,
            env={"PATH": environment.read().get("PATH", ""), "HOME": str(self.home), "GIT_CONFIG_NOSYSTEM": "1"},
        )

    def commit(self, message: str) -> None:
        """Commits everything in the clone and pushes it."""
        self.git("commit", "-q", "-a", "-m", message)
        self.git("push", "-q", "origin", "main")

    def edit(self, path: str, old: str, new: str) -> None:
        """Replaces one text in a file of the clone; ValueError when it is not there exactly once."""
        file = self.work / path
        text = file.read_text(encoding="utf-8")
        if text.count(old) != 1:
            raise ValueError(f"{path} holds {old!r} {text.count(old)} times, not once")
        file.write_text(text.replace(old, new), encoding="utf-8")

    def command(self, *arguments: str) -> list[str]:
        """The argument list of a syncer command on this stage."""
        return [sys.executable, "-m", "syncer", *arguments]

    def environ(self) -> dict[str, str]:
        """The environment of a syncer command: the configuration, and tokens that the fleet takes from variables."""
        inherited = {k: v for k, v in environment.read().items() if not k.startswith("SYNCER_")}
        return {**inherited, **tokens_in_variables(fleet(self.work)), "SYNCER_CONFIG": str(self.config)}


def handed_over(stage: Stage, address: str) -> Path:
    """A file for a person's shell: with its variables, commands find this stage and the daemon at that address."""
    inherited = environment.read()
    own = {
        **{name: value for name, value in stage.environ().items() if inherited.get(name) != value},
        "SYNCER_SERVER": address,
        "SYNCER_SERVER_TOKEN_FILE": str(stage.token),
    }
    file = stage.home / "env.sh"
    _private(file, "".join(f"export {name}={shlex.quote(value)}\n" for name, value in sorted(own.items())))
    return file


def build(home: Path, emulator: Emulator) -> Stage:
    """Lays everything out below `home` and seeds the emulator, which then holds nothing that git declares yet."""
    stage = Stage(home, emulator)
    home.mkdir(exist_ok=True)
    shutil.copytree(sample_fleet(), stage.work)
    for file in stage.work.rglob("*.yaml"):
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace(SECRETS_IN_FLEET, str(stage.secrets)), encoding="utf-8")
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(stage.repository)], check=True)
    stage.git("init", "-q")
    stage.git("add", ".")
    stage.git("remote", "add", "origin", str(stage.repository))
    stage.commit("Declare the settings of every app")
    _private(stage.token, f"asha {secrets.token_hex(12)}\n")
    text = CONFIG.format(repository=stage.repository, vendor=emulator.base_url, state=stage.state, token=stage.token)
    stage.config.write_text(text, encoding="utf-8")
    for app in fleet(stage.work):
        emulator.seed(_seed(app))
        _place_token(app)
    return stage


def plan_id(stage: Stage) -> str:
    """The id of the present plan, as a person types it."""
    shown = subprocess.run(
        stage.command("plan", "-o", "json"),
        capture_output=True,
        text=True,
        check=True,
        cwd=stage.home,
        env=stage.environ(),
    )
    return str(json.loads(shown.stdout)["id"])[:12]


def sample_fleet() -> Path:
    """The sample fleet: inside an installed wheel, or in the checkout beside the package."""
    package = resources.files("syncer")
    installed = Path(str(package)) / "_config" / "apps"
    return installed if installed.is_dir() else Path(str(package)).parent / "config" / "apps"


def fleet(folder: Path) -> tuple[DesiredApp, ...]:
    """The desired apps of a folder."""
    source = FolderSource(str(folder))
    return sources.loader().load(source, source.fetch()).apps


def tokens_in_variables(apps: tuple[DesiredApp, ...]) -> dict[str, str]:
    """The variables that apps take their token (or mint secret) from."""
    found = {}
    for app in apps:
        kept = app.token.secret if isinstance(app.token, MintedToken) else app.token
        if isinstance(kept, EnvToken):
            found[kept.name] = _credential(app)
    return found


def _place_token(app: DesiredApp) -> None:
    kept = app.token.secret if isinstance(app.token, MintedToken) else app.token
    if isinstance(kept, FileToken):
        path = Path(kept.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        _private(path, _credential(app) + "\n")


def _private(path: Path, text: str) -> None:
    path.touch(0o600)
    path.write_text(text, encoding="utf-8")


def _credential(app: DesiredApp) -> str:
    kind = "secret" if isinstance(app.token, MintedToken) else "token"
    return f"demo-{kind}-{app.ref.customer_id}-{app.ref.app_id}"


def _seed(app: DesiredApp) -> Seed:
    """An app as somebody once set it by hand: recording off, no URLs; a report-only app is already as git says."""
    agreed = {
        field.value: plain(value)
        for field in Field
        if app.policy.on_drift is OnDrift.REPORT and (value := app.settings.get(field)) is not UNDECLARED
    }
    credential = _credential(app)
    minted = isinstance(app.token, MintedToken)
    return Seed(
        app.ref.customer_id,
        app.ref.app_id,
        app.name,
        "" if minted else credential,
        credential if minted else f"unused-{app.ref.app_id}",
        settings=agreed,
    )
