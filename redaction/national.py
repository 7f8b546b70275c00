"""Identity numbers of countries, as Presidio's recognizers know them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from presidio_analyzer import PatternRecognizer, predefined_recognizers

from redaction.detector import Detector
from redaction.presidio import PatternDetector

# By ISO 3166 code. Only numbers with a check digit, a shape that nothing else has, or words that must stand beside them.
_RECOGNIZERS: Mapping[str, Sequence[str]] = {
    "AU": ("AuAbnRecognizer", "AuAcnRecognizer", "AuTfnRecognizer", "AuMedicareRecognizer"),
    "CA": ("CaSinRecognizer",),
    "DE": (
        "DeTaxIdRecognizer",
        "DeIdCardRecognizer",
        "DePassportRecognizer",
        "DeSocialSecurityRecognizer",
        "DeHealthInsuranceRecognizer",
    ),
    "ES": ("EsNifRecognizer", "EsNieRecognizer"),
    "FI": ("FiPersonalIdentityCodeRecognizer",),
    "GB": ("NhsRecognizer", "UkNinoRecognizer", "UkDrivingLicenceRecognizer"),
    "IN": ("InAadhaarRecognizer", "InPanRecognizer", "InVoterRecognizer", "InGstinRecognizer"),
    "IT": ("ItFiscalCodeRecognizer", "ItVatCodeRecognizer", "ItIdentityCardRecognizer", "ItPassportRecognizer"),
    "KR": ("KrRrnRecognizer", "KrFrnRecognizer"),
    "NG": ("NgNinRecognizer",),
    "PL": ("PlPeselRecognizer",),
    "SE": ("SePersonnummerRecognizer",),
    "SG": ("SgFinRecognizer", "SgUenRecognizer"),
    "TH": ("ThTninRecognizer",),
    "TR": ("TrNationalIdRecognizer",),
    "US": ("UsItinRecognizer", "UsMbiRecognizer", "UsPassportRecognizer"),
    "ZA": ("ZaIdNumberRecognizer",),
}
COUNTRIES = frozenset(_RECOGNIZERS)
# Every one of these numbers has a digit with four letters or digits behind it, or is refused here when it is built.
_TRIGGER = rb"(?:^|[^0-9])[0-9](?:[ \-./]?[0-9A-Za-z]){3}"
_REACH = 40


def national_detectors(countries: Sequence[str]) -> Sequence[Detector]:
    """The detectors of the given countries; codes are those of ``COUNTRIES``."""
    names = [name for country in countries for name in _RECOGNIZERS[country]]
    return [PatternDetector(_recognizer(name), triggers=(_TRIGGER,), reach=_REACH) for name in names]


def _recognizer(name: str) -> PatternRecognizer:
    recognizer: PatternRecognizer = getattr(predefined_recognizers, name)()
    return recognizer
