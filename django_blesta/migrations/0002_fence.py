"""Where fences are drawn from: a sequence on PostgreSQL, one counter row elsewhere."""

from django.db import migrations


def create(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("CREATE SEQUENCE IF NOT EXISTS django_blesta_fence AS bigint")
    else:
        counter = apps.get_model("django_blesta", "FenceCounter")
        counter.objects.using(schema_editor.connection.alias).get_or_create(pk=1)


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP SEQUENCE IF EXISTS django_blesta_fence")


class Migration(migrations.Migration):
    dependencies = [("django_blesta", "0001_initial")]
    operations = [migrations.RunPython(create, drop)]
