"""Names of colours: which of eleven basic ones a colour is called, and what a name stands for."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sentinelqa.features.colour import delta_e, lab

_EXAMPLES = {
    "red": ("#ff0000", "#c81e1e", "#8c1414", "#e63c32"),
    "orange": ("#ff8c00", "#ff6a13", "#e07b28"),
    "yellow": ("#ffff00", "#ffd700", "#e6c832", "#fff08c"),
    "green": ("#00ff00", "#228b22", "#0f5a28", "#78c850", "#6b8e23", "#3cb48c"),
    "blue": ("#0000ff", "#1e5ac8", "#14286e", "#50a0e6", "#87ceeb", "#00b4d2"),
    "purple": ("#800080", "#6432b4", "#a050d2", "#b482dc", "#4b1464"),
    "pink": ("#ffc0cb", "#ff69b4", "#f0468c", "#ffa0a0", "#dc3c96"),
    "brown": ("#8b4513", "#5a3214", "#a0785a", "#78501e", "#c89664"),
    "black": ("#000000", "#1e1e1e", "#19191e"),
    "white": ("#ffffff", "#f2f2f2"),
    "grey": ("#808080", "#505050", "#b4b4b4", "#d2d2d2"),
}
NAMES = tuple(_EXAMPLES)
ACHROMATIC = ("black", "white", "grey")
SYNONYMS = {"gray": "grey", "violet": "purple"}
_HEX = re.compile(r"#?[0-9a-fA-F]{6}")


def lab_of_hex(code: str) -> NDArray[np.float64]:
    """L*a*b* of ``#rrggbb``."""
    digits = code.lstrip("#")
    rgb = np.array([[int(digits[i : i + 2], 16) for i in (0, 2, 4)]], np.uint8)
    return np.asarray(lab(rgb)[0], np.float64)


def is_hex(text: str) -> bool:
    """Whether ``text`` is ``rrggbb`` with or without the sharp."""
    return bool(_HEX.fullmatch(text.strip()))


def basic_name(text: str) -> str:
    """The basic colour that ``text`` names, or an empty string."""
    word = text.strip().lower()
    word = SYNONYMS.get(word, word)
    return word if word in _EXAMPLES else ""


def examples_of(name: str) -> NDArray[np.float64]:
    """L*a*b* of the examples of a basic colour, n x 3."""
    return np.stack([lab_of_hex(code) for code in _EXAMPLES[name]])


_OWNERS = np.array([i for i, codes in enumerate(_EXAMPLES.values()) for _ in codes])
_PROTOTYPES = np.stack([lab_of_hex(code) for codes in _EXAMPLES.values() for code in codes])


_STRETCH = 1.75
"""CIEDE2000 is at least the difference in lightness over this: 1.7472 is its largest divisor, and
the terms of chroma and hue never take anything away."""


def name_indices(colours: ArrayLike) -> NDArray[np.intp]:
    """The index in :data:`NAMES` of the nearest (CIEDE2000) example of each L*a*b* colour."""
    given = np.asarray(colours, float)
    apart = given[:, None, :] - _PROTOTYPES[None]
    likely = _PROTOTYPES[(apart**2).sum(axis=2).argmin(axis=1)]
    bound = delta_e(given, likely)[:, None] * _STRETCH
    rows, examples = np.nonzero(np.abs(apart[..., 0]) <= bound + 1e-9)
    distances = np.full(apart.shape[:2], np.inf)
    distances[rows, examples] = delta_e(given[rows], _PROTOTYPES[examples])
    return np.asarray(_OWNERS[distances.argmin(axis=1)], np.intp)
