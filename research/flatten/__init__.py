"""SQL on FHIR v2: turns records into tables as a ViewDefinition says. Plain Python; no database, no network."""
