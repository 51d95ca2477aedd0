"""Of the live slots of one resource no two overlap: an exclusion constraint on PostgreSQL, triggers on SQLite."""

from django.db import migrations

NAME = "facilities_slot_no_overlap"
POSTGRESQL = (
    "create extension if not exists btree_gist",
    f"""alter table facilities_slot add constraint {NAME}
        exclude using gist (resource_id with =, tstzrange(starts, ends, '[)') with &&) where (live)""",
)
# Instants are text of one form in UTC there, whole minutes (Slot.settle), so that text compares as time does.
TAKEN = f"""select raise(abort, '{NAME}') where exists (
        select 1 from facilities_slot
        where resource_id = new.resource_id and live and id is not new.id
          and ends > new.starts and starts < new.ends
    );"""
SQLITE = (
    f"""create trigger facilities_slot_insert before insert on facilities_slot when new.live begin
        {TAKEN}
    end""",
    f"""create trigger facilities_slot_update before update of resource_id, starts, ends, live on facilities_slot
    when new.live begin
        {TAKEN}
    end""",
)


def forwards(apps, schema_editor):
    for statement in POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(statement)


def backwards(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"alter table facilities_slot drop constraint {NAME}")
    else:
        for name in ("insert", "update"):
            schema_editor.execute(f"drop trigger facilities_slot_{name}")


class Migration(migrations.Migration):
    dependencies = [("facilities", "0001_initial")]
    operations = [migrations.RunPython(forwards, backwards)]
