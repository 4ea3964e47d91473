"""Which runs a list shows, and in what order: by words, tag, state, model, sweep and rating."""

import re
from dataclasses import dataclass

from cosmosctl.commands.look.looks import look
from cosmosctl.commands.select import sweep_named
from cosmosctl.domain.ids import resolve_id
from cosmosctl.errors import UsageError
from cosmosctl.results.ratings import Opinion
from cosmosctl.state.states import ALIASES, STATES, RunState
from cosmosctl.store import Snapshot

NEWEST, RATING, ID = "newest", "rating", "id"
ORDERS = (NEWEST, RATING, ID)
_STARS = re.compile(r"([0-9](?:\.[0-9]+)?)([+-]?)")
_WORDS = ("accepted", "rejected", "disputed", "rated", "unrated")
RATINGS = f"4+, 3-, 5, {', '.join(_WORDS)}"
"""What --rating takes, for its help."""


@dataclass(frozen=True)
class RunsWanted:
    """What is asked of runs beside words and a tag; None where anything will do."""

    status: str | None = None
    prompt: str | None = None
    model: str | None = None
    sweep: str | None = None
    rating: str | None = None
    order: str = NEWEST

    def checked(self, snapshot: Snapshot) -> "RunsWanted":
        """The same with whole ids. Raises: UsageError for what there is none of."""
        state = ALIASES.get(self.status or "", self.status)
        if state is not None and state not in STATES:
            raise UsageError(f"there is no state {self.status!r}; known: {', '.join(STATES)}")
        if self.rating is not None and self.rating not in _WORDS and not _STARS.fullmatch(self.rating):
            raise UsageError(f"--rating {self.rating}: write one of {RATINGS}")
        if self.order not in ORDERS:
            raise UsageError(f"--sort takes {', '.join(ORDERS)}, not {self.order!r}")
        prompt = resolve_id(self.prompt, snapshot.prompt_ids, what="prompt") if self.prompt else None
        sweep = sweep_named(snapshot, self.sweep) if self.sweep else None
        return RunsWanted(state, prompt, self.model, sweep, self.rating, self.order)

    def takes(self, snapshot: Snapshot, state: RunState, opinion: Opinion) -> bool:
        """Whether a run is wanted by all that is asked."""
        if self.status not in (None, state.state) or self.prompt not in (None, snapshot.prompt_of(state.run)):
            return False
        if self.rating is not None and not fits(self.rating, opinion):
            return False
        if self.model is None and self.sweep is None:
            return True
        run = snapshot.seen_run(state.run)
        return self.model in (None, run.model or snapshot.config.model) and self.sweep in (None, run.sweep)


def fits(wanted: str, opinion: Opinion) -> bool:
    """Whether a rating is what is asked for: 4+ four stars or more, 3- three or fewer, 5 five."""
    if wanted in _WORDS:
        said = {"accepted": opinion.accepted is True, "rejected": opinion.accepted is False}
        said |= {"disputed": opinion.is_disputed, "rated": bool(opinion.entries), "unrated": not opinion.entries}
        return said[wanted]
    found = _STARS.fullmatch(wanted)
    if found is None or opinion.stars is None:
        return False
    limit = float(found[1])
    if not found[2]:
        return round(opinion.stars, 1) == limit
    return opinion.stars >= limit if found[2] == "+" else opinion.stars <= limit


def texts_of(snapshot: Snapshot, run: str, opinion: Opinion) -> tuple[str, ...]:
    """What words are looked for in: ids, notes, settings as `guidance=7`, the prompt, what people said."""
    seen = snapshot.seen_run(run)
    prompt = snapshot.seen_prompt(seen.prompt)
    model = seen.model or snapshot.config.model
    own = (run, seen.sweep, seen.notes, model, *look(seen).values(), *opinion.notes)
    return (*own, prompt.id, prompt.text, prompt.scene, prompt.notes)


def rank(opinion: Opinion) -> tuple[int, float]:
    """Sorts by rating, the best last: rejected ones first, then those of which nobody said anything, then by stars."""
    return {True: 2, None: 1, False: 0}[opinion.accepted], opinion.stars or 0.0
