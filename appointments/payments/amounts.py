"""Amounts in words. Pure: whole numbers of the smallest unit in, text out; no floats on the way."""

from django.utils.formats import number_format

# How many digits stand behind the point, where that is not two. Source: ISO 4217, table A.1.
_DIGITS = dict.fromkeys(
    ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"), 0
) | dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3)


def digits(currency: str) -> int:
    """Return how many digits of an amount stand behind the point."""
    return _DIGITS.get(currency, 2)


def words(amount: int, currency: str) -> str:
    """Return an amount as people read it, in the language in force: 1234567 US cents are "USD 12,345.67"."""
    behind = digits(currency)
    whole, part = divmod(abs(amount), 10**behind)
    text = f"{whole}.{part:0{behind}}" if behind else str(whole)
    sign = "−" if amount < 0 else ""
    return f"{sign}{currency}\u00a0{number_format(text, decimal_pos=behind, use_l10n=True, force_grouping=True)}"
