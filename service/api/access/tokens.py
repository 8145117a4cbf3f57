"""`/v1/tokens` and `/v1/me`."""

from typing import Annotated

from fastapi import APIRouter, Body, Query

from lrtune.service.api.container import Caller, Parts
from lrtune.service.api.http.bodies import JsonRoute
from lrtune.service.api.http.paging import Cursor, Limit, read_cursor, show_cursor
from lrtune.service.wire.access.bodies import CreatedToken, Me, NewToken, Rotation, Token, TokenPage

router = APIRouter(route_class=JsonRoute, tags=["access"])


@router.get("/v1/me")
async def me(parts: Parts, caller: Caller) -> Me:
    """Who you are, and what you may do."""
    return parts.access.me(caller)


@router.post("/v1/tokens", status_code=201)
async def create_token(body: Annotated[NewToken, Body()], parts: Parts) -> CreatedToken:
    """Make a token. Its `secret` is told this once."""
    return await parts.access.create(body)


@router.get("/v1/tokens")
async def list_tokens(parts: Parts, limit: Limit = 100, cursor: Cursor = None) -> TokenPage:
    """All tokens, the newest first, those that have ended too."""
    items, after = parts.access.page(read_cursor(cursor), limit)
    return TokenPage(items=items, next_cursor=show_cursor(after))


@router.delete("/v1/tokens/{id}")
async def revoke_token(
    id: str,
    parts: Parts,
    force: Annotated[bool, Query(description="Even the last that can manage tokens.")] = False,
) -> Token:
    """End a token, everywhere within a second. Once more changes nothing."""
    return await parts.access.revoke(id, force=force)


@router.post("/v1/tokens/{id}/rotate")
async def rotate_token(id: str, body: Annotated[Rotation, Body()], parts: Parts) -> CreatedToken:
    """Give a token a new secret. The old one holds for `grace_seconds`."""
    return await parts.access.rotate(id, body.grace_seconds)
