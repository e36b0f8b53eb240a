import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

from helpers.course.backend import keras, tf
from helpers.course.networks import _scores, compiled
from helpers.files import fetch
from helpers.photos.images import sample_photo
from helpers.vgg16 import networks, photo_network
from helpers.vgg16.networks import IMAGENET_FILE, class_names, vgg16
from helpers.vgg16.photo_network import MEAN_BGR, PhotoNetwork, Prediction, preprocess

SIZE = 48


@pytest.fixture(scope="module")
def network():
    return vgg16("gap", input_size=SIZE)


@pytest.fixture(scope="module")
def inputs(network):
    return network.preprocess(np.stack([sample_photo(name, SIZE) for name in ("cat", "coffee", "rocket")]))


@pytest.fixture(scope="module")
def thousand():
    """A network with the labels of the full VGG16 whose logits are its inputs: class c is the c-th value."""
    inputs = keras.Input((20, 20, 3))
    model = keras.Model(inputs, keras.layers.Flatten()(inputs)[:, :1000])
    names = class_names()
    return PhotoNetwork(model, "imagenet", "VGG16 (1,000 classes)", 20, tuple(names.values()), tuple(names))


def layer_names(network):
    return [layer.name for layer in network.model.layers]


def pictures(*shape, seed=0, dtype=np.uint8):
    return np.random.default_rng(seed).integers(0, 256, shape).astype(dtype)


# ---- preprocessing


def test_preprocessing_is_keras_own_but_leaves_the_picture_alone():
    for dtype in (np.uint8, np.int64, np.float32, np.float64):
        rgb = pictures(2, 5, 7, 3, dtype=dtype)
        before = rgb.copy()
        inputs = preprocess(rgb)
        np.testing.assert_array_equal(rgb, before)
        assert not np.shares_memory(inputs, rgb)
        assert inputs.dtype == np.float32
        expected = keras.applications.vgg16.preprocess_input(rgb.astype(np.float32))
        np.testing.assert_allclose(inputs, expected, atol=1e-5)


def test_one_picture_gets_a_batch_axis():
    rgb = pictures(6, 4, 3)
    inputs = preprocess(rgb)
    assert inputs.shape == (1, 6, 4, 3)
    np.testing.assert_array_equal(inputs, preprocess(rgb[np.newaxis]))


@pytest.mark.parametrize(
    ("picture", "says"),
    [
        (np.zeros((4, 4)), "Grey pictures"),
        (pictures(4, 4, 4), r"\[\.\.\., :3\]"),
        (pictures(3, 4, 4), "shape"),
        (np.zeros((0, 4, 4, 3)), "shape"),
        (pictures(4, 4, 3) / 255, "0..1"),
        (pictures(4, 4, 3) - 100.0, "Preprocessed already"),
        (pictures(4, 4, 3) * 2.0, "np.clip"),
        (np.where(pictures(4, 4, 3) > 128, np.nan, 3.0), "NaN"),
        (np.full((4, 4, 3), np.inf), "NaN or infinite"),
        (np.full((4, 4, 3), "a"), "numbers"),
        (np.ones((4, 4, 3), bool), "bool"),
    ],
)
def test_what_is_no_picture_is_refused(picture, says):
    with pytest.raises(ValueError, match=says):
        preprocess(picture)


def test_black_pictures_are_pictures():
    np.testing.assert_allclose(preprocess(np.zeros((2, 2, 3)))[0, 0, 0], [-103.939, -116.779, -123.68])


def test_a_picture_of_another_size_is_refused_with_a_way_out(network):
    with pytest.raises(ValueError, match=r"48 x 48 pixels; got 50 x 48.*load_image\(path, size=48\)"):
        network.preprocess(pictures(50, 48, 3))


# ---- the networks


def test_layers_are_those_of_keras_vgg16(network, inputs):
    """Names, order and outputs: stock Keras with the same weights answers the same."""
    stock = keras.applications.VGG16(weights=None, include_top=False, input_shape=(SIZE, SIZE, 3))
    names = [layer.name for layer in stock.layers[1:]]
    assert layer_names(network)[1:] == [*names, "global_average_pooling", "predictions"]
    assert list(network.convolutions) == [name for name in names if "conv" in name]
    for name in network.convolutions:
        stock.get_layer(name).set_weights(network.model.get_layer(name).get_weights())
    maps = keras.Model(network.model.input, network.model.get_layer("block5_pool").output)
    expected = stock(inputs).numpy()
    np.testing.assert_allclose(maps(inputs), expected, atol=1e-5 * expected.max())


def test_logits_are_the_class_activation_map_averaged(network, inputs):
    maps = keras.Model(network.model.input, network.model.get_layer("block5_pool").output)(inputs).numpy()
    kernel, bias = network.model.get_layer("predictions").get_weights()
    cam = maps @ kernel
    np.testing.assert_allclose(network.logits(inputs), cam.mean(axis=(1, 2)) + bias, rtol=1e-4, atol=1e-4)


def test_the_shipped_weights_are_plain_half_precision_arrays(network):
    with np.load(fetch(networks.CONVOLUTION_FILE), allow_pickle=False) as file:
        assert {array.dtype for array in dict(file).values()} == {np.dtype(np.float16)}
        assert len(file.files) == 26
        kernel, bias = network.model.get_layer("block4_conv2").get_weights()
        np.testing.assert_array_equal(kernel, file["block4_conv2_kernel"])
        np.testing.assert_array_equal(bias, file["block4_conv2_bias"])


def test_the_cat_is_seen_at_the_size_for_quick_work():
    network = vgg16("gap", input_size=128)
    best = network.decode(network.logits(network.preprocess(sample_photo("cat", 128))), top=3)[0]
    assert {prediction.label for prediction in best} & {"tabby", "Egyptian cat"}


def test_the_convolutions_take_any_size_where_it_is_left_open():
    inputs, outputs = networks.convolutional_part()
    assert keras.Model(inputs, outputs)(np.zeros((1, 32, 75, 3), np.float32)).shape == (1, 1, 2, 512)


# ---- asking a network


def test_logits_do_not_depend_on_the_batch_and_are_traced_twice_at_most(network, inputs, monkeypatch):
    together = network.logits(inputs)
    assert together.shape == (3, len(network.labels))
    single = np.concatenate([network.logits(one[np.newaxis]) for one in inputs])
    np.testing.assert_allclose(together, single, rtol=1e-4, atol=1e-4)
    monkeypatch.setattr(photo_network, "PIXELS_AT_A_TIME", 2 * SIZE**2)
    np.testing.assert_allclose(network.logits(inputs), together, rtol=1e-4, atol=1e-4)
    assert compiled(network.model, _scores).__wrapped__.experimental_get_tracing_count() <= 2


def test_pictures_are_passed_on_in_bounded_numbers(thousand, monkeypatch):
    seen = []
    monkeypatch.setattr(photo_network, "PIXELS_AT_A_TIME", 3 * 20**2)
    monkeypatch.setattr(photo_network, "scores_of", lambda model, x: (seen.append(len(x[0])), model(x[0]).numpy())[1])
    assert thousand.logits(np.zeros((7, 20, 20, 3), np.float32)).shape == (7, 1000)
    assert seen == [3, 3, 1]


def test_repeated_calls_do_not_grow_in_memory(network, inputs):
    resource = pytest.importorskip("resource")

    @tf.function
    def gradient(x):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            score = network.model(x)[:, 0]
        return tape.gradient(score, x)

    def ask(times):
        for _ in range(times):
            network.decode(network.logits(inputs[:1]))
            gradient(tf.constant(inputs[:1]))
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    before = ask(5)
    assert ask(20) - before < 20_000  # kB on Linux: less than half of what activations kept by every call would take
    assert gradient.experimental_get_tracing_count() == 1


def test_changed_weights_are_seen_by_the_compiled_call(network, inputs):
    layer, before = network.model.get_layer("predictions"), network.logits(inputs)
    kernel, bias = layer.get_weights()
    try:
        layer.set_weights([2 * kernel, 2 * bias])
        np.testing.assert_allclose(network.logits(inputs), 2 * before, rtol=1e-4, atol=1e-4)
    finally:
        layer.set_weights([kernel, bias])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda x: np.rint(x + MEAN_BGR).astype(np.uint8), "preprocess"),
        (lambda x: np.rint(x + MEAN_BGR), "look like RGB"),
        (lambda x: x[0], "shape"),
        (lambda x: x[:, :40], "shape"),
        (lambda x: x[:0], "shape"),
        (lambda x: np.where(x > 0, np.nan, x), "NaN"),
    ],
)
def test_what_is_not_preprocessed_is_refused(network, inputs, change, says):
    with pytest.raises(ValueError, match=says):
        network.logits(change(inputs))


def test_decode_gives_the_best_classes_first(thousand):
    logits = np.zeros((2, 1000))
    logits[0, [281, 282, 285]] = 7, 9, 8
    logits[1, 504] = 20
    first, second = thousand.decode(logits, top=3)
    assert [p.label for p in first] == ["tiger cat", "Egyptian cat", "tabby"]
    assert [p.identifier for p in first] == ["n02123159", "n02124075", "n02123045"]
    np.testing.assert_allclose([p.probability for p in first], softmax(logits, axis=1)[0, [282, 285, 281]])
    assert second[0] == Prediction("n03063599", "coffee mug", pytest.approx(1, abs=1e-4))
    assert thousand.decode(logits[0], top=3) == [first]
    assert len(thousand.decode(logits)[0]) == 5


@pytest.mark.parametrize(
    ("logits", "top", "says"),
    [
        (np.zeros((1, 10)), 5, r"\(N, 1000\)"),
        (np.zeros((1, 20, 20, 3)), 5, "network.preprocess"),
        (np.full((1, 1000), 1e-3), 5, "probabilities"),
        (np.full((1, 1000), np.nan), 5, "NaN"),
        (np.zeros((1, 1000)), 0, "top"),
        (np.zeros((1, 1000)), 1001, "top"),
    ],
)
def test_what_cannot_be_decoded_is_refused(thousand, logits, top, says):
    with pytest.raises(ValueError, match=says):
        thousand.decode(logits, top)


@pytest.mark.parametrize("name", ["Egyptian cat", "egyptian_cat", " EGYPTIAN  CAT", "n02124075", 285, np.int32(285)])
def test_a_class_is_found_by_label_identifier_and_number(thousand, name):
    assert thousand.class_index(name) == 285


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Egiptian cat", "'Egyptian cat'"),
        ("wolf", "'timber wolf'"),
        ("crane", "n02012849 or n03126707"),
        ("", "no class ''"),
        (1000, "0 to 999"),
        (-1, "0 to 999"),
        (True, "True"),
        (3.0, "number"),
        (None, "None"),
    ],
)
def test_an_unknown_class_is_an_error_that_helps(thousand, name, says):
    with pytest.raises(ValueError, match=says):
        thousand.class_index(name)


def test_the_menu_names_every_class_once(thousand):
    labels, identifiers = zip(*thousand.menu, strict=True)
    assert len(set(labels)) == 1000
    assert sorted(identifiers) == sorted(thousand.identifiers)
    assert list(labels) == sorted(labels, key=str.lower)
    assert [thousand.identifiers[thousand.class_index(i)] for i in identifiers] == list(identifiers)
    assert "crane (n02012849)" in labels


def test_the_small_network_points_to_the_large_one(network):
    with pytest.raises(ValueError, match=r"vgg16\('imagenet'\)"):
        network.class_index("trombone")


def test_labels_and_identifiers_belong_together(network):
    names = class_names()
    assert len(names) == 1000
    assert [names[identifier] for identifier in network.identifiers] == list(network.labels)
    assert len(network.labels) == network.model.output_shape[-1]
    assert f"{len(network.labels)} classes" in repr(network)


# ---- choosing


@pytest.fixture
def disk(monkeypatch):
    """Whether the official file is on disk, and a note of what is downloaded; no network is built."""
    state = {"official": None, "fetched": []}

    def stand_in(weights, size, classes):
        model = keras.Sequential([keras.Input((size, size, 3)), keras.layers.Flatten()])
        return PhotoNetwork(model, weights, weights, size, ("a",) * classes, ("n",) * classes)

    full = stand_in("imagenet", 224, 1000)

    def fetch(name, progress=True):
        state["fetched"].append((name, progress))
        return "downloaded"

    monkeypatch.setattr(networks, "locate", lambda name: state["official"] if name == IMAGENET_FILE else None)
    monkeypatch.setattr(networks, "fetch", fetch)
    monkeypatch.setattr(networks, "gap_network", lambda size: stand_in("gap", size, 64))
    monkeypatch.setattr(networks, "imagenet_network", lambda path: full if path in ("here", "downloaded") else None)
    return state


def test_auto_takes_what_is_on_disk_says_so_in_a_line_and_never_downloads(disk, capsys):
    assert vgg16().weights == "gap"
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    assert "64 classes" in line
    assert "vgg16('imagenet')" in line
    disk["official"] = "here"
    assert vgg16().weights == "imagenet"
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    assert "1,000" in line
    assert "vgg16('gap')" in line
    assert vgg16(input_size=128).input_size == 128
    assert "224" in capsys.readouterr().out
    assert disk["fetched"] == []


def test_a_choice_is_kept_and_quiet_prints_nothing(disk, capsys):
    disk["official"] = "here"
    assert vgg16("gap").weights == "gap"
    assert vgg16(quiet=True).weights == "imagenet"
    assert disk["fetched"] == []
    assert vgg16("imagenet").weights == "imagenet"
    assert vgg16("imagenet", quiet=True).weights == "imagenet"
    assert disk["fetched"] == [(IMAGENET_FILE, True), (IMAGENET_FILE, False)]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"weights": "image-net"}, "'auto', 'gap', 'imagenet'; got 'image-net'"),
        ({"weights": None}, "None"),
        ({"weights": "gap", "input_size": 31}, "input_size is a whole number from 32 to 2048; got input_size=31"),
        ({"weights": "gap", "input_size": 64.5}, "whole number"),
        ({"weights": "imagenet", "input_size": 128}, r"vgg16\('gap', input_size=128\)"),
    ],
)
def test_wrong_choices_are_refused(arguments, says):
    with pytest.raises(ValueError, match=says):
        vgg16(**arguments)


# ---- the full network, from a file as large as the official one

STOCK = """
import sys
import numpy as np
from helpers.course.backend import keras
model = keras.applications.VGG16(weights=sys.argv[1], classifier_activation=None)
np.save(sys.argv[3], model(np.load(sys.argv[2]), training=False).numpy())
print([layer.name for layer in model.layers[1:]])
"""


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    from benchmarks.measure_vgg16_memory import write_official_layout

    path = tmp_path_factory.mktemp("official") / "vgg16.h5"
    write_official_layout(path)
    yield path
    path.unlink()


def test_the_full_network_agrees_with_stock_keras(official, tmp_path):
    network = networks.imagenet_network(official)
    inputs = network.preprocess(np.stack([sample_photo(name) for name in ("cat", "rocket")]))
    np.save(tmp_path / "inputs.npy", inputs)
    command = [sys.executable, "-c", STOCK, official, tmp_path / "inputs.npy", tmp_path / "logits.npy"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(networks.__file__).parents[2])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1].replace("'", '"')) == layer_names(network)[1:]
    expected, logits = np.load(tmp_path / "logits.npy"), network.logits(inputs)
    largest = np.abs(expected).max(axis=1, keepdims=True)
    assert largest.min() > 1
    assert np.abs(logits - expected).max() > 0  # the kernels are really kept in half precision
    assert (np.abs(logits - expected) / largest).max() < 2e-3  # a weight in half precision is off by up to 0.0005
    assert layer_names(network)[-4:] == ["flatten", "fc1", "fc2", "predictions"]
    assert re.fullmatch(r"<VGG16 \(1,000 classes\), input 224 x 224>", repr(network))


@pytest.mark.slow
def test_the_full_network_stays_within_its_memory_budget(official):
    from benchmarks.measure_vgg16_memory import BUDGETS, measure

    peaks = measure("full", official)
    stages = ["import", "load", "prediction", "input gradient", "EpsilonPlusFlat", "EpsilonAlpha2Beta1", "Grad-CAM"]
    assert list(peaks) == stages
    assert max(peaks.values()) < BUDGETS["full"], peaks


LET_GO = """
import sys
from pathlib import Path
import numpy as np
from helpers.course.backend import let_go
from helpers.vgg16.gradients import input_gradient
from helpers.vgg16.networks import imagenet_network
for _ in range(3):
    network = imagenet_network(sys.argv[1])
    input_gradient(network.model, network.preprocess(np.zeros((224, 224, 3), np.uint8)), 1)
    del network
    let_go()
    print(int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0]) // 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the memory from Linux' /proc")
def test_a_full_network_that_is_let_go_gives_its_memory_back(official):
    done = subprocess.run([sys.executable, "-c", LET_GO, official], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    resident = [int(line) for line in done.stdout.split()]
    assert resident[-1] - resident[0] < 100, resident  # MiB; its weights take 310
