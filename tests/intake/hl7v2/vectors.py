"""Messages as several vendors' interface engines write them, with their quirks. Nobody in them exists."""


def message(*segments: str, end: str = "\r") -> bytes:
    """Return segments as bytes."""
    return "".join(segment + end for segment in segments).encode()


def msh(
    kind: str = "ORU^R01",
    control: str = "4711",
    version: str = "2.5.1",
    at: str = "20261121083000+0100",
    more: str = "",
) -> str:
    """Return a header."""
    return f"MSH|^~\\&|LABSYS|NORTH|CHARTSEAL|HUB|{at}||{kind}|{control}|P|{version}{more}"


PID = "PID|1||MRN-0042^^^NORTH^MR||Sørensen^Anna^Marie||19840503|F|||12 Quay St^^Halifax^NS^B3H 1A1^CA||(902)555-0142"
OBR = (
    "OBR|1|ORD-7^CLINIC|LAB-900^NORTH|24323-8^Comprehensive metabolic panel^LN|||20261121070500+0100|||||||||||||||"
    "20261121082900+0100||CH|F"
)
GLUCOSE = "OBX|1|NM|2345-7^Glucose^LN||5.40|mmol/L^mmol/L^UCUM|3.9-5.6|N|||F|||20261121070500+0100"
POTASSIUM = "OBX|2|NM|K^Potassium^L||6.1|mmol/L|3.5-5.1|H~HH|||F"

ORU = message(msh(), PID, OBR, GLUCOSE, POTASSIUM, "NTE|1|L|Sample slightly haemolysed.")


def oru(*results: str, control: str = "4711", obr: str = OBR, pid: str = PID, **header: str) -> bytes:
    """Return a result message with these OBX (and NTE)."""
    return message(msh(control=control, **header), pid, obr, *results)
