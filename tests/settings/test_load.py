"""Options, variables, file and built-in values become one tree; what is wrong is told all at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from syncer import settings
from syncer.documents import render
from syncer.errors import ConfigError
from syncer.model.desired import (
    AllowedHosts,
    EnvToken,
    FileToken,
    OnCommit,
    OnDrift,
    Policy,
    Suspend,
    Window,
    WindowKind,
)
from syncer.model.fields import Field
from syncer.model.outcome import State
from syncer.model.planned import Danger
from syncer.plan.limits import Limits, Transition
from syncer.plan.rollout import Rollout, Wave
from syncer.settings import Mode, Resolved, layers, tree

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncer.model.problems import Problem

HOME = {"HOME": "/home/asha"}
HEAD = "apiVersion: syncer/v1\nkind: Config\n"


def load(
    text: str = "", environ: Mapping[str, str] | None = None, folder: Path | None = None, **options: str
) -> Resolved:
    """Settings from a file with this text (none when empty), these variables and options."""
    file = None
    if text:
        assert folder is not None
        file = folder / "syncer.yaml"
        file.write_text(HEAD + text, encoding="utf-8")
    named = {name.replace("__", "."): value for name, value in options.items()}
    return settings.load(named, {**HOME, **(environ or {})}, file)


def refused(
    text: str = "", environ: Mapping[str, str] | None = None, folder: Path | None = None, **options: str
) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        load(text, environ, folder, **options)
    assert caught.value.exit_code == 64
    return caught.value.problems


def transitions(*limits: tuple[int, float]) -> tuple[Transition, ...]:
    dangers = (Danger.BLANKS_URL, Danger.RECORDING_OFF, Danger.STREAMING_OFF)
    return tuple(Transition(danger, *limit) for danger, limit in zip(dangers, limits, strict=True))


def test_without_anything_the_built_in_values_hold() -> None:
    found = load().settings
    assert found == tree.Settings(
        mode=Mode.APPLY,
        source=tree.Source(
            path=Path("config/apps"),
            url=None,
            ref="HEAD",
            subpath="",
            poll=timedelta(seconds=60),
            history=tree.History.FAST_FORWARD_ONLY,
            allow_file=False,
        ),
        vendor=tree.Vendor("https://integrationscore.mum1.exotel.com/v2/integrations", 32, 50.0, timedelta(seconds=15)),
        schedule=tree.Schedule(timedelta(minutes=5), "*/5 * * * *", "UTC", 0.1),
        policy=tree.OperatorPolicy(
            layer=Policy(),
            locked=(),
            limits=Limits(25, 0.3, 3, timedelta(hours=24), 2, 0.2, 0.3, transitions((2, 0.05), (2, 0.05), (2, 0.05))),
        ),
        rollout=Rollout((Wave(1.0),), 0),
        state_dir=Path("/home/asha/.local/state/syncer"),
        audit=tree.Audit("syncer", 64 * 1024 * 1024),
        serve=tree.Serve("127.0.0.1", 8080),
        metrics=tree.MetricsOut(apps=False, file=None, push="", job="syncer"),
        webhooks=tree.Webhooks(timedelta(seconds=10)),
        notify=(),
        leader=tree.Leader("none", "syncer"),
        log=tree.Log("", "info"),
    )
    assert not found.policy.restricts_hosts


def test_a_file_can_set_everything(tmp_path: Path) -> None:
    text = """
mode: observe
source:
  url: https://git.example:8443/platform/settings.git
  ref: release/2
  subpath: apps/
  credentials: {username: x, password: {env: SYNCER_SECRET_GIT}}
  verify: {allowed_signers: {file: signers}}
  allow_file: true
  poll: 2m
  history: any
  proxy: http://proxy.example:3128
  ca_file: corp.pem
vendor: {base_url: "http://127.0.0.1:9000/v2/", concurrency: 4, rate: 600/m, deadline: 5s, ca_file: /ca.pem}
schedule: {detect: 1m, apply: 10m, zone: Asia/Kolkata, jitter: 0%}
policy:
  on_commit: hold
  on_drift: report
  protected: [recording_enabled]
  locked: [streaming_enabled, on_drift]
  allowed_hosts: {all: [a.example], popup_url: [b.example]}
  windows: [{deny: "0 0 1 * *", for: 2h, zone: Asia/Kolkata}, {allow: "0 8 * * mon-fri", for: 10h}]
  suspend: {reason: porting, until: 2030-01-31}
  budget: {apps: 5, share: 50%, per: 1h, at_least: 0}
  mass_drift: {apps: 1, share: 10%}
  transitions: {blank_url: {apps: 0, share: 1%}, recording_off: {apps: 3}}
  max_unreadable: 5%
rollout:
  waves: [{labels: {tier: canary}}, {share: 5%, soak: 10m}, {share: 100%}]
  stop_after_failures: 2
state_dir: state
audit: {sign: {key: {file: ./audit.key}}, origin: acme/prod, rotate: 1MiB, anchors: [stdout, lease, {file: /mnt/heads}]}
serve:
  listen: "[::1]:80"
  token: {file: /token}
  push_secret: {env: SYNCER_SECRET_PUSH}
  allowed_hosts: [syncer.example]
  public_url: https://syncer.example/
webhooks: {deadline: 3s, allow_networks: [10.0.0.0/8], proxy: "http://proxy.example:3128", ca_file: corp.pem}
notify:
  - {kind: webhook, url: "https://alerts.example/x", secret: {file: /hook}, on: [Drifted, Failing], after: 2}
  - {kind: slack, name: desk, url: {file: /slack}, on: [Held], after: 10m, digest: 9, labels: {team: voice}}
  - {kind: cloudevents, url: {env: SYNCER_SECRET_X}, on: [Stale], proxy: "http://p.example:3128", ca_file: /ca.pem}
  - {kind: commit-status, server: gitlab, url: "https://g.example/api/v4", repository: a/b/c, token: {file: /t}}
leader:
  {kind: lease, name: one, namespace: two, lease_duration: 90s, renew_deadline: 60s, retry_period: 6s,
   server: "https://10.0.0.1:6443", token: {file: /kube}, ca_file: /ca.pem}
log: {format: json, level: debug}
"""
    found = load(text, folder=tmp_path).settings
    assert found.mode is Mode.OBSERVE
    assert found.source == tree.Source(
        path=None,
        url="https://git.example:8443/platform/settings.git",
        ref="release/2",
        subpath="apps/",
        poll=timedelta(minutes=2),
        history=tree.History.ANY,
        allow_file=True,
        credentials=tree.Password("x", EnvToken("SYNCER_SECRET_GIT")),
        allowed_signers=Path("signers"),
        proxy="http://proxy.example:3128",
        ca_file=Path("corp.pem"),
    )
    assert found.vendor == tree.Vendor("http://127.0.0.1:9000/v2", 4, 10.0, timedelta(seconds=5), "", Path("/ca.pem"))
    assert found.schedule == tree.Schedule(timedelta(minutes=1), timedelta(minutes=10), "Asia/Kolkata", 0.0)
    assert found.policy.layer == Policy(
        on_commit=OnCommit.HOLD,
        on_drift=OnDrift.REPORT,
        protected=(Field.RECORDING_ENABLED,),
        allowed_hosts=(AllowedHosts(None, ("a.example",)), AllowedHosts(Field.POPUP_URL, ("b.example",))),
        windows=(
            Window(WindowKind.DENY, "0 0 1 * *", timedelta(hours=2), "Asia/Kolkata"),
            Window(WindowKind.ALLOW, "0 8 * * mon-fri", timedelta(hours=10), "UTC"),
        ),
        suspend=Suspend("porting", datetime(2030, 2, 1, tzinfo=UTC)),
    )
    assert found.policy.restricts_hosts
    assert found.policy.locked == ("streaming_enabled", "on_drift")
    few = transitions((0, 0.01), (3, 0.05), (2, 0.05))
    assert found.policy.limits == Limits(5, 0.5, 0, timedelta(hours=1), 1, 0.1, 0.05, few)
    assert found.rollout == Rollout(
        (Wave(labels=(("tier", "canary"),)), Wave(0.05, soak=timedelta(minutes=10)), Wave(1.0)), 2
    )
    assert found.state_dir == Path("state")
    assert found.audit == tree.Audit(
        "acme/prod", 1024 * 1024, FileToken("./audit.key"), ("stdout", "lease"), (Path("/mnt/heads"),)
    )
    assert found.serve == tree.Serve(
        "::1", 80, FileToken("/token"), EnvToken("SYNCER_SECRET_PUSH"), ("syncer.example",), "https://syncer.example"
    )
    assert found.webhooks == tree.Webhooks(
        timedelta(seconds=3), ("10.0.0.0/8",), "http://proxy.example:3128", Path("corp.pem")
    )
    assert found.notify == (
        tree.Notify(
            "webhook", "webhook", "https://alerts.example/x", (State.DRIFTED, State.FAILING), 2, FileToken("/hook")
        ),
        tree.Notify(
            "slack",
            "desk",
            FileToken("/slack"),
            (State.HELD,),
            timedelta(minutes=10),
            digest=9,
            labels=(("team", "voice"),),
        ),
        tree.Notify(
            "cloudevents",
            "cloudevents",
            EnvToken("SYNCER_SECRET_X"),
            (State.STALE,),
            proxy="http://p.example:3128",
            ca_file=Path("/ca.pem"),
        ),
        tree.Notify(
            "commit-status",
            "commit-status",
            "https://g.example/api/v4",
            server="gitlab",
            repository="a/b/c",
            token=FileToken("/t"),
        ),
    )
    times = (timedelta(seconds=90), timedelta(seconds=60), timedelta(seconds=6))
    leader = tree.Leader("lease", "one", "two", *times, "https://10.0.0.1:6443", FileToken("/kube"), Path("/ca.pem"))
    assert found.leader == leader
    assert found.log == tree.Log("json", "debug")


def test_an_end_is_not_needed_for_a_pause(tmp_path: Path) -> None:
    found = load("policy: {suspend: {reason: porting}}\n", folder=tmp_path).settings
    assert found.policy.layer.suspend == Suspend("porting")


def test_ssh_credentials_have_a_user_of_their_own(tmp_path: Path) -> None:
    text = "source: {{url: 'ssh://h.example/x', credentials: {{{}ssh_key: {{file: /k}}, known_hosts: {{file: /h}}}}}}\n"
    found = load(text.format(""), folder=tmp_path).settings.source.credentials
    assert found == tree.SshKey(Path("/k"), Path("/h"), "git")
    found = load(text.format("username: me, "), folder=tmp_path).settings.source.credentials
    assert found == tree.SshKey(Path("/k"), Path("/h"), "me")


def test_an_option_wins_over_a_variable_over_a_file_over_what_is_built_in(tmp_path: Path) -> None:
    text = "vendor: {base_url: https://file.example, rate: 1/s, concurrency: 1}\n"
    environ = {"SYNCER_VENDOR_URL": "https://variable.example", "SYNCER_VENDOR_RATE": "2/s"}
    found = load(text, environ, tmp_path, vendor__base_url="https://option.example")
    vendor = found.settings.vendor
    assert (vendor.base_url, vendor.rate, vendor.concurrency) == ("https://option.example", 2.0, 1)
    assert vendor.deadline == timedelta(seconds=15)
    file = tmp_path / "syncer.yaml"
    assert {name: found.origins[f"vendor.{name}"] for name in ("base_url", "rate", "concurrency", "deadline")} == {
        "base_url": ("https://option.example", "option --vendor-url"),
        "rate": ("2/s", "SYNCER_VENDOR_RATE"),
        "concurrency": ("1", f"{file}:3"),
        "deadline": ("15s", "built-in"),
    }


def test_a_stronger_source_replaces_a_weaker_one_of_the_other_kind(tmp_path: Path) -> None:
    text = "source: {url: https://git.example/x}\n"
    assert load(text, folder=tmp_path, source="apps").settings.source.path == Path("apps")
    assert load(text, {"SYNCER_SOURCE": "apps"}, tmp_path).settings.source.url is None
    source = load("source: {path: apps}\n", {"SYNCER_SOURCE": "https://git.example/x"}, tmp_path).settings.source
    assert (source.path, source.url) == (None, "https://git.example/x")


def test_a_secret_s_file_in_a_variable_replaces_the_variable_named_in_the_file(tmp_path: Path) -> None:
    environ = {"SYNCER_SERVE_TOKEN_FILE": "/run/token"}
    found = load("serve: {token: {env: SYNCER_SECRET_X}}\n", environ, tmp_path).settings
    assert found.serve.token == FileToken("/run/token")


def test_variables_have_the_types_of_their_keys() -> None:
    environ = {"SYNCER_SOURCE_ALLOW_FILE": "true", "SYNCER_POLICY_BUDGET_APPS": "7", "SYNCER_AUDIT_ORIGIN": "12"}
    found = load(environ=environ).settings
    assert (found.source.allow_file, found.policy.limits.apps, found.audit.origin) == (True, 7, "12")


def test_an_empty_variable_is_one_that_is_not_set() -> None:
    assert load(environ={"SYNCER_VENDOR_RATE": "", "SYNCER_CONFIG": ""}).settings.vendor.rate == 50.0


def test_the_file_may_be_named_by_a_variable(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(HEAD + "mode: observe\n", encoding="utf-8")
    assert load(environ={"SYNCER_CONFIG": str(file)}).settings.mode is Mode.OBSERVE


@pytest.mark.parametrize(
    ("environ", "folder", "origin"),
    [
        ({"XDG_STATE_HOME": "/state"}, "/state/syncer", "$XDG_STATE_HOME"),
        ({"XDG_STATE_HOME": "relative"}, "/home/asha/.local/state/syncer", "built-in"),
        ({"HOME": ""}, "/var/lib/syncer", "built-in"),
        ({"SYNCER_STATE_DIR": "/s"}, "/s", "SYNCER_STATE_DIR"),
    ],
)
def test_state_has_its_place(environ: dict[str, str], folder: str, origin: str) -> None:
    found = load(environ=environ)
    assert (found.settings.state_dir, found.origins["state_dir"]) == (Path(folder), (folder, origin))


@pytest.mark.parametrize(
    "variable",
    [
        "SYNCER_SERVICE_HOST",
        "SYNCER_SERVICE_PORT",
        "SYNCER_SERVICE_PORT_HTTP",
        "SYNCER_PORT",
        "SYNCER_PORT_8080_TCP_ADDR",
        "SYNCER_METRICS_SERVICE_HOST",
        "SYNCER_METRICS_PORT_9090_TCP",
        "SYNCER_TOKEN_SUPPORT_DESK",
        "SYNCER_SECRET_GIT",
        "OTHER_VARIABLE",
    ],
)
def test_variables_of_kubernetes_services_and_secrets_are_let_be(variable: str) -> None:
    services = {"SYNCER_SERVICE_HOST": "10.0.0.1", "SYNCER_METRICS_SERVICE_HOST": "10.0.0.2"}
    assert load(environ={variable: "x", **services}).settings.mode is Mode.APPLY


def test_variables_of_commands_are_let_be() -> None:
    environ = {"SYNCER_OUTPUT": "json"}
    assert settings.load({}, environ, commands={"SYNCER_OUTPUT"}).settings.mode is Mode.APPLY
    assert refused(environ=environ)[0].rule == "SY290"


def test_a_port_without_its_service_is_a_misspelt_setting() -> None:
    (problem,) = refused(environ={"SYNCER_SERVE_PORT": "80"})
    assert problem.rule == "SY290"


def test_an_unknown_variable_is_a_problem_with_the_one_that_was_meant() -> None:
    (problem,) = refused(environ={"SYNCER_VENDOR_RAET": "1/s"})
    assert (problem.rule, problem.at.path, problem.help) == (
        "SY290",
        "$SYNCER_VENDOR_RAET",
        "did you mean SYNCER_VENDOR_RATE?",
    )
    (problem,) = refused(environ={"SYNCER_QQQ": "1/s"})
    assert "SYNCER_SECRET_" in problem.help


def test_a_wrong_variable_is_shown_at_the_variable() -> None:
    (problem,) = refused(environ={"SYNCER_VENDOR_RATE": "fast"})
    assert render.problem(problem) == (
        "error[SY205]: `fast`: a rate is a number, a slash, and s, m or h\n"
        " --> $SYNCER_VENDOR_RATE:1:1\n"
        "  |\n"
        "1 | fast\n"
        "  | ^^^^\n"
        "  |\n"
        "  = help: for example 50/s\n"
    )


def test_a_secret_in_a_variable_that_names_one_is_not_shown() -> None:
    (problem,) = refused(environ={"SYNCER_SERVE_TOKEN_FILE": "hunter2"})
    assert (problem.rule, problem.at.text) == ("SY205", "")
    assert "hunter2" not in render.problem(problem)


def test_every_problem_of_every_layer_is_told_at_once(tmp_path: Path) -> None:
    environ = {"SYNCER_MODE": "aply", "SYNCER_VENDOR_CONCURRENCY": "many", "SYNCER_NOPE": "1"}
    text = "vendor: {rat: 1/s}\nschedule: {zone: Mars}\n"
    found = refused(text, environ, tmp_path, vendor__base_url="http://evil.example")
    assert sorted(problem.rule for problem in found) == ["SY201", "SY203", "SY204", "SY205", "SY290", "SY292"]


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        settings.load({}, HOME, tmp_path / "no.yaml")
    assert caught.value.problems[0].rule == "SY293"


def test_a_file_that_is_not_yaml_is_a_problem(tmp_path: Path) -> None:
    assert [problem.rule for problem in refused("a: [\n", folder=tmp_path)] == ["SY104"]


def test_a_wrong_option_name_is_a_problem() -> None:
    (problem,) = refused(vendor__nope="1")
    assert problem.rule == "SY201"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://user:hunter2@git.example/x", "a user or password"),
        ("ssh://git@git.example/x", "a user or password"),
        ("git@git.example:team/x.git", "this form"),
        ("file:///srv/git/x", "a file:// repository"),
        ("http://git.example/x", "not a URL of a git repository"),
        ("git://git.example/x", "not a URL of a git repository"),
        ("ext::sh -c touch% /tmp/x://", "not a URL of a git repository"),
        ("https://Git.Example/x", "not a URL of a git repository"),
        ("https://git.example", "not a URL of a git repository"),
        ("-oProxyCommand=touch://x", "not a URL of a git repository"),
    ],
)
def test_a_repository_is_read_from_few_kinds_of_url(url: str, message: str) -> None:
    found = refused(source=url)
    assert any(problem.rule in {"SY292", "SY205"} for problem in found)
    drawn = render.problems(found)
    assert message in drawn
    assert "hunter2" not in drawn


def test_a_file_repository_has_to_be_allowed() -> None:
    environ = {"SYNCER_SOURCE": "file:///srv/git/x", "SYNCER_SOURCE_ALLOW_FILE": "true"}
    assert load(environ=environ).settings.source.url == "file:///srv/git/x"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9000/v2", "http://localhost/v2", "http://[::1]:9000", "https://a.example/v2/"]
)
def test_the_vendor_is_spoken_to_over_https_or_on_this_machine(url: str) -> None:
    assert load(vendor__base_url=url).settings.vendor.base_url == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://vendor.example/v2",
        "http://127.0.0.1.evil.example/",
        "http://0.0.0.0/",
        "https://u:hunter2@vendor.example/",
        "https://vendor.example/?x=1",
        "https://vendor.example/#x",
        "https://vendor.example:99999/",
        "ftp://vendor.example/",
        "vendor.example",
        "https://vendor.example\\@evil.example/",
    ],
)
def test_no_other_url_gets_the_tokens(url: str) -> None:
    problems = refused(vendor__base_url=url)
    assert [problem.rule for problem in problems] == ["SY292"]
    assert "hunter2" not in render.problems(problems)


def test_proxies_may_speak_http_but_carry_no_password() -> None:
    assert load(environ={"SYNCER_VENDOR_PROXY": "http://proxy.example:3128"}).settings.vendor.proxy
    assert load(environ={"SYNCER_WEBHOOKS_PROXY": "http://proxy.example:3128"}).settings.webhooks.proxy
    (problem,) = refused(environ={"SYNCER_WEBHOOKS_PROXY": "proxy.example:3128"})
    assert problem.rule == "SY292"
    (problem,) = refused(environ={"SYNCER_SOURCE_PROXY": "http://u:hunter2@proxy.example:3128"})
    assert (problem.rule, problem.at.path, problem.at.text) == ("SY292", "$SYNCER_SOURCE_PROXY", "")


CONTRADICTIONS = [
    ("source: {path: a, url: 'https://h.example/x'}", "exclude each other", 3),
    ("source: {url: 'ssh://h.example/x'}", "needs a key", 3),
    (
        "source: {url: 'https://h.example/x', credentials: {ssh_key: {file: /k}, known_hosts: {file: /h}}}",
        "ssh key for a repository over https",
        3,
    ),
    (
        "source: {url: 'ssh://h.example/x', credentials: {username: x, password: {file: /p}, "
        "ssh_key: {file: /k}, known_hosts: {file: /h}}}",
        "exclude each other",
        3,
    ),
    ("source: {url: 'https://h.example/x', credentials: {username: x}}", "without a password or key", 3),
    ("rollout: {waves: [{share: 50%}, {share: 5%}, {share: 100%}]}", "must grow", 3),
    ("rollout: {waves: [{share: 0%}, {share: 100%}]}", "must grow", 3),
    ("rollout: {waves: [{share: 50%}]}", "the whole fleet", 3),
    ("rollout: {waves: [{share: 50%}, {labels: {tier: canary}}]}", "the whole fleet", 3),
    ("rollout: {waves: [{soak: 5m}, {share: 100%}]}", "a share or labels", 3),
    ("log: {level: warning}\naudit: {anchors: [stdout]}", "the anchor stdout is a line of level info", 3),
    ("notify: [{kind: webhook, url: 'http://h.example/', on: [Held]}]", "http to another machine", 3),
    ("notify: [{kind: webhook, url: 'https://h.example/?key=x', on: [Held]}]", "not a URL of the form", 3),
    ("notify: [{kind: webhook, url: {file: /u}, on: [Held], proxy: 'ftp://p'}]", "not a URL of the form", 3),
    ("notify: [{kind: slack, url: 'https://h.example/', on: [Held]}]", "a Slack webhook is a secret", 3),
    ("notify: [{kind: webhook, url: {file: /u}}]", "wants to hear of no state", 3),
    ("notify: [{kind: webhook, url: {file: /u}, on: [Held], server: github}]", "server without kind", 3),
    (
        "notify: [{kind: webhook, url: {file: /u}, on: [Held]}, {kind: webhook, url: {file: /v}, on: [Held]}]",
        "two receivers are called webhook",
        3,
    ),
    (
        "notify: [{kind: commit-status, server: github, url: {file: /u}, repository: a/b, token: {file: /t}}]",
        "where the source is a folder",
        3,
    ),
    (
        "notify: [{kind: commit-status, url: {file: /u}, repository: a/b}]\nsource: {url: 'https://h.example/x'}",
        "without server and token",
        3,
    ),
    (
        "notify: [{kind: commit-status, server: github, url: {file: /u}, repository: a/b, token: {file: /t},"
        " on: [Held], after: 2}]\nsource: {url: 'https://h.example/x'}",
        "knows no on and no after",
        3,
    ),
    ("serve: {public_url: 'https://u:p@h.example/'}", "a user or password in a URL", 3),
    ("audit: {anchors: [{git: {url: 'http://h.example/x', ref: heads}}]}", "not a URL of a git repository", 3),
    ("audit: {anchors: [{git: {url: 'file:///x', ref: heads}}]}", "not a URL of a git repository", 3),
    ("audit: {anchors: [{git: {url: 'https://h.example/x', ref: h, proxy: 'ftp://p'}}]}", "not a URL of the form", 3),
    ("audit: {anchors: [{git: {url: 'ssh://h.example/x', ref: heads}}]}", "needs a key", 3),
    (
        "audit: {anchors: [{git: {url: 'https://h.example/x', ref: heads, credentials: {username: x}}}]}",
        "without a password or key",
        3,
    ),
    (
        "source: {url: 'https://h.example/x'}\naudit: {anchors: [{git: {url: 'https://h.example/x', ref: heads}}]}",
        "in the repository of the apps",
        4,
    ),
    ("audit: {anchors: [lease]}", "an annotation of the lease, and there is none", 3),
    ("leader: {kind: lease, server: 'https://10.0.0.1'}", "an API server without a token", 3),
    ("leader: {kind: lease, server: 'http://10.0.0.1', token: {env: SYNCER_SECRET_K}}", "http to another machine", 3),
    ("leader: {kind: lease, renew_deadline: 60s}", "would believe in its lease", 3),
    ("leader: {kind: lease}\nvendor: {deadline: 30s}", "no time in which a whole PUT fits", 4),
]


def test_a_branch_as_an_anchor_may_have_either_kind_of_credentials(tmp_path: Path) -> None:
    text = """audit:
  anchors:
    - git: {url: "https://h.example/a", ref: heads, credentials: {username: x, password: {env: SYNCER_SECRET_A}}}
    - git:
        url: ssh://h.example/b
        ref: logs/prod
        credentials: {ssh_key: {file: /k}, known_hosts: {file: /h}}
    - git: {url: "https://h.example/c", ref: heads, proxy: "http://p.example:3128", ca_file: /ca}
"""
    assert load(text, folder=tmp_path).settings.audit.anchor_repositories == (
        tree.AnchorRepository("https://h.example/a", "heads", tree.Password("x", EnvToken("SYNCER_SECRET_A"))),
        tree.AnchorRepository("ssh://h.example/b", "logs/prod", tree.SshKey(Path("/k"), Path("/h"), "git")),
        tree.AnchorRepository("https://h.example/c", "heads", None, "http://p.example:3128", Path("/ca")),
    )


def test_a_password_in_the_url_of_an_anchor_is_not_shown(tmp_path: Path) -> None:
    text = "audit: {anchors: [{git: {url: 'https://u:hunter2@h.example/x', ref: heads}}]}\n"
    (problem,) = refused(text, folder=tmp_path)
    assert (problem.rule, problem.at.text) == ("SY292", "")


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("PASSWORD_FILE", "a password without a user name"),
        ("SSH_KEY_FILE", "an ssh key without known hosts"),
        ("KNOWN_HOSTS_FILE", "known hosts without an ssh key"),
    ],
)
def test_credentials_from_variables_are_judged_as_a_whole(part: str, message: str) -> None:
    variable = f"SYNCER_SOURCE_CREDENTIALS_{part}"
    (problem,) = refused(environ={variable: "/a"})
    assert (problem.rule, problem.message, problem.at.path) == ("SY291", message, f"${variable}")


@pytest.mark.parametrize(("text", "message", "line"), CONTRADICTIONS)
def test_contradictions_are_told_at_their_place(text: str, message: str, line: int, tmp_path: Path) -> None:
    (problem,) = refused(f"{text}\n", folder=tmp_path)
    assert problem.rule in {"SY291", "SY292"}
    assert message in problem.message
    assert (problem.at.line, problem.help != "") == (line, True)


@pytest.mark.parametrize(
    "text",
    ["rollout: {waves: [{share: x}, {soak: 1m}]}", "rollout: {waves: 3}", "notify: [3, {url: 4}]", "notify: x"],
)
def test_what_the_schema_refused_is_not_compared(text: str, tmp_path: Path) -> None:
    assert {problem.rule for problem in refused(f"{text}\n", folder=tmp_path)} <= {"SY202", "SY203", "SY205"}


def test_no_value_that_is_shown_holds_a_secret() -> None:
    found = load(source="https://git.example/x?token=hunter2")
    assert "hunter2" not in str(found.origins["source.url"])


def test_what_is_built_in_passes_the_schema_as_well() -> None:
    scalars = {name: value for name, value in layers.BUILT_IN.items() if isinstance(value, (str, int)) and value != ""}
    named = {name: str(value).lower() if value is False else str(value) for name, value in scalars.items()}
    assert settings.load(named, HOME, None).settings == load().settings
