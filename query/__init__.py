"""Turns searches and questions into checked SQL; never talks to a database."""
