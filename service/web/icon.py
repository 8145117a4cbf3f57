"""`/favicon.ico`: browsers ask for it without being told to."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

from lrtune.service.web import assets

router = APIRouter(include_in_schema=False)

_ICON = Path(assets.__file__).parent / "files" / "look" / "icon.svg"


@router.get("/favicon.ico")
async def favicon() -> FileResponse:
    """The icon of the pages, an SVG."""
    return FileResponse(_ICON, media_type="image/svg+xml", headers={"Cache-Control": "public, max-age=86400"})
