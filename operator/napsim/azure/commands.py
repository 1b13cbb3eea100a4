"""``az aks maintenanceconfiguration add`` and ``update`` in a shell script, read as az reads them.

az tells the first mistake of a command; here all of them are told, in the order in which az checks, and the first is
the one that az prints. It checks no range: what the server refuses is told besides.
Mirrors azure-cli 2.91.0, ``acs/maintenanceconfiguration.py``, ``_params.py`` and ``_validators.py``.
"""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Final, NoReturn, get_args

from napsim.api.maintenanceconfiguration import CONFIG_NAMES, DEFAULT, Weekday, WeekIndex
from napsim.azure import messages, rest
from napsim.azure.imports import Imports, Origin
from napsim.reading.sources import Document, Mistake, Text, documents_of

_CONFIGURE: Final = ("az", "aks", "maintenanceconfiguration")
_CLUSTER: Final = (("az", "aks", "create"), ("az", "aks", "update"))
_CHANGES: Final = ("add", "update")
_OPERATORS: Final = frozenset({"&&", "||", ";", "|", "&", "(", ")", ">", ">>", "2>", "<"})
_HEREDOC: Final = re.compile(r"^\s*cat\s*>\s*(?P<file>\S+)\s*<<\s*(?P<quote>['\"]?)(?P<end>\w+)(?P=quote)\s*$")
_POWERSHELL: Final = ".ps1"


def are_in(text: str) -> bool:
    """Whether a text has a command that is read here."""
    return any(_ours(line.split()) for line in text.splitlines())


def _ours(words: list[str]) -> list[str]:
    """The command among words such as `if` and `sudo`, from `az` on; empty where there is none."""
    starts = (at for at in range(len(words)) if tuple(words[at : at + 3]) in {_CONFIGURE, *_CLUSTER})
    return words[next(starts, len(words)) :]


@dataclass(frozen=True, slots=True)
class _Script:
    """The commands of a script with their lines, and the files that it writes."""

    commands: list[tuple[int, list[str]]] = field(default_factory=list)
    files: dict[str, tuple[int, str]] = field(default_factory=dict)


Files = Mapping[str, tuple[int, str]]
"""The files that a script writes: the lines before their text, and the text."""


def read(found: Imports, file: str, text: str) -> None:
    """Every configuration that the commands of a script set."""
    script = _script(found, file, text)
    for line, words in script.commands:
        document = Document(file, line, None)
        if tuple(words[:3]) != _CONFIGURE:
            _channels(found, Origin(document, " ".join(words[:3])), words)
        elif len(words) > 3 and words[3] in _CHANGES:
            _change(found, Origin(document, " ".join(words[:4])), words[4:], script.files)


# --- the shell --------------------------------------------------------------------------------------------------------


def _script(found: Imports, file: str, text: str) -> _Script:
    script = _Script()
    lines = iter(enumerate(text.splitlines(), start=1))
    continued = "`" if PurePath(file).suffix == _POWERSHELL else "\\"
    for number, line in lines:
        if here := _HEREDOC.match(line):
            taken = []
            for _, inner in lines:
                if inner.strip() == here["end"]:
                    break
                taken.append(inner)
            script.files[here["file"]] = number, "\n".join(taken)
            continue
        whole = line
        while whole.endswith(continued) and (following := next(lines, None)) is not None:
            whole = whole[:-1] + following[1]
        try:
            script.commands.extend((number, ours) for words in _words(whole) if (ours := _ours(words)))
        except ValueError as error:
            if _ours(whole.split()):
                found.mistakes.append(Mistake(file, number, "az", "", None, f"not a shell command: {error}"))
    return script


def _words(line: str) -> Iterator[list[str]]:
    """The commands of a line. Raises ValueError for a quotation that does not end."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in lexer:
        if word in _OPERATORS:
            yield words
            words = []
        else:
            words.append(word)
    yield words


class _Refused(Exception):
    """What argparse, which az reads its options with, says."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _Refused(message)

    def _check_value(self, action: argparse.Action, value: Any) -> None:  # noqa: ANN401 - as argparse declares it
        """In az's words; az replaces the same method."""
        if action.choices is not None and value not in action.choices and "$" not in value:
            told = {"option": action.option_strings[0], "allowed": ", ".join(action.choices)}
            raise _Refused(messages.NOT_ALLOWED.format(value=value, **told))


def _spelled(*values: str) -> Callable[[str], str]:
    """A value as Azure spells it, in whatever case it is given; any other text as it is."""
    spelled = {value.lower(): value for value in values}
    return lambda text: spelled.get(text.lower(), text)


def _number(text: str) -> int | str:
    return text if "$" in text else int(text)


_number.__name__ = "int"  # as argparse names the type in what it says


def _day_of_month(text: str) -> int | str:
    """az takes any text here, and leaves it to the server."""
    return int(text) if text.isdecimal() else text


_WEEKDAY: Final = _spelled(*get_args(Weekday))  # any text too, for az
# These az looks up in a list, in upper and lower case.
_LISTED: Final[Mapping[str, tuple[str, ...]]] = {
    "--schedule-type": tuple(messages.MISSING),
    "--week-index": get_args(WeekIndex),
}
_OPTIONS: Final[Mapping[str, Callable[[str], object]]] = {
    "--config-file": str,
    "--weekday": _WEEKDAY,
    "--start-hour": _number,
    "--schedule-type": _spelled(*_LISTED["--schedule-type"]),
    "--start-date": str,
    "--start-time": str,
    "--utc-offset": str,
    "--duration": _number,
    "--interval-days": _number,
    "--interval-weeks": _number,
    "--interval-months": _number,
    "--day-of-week": _WEEKDAY,
    "--day-of-month": _day_of_month,
    "--week-index": _spelled(*_LISTED["--week-index"]),
}
# Where the command goes, and what az does with its answer.
_ASIDE: Final = ("--aks-custom-headers", "--subscription", "--change-reference", "--output", "-o", "--query")
_SWITCHES: Final = ("--acquire-policy-token", "--only-show-errors", "--debug", "--verbose")


def _parser() -> _Parser:
    parser = _Parser(prog="az", add_help=False)
    parser.add_argument("--resource-group", "-g")
    parser.add_argument("--cluster-name")
    parser.add_argument("--name", "-n", required=True)
    for option, type_ in _OPTIONS.items():
        parser.add_argument(option, type=type_, choices=_LISTED.get(option))
    for option in _ASIDE:
        parser.add_argument(option)
    for option in _SWITCHES:
        parser.add_argument(option, action="store_true")
    return parser


# --- one command ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Options:
    """What a command sets, by option; an option that is not given is absent."""

    name: str
    given: Mapping[str, Any]

    def has(self, *options: str) -> bool:
        """Whether all of them are given."""
        return all(option in self.given for option in options)

    def any_of(self, *options: str) -> bool:
        return any(option in self.given for option in options)


def _change(found: Imports, origin: Origin, words: list[str], files: Files) -> None:
    try:
        known, others = _parser().parse_known_args(words)
    except _Refused as error:
        found.mistakes.append(origin.mistake("", None, str(error)))
        return
    if others:
        found.mistakes.append(origin.mistake("", None, f"unrecognized arguments: {' '.join(others)}"))
    given = {
        key: value for option in _OPTIONS for key, value in ((option, _value(known, option)),) if value is not None
    }
    variables = {option: value for option, value in {"--name": known.name, **given}.items() if "$" in str(value)}
    for option, value in variables.items():
        found.mistakes.append(origin.mistake(option, value, "a variable of the shell: write its value"))
    options = Options(known.name, given)
    if "--config-file" in given and not variables:
        _from_file(found, origin, options, files)
    elif not variables:
        _from_options(found, origin, options)


def _value(known: argparse.Namespace, option: str) -> object:
    return getattr(known, option.removeprefix("--").replace("-", "_"))


def _from_file(found: Imports, origin: Origin, options: Options, files: Files) -> None:
    """az sends the file and looks at nothing else, the name apart."""
    path = options.given["--config-file"]
    if path.startswith("@"):
        message = "az takes what is in the file for the path of one: write it without @"
        found.mistakes.append(origin.mistake("--config-file", path, message))
        return
    if path not in files:
        message = f"the file is not in this script: give it to napsim import az, with --name {options.name}"
        found.mistakes.append(origin.mistake("--config-file", path, message))
        return
    ignored = [option for option in options.given if option != "--config-file"]
    if ignored:
        found.notes.append(origin.mistake("", None, f"az ignores {', '.join(ignored)} beside --config-file"))
    line, text = files[path]
    documents, wrong = documents_of([Text(origin.document.file, "\n" * line + text)])
    found.mistakes += wrong
    for document in documents:
        rest.read(found, document, options.name)


def _from_options(found: Imports, origin: Origin, options: Options) -> None:
    told = list(mistakes(options))
    found.mistakes += [origin.mistake("", None, message) for message in told]
    if told:
        return
    if options.name == DEFAULT and options.has("--schedule-type"):
        message = f"az before May 2026 says: {messages.DEFAULT_NO_SCHEDULE_TYPE}"
        found.notes.append(origin.mistake("--schedule-type", options.given["--schedule-type"], message))
    spec, places = _spec(options)
    found.configuration(origin, spec, places, lambda error: f"{error.message} (the server refuses it)")


def mistakes(options: Options) -> Iterator[str]:
    """What az says of a command, in the order in which it checks."""
    for option, form, message in _FORMS:
        if option in options.given and not re.fullmatch(form, options.given[option]):
            yield message
    if options.name not in CONFIG_NAMES:
        yield messages.NAME.format(name=options.name)
        return
    plain = options.any_of("--weekday", "--start-hour")
    scheduled = options.has("--schedule-type")
    if options.name == DEFAULT and not scheduled:
        if not options.has("--weekday", "--start-hour"):
            yield messages.DEFAULT_NEEDS
        return
    if plain:
        yield messages.DEFAULT_BOTH_FORMS if options.name == DEFAULT else messages.OTHERS_WITH_WEEKDAY
    yield from _of_default(options) if options.name == DEFAULT else _of_schedule(options)
    if not options.has("--start-time"):
        yield messages.NO_START_TIME
    if not options.has("--duration"):
        yield messages.NO_DURATION


def _of_default(options: Options) -> Iterator[str]:
    """Of its window: weekly, without an interval, as that is one week."""
    if options.given["--schedule-type"] != "Weekly":
        yield messages.DEFAULT_NOT_WEEKLY
        return
    if options.has("--interval-weeks"):
        yield messages.DEFAULT_INTERVAL
    if excess := [option for option in _NEVER_OF_DEFAULT if option in options.given]:
        yield messages.DEFAULT_EXCESS.format(options=", ".join(excess))
    if not options.has("--day-of-week"):
        yield messages.DEFAULT_DAY


def _of_schedule(options: Options) -> Iterator[str]:
    kind = options.given.get("--schedule-type")
    if kind is None:
        yield messages.SCHEDULE_TYPE
        return
    needed = FIELDS_OF[kind]
    if not options.has(*needed):
        yield messages.MISSING[kind]
    if options.any_of(*(option for option in _OF_SCHEDULE if option not in needed)):
        yield messages.EXCESS[kind]


_FORMS: Final = (
    ("--utc-offset", messages.OFFSET_FORM, messages.UTC_OFFSET),
    ("--start-date", messages.DATE_FORM, messages.START_DATE),
    ("--start-time", messages.TIME_FORM, messages.START_TIME),
)
# The options of each kind of schedule, with their fields in REST.
FIELDS_OF: Final[Mapping[str, Mapping[str, str]]] = {
    "Daily": {"--interval-days": "intervalDays"},
    "Weekly": {"--interval-weeks": "intervalWeeks", "--day-of-week": "dayOfWeek"},
    "AbsoluteMonthly": {"--interval-months": "intervalMonths", "--day-of-month": "dayOfMonth"},
    "RelativeMonthly": {
        "--interval-months": "intervalMonths",
        "--day-of-week": "dayOfWeek",
        "--week-index": "weekIndex",
    },
}
_OF_SCHEDULE: Final = tuple(dict.fromkeys(option for options in FIELDS_OF.values() for option in options))
_NEVER_OF_DEFAULT: Final = ("--interval-days", "--interval-months", "--day-of-month", "--week-index")
OF_WINDOW: Final = {
    "--duration": "durationHours",
    "--start-time": "startTime",
    "--start-date": "startDate",
    "--utc-offset": "utcOffset",
}


def _spec(options: Options) -> tuple[dict[str, object], dict[str, str]]:
    """The spec of a command that az takes, and which option each field of it is."""
    if not options.has("--schedule-type"):
        slots = [{"day": options.given["--weekday"], "hourSlots": [options.given["--start-hour"]]}]
        places = {"timeInWeek[0].day": "--weekday", "timeInWeek[0].hourSlots": "--start-hour"}
        return {"configName": options.name, "timeInWeek": slots}, places
    fields = FIELDS_OF[options.given["--schedule-type"]]
    kind = messages.REST_KINDS[options.given["--schedule-type"]]
    window = {field: options.given[option] for option, field in OF_WINDOW.items() if option in options.given}
    schedule = {field: options.given[option] for option, field in fields.items() if option in options.given}
    window["schedule"] = {kind: {"intervalWeeks": 1, **schedule} if options.name == DEFAULT else schedule}
    at = "maintenanceWindow"
    places = {f"{at}.{field}": option for option, field in OF_WINDOW.items()}
    places |= {f"{at}.schedule.{kind}.{field}": option for option, field in fields.items()}
    return {"configName": options.name, "maintenanceWindow": window}, places


def _channels(found: Imports, origin: Origin, words: list[str]) -> None:
    """``az aks create`` and ``update``: the options of the two upgrade channels; no other is read."""
    parser = _Parser(prog="az", add_help=False, allow_abbrev=False)
    parser.add_argument("--auto-upgrade-channel")
    parser.add_argument("--node-os-upgrade-channel")
    parser.add_argument("--resource-group", "-g")
    parser.add_argument("--name", "-n")
    try:
        known, others = parser.parse_known_args(words[3:])
    except _Refused as error:
        found.mistakes.append(origin.mistake("", None, str(error)))
        return
    channels = {"upgradeChannel": known.auto_upgrade_channel, "nodeOSUpgradeChannel": known.node_os_upgrade_channel}
    if others and any(channels.values()):
        found.notes.append(origin.mistake("", None, "the options of the upgrade channels alone are read"))
    places = {"upgradeChannel": "--auto-upgrade-channel", "nodeOSUpgradeChannel": "--node-os-upgrade-channel"}
    found.channels(origin, channels, places)
