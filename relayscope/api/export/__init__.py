"""The forms in which everything that is meant is exported, and the answer that carries them."""
