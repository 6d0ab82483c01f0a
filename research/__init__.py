"""Research: studies, opt-in, flattening, de-identification, anonymity, private counts, sums, releases and pay."""
