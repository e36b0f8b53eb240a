"""Backgrounds and light of the toy world: grass, gravel and brick of scikit-image, tinted at random; smooth gradients."""

import functools
from collections.abc import Sequence

import numpy as np
from PIL import Image

from helpers.photos.images import texture
from helpers.toyworld.coats import smooth_noise

TEXTURES = ("grass", "gravel", "brick")
BACKGROUNDS = (*TEXTURES, "gradient")
_SIDE = 512  # pixels of scikit-image's textures
_TINTS = {  # name: mean RGB of the tint; it varies around that
    "grass": (0.42, 0.52, 0.30),
    "gravel": (0.54, 0.50, 0.46),
    "brick": (0.58, 0.46, 0.40),
    "gradient": (0.52, 0.52, 0.50),
}


def backgrounds(
    count: int, size: int, rng: np.random.Generator, kinds: Sequence[str] = BACKGROUNDS
) -> tuple[np.ndarray, np.ndarray]:
    """Draw backgrounds of these kinds, up to 512 pixels wide.

    Returns
    -------
    (count,) numbers in ``BACKGROUNDS``, and (count, size, size, 3) float32 colours, about 0 to 1.
    """
    drawn = np.array([BACKGROUNDS.index(kind) for kind in kinds])[rng.integers(len(kinds), size=count)]
    tints = np.array([_TINTS[name] for name in BACKGROUNDS])
    first, second = (
        tints[drawn] * rng.uniform(0.65, 1.4, (count, 1)) * rng.uniform(0.87, 1.15, (count, 3)) for _ in "12"
    )
    first[drawn == 3] *= rng.uniform(0.7, 1.3, (count, 3))[drawn == 3]  # a gradient joins two colours
    angle, place = rng.uniform(0, 2 * np.pi, (count, 1, 1)), np.linspace(-0.7, 0.7, size)
    share = np.clip(0.5 + np.cos(angle) * place + np.sin(angle) * place[:, None], 0, 1)
    second[drawn != 3] = first[drawn != 3]
    colours = first[:, None, None] + share[..., None] * (second - first)[:, None, None]
    grain = _windows(np.minimum(drawn, 2), size, rng)
    soft = 1 + 0.07 * smooth_noise(count, (size, size), size / 5, rng)
    grain = np.where((drawn == 3)[:, None, None], soft, grain)
    return drawn, (colours * grain[..., None]).astype(np.float32)


def light(count: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """Light that falls off in some direction and has a slight colour: factors (count, size, size, 3), about 1."""
    angle, fall = rng.uniform(0, 2 * np.pi, count), rng.uniform(0, 0.25, count)
    place = np.linspace(-1, 1, size)
    across, down = (fall * np.cos(angle))[:, None, None] * place, (fall * np.sin(angle))[:, None, None] * place[:, None]
    colour = rng.uniform(0.82, 1.12, (count, 1)) * rng.uniform(0.95, 1.05, (count, 3))
    return ((1 + across + down)[..., None] * colour[:, None, None]).astype(np.float32)


def _windows(numbers: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Random windows (count, size, size) of the textures, as factors with mean 1, near or twice as far away."""
    count = len(numbers)
    distance, top, left = rng.integers(2, size=count), *rng.integers(0, _SIDE - size + 1, (2, count))
    rows, columns = top[:, None] + np.arange(size), left[:, None] + np.arange(size)
    mirrored = rng.random(count) < 0.5
    columns[mirrored] = columns[mirrored, ::-1]
    return _bank()[numbers[:, None, None], distance[:, None, None], rows[:, :, None], columns[:, None, :]]


@functools.cache
def _bank() -> np.ndarray:
    """(textures, 2, 512, 512) float16: as it is, and at half the size, four times side by side, mirrored."""
    bank = []
    for name in TEXTURES:
        grey = texture(name, _SIDE)[..., 0]
        half = np.asarray(Image.fromarray(grey).resize((_SIDE // 2, _SIDE // 2), Image.Resampling.BOX))
        half = np.concatenate([half, half[:, ::-1]], axis=1)
        bank.append([grey, np.concatenate([half, half[::-1]])])
    bank = np.array(bank, np.float32)
    return (bank / bank.mean(axis=(2, 3), keepdims=True)).astype(np.float16)
