"""The catalogue of desired state's own rules: across fields and files (SY3xx), tokens (SY4xx), advice (SY5xx)."""

from __future__ import annotations

from typing import Final

from syncer.documents.rules import Rule

RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "SY301",
        "recording without a recording URL",
        "Recording is on after all layers, and no layer gives a URL (or one says null): recordings would be made and "
        "nobody told.",
        "settings:\n  recording_enabled: true\n  recording_url: https://hooks.acme.example/{app}/recording",
    ),
    Rule(
        "SY302",
        "streaming without a streaming URL",
        "Streaming is on after all layers, and no layer gives a URL (or one says null): the audio has nowhere to go.",
        "settings:\n  streaming_enabled: true\n  streaming_url: wss://media.acme.example/{app}",
    ),
    Rule(
        "SY303",
        "one app in two places",
        "Customer and app id are an app's identity. Where two places claim it, neither can be right for certain, so "
        "both files are rejected. Ids that differ only in case count as one.",
        "Delete one of the two places.",
    ),
    Rule(
        "SY304",
        "one name for two apps",
        "Names are what people type in commands. Within a customer a name means one app; both files are rejected.",
        "apps:\n  support-desk-in: {app_id: app_abc123}     # instead of a second  support-desk",
    ),
    Rule(
        "SY305",
        "a locked field is changed",
        "A weaker layer (a folder further up, the file's defaults, or the operator) lists the field under `locked`: "
        "its value, or that it has none, stands for everything above. Saying the same value again is no change.",
        "Remove the value here, or have the lock removed where it stands.",
    ),
    Rule(
        "SY306",
        "allowed hosts made wider",
        "A layer may only narrow the hosts that the layers below allow; otherwise an allow-list would protect nobody.",
        "policy: {allowed_hosts: {popup_url: [hooks.acme.example]}}",
    ),
    Rule(
        "SY307",
        "dots in an id",
        "Ids become segments of a URL path at the vendor. One with `..` in it could lead elsewhere.",
        "app_id: app_abc123",
    ),
    Rule(
        "SY308",
        "two Defaults files in one folder",
        "Which of them is stronger would hang on their names. Both are rejected, with everything below the folder.",
        "Move the contents of one into the other.",
    ),
    Rule(
        "SY309",
        "an empty source",
        "The source holds no Apps file. That is more often a wrong path, branch or mount than a decision, so it never "
        "means `no apps`: what was in force stays in force.",
        "syncer validate --source config/apps",
    ),
    Rule(
        "SY310",
        "an unknown placeholder",
        "Texts may hold {app}, {app_id}, {customer_id} and {labels.KEY}, and no other braces. What is filled in is "
        "never looked at again.",
        "recording_url: https://hooks.acme.example/{app}/recording",
    ),
    Rule(
        "SY311",
        "a placeholder for a label that the app has not",
        "`{labels.KEY}` needs the label on the app or in a layer below it.",
        "labels: {team: telephony}\nsettings: {popup_url: https://hooks.acme.example/{labels.team}}",
    ),
    Rule(
        "SY320",
        "not a URL",
        "A URL has a scheme, two slashes and a host.",
        "popup_url: https://hooks.acme.example/popup",
    ),
    Rule(
        "SY321",
        "the wrong scheme",
        "Call data and recordings travel encrypted: https, and for streaming_url wss as well. Lower case.",
        "popup_url: https://hooks.acme.example/popup     # instead of  http://…",
    ),
    Rule(
        "SY322",
        "user information in a URL",
        "What stands before @ is not the host but looks like it, and a password would be kept at the vendor.",
        "popup_url: https://hooks.acme.example/popup     # instead of  https://user@…",
    ),
    Rule(
        "SY323",
        "a host name or character outside ASCII",
        "Letters of other scripts look like Latin ones. Internationalised names (also as xn--…) are refused.",
        "popup_url: https://hooks.acme.example/caf%C3%A9",
    ),
    Rule(
        "SY324",
        "a character that may not stand in a URL",
        "White space, control characters, backslashes and quotes are read differently by different programs.",
        "popup_url: https://hooks.acme.example/a%20b     # instead of  …/a b",
    ),
    Rule("SY325", "a URL too long", "A URL has at most 2,048 characters, placeholders filled in.", "Shorten the URL."),
    Rule(
        "SY326",
        "not a host name or port",
        "A host is made of letters, digits and inner hyphens between dots; a port is a number up to 65535.",
        "popup_url: https://hooks.acme.example:8443/popup",
    ),
    Rule(
        "SY327",
        "an IP address instead of a host name",
        "An address says nothing to a reviewer, and fits no allow-list and hardly a certificate.",
        "popup_url: https://hooks.acme.example/popup     # instead of  https://192.0.2.7/popup",
    ),
    Rule("SY328", "a fragment in a URL", "What follows # is never sent to a server.", "Remove it, or write %23."),
    Rule(
        "SY329",
        "a URL that parsers read differently",
        "Two URL parsers find another host, port, path or query in the text. Which of them the vendor uses is unknown.",
        "Write the URL in its plainest form.",
    ),
    Rule(
        "SY330",
        "a host that is not allowed",
        "The operator or a Defaults file lists the exact hosts that this field may have. A port other than the default "
        "is part of the entry.",
        'policy: {allowed_hosts: {popup_url: [hooks.acme.example, "hooks.acme.example:8443"]}}',
    ),
    Rule(
        "SY402",
        "a token path with detours",
        "`.` and `..` in a path make it say something else than it seems to.",
        "token: {file: /var/run/secrets/syncer/{app}}",
    ),
    Rule(
        "SY403",
        "not the name of a variable",
        "With its placeholders filled in, the text is no name that an environment variable can have.",
        "token: {file: /var/run/secrets/syncer/{app}}     # instead of  {env: TOKEN_{app}}  for  support-desk",
    ),
    Rule(
        "SY501",
        "an app without a token",
        "No layer says where the app's token is kept, so it can be neither read nor written.",
        "defaults: {token: {file: /var/run/secrets/syncer/{app}}}",
    ),
    Rule(
        "SY502",
        "a URL with a plainer spelling",
        "Capitals in the host, a default port or dot segments mean the same in another spelling. The vendor may store "
        "that one.",
        "popup_url: https://hooks.acme.example/popup     # instead of  https://Hooks.acme.example:443/popup",
    ),
    Rule(
        "SY503",
        "an app without settings",
        "No layer declares any field, so nothing of this app is managed.",
        "settings: {recording_enabled: false}",
    ),
    Rule(
        "SY504",
        "a suspension that is over",
        "Its end is past, so it suspends nothing any more.",
        "Remove `suspend`, or give it a new `until`.",
    ),
    Rule(
        "SY505",
        "a Defaults file under another name",
        "A broken file can't always be told to be Defaults. Called _defaults.yaml it can, and then the apps below keep "
        "their last good state instead of losing their defaults.",
        "git mv config/apps/common.yaml config/apps/_defaults.yaml",
    ),
)
"""SY3xx, SY4xx (SY401 stands with the schema's rules) and SY5xx."""
