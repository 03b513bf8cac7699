"""The papers keep step: generated tables are fresh, what the texts name exists."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[1]
ROOT = DOCS.parent
PAGES = [*ROOT.glob("*.md"), *DOCS.glob("*.md"), *(ROOT / "src").glob("*/README.md"), *ROOT.glob("docker/*.md")]


def tables() -> object:
    spec = importlib.util.spec_from_file_location("make_tables", DOCS / "make_tables.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["interfaces.md", "parameters.md"])
def test_the_generated_tables_are_fresh(page: str) -> None:
    made = tables().PAGES[page]()  # type: ignore[attr-defined]
    assert (DOCS / page).read_text() == made, "run ./homeward shell python docs/make_tables.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_links_to_exists(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if not target.startswith(("http:", "https:")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def steps() -> list[tuple[str, str]]:
    """The (file, symbol) pairs that docs/one_message.md walks through."""
    return re.findall(r"\[`([^`]+)`\]\(([^)]+)\)", (DOCS / "one_message.md").read_text())


@pytest.mark.parametrize("symbol, file", steps())
def test_each_step_of_one_message_is_there(symbol: str, file: str) -> None:
    text = (DOCS / file).read_text()
    assert symbol.split("(")[0].split(".")[-1] in text, f"{file} has no {symbol}"


def test_one_message_names_the_topics_of_the_ledger() -> None:
    from homeward_runtime import ledger

    named = set(re.findall(r"topic `([a-z_/]+)`", (DOCS / "one_message.md").read_text()))
    assert len(named) >= 3 and named <= set(ledger.BY_NAME)


def test_every_package_has_a_readme() -> None:
    for package in (ROOT / "src").glob("*/package.xml"):
        assert (package.parent / "README.md").exists(), package.parent.name
