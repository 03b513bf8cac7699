"""What a conversion says when it can't be done."""

from __future__ import annotations


class MapConversionError(Exception):
    """A map that can't be converted: a sentence, and what to do about it."""

    def __init__(self, sentence: str, remedy: str) -> None:
        super().__init__(f"{sentence} {remedy}")
        self.sentence = sentence
        self.remedy = remedy
