"""What `manage.py optimize` takes on its command line."""

from __future__ import annotations

from django.core.management.base import CommandParser

from optimizer.brief import SETTINGS, Kind, Setting
from optimizer.engine.graders import GRADER_NAMES
from optimizer.management.reading import lines

# What belongs to the prompt, its rows and its grader, by the form's names.
OF_THE_PROMPT = (
    "system_text", "context", "expected_column", "input_column", "weight_column", "mapping", "no_header",
    "literals", "grader", "rubric", "tolerance", "choice_list", "threshold",
)  # fmt: skip
VALUES: dict[Kind, tuple[type, str]] = {
    Kind.WHOLE: (int, "NUMBER"),
    Kind.NUMBER: (float, "NUMBER"),
    Kind.SHARE: (float, "SCORE"),  # 0 to 1
    Kind.MODEL: (str, "NAME"),
}  # what is read, and how help calls it
PASSED_ON = (*OF_THE_PROMPT, *(setting.name for setting in SETTINGS))


def add_arguments(parser: CommandParser) -> None:
    """Every option, grouped by subject."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--prompt", help="the prompt itself")
    source.add_argument("--file", help="a file with the prompt; - for standard input")
    source.add_argument("--sample", action="store_true", help="the sample that the home page offers")
    source.add_argument(
        "--from", dest="continues", type=int, metavar="ID",
        help="start from the result of an earlier optimization, with its prompt, rows and settings",
    )  # fmt: skip
    source.add_argument("--resume", type=int, metavar="ID", help="continue a stopped optimization")
    parser.add_argument(
        "--compare-only",
        action="store_true",
        help="with --resume: compare the best of a stopped optimization with the original on held-out rows",
    )
    parser.add_argument(
        "--system", dest="system_text", metavar="TEXT|FILE",
        help="the system text, or a file with it: sent as the system message before the prompt; --part may change it",
    )  # fmt: skip
    parser.add_argument("--context", help="what the prompt is for")
    _add_rows(parser)
    _add_grading(parser)
    for setting in SETTINGS:
        _add_setting(parser, setting)
    parser.add_argument(
        "--user",
        metavar="EMAIL",
        help="whose optimization it is, with the defaults of their Settings page; default: the administrator's",
    )
    parser.add_argument("--estimate", action="store_true", help="print the estimate, and start nothing")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")


def _add_rows(parser: CommandParser) -> None:
    parser.add_argument(
        "--examples",
        metavar="FILE",
        help="rows with answers: CSV, TSV, JSON, JSONL, YAML or a Markdown table",
    )
    parser.add_argument("--expected-column", metavar="NAME", help="which column holds the expected answers")
    parser.add_argument("--input-column", metavar="NAME", help="which column is the input")
    parser.add_argument("--weight-column", metavar="NAME", help="which column says how much a row counts")
    parser.add_argument(
        "--map", dest="mapping", action="append", metavar="VARIABLE=COLUMN",
        help="which column fills a variable of the prompt; may be given several times",
    )  # fmt: skip
    parser.add_argument(
        "--no-header",
        action="store_true",
        default=None,
        help="the first row of the file is data, not names",
    )
    parser.add_argument(
        "--literal", dest="literals", action="append", metavar="NAME",
        help="{{NAME}} in the prompt is text, not a variable; may be given several times",
    )  # fmt: skip


def _add_grading(parser: CommandParser) -> None:
    parser.add_argument("--grader", choices=GRADER_NAMES, help="how answers are graded; default: exact")
    parser.add_argument("--rubric", metavar="TEXT", help="what a good answer has; for the rubric grader")
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="SCORE",
        help="0 to 1; answers that the rubric scores below are wrong",
    )
    parser.add_argument("--tolerance", type=float, help="how far off a number may be; for the numeric grader")
    parser.add_argument(
        "--choices", dest="choice_list", type=lines, action="extend", metavar="A,B",
        help="what may be answered, comma-separated or given several times; for the choice grader",
    )  # fmt: skip


def _add_setting(parser: CommandParser, setting: Setting) -> None:
    """Add the setting's option. One that is not given is None: the form knows the default."""
    parts = [
        setting.help or setting.label.lower(),
        setting.bounds(),
        _default(setting) and f"default: {_default(setting)}",
    ]
    told = "; ".join(filter(None, parts))
    if setting.kind is Kind.SWITCH:
        parser.add_argument(setting.flag, dest=setting.name, action="store_true", default=None, help=told)
    elif setting.kind is Kind.MODELS:
        parser.add_argument(
            setting.flag, dest=setting.name, type=lines, action="extend", metavar="A,B",
            help=f"{told}; comma-separated or given several times",
        )  # fmt: skip
    elif setting.kind is Kind.CHOICE:
        parser.add_argument(setting.flag, dest=setting.name, choices=list(setting.choices), help=told)
    else:
        kind, metavar = VALUES[setting.kind]
        parser.add_argument(
            setting.flag, dest=setting.name, type=kind, metavar=metavar, help=told.replace("%", "%%")
        )


def _default(setting: Setting) -> str:
    return setting.when_empty or str(setting.default or "")
