"""What `manage.py optimize` takes on its command line."""

from __future__ import annotations

from django.core.management.base import CommandParser

from optimizer.engine.graders import GRADER_NAMES
from optimizer.management.reading import lines
from optimizer.models import Preset

# What is a setting of the run, by the form's names.
PASSED_ON = (
    "context", "expected_column", "input_column", "no_header", "literals", "preset", "grader", "rubric", "tolerance",
    "choice_list", "threshold", "iterations", "rounds", "temperature", "max_tokens", "target_model",
    "optimizer_model", "max_calls", "token_budget", "max_minutes", "target_score", "patience", "only_proven",
    "seed",
)  # fmt: skip


def add_arguments(parser: CommandParser) -> None:
    """Every option, by what it is about."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--prompt", help="the prompt itself")
    source.add_argument("--file", help="a file with the prompt; - for standard input")
    source.add_argument("--sample", action="store_true", help="the sample that the home page offers")
    source.add_argument("--resume", type=int, metavar="ID", help="continue a stopped optimization")
    parser.add_argument(
        "--compare-only",
        action="store_true",
        help="with --resume: compare the best of a stopped optimization with the original on held-out rows",
    )
    parser.add_argument("--context", help="what the prompt is for")
    _add_rows(parser)
    _add_grading(parser)
    _add_search(parser)
    _add_limits(parser)
    parser.add_argument(
        "--user", metavar="EMAIL", help="whose optimization it is; default: the administrator's"
    )
    parser.add_argument("--estimate", action="store_true", help="print what it will take, and start nothing")
    parser.add_argument(
        "--only-proven",
        action="store_true",
        default=None,
        help="print the original unless something is proven better",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")


def _add_rows(parser: CommandParser) -> None:
    parser.add_argument(
        "--examples",
        metavar="FILE",
        help="rows with answers: CSV, TSV, JSON, JSONL, YAML or a Markdown table",
    )
    parser.add_argument("--expected-column", metavar="NAME", help="which column holds the expected answers")
    parser.add_argument("--input-column", metavar="NAME", help="which column is the input")
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
    parser.add_argument("--grader", choices=GRADER_NAMES)
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


def _add_search(parser: CommandParser) -> None:
    parser.add_argument("--preset", choices=Preset.values)
    parser.add_argument("--iterations", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--temperature", type=float, help="of the rewrites; answers are always scored at 0")
    parser.add_argument("--max-tokens", type=int, help="of one answer")
    parser.add_argument("--model", dest="target_model", help="runs the prompt")
    parser.add_argument("--optimizer-model", help="rewrites the prompt")
    parser.add_argument("--seed", type=int)


def _add_limits(parser: CommandParser) -> None:
    parser.add_argument("--max-calls", type=int, help="hard limit on model calls")
    parser.add_argument(
        "--max-total-tokens", dest="token_budget", type=int, metavar="TOKENS",
        help="hard limit on the tokens of the whole run, in and out",
    )  # fmt: skip
    parser.add_argument("--max-minutes", type=float, help="hard limit on minutes of model work")
    parser.add_argument(
        "--target-score", type=float, metavar="SCORE", help="0 to 1; the search ends once it is reached"
    )
    parser.add_argument("--patience", type=int, help="rounds without anything better that end the search")
