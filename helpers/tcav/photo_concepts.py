"""Concepts and classes for a network of photographs: painted textures, and cut-outs at random places on any background.

A concept picture shows the concept and, apart from it, what its random counterparts show. Counterparts are therefore
random textures: any coat, any colour, any background. Had half of them things in them, every concept vector would also
point from things to textures, and every texture would seem to speak against every animal.

In a class picture thing, size, place, light and background are drawn independently of each other: nothing but the thing
makes the class, and the same things can be had at the same places on another background.

What these pictures cannot show: there are one to three photographs of a thing, so a result is about *this* pepper in
many places, not about peppers; and one lawn, one gravel bed and one wall, seen through many windows.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from helpers.course.arguments import choice, name_list, seed_number, shown, whole_number
from helpers.photos.collages import CutOut, collage, cutout, cutout_names
from helpers.toyworld.backgrounds import BACKGROUNDS, backgrounds, light
from helpers.toyworld.concepts import concept_set, random_set
from helpers.vgg16.photo_network import PhotoNetwork

SIZES = (0.55, 0.95)  # longer side of the thing as a share of the picture's side
TRIED_AT_A_TIME = 8
LEAST_RECOGNISED = 0.05  # of the tries: with less, finding pictures would take too long
PAINTED_AT_A_TIME = 50  # bounds the memory


def photo_concept(name: str, count: int, seed: int = 0, size: int = 64, scale: int = 112) -> np.ndarray:
    """Pictures of a concept, or of "random" counterparts: (count, size, size, 3) 8-bit RGB.

    Parameters
    ----------
    name
        A key of :data:`helpers.toyworld.concepts.CONCEPTS`, such as "yellow", "striped" or "grass", or "random".
    count, seed
        How many; a larger count with the same seed begins with the same pictures.
    size, scale
        The patterns are as coarse as in pictures of ``scale`` pixels, 32 to 512; of these the middle ``size`` pixels
        are returned. The mean over a layer's places can be compared between pictures of different sizes as long as the
        patterns are equally coarse, so small pieces, which cost little, do for class pictures of ``scale`` pixels.

    Raises
    ------
    ValueError
        If there is no such concept, or a number is out of range.
    """
    count, scale, seed = whole_number("count", count), whole_number("scale", scale, 32, 512), seed_number(seed)
    size = whole_number("size", size, 32, scale)
    corner = (scale - size) // 2
    pieces = [np.empty((0, size, size, 3), np.uint8)]
    for piece in range(-(-count // PAINTED_AT_A_TIME)):
        own = int(np.random.SeedSequence([seed, piece]).generate_state(1)[0])
        if name == "random":
            painted = random_set(PAINTED_AT_A_TIME, own, scale)
        else:
            painted = concept_set(name, PAINTED_AT_A_TIME, own, scale)
        pieces.append(painted[:, corner : corner + size, corner : corner + size])
    return np.concatenate(pieces)[:count]


def class_cutouts(class_name: str) -> list[str]:
    """Names of the course's cut-outs whose ImageNet class has that label, such as "bell pepper".

    Raises
    ------
    ValueError
        If there is none.
    """
    if not isinstance(class_name, str):
        raise ValueError(f"A class is given by its name, such as 'bell pepper'; got {shown(class_name)}.")
    known = {name: label.replace("_", " ").lower() for name, label in cutout_names().items()}
    wanted = class_name.replace("_", " ").lower()
    found = [name for name, label in known.items() if label == wanted]
    if not found:
        raise ValueError(
            f"There is no cut-out of a {class_name!r}. There are: {', '.join(sorted(set(known.values())))}."
        )
    return found


def thing_pictures(
    things: Sequence[str | CutOut],
    count: int,
    seed: int = 0,
    size: int = 112,
    background: str | Sequence[str] = BACKGROUNDS,
    start: int = 0,
) -> np.ndarray:
    """Collages of one thing each: (count, size, size, 3) 8-bit RGB.

    Parameters
    ----------
    things
        Cut-outs or their names; each picture shows one of them, drawn at random, mirrored half the time.
    count, seed, start
        Pictures number ``start`` to ``start + count - 1`` of those with this seed.
    size
        Height and width in pixels, 32 to 512.
    background
        One or several of "grass", "gravel", "brick" and "gradient", to draw from. Pictures with the same seed and
        number show the same thing at the same place and size in the same light, whatever is behind it.

    Raises
    ------
    ValueError
        If a name is unknown, or count or size is out of range.
    """
    kinds = [choice("background", kind, BACKGROUNDS) for kind in name_list("background", background)]
    count, seed, start = whole_number("count", count), seed_number(seed), whole_number("start", start)
    size = whole_number("size", size, 32, 512)
    known = isinstance(things, (list, tuple)) and all(isinstance(thing, (str, CutOut)) for thing in things)
    if not known or not things:
        raise ValueError(f"Give a list of cut-outs or of their names; got {things!r}.")
    cutouts = [cutout(thing) if isinstance(thing, str) else thing for thing in things]
    pictures = np.empty((count, size, size, 3), np.uint8)
    for row in range(count):
        scene, behind = (np.random.default_rng([seed, start + row, stream]) for stream in (0, 1))
        thing = cutouts[scene.integers(len(cutouts))]
        if scene.random() < 0.5:
            thing = replace(thing, picture=thing.picture[:, ::-1])
        shine, share, place = light(1, size, scene)[0], scene.uniform(*SIZES), int(scene.integers(2**32))
        canvas = np.rint(255 * np.clip(backgrounds(1, size, behind, kinds)[1][0], 0, 1)).astype(np.uint8)
        picture = collage([thing], None, share, canvas, size, seed=place).picture
        pictures[row] = np.rint(np.clip(picture * shine, 0, 255))
    return pictures


def class_pictures(
    network: PhotoNetwork,
    class_name: str,
    count: int,
    seed: int = 0,
    background: str | Sequence[str] = BACKGROUNDS,
    things: Sequence[str | CutOut] | None = None,
) -> tuple[np.ndarray, float]:
    """Collages that the network recognises, (count, size, size, 3) 8-bit RGB, and their share of all that were tried.

    Where another class has the largest logit, there is nothing to explain. ``things`` are the cut-outs of the class by
    default; the other parameters are those of :func:`thing_pictures`.

    Raises
    ------
    ValueError
        As :func:`thing_pictures`; if the class or its cut-outs are unknown, or hardly a picture is recognised.
    """
    things = class_cutouts(class_name) if things is None else things
    count, target = whole_number("count", count, 1), network.class_index(class_name)
    kept, tried = [], 0
    while len(kept) < count:
        drawn = thing_pictures(things, TRIED_AT_A_TIME, seed, network.input_size, background, start=tried)
        right = np.flatnonzero(network.logits(network.preprocess(drawn)).argmax(axis=1) == target)
        right = right[: count - len(kept)]
        kept.extend(drawn[right])
        # pictures after the last that is kept do not count as tried
        tried += len(drawn) if len(kept) < count else int(right[-1]) + 1
        if len(kept) < LEAST_RECOGNISED * tried - 2:
            raise ValueError(
                f"{network.title} recognised {len(kept)} of {tried} pictures of {class_name!r} at {network.input_size} "
                "pixels. Take larger pictures: vgg16('gap', input_size=224)."
            )
    return np.array(kept), len(kept) / tried
