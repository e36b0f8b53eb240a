"""The finding of notebook 1 on real events: a ranking by Taylor coefficients names the variables that suffice."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from helpers.higgs.events import fit_standardiser, load_higgs, training_and_test
from helpers.taylor.coefficients import inputs_in, over_trainings, top_of_ranking
from helpers.taylor.expansion import taylor_coefficients
from helpers.taylor.networks import build_network, dense_network, forward
from helpers.taylor.training import train


@pytest.fixture(scope="module")
def parts():
    training, test = training_and_test(load_higgs("excerpt", quiet=True))
    standardise = fit_standardiser(training.inputs)
    return standardise(training.inputs), training.labels, standardise(test.inputs), test.labels, test.names


def trained_on(parts, columns, seed):
    inputs, labels, test_inputs, test_labels, _ = parts
    model = build_network(len(columns), seed=500 + 10 * seed)
    train(model, inputs[:, columns], labels, seed=seed, epochs=15, batch=200, learning_rate=0.01)
    network = dense_network(model)
    return network, roc_auc_score(test_labels, forward(network, test_inputs[:, columns])[:, 0])


def test_the_variables_of_the_top_five_per_cent_suffice(parts):
    names = parts[-1]
    networks, aucs = zip(*(trained_on(parts, np.arange(30), seed) for seed in range(3)), strict=True)
    assert min(aucs) >= 0.885
    found = over_trainings([taylor_coefficients(network, parts[2], names=names) for network in networks])
    ranking = found.ranking()
    assert len(ranking) == 495
    assert ranking[0].inputs == ("DER_mass_MMC",)
    top = top_of_ranking(ranking, 0.05)
    chosen = inputs_in(top)
    assert len(top) == 25
    assert 6 <= len(chosen) <= 15
    few = np.mean([trained_on(parts, [names.index(name) for name in chosen], seed)[1] for seed in range(3)])
    assert np.mean(aucs) - few < 0.01
    bottom = inputs_in(found.ranking((1,)))[-len(chosen) :]
    assert trained_on(parts, [names.index(name) for name in bottom], 0)[1] < 0.8
    assert all(
        "phi" in row.inputs[0] or "eta" in row.inputs[0] or "pro" in row.inputs[0] for row in found.ranking((1,))[-4:]
    )
