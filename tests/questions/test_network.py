"""The network that answers questions: what it computes, and that it is as good as stated."""

import json

import numpy as np
import pytest

from helpers.course.backend import keras, tf
from helpers.course.networks import named_weights
from helpers.files import fetch
from helpers.questions.draws import draw_questions
from helpers.questions.language import ANSWERS, FORMS, LONGEST, TYPES, WORDS, encode_questions
from helpers.questions.network import (
    CHANNELS,
    PLACES,
    REACH,
    Moves,
    Scale,
    Shift,
    new_eyes,
    new_reasoning,
    question_network,
    sectors,
)
from helpers.questions.scenes import SIDE, draw_scenes
from helpers.toyworld.network import preprocess

SCENES, PER_SCENE = 120, 12
LEAST = {"attribute": 0.95, "existence": 0.95, "counting": 0.85, "comparison": 0.85, "relation": 0.85}


@pytest.fixture(scope="module")
def network():
    return question_network()


@pytest.fixture(scope="module")
def fresh():
    """Pictures, questions and answers whose seed neither the training nor the stored figures used."""
    scenes = draw_scenes(SCENES, seed=78)
    flat = [(n, one) for n, own in enumerate(draw_questions(scenes, PER_SCENE, seed=78)) for one in own]
    return preprocess(scenes.pictures, SIDE), [n for n, _ in flat], [one for _, one in flat]


@pytest.fixture(scope="module")
def logits(network, fresh):
    inputs, numbers, asked = fresh
    maps = np.asarray(network.eyes(inputs))[numbers]
    return np.asarray(network.reasoning([maps, encode_questions([one.question for one in asked])]))


@pytest.fixture(scope="module")
def stated():
    folder = fetch("questions/figures.json").parent
    return json.loads((folder / "figures.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", TYPES)
def test_answers_are_as_often_right_as_stated(name, fresh, logits, stated):
    asked = fresh[2]
    rows = [n for n, one in enumerate(asked) if one.question.type == name]
    right = np.mean([ANSWERS[logits[n].argmax()] == asked[n].answer for n in rows])
    rate = stated["types"][name]["accuracy"]
    assert right > rate - 3.3 * np.sqrt(max(rate * (1 - rate), 0.01) / len(rows))
    assert rate >= LEAST.get(name, 0)


def test_without_the_picture_nobody_knows_the_answer(stated):
    for form, shares in stated["forms"].items():
        assert shares["blind"] < shares["most_frequent"] + 0.05, form
        assert shares["blind"] < shares["accuracy"] - 0.2, form


def test_answers_are_of_the_kind_that_is_asked_for(fresh, logits):
    """Even a wrong answer to "what colour" is a colour."""
    asked = fresh[2]
    possible = {form: {one.answer for one in asked if one.question.form == form} for form in FORMS}
    fitting = [ANSWERS[row.argmax()] in possible[one.question.form] for row, one in zip(logits, asked, strict=True)]
    assert np.mean(fitting) > 0.995


def test_the_question_decides_and_not_the_picture_alone(network, fresh):
    picture = np.rint((fresh[0][0] + 1) * 127.5).astype(np.uint8)
    answers = [network.answer(picture, text) for text in ("How many red things are there?", "Is there a cow?")]
    assert answers[0][0].isdigit()
    assert answers[1][0] in ("yes", "no")
    assert all(0.05 < chance <= 1 for _, chance in answers)


def test_one_question_at_a_time_gives_what_many_give(network, fresh, logits):
    inputs, numbers, asked = fresh
    for n in (0, 50, 500):
        alone = network.logits(inputs[numbers[n] : numbers[n] + 1], network.encode([asked[n].question]))
        np.testing.assert_allclose(alone[0], logits[n], rtol=1e-3, atol=1e-3)


def test_the_same_seed_gives_the_same_start():
    for build in (new_eyes, new_reasoning):
        one, same, other = build(seed=3), build(seed=3), build(seed=4)
        assert all(np.array_equal(a, b) for a, b in zip(one.get_weights(), same.get_weights(), strict=True))
        assert not all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


def test_words_behind_the_end_do_not_count(network, fresh):
    """Padding is passed over: a question is the same however long its row is."""
    read = keras.Model(network.reasoning.inputs[1], network.reasoning.get_layer("bidirectional").output)
    words = network.encode(["Is there a cow?"])
    embedded = network.reasoning.get_layer("embedding")(words[:, :4])
    alone = network.reasoning.get_layer("bidirectional")(embedded)
    np.testing.assert_allclose(read(words), alone, rtol=1e-4, atol=1e-5)


def test_weights_are_small_half_precision_and_finite(network):
    path = fetch("questions/film.npz")
    assert path.stat().st_size < 2 * 2**20
    with np.load(path, allow_pickle=False) as file:
        assert all(file[key].dtype == np.float16 and np.isfinite(file[key]).all() for key in file.files)
        assert set(file.files) == set(named_weights(network.eyes, network.reasoning))


def test_shapes(network):
    assert network.eyes.output_shape == (None, PLACES, PLACES, CHANNELS)
    assert network.model.output_shape == (None, len(ANSWERS))
    assert network.encode(["Is there a cow?"]).shape == (1, LONGEST)
    assert network.reasoning.get_layer("embedding").input_dim == 1 + len(WORDS)
    assert network.logits(np.zeros((0, 96, 96, 3), "float32"), np.zeros((0, LONGEST), int)).shape == (0, len(ANSWERS))


def test_errors_say_what_is_wanted(network):
    with pytest.raises(ValueError, match="come as a list"):
        network.encode("Is there a cow?")
    with pytest.raises(ValueError, match="do not know the word"):
        network.encode(["Is there a zebra?"])
    with pytest.raises(ValueError, match="gives no answer 'green'"):
        network.class_index("green")
    with pytest.raises(ValueError, match="8-bit pictures"):
        network.preprocess(np.zeros((96, 96, 3), np.uint8))
    with pytest.raises(ValueError, match="8-bit pictures of shape .N, 96, 96, 3."):
        network.answer(np.zeros((64, 64, 3), np.uint8), "Is there a cow?")
    with pytest.raises(ValueError, match="needs its picture"):
        network.logits(np.zeros((2, 96, 96, 3), "float32"), network.encode(["Is there a cow?"]))


def test_moves_are_a_depthwise_convolution():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, PLACES, PLACES, 3)).astype("float32")
    moves = Moves()
    moves(x)
    kernel = rng.normal(size=moves.kernel.shape).astype("float32")
    moves.kernel.assign(kernel)
    wanted = tf.nn.depthwise_conv2d(x, kernel, (1, 1, 1, 1), "SAME")
    np.testing.assert_allclose(moves(x), wanted, rtol=1e-4, atol=1e-3)


def test_film_scales_and_shifts_every_channel():
    rng = np.random.default_rng(1)
    x, steering = rng.normal(size=(2, PLACES, PLACES, 5)).astype("float32"), rng.normal(size=(2, 10))
    wanted = (1 + steering[:, None, None, :5]) * x + steering[:, None, None, 5:]
    found = Scale()(x, steering) + Shift()(steering)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_moves_begin_as_sectors_in_four_directions():
    """What lies on the axis counts and fades, what lies across it or behind does not; the centre is left out."""
    kernel = np.asarray(sectors((REACH, REACH, 5, 1)))[..., 0]
    middle = PLACES - 1
    assert kernel.min() == 0
    assert (kernel[middle, middle] == 0).all()
    np.testing.assert_array_equal(kernel[..., 0], kernel[..., 4])
    for channel, (down, across) in enumerate(((0, 1), (0, -1), (1, 0), (-1, 0))):
        along = [kernel[middle + n * down, middle + n * across, channel] for n in range(1, PLACES)]
        assert along == sorted(along, reverse=True)
        assert along[-1] > 0
        assert kernel[middle - down, middle - across, channel] == 0
        assert kernel[middle + across, middle + down, channel] == 0


def test_the_layers_can_be_stored_with_a_model(tmp_path):
    x, steering = keras.Input((PLACES, PLACES, 2)), keras.Input((4,))
    model = keras.Model([x, steering], Moves()(Scale()(x, steering) + Shift()(steering)))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    rng = np.random.default_rng(3)
    inputs = [rng.normal(size=(1, PLACES, PLACES, 2)), rng.normal(size=(1, 4))]
    np.testing.assert_array_equal(again(inputs), model(inputs))
