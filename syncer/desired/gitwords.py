"""What git's words mean: its stderr as a SourceError that a person can act on.

git has no machine-readable errors; its exit status is 128 for nearly everything. The children run with LC_ALL=C, the
first rule that matches decides, and what none matches is shown as it is (scrubbed).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from syncer.errors import SourceError


@dataclass(frozen=True, slots=True)
class _Meaning:
    pattern: re.Pattern[str]
    message: str
    hint: str
    retryable: bool


def _meaning(pattern: str, message: str, hint: str, *, retryable: bool = False) -> _Meaning:
    return _Meaning(re.compile(pattern, re.IGNORECASE), message, hint, retryable)


_MEANINGS: Final = (
    _meaning(
        "no space left on device|disk quota exceeded|cannot allocate",
        "there is no space left for the git mirror",
        "make room in the state folder",
        retryable=True,
    ),
    _meaning(
        "died of signal 25|file too large",
        "the repository is larger than the limit for one pack",
        "read a smaller repository, or raise the limit",
    ),
    _meaning(
        "host identification has changed",
        "the ssh host key is not the one in known_hosts: another machine may be answering",
        "find out why it changed; if it should have, put the new key into source.credentials.known_hosts",
    ),
    _meaning(
        "host key verification failed|no .* host key is known",
        "the ssh host key is not in known_hosts",
        "add the server's key (ssh-keyscan, compared with what its operator publishes)",
    ),
    _meaning(
        "error in libcrypto|incorrect passphrase|invalid format",
        "the ssh key can't be used: it is damaged or has a passphrase",
        "use an unencrypted key made for this purpose",
    ),
    _meaning(
        "no user exists for uid",
        "ssh does not run under a user without an entry in /etc/passwd",
        "add an entry for the syncer's user to the image",
    ),
    _meaning(
        r"permission denied \(|too many authentication failures",
        "the ssh server does not accept the key",
        "is its public half registered there, and source.credentials.username right?",
    ),
    _meaning(
        "hook declined|protected branch|deny updating|branch is currently checked out|not allowed to push",
        "the git server's rules refuse the push",
        "may this user or token push to the branch, without a review and without signed commits?",
    ),
    _meaning(
        "authentication failed|could not read (?:username|password)|returned error: 401",
        "the git server does not accept the credentials",
        "is the user name right, and the password or token valid? It is read again at the next fetch",
    ),
    _meaning(
        "returned error: 403|access denied",
        "the git server denies access",
        "may this user or token read the repository?",
    ),
    _meaning("could not resolve", "the git server's name is not known", "check the host and DNS", retryable=True),
    _meaning(
        "certificate|ssl_cacert|self.signed|certificate subject name",
        "the git server's certificate is not trusted",
        "put the authority that signed it into source.ca_file, and use a host name that stands in it",
    ),
    _meaning(
        r"returned error: 3\d\d|unable to update url base from redirection",
        "the git server redirects to another address, which is never followed",
        "write the address it should be read from into source.url",
    ),
    _meaning(
        r"returned error: (?:404|410)|repository .*not found|does not appear to be a git repository|does not exist"
        "|no such device or address",
        "the repository does not exist there, or may not be seen with these credentials",
        "check the path in source.url",
    ),
    _meaning(
        r"returned error: (?:429|5\d\d)",
        "the git server is in trouble (it answered with an error)",
        "it is tried again",
        retryable=True,
    ),
    _meaning(
        "operation too slow|operation timed out|connection timed out",
        "the git server is too slow",
        "is the network all right?",
        retryable=True,
    ),
    _meaning(
        "connection refused|failed to connect|couldn't connect|no route to host|network is unreachable",
        "the git server can't be reached",
        "is it up, and is the way there open (proxy, network policy)?",
        retryable=True,
    ),
    _meaning(
        "mismatched algorithms|unsupported object format|object format",
        "the repository names its objects by SHA-256, which is not supported",
        "use a repository with SHA-1 object names, as the public hosts do",
    ),
    _meaning("shallow", "the repository on the server is a shallow clone", "read the one with the whole history"),
    _meaning(
        r"fsck|error in (?:packed )?object|: contains '\.(?:git|\.?)'|hasdot|badtree",
        "the repository holds objects that git's own check refuses",
        "git fsck --strict in a clone names them",
    ),
    _meaning(
        "possible repository corruption on the remote side|not our ref",
        "the repository on the server is damaged: it lacks what it names",
        "git fsck there says what is missing",
    ),
    _meaning(
        "early eof|rpc failed|connection reset|hung up|unexpected disconnect|recv (?:failure|error)|closed by"
        "|empty reply|index-pack failed|invalid index-pack",
        "the connection to the git server broke off",
        "it is tried again",
        retryable=True,
    ),
    _meaning(
        "not valid: is this a git repository|invalid content-type|unexpected .*service|bad line length|protocol error",
        "what answers there is not a git repository",
        "check source.url",
    ),
)

_CORRUPT: Final = re.compile(
    r"not a git repository: '|not a git repository \(|is corrupt|object file .* is empty|loose object|bad object"
    r"|unable to read (?:tree|sha1|[0-9a-f]{40})|could not read [0-9a-f]{40}|packfile .* (?:truncated|cannot|does not)"
    r"|garbage at end|bad pack|bad index|inflate|did not send all necessary|missing (?:blob|tree|commit)"
    r"|unable to (?:resolve|parse) reference|broken ref|invalid (?:object name|sha1 pointer|config|HEAD)|bad config"
    r"|failed to read object|unknown revision|expected git repo version|pack .*is far too short|invalid gitfile",
    re.IGNORECASE,
)
_IN_TRANSIT: Final = re.compile(
    "index-pack|unpack-objects|early eof|rpc failed|protocol error|disconnect|no space left|died of signal",
    re.IGNORECASE,
)
_LEFT_BEHIND: Final = re.compile("^warning: rejected .*shallow roots are not allowed", re.MULTILINE)
_NO_SUCH_REF: Final = re.compile("couldn't find remote ref|no such remote ref", re.IGNORECASE)
_NOT_GIVEN: Final = re.compile(
    "not our ref|unadvertised object|couldn't find remote ref|no such remote ref", re.IGNORECASE
)


def meaning(words: str, doing: str) -> SourceError:
    """The error that git's stderr stands for; `doing` completes "git failed to …" where nothing is known about it."""
    for candidate in _MEANINGS:
        if candidate.pattern.search(words):
            return SourceError(candidate.message, hint=candidate.hint, retryable=candidate.retryable)
    return SourceError(f"git failed to {doing}: {last_line(words)}", retryable=True)


def is_corrupt(words: str) -> bool:
    """Whether git complains about the mirror itself, which a new clone mends; a pack cut short on its way is not it."""
    own = "\n".join(line for line in words.splitlines() if not line.startswith("remote: "))
    return _CORRUPT.search(own) is not None and not _IN_TRANSIT.search(own)


def left_behind(words: str) -> bool:
    """Whether a ref was not moved though git counts that as a success: the server's history was cut."""
    return _LEFT_BEHIND.search(words) is not None


def lacks_ref(words: str) -> bool:
    """Whether the server has no ref of that name."""
    return _NO_SUCH_REF.search(words) is not None


def withholds_commit(words: str) -> bool:
    """Whether the server does not hand a commit out by its hash."""
    return _NOT_GIVEN.search(words) is not None


def listed(names: list[str]) -> str:
    """Names that came from a server, for a sentence."""
    return ", ".join("".join(char if " " < char < "\x7f" else "?" for char in name[:80]) for name in names)


def last_line(words: str) -> str:
    """The line of a program's words that says most."""
    lines = [line for line in words.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return (told or lines or ["it gave no reason"])[-1][:300]
