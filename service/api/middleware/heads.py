"""HEAD of a page: what GET answers, without the body. For those who only ask whether it is there."""

from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadOfPages:
    """Takes HEAD for GET where `is_page` says so of the path, before anybody looks who may come in, and lets no body
    through."""

    def __init__(self, app: ASGIApp, is_page: Callable[[str], bool]) -> None:
        self._app = app
        self._is_page = is_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD" or not self._is_page(scope["path"]):
            await self._app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET"}, receive, without_body)
