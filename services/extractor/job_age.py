"""The metric of the oldest open job. The ledger is asked at each scrape."""

import math
from functools import partial

from sqlalchemy import Engine

from shared import metrics
from shared.domain.job import ACTIVE_STATES, State
from shared.errors import Unavailable
from shared.ledger import idle_jobs


def watch_oldest_job(engine: Engine) -> None:
    """Let `/metrics` of this process have the age of the oldest job in each open state."""
    for state in ACTIVE_STATES:
        metrics.oldest_open_job.labels(state).set_function(partial(_oldest_s, engine, state))


def _oldest_s(engine: Engine, state: State) -> float:
    try:
        return idle_jobs.oldest_s(engine, state)
    except Unavailable:
        return math.nan
