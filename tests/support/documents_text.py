"""Desired-state documents as text."""

from __future__ import annotations

HEAD = "apiVersion: syncer/v1\nkind: Apps\ncustomer_id: {customer}\napps:\n"


def one_app(name: str = "desk", customer: str = "acme", url: str = "https://h.example/x", more: str = "") -> str:
    """An Apps file with one app in order; `more` are further lines of the app, indented by four."""
    return (
        HEAD.replace("{customer}", customer)
        + f"  {name}:\n    token: {{env: TOKEN}}\n    settings: {{popup_url: {url!r}}}\n{more}"
    )


def defaults(body: str = "") -> str:
    """A Defaults file."""
    return f"apiVersion: syncer/v1\nkind: Defaults\n{body}"
