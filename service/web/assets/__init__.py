"""Files that pages load: style and scripts of ours, and plotly.js, which comes with the package `plotly`.

In `files`: `look` is the frame and style of all pages, `live` what comes from the service while one looks, `pictures`
what draws with plotly, `pages` what belongs to one page.
"""

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from fastapi import FastAPI
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

ASSETS = "/assets"
PLOTLY = f"plotly-{version('plotly')}.min.js"
"""By version, so that browsers keep it until another is installed."""

_HERE = Path(__file__).parent
_KEPT_FOR_GOOD = "public, max-age=31536000, immutable"


class _Files(StaticFiles):
    """Ours, asked for anew each time and answered 304 where nothing changed; plotly's, kept."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        if path == PLOTLY:
            return FileResponse(_plotly_js(), headers={"Cache-Control": _KEPT_FOR_GOOD})
        answer = await super().get_response(path, scope)
        answer.headers["Cache-Control"] = "no-cache"
        return answer


def mount(app: FastAPI) -> None:
    """Serve the files under `/assets`."""
    app.mount(ASSETS, _Files(directory=_HERE / "files"), name="assets")


def _plotly_js() -> Path:
    found = find_spec("plotly")
    assert found is not None, "plotly is installed with the service"
    assert found.submodule_search_locations
    return Path(found.submodule_search_locations[0]) / "package_data" / "plotly.min.js"
