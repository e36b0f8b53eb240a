"""Hostile arguments for the explanation methods of notebooks 2 and 3, on a network of a few hundred weights."""

import flipping
import numpy as np
import pytest
from arguments import attack, case, require_good_call, shaped, shaped_like, table
from hypothesis import given
from hypothesis import strategies as st

from helpers.course import targets
from helpers.course.backend import keras, set_seeds
from helpers.lrp import explanation as lrp
from helpers.lrp import gradients as attribution
from helpers.photos import scores
from helpers.sanity import methods as explainers
from helpers.sanity import randomisation as redrawing
from helpers.sanity import randomisation as sanity
from helpers.sanity import similarity, truth
from helpers.sanity import tables as truth_tables
from helpers.sanity.truth import Scenes
from helpers.tcav import runs as tcav_runs
from helpers.tcav import scores as tcav
from helpers.tcav import significance as tcav_significance
from helpers.tcav import vectors as tcav_vectors
from helpers.vgg16 import cam, occlusion, photo_network
from helpers.vgg16 import gradients as saliency

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
MASKS = np.zeros((2, 12, 10), bool)
MASKS[:, 3:7, 2:6] = True
TARGETS = np.array([0, 2])
VECTORS = RNG.normal(size=(3, 5))
CONCEPT, RANDOM = RNG.normal(1, 1, (12, 5)), RNG.normal(0, 1, (60, 5))
GRADIENTS = RNG.normal(size=(6, 5))
VECTOR = tcav_vectors.concept_vector(CONCEPT, RANDOM)
SCENES = Scenes(IMAGES, MASKS, TARGETS)
FOUND = sanity.cascading_randomisation(MODEL, saliency.input_gradient, IMAGES, 0)
TABLE = truth_tables.Table(
    "t", {"a": "first", "b": "second"}, {m: {"a": (i, 0.1), "b": (-i, 0.1)} for i, m in enumerate("xyz")}
)
PHOTOS = photo_network.PhotoNetwork(
    keras.Model(P := keras.Input((8, 8, 3)), keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(P))),
    "gap", "tiny", 8, ("tabby", "goldfish", "Egyptian cat"), ("n1", "n2", "n3"),
)  # fmt: skip
PICTURES = RNG.integers(0, 256, (2, 8, 8, 3)).astype(np.uint8)

asked = {"model": MODEL, "images": IMAGES, "target": TARGETS}
one = {"model": MODEL, "images": IMAGES, "target": 1}
like_images, like_maps = shaped_like("images"), shaped_like("images", 3)

CASES = table(
    case(targets.checked_images, like_images, model=MODEL, images=IMAGES),
    case(targets.output_weights, shaped(2, 3), model=MODEL, count=2, target=TARGETS, kept=["count", "model"]),
    case(targets.get_layer, model=MODEL, name="conv1", kept=["model"]),
    case(saliency.feature_maps, model=MODEL, images=IMAGES, layers="conv2", batch_size=2),
    case(saliency.feature_maps, model=MODEL, images=IMAGES, layers=["conv1", "conv2"], batch_size=2),
    case(saliency.filters, model=MODEL, layer="conv1"),
    case(saliency.logits, lambda found, a: len(found) == len(a["images"]), model=MODEL, images=IMAGES, batch_size=1),
    case(saliency.input_gradient, like_images, **asked, batch_size=2),
    case(saliency.input_gradient, like_images, **(asked | {"target": np.ones((2, 3))})),
    case(saliency.gradient_times_input, like_images, **one),
    case(saliency.smooth_gradient, like_images, **one, samples=2, noise=0.1, seed=0, batch_size=2, endless=["samples"]),
    case(saliency.pixel_map, gradient=IMAGES, how="sum"),
    case(cam.class_activation_map, lambda found, a: found.shape[1:] == (6, 5), **one, batch_size=2),
    case(cam.grad_cam, **one, layer="conv2", relu=True, batch_size=2),
    case(cam.grad_cam, **one, layer=["conv1", "conv2"]),
    case(cam.enlarge, lambda found, a: found.shape[1:] == tuple(a["size"]), maps=MAPS, size=(24, 20)),
    case(cam.unit_range, shaped_like("maps"), maps=MAPS),
    case(occlusion.patch_starts, length=12, patch=4, stride=2),
    case(occlusion.occlusion_map, like_maps, **one, patch=6, stride=3, fill=0.0, batch_size=4),
    case(occlusion.best_window, values=MAPS[0], size=3),
    case(occlusion.hide, shaped_like("images"), images=IMAGES, corner=(1, 2), size=3, fill=0.0),
    case(
        occlusion.closure_test,
        model=MODEL, image=IMAGES[:1], target=1, importance=MAPS[0], size=3, draws=2, seed=0, fill=0.0, endless=["draws"],
    ),
    case(saliency.integrated_gradients, like_images, **one, baseline=0.0, steps=2, batch_size=2, endless=["steps"]),
    case(saliency.completeness_gap, shaped(2), **one, attribution=IMAGES, baseline=0.0),
    case(attribution.guided_backpropagation, like_images, **one, batch_size=2, kept=["model"]),
    case(attribution.deconvnet, like_images, **one, kept=["model"]),
    case(lrp.lrp, like_images, **one, batch_size=2, kept=["model"]),
    case(explainers.explainers(MODEL, -1.5, 1.5)["LRP EpsilonGammaBox"], like_maps, **one, kept=["model"]),
    case(
        explainers.explainers,
        model=MODEL, low=-1.0, high=1.0, noisy_copies=2, path_steps=2, patch=4, batch_size=2,
        kept=["low", "high", "noisy_copies", "path_steps", "patch", "batch_size"],
    ),
    case(explainers.centre_blob, like_maps, **one, kept=["model", "target"]),
    case(explainers.random_map, like_maps, **one, kept=["model", "target"]),
    case(sanity.edges, like_maps, images=IMAGES),
    case(
        sanity.cascading_randomisation,
        **one, explain=saliency.input_gradient, at=["conv1"], seed=0, kept=["explain"],
    ),
    case(sanity.independent_randomisation, **one, explain=saliency.input_gradient, at=["conv1"], kept=["explain"]),
    case(sanity.random_logit, **one, explain=saliency.input_gradient, seed=0, kept=["explain"]),
    case(FOUND.similarities, measures=["spearman"]),
    case(redrawing.drawable_layers, lambda found, a: len(found) > 0, model=MODEL, undefined=True),
    case(similarity.spearman, first=MAPS[0], second=MAPS[1], undefined=True),
    case(similarity.absolute_spearman, first=MAPS[0], second=MAPS[1], undefined=True),
    case(similarity.ssim, first=MAPS[0], second=MAPS[1], undefined=True),
    case(similarity.similarities, maps=MAPS, others=MAPS[::-1].copy(), measures=["spearman", "ssim"], undefined=True),
    case(scores.mass_inside, values=MAPS[0], mask=MASKS[0], undefined=True),
    case(scores.pointing_hit, values=MAPS[0], mask=MASKS[0]),
    case(scores.pointing_place, values=MAPS[0], own=MASKS[0], other=~MASKS[0]),
    case(scores.pointing_game, maps=MAPS, masks=MASKS),
    case(scores.area_share, lambda found, a: 0 <= found <= 1, mask=MASKS[0]),
    case(
        flipping.flipping, lambda found, a: found.most.shape == (2, a["steps"] + 1),
        **one, maps=MAPS, tile=4, steps=2, fill="mean", score="logit", draws=1, seed=0, batch_size=4,
        endless=["steps", "draws"],
    ),
    case(flipping.filling, shaped_like("images"), images=IMAGES, fill="blur", tile=4),
    case(flipping.tile_sums, maps=MAPS, tile=4),
    case(
        tcav.activations, lambda found, a: len(found) == len(a["images"]),
        model=MODEL, layer="conv2", images=IMAGES, pooling="mean", batch_size=2,
    ),
    case(tcav.logit_gradients, model=MODEL, layer="conv2", images=IMAGES, target=1, pooling="mean", batch_size=2),
    case(
        tcav.directional_derivatives, lambda found, a: len(found) == len(a["images"]),
        model=MODEL, layer="conv2", images=IMAGES, target=1, vectors=VECTORS, pooling="mean",
    ),
    case(tcav.tcav_score, derivatives=RNG.normal(size=(6, 3))),
    case(
        tcav_vectors.concept_vector, lambda found, a: abs(np.linalg.norm(found.vector) - 1) < 1e-6,
        concept_activations=CONCEPT, random_activations=RANDOM, seed=0, held_out=0.3,
    ),
    case(tcav_vectors.accuracy_beyond_chance, trials=20, level=0.05),
    case(tcav_vectors.projections, shaped_like("activations", 1), activations=RANDOM, vector=VECTOR, kept=["vector"]),
    case(tcav_vectors.sort_by_concept, shaped_like("activations", 1), activations=RANDOM, vector=VECTORS[0]),
    case(
        tcav_runs.compare_with_random,
        concepts={"c": {"l": CONCEPT}}, random={"l": RANDOM}, gradients={"k": {"l": GRADIENTS}}, counterparts=3, size=10,
        seed=0, undefined=True,
    ),
    case(
        tcav_significance.compare_scores, scores=[0.1, 0.2, 0.4], random_scores=[0.3, 0.5, 0.9], overlap=0.1, undefined=True,
    ),
    case(Scenes, images=IMAGES, masks=MASKS, targets=TARGETS),
    case(truth.score_maps, scenes=SCENES, maps=MAPS, kept=["scenes"], undefined=True),
    case(truth.clustered, values=[0.1, 0.2, 0.3], scene=[0, 0, 1], undefined=True),
    case(TABLE.column, name="a"),
    case(truth_tables.rank_agreement, table=TABLE, first="a", second="b", kept=["table"]),
    case(truth_tables.format_table, table=TABLE, columns=["a"], sort="b", kept=["table"]),
    case(PHOTOS.preprocess, images=PICTURES),
    case(PHOTOS.to_rgb, shaped_like("inputs"), inputs=PHOTOS.preprocess(PICTURES)),
    case(PHOTOS.logits, lambda found, a: found.shape == (len(a["inputs"]), 3), inputs=PHOTOS.preprocess(PICTURES)),
    case(PHOTOS.decode, logits=RNG.normal(size=(2, 3)), top=2),
    case(PHOTOS.class_index, name="tabby"),
    case(photo_network.softmax, shaped_like("logits"), logits=RNG.normal(size=(2, 3))),
)  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_good_call_is_answered(name):
    require_good_call(CASES[name])


@pytest.mark.parametrize("name", CASES)
@given(data=st.data())
def test_a_hostile_argument_is_refused_or_answered(name, data):
    attack(CASES[name], data, models=MODELS)
