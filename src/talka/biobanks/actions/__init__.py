"""Verbs of the room: the directory, the nodes, what donors say and how it reaches the nodes."""

from talka.biobanks.actions.consent import (
    Intake,
    Outcome,
    add_collector,
    attach_scan,
    edit_collector,
    edit_form,
    opt_out,
    pack,
    publish_form,
    record_destruction,
    take_in,
    withdraw,
    write_form,
)
from talka.biobanks.actions.directory import (
    add_biobank,
    add_collection,
    add_contact,
    add_network,
    add_quality,
    add_resource,
    add_service,
    confirm_description,
    edit_biobank,
    edit_collection,
    edit_contact,
    edit_network,
    edit_quality,
    edit_resource,
    edit_service,
    verify_quality,
)
from talka.biobanks.actions.nodes import edit_node, note_answers, note_receipts, note_seen, register_node, take_numbers

__all__ = [
    "Intake", "Outcome", "add_biobank", "add_collection", "add_collector", "add_contact", "add_network", "add_quality",
    "add_resource", "add_service", "attach_scan", "confirm_description", "edit_biobank", "edit_collection",
    "edit_collector", "edit_contact", "edit_form", "edit_network", "edit_node", "edit_quality", "edit_resource",
    "edit_service", "note_answers", "note_receipts", "note_seen", "opt_out", "pack", "publish_form", "record_destruction",
    "register_node", "take_in", "take_numbers", "verify_quality", "withdraw", "write_form",
]  # fmt: skip
