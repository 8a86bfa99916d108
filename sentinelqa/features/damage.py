"""Detectors of technical damage, as plain functions of the luma. All in levels of 255 or shares."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Detector = Callable[[Plane], float]
ToScore = Callable[[float], float]

_STRONG_STEP = 12.0
_TILE = 256
_IMMERKAER = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


def blockiness(grey: Plane) -> float:
    """Excess step at every eighth pixel over the other positions, in levels.

    Steps are taken of the second kind (the step less the mean of its neighbours), so that slopes
    cancel, and limited to 12 levels, so that a picture's own edges count little. The grid may start
    anywhere (cropped pictures); the larger of rows and columns counts. After Wang, Sheikh and
    Bovik, "No-reference perceptual quality assessment of JPEG compressed images" (ICIP 2002).
    """
    return max(_grid_excess(grey), _grid_excess(grey.T))


def checkerboard(grey: Plane) -> float:
    """How far the lattice frequencies of upsampling layers stand out of their surroundings, in dB.

    Power at the periods of 2 and 4 pixels in both directions against the median of the
    neighbourhood in a windowed power spectrum, after Odena, Dumoulin and Olah, "Deconvolution and
    checkerboard artifacts" (Distill 2016). 0 where the picture is smaller than 32 pixels.
    """
    side = min(_TILE, *(1 << (n.bit_length() - 1) for n in grey.shape))
    if side < 32:
        return 0.0
    power = _mean_power(grey, side)
    half, quarter = side // 2, side // 4
    centres = [(half, half), (half, quarter), (quarter, half), (quarter, quarter)]
    return max(0.0, *(_peak(power, r, c) for r, c in centres))


def banding(grey: Plane) -> float:
    """Per cent of pixels at the step between two exactly flat runs (posterised gradients).

    A step of 2 to 24 levels with four unchanging pixels before and after it, along rows or columns.
    """
    across, down = _banded(grey), _banded(grey.T)
    return 100 * float(across.sum() + down.sum()) / max(1, grey.size)


def noise(grey: Plane) -> float:
    """Standard deviation of the noise in levels, on the flatter half of the picture.

    Immerkaer, "Fast noise variance estimation" (CVIU 1996): a mask that annuls planes. White or
    black clipped areas carry no noise and are left out.
    """
    if min(grey.shape) < 8:
        return 0.0
    response = np.abs(cv2.filter2D(grey, cv2.CV_32F, _IMMERKAER))[1:-1, 1:-1]
    inner = grey[1:-1, 1:-1]
    texture = cv2.blur(cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, np.ones((3, 3))), (9, 9))
    open_range = (inner > 4) & (inner < 251)
    if open_range.mean() < 0.02:
        return 0.0
    flatness = texture[1:-1, 1:-1][open_range]
    flat = response[open_range][flatness <= np.median(flatness)]
    return float(flat.mean() * np.sqrt(np.pi / 2) / 6)


def is_blank(grey: Plane) -> bool:
    """Whether the picture shows nothing: one level, or under a tenth of a bit of entropy."""
    low, high = np.percentile(grey, [0.1, 99.9])
    shares = np.bincount(grey.astype(np.uint8).ravel(), minlength=256) / grey.size
    present = shares[shares > 0]
    entropy = float(-(present * np.log2(present)).sum())
    return bool(grey.std() < 2 or high - low < 8 or entropy < 0.1)


def _grid_excess(grey: Plane) -> float:
    if grey.shape[1] < 32 or grey.shape[0] < 16:
        return 0.0
    step = np.minimum(np.abs(np.diff(grey, axis=1)), _STRONG_STEP)
    second = step[:, 1:-1] - (step[:, :-2] + step[:, 2:]) / 2
    columns = second.mean(axis=0)
    usable = columns[: len(columns) // 8 * 8].reshape(-1, 8)
    phases = np.sort(np.median(usable, axis=0))
    return max(0.0, float(phases[-1] - np.median(phases)))


def _mean_power(grey: Plane, side: int) -> Plane:
    high = grey - cv2.GaussianBlur(grey, (0, 0), 2.0)
    window = np.outer(np.hanning(side), np.hanning(side)).astype(np.float32)
    rows = range(0, grey.shape[0] - side + 1, side)
    columns = range(0, grey.shape[1] - side + 1, side)
    spectra = [
        np.abs(np.fft.fft2(high[r : r + side, c : c + side] * window)) ** 2
        for r in rows
        for c in columns
    ]
    return np.asarray(np.mean(spectra, axis=0), np.float32)


def _peak(power: Plane, row: int, column: int) -> float:
    reach = max(4, power.shape[0] // 16)
    rows = np.arange(row - reach, row + reach + 1) % power.shape[0]
    columns = np.arange(column - reach, column + reach + 1) % power.shape[1]
    around = power[np.ix_(rows, columns)]
    centre = around[reach - 1 : reach + 2, reach - 1 : reach + 2].max()
    return float(10 * np.log10((centre + 1e-3) / (np.median(around) + 1e-3)))


def _banded(grey: Plane) -> NDArray[np.bool_]:
    step = np.abs(np.diff(grey, axis=1))
    if step.shape[1] < 9:
        return np.zeros((grey.shape[0], 0), bool)
    still = step == 0
    edge = (step[:, 4:-4] >= 2) & (step[:, 4:-4] <= 24)
    for offset in (0, 1, 2, 3, 5, 6, 7, 8):
        edge &= still[:, offset : offset + edge.shape[1]]
    return np.asarray(edge)
