"""Settings of every service with an HTTP API."""

from pydantic import Field

from shared.setting_types import Tuning
from shared.settings import ServiceSettings


class HttpSettings(ServiceSettings):
    """A service that answers HTTP requests."""

    allowed_hosts: Tuning[str] = Field(
        default="",
        description="Host names by which browsers and clients may call a service without a key, "
        "separated by commas. Always allowed are IP addresses, localhost, the name of the service "
        "and that of its machine. With MINUANO_API_KEY every name is allowed.",
    )
