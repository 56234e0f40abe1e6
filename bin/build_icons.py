#!/usr/bin/env python3
"""Build static/vendor/tabler-icons.svg from an unpacked `@tabler/icons` package.

Usage: bin/build_icons.py <folder that holds icons/outline and icons/filled>

Only the icons named below end up in the sprite: five thousand outlines would weigh more than all our pages.
To use another icon, add its name here, run this, and write the new checksum into static/vendor/VENDOR.md.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

OUTLINE = [
    "activity",
    "adjustments-horizontal",
    "alert-circle",
    "alert-octagon",
    "alert-triangle",
    "archive",
    "arrow-down",
    "arrow-down-right",
    "arrow-left",
    "arrow-right",
    "arrow-up",
    "arrow-back-up",
    "arrows-shuffle",
    "arrows-sort",
    "ban",
    "beach",
    "bell",
    "bolt",
    "brand-slack",
    "brand-teams",
    "building",
    "building-skyscraper",
    "bulb",
    "calendar",
    "calendar-clock",
    "calendar-event",
    "certificate",
    "chart-bar",
    "chart-histogram",
    "check",
    "checks",
    "chevron-down",
    "chevron-left",
    "chevron-right",
    "chevron-up",
    "circle",
    "circle-check",
    "circle-dashed",
    "circle-x",
    "clipboard-check",
    "clock",
    "copy",
    "database",
    "database-export",
    "database-import",
    "device-desktop",
    "dots",
    "download",
    "external-link",
    "eye",
    "file-import",
    "file-text",
    "filter",
    "flag",
    "gavel",
    "git-compare",
    "grip-vertical",
    "heart-handshake",
    "help",
    "history",
    "home",
    "hourglass",
    "hourglass-empty",
    "id",
    "inbox",
    "info-circle",
    "key",
    "keyboard",
    "layout-dashboard",
    "link",
    "list-check",
    "lock",
    "login",
    "logout",
    "mail",
    "menu-2",
    "message",
    "minus",
    "moon",
    "note",
    "pencil",
    "phone",
    "player-pause",
    "player-play",
    "plug",
    "plus",
    "printer",
    "refresh",
    "rocket",
    "route",
    "scale",
    "search",
    "send",
    "settings",
    "shield-check",
    "signature",
    "stack-2",
    "sun",
    "sun-moon",
    "target",
    "test-pipe",
    "thumb-down",
    "thumb-up",
    "trash",
    "trending-down",
    "trending-up",
    "upload",
    "user",
    "user-check",
    "user-plus",
    "users",
    "video",
    "wand",
    "webhook",
    "wifi-off",
    "world",
    "x",
    "zzz",
]

# The filled twins carry the louder steps of the status grammar: at risk and overdue.
FILLED = ["alert-octagon", "alert-triangle", "circle-check", "circle-x", "player-pause"]

CANVAS = re.compile(r'\s*<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*/>')
BODY = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)


def symbol(path: Path, name: str, attributes: str) -> str:
    """One <symbol> with the drawing of the icon file at `path`."""
    found = BODY.search(path.read_text(encoding="utf-8"))
    if found is None:
        raise SystemExit(f"{path} holds no <svg> element.")
    drawing = CANVAS.sub("", found.group(1))
    drawing = re.sub(r"\s*\n\s*", "", drawing).replace(" />", "/>")
    return f'<symbol id="{name}" viewBox="0 0 24 24" {attributes}>{drawing}</symbol>'


def main() -> None:
    """Write the sprite; stops with a message when an icon is not in the package."""
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    icons = Path(sys.argv[1]) / "icons"
    stroke = (
        'fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round"'
    )
    symbols = [symbol(icons / "outline" / f"{name}.svg", name, stroke) for name in sorted(set(OUTLINE))]
    symbols += [
        symbol(icons / "filled" / f"{name}.svg", f"{name}-filled", 'fill="currentColor"') for name in FILLED
    ]
    target = Path(__file__).resolve().parent.parent / "static" / "vendor" / "tabler-icons.svg"
    body = "\n".join(symbols)
    target.write_text(f'<svg xmlns="http://www.w3.org/2000/svg">\n{body}\n</svg>\n', encoding="utf-8")
    print(f"{len(symbols)} icons, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
