"""Colour arithmetic: sRGB to linear light, CIE L*a*b*, and the CIEDE2000 difference."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float32]

_LINEAR = np.where(
    np.arange(256) <= 0.04045 * 255,
    np.arange(256) / 255 / 12.92,
    ((np.arange(256) / 255 + 0.055) / 1.055) ** 2.4,
).astype(np.float32)
_LUMA_WEIGHTS = (0.2126, 0.7152, 0.0722)
_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ],
    np.float32,
) / np.array([[0.95047], [1.0], [1.08883]], np.float32)
_AT_ONCE = 2**13
"""Pixels whose intermediate values fit into a processor's cache."""
_KNEE, _OFFSET = np.float32(216 / 24389), np.float32(16 / 116)


def luminance(rgb: NDArray[np.uint8]) -> Floats:
    """Relative luminance in linear light, 0 to 1, of ``H x W x 3`` sRGB (IEC 61966-2-1)."""
    total = np.zeros(rgb.shape[:2], np.float32)
    for channel, weight in enumerate(_LUMA_WEIGHTS):
        total += cv2.LUT(np.ascontiguousarray(rgb[..., channel]), _LINEAR * np.float32(weight))
    return total


def lab(rgb: NDArray[np.uint8]) -> Floats:
    """CIE L*a*b* (D65, 2 degrees), L* in 0 to 100, of an ``... x 3`` sRGB array."""
    flat = np.ascontiguousarray(rgb.reshape(1, -1, 3))
    found = np.empty(flat.shape[1:], np.float32)
    for start in range(0, len(found), _AT_ONCE):
        light = cv2.LUT(flat[:, start : start + _AT_ONCE], _LINEAR)[0]
        ratios = light @ _TO_XYZ.T
        roots = np.cbrt(ratios)
        dark = ratios <= _KNEE
        np.copyto(roots, ratios * np.float32(7.787037) + _OFFSET, where=dark)
        x, y, z = roots.T
        part = found[start : start + _AT_ONCE]
        part[:, 0], part[:, 1], part[:, 2] = 116 * y - 16, 500 * (x - y), 200 * (y - z)
    return found.reshape(rgb.shape)


def delta_e(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """CIEDE2000 between L*a*b* colours, broadcast over leading axes.

    Source: ISO/CIE 11664-6; formulas and test data in Sharma, Wu and Dalal, "The CIEDE2000
    color-difference formula", Color Research and Application 30 (2005).
    """
    light1, a1, b1 = np.moveaxis(np.asarray(first, float), -1, 0)
    light2, a2, b2 = np.moveaxis(np.asarray(second, float), -1, 0)
    stretch = 1.5 - 0.5 * _saturation((_length(a1, b1) + _length(a2, b2)) / 2)
    a1, a2 = a1 * stretch, a2 * stretch
    chroma1, chroma2 = _length(a1, b1), _length(a2, b2)
    hue1, hue2 = np.degrees(np.arctan2(b1, a1)) % 360, np.degrees(np.arctan2(b2, a2)) % 360
    grey = chroma1 * chroma2 == 0

    turn = (hue2 - hue1 + 180) % 360 - 180
    turn = np.where(grey, 0.0, np.where(turn == -180, 180.0, turn))
    d_light, d_chroma = light2 - light1, chroma2 - chroma1
    d_hue = 2 * np.sqrt(chroma1 * chroma2) * np.sin(np.radians(turn / 2))

    light, chroma = (light1 + light2) / 2, (chroma1 + chroma2) / 2
    far = np.abs(hue1 - hue2) > 180
    hue = np.where(grey, hue1 + hue2, ((hue1 + hue2 + np.where(far, 360, 0)) / 2) % 360)
    t = (
        1
        - 0.17 * np.cos(np.radians(hue - 30))
        + 0.24 * np.cos(np.radians(2 * hue))
        + 0.32 * np.cos(np.radians(3 * hue + 6))
        - 0.20 * np.cos(np.radians(4 * hue - 63))
    )
    s_light = 1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2)
    s_chroma, s_hue = 1 + 0.045 * chroma, 1 + 0.015 * chroma * t
    rotation = (
        -2 * _saturation(chroma) * np.sin(np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2))))
    )
    terms = d_light / s_light, d_chroma / s_chroma, d_hue / s_hue
    squared = terms[0] ** 2 + terms[1] ** 2 + terms[2] ** 2 + rotation * terms[1] * terms[2]
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)), np.float64)


def _length(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.sqrt(a * a + b * b), np.float64)


def _saturation(chroma: NDArray[np.float64]) -> NDArray[np.float64]:
    cubed = chroma * chroma * chroma
    power = cubed * cubed * chroma
    return np.asarray(np.sqrt(power / (power + 25.0**7)), np.float64)
