from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import pytest

from redaction.country import NATIONAL
from redaction.policy_file import parse_policy
from redaction.redactor import Redactor

# Made-up numbers with right check digits; a word before one where its shape alone is not enough.
_SAMPLES: Mapping[str, str] = {
    "AU_ABN": "51824753556",
    "AU_ACN": "000 000 019",
    "AU_TFN": "876 543 210",
    "AU_MEDICARE": "2123456701",
    "CA_SIN": "130 692 544",
    "DE_TAX_ID": "86095742719",
    "DE_ID_CARD": "L01X00T44",
    "DE_PASSPORT": "Reisepass C01X00T41",
    "DE_SOCIAL_SECURITY": "15070649C103",
    "DE_HEALTH_INSURANCE": "A123456780",
    "ES_NIF": "55555555K",
    "ES_NIE": "Z8078221M",
    "FI_PERSONAL_IDENTITY_CODE": "131052-308T",
    "UK_NHS": "401-023-2137",
    "UK_NINO": "AA 12 34 56 B",
    "UK_DRIVING_LICENCE": "MORGA657054SM9IJ",
    "IN_AADHAAR": "312345678909",
    "IN_PAN": "AAAPA1234A",
    "IN_VOTER": "KSD1287349",
    "IN_GSTIN": "27AAPFU0939F1ZV",
    "IT_FISCAL_CODE": "RSSMRA85T10A562S",
    "IT_VAT_CODE": "01333550323",
    "IT_IDENTITY_CARD": "carta CA12345AA",
    "IT_PASSPORT": "passaporto AA1234567",
    "KR_RRN": "960121-1234568",
    "KR_FRN": "960121-5234568",
    "NG_NIN": "12345678902",
    "PL_PESEL": "44051401359",
    "SE_PERSONNUMMER": "811228-9874",
    "SG_NRIC_FIN": "S1234567D",
    "SG_UEN": "53125226D",
    "TH_TNIN": "1101700207030",
    "TR_NATIONAL_ID": "10000000146",
    "US_ITIN": "911-70-1234",
    "US_MBI": "1EG4-TE5-MK73",
    "US_PASSPORT": "passport 912803456",
    "ZA_ID_NUMBER": "8001015009087",
}  # fmt: skip
_ENTITIES = [(country, entity) for country, entities in NATIONAL.items() for entity in entities]


# Numbers of the same form; the other one would name it.
_RIVALS = {"DE_PASSPORT": "DE_ID_CARD"}


@cache
@cache
def _redactor(country: str | None, rival: str | None = None) -> Redactor:
    entities = {rival: {"operator": "keep"}} if rival else {}
    return Redactor(
        parse_policy(
            {"countries": [country] if country else [], "entities": entities, "secrets": False}, place="policy"
        )
    )


@pytest.mark.parametrize(("country", "entity"), _ENTITIES)
def test_a_number_of_a_country_that_is_selected_goes(country: str, entity: str) -> None:
    redacted = _redactor(country, _RIVALS.get(entity)).redact_text(f"it is {_SAMPLES[entity]}, he said")
    assert redacted.entities == {entity: 1}
    assert _SAMPLES[entity].split()[-1] not in redacted.text


@pytest.mark.parametrize("entity", _SAMPLES)
def test_nothing_is_called_by_a_country_that_is_not_selected(entity: str) -> None:
    assert entity not in _redactor(None).redact_text(_SAMPLES[entity]).entities


@pytest.mark.parametrize(
    ("country", "text"),
    [
        pytest.param("AU", "51824753557", id="AU_ABN"),
        pytest.param("DE", "86095742718", id="DE_TAX_ID"),
        pytest.param("ES", "55555555A", id="ES_NIF"),
        pytest.param("FI", "131052-308U", id="FI"),
        pytest.param("IN", "312345678908", id="IN_AADHAAR"),
        pytest.param("IT", "01333550324", id="IT_VAT"),
        pytest.param("NG", "12345678901", id="NG_NIN"),
        pytest.param("PL", "44051401358", id="PL_PESEL"),
        pytest.param("TH", "1101700207031", id="TH_TNIN"),
        pytest.param("TR", "10000000147", id="TR"),
        pytest.param("ZA", "8001015009088", id="ZA"),
    ],
)
def test_a_wrong_check_digit_is_nobodys(country: str, text: str) -> None:
    assert _redactor(country).redact_text(text).text == text


def test_a_number_in_json_is_found_as_well() -> None:
    redacted = _redactor("DE").redact_text('{"tax": 86095742719, "ids": [1, 2]}')
    assert redacted.text == '{"tax": "<DE_TAX_ID>", "ids": [1, 2]}'
