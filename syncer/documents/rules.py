"""The catalogue of rules: a permanent id, what it forbids, why, and an example of mending.

Other parts keep tables of the same shape beside their checks (`RULES: Final = (Rule(…), …)`); `find` looks in any
number of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: `id` never changes its meaning; `example` shows the fault and its mending, in YAML where it can."""

    id: str
    title: str
    explanation: str
    example: str = ""


def find(rule_id: str, *tables: Iterable[Rule]) -> Rule | None:
    """The rule of that id in these tables (this module's own when none is given), whatever the case of the id."""
    wanted = rule_id.upper()
    return next((rule for table in (tables or (RULES,)) for rule in table if rule.id == wanted), None)


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "SY101",
        "the file is not plain UTF-8",
        "Files are UTF-8 without a byte order mark, so that reviewer, editor and syncer read the same text.",
        "Save the file as UTF-8 without BOM:  iconv -f UTF-16 -t UTF-8 old.yaml > new.yaml",
    ),
    Rule(
        "SY102",
        "the file is too large",
        "A file may hold 8 MiB. Larger ones are refused before they are read as YAML.",
        "Split the apps over several files; all of them are read.",
    ),
    Rule(
        "SY103",
        "a hidden character",
        "Control characters and those that reorder text (bidirectional controls, line separators) make a file look "
        "different from what it says, so a review proves nothing.",
        "Delete the character at the caret and type the text again.",
    ),
    Rule(
        "SY104",
        "not YAML",
        "The text breaks YAML's grammar at the caret; often the cause is a missing quote, space or indent just before.",
        'reason: "paused: number moves"     # a text with `: ` in it needs quotes',
    ),
    Rule(
        "SY105",
        "a tab where YAML needs spaces",
        "YAML does not allow tabs in front of a key or value.",
        "Indent with two spaces.",
    ),
    Rule(
        "SY106",
        "an anchor or alias",
        "`&name` and `*name` are not read: a reviewer must see every value where it applies, and nested aliases can "
        "grow a small file without bound.",
        "Write the value out, or put it into `defaults:` or a `Defaults` file.",
    ),
    Rule(
        "SY107",
        "a merge key",
        "`<<` is not read, for the reasons of SY106.",
        "Put shared values into `defaults:` or a `Defaults` file.",
    ),
    Rule(
        "SY108",
        "a tag or directive",
        "`!tag` and `%DIRECTIVE` change how a value is read; the schema alone decides that here.",
        'version: "1.2"                     # instead of  version: !!str 1.2',
    ),
    Rule(
        "SY109",
        "nested too deeply",
        "No document of syncer needs more than 12 levels.",
        "Check the brackets and indents around the caret.",
    ),
    Rule(
        "SY110",
        "too much in one file",
        "A file may hold 250,000 keys and values, a single value 64 Ki characters.",
        "Split the apps over several files.",
    ),
    Rule(
        "SY111",
        "a second document in the file",
        "One file holds one document, so that a path names one thing.",
        "Move what stands after `---` to a file of its own.",
    ),
    Rule(
        "SY112",
        "the same key twice",
        "YAML readers keep one of two equal keys and drop the other; a reviewer sees the first, most tools the last.",
        "Delete one of the two.",
    ),
    Rule(
        "SY113",
        "a key that is not text",
        "Keys are texts. A bare `true`, `null` or number as key, or a list or mapping, is not.",
        '"123": …                           # instead of  123: …',
    ),
    Rule(
        "SY114",
        "an empty file",
        "A file without a document declares nothing; an emptied file must not look like a decision.",
        "Delete the file, or write apiVersion, kind and what belongs to them.",
    ),
    Rule(
        "SY201",
        "an unknown key",
        "The key has no meaning at this place. A misspelt key would silently do nothing, so unknown ones are errors.",
        "recording_url: …                   # instead of  recoding_url: …",
    ),
    Rule("SY202", "a missing key", "The mapping needs this key.", "customer_id: cust_acme"),
    Rule(
        "SY203",
        "a value of the wrong type",
        "YAML 1.2 core typing: only `true`, `false`, `null`, `~`, nothing, and whole numbers are not text. "
        "`yes`, `no`, `on`, `off`, dates, `12:30` and `012` are texts.",
        'recording_enabled: true            # instead of  yes\nlabels: {wave: "1"}                # instead of  1',
    ),
    Rule("SY204", "not one of the allowed values", "The value comes from a closed set.", "on_drift: report"),
    Rule(
        "SY205",
        "a text in the wrong form",
        "The text does not have the form that this key needs; the help line shows one that does.",
        "for: 10h                           # instead of  10 hours",
    ),
    Rule("SY206", "a text too short or too long", "Every text has a length it may not exceed.", "Shorten the text."),
    Rule("SY207", "a number out of range", "The number is smaller or larger than it may be.", "concurrency: 32"),
    Rule("SY208", "too few or too many entries", "A list or mapping has fewer or more entries than it may.", ""),
    Rule(
        "SY209",
        "not exactly one of several keys",
        "The keys are alternatives: write exactly one of them.",
        "token: {file: /var/run/secrets/syncer/token}",
    ),
    Rule("SY210", "the same entry twice", "Entries of this list must differ.", "Delete one of the two."),
    Rule(
        "SY211",
        "a key that needs another",
        "Some keys work only together, and some exclude each other.",
        "credentials: {ssh_key: {file: /etc/syncer/id}, known_hosts: {file: /etc/syncer/known_hosts}}",
    ),
    Rule(
        "SY212",
        "an unknown kind of document",
        "`apiVersion` and `kind` say what a file is.",
        "apiVersion: syncer/v1\nkind: Apps",
    ),
    Rule(
        "SY290",
        "an unknown SYNCER_ variable",
        "Variables that begin with SYNCER_ belong to syncer; one that it does not know is a misspelt setting.",
        "SYNCER_VENDOR_RATE=20/s",
    ),
    Rule(
        "SY291",
        "settings that contradict each other",
        "Two settings of the daemon's configuration can't both hold.",
        "source: {path: config/apps}        # or url, never both",
    ),
    Rule(
        "SY292",
        "a URL that is not allowed here",
        "The vendor is spoken to over https (http only on this machine), git over https or ssh, never with a "
        "password in the URL: the URL decides who receives tokens.",
        "base_url: https://integrationscore.mum1.exotel.com/v2/integrations",
    ),
    Rule(
        "SY293",
        "a configuration file that can't be read",
        "The file named by --config or SYNCER_CONFIG is missing or unreadable.",
        "syncer config show -c config/syncer.yaml",
    ),
    Rule(
        "SY401",
        "a secret written into a file",
        "Tokens, passwords and keys are never written into these files: name the file or variable that holds them. "
        "Only the place is shown. A secret that was committed must be replaced, not just deleted.",
        "token: {file: /var/run/secrets/syncer/token}",
    ),
)
