"""What the notebooks hand over to the checker, small: for each exercise, such that no two of its mistakes coincide."""

from types import SimpleNamespace

import numpy as np

rng = np.random.default_rng(1)
signs = np.where(np.arange(40) % 3, 1.0, -1.0)[:, np.newaxis]
steps = np.arange(0, 601, 10)


def coefficients(first, pair):
    return SimpleNamespace(first=np.array([first, first]), second=np.array([[0.05, pair], [pair, 0.05]]))


def labels(*names):
    return SimpleNamespace(class_index=names.index)


def ledger_row(arriving, handed_on):
    return SimpleNamespace(handed_on=np.array([handed_on]), stabiliser=np.array([arriving - handed_on]))


class Scores:
    def __init__(self, **columns):
        self.columns = columns
        self.rows = dict.fromkeys(f"method {i}" for i in range(len(next(iter(columns.values())))))

    def column(self, name):
        return {method: (value, 0.0) for method, value in zip(self.rows, self.columns[name], strict=True)}


def scores(count):
    draw = np.random.default_rng(count)
    own = draw.random(count)
    return Scores(
        **{
            "own mass": own,
            "flipping": draw.random(count),
            "random: absolute": own + draw.random(count),
            "random: spearman": -own + 2 * draw.random(count),
        }
    )


mask = np.zeros((8, 8))
mask[1:6, 3:6] = 1
kernel = rng.normal(0, 1, (3, 3, 3, 64))
kernel -= np.linspace(0, 2, 64) * kernel.mean(axis=(0, 1))
kernel *= np.linspace(0.05, 1, 64)
maps = np.maximum(rng.normal(-1.5, 1, (3, 3, 512)), 0)
ranks = np.array([[1, 2, 3, 4, 5]], float)

HANDED_OVER = {
    "own.1": {"ranking": [SimpleNamespace(inputs=("a", "b"))] * 8},
    "own.2": {"relevance": np.full((4, 4), 0.25), "logit": 2.5},
    "own.4": {
        "reader": SimpleNamespace(predict=lambda shorter, verbose: np.array([[2.0]])),
        "shorter": None,
        "mixed": SimpleNamespace(logit=0.5, scores=np.array([0.1, -0.9])),
    },
    "marker.1": {"marked": np.arange(40) % 8 > 0, "ill": np.arange(40) % 5 > 0},
    "marker.2": {
        "logits": np.r_[np.full(45, 3.0), np.full(5, -3.0)],
        "before": np.r_[np.full(2, 3.0), np.full(48, -3.0)],
    },
    "robust.3": {"f": np.array([0.1, 0.3, 0.5, 0.7]), "f_moved": np.array([0.5, 0.7, 0.1, 0.3])},
    "1.1": {"weights": [np.zeros((2, 100)), np.zeros(100), np.zeros((100, 1)), np.zeros(1)]},
    "1.2": {"full_auc": 0.76},
    "1.3": {"gradient": rng.normal(0.01, 0.2, (40, 2)) * [1.0, 0.7] - [0.0, 0.1]},
    "1.7": {
        "steps": steps,
        "history": [coefficients(0.16 * (n >= 10), 0.1 * (n >= 20) + 0.05 * (n >= 250)) for n in steps],
        "exact": coefficients(0.16, 0.17),
    },
    "1.9": {"p": [25.1, 27.8], "eta": [-1.03, 1.56], "phi": [0.55, -1.26]},
    "2.3": {"best_logit": 17.5, "second_logit": 15.3},
    "2.4": {"kernel": kernel},
    "2.6": {"gradient": np.array([0.0002, 0.00085848, -0.0005]), "step": 5, "moved": 0.0042267},
    "2.7": {"contributions": rng.permutation(np.r_[-rng.random(150) / 10, rng.random(162) ** 9])},
    "2.9": {"chosen": 4.37, "falls": np.r_[4.5, 4.6, 4.37, np.linspace(0.5, 4.2, 46)]},
    "2.10": {
        "mask": mask,
        "coarse": mask.reshape(4, 2, 4, 2).mean(axis=(1, 3)),
        "enlarge": lambda few, size: np.kron(few, np.ones((1, 2, 2))) + 0.1,
    },
    "2.11": {"chosen": 4.26, "falls": np.array([0.1, 0.5, 0.9, 1.0, 3.0, 4.26])},
    "2.12": {"maps": maps},
    "3.1": {"z": np.array([[4.0, 2.0], [1.0, -1.0], [-1.0, 2.0]])},
    "3.2": {"ledger": [ledger_row(5, 25 / 6), ledger_row(25 / 6, 3.4583)]},
    "why.1": {
        "explained": SimpleNamespace(
            logits=np.array([[0, 0, 0, 0, 7.4, 0, 0, 0, 0, 6.1]]), relevance=np.full((1, 5, 5, 1), 0.04)
        )
    },
    "3.3": {
        "masses": {
            "LRP-0 everywhere": 0.67,
            "z+ everywhere": 0.39,
            "EpsilonPlus": 0.56,
            "EpsilonPlusFlat": 0.54,
            "EpsilonAlpha2Beta1Flat": 0.52,
        }
    },
    "detective.1": {"case": SimpleNamespace(numbers=[0, 3, 4, 1, 2])},
    "why.2": {"found": SimpleNamespace(relevance=np.array([5.0, -0.5])), "logit": 4.6},
    "side.1": {
        "sums": {
            "gradient": 0.1,
            "gradient x input": 27.0,
            "integrated gradients": 28.0,
            "deep Taylor": 28.0,
            "LRP 1": 28.0,
            "LRP 2": 28.0,
            "LRP 3": 28.0,
            "Grad-CAM": 39e3,
        },
        "logit": 27.9,
    },
    "side.2": {
        "likeness": lambda maps: float(np.tanh(maps.mean() / 1.3)),
        "pixels": np.array([[[[0.1, -0.2, 0.25], [-0.05, 0.1, 0.4]]]]),
    },
    "3.4": {"own": ranks, "other": np.array([[5, 2, 1, 4, 3]], float)},
    "3.6": {"answers": [2] * 82 + [1] * 15 + [0] * 3, "network": labels("plain", "striped", "spotted", "patched")},
    "3.7": {"answers": [0] * 80 + [6] * 15 + [1] * 5, "network": labels("horse", *"abcde", "lion")},
    "truth.2b": {"table": scores(13), "everything": scores(16)},
    "words.1": {"differences": np.array([0.004, -0.015, 0.0101, -0.001])},
    "truth.3": {
        "league": SimpleNamespace(column={"own mass": {"CAM": (0.49, 0.03)}, "ceiling": {"CAM": (0.72, 0.01)}}.get)
    },
    "truth.1": {"kept": np.array([-0.06, -0.02, -0.01, 0.04])},
    "concepts.1": {"pictures": 20},
}
