"""A continuity-of-care document as several vendors write them. Nobody in it exists."""

XSI = 'xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:sdtc="urn:hl7-org:sdtc"'
SNOMED, LOINC, RXNORM, CVX = (
    f'codeSystem="2.16.840.1.113883.{tail}"' for tail in ("6.96", "6.1", "6.88", "12.292")
)  # fmt: skip


def section(code: str, *entries: str, text: str = "") -> str:
    """Return a section of the body."""
    listed = "".join(f"<entry>{one}</entry>" for one in entries)
    return f"<component><section><code code='{code}' {LOINC}/><text>{text}</text>{listed}</section></component>"


def document(
    *sections: str,
    born: str = "19840503",
    number: str = "MRN-0042",
    id_: str = "doc-1",
    time: str = "20261121083000+0100",
) -> bytes:
    """Return a document of Anna's."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument {XSI}>
  <realmCode code="US"/>
  <templateId root="2.16.840.1.113883.10.20.22.1.1" extension="2015-08-01"/>
  <templateId root="2.16.840.1.113883.10.20.22.1.2" extension="2015-08-01"/>
  <id root="2.16.840.1.113883.19.5" extension="{id_}"/>
  <code code="34133-9" displayName="Summarization of Episode Note" {LOINC}/>
  <title>Summary of care</title>
  <effectiveTime value="{time}"/>
  <confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/>
  <recordTarget><patientRole>
    <id root="2.16.840.1.113883.19.6" extension="{number}"/><id nullFlavor="UNK"/>
    <addr use="HP"><streetAddressLine>12 Quay St</streetAddressLine><city>H</city><postalCode>B3H</postalCode></addr>
    <telecom use="HP" value="tel:+1(902)555-0142"/>
    <patient>
      <name use="L"><given>Anna</given><given>Marie</given><family>Sørensen</family></name>
      <administrativeGenderCode code="F" codeSystem="2.16.840.1.113883.5.1"/>
      <birthTime value="{born}"/>
    </patient>
  </patientRole></recordTarget>
  <author><time value="20261121"/><assignedAuthor><assignedPerson><name><prefix>Dr</prefix><given>Mei</given>
    <family>Lee</family></name></assignedPerson></assignedAuthor></author>
  <custodian><assignedCustodian><representedCustodianOrganization><name>North Clinic</name>
    </representedCustodianOrganization></assignedCustodian></custodian>
  <component><structuredBody>{"".join(sections)}</structuredBody></component>
</ClinicalDocument>""".encode()


PROBLEMS = section(
    "11450-4",
    f"""<act classCode="ACT" moodCode="EVN"><id root="1.1" extension="c1"/><statusCode code="active"/>
    <entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN"><id root="1.1" extension="p1"/>
    <code code="55607006" {SNOMED}/><statusCode code="completed"/><effectiveTime><low value="2019"/></effectiveTime>
    <value xsi:type="CD" code="195967001" {SNOMED} displayName="Asthma">
      <originalText><reference value="#prob1"/></originalText>
      <translation code="J45.909" codeSystem="2.16.840.1.113883.6.90" displayName="Unspecified asthma"/></value>
    </observation></entryRelationship></act>""",
    """<act classCode="ACT" moodCode="EVN"><statusCode code="completed"/><entryRelationship typeCode="SUBJ">
    <observation classCode="OBS" moodCode="EVN"><id root="1.1" extension="p2"/><statusCode code="completed"/>
    <effectiveTime><low value="201503"/><high value="20150420"/></effectiveTime>
    <value xsi:type="CD" nullFlavor="OTH"><originalText>Sprained ankle</originalText></value>
    </observation></entryRelationship></act>""",
    f"""<act classCode="ACT" moodCode="EVN"><entryRelationship typeCode="SUBJ"><observation negationInd="true">
    <id root="1.1" extension="p3"/><value xsi:type="CD" code="73211009" {SNOMED} displayName="Diabetes mellitus"/>
    </observation></entryRelationship></act>""",
    text='<paragraph ID="prob1">Asthma since childhood</paragraph>',
)
ALLERGIES = section(
    "48765-2",
    f"""<act><statusCode code="active"/><entryRelationship typeCode="SUBJ"><observation><id root="1.2" extension="a1"/>
    <effectiveTime><low value="20010415"/></effectiveTime><value xsi:type="CD" code="419511003" {SNOMED}/>
    <participant typeCode="CSM"><participantRole><playingEntity><code code="7980" {RXNORM} displayName="Penicillin G"/>
    </playingEntity></participantRole></participant>
    <entryRelationship typeCode="MFST"><observation><value xsi:type="CD" code="247472004" {SNOMED} displayName="Hives"/>
    <entryRelationship typeCode="SUBJ"><observation><value xsi:type="CD" code="6736007" {SNOMED}/></observation>
    </entryRelationship></observation></entryRelationship></observation></entryRelationship></act>""",
)
NO_ALLERGIES = section(
    "48765-2",
    f"""<act><entryRelationship typeCode="SUBJ"><observation negationInd="true"><id root="1.2" extension="a0"/>
    <value xsi:type="CD" code="419199007" {SNOMED}/></observation></entryRelationship></act>""",
)
MEDICATIONS = section(
    "10160-0",
    f"""<substanceAdministration moodCode="EVN"><id root="1.3" extension="m1"/><statusCode code="active"/>
    <effectiveTime xsi:type="IVL_TS"><low value="20260101"/></effectiveTime>
    <effectiveTime xsi:type="PIVL_TS" operator="A"><period value="12" unit="h"/></effectiveTime>
    <routeCode code="C38216" codeSystem="2.16.840.1.113883.3.26.1.1" displayName="Inhalation"/>
    <doseQuantity value="0.09" unit="mg"/><consumable><manufacturedProduct><manufacturedMaterial>
    <code code="745679" {RXNORM} displayName="Albuterol 0.09 MG/ACTUAT"/></manufacturedMaterial></manufacturedProduct>
    </consumable></substanceAdministration>""",
)
RESULTS = section(
    "30954-2",
    f"""<organizer><id root="1.4" extension="r1"/><code code="24323-8" {LOINC} displayName="Metabolic panel"/>
    <statusCode code="completed"/><component><observation><id root="1.4" extension="o1"/>
    <code code="2345-7" {LOINC} displayName="Glucose"/><statusCode code="completed"/>
    <effectiveTime value="202611210705+0100"/><value xsi:type="PQ" value="5.40" unit="mmol/L"/>
    <interpretationCode code="N" codeSystem="2.16.840.1.113883.5.83"/><referenceRange><observationRange>
    <value xsi:type="IVL_PQ"><low value="3.9" unit="mmol/L"/><high value="5.6" unit="mmol/L"/></value>
    </observationRange></referenceRange></observation></component></organizer>""",
)
VITALS = section(
    "8716-3",
    f"""<organizer><id root="1.5" extension="v1"/><code code="46680005" {SNOMED}/><component><observation>
    <id root="1.5" extension="h1"/><code code="8867-4" {LOINC} displayName="Heart rate"/><statusCode code="completed"/>
    <effectiveTime value="20261121"/><value xsi:type="PQ" value="72" unit="/min"/></observation></component>
    </organizer>""",
)
IMMUNIZATIONS = section(
    "11369-6",
    f"""<substanceAdministration negationInd="false"><id root="1.6" extension="i1"/><statusCode code="completed"/>
    <effectiveTime value="202510"/><doseQuantity nullFlavor="UNK"/>
    <consumable><manufacturedProduct><manufacturedMaterial>
    <code code="140" {CVX} displayName="Influenza"/><lotNumberText>L-1</lotNumberText></manufacturedMaterial>
    </manufacturedProduct></consumable></substanceAdministration>""",
    f"""<substanceAdministration negationInd="true"><id root="1.6" extension="i2"/><statusCode code="completed"/>
    <effectiveTime nullFlavor="UNK"/><consumable><manufacturedProduct><manufacturedMaterial><code code="33" {CVX}/>
    </manufacturedMaterial></manufacturedProduct></consumable><entryRelationship typeCode="RSON"><observation>
    <templateId root="2.16.840.1.113883.10.20.22.4.53"/><code code="PATOBJ" codeSystem="2.16.840.1.113883.5.8"/>
    </observation></entryRelationship></substanceAdministration>""",
)
PROCEDURES = section(
    "47519-4",
    f"""<procedure><id root="1.7" extension="x1"/><code code="80146002" {SNOMED} displayName="Appendectomy"/>
    <statusCode code="completed"/><effectiveTime value="2012"/></procedure>""",
)
ENCOUNTERS = section(
    "46240-8",
    """<encounter><id root="1.8" extension="e1"/><code code="99213" codeSystem="2.16.840.1.113883.6.12">
    <translation code="AMB" codeSystem="2.16.840.1.113883.5.4"/></code><effectiveTime value="20261001"/></encounter>""",
)
SMOKING = section(
    "29762-2",
    f"""<observation><id root="1.9" extension="s1"/><code code="72166-2" {LOINC} displayName="Tobacco smoking status"/>
    <statusCode code="completed"/><effectiveTime value="20261121"/>
    <value xsi:type="CD" code="8517006" {SNOMED} displayName="Former smoker"/></observation>""",
)
NOTES = section(
    "11506-3",
    f"""<act><templateId root="2.16.840.1.113883.10.20.22.4.202"/><id root="1.10" extension="n1"/>
    <code code="34109-9" {LOINC} displayName="Note"/><text><reference value="#n1"/></text>
    <effectiveTime value="20261121"/></act>""",
    text='<paragraph ID="n1">She is better. <content>Return in a month.</content></paragraph>',
)
EVERYTHING = (
    PROBLEMS, ALLERGIES, MEDICATIONS, RESULTS, VITALS, IMMUNIZATIONS, PROCEDURES, ENCOUNTERS, SMOKING, NOTES,
)  # fmt: skip
