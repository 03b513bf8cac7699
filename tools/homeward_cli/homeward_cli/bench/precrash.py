"""Twelve pre-crash scenarios in closed loop: what could physically be avoided, and what the car avoids."""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from homeward_cli.bench.precrash_avoidable import Judgement
    from homeward_cli.bench.precrash_drive import Driven
    from homeward_cli.bench.precrash_scenarios import Case

DESCRIPTION = "Twelve pre-crash scenarios, what could be avoided and what was: bench precrash [--seeds N] [--only NAME]"
MOST_DRAWS = 200


@dataclass(frozen=True, eq=False)
class Result:
    """One draw: what it is, what could be done, what was done."""

    name: str
    seed: int
    case: Case
    judgement: Judgement
    driven: Driven

    @property
    def missed(self) -> bool:
        """Avoidable, and not avoided."""
        return self.judgement.avoidable and not self.driven.avoided

    @property
    def reduction_mps(self) -> float:
        """By how much the speed of the impact is less than if the car had gone on as it was."""
        return self.judgement.crash_mps - self.driven.impact_mps


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """The benchmark's own arguments."""
    parser = argparse.ArgumentParser(prog="./homeward bench precrash", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="draws of each scenario")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--only", default="", help="one scenario by its name")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--report", default="", help="a page (.html) of what was missed, or a picture (.svg) of the first draw")
    parser.add_argument("--markdown", default="", help="where the table goes as Markdown, between the marks of a page")
    return parser.parse_args(list(arguments))


def run(say: Callable[[str], None], arguments: Sequence[str] = ()) -> dict[str, object]:
    """The figures."""
    from homeward_cli.bench.precrash_report import fill_in, write
    from homeward_cli.bench.precrash_scenarios import SCENARIOS

    wanted = options(arguments)
    if wanted.only and wanted.only not in SCENARIOS:
        raise RuntimeError(f"there is no scenario '{wanted.only}'; there are: {', '.join(SCENARIOS)}")
    if wanted.seeds < 1 or wanted.jobs < 1:
        raise RuntimeError("--seeds and --jobs want a number of at least 1")
    names = [wanted.only] if wanted.only else list(SCENARIOS)
    draws = [(name, seed) for name in names for seed in range(wanted.first, wanted.first + wanted.seeds)]
    results = list(_told(say, _measured(draws, wanted.jobs)))
    rows = [figures(name, [one for one in results if one.name == name]) for name in names]
    if wanted.report:
        write(Path(wanted.report), results)
    if wanted.markdown:
        fill_in(Path(wanted.markdown), rows, total(results))
    return total(results) | {"per_scenario": rows}


def _measured(draws: Sequence[tuple[str, int]], jobs: int) -> Iterator[Result]:
    if jobs == 1:
        yield from map(measure, draws)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(measure, draws, chunksize=2)


def _told(say: Callable[[str], None], results: Iterable[Result]) -> Iterator[Result]:
    for one in results:
        if one.missed:
            say(f"{one.name} {one.seed}: MISSED: {one.driven.outcome} ({one.case.told}; possible: {one.judgement.manoeuvre})")
        yield one


def measure(draw: tuple[str, int]) -> Result:
    """One draw of a scenario by name and seed."""
    from homeward_cli.bench.precrash_drive import drive
    from homeward_cli.bench.precrash_roads import road

    case, judgement = drawn(*draw)
    return Result(*draw, case, judgement, drive(case, road(case.road, case.speed_mps), judgement))


def drawn(name: str, seed: int) -> tuple[Case, Judgement]:
    """The scenario a seed gives: the first draw of it in which going on as before would end in a crash."""
    from homeward_cli.bench.precrash_avoidable import judge
    from homeward_cli.bench.precrash_drive import gate_limits, our_shape
    from homeward_cli.bench.precrash_roads import road
    from homeward_cli.bench.precrash_scenarios import SCENARIOS, Dice

    for attempt in range(MOST_DRAWS):
        case = SCENARIOS[name](Dice(list(SCENARIOS).index(name), seed, attempt))
        judgement = judge(case, road(case.road, case.speed_mps), our_shape(), gate_limits())
        if judgement is not None:
            return case, judgement
    raise RuntimeError(f"{name}: none of {MOST_DRAWS} draws of seed {seed} ends in a crash")


def total(results: Sequence[Result]) -> dict[str, object]:
    """Over all scenarios."""
    return {"scenarios": len({one.name for one in results})} | _counts(results)


def figures(name: str, results: Sequence[Result]) -> dict[str, object]:
    """Of one scenario."""
    return {"scenario": name} | _counts(results)


def _counts(results: Sequence[Result]) -> dict[str, object]:
    possible = [one for one in results if one.judgement.avoidable]
    hit = [one for one in results if not one.judgement.avoidable and one.driven.struck is not None]
    missed = [one for one in possible if one.missed]
    return {
        "drawn": len(results),
        "avoidable": len(possible),
        "avoided": sum(one.driven.avoided for one in possible),
        "missed": [f"{one.name} {one.seed}" for one in missed],
        "beyond_the_gate": sum(one.judgement.beyond_the_gate for one in results),
        "unavoidable": len(results) - len(possible),
        "unavoidable_avoided": sum(one.driven.avoided for one in results if not one.judgement.avoidable),
        "impact_speed_reduction_mps": round(statistics.median(one.reduction_mps for one in hit), 2) if hit else None,
    }


