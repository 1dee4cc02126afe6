"""The header in which a client says who asks, for the audit log. Only the key is verified: a client
can write any name.
"""

from typing import Annotated

from fastapi import Depends, Header, Request
from pydantic import WithJsonSchema

from shared.domain.actor import HEADER, HEADER_PATTERN, Actor, printable_name
from shared.errors import InvalidParameter
from shared.http.addresses import client_address

# Only for the OpenAPI document: the error message says more than a pattern can.
_Text = Annotated[str, WithJsonSchema({"type": "string", "pattern": HEADER_PATTERN})]


async def _actor(
    request: Request,
    said: Annotated[
        _Text | None,
        Header(
            alias=HEADER,
            description="Who asks, for the audit log, as `alice@pc`; not verified. By default the "
            "address of the client",
        ),
    ] = None,
) -> Actor:
    if said is None:
        return Actor("http", printable_name(client_address(request)))
    try:
        return Actor.from_header(said)
    except ValueError as error:
        raise InvalidParameter(HEADER, f"allowed: {error}") from None


ActorDep = Annotated[Actor, Depends(_actor)]
"""Who sent the request."""
