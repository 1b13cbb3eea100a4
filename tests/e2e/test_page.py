"""Pages in a real browser: no network, no errors, by keyboard; that of a forecast readable at 20 and 5,000 nodes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from napsim.cli.main import app
from napsim.report.forecast import Forecast
from napsim.report.forecast_page import page
from tests.e2e.browser import SHIFT, Tab, chromium, tab
from tests.report.fleets import EACH, OPENS, WEEK, fleet
from tests.report.forecasts import UNFINISHED

SIZES: Final = {20: fleet(20, 6), 5000: fleet(5000, 6)}
COUNTED: Final = re.compile(r"(\d+) of (\d+)")
WHOLE: Final = "(the whole forecast)"
WEEKEND: Final = Path(__file__).parents[1] / "scenarios/weekend_budget"


@pytest.fixture(scope="module")
def browser() -> Iterator[str]:
    with chromium() as address:
        yield address


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    """By the number of nodes: the address of the page's file."""
    folder = tmp_path_factory.mktemp("pages")
    return {nodes: _written(folder / f"{nodes}.html", forecast) for nodes, forecast in SIZES.items()}


def _written(path: Path, forecast: Forecast) -> str:
    path.write_text(page(forecast), encoding="utf-8")
    return path.as_uri()


def in_tab(browser: str, address: str, does: Callable[[Tab], Awaitable[None]], width: int = 1280) -> Tab:
    """Open the page, do it, and see that nothing went wrong on the page and nobody was asked for anything."""

    async def run() -> Tab:
        async with tab(browser, width) as opened:
            await opened.open(address)
            await does(opened)
            assert opened.said == []
            assert set(opened.requests) == {address}
            return opened

    return asyncio.run(run())


async def shown(opened: Tab) -> str:
    return str(await opened.value("document.getElementById('shown').textContent"))


async def seconds_shown(opened: Tab) -> float:
    """How long the time is that the address says is shown."""
    found = await opened.value("[...new URLSearchParams(location.hash.slice(1))].map(([, it]) => Number(it))")
    since, until = found
    return float(until - since)


async def focus(opened: Tab, selector: str) -> None:
    await opened.value(f"document.querySelector({selector!r}).focus()")


async def count(opened: Tab, selector: str) -> int:
    return int(await opened.value(f"document.querySelectorAll({selector!r}).length"))


@pytest.mark.parametrize("nodes", SIZES)
def test_it_opens_without_a_word_or_a_request_and_shows_all_its_parts(
    browser: str, pages: dict[int, str], nodes: int
) -> None:
    async def does(opened: Tab) -> None:
        assert WHOLE in await shown(opened)
        assert await count(opened, "svg.chart") == 5  # the whole, three pools, the workloads
        for number in range(3):
            assert await count(opened, f'[data-chart="{number}"] .area') == 7
            for part in (".window", ".pickup"):
                assert await count(opened, f'[data-chart="{number}"] {part}') == 6
            assert await count(opened, f'[data-chart="{number}"] .used') == 1
            assert await count(opened, f'[data-chart="{number}"] .allowed') == 1
            assert await count(opened, f'[data-chart="{number}"] .blocked') >= 1
        assert await count(opened, '[data-chart="workloads"] .evicted') == 20
        assert await count(opened, "table.month") == 2
        assert await count(opened, "#rows tr") >= 100
        assert await count(opened, "svg *") < 6000

    in_tab(browser, pages[nodes], does)


@pytest.mark.parametrize("nodes", SIZES)
def test_keys_zoom_select_go_on_and_back_to_the_whole(browser: str, pages: dict[int, str], nodes: int) -> None:
    async def does(opened: Tab) -> None:
        whole = WEEK.total_seconds() * 6
        await focus(opened, '[data-chart="0"]')
        await opened.press("+", "+")
        assert await seconds_shown(opened) == pytest.approx(whole / 4, abs=2)
        await opened.press("-")
        assert await seconds_shown(opened) == pytest.approx(whole / 2, abs=2)
        await opened.press("PageDown", "0")
        assert WHOLE in await shown(opened)
        await opened.press("Home")
        await opened.press(*["ArrowRight"] * 10, modifiers=SHIFT)
        await opened.press("Enter")
        assert await seconds_shown(opened) == pytest.approx(whole / 10, abs=2)
        assert "disrupted" in await opened.value("document.getElementById('said').textContent")
        await opened.press("Escape")
        assert WHOLE in await shown(opened)

    in_tab(browser, pages[nodes], does)


def test_the_pages_buttons_and_fields_zoom_too(browser: str, pages: dict[int, str]) -> None:
    async def does(opened: Tab) -> None:
        await focus(opened, "#in")
        await opened.press(" ")
        assert await seconds_shown(opened) == pytest.approx(WEEK.total_seconds() * 3, abs=2)
        await opened.value("document.getElementById('from').value = '2026-03-04T02:00'")
        await opened.value("document.getElementById('to').value = '2026-03-04T03:00'")
        await focus(opened, "#to")
        await opened.press("Enter")
        assert await shown(opened) == "Wed 2026-03-04 02:00 CET to Wed 2026-03-04 03:00 CET, 1h"
        await focus(opened, "button.day")
        await opened.press(" ")
        assert (await shown(opened)).endswith(", 1d")

    in_tab(browser, pages[20], does)


def test_a_span_is_selected_with_the_mouse(browser: str, pages: dict[int, str]) -> None:
    async def does(opened: Tab) -> None:
        box = await opened.value(
            "(({left, top, width}) => [left, top, width])"
            "(document.querySelector('[data-chart=\"0\"]').getBoundingClientRect())"
        )
        left, top, width = box
        for kind, share in (("mouseMoved", 0.4), ("mousePressed", 0.4), ("mouseMoved", 0.6), ("mouseReleased", 0.6)):
            await opened.mouse(kind, left + width * share, top + 40)
        assert 0 < await seconds_shown(opened) < WEEK.total_seconds() * 2

    in_tab(browser, pages[20], does)


def test_many_blocked_nodes_are_counted_by_reason_and_few_are_named(browser: str, pages: dict[int, str]) -> None:
    since = OPENS.total_seconds()
    closely = f"#from={since - 60:.0f}&to={since + EACH.total_seconds() * 100:.0f}"

    async def does(opened: Tab) -> None:
        assert await count(opened, '[data-chart="0"] g.blocked') == 2
        await focus(opened, '[data-chart="0"] g.blocked')
        told = await opened.value("document.getElementById('tip').textContent")
        assert "blocked here: PodDisruptionBudget" in told
        assert re.search(r"aks-default-0000, .* and \d+ more; zoom in for each", told)
        await opened.value(f"location.hash = {closely!r}")
        await opened.reload()
        await focus(opened, '[data-chart="0"] g.blocked')
        told = await opened.value("document.getElementById('tip').textContent")
        assert "aks-default-0000 blocked: PodDisruptionBudget, from Wed 2026-03-04 02:00:00 CET" in told
        assert "PodDisruptionBudget=[shop/ledger]" in told

    in_tab(browser, pages[5000], does)


def test_nodes_that_wait_for_a_budget_are_a_bar_that_tells_which_and_until_when(
    browser: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async def does(opened: Tab) -> None:
        await opened.value("location.hash = '#from=0&to=2419200'")
        await opened.reload()
        await focus(opened, '[data-chart="0"] g.blocked')
        told = await opened.value("document.getElementById('tip').textContent")
        assert "3 nodes blocked: BlockingBudget, from Wed 2026-03-04 09:00:00 UTC until Wed 2026-03-04 17:00" in told
        await focus(opened, '[data-chart="1"] g.blocked')
        told = await opened.value("document.getElementById('tip').textContent")
        assert (
            "4000 nodes blocked: BlockingBudget, from Mon 2026-03-09 00:00:00 UTC still so at the end. budgets" in told
        )
        assert "mon for 120h); the budgets allow some from Tue 2026-03-31 00:00" in told

    address = _written(tmp_path_factory.mktemp("waits") / "page.html", UNFINISHED)
    in_tab(browser, address, does)


def test_events_are_filtered_by_text_by_kind_and_by_the_time_shown(browser: str, pages: dict[int, str]) -> None:
    async def told(opened: Tab) -> tuple[int, int]:
        found = COUNTED.fullmatch(await opened.value("document.getElementById('count').textContent"))
        assert found
        return int(found[1]), int(found[2])

    async def does(opened: Tab) -> None:
        first, every = await told(opened)
        assert first == every
        await focus(opened, "#filter")
        await opened.type("aks-default-0000")
        assert (await told(opened))[0] == 6
        assert await count(opened, "#rows tr") == 6
        await opened.value("document.getElementById('filter').select()")
        await opened.type("window opens")
        assert (await told(opened))[0] == 6
        await focus(opened, '[data-chart="0"]')
        await opened.press("Home", "+", "+", "+")
        await focus(opened, "#inview")
        await opened.press(" ")
        assert (await told(opened))[0] == 1

    in_tab(browser, pages[20], does)


@pytest.mark.parametrize("nodes", SIZES)
def test_it_prints_in_light_colours_with_all_that_is_folded_away(
    browser: str, pages: dict[int, str], nodes: int
) -> None:
    async def does(opened: Tab) -> None:
        dark = [{"name": "prefers-color-scheme", "value": "dark"}]
        await opened.ask("Emulation.setEmulatedMedia", features=dark)
        paper = "getComputedStyle(document.body).backgroundColor"
        assert await opened.value(paper) == "rgb(21, 23, 26)"
        await opened.ask("Emulation.setEmulatedMedia", media="print", features=dark)
        assert await opened.value(paper) == "rgb(255, 255, 255)"
        assert (await opened.pdf()).startswith(b"%PDF")
        await opened.ask("Emulation.setEmulatedMedia", media="")

    in_tab(browser, pages[nodes], does)


def test_a_narrow_window_has_no_sideways_scrolling(browser: str, pages: dict[int, str]) -> None:
    async def does(opened: Tab) -> None:
        width = await opened.value("document.documentElement.scrollWidth")
        assert width <= 600

    in_tab(browser, pages[20], does, width=600)


# --- the page of a week -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The budgets of a week: from Monday on unlimited, closed, unlimited by day; at the weekend one at once."""
    file = tmp_path_factory.mktemp("week") / "week.html"
    asked = ["budgets", str(WEEKEND), "--html", str(file), "--at", "2026-03-02T00:00:00Z", "--time-zone", "UTC"]
    assert CliRunner().invoke(app, asked).exit_code == 0
    return file.as_uri()


async def told(opened: Tab) -> str:
    """What the line above the drawing says of the part that has the focus, which is what the part says of itself."""
    line, part = "document.querySelector('.told').textContent", "document.activeElement.getAttribute('aria-label')"
    said = str(await opened.value(line))
    assert said == await opened.value(part)
    return said


def test_keys_go_from_part_to_part_of_a_week_and_the_line_above_tells_each(browser: str, week: str) -> None:
    async def does(opened: Tab) -> None:
        assert await count(opened, ".days") == 1  # all reasons are told together
        assert await count(opened, ".part[tabindex='0']") == 1
        await opened.press("Tab")
        assert await told(opened) == "Mon 2026-03-02 00:00 UTC, for 8h: UNLIMITED"
        await opened.press("ArrowRight")
        assert await told(opened) == "Mon 2026-03-02 08:00 UTC, for 8h: none"
        await opened.press("ArrowDown")
        assert await told(opened) == "Tue 2026-03-03 08:00 UTC, for 8h: none"
        await opened.press("ArrowLeft")
        assert await told(opened) == "Tue 2026-03-03 00:00 UTC, for 8h: UNLIMITED"
        await opened.press(*["ArrowDown"] * 9)
        assert await told(opened) == "Sun 2026-03-08 00:00 UTC, for 1d: 1 at once", "the last row is not left"
        await opened.press("ArrowUp", "ArrowLeft")
        assert await told(opened) == "Fri 2026-03-06 16:00 UTC, for 8h: UNLIMITED"
        assert await count(opened, ".part[tabindex='0']") == 1, "Tab comes back to where it left"

    in_tab(browser, week, does)


def test_a_week_has_no_sideways_scrolling_in_a_narrow_window(browser: str, week: str) -> None:
    async def does(opened: Tab) -> None:
        wide = await opened.value("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0

    in_tab(browser, week, does, width=420)
