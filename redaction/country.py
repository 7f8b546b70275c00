"""Identity numbers of countries: which there are, and whose recognizer knows them."""

from __future__ import annotations

from collections.abc import Mapping

# By ISO 3166 code: entity, and class of Presidio. Only numbers with a check digit, a shape that nothing else has, or words that
# must stand beside them.
NATIONAL: Mapping[str, Mapping[str, str]] = {
    "AU": {
        "AU_ABN": "AuAbnRecognizer",
        "AU_ACN": "AuAcnRecognizer",
        "AU_TFN": "AuTfnRecognizer",
        "AU_MEDICARE": "AuMedicareRecognizer",
    },
    "CA": {
        "CA_SIN": "CaSinRecognizer",
    },
    "DE": {
        "DE_TAX_ID": "DeTaxIdRecognizer",
        "DE_ID_CARD": "DeIdCardRecognizer",
        "DE_PASSPORT": "DePassportRecognizer",
        "DE_SOCIAL_SECURITY": "DeSocialSecurityRecognizer",
        "DE_HEALTH_INSURANCE": "DeHealthInsuranceRecognizer",
    },
    "ES": {
        "ES_NIF": "EsNifRecognizer",
        "ES_NIE": "EsNieRecognizer",
    },
    "FI": {
        "FI_PERSONAL_IDENTITY_CODE": "FiPersonalIdentityCodeRecognizer",
    },
    "GB": {
        "UK_NHS": "NhsRecognizer",
        "UK_NINO": "UkNinoRecognizer",
        "UK_DRIVING_LICENCE": "UkDrivingLicenceRecognizer",
    },
    "IN": {
        "IN_AADHAAR": "InAadhaarRecognizer",
        "IN_PAN": "InPanRecognizer",
        "IN_VOTER": "InVoterRecognizer",
        "IN_GSTIN": "InGstinRecognizer",
    },
    "IT": {
        "IT_FISCAL_CODE": "ItFiscalCodeRecognizer",
        "IT_VAT_CODE": "ItVatCodeRecognizer",
        "IT_IDENTITY_CARD": "ItIdentityCardRecognizer",
        "IT_PASSPORT": "ItPassportRecognizer",
    },
    "KR": {
        "KR_RRN": "KrRrnRecognizer",
        "KR_FRN": "KrFrnRecognizer",
    },
    "NG": {
        "NG_NIN": "NgNinRecognizer",
    },
    "PL": {
        "PL_PESEL": "PlPeselRecognizer",
    },
    "SE": {
        "SE_PERSONNUMMER": "SePersonnummerRecognizer",
    },
    "SG": {
        "SG_NRIC_FIN": "SgFinRecognizer",
        "SG_UEN": "SgUenRecognizer",
    },
    "TH": {
        "TH_TNIN": "ThTninRecognizer",
    },
    "TR": {
        "TR_NATIONAL_ID": "TrNationalIdRecognizer",
    },
    "US": {
        "US_ITIN": "UsItinRecognizer",
        "US_MBI": "UsMbiRecognizer",
        "US_PASSPORT": "UsPassportRecognizer",
    },
    "ZA": {
        "ZA_ID_NUMBER": "ZaIdNumberRecognizer",
    },
}
