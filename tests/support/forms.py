"""A signed-in browser without the browser: forms as it sends them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from tests.support.served import TOKEN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.served import Answer, Served

NONE: Mapping[str, str] = MappingProxyType({})
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}


@dataclass
class Browser:
    """One session at a server."""

    here: Served
    cookie: str = ""

    async def get(self, path: str) -> Answer:
        return await self.here.ask("GET", path, {"Cookie": self.cookie})

    async def post(self, path: str, headers: Mapping[str, str] = NONE, **fields: str) -> Answer:
        sent = {**FORM, "Cookie": self.cookie, **headers}
        return await self.here.ask("POST", path, sent, urlencode(fields).encode())

    async def sign_in(self, token: str = TOKEN) -> Answer:
        answer = await self.post("/-/session", token=token)
        self.cookie = answer.headers.get("set-cookie", "").partition(";")[0]
        return answer

    async def form(self, path: str = "/sign-in") -> str:
        """The text that this session's forms carry, as a page has it."""
        found = re.search(r'name="form" value="([^"]+)"', (await self.get(path)).body.decode())
        return found[1] if found else ""
