"""A text field whose sentence is explained word by word. Nothing is computed here.

The plain twin is ``words_in_colour(explain_sentence(network, text))``.
"""

import ipywidgets

from helpers.course.figures import show
from helpers.course.widgets import show_controls
from helpers.words.figures import words_in_colour
from helpers.words.scores import METHODS, ExplainedSentence, explain_sentence
from helpers.words.sentiment import SentimentNetwork


def type_a_sentence(network: SentimentNetwork, text: str = "It never fails to engage us.") -> None:
    """A text field and a menu of methods; press Enter, and the sentence is explained by the method chosen.

    A sentence without words, or of unknown words only, is answered with a message in words.
    """
    field = ipywidgets.Text(
        text, description="sentence", continuous_update=False, layout={"width": "75%"}, placeholder="type, then Enter"
    )
    menu = ipywidgets.Dropdown(options=list(METHODS), description="method", layout={"width": "24%"})

    def update(text: str, method: str) -> None:
        try:
            explained = explain_sentence(network, text, method)
        except ValueError as error:
            print(error)
            return
        show(words_in_colour(explained), alt=sentence_alt(explained))

    figure = ipywidgets.interactive_output(update, {"text": field, "method": menu})
    figure.layout.min_height = "180px"  # so that the page does not jump from one sentence to the next
    show_controls(ipywidgets.HBox([field, menu]), figure)


def sentence_alt(sentence: ExplainedSentence) -> str:
    """What the figure of an explained sentence shows, in words and numbers."""
    scores = ", ".join(
        f"{word}{'' if known else ' (unknown)'} {score:+.2f}"
        for word, known, score in zip(sentence.words, sentence.known, sentence.scores, strict=True)
    )
    return (
        f"Words coloured by their scores, {sentence.method}, in a sentence with logit {sentence.logit:+.2f}: {scores}"
    )
