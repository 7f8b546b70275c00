"""What spans and log records say of the use of models, in every convention of the field."""
