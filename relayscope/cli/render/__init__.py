"""Answers of the REST API drawn for a terminal. Pure functions from answers to what rich prints."""
