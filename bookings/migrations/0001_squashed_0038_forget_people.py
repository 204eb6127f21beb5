"""All migrations up to those in one, for new databases; others go on from where they are."""

import bookings.models.addresses
import bookings.models.clients
import datetime
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import drivers.db.constraints
import drivers.db.folding
import drivers.db.indexes
import drivers.db.parts
import drivers.db.references
import drivers.models.values
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [('bookings', '0001_bookings_and_events'), ('bookings', '0002_add_performance_indexes'), ('bookings', '0003_number_events_in_commit_order'), ('bookings', '0004_keep_files_for_their_import'), ('bookings', '0005_lighten_the_log'), ('bookings', '0006_webhooks'), ('bookings', '0007_index_what_the_doors_read'), ('bookings', '0008_will_calls'), ('bookings', '0009_save_places'), ('bookings', '0010_name_relations'), ('bookings', '0011_plain_english'), ('bookings', '0012_fold_names'), ('bookings', '0013_fold_stored_names'), ('bookings', '0014_list_bookings_by_their_change'), ('bookings', '0015_keep_to_the_years'), ('bookings', '0016_search_clients'), ('bookings', '0017_index_parts_of_clients'), ('bookings', '0018_corrections'), ('bookings', '0019_list_events_by_time'), ('bookings', '0020_list_events_by_kind'), ('bookings', '0021_address_register'), ('bookings', '0022_keep_chosen_places'), ('bookings', '0023_trips_for_another_person'), ('bookings', '0024_customers'), ('bookings', '0025_give_rows_their_customer'), ('bookings', '0026_one_customer_for_a_row'), ('bookings', '0027_phone_keys'), ('bookings', '0028_take_turns_by_webhook'), ('bookings', '0029_standing_orders'), ('bookings', '0030_company_places'), ('bookings', '0031_computed_pickups'), ('bookings', '0032_places_of_the_company'), ('bookings', '0033_zones_of_standing_orders'), ('bookings', '0034_reports_of_drivers'), ('bookings', '0035_ride_with_others'), ('bookings', '0036_thin_webhooks'), ('bookings', '0037_seal_the_log'), ('bookings', '0038_forget_people')]

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('drivers', '0001_squashed_0036_forget_clients'),
    ]

    operations = [
        migrations.CreateModel(
            name='AddressWord',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', bookings.models.addresses.BytewiseField(max_length=60)),
                ('streets', models.IntegerField(default=0)),
            ],
            options={
                'verbose_name': 'word of addresses',
                'verbose_name_plural': 'words of addresses',
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('text',), name='address_word_once')],
            },
        ),
        migrations.CreateModel(
            name='Client',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('external_id', models.CharField(blank=True, db_default='', help_text='How the customer calls this person, such as a patient number. It tells two people of one name apart.', max_length=64, verbose_name="customer's own id")),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('folded_name', drivers.db.folding.FoldedField(blank=True, db_default='', editable=False)),
                ('searched', drivers.db.folding.FoldedField(blank=True, db_default='', editable=False)),
                ('phone', models.CharField(blank=True, max_length=40, verbose_name='phone')),
                ('phone_key', bookings.models.clients.PhoneKeyField(blank=True, db_default='', editable=False, max_length=40)),
                ('address', models.CharField(blank=True, max_length=200, verbose_name='address')),
                ('lat', models.FloatField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(-90), django.core.validators.MaxValueValidator(90)], verbose_name='latitude')),
                ('lon', models.FloatField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(-180), django.core.validators.MaxValueValidator(180)], verbose_name='longitude')),
                ('wheelchair', models.BooleanField(default=False, verbose_name='travels in a wheelchair')),
                ('may_share', models.BooleanField(db_default=True, default=True, help_text='Whether others may be in the vehicle, if the company shares vehicles.', verbose_name='may ride with others')),
                ('max_ride_min', models.PositiveSmallIntegerField(blank=True, help_text='Minutes, 1 to 720, that the client may be on board if others ride along, such as 45. Empty: as the company says. The direct ride is always allowed.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(720)], verbose_name='longest ride (minutes)')),
                ('notes', models.TextField(blank=True, db_default='', help_text='What dispatchers and drivers should know.', verbose_name='notes')),
                ('company', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='clients', to='drivers.company', verbose_name='company')),
                ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='drivers.customer', verbose_name='customer')),
            ],
            options={
                'verbose_name': 'client',
                'verbose_name_plural': 'clients',
                'constraints': [models.UniqueConstraint(condition=models.Q(('external_id', '')), fields=('customer', 'name', 'phone'), name='client_once'), models.UniqueConstraint(condition=models.Q(('external_id', ''), _negated=True), fields=('customer', 'external_id'), name='client_external_id_once'), models.CheckConstraint(condition=models.Q(('max_ride_min__isnull', True), models.Q(('max_ride_min__gte', 1), ('max_ride_min__lte', 720)), _connector='OR'), name='client_ride_sensible'), models.CheckConstraint(condition=models.Q(models.Q(('lat__isnull', True), ('lon__isnull', True)), models.Q(('lat__gte', -90), ('lat__isnull', False), ('lat__lte', 90), ('lon__gte', -180), ('lon__isnull', False), ('lon__lte', 180)), _connector='OR'), name='client_on_earth')],
            },
        ),
        migrations.CreateModel(
            name='ClientKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('wrapped', models.CharField(max_length=120)),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='keys', to='bookings.client', verbose_name='client')),
            ],
            options={
                'verbose_name': "client's key",
                'verbose_name_plural': "clients' keys",
            },
        ),
        migrations.CreateModel(
            name='CompanyPlace',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('address', models.CharField(help_text='Bookings from or to this address, in any spelling of case and accents.', max_length=200, verbose_name='address')),
                ('folded_address', drivers.db.folding.FoldedField(blank=True, db_default='', editable=False)),
                ('lat', models.FloatField(validators=[django.core.validators.MinValueValidator(-90), django.core.validators.MaxValueValidator(90)], verbose_name='latitude')),
                ('lon', models.FloatField(validators=[django.core.validators.MinValueValidator(-180), django.core.validators.MaxValueValidator(180)], verbose_name='longitude')),
                ('entrance', models.CharField(blank=True, help_text='Where to stop, such as “Entrance B, Rue Gabrielle-Perret-Gentil”.', max_length=100, verbose_name='entrance')),
                ('notes', models.TextField(blank=True, help_text='What the driver should know there: a door code, a floor, a ramp.', verbose_name='notes at the door')),
                ('boarding_min', models.PositiveSmallIntegerField(blank=True, help_text='Minutes, 0 to 120. Boarding takes at least so long here. Empty: as everywhere.', null=True, validators=[django.core.validators.MaxValueValidator(120)], verbose_name='boarding (minutes)')),
                ('margin_min', models.PositiveSmallIntegerField(blank=True, help_text="Minutes, 0 to 120, instead of the company's. Empty: the company's.", null=True, validators=[django.core.validators.MaxValueValidator(120)], verbose_name='margin before appointments (minutes)')),
                ('company', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='places', to='drivers.company', verbose_name='company')),
            ],
            options={
                'verbose_name': 'place',
                'verbose_name_plural': 'places',
                'constraints': [models.UniqueConstraint(fields=('company', 'folded_address'), name='company_place_once'), models.CheckConstraint(condition=models.Q(('lat__gte', -90), ('lat__lte', 90), ('lon__gte', -180), ('lon__lte', 180)), name='company_place_on_earth'), models.CheckConstraint(condition=models.Q(('boarding_min__lte', 120), ('margin_min__lte', 120)), name='company_place_minutes_sensible')],
            },
        ),
        migrations.CreateModel(
            name='Booking',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reference', models.CharField(blank=True, max_length=64, verbose_name='reference')),
                ('pickup_address', models.CharField(blank=True, max_length=200, verbose_name='pickup address')),
                ('pickup_lat', models.FloatField(validators=[django.core.validators.MinValueValidator(-90), django.core.validators.MaxValueValidator(90)], verbose_name='pickup latitude')),
                ('pickup_lon', models.FloatField(validators=[django.core.validators.MinValueValidator(-180), django.core.validators.MaxValueValidator(180)], verbose_name='pickup longitude')),
                ('dropoff_address', models.CharField(blank=True, max_length=200, verbose_name='dropoff address')),
                ('dropoff_lat', models.FloatField(validators=[django.core.validators.MinValueValidator(-90), django.core.validators.MaxValueValidator(90)], verbose_name='dropoff latitude')),
                ('dropoff_lon', models.FloatField(validators=[django.core.validators.MinValueValidator(-180), django.core.validators.MaxValueValidator(180)], verbose_name='dropoff longitude')),
                ('scheduled_time', models.DateTimeField(verbose_name='requested pickup')),
                ('pickup_computed', models.BooleanField(db_default=False, default=False, editable=False, verbose_name='pickup computed from the appointment')),
                ('appointment_at', models.DateTimeField(blank=True, null=True, verbose_name='appointment')),
                ('will_call', models.BooleanField(db_default=False, default=False, verbose_name='will call')),
                ('overlap_meant', models.BooleanField(db_default=False, default=False, help_text='The trip is for somebody else of that name: it may be at the same time as others of the client.', verbose_name='another person')),
                ('passengers', models.PositiveSmallIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1)], verbose_name='passengers')),
                ('wheelchairs', models.PositiveSmallIntegerField(default=0, verbose_name='wheelchairs')),
                ('may_share', models.BooleanField(db_default=True, default=True, help_text='Whether others may be in the vehicle, if the company shares vehicles. No for a trip that must be alone, such as one with an infectious client.', verbose_name='may ride with others')),
                ('max_ride_min', models.PositiveSmallIntegerField(blank=True, help_text='Minutes, 1 to 720, that the client may be on board if others ride along. Empty: as for the client, or else as the company says. The direct ride is always allowed.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(720)], verbose_name='longest ride (minutes)')),
                ('needs', models.JSONField(blank=True, default=list, validators=[drivers.models.values.validate_tags], verbose_name='needs')),
                ('priority', models.PositiveSmallIntegerField(choices=[(0, 'normal'), (1, 'high'), (2, 'urgent')], default=0, verbose_name='priority')),
                ('status', models.CharField(choices=[('pending', 'pending'), ('accepted', 'accepted'), ('assigned', 'assigned'), ('en_route', 'driver en route'), ('in_progress', 'on board'), ('completed', 'completed'), ('canceled', 'canceled'), ('no_show', 'no-show')], default='pending', max_length=20, verbose_name='status')),
                ('series_day', models.DateField(blank=True, editable=False, null=True, verbose_name='date of the standing order')),
                ('series_leg', models.PositiveSmallIntegerField(blank=True, choices=[(0, 'outbound trip'), (1, 'return trip')], editable=False, null=True, verbose_name='leg of the standing order')),
                ('is_open', models.GeneratedField(db_persist=True, expression=models.Q(('status__in', ['pending', 'accepted', 'assigned', 'en_route', 'in_progress'])), output_field=models.BooleanField())),
                ('notes', models.TextField(blank=True, verbose_name='notes')),
                ('cancel_reason', models.CharField(blank=True, max_length=200, verbose_name='cancellation reason')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='updated at')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('company', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='bookings', to='drivers.company', verbose_name='company')),
                ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='drivers.customer', verbose_name='customer')),
                ('return_of', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='return_trip', to='bookings.booking', verbose_name='return of')),
                ('client', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='bookings', to='bookings.client', verbose_name='client')),
                ('dropoff_place', models.ForeignKey(blank=True, db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='bookings.companyplace', verbose_name='place of the dropoff')),
                ('pickup_place', models.ForeignKey(blank=True, db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='bookings.companyplace', verbose_name='place of the pickup')),
            ],
            options={
                'verbose_name': 'booking',
                'verbose_name_plural': 'bookings',
                'constraints': [models.UniqueConstraint(condition=models.Q(('reference', ''), _negated=True), fields=('customer', 'reference'), name='booking_reference_unique'), models.CheckConstraint(condition=models.Q(('pickup_lat__gte', -90), ('pickup_lat__lte', 90), ('pickup_lon__gte', -180), ('pickup_lon__lte', 180)), name='booking_pickup_on_earth'), models.CheckConstraint(condition=models.Q(('dropoff_lat__gte', -90), ('dropoff_lat__lte', 90), ('dropoff_lon__gte', -180), ('dropoff_lon__lte', 180)), name='booking_dropoff_on_earth'), models.CheckConstraint(condition=models.Q(('passengers__gte', 1), ('passengers__gte', models.F('wheelchairs'))), name='booking_passengers_include_wheelchairs'), models.CheckConstraint(condition=models.Q(('max_ride_min__isnull', True), models.Q(('max_ride_min__gte', 1), ('max_ride_min__lte', 720)), _connector='OR'), name='booking_ride_sensible'), models.CheckConstraint(condition=models.Q(models.Q(('appointment_at__isnull', True), ('pickup_computed', False)), models.Q(('appointment_at__gt', models.F('scheduled_time')), ('appointment_at__isnull', False)), _connector='OR'), name='booking_appointment_after_pickup'), models.CheckConstraint(condition=models.Q(('scheduled_time__gte', datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)), ('scheduled_time__lt', datetime.datetime(2100, 1, 1, 0, 0, tzinfo=datetime.timezone.utc))), name='booking_scheduled_in_years'), models.CheckConstraint(condition=models.Q(('appointment_at__gte', datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)), ('appointment_at__lt', datetime.datetime(2100, 1, 1, 0, 0, tzinfo=datetime.timezone.utc))), name='booking_appointment_in_years'), models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'accepted', 'assigned', 'en_route', 'in_progress', 'completed', 'canceled', 'no_show'])), name='booking_status_known'), models.CheckConstraint(condition=models.Q(('priority__lte', 2)), name='booking_priority_known'), models.CheckConstraint(condition=models.Q(('will_call', False), ('status__in', ['pending', 'canceled']), _connector='OR'), name='booking_will_call_is_not_planned', violation_error_message='A will-call stays pending until the client is ready and its time is known.')],
            },
        ),
        migrations.CreateModel(
            name='DriverPreference',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('preferred', 'preferred'), ('forbidden', 'forbidden')], max_length=20, verbose_name='kind')),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='driver_preferences', to='bookings.client', verbose_name='client')),
                ('driver', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='client_preferences', to='drivers.driver', verbose_name='driver')),
            ],
            options={
                'verbose_name': 'driver preference',
                'verbose_name_plural': 'driver preferences',
                'constraints': [models.UniqueConstraint(fields=('client', 'driver'), name='driver_preference_once'), models.CheckConstraint(condition=models.Q(('kind__in', ['preferred', 'forbidden'])), name='driver_preference_known')],
            },
        ),
        migrations.CreateModel(
            name='Erasure',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('actor', models.CharField(blank=True, max_length=100, verbose_name='by')),
                ('door', models.CharField(choices=[('admin', 'admin'), ('api', 'API'), ('command', 'command line'), ('worker', 'background worker'), ('phone', "driver's phone")], max_length=20, verbose_name='channel')),
                ('reason', models.CharField(max_length=200, verbose_name='reason')),
                ('begun_at', models.DateTimeField(verbose_name='begun at')),
                ('done_at', models.DateTimeField(blank=True, null=True, verbose_name='done at')),
                ('last_booking_id', models.BigIntegerField(default=0, editable=False)),
                ('counts', models.JSONField(blank=True, default=dict, verbose_name='erased')),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='erasures', to='bookings.client', verbose_name='client')),
                ('company', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='drivers.company', verbose_name='company')),
                ('user', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'erasure',
                'verbose_name_plural': 'erasures',
                'constraints': [models.UniqueConstraint(condition=models.Q(('done_at__isnull', True)), fields=('client',), name='erasure_one_at_a_time')],
            },
        ),
        migrations.CreateModel(
            name='Event',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('assignment_id', models.BigIntegerField(blank=True, null=True, verbose_name='assignment')),
                ('run_id', models.BigIntegerField(blank=True, null=True, verbose_name='run')),
                ('kind', models.CharField(choices=[('booking.created', 'booking created'), ('booking.changed', 'booking changed'), ('booking.status', 'booking status changed'), ('booking.reopened', 'booked again'), ('booking.corrected', 'booking status taken back'), ('assignment.created', 'assigned'), ('assignment.changed', 'assignment changed'), ('assignment.moved', 'moved to another driver or time'), ('assignment.released', 'released'), ('trip.undone', 'undone'), ('driver.reported', 'report of a driver'), ('client.forgotten', 'client forgotten'), ('webhook.disabled', 'webhook disabled')], max_length=40, verbose_name='kind')),
                ('at', models.DateTimeField(verbose_name='at')),
                ('actor', models.CharField(blank=True, max_length=100, verbose_name='by')),
                ('door', models.CharField(choices=[('admin', 'admin'), ('api', 'API'), ('command', 'command line'), ('worker', 'background worker'), ('phone', "driver's phone")], max_length=20, verbose_name='channel')),
                ('old', models.JSONField(blank=True, default=dict, verbose_name='before')),
                ('new', models.JSONField(blank=True, default=dict, verbose_name='after')),
                ('reason', models.CharField(blank=True, max_length=200, verbose_name='reason')),
                ('booking', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='events', to='bookings.booking', verbose_name='booking')),
                ('company', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='events', to='drivers.company', verbose_name='company')),
                ('customer', models.ForeignKey(blank=True, db_constraint=False, db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='drivers.customer', verbose_name='customer')),
                ('user', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'event',
                'verbose_name_plural': 'events',
            },
        ),
        migrations.CreateModel(
            name='ImportFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                ('data', models.BinaryField()),
                ('date_order', models.CharField(blank=True, max_length=5)),
                ('places', models.JSONField(blank=True, default=dict)),
                ('uploaded_at', models.DateTimeField()),
                ('company', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='import_files', to='drivers.company', verbose_name='company')),
                ('customer', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, to='drivers.customer', verbose_name='customer')),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'imported file',
                'verbose_name_plural': 'imported files',
            },
        ),
        migrations.CreateModel(
            name='SavedPlace',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('label', models.CharField(max_length=50, verbose_name='name')),
                ('address', models.CharField(max_length=200, verbose_name='address')),
                ('lat', models.FloatField(validators=[django.core.validators.MinValueValidator(-90), django.core.validators.MaxValueValidator(90)], verbose_name='latitude')),
                ('lon', models.FloatField(validators=[django.core.validators.MinValueValidator(-180), django.core.validators.MaxValueValidator(180)], verbose_name='longitude')),
                ('is_usual', models.BooleanField(default=False, help_text="The client's trips start here by default.", verbose_name='usual')),
                ('client', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='places', to='bookings.client', verbose_name='client')),
            ],
            options={
                'verbose_name': 'saved place',
                'verbose_name_plural': 'saved places',
                'constraints': [models.UniqueConstraint(fields=('client', 'label'), name='saved_place_once'), models.UniqueConstraint(condition=models.Q(('is_usual', True)), fields=('client',), name='saved_place_one_is_usual'), models.CheckConstraint(condition=models.Q(('lat__gte', -90), ('lat__lte', 90), ('lon__gte', -180), ('lon__lte', 180)), name='saved_place_on_earth')],
            },
        ),
        migrations.CreateModel(
            name='Series',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('weekdays', models.PositiveSmallIntegerField(verbose_name='weekdays')),
                ('every_weeks', models.PositiveSmallIntegerField(default=1, help_text='1 for every week, 2 for every other week, counted from the first day.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(52)], verbose_name='every so many weeks')),
                ('first_day', models.DateField(verbose_name='first day')),
                ('last_day', models.DateField(blank=True, help_text='Leave empty for no end.', null=True, verbose_name='last day')),
                ('count', models.PositiveSmallIntegerField(blank=True, help_text='Instead of a last day. Dates that are left out count too.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000)], verbose_name='number of dates')),
                ('skips_holidays', models.BooleanField(default=False, help_text="The holidays are those of the company's country and canton.", verbose_name='not on public holidays')),
                ('pickup_time', models.TimeField(verbose_name='pickup')),
                ('appointment_time', models.TimeField(blank=True, null=True, verbose_name='appointment')),
                ('return_time', models.TimeField(blank=True, help_text='Leave empty for no return trip.', null=True, verbose_name='return')),
                ('return_will_call', models.BooleanField(default=False, help_text='The return time is then the earliest one.', verbose_name='return when the client calls')),
                ('pickup_address', models.CharField(blank=True, max_length=200, verbose_name='pickup address')),
                ('pickup_lat', models.FloatField(validators=[django.core.validators.MinValueValidator(-90), django.core.validators.MaxValueValidator(90)], verbose_name='pickup latitude')),
                ('pickup_lon', models.FloatField(validators=[django.core.validators.MinValueValidator(-180), django.core.validators.MaxValueValidator(180)], verbose_name='pickup longitude')),
                ('dropoff_address', models.CharField(blank=True, max_length=200, verbose_name='dropoff address')),
                ('dropoff_lat', models.FloatField(validators=[django.core.validators.MinValueValidator(-90), django.core.validators.MaxValueValidator(90)], verbose_name='dropoff latitude')),
                ('dropoff_lon', models.FloatField(validators=[django.core.validators.MinValueValidator(-180), django.core.validators.MaxValueValidator(180)], verbose_name='dropoff longitude')),
                ('passengers', models.PositiveSmallIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1)], verbose_name='passengers')),
                ('wheelchairs', models.PositiveSmallIntegerField(default=0, verbose_name='wheelchairs')),
                ('needs', models.JSONField(blank=True, default=list, validators=[drivers.models.values.validate_tags], verbose_name='needs')),
                ('priority', models.PositiveSmallIntegerField(choices=[(0, 'normal'), (1, 'high'), (2, 'urgent')], default=0, verbose_name='priority')),
                ('notes', models.TextField(blank=True, verbose_name='notes')),
                ('booked_zone', models.CharField(blank=True, default='', editable=False, max_length=64)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created at')),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='updated at')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('client', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='series', to='bookings.client', verbose_name='client')),
                ('company', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='series', to='drivers.company', verbose_name='company')),
                ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='drivers.customer', verbose_name='customer')),
                ('driver', models.ForeignKey(blank=True, help_text='Whom the planner prefers, where it costs little.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='series', to='drivers.driver', verbose_name='preferred driver')),
            ],
            options={
                'verbose_name': 'standing order',
                'verbose_name_plural': 'standing orders',
                'constraints': [models.CheckConstraint(condition=models.Q(('weekdays__gte', 1), ('weekdays__lte', 127)), name='series_has_weekdays'), models.CheckConstraint(condition=models.Q(('every_weeks__gte', 1), ('every_weeks__lte', 52)), name='series_weeks_sensible'), models.CheckConstraint(condition=models.Q(('first_day__gte', datetime.date(2000, 1, 1)), ('first_day__lte', datetime.date(2099, 12, 31)), models.Q(('last_day__isnull', True), ('last_day__lte', datetime.date(2099, 12, 31)), _connector='OR')), name='series_days_known'), models.CheckConstraint(condition=models.Q(('count__isnull', True), models.Q(('count__gte', 1), ('count__lte', 1000), ('last_day__isnull', True)), _connector='OR'), name='series_ends_once'), models.CheckConstraint(condition=models.Q(('appointment_time__isnull', True), ('appointment_time__gt', models.F('pickup_time')), _connector='OR'), name='series_appointment_after_pickup'), models.CheckConstraint(condition=models.Q(('return_time__isnull', True), models.Q(('return_time__gt', models.F('pickup_time')), models.Q(('appointment_time__isnull', True), ('return_time__gt', models.F('appointment_time')), _connector='OR')), _connector='OR'), name='series_return_after_appointment'), models.CheckConstraint(condition=models.Q(('return_will_call', False), ('return_time__isnull', False), _connector='OR'), name='series_will_call_has_a_time'), models.CheckConstraint(condition=models.Q(('pickup_lat__gte', -90), ('pickup_lat__lte', 90), ('pickup_lon__gte', -180), ('pickup_lon__lte', 180)), name='series_pickup_on_earth'), models.CheckConstraint(condition=models.Q(('dropoff_lat__gte', -90), ('dropoff_lat__lte', 90), ('dropoff_lon__gte', -180), ('dropoff_lon__lte', 180)), name='series_dropoff_on_earth'), models.CheckConstraint(condition=models.Q(('passengers__gte', 1), ('passengers__gte', models.F('wheelchairs'))), name='series_passengers_include_wheelchairs'), models.CheckConstraint(condition=models.Q(('priority__lte', 2)), name='series_priority_known')],
            },
        ),
        migrations.CreateModel(
            name='Pause',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('first_day', models.DateField(verbose_name='first day')),
                ('last_day', models.DateField(blank=True, help_text='Leave empty for no end.', null=True, verbose_name='last day')),
                ('note', models.CharField(blank=True, max_length=200, verbose_name='note')),
                ('client', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='pauses', to='bookings.client', verbose_name='client')),
                ('company', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='pauses', to='drivers.company', verbose_name='company')),
                ('series', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='pauses', to='bookings.series', verbose_name='standing order')),
            ],
            options={
                'verbose_name': 'pause',
                'verbose_name_plural': 'pauses',
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('client__isnull', True), ('series__isnull', False)), models.Q(('client__isnull', False), ('series__isnull', True)), _connector='OR'), name='pause_of_one'), models.CheckConstraint(condition=models.Q(('first_day__gte', datetime.date(2000, 1, 1)), ('first_day__lte', datetime.date(2099, 12, 31)), models.Q(('last_day__isnull', True), ('last_day__lte', datetime.date(2099, 12, 31)), _connector='OR')), name='pause_days_known'), models.CheckConstraint(condition=models.Q(('last_day__isnull', True), ('last_day__gte', models.F('first_day')), _connector='OR'), name='pause_ends_after_start')],
            },
        ),
        migrations.AddField(
            model_name='booking',
            name='series',
            field=models.ForeignKey(blank=True, db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='bookings', to='bookings.series', verbose_name='standing order'),
        ),
        migrations.CreateModel(
            name='Street',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', bookings.models.addresses.BytewiseField(max_length=330)),
                ('name', models.CharField(blank=True, max_length=200, verbose_name='name')),
                ('postcode', models.CharField(blank=True, max_length=20, verbose_name='postcode')),
                ('locality', models.CharField(blank=True, max_length=100, verbose_name='locality')),
                ('lat', models.FloatField(verbose_name='latitude')),
                ('lon', models.FloatField(verbose_name='longitude')),
                ('cell', models.IntegerField(default=0)),
                ('is_searchable', models.BooleanField(default=False)),
            ],
            options={
                'verbose_name': 'street',
                'verbose_name_plural': 'streets',
                'default_permissions': (),
                'indexes': [drivers.db.indexes.Index(condition=models.Q(('is_searchable', False)), fields=['id'], name='idx_street_new')],
                'constraints': [models.UniqueConstraint(fields=('key',), name='street_once')],
            },
        ),
        migrations.CreateModel(
            name='Address',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', bookings.models.addresses.BytewiseField(blank=True, max_length=20, verbose_name='number')),
                ('lat', models.FloatField(verbose_name='latitude')),
                ('lon', models.FloatField(verbose_name='longitude')),
                ('street', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='addresses', to='bookings.street', verbose_name='street')),
            ],
            options={
                'verbose_name': 'address',
                'verbose_name_plural': 'addresses',
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('street', 'number'), name='address_once')],
            },
        ),
        migrations.CreateModel(
            name='Webhook',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('url', models.CharField(max_length=500, verbose_name='address')),
                ('kinds', models.JSONField(blank=True, default=list, verbose_name='kinds of events')),
                ('payload', models.CharField(choices=[('full', 'the whole event'), ('thin', 'ids and kind only')], db_default='full', default='full', max_length=10, verbose_name='payload')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('disabled_reason', models.CharField(blank=True, max_length=200, verbose_name='reason disabled')),
                ('salt', models.CharField(editable=False, max_length=32)),
                ('previous_salt', models.CharField(blank=True, editable=False, max_length=32)),
                ('previous_until', models.DateTimeField(blank=True, editable=False, null=True)),
                ('seen_event_id', models.BigIntegerField(default=0, editable=False)),
                ('rests_until', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='paused until')),
                ('created_at', models.DateTimeField(verbose_name='created at')),
                ('company', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='webhooks', to='drivers.company', verbose_name='company')),
                ('customer', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='webhooks', to='drivers.customer', verbose_name='customer')),
            ],
            options={
                'verbose_name': 'webhook',
                'verbose_name_plural': 'webhooks',
                'constraints': [models.CheckConstraint(condition=models.Q(('payload__in', ['full', 'thin'])), name='webhook_payload_known')],
            },
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('status', models.CharField(choices=[('pending', 'pending'), ('delivered', 'delivered'), ('failed', 'failed')], default='pending', max_length=20, verbose_name='status')),
                ('attempts', models.PositiveSmallIntegerField(default=0, verbose_name='attempts')),
                ('due_at', models.DateTimeField(verbose_name='due at')),
                ('created_at', models.DateTimeField(verbose_name='created at')),
                ('last_at', models.DateTimeField(blank=True, null=True, verbose_name='last attempt at')),
                ('last_code', models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='status code')),
                ('last_ms', models.PositiveIntegerField(blank=True, null=True, verbose_name='milliseconds')),
                ('last_error', models.CharField(blank=True, max_length=200, verbose_name='error')),
                ('event', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='bookings.event', verbose_name='event')),
                ('webhook', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='bookings.webhook', verbose_name='webhook')),
            ],
            options={
                'verbose_name': 'webhook delivery',
                'verbose_name_plural': 'webhook deliveries',
                'constraints': [models.UniqueConstraint(fields=('webhook', 'event'), name='delivery_once'), models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'delivered', 'failed'])), name='delivery_status_known')],
            },
        ),
        migrations.CreateModel(
            name='WordInStreet',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('cell', models.IntegerField()),
                ('street', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='words', to='bookings.street')),
                ('word', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='places', to='bookings.addressword')),
            ],
            options={
                'verbose_name': 'word in a street',
                'verbose_name_plural': 'words in streets',
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('word', 'cell', 'street'), name='word_in_street_once')],
            },
        ),
        migrations.CreateModel(
            name='WordSpelling',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', bookings.models.addresses.BytewiseField(max_length=60)),
                ('word', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='spellings', to='bookings.addressword')),
            ],
            options={
                'verbose_name': 'spelling',
                'verbose_name_plural': 'spellings',
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('key', 'word'), name='word_spelling_once')],
            },
        ),
        migrations.AddConstraint(
            model_name='client',
            constraint=models.UniqueConstraint(fields=('id', 'customer'), name='client_of_customer'),
        ),
        migrations.AddConstraint(
            model_name='companyplace',
            constraint=models.UniqueConstraint(fields=('id', 'company'), name='company_place_of_company'),
        ),
        migrations.AddConstraint(
            model_name='series',
            constraint=models.UniqueConstraint(fields=('id', 'company'), name='series_of_company'),
        ),
        migrations.AddConstraint(
            model_name='booking',
            constraint=models.UniqueConstraint(fields=('series', 'series_day', 'series_leg'), name='booking_once_a_date_of_series'),
        ),
        migrations.AddConstraint(
            model_name='booking',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('series__isnull', True), ('series_day__isnull', True), ('series_leg__isnull', True)), models.Q(('series__isnull', False), ('series_day__isnull', False)), _connector='OR'), name='booking_series_has_its_day'),
        ),
        migrations.AddConstraint(
            model_name='booking',
            constraint=models.CheckConstraint(condition=models.Q(('series_leg__isnull', True), ('series_leg__lte', 1), _connector='OR'), name='booking_series_leg_known'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=drivers.db.indexes.Index(fields=['created_at'], name='idx_delivery_created'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=drivers.db.indexes.Index(condition=models.Q(('status', 'pending')), fields=['webhook', 'due_at'], name='idx_delivery_due'),
        ),
        migrations.AddIndex(
            model_name='webhook',
            index=drivers.db.indexes.Index(fields=['company', 'id'], name='idx_webhook_company'),
        ),
        migrations.AddIndex(
            model_name='booking',
            index=drivers.db.indexes.Index(fields=['customer', 'updated_at'], name='idx_booking_customer_updated'),
        ),
        migrations.AddIndex(
            model_name='booking',
            index=drivers.db.indexes.Index(fields=['customer', 'scheduled_time'], name='idx_booking_customer_scheduled'),
        ),
        migrations.AddIndex(
            model_name='booking',
            index=drivers.db.indexes.Index(fields=['company', 'updated_at'], name='idx_booking_company_updated'),
        ),
        migrations.AddIndex(
            model_name='booking',
            index=drivers.db.indexes.Index(condition=models.Q(('dropoff_place__isnull', False)), fields=['dropoff_place'], name='idx_booking_dropoff_place'),
        ),
        migrations.AddIndex(
            model_name='booking',
            index=drivers.db.indexes.Index(condition=models.Q(('pickup_place__isnull', False)), fields=['pickup_place'], name='idx_booking_pickup_place'),
        ),
        migrations.AddIndex(
            model_name='booking',
            index=drivers.db.indexes.Index(fields=['company', 'priority', 'scheduled_time'], name='idx_booking_company_priority'),
        ),
        migrations.AddIndex(
            model_name='booking',
            index=drivers.db.indexes.Index(fields=['company', 'scheduled_time'], name='idx_booking_company_scheduled'),
        ),
        migrations.AddIndex(
            model_name='booking',
            index=drivers.db.indexes.Index(fields=['status', 'scheduled_time', 'company'], name='idx_booking_status_scheduled_company'),
        ),
        migrations.AddIndex(
            model_name='pause',
            index=drivers.db.indexes.Index(fields=['company', 'last_day'], name='idx_pause_company_last_day'),
        ),
        migrations.AddIndex(
            model_name='series',
            index=drivers.db.indexes.Index(fields=['company', 'id'], name='idx_series_company'),
        ),
        migrations.AddIndex(
            model_name='importfile',
            index=drivers.db.indexes.Index(fields=['uploaded_at'], name='idx_import_file_uploaded'),
        ),
        migrations.AddIndex(
            model_name='event',
            index=drivers.db.indexes.Index(fields=['customer', 'id'], name='idx_event_customer'),
        ),
        migrations.AddIndex(
            model_name='event',
            index=drivers.db.indexes.Index(fields=['booking', 'id'], name='idx_event_booking'),
        ),
        migrations.AddIndex(
            model_name='event',
            index=drivers.db.indexes.Index(fields=['company', 'kind', 'at', 'id'], name='idx_event_company_kind'),
        ),
        migrations.AddIndex(
            model_name='event',
            index=drivers.db.indexes.Index(fields=['company', 'at', 'id'], name='idx_event_company_at'),
        ),
        migrations.AddIndex(
            model_name='event',
            index=drivers.db.indexes.Index(fields=['company', 'id'], name='idx_event_company'),
        ),
        migrations.AddIndex(
            model_name='clientkey',
            index=drivers.db.indexes.Index(fields=['client', 'id'], name='idx_client_key_client'),
        ),
        migrations.AddIndex(
            model_name='client',
            index=drivers.db.indexes.Index(condition=models.Q(('phone_key', ''), _negated=True), fields=['customer', 'phone_key'], name='idx_client_customer_phone'),
        ),
        migrations.AddIndex(
            model_name='client',
            index=drivers.db.indexes.Index(fields=['customer', 'folded_name'], name='idx_client_customer_folded'),
        ),
        migrations.AddIndex(
            model_name='client',
            index=drivers.db.indexes.SqliteIndex(fields=['company', 'folded_name', 'searched'], name='idx_client_company_searched'),
        ),
        migrations.AddIndex(
            model_name='client',
            index=drivers.db.indexes.PostgresqlIndex(fields=['company', 'folded_name'], name='idx_client_company_folded'),
        ),
        migrations.AddConstraint(
            model_name='client',
            constraint=drivers.db.references.SameOwner(fields=('customer', 'company'), name='client_customer_of_company', to_fields=('id', 'company')),
        ),
        migrations.AddConstraint(
            model_name='client',
            constraint=drivers.db.folding.KeepsFolded(folded='folded_name', name='client_folds_name', source='name'),
        ),
        migrations.AddConstraint(
            model_name='client',
            constraint=drivers.db.folding.KeepsFolded(folded='searched', name='client_folds_searched', source=('name', 'phone', 'address')),
        ),
        migrations.AddConstraint(
            model_name='client',
            constraint=drivers.db.parts.FindsParts(field='searched', name='client_parts'),
        ),
        migrations.AddConstraint(
            model_name='companyplace',
            constraint=drivers.db.folding.KeepsFolded(folded='folded_address', name='company_place_folds_address', source='address'),
        ),
        migrations.AddConstraint(
            model_name='event',
            constraint=drivers.db.constraints.SealedLog(emptied=['reason'], name='event_append_only', sides=['old', 'new']),
        ),
        migrations.AddConstraint(
            model_name='event',
            constraint=drivers.db.constraints.NumberedInCommitOrder(name='event_in_commit_order', owner='company'),
        ),
        migrations.AddConstraint(
            model_name='series',
            constraint=drivers.db.references.SameOwner(fields=('customer', 'company'), name='series_customer_of_company', to_fields=('id', 'company')),
        ),
        migrations.AddConstraint(
            model_name='series',
            constraint=drivers.db.references.SameOwner(fields=('client', 'customer'), name='series_client_of_customer', to_fields=('id', 'customer')),
        ),
        migrations.AddConstraint(
            model_name='pause',
            constraint=drivers.db.references.SameOwner(fields=('series', 'company'), name='pause_series_of_company', to_fields=('id', 'company')),
        ),
        migrations.AddConstraint(
            model_name='booking',
            constraint=drivers.db.references.SameOwner(fields=('customer', 'company'), name='booking_customer_of_company', to_fields=('id', 'company')),
        ),
        migrations.AddConstraint(
            model_name='booking',
            constraint=drivers.db.references.SameOwner(fields=('client', 'customer'), name='booking_client_of_customer', to_fields=('id', 'customer')),
        ),
        migrations.AddConstraint(
            model_name='booking',
            constraint=drivers.db.references.SameOwner(fields=('pickup_place', 'company'), name='booking_pickup_place_of_company', to_fields=('id', 'company')),
        ),
        migrations.AddConstraint(
            model_name='booking',
            constraint=drivers.db.references.SameOwner(fields=('dropoff_place', 'company'), name='booking_dropoff_place_of_company', to_fields=('id', 'company')),
        ),
        migrations.AddConstraint(
            model_name='booking',
            constraint=drivers.db.references.SameOwner(fields=('series', 'company'), name='booking_series_of_company', to_fields=('id', 'company')),
        ),
        migrations.AddConstraint(
            model_name='webhook',
            constraint=drivers.db.references.SameOwner(fields=('customer', 'company'), name='webhook_customer_of_company', to_fields=('id', 'company')),
        ),
    ]
