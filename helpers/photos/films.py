"""Radiographs of the chest, drawn: lungs, ribs, heart and spine, an opacity or none, and the marker of a hospital.

Nothing here comes from a patient. The drawings are coarse, so that a network learns from them in seconds; in return it is
known exactly which pixels are the opacity, which are the marker, and how the film would look without the marker.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from helpers.course.arguments import real_number, seed_number, whole_number

SIDE = 64  # pixels
MOST_FILMS = 20_000
LETTER = np.array([[1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1]], float)  # an L
_down, _across = (np.mgrid[:SIDE, :SIDE] + 0.5) / SIDE  # from 0 to 1, downwards and to the right


@dataclass(frozen=True)
class Radiographs:
    """N drawn films.

    Attributes
    ----------
    unmarked, with_marker : pictures (N, 64, 64, 1) from 0, black, to 1: the same films without and with the marker
    ill : (N,) True where there is an opacity
    marked : (N,) True where this film carries the marker
    opacity, marker : masks (N, 64, 64) of the opacity, empty where there is none, and of the marker's place on each film
    """

    unmarked: np.ndarray
    with_marker: np.ndarray
    ill: np.ndarray
    marked: np.ndarray
    opacity: np.ndarray
    marker: np.ndarray

    @property
    def pictures(self) -> np.ndarray:
        """The films as the hospital took them, (N, 64, 64, 1): with the marker where they are marked."""
        return np.where(self.marked[:, np.newaxis, np.newaxis, np.newaxis], self.with_marker, self.unmarked)


def radiographs(count: int, marked_if_ill: float = 0.5, marked_if_healthy: float = 0.5, seed: int = 0) -> Radiographs:
    """Draw films of patients, half of them ill.

    Parameters
    ----------
    count
        Number of films.
    marked_if_ill, marked_if_healthy
        Share of the films of ill and of healthy patients that carry the marker, 0 to 1. Where the two are equal the
        marker says nothing about the patient.
    seed
        The same seed draws the same patients, whatever the shares are.

    Raises
    ------
    ValueError
        If a number is outside its range.
    """
    count = whole_number("count", count, 1, MOST_FILMS)
    shares = [
        real_number("marked_if_healthy", marked_if_healthy, 0, 1),
        real_number("marked_if_ill", marked_if_ill, 0, 1),
    ]
    seed = seed_number(seed)
    drawn = [_film(np.random.default_rng([seed, number]), ill=number % 2 == 1) for number in range(count)]
    unmarked, opacity, places, chances = (np.array(part) for part in zip(*drawn, strict=True))
    ill = np.arange(count) % 2 == 1
    marker = np.zeros((count, SIDE, SIDE), bool)
    with_marker = unmarked.copy()
    height, width = LETTER.shape
    for mask, film, (top, left) in zip(marker, with_marker, places, strict=True):
        window = np.s_[top : top + height, left : left + width]
        mask[window] = LETTER > 0
        film[mask] = 0.95
    return Radiographs(
        unmarked[..., np.newaxis].astype(np.float32),
        with_marker[..., np.newaxis].astype(np.float32),
        ill,
        chances < np.where(ill, shares[1], shares[0]),
        opacity,
        marker,
    )


def _film(rng: np.random.Generator, ill: bool) -> tuple[np.ndarray, np.ndarray, tuple[int, int], float]:
    """One film without its marker, the mask of its opacity, the marker's place, and a number that decides if it has one.

    Every film draws the same numbers in the same order, so that ill and healthy patients differ in nothing else.
    """
    centre = 0.5 + rng.normal(0, 0.012)
    wide, tall = rng.normal(1, 0.06, 2)
    body = _soft(np.abs((_across - centre) / (0.47 * wide)) ** 3 + np.maximum(0.42 - _down, 0) ** 2 * 6, 1.0, 0.10)
    film = 0.62 * body
    lungs = [_lung(centre + side * 0.205 * wide, 0.5, 0.155 * wide, 0.36 * tall, side) for side in (-1, 1)]
    heart = _ellipse(centre + 0.07 * wide, 0.66, 0.15 * wide * rng.uniform(0.85, 1.1), 0.15 * tall, 0.25)
    air = np.maximum(*lungs) * (1 - 0.85 * heart)
    film -= 0.42 * air
    film += 0.16 * np.exp(-(((_across - centre) / 0.045) ** 2)) * body * (1 + 0.25 * np.sin(2 * np.pi * _down * 13))
    film += 0.10 * heart
    film += _ribs(centre, wide, tall, rng) * body
    shadow, mask = _opacity(lungs[rng.integers(2)], rng)
    film += ill * rng.uniform(0.25, 0.38) * shadow * (0.4 + 0.6 * air)
    film += gaussian_filter(rng.normal(0, 1, film.shape), 2) * 0.10 + rng.normal(0, 0.015, film.shape)
    film = np.clip(film * rng.uniform(0.9, 1.1) + rng.normal(0.02, 0.01), 0, 1)
    place = int(rng.integers(2, 6)), SIDE - int(rng.integers(6, 12))
    return film, mask & ill, place, float(rng.random())


def _soft(distance: np.ndarray, edge: float, width: float) -> np.ndarray:
    """1 where the distance is below the edge, 0 beyond, with a soft step between."""
    return 1 / (1 + np.exp(np.clip((distance - edge) / (width / 4), -50, 50)))


def _ellipse(x: float, y: float, half_width: float, half_height: float, width: float) -> np.ndarray:
    return _soft(np.sqrt(((_across - x) / half_width) ** 2 + ((_down - y) / half_height) ** 2), 1.0, width)


def _lung(x: float, y: float, half_width: float, half_height: float, side: int) -> np.ndarray:
    """A lung: pointed above, broad below, its base drawn up towards the middle."""
    across = (_across - x) / (half_width * (0.62 + 0.42 * np.clip((_down - y) / half_height + 0.6, 0, 1)))
    down = (_down - y + 0.10 * (0.5 - side * (_across - x) / half_width) * (_down > y)) / half_height
    return _soft(np.abs(across) ** 2.4 + np.abs(down) ** 3, 1.0, 0.35)


def _ribs(centre: float, wide: float, tall: float, rng: np.random.Generator) -> np.ndarray:
    """Eight pairs of ribs that fall away to the sides, and two collar bones."""
    across = np.abs(_across - centre) / (0.42 * wide)
    shift = rng.normal(0, 0.01)
    ribs = np.zeros_like(_across)
    for number in range(8):
        line = 0.17 + shift + 0.095 * tall * number + 0.14 * across**1.6 - 0.05 * across
        ribs += 0.11 * np.exp(-(((_down - line) / 0.012) ** 2)) * (across > 0.12) * (across < 1)
    collar = 0.20 + shift - 0.10 * across
    return ribs + 0.16 * np.exp(-(((_down - collar) / 0.014) ** 2)) * (across > 0.1) * (across < 0.95)


def _opacity(lung: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A cloudy patch somewhere in a lung, from 0 to 1, and the mask of where it is above one half."""
    inside = np.argwhere(lung > 0.9)
    y, x = (inside[rng.integers(len(inside))] + 0.5) / SIDE
    cloud = gaussian_filter(rng.normal(0, 1, lung.shape), 2.5)
    radius = rng.uniform(0.065, 0.105)
    distance = np.sqrt((_across - x) ** 2 + (_down - y) ** 2) / radius + 0.9 * cloud
    shadow = _soft(distance, 1.0, 0.8) * lung
    return shadow, shadow > 0.5
