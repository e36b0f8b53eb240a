import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.special import logit

from helpers.course.figures import LARGEST_WIDTH
from helpers.exercises.break_the_ranking import PATIENTS
from helpers.higgs import flaws
from helpers.higgs.events import load_higgs
from helpers.taylor.networks import forward


@pytest.fixture(scope="module")
def ward():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flaws, "_MOST", 3000)
        patch.setattr(flaws, "TRAINING", {"epochs": 3, "batch": 100, "learning_rate": 0.02})
        reports = []
        found = flaws.patients(load_higgs("excerpt", quiet=True), progress=lambda *report: reports.append(report[:2]))
        assert reports == [(n, 12) for n in range(1, 13)]
        return {"healthy": found["healthy"], **{flaw: found[letter] for letter, flaw in flaws.FLAWS.items()}}


def answers(patient, number=0):
    return forward(patient.networks[number], patient.inputs)[:, 0].astype(float)


def test_the_exercises_know_who_has_what():
    assert [verdict for verdict, *_ in PATIENTS.values()] == list(flaws.FLAWS.values())


def test_the_saturated_network_sorts_events_as_the_healthy_one(ward):
    healthy, sick = ward["healthy"], ward["saturated"]
    few = np.abs(logit(answers(healthy))) < 0.8  # where single precision can tell the sharper answer from 0 and 1
    np.testing.assert_allclose(
        logit(answers(sick)[few]), flaws._SHARPER * logit(answers(healthy)[few]), rtol=0.02, atol=1e-3
    )
    assert abs(sick.auc(sick.inputs) - healthy.auc(healthy.inputs)) < 1e-3


def test_other_units_change_no_answer_and_every_coefficient_of_one_input(ward):
    healthy, sick = ward["healthy"], ward["units"]
    np.testing.assert_allclose(answers(sick), answers(healthy), atol=1e-5)
    ratio = sick.coefficients.first / healthy.coefficients.first
    expected = np.ones(7)
    expected[flaws._UNITS] = 1 / flaws._LARGER
    np.testing.assert_allclose(ratio, expected, rtol=1e-4)


def test_a_copy_is_exact(ward):
    np.testing.assert_array_equal(ward["copy"].inputs[:, flaws._COPIED], ward["copy"].inputs[:, flaws._REPLACED])


def test_the_spurious_input_knows_the_class_here_only(ward):
    sick, column = ward["spurious"], flaws._REPLACED
    others = np.arange(7) != column
    np.testing.assert_array_equal(sick.elsewhere[:, others], sick.inputs[:, others])
    np.testing.assert_array_equal(np.sort(sick.elsewhere[:, column]), np.sort(sick.inputs[:, column]))
    for inputs, apart in ((sick.inputs, flaws._LEAK), (sick.elsewhere, 0)):
        signal, background = (inputs[sick.labels == label, column].mean() for label in (1, 0))
        assert abs(signal - background - apart) < 0.2
    assert sick.auc(sick.inputs) > sick.auc(sick.elsewhere) + 0.05


def test_what_is_undefined_squeezes_what_is_defined(ward):
    masses = ward["undefined"].inputs[:, flaws._MASS]
    assert 0.1 < np.mean(masses < -1) < 0.2
    assert masses[masses > -1].std() < 0.3
    assert 0.8 < masses.std() < 1.2


def test_every_file_is_drawn(ward):
    for patient in ward.values():
        figure = flaws.patient_file(patient)
        assert figure.get_figwidth() <= LARGEST_WIDTH
        figure.savefig(io.BytesIO(), dpi=40)
        shown = [bar.get_height() for bar in figure.axes[5].patches]
        np.testing.assert_allclose(shown, [patient.auc(patient.inputs), patient.auc(patient.elsewhere)])
        plt.close(figure)
