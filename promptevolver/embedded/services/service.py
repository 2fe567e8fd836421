"""How an embedded server is described."""

from collections.abc import Callable
from dataclasses import dataclass

from .home import Home
from .programs import Program

State = dict[
    str, str | int
]  # what is remembered about the servers: their ports, and an Ollama that was found


@dataclass(frozen=True)
class Service:
    """One embedded server: `address` is where it is reached, which `variable` names for the rest of the program.

    `program` makes its files ready and says how it is started; `answers` is whether it is ready at that address.
    """

    name: str
    variable: str
    address: Callable[[Home, State], str]
    program: Callable[[Home, State], Program]
    answers: Callable[[Home, str], bool]
