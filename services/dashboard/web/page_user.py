"""The user of a page, for the audit log."""

from fastapi import Request

from shared.domain.actor import Actor, printable_name
from shared.http.addresses import client_address


def page_user(request: Request) -> Actor:
    """Whom the pages know: only the address."""
    return Actor("page", printable_name(f"dashboard@{client_address(request) or 'unknown'}"))
