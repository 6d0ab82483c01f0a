"""UCUM in words and signs that people know: mm[Hg] is mmHg, 10*3/uL is thousand per µL. Source: ucum.org."""

import re
from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

WORDS = {
    "1": "",
    "%": "%",
    "{score}": _("points"),
    "(score)": _("points"),
    "score": _("points"),
    "{nominal}": "",
    "{count}": "",
    "units": _("units"),
    "mm[Hg]": "mmHg",
    "Cel": "°C",
    "[degF]": "°F",
    "kg/m2": "kg/m²",
    "g/cm2": "g/cm²",
    "m2": "m²",
    "10*3/uL": _("thousand per µL"),
    "K/uL": _("thousand per µL"),
    "10*6/uL": _("million per µL"),
    "M/uL": _("million per µL"),
    "10*9/L": _("billion per L"),
    "10*12/L": _("trillion per L"),
    "mL/min/{1.73_m2}": _("mL/min per 1.73 m²"),
    "/min": _("per minute"),
    "{beats}/min": _("beats per minute"),
    "{breaths}/min": _("breaths per minute"),
    "/h": _("per hour"),
    "/d": _("per day"),
    "/wk": _("per week"),
    "/mo": _("per month"),
    "/a": _("per year"),
    "{#}/a": _("per year"),
    "/[HPF]": _("per field of view"),
    "min/d": _("minutes per day"),
    "d/wk": _("days per week"),
    "{drinks}/d": _("drinks per day"),
    "{pack-years}": _("pack-years"),
    "{T-score}": _("T-score"),
    "{Z-score}": _("Z-score"),
    "pH": "",
    "[pH]": "",
    "[lb_av]": "lb",
    "[oz_av]": "oz",
    "[in_i]": "in",
    "[ft_i]": "ft",
    "[IU]/L": "IU/L",
    "m[IU]/L": "mIU/L",
    "u[IU]/mL": "µIU/mL",
    "[iU]/L": "IU/L",
    "[IU]": "IU",
    "[arb'U]/mL": _("units per mL"),
    "kU/L": "kU/L",
    "ms": "ms",
    "#": "",
    "{#}": "",
    "{#}/d": _("per day"),
    "{#}/wk": _("per week"),
    "{tbl}": _("tablets"),
    "{puff}": _("puffs"),
}
PERIODS = {
    "s": (_("second"), _("seconds")),
    "min": (_("minute"), _("minutes")),
    "h": (_("hour"), _("hours")),
    "d": (_("day"), _("days")),
    "wk": (_("week"), _("weeks")),
    "mo": (_("month"), _("months")),
    "a": (_("year"), _("years")),
}
_ANNOTATION = re.compile(r"\{([^}]*)\}")


def unit(quantity: Mapping) -> str:
    """Return a Quantity's unit in words: from its UCUM code where we know it, else as the sender wrote it."""
    code, said = str(quantity.get("code") or ""), str(quantity.get("unit") or "").strip()
    if code in PERIODS:
        return "s" if code == "s" else period(code, str(quantity.get("value")) != "1")
    if code in WORDS and (code != "1" or not said):
        specific = said and said != code and code.startswith("/") and not said.startswith("#")
        return said if specific else str(WORDS[code])
    if said in WORDS:
        return str(WORDS[said])
    return tidy((said or code).removeprefix("# "))


def tidy(text: str) -> str:
    """Return a UCUM unit we have no words for, without its brackets and with its signs."""
    text = _ANNOTATION.sub(lambda match: match.group(1).replace("_", " "), text)
    text = re.sub(r"\bu(?=[A-Z]|mol|g|L)", "µ", text)
    text = re.sub(r"10\*(\d+)", r"10^\1", text)
    return re.sub(r"[\[\]]", "", text).strip()


def period(code: object, many: bool) -> str:
    """Return "day" or "days" from a UCUM unit of time; "" where it is none."""
    words = PERIODS.get(str(code))
    return str(words[many]) if words else ""
