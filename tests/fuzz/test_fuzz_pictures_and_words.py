"""Hostile arguments for pictures, the toy world, concepts, sentences and questions."""

import numpy as np
import pytest
from arguments import attack, case, require_good_call, shaped_like, table
from hostile import answer
from hypothesis import given
from hypothesis import strategies as st
from question_fakes import left_half

from helpers.digits import network as digit_network
from helpers.digits import pictures as digits
from helpers.photos import collages, folders, images
from helpers.questions import asked, explained, scenes
from helpers.questions.language import ask
from helpers.questions.network import question_network
from helpers.tcav import own_concepts, photo_concepts
from helpers.toyworld import concepts, world
from helpers.toyworld import network as toyworld_network
from helpers.vgg16 import networks as vgg16
from helpers.words import checks, scores, sentiment, text

RNG = np.random.default_rng(0)
TILE = RNG.integers(0, 256, (40, 40, 3)).astype(np.uint8)
TEXTS = ["a good film", "a bad , bad film", "good and bad things happen in it", "such a good idea", "not so bad ."] * 4
SENTENCES = text.RatedTexts(tuple(TEXTS), np.array([2.0, -2.0, 0.5, 1.5, -0.5] * 4))
VOCABULARY = text.build_vocabulary(SENTENCES.texts)
NETWORK = sentiment.SentimentNetwork(sentiment.build_sentiment_model(len(VOCABULARY), 3, 2), VOCABULARY)
WORDS = text.encode(VOCABULARY, TEXTS[:3])
VALENCES = {"good": 2.0, "bad": -2.0, "idea": 1.0, "things": -1.0}
WORLD = world.make_world(3)
COATS = toyworld_network.toyworld_network("coats")
SCENE = scenes.draw_scenes(1)[0]
QUESTION = asked.ask_scenes(1, 1, 0).answered[0].question.text
ASKER = question_network()
ORIGIN = digits.load_digits()
FEW = digits.Digits(*(part[:20] for part in (
    ORIGIN.train_images, ORIGIN.train_labels, ORIGIN.test_images, ORIGIN.test_labels)))  # fmt: skip

pictures = {"count": 2, "seed": 0, "size": 32, "endless": ["count"]}


def drawn(found, a) -> bool:
    """As many pictures as were asked for, of the size asked for, none of them blank."""
    return found.shape == (a["count"], a["size"], a["size"], 3) and all(np.ptp(each) > 0 for each in found)


def collage_fits(found, a) -> bool:
    """A mask for every thing, and no pixel in two of them."""
    size = a["size"]
    return (
        found.picture.shape == (size, size, 3)
        and found.masks.shape == (len(found.names), size, size)
        and found.masks.sum(axis=0).max() <= 1
    )


def scores_fit(found, a) -> bool:
    """A score for every word and none for the padding."""
    return found.shape == np.shape(a["words"]) and not found[np.equal(a["words"], text.PADDING)].any()


def explained_fits(found, a) -> bool:
    return (
        found.words == tuple(text.split_into_words(a["text"]))
        and found.scores.shape == found.known.shape == (len(found.words),)
        and found.method == a["method"]
    )


def compared(found, a) -> bool:
    return (
        all(-1.000001 <= value <= 1.000001 for value in (found.correlation, found.sizes))
        and 0 <= found.agreement <= 1
        and found.chance_agreement.shape == (a["draws"],)
        and 0 < found.count <= np.size(a["scores"])
    )


def deleted(found, a) -> bool:
    curves = [*found.right.values(), *found.wrong.values()]
    return (
        list(found.right) == [*scores.METHODS, "random order"]
        and all(curve.shape == (a["deletions"] + 1,) for curve in curves)
        and all(np.isnan(curve).all() or ((curve >= 0) & (curve <= 1)).all() for curve in curves)
        and sum(found.counts) <= len(a["texts"])
    )


def split(found, a) -> bool:
    clear = {one for one, rating in zip(SENTENCES.texts, SENTENCES.ratings, strict=True) if abs(rating) >= a["least"]}
    return set(found[0].texts) | set(found[1].texts) == clear and not set(found[0].texts) & set(found[1].texts)


def judged(found, a) -> bool:
    return (
        list(found.signs) == list(found.counts) == list(dict.fromkeys(float(value) for value in a["least"]))
        and all(np.isnan(share) or 0 <= share <= 1 for share in found.signs.values())
        and (np.isnan(found.correlation) or -1.000001 <= found.correlation <= 1.000001)
    )


def answered(found, a) -> bool:
    return (
        found.pixels.shape == (96, 96)
        and len(found.words) == len(found.asked.question.words)
        and 0 < found.probability <= 1
        and found.explained == (found.answer if a["answer"] is None else a["answer"])
    )


CASES = table(
    case(images.sample_photo, lambda found, a: found.shape[2] == 3 and np.ptp(found) > 0, name="cat", size=16),
    case(
        images.grey_values, lambda found, a: np.shape(found) == np.shape(a["picture"])[:2]
        and np.abs(found).max() <= np.abs(np.asarray(a["picture"], float)).max() / 255 * 1.000001, picture=TILE,
    ),
    case(
        folders.image_folder, lambda found, a: len(found) == len(found.names), path="nowhere", size=16, limit=2,
    ),
    case(
        own_concepts.texture_set, lambda found, a: found.shape[1:] == (a["size"], a["size"], 3),
        tile=TILE, count=2, seed=0, size=16, colours="random", endless=["count"],
    ),
    case(
        collages.collage, collage_fits, things=["elephant", "bison"], places=[(0.3, 0.3), (0.7, 0.7)],
        sizes=[0.3, 0.3], background="grass", size=64, seed=0,
    ),
    case(
        collages.collage, collage_fits, things=["elephant"], places=None, sizes=0.4,
        background=np.zeros((64, 64, 3), np.uint8), size=64,
    ),
    case(photo_concepts.photo_concept, drawn, name="striped", scale=40, **pictures),
    case(
        photo_concepts.thing_pictures, drawn, things=["elephant"], background="grass", start=0, **pictures,
    ),
    case(concepts.concept_set, drawn, name="striped", source="texture", **pictures),
    case(concepts.random_set, drawn, source="texture", **pictures),
    case(
        world.make_world, lambda found, a: len(found) == a["count"] and set(found.names("coat")) <= set(a["coats"]),
        count=2, seed=0, outlines=("horse", "cow"), coats=("plain", "striped"), backgrounds=("grass",), hue="red",
        endless=["count"],
    ),
    case(
        world.Watermark, lambda found, a: 0 <= found.probability <= 1 and found.class_name == a["class_name"],
        class_name="horse", probability=0.5, by="outline",
    ),
    case(
        world.with_watermark, lambda found, a: (found.coats == WORLD.coats).all() and len(found.marked) == 3,
        world=WORLD, which=np.array([True, False, True]), kept=["world"],
    ),
    case(
        world.swap_coats, lambda found, a: (found.outlines == WORLD.outlines).all() and (found.masks == WORLD.masks).all(),
        world=WORLD, seed=0, kept=["world"],
    ),
    case(
        WORLD.part, lambda found, a: np.isin(found.numbers, WORLD.numbers).all()
        and len(found.pictures) == len(found.numbers), which=np.array([True, False, True]),
    ),
    case(WORLD.labels, lambda found, a: found.shape == (3,) and found.min() >= 0, by="coat"),
    case(
        toyworld_network.toyworld_network, lambda found, a: found.name == a["name"], name="coats", undefined=True,
    ),
    case(
        COATS.preprocess, lambda found, a: np.allclose(found, np.asarray(a["pictures"]) / 127.5 - 1, atol=1e-6),
        pictures=WORLD.pictures,
    ),
    case(COATS.logits, lambda found, a: found.shape == (len(a["inputs"]), 4), inputs=COATS.preprocess(WORLD.pictures)),
    case(COATS.class_index, lambda found, a: COATS.labels[found] == a["label"], label="striped"),
    case(
        vgg16.vgg16, lambda found, a: found.model.input_shape == (None, 32, 32, 3), weights="gap", input_size=32,
        quiet=True, kept=["weights", "input_size", "quiet"],
    ),
    case(
        digits.centre_digit, lambda found, a: found.shape == (28, 28) and found.min() >= 0 and found.max() <= 1.000001,
        drawing=RNG.uniform(size=(12, 9)),
    ),
    case(text.load_sentences, lambda found, a: len(found) == {"films": 10_605, "products": 3_707}[a["about"]],
         about="products"),
    case(text.training_and_test, split, sentences=SENTENCES, test=0.3, least=0.3, seed=1, kept=["sentences"]),
    case(
        SENTENCES.select, lambda found, a: set(found.texts) <= set(TEXTS) and len(found.texts) == len(found.ratings),
        chosen=np.arange(3),
    ),
    case(
        text.encode, lambda found, a: len(found) == len(a["texts"])
        and list((found != text.PADDING).sum(axis=1)) == [len(text.split_into_words(one)) for one in a["texts"]],
        vocabulary=VOCABULARY, texts=TEXTS[:3], kept=["vocabulary"],
    ),
    case(
        sentiment.sentiment_logits, shaped_like("texts", 1), network=NETWORK, texts=TEXTS[:2], batch_size=2,
        kept=["network"],
    ),
    case(
        sentiment.quality, judged, logits=np.array([1.0, -1.0, 2.0]), ratings=np.array([2.0, -2.0, 3.0]),
        least=(0.5, 1.0), undefined=True,
    ),
    *(
        case(method, scores_fit, network=NETWORK, words=WORDS, target=1, kept=["network"])
        for method in scores.METHODS.values()
    ),
    case(
        scores.explain_sentence, explained_fits, network=NETWORK, text="a good film", method="LRP", target=1,
        kept=["network"],
    ),
    case(
        checks.compare_with_valences, compared,
        network=NETWORK, texts=TEXTS[:5], scores=RNG.normal(size=text.encode(VOCABULARY, TEXTS[:5]).shape),
        valences=VALENCES, draws=2, seed=0, kept=["network"], endless=["draws"],
    ),
    case(
        checks.deletion_curves, deleted, network=NETWORK, texts=TEXTS[:5], ratings=SENTENCES.ratings[:5],
        deletions=1, least_words=2, draws=1, seed=0, kept=["network"], endless=["deletions", "draws"], undefined=True,
    ),
    case(
        ask, lambda found, a: set(found.needed) <= set(found.visited) <= set(range(len(SCENE)))
        and found.answer in ASKER.labels, scene=SCENE, question=QUESTION, kept=["scene"],
    ),
    case(
        explained.explain_question, answered, network=ASKER, scene=SCENE, question=QUESTION, method="planted",
        answer="yes", methods={"planted": left_half}, kept=["network", "scene", "methods"],
    ),
    case(
        scenes.draw_scenes, lambda found, a: len(found) == a["count"] and (found.owners.max(axis=(1, 2)) >= 2).all(),
        count=1, seed=0, endless=["count"],
    ),
    case(
        asked.ask_scenes, lambda found, a: all(one.needed for one in found.answered)
        and len(found) == len(found.numbers) <= a["count"] * a["per_scene"],
        count=2, per_scene=3, seed=0, endless=["count"],
    ),
)  # fmt: skip
NO_FOLDER = "folders.image_folder"


@pytest.mark.parametrize("name", [name for name in CASES if name != NO_FOLDER])
def test_the_good_call_is_answered(name):
    require_good_call(CASES[name])


@pytest.mark.parametrize("name", [name for name in CASES if name != "networks.vgg16"])
@given(data=st.data())
def test_a_hostile_argument_is_refused_or_answered(name, data):
    attack(CASES[name], data)


@pytest.mark.parametrize("argument", ["epochs", "seed"])
@pytest.mark.parametrize("value", [-1, np.nan, "text", {}, 1j, np.zeros(3), [1, 2], np.inf])
def test_a_digit_network_is_not_trained_with_nonsense(argument, value):
    assert answer(lambda: digit_network.train_digit_network(FEW, **{argument: value})) is None


@pytest.mark.parametrize("argument", ["epochs", "batch", "learning_rate", "seed", "embedding", "units", "dropout"])
@pytest.mark.parametrize("value", [-1, np.nan, "text", {}, 1j, np.zeros(3), [1, 2], np.inf])
def test_nor_is_a_sentiment_network(argument, value):
    assert answer(lambda: sentiment.train_sentiment(SENTENCES, **{argument: value})) is None


@given(st.sampled_from([31, 0, -1, 2.5, "224", None, True, np.nan, 10**9, [224]]))
def test_sizes_for_vgg16(size):
    with pytest.raises(ValueError, match="input_size"):
        vgg16.vgg16("gap", input_size=size)
