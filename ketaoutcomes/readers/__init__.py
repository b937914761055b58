"""Exports of other systems to a cohort: REDCap, FHIR, SDTM, spreadsheets; a file for each format or step."""
