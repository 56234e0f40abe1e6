"""Rules that every page keeps, read from the sources: content policy, budgets, vendored files."""

from __future__ import annotations

import gzip
import hashlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
STATIC = ROOT / "static"
# Pages may load; e-mails are read by programs that know neither our sheet nor our policy.
PAGES = [path for path in TEMPLATES if "notifications" not in path.relative_to(ROOT / "templates").parts]

FORBIDDEN = {
    "a script without src": re.compile(r"<script(?![^>]*\bsrc=)[^>]*>", re.IGNORECASE),
    "a style element": re.compile(r"<style[\s>]", re.IGNORECASE),
    "an inline style": re.compile(r"\sstyle\s*=", re.IGNORECASE),
    "an event attribute": re.compile(r"\son[a-z]+\s*=\s*[\"']", re.IGNORECASE),
    "hx-on": re.compile(r"\bhx-on\b", re.IGNORECASE),
    "a js: value": re.compile(r"=\s*[\"']\s*(js|javascript):", re.IGNORECASE),
    "a filter in hx-trigger": re.compile(r"hx-trigger\s*=\s*([\"'])[^\"']*\[", re.IGNORECASE),
    "an address of another host": re.compile(
        r"<(?:script|link|img|iframe)[^>]*(?:src|href)=[\"']https?:", re.IGNORECASE
    ),
}


def broken_rules(source: str) -> list[str]:
    """The names of the rules that a template source breaks; Django comments do not count."""
    source = re.sub(r"{%\s*comment\s*%}.*?{%\s*endcomment\s*%}|{#.*?#}", "", source, flags=re.DOTALL)
    return [name for name, pattern in FORBIDDEN.items() if pattern.search(source)]


@pytest.mark.parametrize(
    "source, rule",
    [
        ("<script>alert(1)</script>", "a script without src"),
        ("<script type='module'>x</script>", "a script without src"),
        ("<style>b{}</style>", "a style element"),
        ('<p style="color:red">', "an inline style"),
        ('<a onclick="go()">', "an event attribute"),
        ('<a hx-on:click="go()">', "hx-on"),
        ("<a hx-vals='js:{a: 1}'>", "a js: value"),
        ('<a href="javascript:go()">', "a js: value"),
        ('<a hx-trigger="click[ctrlKey]">', "a filter in hx-trigger"),
        ('<script src="https://cdn.example/x.js"></script>', "an address of another host"),
    ],
)
def test_the_rules_catch_what_they_forbid(source: str, rule: str) -> None:
    assert broken_rules(source) == [rule]


def test_the_rules_let_clean_markup_pass() -> None:
    clean = (
        '<script src="/static/js/app.js" defer></script><div hx-trigger="sp:refresh from:body" data-on="1">'
    )
    assert broken_rules(clean + "{# style= is not allowed #}") == []


def test_there_are_templates_to_check() -> None:
    assert ROOT / "templates" / "base.html" in PAGES


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_a_template_keeps_the_content_policy(path: Path) -> None:
    assert broken_rules(path.read_text(encoding="utf-8")) == []


def packed(paths: list[Path]) -> int:
    """Bytes on the wire: each file packed by itself, as the server sends them."""
    return sum(len(gzip.compress(path.read_bytes(), 9)) for path in paths)


def test_the_own_sheets_stay_within_their_budget() -> None:
    sheets = sorted((STATIC / "css").glob("*.css"))
    assert 0 < len(sheets) <= 9
    assert packed(sheets) <= 18 * 1024


def test_the_own_script_stays_within_its_budget() -> None:
    scripts = sorted((STATIC / "js").glob("*.js"))
    assert scripts
    assert packed(scripts) <= 10 * 1024


def test_every_sheet_is_linked() -> None:
    pages = [page.read_text(encoding="utf-8") for page in PAGES]
    linked = {sheet for page in pages for sheet in re.findall(r"css/([a-z]+\.css)", page)}
    assert linked == {path.name for path in (STATIC / "css").glob("*.css")}


def test_every_own_class_is_prefixed() -> None:
    """`htmx-request` belongs to htmx; all else starts with sp-."""
    names: set[str] = set()
    for sheet in (STATIC / "css").glob("*.css"):
        source = re.sub(
            r"/\*.*?\*/|url\([^)]*\)|\"[^\"]*\"", "", sheet.read_text(encoding="utf-8"), flags=re.DOTALL
        )
        names |= set(re.findall(r"\.([a-zA-Z][\w-]*)(?=[^{}]*{)", source))
    assert {name for name in names if not name.startswith("sp-")} == {"htmx-request"}


def test_the_script_never_evaluates_text() -> None:
    source = (STATIC / "js" / "app.js").read_text(encoding="utf-8")
    assert (
        re.findall(r"\beval\(|new Function|innerHTML|insertAdjacentHTML|document\.write|\.style\b", source)
        == []
    )


def sprite_names() -> set[str]:
    return set(
        re.findall(
            r'<symbol id="([^"]+)"', (STATIC / "vendor" / "tabler-icons.svg").read_text(encoding="utf-8")
        )
    )


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_every_icon_named_in_a_template_is_in_the_sprite(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    named = set(re.findall(r'{%\s*icon\s+"([^"]+)"', source))
    named |= set(re.findall(r'\bicon="([^"]+)"', source))
    assert named - sprite_names() == set()


def test_vendored_files_are_the_ones_on_the_list() -> None:
    listing = (STATIC / "vendor" / "VENDOR.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\S+) \| @\S+ \| [\d.]+ \| [^|]+ \| ([0-9a-f]{64}) \|$", listing, re.MULTILINE)
    found = {name: hashlib.sha256((STATIC / "vendor" / name).read_bytes()).hexdigest() for name, _ in rows}
    assert found == dict(rows)
    assert {"tabler-icons.svg", "inter/inter-latin-wght-normal.woff2"} <= set(found)


def test_a_card_that_folds_says_so() -> None:
    for path in TEMPLATES:
        for classes in re.findall(r'<details class="([^"]*)"', path.read_text(encoding="utf-8")):
            assert "sp-card" not in classes.split() or "sp-fold" in classes.split(), path


def test_the_fonts_of_pdfs_are_the_ones_on_the_list_and_no_browser_gets_them() -> None:
    listing = (STATIC / "vendor" / "VENDOR.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (web/fonts/\S+) \| .* \| ([0-9a-f]{64}) \|$", listing, re.MULTILINE))
    kept = {str(path.relative_to(ROOT)): path for path in (ROOT / "web" / "fonts").rglob("*.ttf")}
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in kept.items()} == rows
    assert not list(STATIC.rglob("*.ttf"))
