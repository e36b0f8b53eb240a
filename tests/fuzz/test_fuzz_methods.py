"""Hostile arguments for what notebooks 2 and 3 call to explain, on a network of a few hundred weights."""

import numpy as np
import pytest
from arguments import attack, case, require_good_call, shaped_like, table
from hypothesis import given
from hypothesis import strategies as st

from helpers.course.backend import keras, set_seeds
from helpers.lrp import explanation
from helpers.lrp import gradients as lrp_gradients
from helpers.photos import scores
from helpers.sanity import methods, randomisation, similarity, tables, truth
from helpers.tcav import runs, vectors
from helpers.tcav import scores as tcav_scores
from helpers.vgg16 import cam, gradients, occlusion, photo_network

set_seeds(0)
INPUT = keras.Input((12, 10, 3))
X = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="conv1")(INPUT)
X = keras.layers.MaxPooling2D(2, name="pool1")(X)
X = keras.layers.Conv2D(5, 3, padding="same", activation="relu", name="conv2")(X)
X = keras.layers.GlobalAveragePooling2D(name="average")(X)
MODEL = keras.Model(INPUT, keras.layers.Dense(3, name="scores")(X))
SOFTMAX = keras.Model(INPUT, keras.layers.Softmax()(MODEL(INPUT)))
TWO = keras.Model([INPUT, OTHER := keras.Input((3,))], keras.layers.Add()([MODEL(INPUT), OTHER]))
FLAT = keras.Sequential([keras.Input((12, 10, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
MODELS = [None, "vgg16", 3, SOFTMAX, TWO, FLAT, keras.Sequential([keras.layers.Dense(2)])]

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(-1, 1, (2, 12, 10, 3)).astype(np.float32)
MAPS = RNG.normal(size=(2, 12, 10))
HIDDEN = occlusion.HiddenSquares(np.arange(4.0), np.array([[0, 0], [0, 2], [4, 0], [4, 2]]), 8, (12, 10))
MASKS = np.zeros((2, 12, 10), bool)
MASKS[:, 3:7, 2:6] = True
TARGETS = np.array([0, 2])
VECTORS = RNG.normal(size=(3, 5))
CONCEPT, RANDOM = RNG.normal(1, 1, (12, 5)), RNG.normal(0, 1, (60, 5))
GRADIENTS = RNG.normal(size=(6, 5))
VECTOR = vectors.concept_vector(CONCEPT, RANDOM)
SCENES = truth.Scenes(IMAGES, MASKS[:, np.newaxis], TARGETS[:, np.newaxis])
RUN = randomisation.cascading_randomisation(MODEL, gradients.input_gradient, IMAGES, 0)
TABLE = tables.Table(
    "t", {"a": "first", "b": "second"}, {m: {"a": (i, 0.1), "b": (-i, 0.1)} for i, m in enumerate("xyz")}
)
PHOTOS = photo_network.PhotoNetwork(
    keras.Model(P := keras.Input((8, 8, 3)), keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(P))),
    "gap", "tiny", 8, ("tabby", "goldfish", "Egyptian cat"), ("n1", "n2", "n3"),
)  # fmt: skip
PICTURES = RNG.integers(0, 256, (2, 8, 8, 3)).astype(np.uint8)

one = {"model": MODEL, "images": IMAGES, "target": 1}
like_images, like_maps = shaped_like("images"), shaped_like("images", 3)


def listed(names) -> list:
    return [names] if isinstance(names, str) else list(names)


def for_each_layer(check):
    """A check of an array for one layer, and of a dictionary of arrays for a list of layers."""

    def every(found, a):
        name = "layers" if "layers" in a else "layer"
        found = {a[name]: found} if isinstance(a[name], str | None) else found
        return set(found) == set(listed(a[name] or [None])) and all(check(values, a) for values in found.values())

    return every


def one_map_an_image(found, a) -> bool:
    return found.ndim >= 3 and len(found) == len(a["images"])


def one_row_an_image(found, a) -> bool:
    return found.ndim == 2 and len(found) == len(a["images"])


def alike(found, a) -> bool:
    """A similarity: at most 1, or not defined."""
    return bool(np.all(np.isnan(found) | (np.abs(found) <= 1)))


def share_or_undefined(found, a) -> bool:
    return np.isnan(found) or 0 <= found <= 1


def grad_cams(found, a) -> bool:
    return one_map_an_image(found, a) and (not a.get("relu", True) or found.min() >= 0)


def untouched_first(found, a) -> bool:
    maps = gradients.input_gradient(a["model"], a["images"], a["target"])
    return found.layers[0] == randomisation.UNTOUCHED and np.allclose(
        found.maps[0], maps, rtol=1e-4, atol=1e-5 * np.abs(maps).max()
    )


def another_class(found, a) -> bool:
    maps, other_maps, others = found
    return maps.shape == other_maps.shape == np.shape(a["images"]) and bool(np.all(others != a["target"]))


def right_start(found, a) -> bool:
    return found.relevance.shape == np.shape(a["images"]) and found.start.shape == found.logits.shape


def probable_first(found, a) -> bool:
    rows = [[guess.probability for guess in row] for row in found]
    return all(len(row) == a["top"] and row == sorted(row, reverse=True) and row[-1] >= 0 for row in rows)


def headed(found, a) -> bool:
    columns = TABLE.columns if a["columns"] is None else listed(a["columns"])
    return found.splitlines()[0].split() == list(columns)


CASES = table(
    case(gradients.feature_maps, for_each_layer(one_map_an_image), model=MODEL, images=IMAGES, layers="conv2", batch_size=2),
    case(gradients.feature_maps, for_each_layer(one_map_an_image), model=MODEL, images=IMAGES, layers=["conv1", "conv2"]),
    case(gradients.filters, lambda found, a: found.shape == (3, 3, 3, 4), model=MODEL, layer="conv1"),
    case(gradients.input_gradient, like_images, **(one | {"target": TARGETS}), batch_size=2),
    case(gradients.input_gradient, like_images, **(one | {"target": np.ones((2, 3))})),
    case(gradients.gradient_times_input, like_images, **one),
    case(
        gradients.smooth_gradient, like_images,
        **one, samples=2, noise=0.1, seed=0, batch_size=2, endless=["samples"],
    ),
    case(gradients.integrated_gradients, like_images, **one, baseline=0.0, steps=2, batch_size=2, endless=["steps"]),
    case(gradients.pixel_map, shaped_like("gradient", -1), gradient=IMAGES, how="sum"),
    case(cam.class_activation_map, lambda found, a: found.shape[1:] == (6, 5), **one, batch_size=2),
    case(cam.grad_cam, for_each_layer(grad_cams), **one, layer="conv2", relu=True, batch_size=2),
    case(cam.grad_cam, for_each_layer(grad_cams), **one, layer=["conv1", "conv2"]),
    case(cam.enlarge, lambda found, a: found.shape[1:] == tuple(a["size"]), maps=MAPS, size=(24, 20)),
    case(occlusion.occlusion_map, like_maps, **one, patch=6, stride=3, fill=0.0, batch_size=4),
    case(
        occlusion.hide_everywhere, lambda found, a: len(found.falls) == len(found.corners),
        model=MODEL, image=IMAGES[:1], target=1, size=3, stride=2, fill=0.0, batch_size=4,
    ),
    case(occlusion.closure_test, lambda found, a: 1 <= found[1] <= 4, hidden=HIDDEN, importance=MAPS[0], kept=["hidden"]),
    case(lrp_gradients.guided_backpropagation, like_images, **one, batch_size=2, kept=["model"]),
    case(lrp_gradients.deconvnet, like_images, **one, kept=["model"]),
    case(explanation.lrp, like_images, **one, batch_size=2, kept=["model"]),
    case(explanation.explain, right_start, **one, kept=["model"]),
    case(methods.explainers(MODEL, -1.5, 1.5)["LRP EpsilonGammaBox"], like_maps, **one, kept=["model"]),
    case(
        methods.explainers, lambda found, a: tuple(found)[-3:] == methods.BASELINES,
        model=MODEL, low=-1.0, high=1.0, noisy_copies=2, path_steps=2, patch=4, batch_size=2,
        kept=["low", "high", "noisy_copies", "path_steps", "patch", "batch_size"],
    ),
    case(methods.centre_blob, like_maps, **one, kept=["model", "target"]),
    case(methods.random_map, like_maps, **one, kept=["model", "target"]),
    case(randomisation.edges, like_maps, images=IMAGES),
    case(
        randomisation.cascading_randomisation, untouched_first,
        **one, explain=gradients.input_gradient, at=["conv1"], seed=0, kept=["explain"],
    ),
    case(
        randomisation.independent_randomisation, untouched_first,
        **one, explain=gradients.input_gradient, at=["conv1"], kept=["explain"],
    ),
    case(randomisation.random_logit, another_class, **one, explain=gradients.input_gradient, seed=0, kept=["explain"]),
    case(
        RUN.similarities, lambda found, a: all(np.all(values[0] == 1) for values in found.values()),
        measures=["spearman"],
    ),
    case(similarity.spearman, alike, first=MAPS[0], second=MAPS[1], undefined=True),
    case(similarity.absolute_spearman, alike, first=MAPS[0], second=MAPS[1], undefined=True),
    case(
        similarity.similarities, lambda found, a: all(alike(values, a) for values in found.values()),
        maps=MAPS, others=MAPS[::-1].copy(), measures=["spearman", "ssim"], undefined=True,
    ),
    case(scores.mass_inside, share_or_undefined, values=MAPS[0], mask=MASKS[0], undefined=True),
    case(scores.area_share, lambda found, a: 0 <= found <= 1, mask=MASKS[0]),
    case(
        truth.explained, lambda found, a: found.shape == (len(SCENES.asked), *SCENES.images.shape[1:3]),
        model=MODEL, scenes=SCENES, explain=randomisation.edge_detector, batch_size=2, kept=["scenes", "explain"],
    ),
    case(TABLE.column, lambda found, a: list(found) == ["x", "y", "z"], name="a"),
    case(
        tables.rank_agreement, lambda found, a: abs(found[0]) <= 1 and found[1] == 3,
        table=TABLE, first="a", second="b", kept=["table"],
    ),
    case(tables.format_table, headed, table=TABLE, columns=["a"], sort="b", kept=["table"]),
    case(
        tcav_scores.activations, for_each_layer(one_row_an_image),
        model=MODEL, layer="conv2", images=IMAGES, pooling="mean", batch_size=2,
    ),
    case(
        tcav_scores.logit_gradients, for_each_layer(one_row_an_image),
        model=MODEL, layer="conv2", images=IMAGES, target=1, pooling="mean", batch_size=2,
    ),
    case(
        tcav_scores.directional_derivatives, lambda found, a: len(found) == len(a["images"]),
        model=MODEL, layer="conv2", images=IMAGES, target=1, vectors=VECTORS, pooling="mean",
    ),
    case(
        tcav_scores.tcav_score, lambda found, a: bool(np.all((found.score >= 0) & (found.score <= 1))),
        derivatives=RNG.normal(size=(6, 3)),
    ),
    case(
        vectors.concept_vector, lambda found, a: abs(np.linalg.norm(found.vector) - 1) < 1e-6,
        concept_activations=CONCEPT, random_activations=RANDOM, seed=0,
    ),
    case(vectors.accuracy_beyond_chance, lambda found, a: found >= 0.6, trials=20),
    case(vectors.projections, shaped_like("activations", 1), activations=RANDOM, vector=VECTOR, kept=["vector"]),
    case(
        runs.compare_with_random, lambda found, a: all(0 <= test.mean <= 1 and 0 <= test.accuracy <= 1 for test in found),
        concepts={"c": {"l": CONCEPT}}, random={"l": RANDOM}, gradients={"k": {"l": GRADIENTS}}, counterparts=3, size=10,
        seed=0, undefined=True,
    ),
    case(PHOTOS.preprocess, lambda found, a: found.shape[1:] == (8, 8, 3), images=PICTURES),
    case(PHOTOS.logits, lambda found, a: found.shape == (len(a["inputs"]), 3), inputs=PHOTOS.preprocess(PICTURES)),
    case(PHOTOS.decode, probable_first, logits=RNG.normal(size=(2, 3)), top=2),
    case(PHOTOS.class_index, lambda found, a: 0 <= found < 3, name="tabby"),
)  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_good_call_is_answered(name):
    require_good_call(CASES[name])


@pytest.mark.parametrize("name", CASES)
@given(data=st.data())
def test_a_hostile_argument_is_refused_or_answered(name, data):
    attack(CASES[name], data, models=MODELS)
