"""Hostile arguments for pictures, the toy world, concepts, sentences and questions."""

import numpy as np
import pytest
from arguments import attack, case, require_good_call, shaped, shaped_like, table
from hostile import answer
from hypothesis import given
from hypothesis import strategies as st

from helpers.digits import network as digit_networks
from helpers.digits import pictures as digits
from helpers.photos import collages, images
from helpers.photos import folders as image_folders
from helpers.questions import draws as question_draws
from helpers.questions import language as question_grammar
from helpers.questions import language as questions
from helpers.questions import scenes as question_scenes
from helpers.tcav import own_concepts, photo_concepts
from helpers.toyworld import concepts as toyworld_concepts
from helpers.toyworld import network as toyworld_networks
from helpers.toyworld import world as toyworld
from helpers.vgg16 import networks as vgg16
from helpers.words import checks as word_checks
from helpers.words import scores as word_scores
from helpers.words import sentiment, text

RNG = np.random.default_rng(0)
TILE = RNG.integers(0, 256, (40, 40, 3)).astype(np.uint8)
TEXTS = ["a good film", "a bad , bad film", "good and bad things happen in it", "such a good idea", "not so bad ."] * 4
SENTENCES = text.RatedTexts(tuple(TEXTS), np.array([2.0, -2.0, 0.5, 1.5, -0.5] * 4), np.ones(20))
NETWORK = sentiment.train_sentiment(SENTENCES, epochs=1, embedding=3, units=2)
VOCABULARY = NETWORK.vocabulary
WORDS = text.encode(VOCABULARY, TEXTS[:3])
SCORES = RNG.normal(size=WORDS.shape)
VALENCES = {"good": 2.0, "bad": -2.0, "idea": 1.0, "things": -1.0}
WORLD = toyworld.make_world(3)
COATS = toyworld_networks.toyworld_network("coats")
SCENE = question_scenes.draw_scenes(1)[0]
QUESTION = question_draws.draw_questions(question_scenes.draw_scenes(1))[0][0].question.text
ORIGIN = digits.load_digits()
FEW = digits.Digits(*(part[:20] for part in (
    ORIGIN.train_images, ORIGIN.train_labels, ORIGIN.test_images, ORIGIN.test_labels)))  # fmt: skip

pictures = {"count": 2, "seed": 0, "size": 32, "endless": ["count"]}


def without(words, stays, how):
    return word_scores.score_without(NETWORK, words, stays, how)


CASES = table(
    case(images.sample_photo, lambda found, a: found.shape[2] == 3, name="cat", size=16),
    case(images.texture, shaped(20, 20, 3), name="grass", size=20, tint=(1.0, 0.5, 0.2), seed=0, kept=["size"]),
    case(images.texture, name="grass", size=20),
    case(images.grey_values, shaped_like("picture", 2), picture=TILE),
    case(image_folders.image_folder, path="nowhere", size=16, limit=2),
    case(
        own_concepts.texture_set, lambda found, a: found.shape[1:] == (a["size"], a["size"], 3),
        tile=TILE, count=2, seed=0, size=16, colours="random", windows=(0.4, 0.6), endless=["count"],
    ),
    case(collages.cutout, name="elephant"),
    case(
        collages.collage, things=["elephant", "bison"], places=[(0.3, 0.3), (0.7, 0.7)], sizes=[0.3, 0.3],
        background="grass", size=64, seed=0,
    ),
    case(
        collages.collage, things=["elephant"], places=None, sizes=0.4, background=np.zeros((64, 64, 3),
        np.uint8), size=64,
    ),
    case(photo_concepts.photo_concept, name="striped", scale=40, **pictures),
    case(photo_concepts.class_cutouts, class_name="bell pepper"),
    case(photo_concepts.thing_pictures, things=["elephant"], background="grass", start=0, **pictures),
    case(toyworld_concepts.concept_set, name="striped", source="texture", **pictures),
    case(toyworld_concepts.random_set, source="texture", **pictures),
    case(
        toyworld.make_world, lambda found, a: len(found) == a["count"],
        count=2, seed=0, outlines=("horse", "cow"), coats=("plain", "striped"), backgrounds=("grass",), hue="red",
        endless=["count"],
    ),
    case(toyworld.Watermark, class_name="horse", probability=0.5, by="outline"),
    case(
        toyworld.with_watermark, lambda found, a: len(found) == 3, world=WORLD, which=np.array([True, False,
        True]), kept=["world"],
    ),
    case(toyworld.swap_coats, lambda found, a: len(found) == 3, world=WORLD, seed=0, kept=["world"]),
    case(WORLD.part, which=np.array([True, False, True])),
    case(WORLD.labels, by="coat"),
    case(toyworld_networks.toyworld_network, lambda found, a: found.name == a["name"], name="coats", undefined=True),
    case(COATS.preprocess, shaped_like("pictures"), pictures=WORLD.pictures),
    case(COATS.logits, lambda found, a: found.shape == (len(a["inputs"]), 4), inputs=COATS.preprocess(WORLD.pictures)),
    case(COATS.class_index, label="striped"),
    case(vgg16.vgg16, weights="gap", input_size=32, quiet=True, kept=["weights", "input_size", "quiet"]),
    case(digits.centre_digit, shaped(28, 28), drawing=RNG.uniform(size=(12, 9))),
    case(text.load_sentences, about="products"),
    case(text.training_and_test, sentences=SENTENCES, test=0.3, least=0.3, seed=1, kept=["sentences"]),
    case(SENTENCES.select, chosen=np.arange(3)),
    case(text.build_vocabulary, texts=TEXTS, least=2),
    case(
        text.encode, lambda found, a: len(found) == len(a["texts"]),
        vocabulary=VOCABULARY, texts=TEXTS[:3], kept=["vocabulary"],
    ),
    case(sentiment.build_sentiment_model, words=9, embedding=2, units=2, dropout=0.5, seed=0,
         endless=["words", "embedding", "units"]),
    case(
        sentiment.sentiment_logits, shaped_like("texts", 1), network=NETWORK, texts=TEXTS[:2], batch_size=2,
        kept=["network"],
    ),
    case(sentiment.quality, logits=np.array([1.0, -1.0, 2.0]), ratings=np.array([2.0, -2.0, 3.0]), least=(0.5,
        1.0), undefined=True),
    *(
        case(method, shaped_like("words"), network=NETWORK, words=WORDS, target=1, kept=["network"])
        for method in word_scores.METHODS.values()
    ),
    case(
        word_scores.random_words, shaped_like("words"), network=NETWORK, words=WORDS, target=-1, seed=0,
        kept=["network"],
    ),
    case(
        without, shaped_like("words", 1), words=WORDS, stays=WORDS > 0, how="zero",
    ),
    case(word_scores.explain_sentence, network=NETWORK, text="a good film", method="LRP", target=1, kept=["network"]),
    case(
        word_checks.compare_with_valences,
        network=NETWORK, texts=TEXTS[:5], scores=RNG.normal(size=text.encode(VOCABULARY, TEXTS[:5]).shape),
        valences=VALENCES, draws=2, seed=0, kept=["network"], endless=["draws"],
    ),
    case(
        word_checks.verdicts_after_deletion, lambda found, a: found.shape == (a["deletions"] + 1, 3),
        network=NETWORK, words=WORDS, scores=SCORES, sides=np.array([1, -1, 1]), deletions=2, first="most", how="zero",
        kept=["network"], endless=["deletions"],
    ),
    case(
        word_checks.deletion_curves, network=NETWORK, texts=TEXTS[:5], ratings=SENTENCES.ratings[:5],
        deletions=1, least_words=2,
        draws=1, seed=0, how="zero", kept=["network"], endless=["deletions", "draws"], undefined=True,
    ),
    case(questions.ask, scene=SCENE, question=QUESTION, kept=["scene"]),
    case(question_grammar.parse, text="How many red things are there?"),
    case(
        question_scenes.draw_scenes, lambda found, a: len(found) == a["count"], count=1, seed=0, endless=["count"],
    ),
    case(question_draws.draw_questions, scenes=question_scenes.draw_scenes(2), seed=0, kept=["scenes"]),
)  # fmt: skip
NO_FOLDER = "image_folders.image_folder"


@pytest.mark.parametrize("name", [name for name in CASES if name != NO_FOLDER])
def test_the_good_call_is_answered(name):
    require_good_call(CASES[name])


@pytest.mark.parametrize("name", [name for name in CASES if name != "vgg16.vgg16"])
@given(data=st.data())
def test_a_hostile_argument_is_refused_or_answered(name, data):
    attack(CASES[name], data)


@pytest.mark.parametrize("argument", ["labels", "epochs", "until", "learning_rate", "seed"])
@pytest.mark.parametrize("value", [-1, np.nan, "text", {}, 1j, np.zeros(3), [1, 2], np.inf])
def test_a_digit_network_is_not_trained_with_nonsense(argument, value):
    assert answer(lambda: digit_networks.train_digit_network(FEW, **{argument: value})) is None


@pytest.mark.parametrize("argument", ["epochs", "batch", "learning_rate", "seed", "embedding", "units", "dropout"])
@pytest.mark.parametrize("value", [-1, np.nan, "text", {}, 1j, np.zeros(3), [1, 2], np.inf])
def test_nor_is_a_sentiment_network(argument, value):
    assert answer(lambda: sentiment.train_sentiment(SENTENCES, **{argument: value})) is None


@given(st.sampled_from([31, 0, -1, 2.5, "224", None, True, np.nan, 10**9, [224]]))
def test_sizes_for_vgg16(size):
    with pytest.raises(ValueError, match="input_size"):
        vgg16.vgg16("gap", input_size=size)
