import datetime
import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from helpers.vgg16 import widgets


@pytest.fixture
def shown(monkeypatch):
    """What widgets display and which alt texts figures get, collected instead of displayed."""
    record = {"widgets": [], "alt": []}
    monkeypatch.setattr("helpers.course.widgets.display", record["widgets"].append)
    monkeypatch.setattr(widgets, "show", lambda figure, alt: (record["alt"].append(alt), plt.close(figure)))
    return record


def upload(shown, content: bytes):
    button, output, _ = shown["widgets"][0].children
    file = {"name": "x", "type": "image/png", "size": len(content), "content": content}
    button.value = ({**file, "last_modified": datetime.datetime(2026, 1, 1)},)
    return "".join(o.get("text", "") for o in output.outputs)


def test_an_upload_is_explained(shown):
    seen = []
    mine = widgets.explain_upload(
        lambda picture: (seen.append(picture), plt.figure())[1], size=40, alt="a map of the upload"
    )
    assert mine.picture is None
    file = io.BytesIO()
    Image.new("RGB", (80, 60), (200, 10, 10)).save(file, "PNG")
    upload(shown, file.getvalue())
    assert seen[0].shape == (40, 40, 3)
    assert np.all(seen[0][..., 0] == 200)
    assert shown["alt"] == ["a map of the upload"]
    assert np.array_equal(mine.picture, seen[0])


def test_a_bad_upload_gets_words_not_a_traceback(shown, capsys):
    before = np.zeros((40, 40, 3), np.uint8)
    mine = widgets.explain_upload(
        lambda picture: pytest.fail("nothing to explain"), size=40, alt="a map of the upload", picture=before
    )
    upload(shown, b"not a picture at all")
    upload(shown, b"")
    said = capsys.readouterr().out
    assert "is not a picture" in said
    assert "is empty" in said
    assert "x is not a picture" in said  # the file's own name
    assert shown["alt"] == []
    assert mine.picture is before


def test_the_label_of_an_upload_button_fits_and_its_tooltip_says_what_it_is(shown):
    widgets.explain_upload(lambda picture: plt.figure(), size=40, alt="a map of the upload")
    button = shown["widgets"][0].children[0]
    assert button.layout.width == "max-content"
    assert button.tooltip == "Your photograph (10 MB at most)"
