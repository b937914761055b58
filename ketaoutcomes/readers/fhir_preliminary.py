"""Preliminary Observations, where the final one is in the export too."""

from __future__ import annotations

from ketaoutcomes.readers.fhir_people import People
from ketaoutcomes.readers.fhir_resource import Kind, Record
from ketaoutcomes.readers.fhir_times import seconds

__all__ = ["set_preliminary_aside"]


def set_preliminary_aside(people: People, observations: Kind) -> None:
    """Set a preliminary Observation aside where a final one has all that it says.

    Final are those of status final, amended and corrected; they must be of the same
    patient, instrument or measures, and time. A preliminary Observation without one counts.
    """
    final: set[tuple] = set()
    preliminary: list[tuple[Record, list[tuple]]] = []
    for record, name in people.keep(observations):
        said = _said(record, name)
        if record.fields["preliminary"]:
            preliminary.append((record, said))
        else:
            final.update(said)
    for record, said in preliminary:
        if said and final.issuperset(said):
            record.rule = "preliminary"


def _said(record: Record, name: str) -> list[tuple]:
    """Return patient, time and instrument or measure of each value; none where one is not known."""
    fields = record.fields
    extra = fields["extra"]
    time = extra.get("taken", fields["time"])
    if time is None:
        return []
    instant = seconds(time)
    # The same instant may be written in two time zones; other times are the same if they are written alike.
    when = time if instant == -float("inf") else instant
    if fields["kind"] == "score":
        instrument = extra.get("instrument", fields["instrument"])
        return [(name, when, instrument)] if instrument else []
    return [(name, when, measure) for measure in fields["cells"]]
