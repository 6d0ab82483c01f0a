"""What cannot leave, said so that the view's author can mend it."""


class Refused(ValueError):
    """A column cannot leave as it is declared. The text never holds a value of a record."""

    def __init__(self, column: str, words: str):
        super().__init__(f"Column {column}: {words}")
        self.column = column
        self.words = words
