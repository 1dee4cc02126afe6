"""Who asks, in tests."""

from shared.domain.actor import Actor

TESTER = Actor("cli", "tester@host")
