"""What calls cost, what earlier ones took, and what the limits of a run leave."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from optimizer.counts import counted
from optimizer.engine.calls import Answer, Kind, kind, size_of, template_tokens
from optimizer.engine.costs import Cost, Taken, Used
from optimizer.engine.events import Spent
from optimizer.engine.task import Config
from optimizer.llm.base import Reply, Request
from optimizer.llm.fitting import Counted

DENSITY = 0.35  # tokens a byte, until some are counted: more than usual text has in any language
LONG = 200  # bytes of a prompt that tells well how dense its tokens are
MARGIN = 1.25  # what is to come may be so much denser or slower than what was seen


class BudgetSpentError(Exception):
    """The next calls would go over a limit of the run. Says which."""


class Budget:
    """Counts what calls took, prices those to come, and says whether the limits allow them.

    Costs are counted by distinct request, so that a replay from the ledger counts the same. `slots` is how many calls
    are answered side by side. `reserve` is kept back for the final comparison.
    """

    def __init__(self, config: Config, slots: int) -> None:
        self.config = config
        self.slots = max(1, slots)
        self.reserve = Cost()
        self.spent = Spent(0, 0, 0)
        self._before = Used()  # what the limits do not count
        self._name = "budget"  # of the limits
        self._work_ms = self._duration_ms = 0  # of the run, and of all its calls
        self._densities = {True: 0.0, False: 0.0}  # tokens a byte, of the densest long prompt and short one
        self._overhead = 0  # tokens of a prompt that neither its bytes nor our guess of the template explain
        self._sent = 0, 0  # of all prompts: bytes, and tokens that their templates may have
        self._taken: dict[Kind, Taken] = {}  # by kind
        self._paid: set[str] = set()
        self._models: set[str] = set()  # that have answered
        self.counted = Counted()

    def cost(self, requests: Sequence[Request]) -> Cost:
        """What the requests take that are not paid yet."""
        new = {request.key: request for request in requests if request.key not in self._paid}.values()
        size, template = sum(map(size_of, new)), sum(map(template_tokens, new))
        most = sum(request.max_tokens for request in new)
        cost = self.price(len(new), size, template, most, sum(map(self._usual_length, new)))
        return replace(cost, kinds=Counter(map(kind, new)))

    def price(self, calls: int, size: int, template: int, most: int, usual: int | None = None) -> Cost:
        """What so many calls take: prompts of `size` bytes in all, with so many tokens of the chat template, and
        replies of `most` (likely `usual`) tokens.

        A byte makes as many tokens as in the densest text that was counted, and at most somewhat more; never more
        than one.
        """
        dense = self._dense or DENSITY
        likely = self._thinness * (size * dense + template) + (most if usual is None else usual)
        tokens = size * min(1.0, dense * MARGIN) + template + self._overhead * calls + most
        # Is sent only if the limits allow its most.
        last_wave = min(1.0, self.slots / calls) if calls else 0.0
        return Cost(calls, round(tokens), round(likely + (tokens - likely) * last_wave))

    def likely(self, purpose: str, cost: Cost) -> Cost:
        """The cost of one-message calls for that purpose, with the mean of earlier ones as what is likely."""
        cost = replace(cost, kinds=Counter({(purpose, False, False): cost.calls}))
        taken = self._taken.get((purpose, False, False))
        if not taken:
            return cost
        tokens = taken.prompt_tokens + taken.completion_tokens
        return replace(cost, likely=round(MARGIN * tokens / taken.calls * cost.calls))

    def within(self, share: float, cost: Cost) -> bool:
        """Whether this cost is at most that share of each limit."""
        config, minutes = self.config, self._ms(cost) * self._share / 60_000
        parts = (
            (cost.calls, config.max_calls),
            (cost.tokens, config.max_tokens),
            (minutes, config.max_minutes),
        )
        return all(most is None or part <= share * most for part, most in parts)

    def left(self, share: float) -> Cost:
        """That share of what the limits still allow beyond the reserve; 0 if there is no limit."""
        config, reserve, since = self.config, self.reserve, self._since
        calls = [] if config.max_calls is None else [config.max_calls - since.calls - reserve.calls]
        if config.max_minutes is not None and self._ms_a_call:
            ms = config.max_minutes * 60_000 - since.ms - self._ms(reserve) * self._share
            calls.append(int(ms / (MARGIN * self._ms_a_call * self._share)))
        tokens = 0 if config.max_tokens is None else config.max_tokens - since.tokens - reserve.tokens
        return Cost(max(0, int(share * min(calls, default=0))), max(0, int(share * tokens)))

    def times(self, requests: Sequence[Request]) -> bool:
        """Whether it is known how long such calls to these models take."""
        return all(kind(one) in self._taken and one.model in self._models for one in requests)

    def lift_limits(self) -> None:
        """From here on whatever is asked is sent: a person was told what it takes, and wants it."""
        self.limit(replace(self.config, max_calls=None, max_tokens=None, max_minutes=None))

    def limit(self, config: Config) -> None:
        """From here on these limits hold, for the whole run."""
        self.config, self.reserve, self._before, self._name = config, Cost(), Used(), "budget"

    def limit_part(self, config: Config) -> None:
        """From here on these limits hold, for what comes now."""
        self.config, self.reserve, self._before, self._name = config, Cost(), self._used, "part of the budget"

    def affords(self, cost: Cost) -> bool:
        """Whether so much is likely not to go beyond the limits and the reserve."""
        return not self.limit_passed(cost, likely=True)

    @property
    def _dense(self) -> float:
        """Tokens a byte; short prompts, which are mostly template, tell it only until there are long ones."""
        return self._densities[True] or self._densities[False]

    @property
    def _thinness(self) -> float:
        """Prompt tokens that were counted, by what size, density and template would make of those prompts."""
        size, template = self._sent
        assumed = size * self._dense + template
        return min(1.0, self.spent.prompt_tokens / assumed) if self._dense else 1.0

    def _usual_length(self, request: Request) -> int:
        """Tokens of a reply: the mean of earlier ones for that purpose in such a chat, and somewhat more."""
        taken = self._taken.get(kind(request))
        usual = round(MARGIN * taken.completion_tokens / taken.calls) if taken else request.max_tokens
        return min(request.max_tokens, usual)

    def _ms(self, cost: Cost) -> float:
        """Milliseconds of one slot: for each call the mean of its kind, else of all, and somewhat more."""
        known = Counter({one: count for one, count in cost.kinds.items() if one in self._taken})
        of_known = sum(self._taken[one].ms / self._taken[one].calls * count for one, count in known.items())
        return MARGIN * (of_known + self._ms_a_call * (cost.calls - known.total()))

    def check(self, cost: Cost, *, likely: bool = False) -> None:
        """Raise BudgetSpentError where the cost would pass a limit."""
        if limit := self.limit_passed(cost, likely=likely):
            raise BudgetSpentError(self._spent_so_far(limit))

    def limit_passed(self, cost: Cost, *, likely: bool = False) -> str:
        """The unit of a limit that would be passed: calls, tokens or minutes; "" where none would."""
        config, since = self.config, self._since
        calls = since.calls + self.reserve.calls + cost.calls
        tokens = since.tokens + self.reserve.tokens + (cost.likely if likely else cost.tokens)
        minutes = (since.ms + self._ms(self.reserve + cost) * self._share) / 60_000
        needed = (
            ("calls", calls, config.max_calls),
            ("tokens", tokens, config.max_tokens),
            ("minutes", minutes, config.max_minutes),
        )
        return next((unit for unit, all_of_it, most in needed if most is not None and all_of_it > most), "")

    def _spent_so_far(self, unit: str) -> str:
        """Why nothing more is sent: what the limit is, what of it is used, and what the final comparison needs, which
        is more for a dearer candidate."""
        since = self._since
        minutes_kept = self._ms(self.reserve) * self._share / 60_000
        limit, used, reserve = {
            "calls": (self.config.max_calls, since.calls, self.reserve.calls),
            "tokens": (self.config.max_tokens, since.tokens, self.reserve.tokens),
            "minutes": (self.config.max_minutes, round(since.ms / 60_000, 1), round(minutes_kept, 1)),
        }[unit]
        needed = f", {reserve:,} needed for the final comparison" if reserve else ""
        budget = counted(limit or 0, unit.removesuffix("s"))
        return f"The {self._name} of {budget} leaves no room for another step: {used:,} used{needed}."

    @property
    def _used(self) -> Used:
        tokens = self.spent.prompt_tokens + self.spent.completion_tokens
        return Used(self.spent.calls, tokens, self._work_ms)

    @property
    def _since(self) -> Used:
        """What the limits count."""
        used, before = self._used, self._before
        return Used(used.calls - before.calls, used.tokens - before.tokens, used.ms - before.ms)

    @property
    def _ms_a_call(self) -> int:
        return self._duration_ms // self.spent.calls if self.spent.calls else 0

    @property
    def _share(self) -> float:
        """Milliseconds of the run to one of its calls: fewer, as they are answered side by side. What was waited for a
        server is no speed."""
        least = 1 / self.slots
        return max(least, min(1.0, self._work_ms / self._duration_ms)) if self._duration_ms else least

    def _untimed(self, replies: Sequence[Reply]) -> int:
        """How long replies took for which nobody counted when they came."""
        durations = [reply.duration_ms for reply in replies if reply.at_ms is None]
        return wall_clock(durations, self.slots)

    def count(self, requests: Sequence[Request], answers: Sequence[Answer]) -> None:
        """Learn from what these calls took."""
        new = {
            request.key: (request, answer)
            for request, answer in zip(requests, answers, strict=True)
            if isinstance(answer, Reply) and request.key not in self._paid
        }
        self._paid |= new.keys()
        replies = [reply for _, reply in new.values() if isinstance(reply, Reply)]
        self._duration_ms += sum(reply.duration_ms for reply in replies)
        self._work_ms = max(
            [self._work_ms + self._untimed(replies), *(reply.at_ms or 0 for reply in replies)]
        )
        self._models |= {request.model for request, _ in new.values()}
        for request, reply in new.values():
            explained = size_of(request) + template_tokens(request)
            self._overhead = max(self._overhead, reply.prompt_tokens - explained)
            long = size_of(request) >= LONG
            self.counted.add(request, reply)
            self._densities[long] = max(self._densities[long], density(request, reply))
            self._sent = self._sent[0] + size_of(request), self._sent[1] + template_tokens(request)
            self._taken[kind(request)] = self._taken.get(kind(request), Taken()).after(reply)
        self.spent = Spent(
            self.spent.calls + len(replies),
            self.spent.prompt_tokens + sum(reply.prompt_tokens for reply in replies),
            self.spent.completion_tokens + sum(reply.completion_tokens for reply in replies),
        )


def density(request: Request, reply: Reply) -> float:
    """Tokens a byte of the prompt."""
    return max(0, reply.prompt_tokens - template_tokens(request)) / max(1, size_of(request))


def wall_clock(durations: Sequence[int], slots: int) -> int:
    """How long calls of these durations take on so many slots, each taking the next call when it is free."""
    free = [0] * max(1, slots)
    for duration in durations:
        heapq.heapreplace(free, free[0] + duration)
    return max(free)
