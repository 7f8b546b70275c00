"""What spans and log records say of decisions, in a convention of our own and in the words of those who have none."""
