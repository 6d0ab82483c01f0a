"""Insurance: what a payer says about a policy before a visit, and what it pays after one. Neither ever blocks care."""
