"""Names and places by a spaCy model that the operator has installed. Nothing is downloaded, here or by spaCy.

Of the model only the component ``ner`` runs, and what it listens to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import spacy
from spacy.language import Language

from redaction.finding import Finding

# Such models do not say how sure they are; this is what Presidio gives to what they find.
_SCORE = 0.85
_FACTORIES = frozenset(("ner", "beam_ner"))


class SpacyModel:
    """A ``redaction.names.NameFinder`` over a spaCy pipeline; ``labels`` maps what it finds to entities, and the rest is ignored."""

    def __init__(self, model: str, labels: Mapping[str, str]) -> None:
        """Loads the model.

        Raises:
            ValueError: it is missing or of no use; the message begins with the setting that is wrong.
        """
        self._nlp = _cut_down(_loaded(model), model)
        self._labels = labels
        known = {label for name in self._nlp.pipe_names for label in self._nlp.pipe_labels.get(name, ())}
        if known.isdisjoint(labels):
            raise ValueError(f"labels: {model} has none of {', '.join(labels)}; it has {', '.join(sorted(known))}")
        meta = self._nlp.meta
        self.version = f"{meta['lang']}_{meta['name']}-{meta['version']}"

    def find(self, texts: Sequence[str]) -> Sequence[Sequence[Finding]]:
        """See ``NameFinder.find``."""
        # Without a zone of its own, spaCy would keep every word that it has ever seen.
        with self._nlp.memory_zone():
            return [
                [
                    Finding(start=one.start_char, end=one.end_char, entity=self._labels[one.label_], score=_SCORE)
                    for one in doc.ents
                    if one.label_ in self._labels
                ]
                for doc in self._nlp.pipe(texts, batch_size=max(1, len(texts)))
            ]


def _loaded(model: str) -> Language:
    try:
        return spacy.load(model)
    except OSError as exc:
        raise ValueError(
            f"model: {model} is neither an installed package nor a folder with a spaCy model; it is never downloaded"
        ) from exc
    except Exception as exc:
        # A model can bring code of its own, which can fail in any way.
        raise ValueError(f"model: {model} cannot be loaded: {type(exc).__name__}: {exc}") from exc


def _cut_down(nlp: Language, model: str) -> Language:
    ner = {name for name in nlp.pipe_names if nlp.get_pipe_meta(name).factory in _FACTORIES}
    if not ner:
        raise ValueError(f"model: {model} has no component ner; it has {', '.join(nlp.pipe_names) or 'none'}")
    # Shared embeddings, such as tok2vec and transformer, know who listens to them.
    heard = {name for name, pipe in nlp.pipeline if not ner.isdisjoint(getattr(pipe, "listening_components", ()))}
    nlp.select_pipes(enable=[name for name in nlp.pipe_names if name in ner | heard])
    return nlp
