"""Units as laboratories write them, as UCUM. Only what can be nothing else is here; the rest stays words. ucum.org."""

_SAME = {
    "%", "g/dL", "g/L", "mg/dL", "mg/L", "ug/dL", "ug/L", "ng/mL", "ng/dL",
    "pg/mL", "pg", "fL", "mmol/L", "umol/L", "nmol/L", "pmol/L", "mol/L", "mmol/mol",
    "U/L", "U/mL", "kU/L", "m[IU]/L", "u[IU]/mL", "[IU]/L", "[IU]/mL", "10*3/uL", "10*6/uL",
    "10*9/L", "10*12/L", "mm/h", "mm[Hg]", "kPa", "Cel", "[degF]", "kg", "g",
    "cm", "m", "kg/m2", "/min", "s", "min", "h", "mL", "L",
    "mL/min", "mL/min/{1.73_m2}", "meq/L", "mosm/kg", "[pH]", "/[HPF]", "/[LPF]", "ug/mL", "mg/g",
}  # fmt: skip
_OTHERWISE = {
    "x10e3/ul": "10*3/uL", "10e3/ul": "10*3/uL", "k/ul": "10*3/uL", "10^3/ul": "10*3/uL", "th/ul": "10*3/uL",
    "x10e6/ul": "10*6/uL", "10e6/ul": "10*6/uL", "m/ul": "10*6/uL", "10^6/ul": "10*6/uL", "10e9/l": "10*9/L",
    "10^9/l": "10*9/L", "x10e9/l": "10*9/L", "10e12/l": "10*12/L", "10^12/l": "10*12/L", "µmol/l": "umol/L",
    "μmol/l": "umol/L", "µg/l": "ug/L", "μg/l": "ug/L", "µg/dl": "ug/dL", "mcg/dl": "ug/dL", "mcg/ml": "ug/mL",
    "miu/l": "m[IU]/L", "uiu/ml": "u[IU]/mL", "iu/l": "[IU]/L", "iu/ml": "[IU]/mL", "mmhg": "mm[Hg]", "mm hg": "mm[Hg]",
    "mm/hr": "mm/h", "bpm": "/min", "beats/min": "/min", "°c": "Cel", "degc": "Cel", "°f": "[degF]", "degf": "[degF]",
    "sec": "s", "seconds": "s", "percent": "%", "kg/m^2": "kg/m2", "kg/m²": "kg/m2", "/hpf": "/[HPF]", "/lpf": "/[LPF]",
    "meq/l": "meq/L", "mosm/kg": "mosm/kg", "ml/min/1.73m2": "mL/min/{1.73_m2}", "ml/min/1.73": "mL/min/{1.73_m2}",
    "ml/min/1.73 m2": "mL/min/{1.73_m2}", "ph": "[pH]",
}  # fmt: skip
# Units that differ by case alone are taken only as UCUM writes them; none of these does.
_KNOWN = {unit.lower(): unit for unit in _SAME if unit not in {"m", "h", "s", "g", "L"}} | _OTHERWISE


def ucum(written: str) -> str:
    """Return the UCUM code of a unit as it is written, "" where it might mean something else."""
    return written if written in _SAME else _KNOWN.get(written.strip().lower(), "")
