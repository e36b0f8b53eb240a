"""Hostile arguments for what notebook 1 uses: tasks, networks, training, coefficients, Higgs events."""

import dataclasses

import numpy as np
import pytest
from arguments import attack, case, require_good_call, shaped, shaped_like, table
from hypothesis import given
from hypothesis import strategies as st

from helpers.course import exercises
from helpers.course.backend import set_seeds
from helpers.digits.pictures import centre_digit, shuffled_labels
from helpers.higgs import events as higgs
from helpers.higgs import events as higgs_variables
from helpers.higgs import events as preprocessing
from helpers.higgs import selection as significance
from helpers.taylor import coefficients, derivatives, gaussians, networks, playground, training
from helpers.taylor import expansion as taylor

RNG = np.random.default_rng(0)
EVENTS = RNG.normal(size=(40, 2)).astype(np.float32)
LABELS = (np.arange(40) % 2).astype(np.float32)
WEIGHTS = RNG.uniform(0.5, 1, 40)
TASK = gaussians.toy_task("c")
MODEL = networks.build_network(2, (4,))
NETWORK = networks.dense_network(MODEL)
FOUND = taylor.taylor_coefficients(NETWORK, EVENTS)
RANKING = FOUND.ranking()
HIGGS = higgs.HiggsEvents(
    "test",
    RNG.normal(size=(40, 30)).astype(np.float32),
    LABELS,
    WEIGHTS,
    np.array(["t"] * 30 + ["b"] * 10),
)
STANDARDISER = preprocessing.fit_standardiser(EVENTS)


def predict(inputs):
    return inputs[:, 0] + inputs[:, 1]


def fresh_training(**arguments):
    return training.train(networks.build_network(2, (4,)), **arguments)


def first_snapshots(**arguments):
    return list(training.training_snapshots(networks.build_network(2, (4,)), **arguments))


CASES = table(
    case(gaussians.toy_task, name="a"),
    case(gaussians.covariance_matrix, shaped(2, 2), widths=(1.0, 2.0), correlation=0.5),
    case(
        gaussians.GaussianTask,
        signal_mean=np.array([0.5, 0.5]),
        signal_covariance=np.eye(2),
        background_mean=np.array([-0.5, 0.0]),
        background_covariance=np.eye(2),
    ),
    case(
        gaussians.sample,
        lambda found, a: found[0].shape == (a["events"], 2) and sum(found[1]) == a["events"] // 2,
        task=TASK, events=20, seed=3, kept=["task"], endless=["events"],
    ),
    case(gaussians.log_density_ratio, shaped_like("inputs", 1), task=TASK, inputs=EVENTS, kept=["task"]),
    case(gaussians.bayes_response, shaped_like("inputs", 1), task=TASK, inputs=EVENTS, kept=["task"]),
    case(
        gaussians.bayes_derivatives,
        lambda found, a: found[2].shape == (len(a["inputs"]), 2, 2),
        task=TASK, inputs=EVENTS, kept=["task"],
    ),
    case(gaussians.bayes_coefficients, task=TASK, inputs=EVENTS, kept=["task"]),
    case(playground.task_from_sliders, distance=1.0, signal_width=1.0, background_width=2.0, correlation=0.5),
    case(
        playground.train_on_task,
        task=TASK, neurons=3, events=100, epochs=1, seed=0, batch=50, kept=["task"],
        endless=["neurons", "events", "epochs"],
    ),
    case(
        networks.build_network,
        inputs=2, hidden=(3, 4), outputs=1, activation="tanh", output_activation="sigmoid", seed=0,
        endless=["inputs", "outputs"], kept=["hidden"],
    ),
    case(networks.build_network, hidden=(3,)),
    case(
        networks.DenseNetwork,
        kernels=(np.ones((2, 3)), np.ones((3, 1))), biases=(np.ones(3), np.ones(1)), activations=("tanh", "sigmoid"),
    ),
    case(
        networks.forward,
        lambda found, a: found.shape == (len(a["inputs"]), 1),
        network=NETWORK, inputs=EVENTS, kept=["network"],
    ),
    case(networks.dense_network, model=MODEL),
    case(
        fresh_training,
        inputs=EVENTS, labels=LABELS, weights=WEIGHTS, epochs=1, batch=10, learning_rate=0.01, validation=0.2, patience=2,
        seed=0, loss="binary_crossentropy", endless=["epochs"], also=(FloatingPointError,),
    ),
    case(
        first_snapshots,
        inputs=EVENTS, labels=LABELS, steps=2, every=1, batch=10, learning_rate=0.01, seed=0,
        endless=["steps", "batch"],
    ),
    case(
        derivatives.dense_derivatives,
        lambda found, a: found[2].shape == (len(a["inputs"]), 2, 2),
        network=NETWORK, inputs=EVENTS, output=0, kept=["network"],
    ),
    case(
        derivatives.autodiff_derivatives,
        lambda found, a: found[2].shape == (len(a["inputs"]), 2, 2),
        model=MODEL, inputs=EVENTS, output=0,
    ),
    case(
        taylor.taylor_coefficients,
        lambda found, a: found.second.shape == (2, 2),
        model=NETWORK, inputs=EVENTS, output=0, weights=WEIGHTS, names=["a", "b"], method="dense", kept=["model"],
    ),
    case(taylor.taylor_coefficients, model=MODEL, inputs=EVENTS, output=0, method="autodiff"),
    case(
        coefficients.coefficients_from_derivatives,
        lambda found, a: found.first.shape == np.shape(a["gradient"])[1:],
        gradient=EVENTS, hessian=RNG.normal(size=(40, 2, 2)), weights=WEIGHTS, names=["a", "b"],
    ),
    case(coefficients.top_of_ranking, ranking=RANKING, share=0.5, kept=["ranking"]),
    case(coefficients.ranking_table, ranking=RANKING, top=3, kept=["ranking"]),
    case(coefficients.over_trainings, found=[FOUND, FOUND], ),
    case(FOUND.ranking, orders=(1, 2)),
    case(FOUND.all, orders=(2,)),
    case(FOUND.index, name="x1"),
    case(
        preprocessing.fit_standardiser,
        lambda found, a: found.mean.shape == np.shape(a["inputs"])[1:],
        inputs=EVENTS, undefined=-999.0,
    ),
    case(STANDARDISER.__call__, shaped_like("inputs"), inputs=EVENTS),
    case(significance.ams, signal=np.array([1.0, 5.0]), background=np.array([10.0, 2.0])),
    case(significance.best_selection, response=EVENTS[:, 0], labels=LABELS, weights=WEIGHTS),
    case(
        significance.permutation_importance,
        lambda found, a: found[0].shape == np.shape(a["inputs"])[1:],
        predict=predict, inputs=EVENTS, labels=LABELS, repeats=2, seed=0, kept=["predict"], endless=["repeats"],
    ),
    case(higgs.load_higgs, source="excerpt", quiet=True),
    case(higgs.training_and_test, events=HIGGS, most=5, kept=["events"]),

    case(HIGGS.column, name="DER_mass_MMC"),
    case(HIGGS.select, events=np.arange(4)),
    case(higgs_variables.variable, name="PRI_met"),
    case(
        exercises.is_right, lambda found, a: isinstance(found, bool),
        answer=1.5, expected=1.5, tolerance=0.02, kept=["expected", "tolerance"],
    ),
    case(set_seeds, lambda found, a: True, seed=3),
    case(centre_digit, shaped(28, 28), drawing=RNG.uniform(size=(30, 20))),
    case(shuffled_labels, shaped_like("labels"), labels=np.arange(10), seed=0),
)  # fmt: skip


@pytest.mark.parametrize("name", [name for name in CASES if not name.endswith("set_seeds")])
def test_the_good_call_is_answered(name):
    require_good_call(CASES[name])


@pytest.mark.parametrize("name", CASES)
@given(data=st.data())
def test_a_hostile_argument_is_refused_or_answered(name, data):
    attack(CASES[name], data)


def test_events_of_one_class_have_no_weights():
    with pytest.raises(ValueError, match="no signal"):
        higgs.expected_weights(dataclasses.replace(HIGGS, labels=np.zeros(40, np.float32)))
