import numpy as np
import pytest

from helpers.photos.films import LETTER, radiographs


def test_the_same_patients_whatever_the_letters_are():
    north, south = radiographs(40, 1.0, 0.0, seed=3), radiographs(40, 0.5, 0.5, seed=3)
    for one in ("unmarked", "with_marker", "ill", "opacity", "marker"):
        assert np.array_equal(getattr(north, one), getattr(south, one)), one
    assert np.array_equal(north.marked, north.ill)
    assert 5 < south.marked.sum() < 35
    assert not np.array_equal(radiographs(40, seed=4).unmarked, south.unmarked)


def test_ill_and_healthy_differ_in_the_opacity_only():
    films = radiographs(60, seed=1)
    assert films.ill.sum() == 30
    assert np.array_equal(films.opacity.any(axis=(1, 2)), films.ill)
    assert 0.003 < films.opacity[films.ill].mean() < 0.06
    inside = films.unmarked[..., 0][films.opacity].mean()
    lungs = films.opacity.any(axis=0)
    assert inside > films.unmarked[~films.ill][..., 0][:, lungs].mean() + 0.05  # an opacity is brighter than a lung


def test_the_marker_is_the_only_difference_and_its_mask_is_exact():
    films = radiographs(20, 0.9, 0.1, seed=2)
    changed = (films.with_marker != films.unmarked)[..., 0]
    assert np.all(changed <= films.marker)
    assert np.all(films.marker.sum(axis=(1, 2)) == LETTER.sum())
    assert np.all(films.with_marker[..., 0][films.marker] == np.float32(0.95))
    assert not np.any(films.marker & films.opacity)
    pictures = np.where(films.marked[:, None, None, None], films.with_marker, films.unmarked)
    assert np.array_equal(films.pictures, pictures)


def test_films_are_pictures():
    films = radiographs(6)
    assert films.pictures.shape == (6, 64, 64, 1)
    assert films.pictures.dtype == np.float32
    assert films.pictures.min() >= 0
    assert films.pictures.max() <= 1


@pytest.mark.parametrize(
    ("given", "says"), [({"count": 0}, "count"), ({"count": 2, "marked_if_ill": 1.5}, "marked_if_ill")]
)
def test_what_cannot_be_drawn_is_refused(given, says):
    with pytest.raises(ValueError, match=says):
        radiographs(**given)
