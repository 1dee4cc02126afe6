"""The apps of the tests share their routes: FastAPI builds those of a router again for each app
that includes it, at its first request, which takes longer than most of these requests.
"""

from dataclasses import replace

from fastapi.routing import (
    APIRoute,
    _EffectiveRouteContext,
    _IncludedRouter,
    _RouterIncludeContext,
)
from starlette.routing import BaseRoute

_build = _IncludedRouter._build_effective_context
_built: dict[int, list[tuple[_RouterIncludeContext, _EffectiveRouteContext | None]]] = {}


def install() -> None:
    """Build the routes once for each way in which a router is included."""
    _IncludedRouter._build_effective_context = _built_once  # type: ignore[method-assign]


def _built_once(self: _IncludedRouter, route: BaseRoute) -> _EffectiveRouteContext | None:
    """The routes of an app hold no objects of it; those whose functions do are not shared."""
    if not isinstance(route, APIRoute) or "<locals>" in route.endpoint.__qualname__:
        return _build(self, route)
    way = replace(self.include_context, dependency_overrides_provider=None)
    ways = _built.setdefault(id(route), [])
    for known, found in ways:
        if known == way:
            return found
    ways.append((way, found := _build(self, route)))
    return found
