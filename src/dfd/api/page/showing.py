"""Routes that answer with pages, also where something goes wrong."""

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from dfd.api.page.rendering import Pages
from dfd.api.page.words import of_problem
from dfd.api.problems import KINDS, problem_of
from dfd.errors import DfdError, Unauthorized

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class PageRoute(APIRoute):
    """Shows an error as a page, logged like every problem, and sends whoever is not signed in to do so."""

    def get_route_handler(self) -> Handler:
        """The route's way to answer."""
        handler = super().get_route_handler()

        async def answering(request: Request) -> Response:
            try:
                return await handler(request)
            except Unauthorized:
                return RedirectResponse(f"/sign-in?next={quote(_here(request), safe='/')}", 303)
            except RequestValidationError:
                return failure_page(request, "not_found", 404)
            except DfdError as error:
                told = problem_of(error, request.scope)
                page = failure_page(request, error.code, told.status_code)
                if "retry-after" in told.headers:
                    page.headers["Retry-After"] = told.headers["retry-after"]
                return page

        return answering


def pages_of(request: Request) -> Pages:
    """The application's templates."""
    found: Pages = request.app.state.pages
    return found


def failure_page(request: Request, code: str, status: int) -> Response:
    """A page that says in words what went wrong and what to do next."""
    return pages_of(request).answer(
        "failure.html",
        status,
        words=of_problem(code),
        heading=KINDS[code].title if code in KINDS else KINDS[DfdError.code].title,
        request_id=request.scope.get("state", {}).get("request_id", ""),
    )


def _here(request: Request) -> str:
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path
