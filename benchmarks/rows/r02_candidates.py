"""Cost per delivered image: the allocator replayed on traces, against retry rounds and a fixed
number. See ``benchmarks/candidates.py``."""

from __future__ import annotations

from benchmarks import alike, candidates
from benchmarks.base import Bench, Row, at_most

SHARE = "adaptive 0.1"
GOALS = {
    ("quarter", "retry"): 0.40,
    ("quarter", "fixed"): 0.65,
    ("half", "retry"): 0.40,
    ("half", "fixed"): 0.65,
    ("alike", "retry"): 0.70,
}
"""For K = 15 and at most 180. With K = 2 and at most 12 the figures stand without a goal: there is
no room to learn a request's pass rate in."""


def measure(bench: Bench) -> list[Row]:
    """Replay every case with ``give_up_below: 0.1``; the other thresholds stand in the detail."""
    found = candidates.measure(requests=bench.pick(full=400, quick=40))
    rows = []
    for wanted, budget in ((15, 180), (2, 12)):
        for (shape, against), goal in GOALS.items():
            row = found[f"K={wanted} {shape} {SHARE}"]
            oracle = found[f"K={wanted} {shape} oracle"]
            rows.append(
                Row(
                    number=2,
                    name=f"cost per image over {_words(against)}, {shape}, K={wanted}",
                    goal=at_most(goal) if wanted == 15 else None,
                    reached=row[f"over_{against}"],
                    limit=oracle[f"over_{against}"],
                    detail=f"at most {budget} a request; {_detail(found, wanted, shape, against)}",
                    gap="learning which requests will not deliver",
                )
            )
    return [*rows, *_pooled(bench)]


def _pooled(bench: Bench) -> list[Row]:
    """With columns in the requests file, over the same without."""
    rows, idle = [], {}
    for case in candidates.CASES:
        found = dict(alike.compared(case, requests=bench.pick(full=400, quick=40)))
        ratios = {k: s.per_image / found["one prior"].per_image for k, s in found.items()}
        idle[f"{case.shape}, K={case.wanted}"] = ratios["none"]
        if case.shape == "alike":
            continue
        said = "; ".join(
            f"{name}: {s.per_image:.2f} candidates an image, {s.filled:.1%} filled, "
            f"{s.images} images, {s.lost:.1%} lost"
            for name, s in found.items()
        )
        rows += [
            Row(
                number=2,
                name=f"cost per image where a column tells {what} over one prior, "
                f"{case.shape}, K={case.wanted}",
                goal=None,
                reached=ratios[what],
                detail=f"give_up_below {alike.GIVE_UP:g}; {said}",
                gap="requests of one group differ, and a group must be met before it is known",
            )
            for what in ("all", "part")
        ]
    worst = max(idle, key=idle.__getitem__)
    return [
        *rows,
        Row(
            number=2,
            name="cost per image where no column tells over one prior, the worst case",
            goal=at_most(1.01),
            reached=idle[worst],
            limit=1.0,
            detail=", ".join(f"{name}: {ratio:.3f}" for name, ratio in idle.items()),
        ),
    ]


def _words(against: str) -> str:
    return {"retry": "retry rounds of 4K", "fixed": "a fixed 4K"}[against]


def _detail(found: dict[str, dict[str, float]], wanted: int, shape: str, against: str) -> str:
    other = found[f"K={wanted} {shape} {against}"]
    ours = [
        f"give_up_below {share:g}: {row['per_image']:.2f} candidates an image, "
        f"{row['filled']:.1%} filled, {row['images']:.0f} images, {row['lost']:.1%} lost"
        for share in candidates.GIVE_UP
        for row in [found[f"K={wanted} {shape} adaptive {share:g}"]]
    ]
    theirs = (
        f"{_words(against)}: {other['per_image']:.2f}, {other['filled']:.1%} filled, "
        f"{other['images']:.0f} images"
    )
    return "; ".join([*ours, theirs])
