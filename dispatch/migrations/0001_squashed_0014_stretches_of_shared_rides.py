"""All migrations up to those in one, for new databases; others go on from where they are."""

import datetime
import django.db.models.deletion
import drivers.db.constraints
import drivers.db.indexes
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [('dispatch', '0001_runs_and_assignments'), ('dispatch', '0002_add_performance_indexes'), ('dispatch', '0003_list_assignments_of_a_company'), ('dispatch', '0004_keep_previews'), ('dispatch', '0005_note_arrivals'), ('dispatch', '0006_exclude_double_bookings_by_one_range'), ('dispatch', '0007_index_what_the_doors_read'), ('dispatch', '0008_check_two_foreign_keys_less'), ('dispatch', '0009_list_assignments_of_a_status'), ('dispatch', '0010_name_relations'), ('dispatch', '0011_keep_to_the_years'), ('dispatch', '0012_leases_of_runs'), ('dispatch', '0013_taps_on_phones'), ('dispatch', '0014_stretches_of_shared_rides')]

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('bookings', '0001_squashed_0038_forget_people'),
        ('drivers', '0001_squashed_0036_forget_clients'),
    ]

    operations = [
        migrations.CreateModel(
            name='DispatchRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField(verbose_name='day')),
                ('trigger', models.CharField(choices=[('admin', 'admin'), ('api', 'API'), ('command', 'command line'), ('worker', 'background worker')], max_length=20, verbose_name='trigger')),
                ('actor', models.CharField(blank=True, max_length=100, verbose_name='by')),
                ('status', models.CharField(choices=[('running', 'running'), ('completed', 'completed'), ('failed', 'failed'), ('planning', 'preview under way'), ('preview', 'preview'), ('discarded', 'discarded')], default='running', max_length=20, verbose_name='status')),
                ('started_at', models.DateTimeField(verbose_name='started at')),
                ('finished_at', models.DateTimeField(blank=True, null=True, verbose_name='finished at')),
                ('claim_ends_at', models.DateTimeField(verbose_name='claim ends at')),
                ('lease', models.CharField(blank=True, editable=False, max_length=120)),
                ('language', models.CharField(blank=True, db_default='', default='', editable=False, max_length=10)),
                ('attempts', models.PositiveSmallIntegerField(db_default=0, default=0, editable=False)),
                ('settings', models.JSONField(blank=True, default=dict, verbose_name='settings used')),
                ('metrics', models.JSONField(blank=True, default=dict, verbose_name='metrics')),
                ('unassigned', models.JSONField(blank=True, default=list, verbose_name='unassigned')),
                ('timings', models.JSONField(blank=True, default=dict, verbose_name='timings')),
                ('progress', models.JSONField(blank=True, default=dict, verbose_name='progress')),
                ('outcome', models.JSONField(blank=True, default=dict, verbose_name='outcome')),
                ('previous_breaks', models.JSONField(default=dict, editable=False)),
                ('error', models.TextField(blank=True, verbose_name='error')),
                ('company', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='runs', to='drivers.company', verbose_name='company')),
                ('reverts', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to='dispatch.dispatchrun', verbose_name='takes back')),
                ('user', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'dispatch run',
                'verbose_name_plural': 'dispatch runs',
                'constraints': [models.UniqueConstraint(condition=models.Q(('status', 'running')), fields=('company', 'day'), name='run_one_at_a_time'), models.CheckConstraint(condition=models.Q(('status__in', ['running', 'completed', 'failed', 'planning', 'preview', 'discarded'])), name='run_status_known'), models.CheckConstraint(condition=models.Q(('day__gte', datetime.date(2000, 1, 1)), ('day__lt', datetime.date(2100, 1, 1))), name='run_day_in_years')],
            },
        ),
        migrations.CreateModel(
            name='StoredPlan',
            fields=[
                ('run', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='stored_plan', serialize=False, to='dispatch.dispatchrun', verbose_name='run')),
                ('trips', models.JSONField()),
                ('breaks', models.JSONField()),
                ('seal', models.JSONField()),
            ],
            options={
                'verbose_name': 'stored plan',
                'verbose_name_plural': 'stored plans',
            },
        ),
        migrations.CreateModel(
            name='Assignment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('status', models.CharField(choices=[('planned', 'planned'), ('en_route', 'driver en route'), ('in_progress', 'on board'), ('completed', 'completed'), ('canceled', 'canceled'), ('no_show', 'no-show'), ('superseded', 'superseded')], default='planned', max_length=20, verbose_name='status')),
                ('is_open', models.GeneratedField(db_persist=True, expression=models.Q(('status__in', ['planned', 'en_route', 'in_progress'])), output_field=models.BooleanField())),
                ('sequence', models.IntegerField(verbose_name='sequence')),
                ('planned_pickup_at', models.DateTimeField(verbose_name='planned pickup')),
                ('planned_dropoff_at', models.DateTimeField(verbose_name='planned dropoff')),
                ('arrived_at', models.DateTimeField(blank=True, null=True, verbose_name='arrived at the pickup')),
                ('actual_pickup_at', models.DateTimeField(blank=True, null=True, verbose_name='actual pickup')),
                ('actual_dropoff_at', models.DateTimeField(blank=True, null=True, verbose_name='actual dropoff')),
                ('confirmed', models.BooleanField(default=False, verbose_name='confirmed')),
                ('locked', models.BooleanField(default=False, verbose_name='locked')),
                ('stretch', models.BigIntegerField(editable=False, null=True, verbose_name='shared stretch')),
                ('explanation', models.JSONField(blank=True, default=dict, verbose_name='explanation')),
                ('created_at', models.DateTimeField(verbose_name='created at')),
                ('updated_at', models.DateTimeField(verbose_name='updated at')),
                ('booking', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='assignments', to='bookings.booking', verbose_name='booking')),
                ('company', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='assignments', to='drivers.company', verbose_name='company')),
                ('driver', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='assignments', to='drivers.driver', verbose_name='driver')),
                ('run', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='assignments', to='dispatch.dispatchrun', verbose_name='run')),
                ('superseded_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='superseded', to='dispatch.dispatchrun', verbose_name='superseded by')),
            ],
            options={
                'verbose_name': 'assignment',
                'verbose_name_plural': 'assignments',
                'constraints': [models.UniqueConstraint(condition=models.Q(('is_open', True)), fields=('booking',), name='assignment_one_open_per_booking'), models.CheckConstraint(condition=models.Q(('planned_pickup_at__lte', models.F('planned_dropoff_at'))), name='assignment_pickup_before_dropoff'), models.CheckConstraint(condition=models.Q(('arrived_at__gte', datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)), ('arrived_at__lt', datetime.datetime(2100, 1, 1, 0, 0, tzinfo=datetime.timezone.utc))), name='assignment_arrived_in_years'), models.CheckConstraint(condition=models.Q(('actual_pickup_at__gte', datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)), ('actual_pickup_at__lt', datetime.datetime(2100, 1, 1, 0, 0, tzinfo=datetime.timezone.utc))), name='assignment_pickup_in_years'), models.CheckConstraint(condition=models.Q(('actual_dropoff_at__gte', datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)), ('actual_dropoff_at__lt', datetime.datetime(2100, 1, 1, 0, 0, tzinfo=datetime.timezone.utc))), name='assignment_dropoff_in_years'), models.CheckConstraint(condition=models.Q(('status__in', ['planned', 'en_route', 'in_progress', 'completed', 'canceled', 'no_show', 'superseded'])), name='assignment_status_known')],
            },
        ),
        migrations.CreateModel(
            name='Tap',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(editable=False, max_length=36)),
                ('kind', models.CharField(choices=[('en_route', 'driver en route'), ('arrived', 'arrived at the pickup'), ('on_board', 'on board'), ('done', 'completed'), ('no_show', 'no-show'), ('confirm', 'trip confirmed'), ('decline', 'trip declined'), ('break_begins', 'break begun'), ('break_ends', 'break ended'), ('shift_ends', 'shift ended'), ('message', 'message'), ('take_back', 'taken back')], max_length=20, verbose_name='kind')),
                ('booking_id', models.BigIntegerField(blank=True, null=True, verbose_name='booking')),
                ('at', models.DateTimeField(verbose_name='at')),
                ('received_at', models.DateTimeField(verbose_name='received at')),
                ('outcome', models.CharField(choices=[('done', 'recorded'), ('same', 'was so already'), ('refused', 'refused')], max_length=10, verbose_name='outcome')),
                ('said', models.TextField(blank=True, verbose_name='answer')),
                ('device', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='taps', to='drivers.device', verbose_name='phone')),
            ],
            options={
                'verbose_name': 'tap on a phone',
                'verbose_name_plural': 'taps on phones',
                'constraints': [models.UniqueConstraint(fields=('device', 'key'), name='tap_once')],
            },
        ),
        migrations.AddIndex(
            model_name='tap',
            index=drivers.db.indexes.Index(fields=['received_at'], name='idx_tap_received'),
        ),
        migrations.AddIndex(
            model_name='assignment',
            index=drivers.db.indexes.Index(condition=models.Q(('superseded_by__isnull', False)), fields=['superseded_by'], name='idx_assignment_superseded_by'),
        ),
        migrations.AddIndex(
            model_name='assignment',
            index=drivers.db.indexes.SqliteIndex(condition=models.Q(('is_open', True)), fields=['driver', 'planned_pickup_at'], name='idx_assignment_open_driver'),
        ),
        migrations.AddIndex(
            model_name='assignment',
            index=drivers.db.indexes.Index(fields=['driver', 'planned_pickup_at'], name='idx_assignment_driver_pickup'),
        ),
        migrations.AddIndex(
            model_name='assignment',
            index=drivers.db.indexes.Index(fields=['company', 'status', 'planned_pickup_at', 'id'], name='idx_assignment_company_status'),
        ),
        migrations.AddIndex(
            model_name='assignment',
            index=drivers.db.indexes.Index(fields=['company', 'planned_pickup_at', 'id'], name='idx_assignment_company_pickup'),
        ),
        migrations.AddIndex(
            model_name='assignment',
            index=drivers.db.indexes.Index(fields=['run', 'status'], name='idx_assignment_run_status'),
        ),
        migrations.AddIndex(
            model_name='assignment',
            index=drivers.db.indexes.Index(fields=['booking', '-created_at'], name='idx_assignment_booking_created'),
        ),
        migrations.AddIndex(
            model_name='dispatchrun',
            index=drivers.db.indexes.Index(fields=['company', 'day', 'id'], name='idx_run_company_day'),
        ),
        migrations.AddConstraint(
            model_name='assignment',
            constraint=drivers.db.constraints.NoOverlap(end='planned_dropoff_at', name='assignment_no_double_booking', only='is_open', owner='driver', start='planned_pickup_at', together='stretch', violation_error_message='The driver has another trip at this time.'),
        ),
    ]
