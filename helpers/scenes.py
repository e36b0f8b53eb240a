"""Scenes with known truth: pictures, the exact mask of every thing in them, and the class that each thing stands for.

Any pictures with masks will do. :func:`collage_scenes` makes them from photographic cut-outs, :func:`world_scenes` from the
toy world. Both keep the pictures in which a network recognises what it is going to be asked for.
"""

from dataclasses import dataclass

import numpy as np

from helpers.arguments import real_array, within
from helpers.collages import collage, cutout_names
from helpers.photo_network import PhotoNetwork
from helpers.targets import LARGEST_VALUE
from helpers.toyworld import World
from helpers.toyworld_networks import ToyworldNetwork

NOT_ASKED = -1
BACKGROUNDS = ("grass", "gravel", "brick")
SIZES = {1: (0.45, 0.8), 2: (0.4, 0.6)}  # longer side of a thing as a share of the picture's side, by number of things
TOP = {1: 1, 2: 5}  # recognised: the class is the first; with two things, both are among the first five
TRIED_AT_A_TIME = 16


@dataclass(frozen=True, eq=False)
class Scenes:
    """Pictures with masks and classes.

    Attributes
    ----------
    images : (S, height, width, channels), in the network's input space
    masks : (S, things, height, width), True where the thing is seen; (S, height, width) for one thing
    targets : (S, things) class that each thing stands for, (S,) for one thing. ``NOT_ASKED`` (-1) marks a thing that
        is there but for which no map is asked

    Raises
    ------
    ValueError
        If shapes or types do not fit, nothing is asked, or a thing that is asked for has an empty mask.
    """

    images: np.ndarray
    masks: np.ndarray
    targets: np.ndarray

    def __post_init__(self):
        images, masks, targets = (real_array(name, getattr(self, name)) for name in ("images", "masks", "targets"))
        if not within(images, LARGEST_VALUE):
            raise ValueError("The images of the scenes hold NaN, infinite or far too large values.")
        if masks.ndim == 3:
            masks, targets = masks[:, np.newaxis], targets[:, np.newaxis] if targets.ndim == 1 else targets
        if (
            images.ndim != 4
            or masks.dtype != bool
            or targets.dtype.kind not in "iu"
            or masks.shape != (*targets.shape, *images.shape[1:3])
            or masks.shape[0] != len(images)
        ):
            raise ValueError(
                "Scenes are images (S, height, width, channels), masks (S, things, height, width) of True and False, and "
                f"targets (S, things) of whole numbers; got {images.shape}, {masks.shape} of {masks.dtype} and "
                f"{targets.shape} of {targets.dtype}."
            )
        asked = targets != NOT_ASKED
        if not asked.any():
            raise ValueError("No map is asked for: every target is -1, or there is no scene.")
        empty = np.argwhere(asked & ~masks.any(axis=(2, 3)))
        if len(empty):
            raise ValueError(f"In scene {empty[0, 0]} thing {empty[0, 1]} has an empty mask: no map can lie on it.")
        for name, value in (("images", images), ("masks", masks), ("targets", targets)):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, chosen: slice) -> "Scenes":
        """Some of the scenes."""
        return Scenes(self.images[chosen], self.masks[chosen], self.targets[chosen])

    @property
    def asked(self) -> np.ndarray:
        """(maps, 2): number of the scene and of the thing for every map that is asked for."""
        return np.argwhere(self.targets != NOT_ASKED)

    @property
    def has_others(self) -> bool:
        """Is there another thing beside one that is asked for?"""
        return any(self.other_mask(*pair).any() for pair in self.asked)

    def own_mask(self, scene: int, thing: int) -> np.ndarray:
        """Where the thing is, (height, width)."""
        return self.masks[scene, thing]

    def other_mask(self, scene: int, thing: int) -> np.ndarray:
        """Where the other things of the scene are; nowhere if there are none."""
        return np.delete(self.masks[scene], thing, axis=0).any(axis=0) & ~self.masks[scene, thing]


def collage_scenes(network: PhotoNetwork, count: int, things: int = 1, seed: int = 0) -> tuple[Scenes, float]:
    """Collages of one or two things that the network recognises, and the share of all tries in which it did.

    The cut-outs are drawn at random (two things are of two classes), their places and sizes (``SIZES``) too, on grass,
    gravel and brick in turn. A collage is kept if the class of its one thing comes first, or if the classes of both its
    things are among the first five (``TOP``): of what is not recognised no map can be asked for.

    Raises
    ------
    ValueError
        If ``things`` is neither 1 nor 2, ``count`` is less than 1, or hardly anything is recognised.
    """
    if things not in SIZES or count < 1:
        raise ValueError(f"Collages have one or two things, and at least one is wanted; got {things} and {count}.")
    rng, known = np.random.default_rng(seed), cutout_names()
    kept, tried = [], 0
    while len(kept) < count:
        drawn = [_drawn(rng, known, things, network.input_size) for _ in range(TRIED_AT_A_TIME)]
        images = network.preprocess(np.stack([scene.picture for scene in drawn]))
        order = np.argsort(-network.logits(images), axis=1)[:, : TOP[things]]
        for scene, inputs, best in zip(drawn, images, order, strict=True):
            targets = [network.class_index(name) for name in scene.class_names]
            tried += 1
            if np.isin(targets, best).all() and scene.masks.any(axis=(1, 2)).all():
                kept.append((inputs, scene.masks, targets))
            if len(kept) == count:
                break
        if tried > 50 * (len(kept) + 2):
            raise ValueError(
                f"{network.title} recognised {len(kept)} of {tried} collages at {network.input_size} pixels. Take larger "
                "pictures: vgg16('gap', input_size=224)."
            )
    return Scenes(*map(np.array, zip(*kept, strict=True))), count / tried


def _drawn(rng: np.random.Generator, known: dict[str, str], things: int, size: int):
    names = rng.permutation(list(known))[:things]
    while len({known[name] for name in names}) < things:
        names = rng.permutation(list(known))[:things]
    sizes, background = rng.uniform(*SIZES[things], things), BACKGROUNDS[rng.integers(len(BACKGROUNDS))]
    return collage([str(name) for name in names], None, list(sizes), background, size, seed=int(rng.integers(2**32)))


def world_scenes(network: ToyworldNetwork, world: World, truth: str = "animal") -> tuple[Scenes, float]:
    """Pictures of the toy world that the network recognises, and the share of all in which it does.

    Parameters
    ----------
    network : names coats or outlines; the class of the picture is explained
    truth : "animal", the only thing that tells coat and outline; or "tag", the photographer's tag, with the animal as
        the other thing: where a network that reads the tag must look. Then only pictures with a tag are taken

    Raises
    ------
    ValueError
        If ``truth`` is another word, or no picture is left.
    """
    if truth not in ("animal", "tag"):
        raise ValueError(f"The truth is the 'animal' or the 'tag'; got {truth!r}.")
    world = world if truth == "animal" else world.part(world.marked)
    right = network.recognised(world) if len(world) else np.zeros(0, bool)
    if not right.any():
        raise ValueError(
            f"Of {len(world)} pictures that could be asked the network recognises none. For truth='tag' make a world with "
            "a watermark on a class that it knows."
        )
    kept = world.part(right)
    images, targets = network.preprocess(kept.pictures), kept.labels(network.by)[:, np.newaxis]
    if truth == "animal":
        return Scenes(images, kept.masks[:, np.newaxis], targets), float(right.mean())
    masks = np.stack([kept.mark_masks, kept.masks & ~kept.mark_masks], axis=1)
    return Scenes(images, masks, np.column_stack([targets, np.full(len(kept), NOT_ASKED)])), float(right.mean())
