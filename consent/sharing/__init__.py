"""The verbs of sharing: arriving, giving, ending, asking."""
