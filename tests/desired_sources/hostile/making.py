"""How hostile repositories are made: by plumbing, by raw objects, by files in the served repository's own folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from tests.desired_sources.hostile import raw
from tests.support.documents_text import one_app
from tests.support.repositories import Blob, Repository

if TYPE_CHECKING:
    from collections.abc import Callable

    Build: TypeAlias = Callable[[Repository], object]

CANARY: Final = "canary-51c2"
"""Stands in every file that may not be read, beside the repository."""
SECRET: Final = "secret-of-the-machine.yaml"
RAN: Final = "ran"
"""Made by whatever is not supposed to run, beside the repository."""
GOOD: Final = "apps.yaml"
TEXT: Final = one_app("desk").encode()
MEBIBYTE: Final = 1024 * 1024
HOOKS: Final = (
    "post-checkout", "reference-transaction", "pre-auto-gc", "post-update", "fsmonitor-watchman", "post-index-change",
    "pre-receive", "update", "post-receive", "proc-receive", "pre-push", "push-to-checkout", "post-merge",
)  # fmt: skip


def link(target: str, at: str = "link.yaml") -> Build:
    return lambda repository: repository.commit({at: Blob(target.encode(), "120000")})


def files(*more: tuple[str | bytes, bytes | Blob | None]) -> Build:
    return lambda repository: repository.commit(dict(more))


def named(*names: str | bytes) -> Build:
    """Documents without apps of their own, so that only their names matter."""
    return files(*((name, one_app(f"x{number}").encode()) for number, name in enumerate(names)))


def tree(*entries: tuple[str, bytes], ordered: bool = True) -> Build:
    """The good document and raw entries of (mode, name), in git's order or not."""

    def build(repository: Repository) -> None:
        blob = repository.write_blob(one_app("other").encode())
        folder = raw.tree(repository, [("100644", b"y.yaml", blob)])
        rows = [("100644", GOOD.encode(), repository.write_blob(TEXT))]
        rows += [(mode, name, folder if mode.endswith("40000") else blob) for mode, name in entries]
        if ordered:
            rows.sort(key=lambda row: row[1] + (b"/" if row[2] == folder else b""))
        raw.point(repository, raw.commit(repository, raw.tree(repository, rows)))

    return build


def commit(header: bytes = b"", message: bytes = b"Change\n", **who: bytes) -> Build:
    def build(repository: Repository) -> None:
        root = repository.git("rev-parse", "main^{tree}")
        raw.point(repository, raw.commit(repository, root, header=header, message=message, **who))

    return build


def pointed(ref: str, kind: str, name: str = "main") -> Build:
    """A ref that leads to something else than a commit."""

    def build(repository: Repository) -> None:
        sha = repository.git("rev-parse", {"blob": f"main:{GOOD}", "tree": "main^{tree}"}[kind])
        raw.point(repository, sha, f"refs/{ref}/{name}")

    return build


def tagged(*kinds: str) -> Build:
    """The tag `v1`, through tags of tags, of the last kind."""

    def build(repository: Repository) -> None:
        sha = repository.git("rev-parse", {"blob": f"main:{GOOD}", "tree": "main^{tree}"}.get(kinds[-1], "main"))
        for number, kind in enumerate(reversed(kinds)):
            head = b"object %s\ntype %s\ntag v%d\ntagger %s\n\nx\n"
            sha = raw.put(repository, "tag", head % (sha.encode(), kind.encode(), number, raw.WHO))
        raw.point(repository, sha, "refs/tags/v1")

    return build


def configured(*settings: tuple[str, str]) -> Build:
    """The served repository's own configuration, `{ran}` being a command that leaves a trace."""

    def build(repository: Repository) -> None:
        for key, value in settings:
            ran = repository.path.parent / RAN
            repository.git(
                "config", key, value.replace("{ran}", f"touch {ran}").replace("{here}", str(repository.path))
            )
        repository.commit({"more.md": b"x"})

    return build


def hooked(repository: Repository) -> None:
    folder = repository.path / "hooks"
    folder.mkdir(exist_ok=True)
    repository.commit({"more.md": b"x", **{f"hooks/{name}": Blob(b"#!/bin/sh\n", "100755") for name in HOOKS}})
    for name in HOOKS:
        (folder / name).write_text(f"#!/bin/sh\ntouch {repository.path.parent / RAN}\n")
        (folder / name).chmod(0o755)


def within(path: str, content: str) -> Build:
    """A file in the served repository's own folder, after a new commit."""

    def build(repository: Repository) -> None:
        new = repository.commit({"more.md": b"x"})
        text = content.replace("{new}", new).replace("{old}", repository.git("rev-parse", "main~1"))
        (repository.path / path).parent.mkdir(parents=True, exist_ok=True)
        (repository.path / path).write_text(text.replace("{beside}", str(repository.path.parent)))

    return build


def replaced(repository: Repository) -> None:
    """On the server, git would show another commit in the place of the newest."""
    new = repository.commit({"more.md": b"x"})
    evil = repository.commit({GOOD: one_app("evil").encode()}, branch="evil")
    raw.point(repository, evil, f"refs/replace/{new}")


def lost(what: str) -> Build:
    """The newest commit lacks an object, and a helper that would fetch it stands in the configuration."""

    def build(repository: Repository) -> None:
        repository.commit({"lost.yaml": CANARY.encode()})
        sha = repository.git("rev-parse", what)
        (repository.path / "objects" / sha[:2] / sha[2:]).unlink()
        ran = repository.path.parent / RAN
        for key, value in (
            ("core.repositoryformatversion", "1"),
            ("extensions.partialClone", "origin"),
            ("remote.origin.promisor", "true"),
            ("remote.origin.url", f"ext::touch {ran}"),
            ("remote.origin.uploadpack", f"touch {ran};"),
            ("protocol.ext.allow", "always"),
        ):
            repository.git("config", key, value)

    return build


def bundles(repository: Repository) -> None:
    for key, value in (
        ("uploadpack.advertiseBundleURIs", "true"),
        ("bundle.version", "1"),
        ("bundle.mode", "all"),
        ("bundle.evil.uri", f"file://{repository.path.parent / SECRET}"),
    ):
        repository.git("config", key, value)
    repository.commit({"more.md": b"x"})


def many(count: int) -> Build:
    """So many names of one blob."""

    def build(repository: Repository) -> None:
        blob = repository.write_blob(b"x")
        rows = "".join(f"M 100644 {blob} d{number % 256}/f{number}.txt\n" for number in range(count))
        head = "commit refs/heads/main\ncommitter E <e@example.test> 1750000000 +0000\ndata 0\nfrom refs/heads/main^0\n"
        repository.git("fast-import", "--quiet", stdin=f"{head}{rows}".encode())

    return build


def zeros(size: int) -> Build:
    """One huge document that is small as long as it is packed."""

    def build(repository: Repository) -> None:
        blob = repository.git("hash-object", "-w", "--stdin", stdin=bytes(size))
        head = "commit refs/heads/main\ncommitter E <e@example.test> 1750000000 +0000\ndata 0\nfrom refs/heads/main^0\n"
        repository.git("fast-import", "--quiet", stdin=f"{head}M 100644 {blob} huge.yaml\n".encode())

    return build


def deleted(branch: str = "main") -> Build:
    return lambda repository: repository.git("update-ref", "-d", f"refs/heads/{branch}")


def orphaned(repository: Repository) -> None:
    repository.commit({"README.md": b"x"}, orphan=True)


def referenced(count: int) -> Build:
    """Thousands of other branches."""

    def build(repository: Repository) -> None:
        sha = repository.commit({"more.md": b"x"})
        rows = "".join(f"create refs/heads/n{number} {sha}\n" for number in range(count))
        repository.git("update-ref", "--stdin", stdin=rows.encode())

    return build
