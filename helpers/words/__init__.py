"""Film reviews: sentences, an LSTM that judges them, relevance of their words, and how to check it."""

from helpers.words.checks import compare_with_valences, deletion_curves
from helpers.words.figures import deletion_figure, valence_bars, words_in_colour
from helpers.words.scores import METHODS, ExplainedSentence, explain_sentence
from helpers.words.sentiment import quality, sentiment_logits, train_sentiment
from helpers.words.text import (
    PAPER_SENTENCES,
    build_vocabulary,
    encode,
    load_sentences,
    load_word_valences,
    split_into_words,
    training_and_test,
)
from helpers.words.widgets import type_a_sentence
