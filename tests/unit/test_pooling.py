"""Requests that are alike: which column tells, what it is worth, and that a resumed run agrees."""

from __future__ import annotations

import pickle
import random
from dataclasses import replace

import pytest

from sentinelqa.pooling import MOST_VALUES, FirstRound, Pooling, traits
from sentinelqa.retry import PassRate, Recipe, RetryPolicy, first_round
from sentinelqa.types import Request, Settings

RATES = {"mug": 0.9, "lamp": 0.5, "vase": 0.05}
SIZE = 16


def first_rounds(count: int = 192, *, tells: bool = True, seed: int = 1) -> list[FirstRound]:
    """Eight candidates each; ``category`` tells or not, ``colour`` never, ``sku`` is unique."""
    random_ = random.Random(seed)
    made = []
    for position in range(count):
        category = random_.choice(sorted(RATES))
        rate = RATES[category if tells else random_.choice(sorted(RATES))]
        passed = sum(random_.random() < rate for _ in range(8))
        metadata = {
            "category": category,
            "colour": random_.choice(["red", "blue", "green", "grey"]),
            "sku": f"sku-{position}",
            "weight": random_.random(),
            "in_stock": random_.random() < 0.5,
        }
        request = Request(id=str(position), prompt="a thing", metadata=metadata)
        made.append(FirstRound(position, request, PassRate.of_request(passed, 8)))
    return made


def rate_of(pooling: Pooling, position: int, category: str) -> float:
    request = Request(id="next", metadata={"category": category})
    return pooling.prior(position, request).rate.mean


def test_the_column_that_tells_pass_rates_apart_is_found_among_others() -> None:
    pooling = Pooling(SIZE, first_rounds())

    found = pooling.grouping()

    assert found is not None
    assert found.column == "category"
    assert 0.6 < found.explains < 1
    assert {value: round(rate, 1) for value, (rate, _) in found.groups.items()} == {
        "mug": pytest.approx(0.9, abs=0.1),
        "lamp": pytest.approx(0.5, abs=0.1),
        "vase": pytest.approx(0.0, abs=0.1),
    }
    assert sum(count for _, count in found.groups.values()) == 192


@pytest.mark.parametrize("seed", range(5))
def test_where_no_column_tells_all_requests_count_alike(seed: int) -> None:
    history = first_rounds(tells=False, seed=seed)
    pooling = Pooling(SIZE, history, begin=224)

    known = pooling.prior(224, history[0].request)

    assert pooling.grouping() is None
    assert known.like == ""
    assert known.rate == sum((f.rate for f in history), PassRate())


def test_one_of_many_columns_is_not_believed_for_a_lucky_draw() -> None:
    for seed in range(12):
        random_ = random.Random(seed)
        pooling = Pooling(SIZE)
        for first in first_rounds(64, tells=False, seed=seed):
            drawn = {f"column {n}": random_.choice("ab") for n in range(24)}
            pooling.note(replace(first, request=Request(id=first.request.id, metadata=drawn)))

        assert pooling.grouping() is None


def test_a_request_is_expected_to_do_as_those_like_it() -> None:
    pooling = Pooling(SIZE, first_rounds(), begin=224)

    assert rate_of(pooling, 224, "mug") > 0.8
    assert rate_of(pooling, 224, "vase") < 0.15
    assert pooling.prior(224, Request(id="x", metadata={"category": "mug"})).like == (
        "category is mug"
    )


def test_a_value_that_was_not_seen_yet_gets_the_rate_of_all() -> None:
    history = first_rounds()
    pooling = Pooling(SIZE, history, begin=224)

    known = pooling.prior(224, Request(id="x", metadata={"category": "sofa"}))

    assert known.like == ""
    assert known.rate == sum((f.rate for f in history), PassRate())


def test_a_group_of_one_request_is_mostly_judged_by_all_the_others() -> None:
    history = first_rounds()
    alone = Request(id="sofa", metadata={"category": "sofa"})
    history.append(FirstRound(len(history), alone, PassRate.of_request(0, 8)))
    pooling = Pooling(SIZE, history, begin=240)

    everywhere = sum((f.rate for f in history), PassRate()).mean

    assert everywhere / 2 < rate_of(pooling, 240, "sofa") < everywhere


def test_a_column_that_names_nearly_every_request_takes_no_memory() -> None:
    def kept(count: int) -> int:
        return len(pickle.dumps(Pooling(SIZE, first_rounds(count), begin=2 * count)))

    assert kept(4 * MOST_VALUES) < 1.05 * kept(2 * MOST_VALUES)


def test_fractions_are_measures_and_no_groups() -> None:
    request = first_rounds(1)[0].request

    assert set(traits(request)) == {"category", "colour", "sku", "in_stock", "prompt"}

    texts = {"weight": "0.25", "shift": "-.5e-3", "size": "12", "cut": "v1.5", "date": "1.5.26"}
    assert set(traits(Request(id="of a csv", metadata=texts))) == {"size", "cut", "date", "prompt"}


def test_settings_and_prompts_of_requests_may_tell_as_well() -> None:
    random_ = random.Random(3)
    history = []
    for position in range(96):
        model = random_.choice(["one", "other"])
        passed = sum(random_.random() < (0.9 if model == "one" else 0.1) for _ in range(8))
        request = Request(id=str(position), prompt="a thing", overrides={"model": model})
        history.append(FirstRound(position, request, PassRate.of_request(passed, 8)))

    found = Pooling(SIZE, history).grouping()

    assert found is not None
    assert found.column == "generator.model"


def test_a_resumed_run_expects_what_an_unkilled_one_did() -> None:
    """Wherever it died, in whatever order first rounds were finished."""
    history = first_rounds()
    asked = {}
    unkilled = Pooling(SIZE)
    for first in history:
        asked[first.position] = unkilled.prior(first.position, first.request)
        if first.position % SIZE == SIZE - 1:
            done = history[first.position - SIZE + 1 : first.position + 1]
            for one in random.Random(first.position).sample(done, SIZE):
                unkilled.note(one)

    for begin in (0, 5, 47, 100, 191):
        resumed = Pooling(SIZE, history[: begin + 20], begin)
        for first in history[begin : begin + 30]:
            assert resumed.prior(first.position, first.request) == asked[first.position]
            if first.position >= begin + 20:
                resumed.note(first)

    assert any(known.like for known in asked.values())


def test_one_that_shares_what_tells_is_tried_with_a_quarter_of_a_round() -> None:
    policy = RetryPolicy(first=8, max=32, retries=9)
    recipe = Recipe(settings=Settings(model="m"), prompt="p")
    hopeless = PassRate.of_request(0, 50)

    alone = first_round(recipe, 4, policy, hopeless)
    alike = first_round(recipe, 4, policy, hopeless, "category is vase")

    assert (alone.count, alike.count) == (4, 2)
    assert alike.why == "first round, sized to a pass rate of 2% so far where category is vase"


def test_outages_say_nothing() -> None:
    request = Request(id="x", metadata={"category": "mug"})
    pooling = Pooling(SIZE, [FirstRound(0, request, PassRate())], begin=64)

    assert pooling.prior(64, request).rate == PassRate()
