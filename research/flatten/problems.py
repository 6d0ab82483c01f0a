"""What is not right with a view, said so that its author can mend it."""


class ViewProblem(ValueError):
    """A view cannot be run. `path` is the place in the view ("select[0].column[2].path"), the text says what to do.

    The text never holds a value of a record.
    """

    def __init__(self, path: str, words: str):
        super().__init__(f"{path}: {words}")
        self.path = path
        self.words = words


class NotCompilable(Exception):
    """An expression is outside the subset that becomes SQL; it is interpreted instead. The text says which part."""
