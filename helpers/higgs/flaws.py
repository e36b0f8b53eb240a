"""Networks with one hidden flaw each, for a reader who has the coefficients, the maps and the seeds, and no more.

All of them tell Higgs signal from background by seven inputs, v1 to v7, and stand beside a healthy one. What is wrong
with which is written in ``FLAWS``, and in the exercises of the notebook ``break_the_ranking``: do not look there first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import roc_auc_score

from helpers.course.figures import COLOURS, SEQUENTIAL
from helpers.course.networks import Progress
from helpers.higgs.events import TRAINING, HiggsEvents, fit_standardiser, training_and_test
from helpers.taylor.coefficients import TaylorCoefficients, over_trainings
from helpers.taylor.expansion import taylor_coefficients
from helpers.taylor.networks import DenseNetwork, build_network, dense_network, forward
from helpers.taylor.training import train

VARIABLES = (
    "PRI_met",
    "DER_mass_vis",
    "DER_pt_ratio_lep_tau",
    "DER_deltar_tau_lep",
    "DER_mass_MMC",
    "PRI_lep_pt",
    "DER_mass_transverse_met_lep",
)
NAMES = tuple(f"v{number}" for number in range(1, len(VARIABLES) + 1))
FLAWS = {"A": "saturated", "B": "spurious", "C": "copy", "D": "units", "E": "undefined"}
_COPIED, _REPLACED, _MASS, _UNITS = 1, 6, 4, 3  # positions among the variables
_SHARPER, _LARGER, _LEAK = 15.0, 30.0, 1.5
_MOST, _HIDDEN, _SEEDS = 12_000, (30,), (0, 1, 2)


@dataclass(frozen=True)
class Patient:
    """Three networks that differ in the start of their training, and the events to ask them with.

    Attributes
    ----------
    networks: three dense networks of seven inputs.
    inputs, labels: (n, 7) and (n,) arrays, events like those of the training that it has not seen.
    elsewhere: (n, 7) array, the same inputs as another laboratory recorded them.
    """

    networks: tuple[DenseNetwork, ...]
    inputs: np.ndarray
    labels: np.ndarray
    elsewhere: np.ndarray

    @property
    def coefficients(self) -> TaylorCoefficients:
        """Means over the three networks; errors are their standard deviation."""
        return over_trainings([taylor_coefficients(one, self.inputs, names=NAMES) for one in self.networks])

    def auc(self, inputs: np.ndarray) -> float:
        """The mean AUC of the three networks."""
        return float(np.mean([roc_auc_score(self.labels, forward(one, inputs)[:, 0]) for one in self.networks]))


def patients(events: HiggsEvents, progress: Progress | None = None) -> dict[str, Patient]:
    """A healthy patient and five with a flaw, "healthy" and "A" to "E". It trains twelve networks.

    ``progress`` is called as ``progress(done, 12, text)``.
    """
    train_part, test_part = training_and_test(events, _MOST)
    columns = [events.names.index(name) for name in VARIABLES]
    raw = [part.inputs[:, columns] for part in (train_part, test_part)]
    labels = [part.labels for part in (train_part, test_part)]
    standardise = fit_standardiser(raw[0])
    plain = [standardise(part) for part in raw]
    done = iter(range(1, 4 * len(_SEEDS) + 1))

    def trained(inputs: Sequence[np.ndarray], elsewhere: np.ndarray | None = None) -> Patient:
        networks = []
        for seed in _SEEDS:
            model = build_network(len(VARIABLES), _HIDDEN, seed=seed)
            train(model, inputs[0], labels[0], seed=seed, **TRAINING)
            networks.append(dense_network(model))
            if progress is not None:
                progress(next(done), 4 * len(_SEEDS), "training")
        return Patient(tuple(networks), inputs[1], labels[1], inputs[1] if elsewhere is None else elsewhere)

    healthy = trained(plain)
    copied = [_with(part, _REPLACED, part[:, _COPIED]) for part in plain]
    generator = np.random.default_rng(3)
    leak = [generator.normal(_LEAK * (of - 0.5), 1).astype(np.float32) for of in labels]
    leaking = [_with(part, _REPLACED, values) for part, values in zip(plain, leak, strict=True)]
    elsewhere = _with(plain[1], _REPLACED, generator.permutation(leak[1]))
    masses = [part[:, _MASS].astype(float) for part in raw]  # -999 counts as a mass
    filled = [
        _with(part, _MASS, (of - masses[0].mean()) / masses[0].std()) for part, of in zip(plain, masses, strict=True)
    ]
    sick = {
        "saturated": replace(healthy, networks=tuple(_sharper(one) for one in healthy.networks)),
        "spurious": trained(leaking, elsewhere),
        "copy": trained(copied),
        "units": _in_other_units(healthy),
        "undefined": trained(filled),
    }
    return {"healthy": healthy, **{letter: sick[flaw] for letter, flaw in FLAWS.items()}}


def patient_file(patient: Patient) -> Figure:
    """What is known of a patient: coefficients, slopes of each training, response, inputs, and a map.

    The map is the mean response over the plane of the two inputs with the largest t(x), all others at 0.
    """
    found = patient.coefficients
    rows, places = found.ranking()[:10], np.arange(10)
    figure, axes = plt.subplots(2, 3, figsize=(8, 5.4))
    axes[0, 0].barh(places, [row.value for row in rows], xerr=[row.error for row in rows], color=COLOURS["sky"])
    axes[0, 0].set_yticks(places, [", ".join(row.inputs) for row in rows], fontsize=8)
    axes[0, 0].invert_yaxis()
    axes[0, 0].set_xlabel("ten largest coefficients")
    each = [taylor_coefficients(one, patient.inputs).first for one in patient.networks]
    for seed, (values, marker) in enumerate(zip(each, "osD", strict=True)):
        axes[0, 1].plot(
            np.arange(len(NAMES)), values, marker, ms=4, color=list(COLOURS.values())[seed], label=f"start {seed}"
        )
    axes[0, 1].set_xticks(np.arange(len(NAMES)), NAMES, fontsize=8)
    axes[0, 1].set(ylabel="t(x) of each training", ylim=(0, None))
    axes[0, 1].legend(fontsize=7)
    response = forward(patient.networks[0], patient.inputs)[:, 0]
    for label, colour, name in ((0, COLOURS["blue"], "background"), (1, COLOURS["vermilion"], "signal")):
        axes[0, 2].hist(
            response[patient.labels == label], np.linspace(0, 1, 31), histtype="step", color=colour, label=name
        )
    axes[0, 2].set(xlabel="response f", ylabel="events", yscale="log")
    axes[0, 2].legend(fontsize=7)
    axes[1, 0].boxplot(patient.inputs, whis=(1, 99), showfliers=False, tick_labels=NAMES)
    axes[1, 0].tick_params(axis="x", labelsize=8)
    axes[1, 0].set_ylabel("inputs, 1 to 99 %")
    _draw_map(axes[1, 1], patient, np.argsort(-found.first)[:2])
    axes[1, 2].bar(
        ["here", "elsewhere"], [patient.auc(patient.inputs), patient.auc(patient.elsewhere)], color=COLOURS["green"]
    )
    axes[1, 2].set(ylabel="AUC", ylim=(0.5, 1))
    return figure


def _draw_map(axis: plt.Axes, patient: Patient, leading: np.ndarray) -> None:
    """The response over the plane of two inputs, and some events on it."""
    few = patient.inputs[:300]
    ranges = [np.linspace(*np.percentile(patient.inputs[:, i], [0.5, 99.5]), 61) for i in leading]
    points = np.zeros((61 * 61, len(NAMES)), np.float32)
    points[:, leading] = np.stack(np.meshgrid(*ranges), axis=-1).reshape(-1, 2)
    mean = np.mean([forward(one, points)[:, 0] for one in patient.networks], axis=0)
    image = axis.pcolormesh(*ranges, mean.reshape(61, 61), cmap=SEQUENTIAL, vmin=0, vmax=1, rasterized=True)
    axis.plot(few[:, leading[0]], few[:, leading[1]], ".", color="white", ms=1.5)
    axis.set(xlabel=NAMES[leading[0]], ylabel=NAMES[leading[1]], xlim=ranges[0][[0, -1]], ylim=ranges[1][[0, -1]])
    axis.figure.colorbar(image, ax=axis, label="response f")


def _with(inputs: np.ndarray, column: int, values: np.ndarray) -> np.ndarray:
    changed = inputs.copy()
    changed[:, column] = values
    return changed


def _sharper(network: DenseNetwork) -> DenseNetwork:
    """The same order of events, with answers near 0 and 1 only: the logit is many times as large."""
    kernels, biases = ((*parts[:-1], parts[-1] * np.float32(_SHARPER)) for parts in (network.kernels, network.biases))
    return replace(network, kernels=kernels, biases=biases)


def _in_other_units(patient: Patient) -> Patient:
    """The same answers for an input whose numbers are many times as large."""
    factor = np.ones(len(NAMES), np.float32)
    factor[_UNITS] = _LARGER
    networks = tuple(
        replace(one, kernels=(one.kernels[0] / factor[:, None], *one.kernels[1:])) for one in patient.networks
    )
    return replace(patient, networks=networks, inputs=patient.inputs * factor, elsewhere=patient.elsewhere * factor)
