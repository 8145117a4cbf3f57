"""The style of the pages."""

import re
from pathlib import Path

from lrtune.service.web import assets

FILES = Path(assets.__file__).parent / "files"


def _blocks(selector: str) -> dict[str, str]:
    """The variables that the style gives in the block of a selector."""
    found = re.search(re.escape(selector) + r" \{([^}]*)\}", (FILES / "look" / "style.css").read_text())
    assert found, selector
    return dict(re.findall(r"(--[\w-]+): ([^;]+);", found.group(1)))


def _contrast(one: str, other: str) -> float:
    """WCAG's contrast of two colours."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: str) -> float:
    channels = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_dark_is_the_same_whether_chosen_or_the_systems() -> None:
    assert _blocks(':root[data-theme="dark"]') == _blocks(":root:not([data-theme])")


def test_text_stands_out_from_what_is_behind_it_light_and_dark() -> None:
    light = _blocks(":root")
    for colors in (light, light | _blocks(':root[data-theme="dark"]')):
        for text in ("--text", "--quiet", "--accent", "--wrong"):
            for back in ("--back", "--card", "--sunk"):
                assert _contrast(colors[text], colors[back]) >= 4.5, (text, back)
        for name in ("good", "warn", "wrong"):
            for back in (f"--{name}-back", "--card"):
                assert _contrast(colors[f"--{name}"], colors[back]) >= 4.5, (name, back)
        assert _contrast(colors["--on-accent"], colors["--accent"]) >= 4.5
        assert _contrast(colors["--field"], colors["--card"]) >= 3


def test_every_colour_that_is_used_is_defined() -> None:
    known = _blocks(":root").keys()
    for sheet in FILES.rglob("*.css"):
        used = set(re.findall(r"var\((--[\w-]+)", sheet.read_text()))
        assert used <= known, sheet.name
