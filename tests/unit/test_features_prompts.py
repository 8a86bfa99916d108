from __future__ import annotations

import pytest

from sentinelqa.features.prompts import COLOURS, contrasts


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a red running shoe, studio photo, white background", ("running shoe", "red", "white")),
        ("a photo of a green handbag", ("handbag", "green", "")),
        ("a pair of Gray boots on a wooden background", ("boots", "Gray", "wooden")),
        ("blue ceramic mug on a red table", ("ceramic mug", "blue", "")),
        ("a red and blue ball", ("ball", "", "")),
        ("a dog", ("dog", "", "")),
        ("portrait of the founder of a large company smiling", ("", "", "")),
        ("", ("", "", "")),
    ],
)
def test_parts_of_a_prompt(prompt: str, expected: tuple[str, str, str]) -> None:
    found = contrasts(prompt)
    assert (found.object, found.colour, found.background) == expected


def test_rivals_differ_in_one_part_alone() -> None:
    found = contrasts("a red running shoe, white background")
    assert "a blue running shoe, white background" in found.other_colours
    assert len(found.other_colours) == len(COLOURS) - 1
    assert "a red backpack, white background" in found.other_objects
    assert "a red running shoe, black background" in found.other_backgrounds
    prompt = "a red running shoe, white background"
    assert prompt not in found.texts


def test_the_object_is_no_rival_of_itself_in_other_words() -> None:
    rivals = contrasts("a red shoe").other_objects
    assert "a red running shoe" not in rivals
    assert "a red hat" not in contrasts("a red straw hats").other_objects
