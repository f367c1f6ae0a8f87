"""Repositories made to harm: how each is made, and what may come of reading it.

Each begins with one good commit, so that there is something to lose. `fails` is what the refusal says, empty where
there is a reading; `problems` are the rules and paths that it names; `reads` the documents whose bytes are handed out.
The app of the good commit is in force afterwards, whatever came in between.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from syncer.desired.screen import Caps
from tests.desired_sources.hostile.making import (
    GOOD,
    MEBIBYTE,
    SECRET,
    TEXT,
    bundles,
    commit,
    configured,
    deleted,
    files,
    hooked,
    link,
    lost,
    many,
    named,
    orphaned,
    pointed,
    referenced,
    replaced,
    tagged,
    tree,
    within,
    zeros,
)
from tests.support.repositories import Blob

if TYPE_CHECKING:
    from tests.desired_sources.hostile.making import Build


@dataclass(frozen=True)
class Row:
    """One repository; `before` is added to the good commit's repository before it is first read."""

    name: str
    build: Build
    fails: str = ""
    problems: tuple[tuple[str, str], ...] = ()
    reads: tuple[str, ...] = (GOOD,)
    ref: str = "main"
    subpath: str = ""
    caps: Caps = field(default_factory=Caps)
    before: Build = lambda _: None


DAMAGED: Final = "the repository on the server is damaged"
NOT_A_COMMIT: Final = "does not lead to a commit"
FSCK: Final = "git's own check refuses"
EVIL_MODULE: Final = b'[submodule "x"]\n\tpath = "x\r"\n\turl = ext::touch ran\n\tupdate = !touch ran\n'
DEEP: Final = "/".join("d" * 16) + "/x.yaml"
REFUSED_NAMES: Final = (
    (b"a\nb.yaml", r"a\u{a}b.yaml"),
    (b"a\rb.yaml", r"a\u{d}b.yaml"),
    (b"a\tb.yaml", r"a\u{9}b.yaml"),
    (b"\x1b]52;c;x\x07.yaml", r"\u{1b}]52;c;x\u{7}.yaml"),
    (b"a\x7f.yaml", r"a\u{7f}.yaml"),
    ("a\x9b31m.yaml".encode(), r"a\u{9b}31m.yaml"),
    ("a\u202efdp.yaml".encode(), r"a\u{202e}fdp.yaml"),
    ("a\u2066b.yaml".encode(), r"a\u{2066}b.yaml"),
    ("apps\u200b.yaml".encode(), r"apps\u{200b}.yaml"),
    ("\ufeffapps.yaml".encode(), r"\u{feff}apps.yaml"),
    (b"\xff\xfe.yaml", r"\u{dcff}\u{dcfe}.yaml"),
    (b"\xc0\xaf.yaml", r"\u{dcc0}\u{dcaf}.yaml"),
    (b"\xed\xa0\x80.yaml", r"\u{dced}\u{dca0}\u{dc80}.yaml"),
    ("cafe\u0301.yaml".encode(), "cafe\u0301.yaml"),
    (b"n" * 295 + b".yaml", "n" * 295 + ".yaml"),
    (b"n" * 4091 + b".yaml", "n" * 1024 + "…"),
)
HARMLESS_NAMES: Final = (
    "--upload-pack=touch ran.yaml",
    "-rf.yaml",
    "$(touch ran);`touch ran`|&.yaml",
    "*[!a]?.yaml",
    ":(top)x.yaml",
    "a\\..\\..\\etc\\passwd.yaml",
    "c:x.yaml",
    "CON.yaml",
    "'\";.yaml",
    "%2e%2e%2fx.yaml",
    "<img src=x onerror=alert(1)>.yaml",
    " x .yaml",
)

ROWS: Final[tuple[Row, ...]] = (
    Row("symlink to a system file", link("/etc/passwd"), problems=(("SY150", "link.yaml"),)),
    Row("symlink out of the tree", link(f"../{SECRET}"), problems=(("SY150", "link.yaml"),)),
    Row("symlink beside the mirror", link(f"../../../{SECRET}"), problems=(("SY150", "link.yaml"),)),
    Row("symlink to a document", link(GOOD), problems=(("SY150", "link.yaml"),)),
    Row("symlink to itself", link("link.yaml"), problems=(("SY150", "link.yaml"),)),
    Row("symlink without a target", link(""), problems=(("SY150", "link.yaml"),)),
    Row("symlink with a long target", link("x" * 5000), problems=(("SY150", "link.yaml"),)),
    Row(
        "chain of symlinks",
        files(("a.yaml", Blob(b"b.yaml", "120000")), ("b.yaml", Blob(b"/etc/passwd", "120000"))),
        problems=(("SY150", "a.yaml"), ("SY150", "b.yaml")),
    ),
    Row(
        "symlink in the place of the document", link(f"../{SECRET}", GOOD), fails="no apps", problems=(("SY150", GOOD),)
    ),
    Row("symlink to a folder", link("/etc", "team"), problems=(("SY150", "team"),)),
    Row(
        "symlink in the place of the subpath",
        lambda repository: repository.commit({"apps/apps.yaml": None, "apps": Blob(b"/etc", "120000")}),
        fails="is not a folder",
        subpath="apps",
        before=files(("apps/apps.yaml", TEXT), (GOOD, None)),
    ),
    Row("submodule", files(("x", Blob(b"d" * 40, "160000"))), problems=(("SY152", "x"),)),
    Row(
        "submodule called like a document",
        files(("x.yaml", Blob(b"d" * 40, "160000"))),
        problems=(("SY152", "x.yaml"),),
    ),
    Row("submodule of nothing", tree(("160000", b"x")), problems=(("SY152", "x"),)),
    Row("submodule path with a carriage return", files((".gitmodules", EVIL_MODULE)), fails=FSCK),
    Row(
        "submodule address that is an option", files((".gitmodules", b'[submodule "x"]\n\turl = -u./ran\n')), fails=FSCK
    ),
    Row("submodule name that climbs", files((".gitmodules", b'[submodule "../x"]\n\turl = https://h/x\n')), fails=FSCK),
    Row("linked submodule file", link("x", ".gitmodules"), fails=FSCK),
    Row("hooks in the served repository", hooked),
    Row(
        "filters",
        files((".gitattributes", b"* filter=evil diff=evil merge=evil text eol=crlf working-tree-encoding=UTF-16\n")),
    ),
    Row(
        "keyword expansion",
        files((".gitattributes", b"* ident export-subst\n"), (GOOD, TEXT + b"# $Id$ $Format:%H$\n")),
    ),
    Row("attributes that are too long", files((".gitattributes", b"x" * 3000)), fails=FSCK),
    Row("names of other people", files((".mailmap", b"Mallory <m@example.test> <ann@example.test>\n"))),
    Row("blame that ignores", files((".git-blame-ignore-revs", b"x\n"))),
    Row(
        "pointer to large file storage",
        files(("lfs.yaml", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")),
        problems=(("SY203", "lfs.yaml"),),
        reads=(GOOD, "lfs.yaml"),
    ),
    Row(
        "names that can mislead",
        named(*(name for name, _ in REFUSED_NAMES)),
        problems=tuple(("SY153", shown) for _, shown in REFUSED_NAMES),
    ),
    Row("names that a shell or a page would obey", named(*HARMLESS_NAMES), reads=(GOOD, *HARMLESS_NAMES)),
    Row(
        "names that differ in composition",
        named("café.yaml", "cafe\u0301.yaml"),
        problems=(("SY153", "cafe\u0301.yaml"),),
        reads=(GOOD, "café.yaml"),
    ),
    Row("names that differ in case", named("A.yaml", "a.yaml"), reads=(GOOD, "A.yaml", "a.yaml")),
    Row("names that end in dots and spaces", named("a.yaml.", "a.yaml ", "a.yaml. ."), reads=(GOOD,)),
    Row("name: .git", tree(("100644", b".git")), fails=FSCK),
    Row("name: .GIT", tree(("100644", b".GIT")), fails=FSCK),
    Row("name: git~1", tree(("100644", b"git~1")), fails=FSCK),
    Row("name: .git with an invisible character", tree(("100644", b".g\xe2\x80\x8cit")), fails=FSCK),
    Row("name: ..", tree(("100644", b"..")), fails=FSCK),
    Row("name: .", tree(("100644", b".")), fails=FSCK),
    Row("name: with a slash", tree(("100644", b"../x.yaml")), fails=FSCK),
    Row("name: empty", tree(("100644", b"")), fails=DAMAGED),
    Row("two entries of one name", tree(("100644", GOOD.encode())), fails=FSCK),
    Row("a file and a folder of one name", tree(("100644", b"x.yaml"), ("40000", b"x.yaml")), fails=FSCK),
    Row("entries out of order", tree(("100644", b"0"), ordered=False), fails=FSCK),
    Row("executable document", files(("x.yaml", Blob(TEXT, "100755"))), problems=(("SY151", "x.yaml"),)),
    Row(
        "group-writable document, which git takes for a plain one", tree(("100664", b"x.yaml")), reads=(GOOD, "x.yaml")
    ),
    Row("mode with a leading zero", tree(("0100644", b"x.yaml")), fails=FSCK),
    Row("folder whose mode has a leading zero", tree(("040000", b"x")), fails=FSCK),
    Row("mode of no kind", tree(("777", b"x.yaml")), problems=(("SY152", "x.yaml"),)),
    Row("document over the size limit", zeros(9 * MEBIBYTE), problems=(("SY154", "huge.yaml"),)),
    Row(
        "documents over the total",
        files(*((f"{n}.yaml", b"#" * 5000) for n in range(9))),
        fails="more than 30000 bytes",
        caps=Caps(total=30_000),
    ),
    Row("too many files", many(101), fails="more than 100 files", caps=Caps(files=100)),
    Row("depth 17", files((DEEP, TEXT)), problems=(("SY155", DEEP),)),
    Row("empty commit", lambda repository: repository.commit({GOOD: None}), fails=r"holds no \*\.yaml"),
    Row("no documents", orphaned, fails=r"holds no \*\.yaml"),
    Row("branch deleted", deleted(), fails="is gone"),
    Row(
        "branch deleted and a tag of its name",
        lambda repository: (repository.git("tag", "main"), deleted()(repository)),
        fails="is gone",
    ),
    Row(
        "subpath gone",
        lambda repository: repository.commit({"apps/apps.yaml": None, "x.yaml": TEXT}),
        fails="there is no folder apps",
        subpath="apps",
        before=files(("apps/apps.yaml", TEXT), (GOOD, None)),
    ),
    Row(
        "subpath became a file",
        lambda repository: repository.commit({"apps/apps.yaml": None, "apps": TEXT}),
        fails="is not a folder",
        subpath="apps",
        before=files(("apps/apps.yaml", TEXT), (GOOD, None)),
    ),
    Row("branch to a blob", pointed("heads", "blob"), fails=NOT_A_COMMIT),
    Row("branch to a tree", pointed("heads", "tree"), fails=NOT_A_COMMIT),
    Row("tag to a blob", pointed("tags", "blob", "v1"), fails=NOT_A_COMMIT, ref="v1", before=tagged("commit")),
    Row("tag to a tree", pointed("tags", "tree", "v1"), fails=NOT_A_COMMIT, ref="v1", before=tagged("commit")),
    Row("annotated tag", tagged("commit"), ref="v1", before=tagged("commit")),
    Row("tag of tags", tagged("tag", "tag", "tag", "commit"), ref="v1", before=tagged("commit")),
    Row("annotated tag of a blob", tagged("blob"), fails=NOT_A_COMMIT, ref="v1", before=tagged("commit")),
    Row(
        "annotated tag that lies about its kind",
        tagged("commit", "tree"),
        fails=DAMAGED,
        ref="v1",
        before=tagged("commit"),
    ),
    Row(
        "detached default branch",
        lambda repository: (repository.path / "HEAD").write_text(repository.commit({"m": b""}) + "\n"),
        ref="HEAD",
    ),
    Row(
        "default branch of nothing",
        lambda repository: (repository.path / "HEAD").write_text("ref: refs/heads/none\n"),
        fails="HEAD is gone",
        ref="HEAD",
    ),
    Row(
        "default branch that leads out",
        lambda repository: (repository.path / "HEAD").write_text(f"ref: ../{SECRET}\n"),
        fails="does not exist there",
        ref="HEAD",
    ),
    Row("shallow server", within("shallow", "{new}\n"), fails="shallow"),
    Row("alternates", within("objects/info/alternates", "{beside}\n")),
    Row("grafts", within("info/grafts", "{new}\n")),
    Row("replaced commit", replaced),
    Row("bundle addresses", bundles),
    Row("lost file with a helper to fetch it", lost("main:lost.yaml"), fails=DAMAGED),
    Row("lost tree with a helper to fetch it", lost("main^{tree}"), fails=DAMAGED),
    Row("lost commit with a helper to fetch it", lost("main"), fails=DAMAGED),
    Row(
        "configuration of the served repository",
        configured(
            ("core.fsmonitor", "{ran}"),
            ("core.sshCommand", "{ran}"),
            ("core.pager", "{ran}"),
            ("core.gitProxy", "{ran}"),
            ("core.alternateRefsCommand", "{ran}"),
            ("core.hooksPath", "{here}"),
            ("uploadpack.packObjectsHook", "{ran}"),
            ("credential.helper", "!{ran}"),
            ("diff.external", "{ran}"),
            ("include.path", f"../{SECRET}"),
            ("filter.evil.smudge", "{ran}"),
            ("gpg.program", "{ran}"),
            ("receive.procReceiveRefs", "refs"),
        ),
    ),
    Row("encoding that there is not", commit(b"encoding x-evil\n", b"\xff\xfe\n")),
    Row("message that is no UTF-8", commit(message=b"\xff\xfe\xed\xa0\x80\n")),
    Row("message that obeys a terminal", commit(message=b"\x1b]52;c;x\x07\x1b[2J\r\xe2\x80\xaeevil\n")),
    Row("message of 1 MiB in one line", commit(message=b"x" * MEBIBYTE)),
    Row("message of 5 MiB in one line", commit(message=b"x" * (5 * MEBIBYTE)), fails="git log answered with more than"),
    Row("message with a zero byte", commit(message=b"a\0b\n"), fails=FSCK),
    Row("author that obeys a terminal", commit(author=b"\x1b[31mE\xe2\x80\xae <e@example.test> 1750000000 +0000")),
    Row("author over two lines", commit(author=b"Eve\nparent " + b"0" * 40 + b" <e> 1 +0000"), fails=FSCK),
    Row("author without an address", commit(author=b"Eve 1750000000 +0000"), fails=FSCK),
    Row("time that overflows", commit(committer=b"E <e@example.test> 99999999999999999999 +0000"), fails=FSCK),
    Row("time after all years", commit(committer=b"E <e@example.test> 999999999999 +0000")),
    Row("time before all years", commit(committer=b"E <e@example.test> -1 +0000"), fails=FSCK),
    Row("impossible zone", commit(committer=b"E <e@example.test> 1750000000 +9999")),
    Row("signature that is none", commit(b"gpgsig -----BEGIN SSH SIGNATURE-----\n x\n -----END SSH SIGNATURE-----\n")),
    Row("file of 0 bytes", files((GOOD, b"")), fails="no apps", problems=(("SY114", GOOD),)),
    Row("comment alone", files((GOOD, b"# nothing\n")), fails="no apps", problems=(("SY114", GOOD),)),
    Row("empty mapping", files((GOOD, b"{}\n")), fails="no apps", problems=(("SY202", GOOD),)),
    Row("null", files((GOOD, b"null\n")), fails="no apps", problems=(("SY114", GOOD),)),
    Row(
        "no apps in the file",
        files((GOOD, b"apiVersion: syncer/v1\nkind: Apps\ncustomer_id: cust_acme\napps: {}\n")),
        problems=(("SY208", GOOD),),
    ),
    Row(
        "bytes that are no text",
        files(("x.yaml", b"\0\xff\x1b[2J")),
        problems=(("SY101", "x.yaml"),),
        reads=(GOOD, "x.yaml"),
    ),
    Row(
        "UTF-16",
        files(("x.yaml", "kind: Apps\n".encode("utf-16"))),
        problems=(("SY101", "x.yaml"),),
        reads=(GOOD, "x.yaml"),
    ),
    Row(
        "two documents",
        files(("x.yaml", TEXT + b"---\n" + TEXT)),
        problems=(("SY111", "x.yaml"),),
        reads=(GOOD, "x.yaml"),
    ),
    Row("the same app twice", files(("x.yaml", TEXT)), problems=(("SY303", "x.yaml"),), reads=(GOOD, "x.yaml")),
    Row(
        "reference to a secret as a value",
        files(("x.yaml", b"kind: !include /etc/passwd\n")),
        problems=(
            ("SY108", "x.yaml"),
            ("SY212", "x.yaml"),
        ),
        reads=(GOOD, "x.yaml"),
    ),
    Row("thousands of branches", referenced(3000)),
)
FULL: Final[tuple[Row, ...]] = (
    Row("blob of 1 GiB", zeros(1024 * MEBIBYTE), problems=(("SY154", "huge.yaml"),)),
    Row("200,001 files", many(200_001), fails="more than 200000 files"),
)
"""What takes long to make."""
