"""How quickly the live page answers a click while thousands play: `python -m benchmarks.page`, half a minute.

The browser itself says when the click came and when its answer was on the screen. Nothing is judged.
"""

from __future__ import annotations

import argparse
import statistics
from typing import TYPE_CHECKING

from tests.support.browser import live_page, running_browser
from tests.support.simulated_players import Crowd
from tests.support.dashboard import dashboard
from tests.support.scripted_server import ScriptedServer

if TYPE_CHECKING:
    from tests.support.browser import LivePage

CLICKS = 30
HEADS = ("ip", "port", "since", "guesses")

LISTEN = """() => {
  window.answered = [];
  addEventListener("click", (click) => {
    // After the frame that shows what the click has done.
    requestAnimationFrame(() => setTimeout(() => window.answered.push(performance.now() - click.timeStamp)));
  });
}"""


def measure(page: LivePage, clicks: int) -> list[float]:
    """Click the heads of the table in turn and return how many milliseconds each answer took."""
    page.page.evaluate(LISTEN)
    for click in range(clicks):
        page.page.locator(f".head-{HEADS[click % len(HEADS)]} button").click()
        page.page.wait_for_function("(clicks) => window.answered.length === clicks", arg=click + 1)
    answered: list[float] = page.page.evaluate("window.answered")
    return answered


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--players", type=int, default=2000, help="how many play (2000)")
    parser.add_argument("--events", type=int, default=1000, help="events a second (1000)")
    options = parser.parse_args()
    crowd = Crowd(options.players, events_per_s=options.events)
    with (
        running_browser() as browser,
        ScriptedServer(crowd) as server,
        dashboard(server.port) as (_, port),
        live_page(browser, f"http://127.0.0.1:{port}", still=False) as page,
        crowd,
    ):
        page.shows_part("#playing", f"{options.players:,}")
        took_ms = measure(page, CLICKS)
    print(
        f"{options.players:,} players, {options.events:,} events a second: a click is answered in "
        f"{statistics.median(took_ms):.0f} ms (median of {CLICKS}; at worst {max(took_ms):.0f} ms)"
    )


if __name__ == "__main__":
    main()
