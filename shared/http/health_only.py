"""What a service still answers on connections beyond its limits: health checks."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http import problem_details

HEALTH = "/health/"


class HealthOnly:
    """Answers only health checks; everything else gets 503. It closes after every response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_and_close(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        app = self._app if scope["path"].startswith(HEALTH) else _refusal()
        await app(scope, receive, send_and_close)


def _refusal() -> ASGIApp:
    return problem_details.problem_response(
        503,
        "too many connections are open; more get only health checks",
        headers=problem_details.RETRY_AFTER,
    )
