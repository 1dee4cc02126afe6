"""Apps share the routes of a router only if they include it in the same way."""

from typing import Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException
from starlette.testclient import TestClient

router = APIRouter()


@router.get("/number")
def number() -> int:
    return 7


def refuse() -> None:
    raise HTTPException(401)


def built(**options: Any) -> Any:
    """The route `/number` of a new app."""
    app = FastAPI()
    app.include_router(router, **options)
    [included] = [route for route in app.routes if hasattr(route, "effective_candidates")]
    [route] = included.effective_candidates()
    return route


def test_the_same_way_has_the_same_route() -> None:
    assert built() is built()
    assert built(dependencies=[Depends(refuse)]) is built(dependencies=[Depends(refuse)])


def test_another_way_has_another_route() -> None:
    ways: list[dict[str, Any]] = [
        {}, {"dependencies": [Depends(refuse)]}, {"prefix": "/a"}, {"responses": {401: {}}},
    ]  # fmt: skip
    assert len({id(built(**way)) for way in ways}) == len(ways)


def test_a_dependency_of_one_app_does_not_refuse_the_requests_of_another() -> None:
    open_app, closed_app = FastAPI(), FastAPI()
    open_app.include_router(router)
    closed_app.include_router(router, dependencies=[Depends(refuse)])
    for app, status in ((open_app, 200), (closed_app, 401)):
        assert TestClient(app).get("/number").status_code == status


def test_the_routes_of_functions_that_hold_objects_of_their_app_are_not_shared() -> None:
    local = APIRouter()

    @local.get("/number")
    def of_this_app() -> int:
        return 8

    routes = []
    for _ in range(2):
        app = FastAPI()
        app.include_router(local)
        [included] = [route for route in app.routes if hasattr(route, "effective_candidates")]
        routes += included.effective_candidates()
    assert routes[0] is not routes[1]
