"""Makes the picture of a study's page that the README shows: `python -m tests.browser.readme_picture`."""

import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import FloatRect, expect, sync_playwright

from tests.browser import chromium
from tests.browser.workers import Workers
from tests.end_to_end.conftest import Service
from tests.support.processes import Programs

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "pictures" / "study.png"
_COLORS = 256


def _filled(address: str) -> str:
    """A study of which three trials are still in training; the path of its page."""
    workers = Workers(address)
    study = workers.create("cifar10-resnet", description="ResNet-18 on CIFAR-10", tags={"family": "cnn"})
    workers.search(study, 42, seed=3)
    for number in range(3):
        trial = workers.lease(study, worker=f"gpu-{number}:4242")
        for step in range(1, 4 + 3 * number):
            trial.report(step, 0.3 + 1.8 / (1 + step))
    return f"/studies/{study}"


def main() -> None:
    """Take it, light and wide, in few colours."""
    with tempfile.TemporaryDirectory() as folder, Programs(Path(folder) / "programs") as programs:
        service = Service(programs, f"sqlite:///{folder}/lrtune.db")
        path = _filled(service.address)
        with sync_playwright() as playwright:
            browser = chromium.launch(playwright)
            with chromium.tab(browser, service.address) as tab:
                tab.open(path)
                for name in ("response", "curves"):
                    expect(tab.page.locator(f"#picture-{name} .main-svg").first).to_be_visible(timeout=20_000)
                tab.page.wait_for_timeout(1_000)  # Until sizes are settled.
                seen = tab.page.locator(".study-top").bounding_box()
                assert seen is not None
                clip = FloatRect(x=0, y=0, width=chromium.SIZES["wide"][0], height=seen["y"] + seen["height"] + 16)
                tab.page.screenshot(path=PICTURE, full_page=True, clip=clip)
            browser.close()
    with Image.open(PICTURE) as image:
        image.convert("RGB").quantize(_COLORS, dither=Image.Dither.NONE).save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
