"""The full-text index over the stems of search entries: FTS5 on SQLite, GIN on PostgreSQL."""

from django.db import migrations

SQLITE = (
    """create virtual table core_search_fts using fts5(
        stems, content='core_searchentry', content_rowid='id', tokenize='unicode61', prefix='3 4 5'
    )""",
    """create trigger core_search_insert after insert on core_searchentry begin
        insert into core_search_fts(rowid, stems) values (new.id, new.stems);
    end""",
    """create trigger core_search_delete after delete on core_searchentry begin
        insert into core_search_fts(core_search_fts, rowid, stems) values ('delete', old.id, old.stems);
    end""",
    """create trigger core_search_update after update of stems on core_searchentry begin
        insert into core_search_fts(core_search_fts, rowid, stems) values ('delete', old.id, old.stems);
        insert into core_search_fts(rowid, stems) values (new.id, new.stems);
    end""",
)
POSTGRESQL = "create index core_search_gin on core_searchentry using gin (to_tsvector('simple', stems))"


def forwards(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRESQL)
    else:
        for statement in SQLITE:
            schema_editor.execute(statement)


def backwards(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("drop index core_search_gin")
    else:
        schema_editor.execute("drop table core_search_fts")
        for name in ("insert", "delete", "update"):
            schema_editor.execute(f"drop trigger core_search_{name}")


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]
    operations = [migrations.RunPython(forwards, backwards)]
