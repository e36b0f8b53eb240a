"""Train the head of VGG16-GAP: global average pooling and one dense layer on VGG16's real convolutions.

    python data/vgg16/train_head.py --pictures tiny-imagenet-200.zip-unpacked-or.tar --cache features/

The pictures are those of Tiny ImageNet (200 ImageNet classes at 64x64 pixels, in the data set's own layout; a folder
or a tar file). What happens, in this order:

1. pooled features of the training pictures of all classes, enlarged to 128 pixels;
2. the classes are chosen on training folds: those that people will try first, then the best told apart, as many as
   keep the out-of-fold accuracy above the stated floor. Validation pictures are not looked at;
3. pooled features of augmented views of the chosen classes: crops, mirror images, colours, blur and sharpening, sizes
   from 64 to 224 pixels, pictures with a margin;
4. one dense layer on all views; the strength of its L2 penalty is the one with the best out-of-fold log loss;
5. the head, into ``vgg16_gap_head.npz``; the figures on the validation pictures and on the sharp photographs of
   scikit-image and Matplotlib, into ``head_figures.json`` and between two marks in ``MODEL_CARD.md``.

Features are kept in the cache folder, one file per view and class, so an interrupted run goes on where it stopped.
Every random choice is seeded by picture and view: a second run gives the same files.
"""

import argparse
import json
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from tqdm import tqdm

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from helpers.course.backend import keras, set_seeds, tf
from helpers.photos.images import sample_photo
from helpers.vgg16.networks import class_names, convolutional_part
from helpers.vgg16.photo_network import preprocess

SEED = 20240917
FLOOR_TOP1, FLOOR_TOP5, FEWEST = 0.765, 0.935, 60  # out of fold, without augmentation, on two thirds of the pictures
WANTED = (  # what people try first, and the things among the cut-outs; in the set whatever their accuracy
    "tabby Persian_cat Egyptian_cat Chihuahua Yorkshire_terrier golden_retriever Labrador_retriever German_shepherd "
    "standard_poodle espresso military_uniform"
).split()
LIKELY = (  # preferred when they are told apart well enough
    "African_elephant brown_bear lion koala king_penguin goose albatross goldfish bee ladybug monarch mantis slug hog "
    "ox bison gazelle Arabian_camel orange lemon banana pizza pomegranate bell_pepper mushroom ice_cream pretzel "
    "cauliflower candle teddy teapot sports_car school_bus bullet_train tractor umbrella sunglasses backpack "
    "volleyball computer_keyboard comic_book beer_bottle suspension_bridge seashore lakeside lesser_panda jellyfish"
).split()
LIKELY_FLOOR = 0.60  # recall among all 200 classes, out of fold
BEGIN, END = "<!-- written by train_head.py -->", "<!-- end of what train_head.py writes -->"
EPOCHS, BATCH, PENALTIES = 30, 512, (3e-4, 1e-3, 3e-3, 1e-2)


@dataclass(frozen=True)
class View:
    """One way of showing every training picture to the network."""

    name: str
    size: int
    change: Callable[[Image.Image, int, np.random.Generator], Image.Image]


def enlarged(picture: Image.Image, size: int, rng: np.random.Generator) -> Image.Image:
    return picture.resize((size, size), Image.Resampling.BICUBIC)


def varied(picture: Image.Image, size: int, rng: np.random.Generator) -> Image.Image:
    """A random crop of 60 to 100 % of the area, mirrored half the time, lit and coloured differently."""
    side = picture.width * np.sqrt(rng.uniform(0.6, 1.0))
    left, top = rng.uniform(0, picture.width - side, size=2)
    picture = picture.resize((size, size), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side))
    if rng.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        picture = enhance(picture).enhance(rng.uniform(0.7, 1.3))
    return picture


def sharpened(picture: Image.Image, size: int, rng: np.random.Generator) -> Image.Image:
    """An enlarged 64-pixel picture is softer than a photograph of that size; this brings some of its edges back."""
    radius = size / 64 * rng.uniform(0.6, 1.2)
    return varied(picture, size, rng).filter(ImageFilter.UnsharpMask(radius, int(rng.uniform(80, 220)), 2))


def blurred(picture: Image.Image, size: int, rng: np.random.Generator) -> Image.Image:
    return varied(picture, size, rng).filter(ImageFilter.GaussianBlur(size / 64 * rng.uniform(0.3, 0.8)))


def with_margin(picture: Image.Image, size: int, rng: np.random.Generator) -> Image.Image:
    """The picture smaller, at a random place, its surroundings continued by reflection."""
    inner = int(size * rng.uniform(0.5, 0.8))
    left, top = rng.integers(0, size - inner + 1, size=2)
    pixels = np.asarray(sharpened(picture, inner, rng))
    around = ((top, size - inner - top), (left, size - inner - left), (0, 0))
    return Image.fromarray(np.pad(pixels, around, mode="symmetric"))


VIEWS = (
    View("plain-128", 128, enlarged),
    View("varied-128", 128, varied),
    View("varied-64", 64, varied),
    View("sharpened-96", 96, sharpened),
    View("sharpened-160", 160, sharpened),
    View("sharpened-224", 224, sharpened),
    View("margin-128", 128, with_margin),
    View("blurred-112", 112, blurred),
)


def unpacked(pictures: Path, cache: Path) -> Path:
    """The folder that holds ``train``, ``val`` and ``wnids.txt``; a tar file is unpacked into the cache once."""
    if pictures.is_file():
        target = cache / "pictures"
        if not (target / "complete").exists():
            with tarfile.open(pictures) as archive:
                archive.extractall(target, filter="data")
            (target / "complete").touch()
        pictures = target
    for folder in (pictures, *sorted(p for p in pictures.iterdir() if p.is_dir())):
        if (folder / "wnids.txt").is_file():
            return folder
    raise FileNotFoundError(f"{pictures} holds no wnids.txt: give the folder of Tiny ImageNet, or its tar file.")


def read_pictures(folder: Path) -> tuple[list[str], dict[str, list[Path]], dict[str, list[Path]]]:
    """Class identifiers, and per class the training and the validation pictures."""
    identifiers = sorted((folder / "wnids.txt").read_text().split())
    train = {c: sorted((folder / "train" / c / "images").glob("*.JPEG")) for c in identifiers}
    for c in identifiers:
        train[c].sort(key=lambda path: int(path.stem.split("_")[1]))
        train[c] = train[c][:120]
    validation = {c: [] for c in identifiers}
    for line in (folder / "val" / "val_annotations.txt").read_text().splitlines():
        name, c = line.split("\t")[:2]
        path = folder / "val" / "images" / name
        if path.exists():
            validation[c].append(path)
    return identifiers, train, validation


def features(paths: dict[str, list[Path]], view: View, cache: Path, part: str, extract) -> dict[str, np.ndarray]:
    """Pooled features (pictures, 512) per class, from the cache where they are there already."""
    folder = cache / f"{part}-{view.name}"
    folder.mkdir(parents=True, exist_ok=True)
    result = {}
    for c, files in tqdm(paths.items(), desc=folder.name, mininterval=5):
        stored = folder / f"{c}.npy"
        if not stored.exists():
            pictures = []
            for number, path in enumerate(files):
                rng = np.random.default_rng([SEED, int(c[1:]), number, view.size])
                with Image.open(path) as picture:
                    pictures.append(np.asarray(view.change(picture.convert("RGB"), view.size, rng), np.float32))
            partial = stored.with_suffix(".partial")
            with open(partial, "wb") as file:
                np.save(
                    file, np.concatenate([extract(np.stack(pictures[i : i + 20])) for i in range(0, len(files), 20)])
                )
            partial.replace(stored)
        result[c] = np.load(stored, allow_pickle=False)
    return result


def extractor():
    inputs, outputs = convolutional_part()
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(outputs))

    @tf.function(reduce_retracing=True)
    def run(images):
        return model(images, training=False)

    return lambda pictures: run(preprocess(pictures)).numpy()


def fit_head(x: np.ndarray, y: np.ndarray, classes: int, penalty: float) -> tuple[np.ndarray, np.ndarray]:
    """Kernel (512, classes) and bias (classes,) of a dense layer with softmax cross-entropy and an L2 penalty.

    Features are divided by their standard deviations while training, so that the penalty treats them alike, and the
    kernel is scaled back. Adam, steps that shrink to zero, seeded.
    """
    set_seeds(SEED)
    scale = x.std(axis=0) + 1e-6
    layer = keras.layers.Dense(classes, kernel_initializer="zeros", kernel_regularizer=keras.regularizers.L2(penalty))
    model = keras.Sequential([keras.Input((x.shape[1],)), layer])
    steps = EPOCHS * -(-len(x) // BATCH)
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(3e-3, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(x / scale, y, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    kernel, bias = layer.get_weights()
    return kernel / scale[:, np.newaxis], bias


def top(probability: np.ndarray, truth: np.ndarray, k: int) -> float:
    best = np.argsort(probability, axis=1)[:, -k:]
    return float(np.mean((best == truth[:, None]).any(axis=1)))


def stacked(per_class: dict[str, np.ndarray], chosen: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Features (pictures, 512) and class numbers (pictures,)."""
    x = np.concatenate([per_class[c] for c in chosen])
    return x, np.repeat(np.arange(len(chosen)), [len(per_class[c]) for c in chosen])


def folds(labels: np.ndarray, count: int = 3):
    """(rows to fit, rows held out), the same share of every class in each."""
    return StratifiedKFold(count, shuffle=True, random_state=SEED).split(labels, labels)


def out_of_fold_loss(views: list[dict[str, np.ndarray]], chosen: list[str], penalty: float) -> float:
    """Mean log loss of all views of pictures of which the head saw no view."""
    x = np.stack([stacked(view, chosen)[0] for view in views])
    _, y = stacked(views[0], chosen)
    losses = []
    for fit, held in folds(y):
        kernel, bias = fit_head(np.concatenate(x[:, fit]), np.tile(y[fit], len(views)), len(chosen), penalty)
        probability = softmax(x[:, held] @ kernel + bias, axis=-1)
        losses.append(-np.log(probability[:, np.arange(len(held)), y[held]] + 1e-12).mean())
    return float(np.mean(losses))


def out_of_fold_probability(plain: dict[str, np.ndarray], chosen: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (pictures, classes) by a logistic regression that did not see the picture, and the true classes."""
    x, y = stacked(plain, chosen)
    probability = np.empty((len(y), len(chosen)), np.float32)
    for fit, held in folds(y):
        probability[held] = LogisticRegression(C=0.3, max_iter=300).fit(x[fit], y[fit]).predict_proba(x[held])
    return probability, y


def choose_classes(plain: dict[str, np.ndarray], names: dict[str, str]) -> tuple[list[str], list[dict]]:
    """The largest set that stays above the floors out of fold, and the figures of the sets tried."""
    everything = sorted(plain)
    probability, y = out_of_fold_probability(plain, everything)
    hit = probability.argmax(axis=1) == y
    recall = {c: float(hit[y == i].mean()) for i, c in enumerate(everything)}
    written = {c: names[c].replace(" ", "_") for c in everything}
    order = sorted(
        everything,
        key=lambda c: (
            written[c] not in WANTED,
            not (written[c] in LIKELY and recall[c] >= LIKELY_FLOOR),
            -recall[c],
        ),
    )
    tried, best = [], None
    for count in range(FEWEST, len(order) + 1, 4):
        chosen = order[:count]
        probability, y = out_of_fold_probability(plain, chosen)
        tried.append({"classes": count, "top1": top(probability, y, 1), "top5": top(probability, y, 5)})
        print(tried[-1], flush=True)
        if tried[-1]["top1"] < FLOOR_TOP1 or tried[-1]["top5"] < FLOOR_TOP5:
            break
        best = chosen
    if best is None:
        raise RuntimeError(f"Even {FEWEST} classes stay below the floors {FLOOR_TOP1} and {FLOOR_TOP5}: {tried}")
    return sorted(best), tried


def calibration(probability: np.ndarray, truth: np.ndarray, bins: int = 10) -> tuple[list[dict], float]:
    """Confidence against accuracy in equal bins of the largest probability, and the expected calibration error."""
    confidence, hit = probability.max(axis=1), probability.argmax(axis=1) == truth
    number = np.minimum((confidence * bins).astype(int), bins - 1)
    rows = [
        {
            "from": round(b / bins, 2),
            "pictures": int((number == b).sum()),
            "confidence": round(float(confidence[number == b].mean()), 3),
            "accuracy": round(float(hit[number == b].mean()), 3),
        }
        for b in range(bins)
        if (number == b).any()
    ]
    error = sum(row["pictures"] * abs(row["confidence"] - row["accuracy"]) for row in rows) / len(truth)
    return rows, round(error, 4)


def on_photographs(kernel: np.ndarray, bias: np.ndarray, labels: list[str], extract) -> list[dict]:
    """The most probable class of each sharp photograph, at several sizes."""
    rows = []
    for photo in ("cat", "coffee", "officer"):
        for size in (128, 160, 224):
            probability = softmax(extract(sample_photo(photo, size)[np.newaxis]) @ kernel + bias, axis=-1)[0]
            best = int(probability.argmax())
            rows.append(
                {"photo": photo, "size": size, "class": labels[best], "probability": round(float(probability[best]), 2)}
            )
    return rows


def card(figures: dict) -> str:
    """The figures as Markdown: what ``MODEL_CARD.md`` shows between its marks."""
    names = figures["class_names"]
    lines = [
        "| size of the picture | pictures | top-1 | top-5 | calibration error |",
        "| --- | --- | --- | --- | --- |",
    ]
    for size, row in figures["validation"].items():
        shares = f"{row['top1']:.1%} | {row['top5']:.1%} | {row['calibration_error']:.3f}"
        lines.append(f"| {size} px | {row['pictures']} | {shares} |")
    lines += ["", "Calibration at 128 px, the pictures sorted by the largest probability:", ""]
    lines += ["| largest probability | pictures | mean of it | right |", "| --- | --- | --- | --- |"]
    for row in figures["calibration_128"]:
        lines.append(
            f"| {row['from']:.1f} to {row['from'] + 0.1:.1f} | {row['pictures']} | {row['confidence']:.2f} "
            f"| {row['accuracy']:.2f} |"
        )
    lines += ["", "Sharp photographs that come with scikit-image and Matplotlib:", ""]
    lines += ["| photograph | size | most probable class | probability |", "| --- | --- | --- | --- |"]
    for row in figures["photographs"]:
        lines.append(f"| {row['photo']} | {row['size']} px | {row['class']} | {row['probability']:.2f} |")
    lines += ["", "The confusion matrix at 128 px, row by row; what is not named is zero:", ""]
    lines += ["| class | right of all | taken for |", "| --- | --- | --- |"]
    for number, (name, row) in enumerate(zip(names, figures["confusion_128"], strict=True)):
        wrong = sorted((-count, names[c]) for c, count in enumerate(row) if count and c != number)
        lines.append(
            f"| {name} | {row[number]} of {sum(row)} | {', '.join(f'{other} {-count}' for count, other in wrong)} |"
        )
    return "\n".join(lines)


def write_into_card(path: Path, text: str) -> None:
    before, rest = path.read_text(encoding="utf-8").split(BEGIN)
    _, after = rest.split(END)
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pictures", type=Path, required=True, help="Tiny ImageNet: its folder, or a tar file")
    parser.add_argument("--cache", type=Path, required=True, help="where features are kept between runs")
    parser.add_argument("--output", type=Path, default=HERE, help="where the head and its figures go")
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    names, extract = class_names(), extractor()
    _, train, validation = read_pictures(unpacked(arguments.pictures, arguments.cache))

    chosen_file = arguments.cache / "chosen.json"
    if chosen_file.exists():
        chosen, tried = json.loads(chosen_file.read_text())
    else:
        chosen, tried = choose_classes(features(train, VIEWS[0], arguments.cache, "train", extract), names)
        chosen_file.write_text(json.dumps([chosen, tried]))
    print(len(chosen), "classes:", " ".join(names[c] for c in chosen), flush=True)

    train = {c: train[c] for c in chosen}
    views = [features(train, view, arguments.cache, "train", extract) for view in VIEWS]
    losses = {}
    for penalty in PENALTIES:
        losses[penalty] = out_of_fold_loss(views, chosen, penalty)
        print(f"penalty {penalty}: out-of-fold log loss {losses[penalty]:.4f}", flush=True)
    penalty = min(losses, key=losses.get)
    _, y = stacked(views[0], chosen)
    every_view = np.concatenate([stacked(view, chosen)[0] for view in views])
    kernel, bias = fit_head(every_view, np.tile(y, len(views)), len(chosen), penalty)
    # the same constant on every logit changes no probability; with mean zero a class map is free of a common offset
    kernel, bias = kernel - kernel.mean(axis=1, keepdims=True), bias - bias.mean()

    validation = {c: validation[c] for c in chosen}
    figures = {
        "classes": len(chosen),
        "training_pictures": len(y),
        "views": [view.name for view in VIEWS],
        "penalty": penalty,
        "out_of_fold_log_loss": {str(p): round(loss, 4) for p, loss in losses.items()},
        "sets_tried": tried,
        "validation": {},
    }
    for size in (64, 96, 128, 160, 224):
        view = View(f"plain-{size}", size, enlarged)
        x, truth = stacked(features(validation, view, arguments.cache, "validation", extract), chosen)
        probability = softmax(x @ kernel + bias, axis=-1)
        rows, error = calibration(probability, truth)
        figures["validation"][str(size)] = {
            "pictures": len(truth),
            "top1": round(top(probability, truth, 1), 4),
            "top5": round(top(probability, truth, 5), 4),
            "calibration_error": error,
        }
        print(size, figures["validation"][str(size)], flush=True)
        if size == 128:
            confusion = np.zeros((len(chosen), len(chosen)), int)
            np.add.at(confusion, (truth, probability.argmax(axis=1)), 1)
            figures["calibration_128"] = rows
            figures["confusion_128"] = confusion.tolist()
    figures["class_names"] = [names[c] for c in chosen]
    figures["photographs"] = on_photographs(kernel, bias, figures["class_names"], extract)

    np.savez_compressed(
        arguments.output / "vgg16_gap_head.npz",
        predictions_kernel=kernel,
        predictions_bias=bias,
        class_identifiers=np.array(chosen),
    )
    (arguments.output / "head_figures.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    write_into_card(HERE / "MODEL_CARD.md", card(figures))


if __name__ == "__main__":
    main()
