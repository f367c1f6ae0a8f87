"""The OpenAPI document of the server. Made by hand; a test holds it to the routes and to what they answer."""

from __future__ import annotations

from typing import Any, Final

TEXT: Final = {"type": "string"}
TEXTS: Final = {"type": "array", "maxItems": 1000, "items": TEXT}
REFUSALS: Final = {
    400: "not a request of this kind",
    403: "switched off, or from another site",
    413: "too large",
    421: "not a name of this server",
    429: "too many at once",
    431: "headers too large",
}


def _json(told: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"description": told, "content": {"application/json": {"schema": schema or {"type": "object"}}}}


def _answers(good: dict[int, dict[str, Any]], also: dict[int, str]) -> dict[str, Any]:
    bad = {status: _json(told, {"$ref": "#/components/schemas/Refusal"}) for status, told in (REFUSALS | also).items()}
    return {str(status): answer for status, answer in sorted((good | bad).items())}


def _get(told: str, good: dict[int, dict[str, Any]], also: dict[int, str] | None = None, *names: str) -> dict[str, Any]:
    found = [{"name": name, "in": "path", "required": True, "schema": TEXT} for name in names]
    return {"get": {"summary": told, "parameters": found, "responses": _answers(good, also or {})}}


def _probe(told: str) -> dict[str, Any]:
    plain = {"content": {"text/plain": {"schema": TEXT}}}
    made = _get(told, {200: {"description": "ok", **plain}, 503: {"description": "not ok", **plain}})
    flag = {"name": "verbose", "in": "query", "schema": TEXT, "allowEmptyValue": True, "description": "list the checks"}
    made["get"]["parameters"] = [flag]
    return made


def _history() -> dict[str, Any]:
    told = "What the journal tells of one app, latest first: syncer.history/v1."
    made = _get(told, {200: _json("history")}, {503: "the journal can't be read"}, "customer", "app")
    made["get"]["parameters"] += [
        {"name": "field", "in": "query", "schema": TEXT, "description": "only this settings field"},
        {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 1000}},
    ]
    return made


def _action(
    told: str, properties: dict[str, Any], good: dict[int, dict[str, Any]], also: dict[int, str]
) -> dict[str, Any]:
    body = {"type": "object", "additionalProperties": False, "properties": properties}
    return {
        "post": {
            "summary": told,
            "security": [{"token": []}],
            "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
            "responses": _answers(good, {401: "no right token", 415: "not JSON", **also}),
        }
    }


def _push(told: str, *headers: str) -> dict[str, Any]:
    found = [{"name": name, "in": "header", "schema": TEXT} for name in headers]
    return {
        "post": {
            "summary": told,
            "parameters": found,
            "requestBody": {"content": {"*/*": {"schema": TEXT}}},
            "responses": _answers({202: _json("syncer goes and looks")}, {401: "not signed with the push secret"}),
        }
    }


def _page(told: str, *names: str) -> dict[str, Any]:
    """A page: what goes wrong is told as HTML, or as JSON where it never came so far."""
    html = {"description": "HTML", "content": {"text/html": {"schema": TEXT}}}
    made = _get(told, {200: html}, {404: "no such app"} if names else {}, *names)
    if names:
        made["get"]["responses"]["404"] = {**html, "description": "HTML: no such app"}
    return made


def _twin(told: str, schema: str, *names: str) -> dict[str, Any]:
    also = {404: "no such app"} if names else {}
    body = {"type": "object", "required": ["schema"], "properties": {"schema": {"const": schema}}}
    return _get(f"{told} as JSON: {schema}.", {200: _json(schema, body)}, also, *names)


def _asked(made: dict[str, Any], told: dict[str, str]) -> dict[str, Any]:
    """The same with parameters of its query, each a text that narrows what is shown."""
    for name, each in told.items():
        made["get"]["parameters"].append({"name": name, "in": "query", "schema": TEXT, "description": each})
    return made


def _export(kind: str) -> dict[str, Any]:
    good = {200: {"description": "the records", "content": {kind: {"schema": TEXT}}}}
    return _get("Every record that the search finds, at most 10,000.", good)


def _form(told: str, *fields: str) -> dict[str, Any]:
    html = {"text/html": {"schema": TEXT}}
    body = {"type": "object", "properties": dict.fromkeys(fields, TEXT)}
    bad = {
        **REFUSALS,
        401: "not signed in",
        415: "not a form",
        422: "invalid",
        409: "held",
        502: "failed",
        503: "ending",
    }
    return {
        "post": {
            "summary": f"{told} For the pages: needs a session and its form's own text; programs use the actions.",
            "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": body}}},
            "responses": {
                "303": {"description": "done: look there"},
                **{str(status): {"description": each, "content": html} for status, each in sorted(bad.items())},
            },
        }
    }


APPS: Final = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["customer_id", "app_id", "name"],
        "properties": {"customer_id": TEXT, "app_id": TEXT, "name": TEXT},
    },
}
APPROVED: Final = {
    "type": "object",
    "required": ["commit", "approved"],
    "properties": {"commit": {"type": ["string", "null"]}, "approved": APPS},
}
FLEET: Final = {
    "q": "words in name, id or label values",
    "state": "only this state",
    "turn": "only what is the turn of: you, itself, again, chosen",
    "cause": "only apps with a field that differs for this cause",
    "label": "only apps with this label: KEY or KEY=VALUE",
    "page": "which page of the list, from 1",
}
AUDIT: Final = {
    "app": "part of a name, or of customer/app",
    "field": "only entries about this field",
    "who": "part of an author, approver or principal",
    "commit": "the beginning of a commit",
    "since": "a day or a time, UTC unless it names a zone",
    "until": "a day (all of it) or a time",
    "kind": "a record type without `syncer.` and `.v1`, or `all`",
    "page": "which page of the list, from 1",
}
NOT_YET: Final = {404: "nothing is known of that yet"}
APPROVE: Final = {
    "plan": {**TEXT, "description": "the plan id, at least 8 characters of it"},
    "apps": {**TEXTS, "description": "of its apps only these: names, ids, globs"},
    "labels": {**TEXTS, "description": "of its apps only those that fit these selectors"},
    "commit": {**TEXT, "description": "instead of a plan: a commit that does not follow the one in force"},
    "reason": {**TEXT, "maxLength": 2000, "description": "recorded in the journal"},
}

WHOM: Final = {
    "apps": {**TEXTS, "description": "names, ids, globs"},
    "labels": {**TEXTS, "description": "only those that fit these selectors"},
    "all": {"type": "boolean", "description": "instead: everybody, also apps to come"},
    "reason": {**TEXT, "maxLength": 500, "description": "recorded in the journal"},
}
UNTIL: Final = {"until": {**TEXT, "description": "4h, a date, or a time with its zone"}}
TO: Final = {
    "to": {**TEXT, "description": "a commit in the history of the one in force"},
    "undo": {"type": "boolean", "description": "instead: what git declares now counts again"},
}
ORDERED: Final = {
    "type": "object",
    "required": ["apps", "all", "commit", "until", "notes"],
    "properties": {
        "apps": APPS,
        "all": {"type": "boolean"},
        "commit": {"type": ["string", "null"]},
        "until": {"type": ["string", "null"]},
        "notes": {"type": "array", "items": TEXT},
    },
}
ORDER_FAILURES: Final = {
    409: "not as things are now",
    422: "the desired state is invalid",
    502: "the source failed",
    503: "the journal takes no records, or syncer is ending",
}
ASKED: Final = {
    "type": "object",
    "required": ["asked", "at"],
    "properties": {"asked": {"type": "boolean"}, "at": {**TEXT, "description": "a pass that began since answers it"}},
}

DOCUMENT: Final[dict[str, Any]] = {
    "openapi": "3.1.0",
    "info": {"title": "syncer", "version": "v1", "description": "See docs/server.md. Answers only grow within v1."},
    "paths": {
        "/livez": _probe("Whether the event loop goes round."),
        "/readyz": _probe("Whether there is a first verdict, and no end in sight."),
        "/startupz": _probe("Whether there is a first verdict."),
        "/metrics": _get(
            "Metrics for Prometheus.", {200: {"description": "text", "content": {"text/plain": {"schema": TEXT}}}}
        ),
        "/openapi.json": _get("This document.", {200: _json("OpenAPI 3.1")}),
        "/api/v1/status": _get("The report of the last pass: syncer.report/v1.", {200: _json("report")}, NOT_YET),
        "/api/v1/apps/{customer}/{app}": _get(
            "One app of the report and of the plan: syncer.app/v1.", {200: _json("app")}, NOT_YET, "customer", "app"
        ),
        "/api/v1/apps/{customer}/{app}/history": _history(),
        "/api/v1/plan": _get("What the last pass decided: syncer.plan/v1.", {200: _json("plan")}, NOT_YET),
        "/-/reconcile": _action("Asks for a pass.", {}, {202: _json("asked for", ASKED)}, {}),
        "/-/approve": _action(
            "Approves a plan or a commit, as `syncer approve` does.",
            APPROVE,
            {200: _json("approved", APPROVED)},
            {
                409: "another plan or commit by now",
                422: "the desired state is invalid",
                502: "the source or the vendor failed",
                503: "the journal takes no records, or syncer is ending",
            },
        ),
        "/-/suspend": _action(
            "Leaves apps alone, as `syncer suspend` does.", WHOM | UNTIL, {200: _json("done", ORDERED)}, ORDER_FAILURES
        ),
        "/-/resume": _action("Ends that.", WHOM, {200: _json("done", ORDERED)}, ORDER_FAILURES),
        "/-/rollback": _action(
            "Takes apps back to an earlier commit, as `syncer rollback` does.",
            WHOM | UNTIL | TO,
            {200: _json("done", ORDERED)},
            ORDER_FAILURES,
        ),
        "/-/push/github": _push("A push at GitHub.", "X-Hub-Signature-256", "X-GitHub-Delivery"),
        "/-/push/gitlab": _push(
            "A push at GitLab.", "X-Gitlab-Token", "webhook-id", "webhook-timestamp", "webhook-signature"
        ),
        "/-/push/gitea": _push("A push at Gitea or Forgejo.", "X-Gitea-Signature", "X-Forgejo-Signature"),
        "/": _asked(_page("The fleet."), FLEET),
        "/fleet.json": _asked(_twin("The fleet", "syncer.fleet/v1"), FLEET),
        "/apps/{customer}/{app}": _page("One app.", "customer", "app"),
        "/apps/{customer}/{app}.json": _twin("One app", "syncer.app-page/v1", "customer", "app"),
        "/revisions": _page("Commits that came in force."),
        "/revisions.json": _twin("Commits that came in force", "syncer.revisions-page/v1"),
        "/drift": _page("Drift of the last 30 days."),
        "/drift.json": _twin("Drift of the last 30 days", "syncer.drift-page/v1"),
        "/audit": _asked(_page("The journal."), AUDIT),
        "/audit.json": _asked(_twin("The journal", "syncer.audit-page/v1"), AUDIT),
        "/audit.jsonl": _asked(_export("application/jsonl"), AUDIT),
        "/audit.csv": _asked(_export("text/csv"), AUDIT),
        "/system": _page("syncer itself."),
        "/system.json": _twin("syncer itself", "syncer.system-page/v1"),
        "/sign-in": _page("A form for a token."),
        "/static/{name}": _get("What the pages need.", {200: {"description": "a file"}}, {404: "no such file"}, "name"),
        "/-/session": _form("Signs in.", "token"),
        "/-/session/end": _form("Signs out.", "form"),
        "/-/page/reconcile": _form("Asks for a pass.", "form"),
        "/-/page/approve": _form("Approves one app's changes.", "form", "plan", "customer", "app", "reason"),
    },
    "components": {
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        "schemas": {
            "Refusal": {
                "type": "object",
                "required": ["error", "hint"],
                "properties": {"error": TEXT, "hint": TEXT, "exit_code": {"type": "integer"}},
            }
        },
    },
}
