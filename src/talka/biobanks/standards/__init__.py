"""The directory and consents in other people's formats: MIABIS on FHIR, HealthDCAT-AP, the tables of the BBMRI
directory."""
