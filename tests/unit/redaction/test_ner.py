from __future__ import annotations

from pathlib import Path

import pytest
import spacy

from redaction.ner import SpacyModel
from redaction.policy import NER_LABELS


def _found(model: SpacyModel, text: str) -> list[tuple[str, str]]:
    ((*findings,),) = model.find([text])
    return [(text[one.start : one.end], one.entity) for one in findings]


def test_names_and_places_are_found(name_model: Path) -> None:
    model = SpacyModel(str(name_model), NER_LABELS)

    assert _found(model, "My name is Bob Jones and I live in Berlin.") == [
        ("Bob Jones", "PERSON"),
        ("Berlin", "LOCATION"),
    ]


def test_labels_choose_and_rename(name_model: Path) -> None:
    model = SpacyModel(str(name_model), {"GPE": "PLACE"})

    assert _found(model, "My name is Bob Jones and I live in Berlin.") == [("Berlin", "PLACE")]


def test_many_texts_are_answered_in_their_order(name_model: Path) -> None:
    texts = ["I am Bob Jones.", "", "What is the weather in Oslo?"]

    found = SpacyModel(str(name_model), NER_LABELS).find(texts)

    assert [[one.entity for one in of_text] for of_text in found] == [["PERSON"], [], ["LOCATION"]]
    assert SpacyModel(str(name_model), NER_LABELS).find([]) == []


def test_only_what_ner_needs_runs_and_words_are_forgotten(name_model: Path) -> None:
    model = SpacyModel(str(name_model), NER_LABELS)

    model.find(["I am Bob Unheardof."])

    assert model._nlp.pipe_names == ["ner"]
    assert "Unheardof" not in model._nlp.vocab.strings


def test_a_listener_keeps_what_it_listens_to(tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec")
    listener = {
        "@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": "ner",
        "extra_state_tokens": False,
        "hidden_width": 64,
        "maxout_pieces": 2,
        "use_upper": False,
        "tok2vec": {"@architectures": "spacy.Tok2VecListener.v1", "width": 96},
    }
    nlp.add_pipe("ner", config={"model": listener}).add_label("PERSON")  # type: ignore[attr-defined]
    nlp.add_pipe("sentencizer")
    nlp.initialize()
    nlp.to_disk(tmp_path)

    assert SpacyModel(str(tmp_path), NER_LABELS)._nlp.pipe_names == ["tok2vec", "ner"]


def test_a_model_that_is_missing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^model: no_such_model is neither an installed package nor a folder"):
        SpacyModel("no_such_model", NER_LABELS)


def test_a_model_without_ner_is_refused(tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.to_disk(tmp_path)

    with pytest.raises(ValueError, match=r"^model: .* has no component ner; it has sentencizer$"):
        SpacyModel(str(tmp_path), NER_LABELS)


def test_a_model_without_any_of_the_labels_is_refused(name_model: Path) -> None:
    with pytest.raises(ValueError, match=r"^labels: .* has none of ORG; it has GPE, PERSON$"):
        SpacyModel(str(name_model), {"ORG": "COMPANY"})


def test_a_model_that_is_broken_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.cfg").write_text("[nlp]\nlang = 'xx'\npipeline = ['nothing']\n")
    (tmp_path / "meta.json").write_text("{}")

    with pytest.raises(ValueError, match=r"^model: "):
        SpacyModel(str(tmp_path), NER_LABELS)
