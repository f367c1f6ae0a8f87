"""The status APIs of git servers, as far as they look at a request: what is wrong gets the answer that they give.

From the published references: GitHub REST 2022-11-28 (commit statuses), GitLab v4 (commits, commit status), Gitea and
Forgejo v1 (repository statuses).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.receivers import Answer, Received

TOKEN = "glpat-or-ghp-canary-77"
JSON = {"content-type": "application/json"}


class Statuses:
    """What a server holds: the statuses of each commit by context, and the last word on each."""

    def __init__(self, *commits: str) -> None:
        self.commits = commits
        self.told: list[tuple[str, str, str]] = []
        self.current: dict[tuple[str, str], str] = {}

    def keep(self, sha: str, context: str, state: str) -> Answer:
        self.told.append((sha, context, state))
        self.current[sha, context] = state
        return 201, JSON, json.dumps({"id": len(self.told), "state": state}).encode()

    def github(self, request: Received) -> Answer:
        found = re.fullmatch(r"/repos/acme/settings/statuses/([0-9a-f]{40})", request.path)
        body = _object(request)
        if not request.headers.get("user-agent"):
            return 403, JSON, b'{"message": "Request forbidden by administrative rules"}'
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, JSON, b'{"message": "Bad credentials"}'
        if found is None:
            return 404, JSON, b'{"message": "Not Found"}'
        known = {"error", "failure", "pending", "success"}
        extra = set(body) - {"state", "target_url", "description", "context"}
        fits = body.get("state") in known and len(body.get("description", "")) <= 140 and not extra
        if not fits or found[1] not in self.commits:
            return 422, JSON, b'{"message": "Validation Failed"}'
        if request.headers.get("accept") != "application/vnd.github+json":
            return 415, JSON, b"{}"
        return self.keep(found[1], body.get("context", "default"), body["state"])

    def gitlab(self, request: Received) -> Answer:
        found = re.fullmatch(r"/projects/acme%2Fsettings/statuses/([0-9a-f]{40})", request.path)
        body = _object(request)
        if request.headers.get("private-token") != TOKEN:
            return 401, JSON, b'{"message":"401 Unauthorized"}'
        if found is None or found[1] not in self.commits:
            return 404, JSON, b'{"message":"404 Project Not Found"}'
        if body.get("state") not in {"pending", "running", "success", "failed", "canceled", "skipped"}:
            return 400, JSON, b'{"error":"state does not have a valid value"}'
        if len(body.get("description", "")) > 255:
            return 400, JSON, b'{"message":{"description":["is too long"]}}'
        key = (found[1], str(body.get("name", body.get("context", "default"))))
        if self.current.get(key) == body["state"]:
            why = f"Cannot transition status via :enqueue from :{body['state']} (Reason(s): Status cannot transition)"
            return 400, JSON, json.dumps({"message": why}).encode()
        return self.keep(*key, body["state"])

    def gitea(self, request: Received) -> Answer:
        found = re.fullmatch(r"/repos/acme/settings/statuses/([0-9a-f]{40})", request.path)
        body = _object(request)
        if request.headers.get("authorization") != f"token {TOKEN}":
            return 401, JSON, b'{"message":"token is required"}'
        if found is None or found[1] not in self.commits:
            return 404, JSON, b'{"message":"GetCommit"}'
        if body.get("state") not in {"pending", "success", "error", "failure", "warning"}:
            return 422, JSON, b'{"message":"invalid state"}'
        return self.keep(found[1], body.get("context", "default"), body["state"])


def _object(request: Received) -> dict[str, Any]:
    assert request.headers["content-type"] == "application/json"
    return request.document
