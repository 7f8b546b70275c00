"""The commands ``rules``: rule sets that are kept, and the check of those that are not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import msgspec
import typer
from rich.console import RenderableType
from rich.text import Text

from query.replay.parsing import parse_rule_set
from relayscope.api.rest import replay_schema as schema
from relayscope.cli import option
from relayscope.cli.client import post
from relayscope.cli.read import DEFAULT_URL, AsJson, Url, ask, show
from relayscope.cli.render.replay import render_difference, render_rule_sets
from relayscope.cli.render.text import clean
from relayscope.cli.replay import read_rules

_PATH = "/api/v1/rules"
_YAML = "application/yaml"

rules_app = typer.Typer(name="rules", no_args_is_help=True, help="Rule sets, which decisions are replayed under.")

File = Annotated[Path, typer.Argument(metavar="FILE", help="A rule set in YAML or JSON.")]
Kept = Annotated[
    str, typer.Argument(metavar="NAME[@VERSION]", help="A rule set that is kept. Default: its last version.")
]


class CheckedRuleSet(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What ``rules check --json`` prints."""

    name: str
    version: str
    decision_points: int
    rules: int


def register(app: typer.Typer) -> None:
    """Adds the group to ``app``."""
    app.add_typer(rules_app)


@rules_app.command("import")
def import_(file: File, *, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Keep a rule set under the name and version that stand in it; the same one again changes nothing."""
    text = read_rules(file)
    parse_rule_set(text, source=str(file))
    body = post(url, _PATH, text.encode(), media_type=_YAML)
    show(body, schema.ImportedRuleSet, draw=_imported, as_json=as_json)


@rules_app.command("list")
def list_(*, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """List the rule sets that are kept."""
    show(ask(url, _PATH, {}), schema.RuleSetList, draw=render_rule_sets, as_json=as_json)


@rules_app.command("show")
def show_rules(name: Kept, *, url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Print a rule set as it was imported."""
    known, version = _parts(name)
    body = ask(url, f"{_PATH}/{quote(known, safe='')}", {"version": version})
    show(body, schema.RuleSetDetail, draw=_text, as_json=as_json)


@rules_app.command()
def diff(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A rule set that is kept.")],
    before: Annotated[str, typer.Argument(metavar="BEFORE", help="A version.")],
    after: Annotated[
        str | None, typer.Argument(metavar="[AFTER]", help="Another version. Default: the last one.")
    ] = None,
    *,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Show which rules differ between two versions, field by field."""
    body = ask(url, f"{_PATH}/{quote(name, safe='')}/diff", {"before": before, "after": after})
    show(body, schema.RuleSetDifference, draw=render_difference, as_json=as_json)


@rules_app.command()
def check(file: File, *, as_json: option.AsJson = False) -> None:
    """Check a file without keeping it: every problem is told with line and column."""
    found = parse_rule_set(read_rules(file), source=str(file))
    checked = CheckedRuleSet(
        name=found.name,
        version=found.version,
        decision_points=len(found.points),
        rules=sum(len(point.rules) for point in found.points),
    )
    if as_json:
        typer.echo(msgspec.json.encode(checked))
        return
    typer.echo(
        f"{checked.name}@{checked.version} is good: {checked.rules:,} rules for {checked.decision_points:,} kinds of decisions."
    )


def _parts(name: str) -> tuple[str, str | None]:
    known, _, version = name.partition("@")
    return known, version or None


def _imported(answer: schema.ImportedRuleSet) -> RenderableType:
    said = "is kept" if answer.status == "stored" else "was kept already"
    return Text(f"{clean(answer.name)}@{clean(answer.version)} {said}: {answer.rules:,} rules.")


def _text(answer: schema.RuleSetDetail) -> str:
    return "\n".join(map(clean, answer.body.splitlines()))
