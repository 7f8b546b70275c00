"""Which detectors a policy wants."""

from __future__ import annotations

from collections.abc import Sequence

from redaction.custom import custom_detectors
from redaction.detector import Detector
from redaction.national import national_detectors
from redaction.personal import personal_detectors
from redaction.policy import Policy
from redaction.secret import secret_detectors


def detectors_of(policy: Policy) -> Sequence[Detector]:
    """Those of the entities it names, of its countries, secrets unless it excludes them, and its own.

    Raises:
        ValueError: one of its own recognizers cannot be used; the message names it.
    """
    personal = [detector for detector in personal_detectors() if detector.entity in policy.entities]
    secrets = secret_detectors() if policy.secrets else ()
    return [*personal, *national_detectors(policy.countries), *secrets, *custom_detectors(policy.recognizers)]
