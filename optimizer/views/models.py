"""The models to choose from, as a page names them."""

from __future__ import annotations

from dataclasses import dataclass

from django.template.defaultfilters import filesizeformat

from optimizer import installed
from optimizer.llm.facts import ModelFacts, named


@dataclass(frozen=True)
class Offer:
    """A model to choose. `about` tells its size and context window, and where it runs if that is elsewhere."""

    name: str
    about: str = ""


@dataclass(frozen=True)
class Offers:
    """`default` runs if none is chosen, None while no server has listed its models. `unknown` is a chosen name that no
    server has."""

    all: list[Offer]
    default: Offer | None
    unknown: str = ""


def models_offered(chosen: str) -> Offers:
    """The models of the servers, the default first."""
    facts = installed.choices()
    by_name = {one.name: one for one in facts}
    default = named(by_name, installed.target(""))
    return Offers(
        all=[_offer(one) for one in facts],
        default=_offer(default) if default else None,
        unknown="" if not chosen or chosen in by_name else chosen,
    )


def _offer(facts: ModelFacts) -> Offer:
    told = [
        filesizeformat(facts.size) if facts.size else "",
        f"window {facts.trained or facts.window:,} tokens" if facts.trained or facts.window else "",
        f"runs at {facts.remote}" if facts.remote else "",
    ]
    return Offer(facts.name, ", ".join(filter(None, told)))
