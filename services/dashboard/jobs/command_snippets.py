"""A job as commands to copy. Names are quoted, so that a shell runs nothing of them."""

import json
import shlex

from shared.domain.job import Job
from shared.domain.job_request import JobRequest

Snippets = dict[str, str | None]
"""One job as commands, by program; a command is None if it cannot express the names."""


def of_job(job: Job) -> JobRequest:
    """The request for the same job again. It was valid once, so it is not validated again."""
    one_day = job.first_day == job.last_day
    return JobRequest.model_construct(
        date=job.first_day if one_day else None,
        start=None if one_day else job.first_day,
        end=None if one_day else job.last_day,
        variables=job.variables,
        assets=tuple(asset for asset in job.assets if asset),
        only="changed" if job.only_changed else None,
    )


def snippets(request: JobRequest, *, base_url: str, stream: str, needs_key: bool) -> Snippets:
    """The commands for the dashboard at `base_url` and the jobs stream `stream`."""
    days = {"date", "start", "end"}
    dates: dict[str, str] = request.model_dump(mode="json", include=days, exclude_none=True)
    names, only = _names(request), {"only": request.only} if request.only else {}
    lists = {field: ",".join(values) for field, values in names.items()}
    can_list = all(name == name.strip() and "," not in name for name in request.assets)
    words = [word for field in (dates | lists | only).items() for word in field]
    verb = "run" if request.date else "backfill"
    options = [f"--{field}={values}" for field, values in lists.items()]
    options += [f"--only-{value}" for value in only.values()]
    redis_cli = shlex.join(["redis-cli", "XADD", stream, "*", *words])
    minuano = shlex.join(["minuano", verb, *dates.values(), *options])
    body = json.dumps({**dates, **names, **only}, ensure_ascii=False)
    return {
        "curl": _curl(body, base_url, needs_key=needs_key),
        "redis_cli": redis_cli if can_list else None,
        "minuano": minuano if can_list else None,
    }


def _curl(body: str, base_url: str, *, needs_key: bool) -> str:
    key = ' -H "Authorization: Bearer $MINUANO_API_KEY"' if needs_key else ""
    url = shlex.quote(f"{base_url.rstrip('/')}/api/jobs")
    return f"curl -X POST {url} -H 'Content-Type: application/json'{key} -d {shlex.quote(body)}"


def _names(request: JobRequest) -> dict[str, tuple[str, ...]]:
    """The variables and assets, each only if the request names some."""
    names = {"variables": request.variables, "assets": request.assets}
    return {field: values for field, values in names.items() if values}
