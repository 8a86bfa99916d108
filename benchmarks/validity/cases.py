"""What is asked of each dimension: a response that is monotone, and rest where nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.validity import material
from benchmarks.validity.material import Change


@dataclass(frozen=True, slots=True)
class Response:
    """A degradation in steps, and the metric that must follow it.

    Attributes:
        rising: whether the metric grows with the degradation.
        on: ``photographs``, ``face`` (the astronaut), ``cut-out`` (the same, pasted onto grey) or
            ``label`` (the drawn tin).
        against_itself: the undegraded picture is the reference.
    """

    dimension: str
    metric: str
    degradation: str
    make: Callable[[float], Change]
    levels: tuple[float, ...]
    rising: bool
    on: str = "photographs"
    against_itself: bool = False
    request: dict[str, Any] = field(default_factory=dict)


RESPONSES = (
    Response("sharpness", "reblur", "blur, px", material.blur, (0, 0.7, 1.4, 2.8, 5.6), False),
    Response("artifacts", "blockiness", "JPEG", material.jpeg, (90, 70, 50, 30, 10), True),
    Response("artifacts", "noise", "noise, levels", material.noise, (0, 5, 10, 20, 40), True),
    Response("artifacts", "banding", "step, levels", material.posterised, (1, 8, 16, 32), True),
    Response("artifacts", "checkerboard", "± levels", material.lattice, (0, 1, 2, 4), True),
    Response(
        "duplicate", "distance", "noise, levels", material.noise, (0, 20, 60, 160), True,
        against_itself=True,
    ),
    Response(
        "identity", "inliers", "blur, px", material.blur, (0, 1, 2, 4), False, against_itself=True
    ),
    Response("face_sharpness", "reblur", "blur, px", material.blur, (0, 0.5, 1, 2), False, "face"),
    Response(
        "face_fidelity", "distance", "blur, px", material.blur, (0, 1, 2, 3), True, "face",
        against_itself=True,
    ),
    Response(
        "skin_tone", "stops", "exposure, stops", material.exposure, (-2, -1, -0.5, 0), True, "face",
        against_itself=True,
    ),
    Response("lighting", "side", "side light, stops", material.side_light, (0, 1, 2), True, "face"),
    Response(
        "colour", "delta_e", "hue, degrees", material.hue, (0, 6, 16, 40), True, "label",
        against_itself=True,
    ),
    Response(
        "background", "gradient", "clutter, levels", material.clutter, (0, 10, 40), True, "label"
    ),
    Response("background", "halo", "fringe, levels", material.fringe, (0, 20, 40), True, "cut-out"),
    Response(
        "text", "cer", "blur, px", material.blur, (0, 4, 8, 12), True, "label",
        request={"metadata": {"text": "ACME Coffee"}},
    ),
)  # fmt: skip

HARMLESS: dict[str, Change] = {
    "JPEG 90": material.jpeg(90),
    "three quarters the size": material.resized(0.75),
    "mirrored": material.mirrored,
    "one stop darker": material.exposure(-1),
}

STEADY: dict[str, tuple[str, bool, dict[str, Any], tuple[str, ...]]] = {
    # dimension: (material, against itself, request, changes that may matter to it)
    "sharpness": ("photographs", False, {}, ()),
    "artifacts": ("photographs", False, {}, ()),
    "duplicate": ("photographs", True, {}, ()),
    "safety": ("photographs", False, {}, ()),
    "expression": ("face", False, {}, ()),
    "face_fidelity": ("face", True, {}, ()),
    "lighting": ("face", False, {}, ()),
    "skin_tone": ("face", True, {}, ("one stop darker",)),
    "framing": ("label", False, {}, ()),
    "background": ("label", False, {}, ()),
    "colour": ("label", True, {}, ("one stop darker",)),
    "identity": ("label", True, {}, ("mirrored", "one stop darker")),
    "orientation": ("label", True, {}, ("mirrored",)),
    "text": ("label", False, {"metadata": {"text": "ACME Coffee"}}, ("mirrored",)),
}
