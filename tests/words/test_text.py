import numpy as np
import pytest

from helpers.words.text import (
    PADDING,
    PAPER_SENTENCES,
    UNKNOWN,
    Vocabulary,
    build_vocabulary,
    encode,
    load_sentences,
    load_word_valences,
    split_into_words,
    training_and_test,
)


@pytest.fixture(scope="module")
def films():
    return load_sentences()


def words_of(text):
    return [word for word in split_into_words(text) if word[-1].isalnum()]


def test_the_files_are_what_their_origin_says(films):
    assert len(films) == 10_605
    assert len(load_sentences("products")) == 3_707
    assert films.texts[2] == "Effective but too tepid biopic"
    assert films.ratings[2] == -0.6
    assert np.abs(films.ratings).max() <= 4
    with pytest.raises(ValueError, match="'films' and 'products'"):
        load_sentences("books")


def test_word_valences_have_the_sign_people_would_give_them():
    valences = load_word_valences()
    assert len(valences) == 7_214  # 7,224 lines, ten words stand there twice
    assert valences["good"] > 1
    assert valences["horrible"] < -1
    assert all(word == word.lower() for word in valences)


def test_sentences_come_apart_as_in_the_papers():
    assert split_into_words("Don't miss it!") == ["do", "n't", "miss", "it", "!"]
    assert split_into_words('It\u2019s well-drawn -- "can\'t"...') == ["it", "'s", "well", "drawn", "ca", "n't", "..."]
    assert split_into_words("Amélie, 8 1/2") == ["amélie", ",", "8", "1", "2"]
    assert split_into_words(" -- \n") == []
    for text in PAPER_SENTENCES:  # once apart, a sentence stays as it is
        assert split_into_words(" ".join(split_into_words(text))) == split_into_words(text)


@pytest.mark.parametrize("mark", "’‘´`ʼ＇ʹʻʽˈˊˋ′‵‛᾽᾿´`❛❜ꞌ՚׳΄｀\u0091\u0092", ids=lambda mark: f"U+{ord(mark):04X}")
def test_every_apostrophe_is_read_as_the_same(mark):
    sentence = "I DON'T like it: it's 'good', isn't it? They're right, we've seen we'd, I'm sure he'll do n't."
    assert split_into_words(sentence.replace("'", mark)) == split_into_words(sentence)


def test_letters_and_dots_have_one_form():
    assert split_into_words("Ame\u0301lie\u2026") == split_into_words("Amélie...") == ["amélie", "..."]


def test_the_papers_sentences_and_copies_are_never_trained_on(films):
    for seed in range(3):
        train, test = training_and_test(films, seed=seed)
        for sentence in PAPER_SENTENCES:
            wanted = " ".join(words_of(sentence))
            assert not any(wanted in " ".join(words_of(text)) for text in train.texts)
            assert any(wanted in " ".join(words_of(text)) for text in test.texts)
        assert not {tuple(words_of(t)) for t in train.texts} & {tuple(words_of(t)) for t in test.texts}


def test_the_split_takes_clear_sentences_and_the_share_asked_for(films):
    train, test = training_and_test(films)
    assert min(np.abs(train.ratings).min(), np.abs(test.ratings).min()) >= 0.3
    assert len(train) + len(test) == (np.abs(films.ratings) >= 0.3).sum()
    assert abs(len(test) / (len(train) + len(test)) - 0.15) < 0.01
    assert training_and_test(films)[1].texts == test.texts
    assert training_and_test(films, seed=1)[1].texts != test.texts
    with pytest.raises(ValueError, match="share between 0 and 1"):
        training_and_test(films, test=1.5)
    with pytest.raises(ValueError, match="too few"):
        training_and_test(films.select(slice(0, 0)))


def test_selecting_keeps_texts_and_ratings_together(films):
    some = films.select(films.ratings > 3)
    assert len(some) == len(some.ratings) == (films.ratings > 3).sum()
    assert some.ratings[5] == films.ratings[films.texts.index(some.texts[5])]


def test_the_vocabulary_has_frequent_words_first():
    vocabulary = build_vocabulary(["a good film", "a bad film", "a dull one"])
    assert vocabulary.words == ("a", "film")
    assert len(vocabulary) == 4
    with pytest.raises(ValueError, match="No word occurs 2 times in these 1 texts"):
        build_vocabulary(["each word once"])


def test_words_become_numbers_and_short_sentences_are_padded():
    vocabulary = Vocabulary(("a", "film"))
    numbers = encode(vocabulary, ["A film", "a strange film!"])
    np.testing.assert_array_equal(numbers, [[2, 3, PADDING, PADDING], [2, UNKNOWN, 3, UNKNOWN]])


def test_sentences_that_cannot_be_explained_are_refused_in_words():
    vocabulary = Vocabulary(("film", ".", "?"))
    for texts, said in (
        ([""], "no word in ''"),
        (["film", " ...?"], "no word in"),
        ([], "no sentence"),
        ("a film", "as a list"),
    ):
        with pytest.raises(ValueError, match=said):
            encode(vocabulary, texts)
    with pytest.raises(ValueError, match="knows none of these words: ein, schöner, streifen"):
        encode(vocabulary, ["Ein schöner Streifen."], known=True)
    assert (encode(vocabulary, ["Ein schöner"]) == UNKNOWN).all()
