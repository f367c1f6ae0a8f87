"""App names for the shell's completion: those of the last pass, because a completion can't wait for git."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click


def apps(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Names that begin as typed; none where no pass has been made, or nothing says where the state is."""
    from syncer import statefile
    from syncer.cli import options
    from syncer.errors import SyncerError

    try:
        found = statefile.statuses(statefile.read(options.resolve(ctx).settings.state_dir))
    except SyncerError:
        return []
    given = ctx.params.get("apps") or ()
    typed = (str(ref) if "/" in incomplete else status.name for ref, status in found.items())
    return sorted({name for name in typed if name.startswith(incomplete) and name not in given})
