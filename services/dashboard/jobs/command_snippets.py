"""A job as a person would type it, quoted for a shell: nothing that a name holds is run."""

import json
import shlex
from dataclasses import dataclass

from shared.domain.job import Job
from shared.domain.job_request import DEFAULT_VARIABLES, JobRequest


@dataclass(frozen=True, slots=True)
class Snippets:
    """The same job in three ways; None where names can't be written that way."""

    curl: str
    redis_cli: str | None
    minuano: str | None


def of_job(job: Job) -> JobRequest:
    """What would ask for the same again. It was accepted once: it is not judged a second time."""
    one_day = job.first_day == job.last_day
    return JobRequest.model_construct(
        date=job.first_day if one_day else None,
        start=None if one_day else job.first_day,
        end=None if one_day else job.last_day,
        variables=job.variables,
        assets=tuple(asset for asset in job.assets if asset),
    )


def snippets(request: JobRequest, *, base_url: str, stream: str, needs_key: bool) -> Snippets:
    """The lines for this dashboard and this stream."""
    plain = all(name == name.strip() and "," not in name for name in request.assets)
    return Snippets(
        _curl(request, base_url, needs_key=needs_key),
        _redis_cli(request, stream) if plain else None,
        _minuano(request) if plain else None,
    )


def _curl(request: JobRequest, base_url: str, *, needs_key: bool) -> str:
    body = json.dumps({**_when(request), **_named(request)}, ensure_ascii=False)
    key = ' -H "Authorization: Bearer $MINUANO_API_KEY"' if needs_key else ""
    url = shlex.quote(f"{base_url.rstrip('/')}/api/jobs")
    return f"curl -X POST {url} -H 'Content-Type: application/json'{key} -d {shlex.quote(body)}"


def _redis_cli(request: JobRequest, stream: str) -> str:
    fields = _when(request) | {name: ",".join(named) for name, named in _named(request).items()}
    words = [word for pair in fields.items() for word in pair]
    return shlex.join(["redis-cli", "XADD", stream, "*", *words])


def _minuano(request: JobRequest) -> str:
    options = [f"--{name}={','.join(named)}" for name, named in _named(request).items()]
    verb = "run" if request.date else "backfill"
    return shlex.join(["minuano", verb, *_when(request).values(), *options])


def _when(request: JobRequest) -> dict[str, str]:
    if request.date:
        return {"date": str(request.date)}
    return {"start": str(request.start), "end": str(request.end)}


def _named(request: JobRequest) -> dict[str, tuple[str, ...]]:
    """What is not left to the default."""
    named = {"variables": request.variables, "assets": request.assets}
    usual = {"variables": DEFAULT_VARIABLES, "assets": ()}
    return {name: given for name, given in named.items() if set(given) != set(usual[name])}
