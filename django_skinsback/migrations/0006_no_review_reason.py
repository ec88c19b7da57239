from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('skinsback', '0005_owners_and_reasons'),
    ]

    operations = [
        migrations.RemoveField(
            model_name='deposit',
            name='review_reason',
        ),
        migrations.RemoveField(
            model_name='purchase',
            name='review_reason',
        ),
    ]
