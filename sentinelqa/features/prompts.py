"""A prompt taken apart: its object, colour and background, and prompts that differ in one.

English word patterns, no model: ``a {colour} {object}, {style}, {setting}``. What is not found is
left out, so that no part is judged on a guess.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

COLOURS = (
    "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey",
)  # fmt: skip
_SAME_COLOUR = {"gray": "grey", "violet": "purple"}

OBJECTS = (
    "backpack", "ball", "bicycle", "book", "boot", "bottle", "cake", "camera", "car", "cat",
    "chair", "clock", "cup", "dog", "dress", "fish", "flower", "glasses", "guitar", "handbag",
    "hat", "house", "key", "lamp", "person", "pizza", "ring", "running shoe", "t-shirt", "tree",
    "umbrella", "watch",
)  # fmt: skip
"""Everyday things that most image-text models know; the rivals of the object that was asked for."""

BACKGROUNDS = ("white", "black", "grey", "blue", "green", "wooden", "cluttered", "outdoor")
NEUTRAL = ("a blurry picture", "random noise", "an abstract pattern", "an empty white background")

_NOT_THE_OBJECT = r"\b(?:on|in|at|with|against|over|under|next|beside|for|wearing|holding)\b"
_ARTICLE = r"(?:(?:a|an|the|one|single)\s+)?"
_KIND = r"(?:(?:photo|photograph|picture|image|studio shot|3d render)\s+of\s+)?"
_LEAD = re.compile(f"^{_ARTICLE}{_KIND}{_ARTICLE}", re.IGNORECASE)
_BACKGROUND = re.compile(rf"\b({'|'.join(BACKGROUNDS)})\s+background\b", re.IGNORECASE)
_COLOUR = re.compile(rf"\b({'|'.join((*COLOURS, *_SAME_COLOUR))})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Contrasts:
    """The parts of a prompt with the prompts that differ from it in that part alone.

    Attributes:
        object, colour, background: the words found; empty when the prompt has none.
        other_objects, other_colours, other_backgrounds: rival prompts.
        neutral: descriptions of pictures that show nothing in particular.
    """

    object: str = ""
    colour: str = ""
    background: str = ""
    other_objects: tuple[str, ...] = ()
    other_colours: tuple[str, ...] = ()
    other_backgrounds: tuple[str, ...] = ()
    neutral: tuple[str, ...] = NEUTRAL

    @property
    def texts(self) -> tuple[str, ...]:
        """Every rival, to be encoded in one go."""
        return (*self.other_objects, *self.other_colours, *self.other_backgrounds, *self.neutral)


@lru_cache(maxsize=4096)
def contrasts(prompt: str) -> Contrasts:
    """Take ``prompt`` apart and build its rivals."""
    subject = prompt.partition(",")[0]
    thing, colour = _object_of(subject), _colour_of(subject)
    background = _BACKGROUND.search(prompt)
    found = background[1].lower() if background else ""
    return Contrasts(
        object=thing,
        colour=colour,
        background=found,
        other_objects=tuple(_swap(prompt, thing, o) for o in OBJECTS if _differs(o, thing))
        if thing
        else (),
        other_colours=tuple(_swap(prompt, colour, c) for c in COLOURS if c != _plain(colour))
        if colour
        else (),
        other_backgrounds=tuple(
            _swap(prompt, f"{background[1]} background", f"{b} background")
            for b in BACKGROUNDS
            if b != found
        )
        if background
        else (),
    )


def _object_of(subject: str) -> str:
    phrase = _LEAD.sub("", subject.strip())
    phrase = re.split(_NOT_THE_OBJECT, phrase, maxsplit=1, flags=re.IGNORECASE)[0]
    colours = list(_COLOUR.finditer(phrase))
    words = (phrase[colours[-1].end() :] if colours else phrase).split()
    return " ".join(words) if 1 <= len(words) <= 3 else ""


def _colour_of(subject: str) -> str:
    before_setting = re.split(_NOT_THE_OBJECT, subject, maxsplit=1, flags=re.IGNORECASE)[0]
    found = _COLOUR.findall(before_setting)
    return found[0] if len(found) == 1 else ""


def _plain(colour: str) -> str:
    return _SAME_COLOUR.get(colour.lower(), colour.lower())


def _differs(rival: str, thing: str) -> bool:
    return not _stems(rival) & _stems(thing)


def _stems(phrase: str) -> set[str]:
    return {word.rstrip("s") for word in re.split(r"[\s-]+", phrase.lower())}


def _swap(prompt: str, old: str, new: str) -> str:
    return re.sub(rf"\b{re.escape(old)}(?!\w)", lambda _: new, prompt, count=1)
