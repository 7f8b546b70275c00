"""Python of the contracts in ``proto/``, made by `make proto`: never edited by hand."""
