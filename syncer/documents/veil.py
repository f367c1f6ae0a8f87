"""What must not be shown: finds secrets in lines of text and covers them without moving anything."""

from __future__ import annotations

import re
from typing import Final

KNOWN: Final = re.compile(
    r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,4}"  # JSON Web Token
    r"|(?:gh[pousr]|github_pat|glpat|sk|pk|rk|xox[abeprs]|hf|npm|pypi|dop_v1)[-_][A-Za-z0-9_-]{12,}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{12,}"
    r"|(?i:bearer|basic)\s+[A-Za-z0-9+/=._~-]{8,}"
    r"|-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----"
)
"""Well-known token shapes."""
RUN: Final = re.compile(r"(?<![A-Za-z0-9_+=-])(?=[A-Za-z_+=-]*[0-9])(?=[0-9_+=-]*[A-Za-z])[A-Za-z0-9_+=-]{32,}")
"""Any unbroken run of 32 or more characters that mixes letters with digits; tried once a run: time is linear."""

_USERINFO: Final = re.compile(r"(?<=://)[^\s/@\"']+(?=@)")
_QUERY: Final = re.compile(r"(://[^\s\"'?]*)(\?[^\s\"'#]*)?")  # without ? it takes the rest, so no :// is tried twice
_PART: Final = re.compile(r"([?&](?:[^=&]*=)?)([^&]*)")


def looks_secret(text: str) -> bool:
    """Whether a text has the shape of a token, password or key."""
    return KNOWN.search(text) is not None or RUN.search(text) is not None


def veil(line: str) -> str:
    """The line with tokens, user info and the values of URL queries covered by asterisks, columns unmoved."""
    if "://" in line:
        line = _USERINFO.sub(_cover, line)
        line = _QUERY.sub(lambda url: url[1] + _PART.sub(_cover_value, url[2] or ""), line)
    return RUN.sub(_cover, KNOWN.sub(_cover, line))  # a run's rest behind a known shape begins at an asterisk


def _cover(found: re.Match[str]) -> str:
    return "*" * len(found[0])


def _cover_value(part: re.Match[str]) -> str:
    return part[1] + "*" * len(part[2])
