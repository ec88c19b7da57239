from django.db import migrations


def fill_owner_id(apps, schema_editor):
    """Remember the owner, so that the rows of a deleted user differ from rows that never had a user."""
    from django_skinsback.models.row import owner_key

    for name in ('Deposit', 'Purchase'):
        rows = apps.get_model('skinsback', name).objects.using(schema_editor.connection.alias)
        rows = rows.filter(owner_id='', user__isnull=False)
        for user_id in list(rows.values_list('user_id', flat=True).distinct().order_by()):
            rows.filter(user_id=user_id).update(owner_id=owner_key(user_id))


def keep_reasons(apps, schema_editor):
    """Reasons of an earlier version are text; they are kept as they were shown."""
    for name in ('Deposit', 'Purchase'):
        rows = apps.get_model('skinsback', name).objects.using(schema_editor.connection.alias)
        for pk, text in list(rows.exclude(review_reason='').values_list('pk', 'review_reason')):
            reasons = [{'code': 'earlier_version', 'data': {'text': line}} for line in text.splitlines() if line]
            rows.filter(pk=pk).update(review_reasons=reasons)


class Migration(migrations.Migration):

    dependencies = [
        ('skinsback', '0004_review_reasons'),
    ]

    operations = [
        migrations.RunPython(fill_owner_id, migrations.RunPython.noop),
        migrations.RunPython(keep_reasons, migrations.RunPython.noop),
    ]
