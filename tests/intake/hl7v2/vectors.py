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
# What an admission says besides, and a vaccination.
PV1 = "PV1|1|I|4W^12^B^NORTH||||D1^Lee^Mei^^^Dr|||CAR|||||||||V-77^^^NORTH|||||||||||||||||||||||||202611200900"
AL1 = "AL1|1|DA|7980^Penicillin^RXNORM|SV|Hives~Wheezing|20140301"
DG1 = "DG1|1||J18.9^Pneumonia, unspecified organism^I10C||202611200915|A||||||||||D1^Lee^Mei^^^Dr"
PR1 = "PR1|1||232717009^Coronary artery bypass graft^SCT||202611201000+0100||95|A9^Sato^Ken^^^Dr|||S1^Okoye^Ada^^^Dr"
INSURANCE = {
    1: "1", 2: "PPO^Preferred^L", 3: "NS01^^^NORTH", 4: "Northern Mutual", 8: "Dockers", 12: "20260101", 13: "20261231",
    15: "PPO plan", 16: "Costa^Rui", 17: "SPO", 22: "1", 36: "POL-5511", 49: "MEM-9",
}  # fmt: skip
IN1 = "|".join(["IN1", *(INSURANCE.get(at, "") for at in range(1, 50))])
ORC = "ORC|RE||IMM-900^NORTH|||||||||D1^Lee^Mei^^^Dr"
RXA = (
    "RXA|0|1|20261120|20261120|207^COVID-19, mRNA, LNP-S^CVX|0.5|mL^milliliter^UCUM||00^New record^NIP001|"
    "N1^Quinn^Nora^^^^RN|^^^North Clinic||||LOT77|20270301|MOD^Moderna^MVX|||CP|A"
)
RXR = "RXR|C28161^Intramuscular^NCIT|LD^Left deltoid^HL70163"


ORU = message(msh(), PID, OBR, GLUCOSE, POTASSIUM, "NTE|1|L|Sample slightly haemolysed.")


def oru(*results: str, control: str = "4711", obr: str = OBR, pid: str = PID, **header: str) -> bytes:
    """Return a result message with these OBX (and NTE)."""
    return message(msh(control=control, **header), pid, obr, *results)


TXA = "TXA|1|11488-4^Consultation note^LN||202611210900||202611211000|||D1^Lee^Mei|||DOC-1^NORTH|||||AU||AV"
# One message of each kind, with every segment that is read.
EVERY_KIND = (
    ORU,
    message(msh("ADT^A01"), "EVN|A01", PID, "NK1|1|Costa^Rui|SPO", PV1, GLUCOSE, AL1, DG1, PR1, IN1),
    message(msh("ADT^A40"), "EVN|A40", PID, "MRG|MRN-0099^^^NORTH^MR"),
    message(msh("MDM^T02"), PID, TXA, "OBX|1|FT|||First line\\.sp2\\second||||||F"),
    message(msh("VXU^V04^VXU_V04"), PID, ORC, RXA, RXR),
)
