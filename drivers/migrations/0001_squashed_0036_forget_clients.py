"""All migrations up to those in one, for new databases; others go on from where they are."""

import datetime
import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import drivers.db.constraints
import drivers.db.folding
import drivers.db.indexes
import drivers.db.references
import drivers.models.traffic
import drivers.models.values
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [('drivers', '0001_fleet'), ('drivers', '0002_add_performance_indexes'), ('drivers', '0003_api_tokens'), ('drivers', '0004_weekly_shifts_and_policy'), ('drivers', '0005_note_the_use_of_tokens'), ('drivers', '0006_keep_answers_for_their_key'), ('drivers', '0007_exclude_double_shifts_by_one_range'), ('drivers', '0008_index_what_the_doors_read'), ('drivers', '0009_list_shifts_by_time'), ('drivers', '0010_name_relations'), ('drivers', '0011_plain_english'), ('drivers', '0012_fold_names'), ('drivers', '0013_fold_stored_names'), ('drivers', '0014_keep_to_the_years'), ('drivers', '0015_margin_before_appointments'), ('drivers', '0016_correction_hours'), ('drivers', '0017_name_what_a_setting_gives'), ('drivers', '0018_name_the_vehicle_of_a_shift'), ('drivers', '0019_fill_the_vehicles_of_shifts'), ('drivers', '0020_one_place_for_a_vehicle'), ('drivers', '0021_vehicle_absences'), ('drivers', '0022_traffic_by_the_hour'), ('drivers', '0023_customers'), ('drivers', '0024_give_client_systems_a_customer'), ('drivers', '0025_one_customer_for_a_client_system'), ('drivers', '0026_days_of_standing_orders'), ('drivers', '0027_agreements_of_customers'), ('drivers', '0028_hand_vehicles_over'), ('drivers', '0029_papers_of_drivers_and_vehicles'), ('drivers', '0030_plan_without_roads'), ('drivers', '0031_boarding_of_persons'), ('drivers', '0032_invitations'), ('drivers', '0033_phones_of_drivers'), ('drivers', '0034_share_rides'), ('drivers', '0035_margins_of_customers'), ('drivers', '0036_forget_clients')]

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Company',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('slug', models.SlugField(db_index=False, verbose_name='short name')),
                ('timezone', models.CharField(max_length=64, validators=[drivers.models.values.validate_timezone], verbose_name='timezone')),
                ('depot_lat', models.FloatField(validators=[django.core.validators.MinValueValidator(-90), django.core.validators.MaxValueValidator(90)], verbose_name='depot latitude')),
                ('depot_lon', models.FloatField(validators=[django.core.validators.MinValueValidator(-180), django.core.validators.MaxValueValidator(180)], verbose_name='depot longitude')),
                ('pickup_early_min', models.PositiveSmallIntegerField(default=10, help_text='Minutes, 0 to 720. An outbound client may be picked up this long before the requested time.', validators=[django.core.validators.MaxValueValidator(720)], verbose_name='early pickup (minutes)')),
                ('pickup_late_min', models.PositiveSmallIntegerField(default=15, help_text='Minutes, 0 to 720. An outbound client may be picked up this long after the requested time.', validators=[django.core.validators.MaxValueValidator(720)], verbose_name='late pickup (minutes)')),
                ('return_late_min', models.PositiveSmallIntegerField(default=30, help_text='Minutes, 0 to 720. A client going home may wait this long and is never picked up early.', validators=[django.core.validators.MaxValueValidator(720)], verbose_name='late return (minutes)')),
                ('appointment_margin_min', models.PositiveSmallIntegerField(default=5, help_text='Minutes, 0 to 120. A run plans arrivals this long before the appointment, unless a trip would be left out for it.', validators=[django.core.validators.MaxValueValidator(120)], verbose_name='margin before appointments (minutes)')),
                ('boarding_min', models.PositiveSmallIntegerField(default=3, help_text='Minutes, 0 to 120. From the arrival at the pickup until the vehicle leaves.', validators=[django.core.validators.MaxValueValidator(120)], verbose_name='boarding (minutes)')),
                ('boarding_wheelchair_min', models.PositiveSmallIntegerField(blank=True, help_text='Minutes, 0 to 120. Boarding of whoever travels in a wheelchair. Empty: as for others.', null=True, validators=[django.core.validators.MaxValueValidator(120)], verbose_name='boarding with a wheelchair (minutes)')),
                ('boarding_stretcher_min', models.PositiveSmallIntegerField(blank=True, help_text='Minutes, 0 to 120. Boarding of trips with the need “stretcher”. Empty: as for others.', null=True, validators=[django.core.validators.MaxValueValidator(120)], verbose_name='boarding on a stretcher (minutes)')),
                ('alighting_min', models.PositiveSmallIntegerField(default=2, help_text='Minutes, 0 to 120. From the arrival at the dropoff until the driver is free.', validators=[django.core.validators.MaxValueValidator(120)], verbose_name='alighting (minutes)')),
                ('speed_kmh', models.FloatField(default=30, help_text='Kilometres an hour, 1 to 200. Average on the road, stops at lights included; too high a value makes every trip late.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(200)], verbose_name='speed (km/h)')),
                ('circuity', models.FloatField(default=1.35, help_text='A factor, 1 to 5. How much longer the roads are than the straight line: 1.35 turns 10 km as the crow flies into 13.5 km. Too low a value makes trips late, too high a value lets drivers wait.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(5)], verbose_name='detour of the roads (factor)')),
                ('traffic', models.JSONField(blank=True, default=list, editable=False, verbose_name='traffic')),
                ('max_bookings_per_driver', models.PositiveSmallIntegerField(default=14, help_text="Trips, 1 to 200. A driver's own number takes precedence.", validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(200)], verbose_name='bookings per driver and day')),
                ('freeze_min', models.PositiveSmallIntegerField(default=30, help_text='Minutes, 0 to 1440. A run does not move a trip whose pickup is closer than this; a dispatcher can.', validators=[django.core.validators.MaxValueValidator(1440)], verbose_name='freeze (minutes)')),
                ('fairness', models.PositiveIntegerField(default=10, help_text='0 to 3600. The higher, the more evenly trips are shared out, and the more is driven without passengers. A trip goes to a driver with 2 trips instead of one with 12 if that costs at most 3 minutes more at 10, 20 minutes at 60; 0 ignores the workload.', validators=[django.core.validators.MaxValueValidator(3600)], verbose_name='even workload (weight)')),
                ('emergency_cost_min', models.PositiveSmallIntegerField(default=60, help_text='Minutes, 0 to 1440. A reserve driver drives only what nobody else can, or where it saves more than this much driving without passengers.', validators=[django.core.validators.MaxValueValidator(1440)], verbose_name='cost of a reserve driver (minutes)')),
                ('correction_hours', models.PositiveSmallIntegerField(db_default=24, default=24, help_text='Hours, 0 to 720. A dispatcher may take back “completed”, “no-show” and a cancellation for so long; 0 never.', validators=[django.core.validators.MaxValueValidator(720)], verbose_name='corrections (hours)')),
                ('plan_without_roads', models.BooleanField(db_default=False, default=False, help_text='If the road server fails, a run goes on with the driving times it knows and the straight line for the others, and says so. Otherwise it is refused.', verbose_name='plan without the road server')),
                ('forget_after_months', models.PositiveSmallIntegerField(db_default=0, default=0, help_text='Months, 0 to 240. A client without trips for so long is forgotten; 0 never. This cannot be undone: manage.py forget_expired --dry-run tells who it would be.', validators=[django.core.validators.MaxValueValidator(240)], verbose_name='forget clients (months)')),
                ('series_days_ahead', models.PositiveSmallIntegerField(db_default=14, default=14, help_text='Days, 0 to 366. The trips of standing orders are booked this long before they are driven.', validators=[django.core.validators.MaxValueValidator(366)], verbose_name='standing orders ahead (days)')),
                ('holiday_country', models.CharField(blank=True, db_default='', default='', help_text='A code such as CH. Standing orders may leave out its public holidays.', max_length=2, verbose_name='country of the holidays')),
                ('holiday_canton', models.CharField(blank=True, db_default='', default='', help_text='A code such as GE; empty for the holidays of the whole country.', max_length=12, verbose_name='canton of the holidays')),
                ('expiry_days', models.PositiveSmallIntegerField(db_default=30, default=30, help_text='Days, 0 to 366. The roster and the lists of drivers and vehicles warn so long before a licence, permit, insurance or inspection expires.', validators=[django.core.validators.MaxValueValidator(366)], verbose_name='warning before papers expire (days)')),
                ('expired_stop', models.BooleanField(db_default=False, default=False, help_text='Whether a driver or vehicle with an expired paper is given no trips from that day on.', verbose_name='no trips with expired papers')),
                ('shares_rides', models.BooleanField(db_default=False, default=False, help_text='Whether several clients may be in one vehicle at a time. Of clients and bookings that may not ride with others, nobody else is on board.', verbose_name='shared rides')),
                ('ride_factor', models.FloatField(blank=True, help_text='1 to 10. A client is on board at most so many times as long as the direct ride: with 1.5, at most 30 minutes instead of 20. Empty for no such limit.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(10)], verbose_name='longest ride (factor)')),
                ('ride_added_min', models.PositiveSmallIntegerField(blank=True, db_default=15, default=15, help_text='Minutes, 0 to 720. A client is on board at most so much longer than the direct ride: with 15, at most 35 minutes instead of 20. Empty for no such limit. Of several limits the smallest holds.', null=True, validators=[django.core.validators.MaxValueValidator(720)], verbose_name='longer ride (minutes)')),
                ('ride_longest_min', models.PositiveSmallIntegerField(blank=True, help_text='Minutes, 1 to 720. No client is on board for longer, but for a direct ride that takes longer. Empty for no such limit.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(720)], verbose_name='longest ride (minutes)')),
                ('ride_cost_percent', models.PositiveSmallIntegerField(db_default=10, default=10, help_text='Percent, 0 to 1000. At 10, a client rides 10 minutes longer if that saves more than 1 minute of driving; at 100, if it saves more than 10.', validators=[django.core.validators.MaxValueValidator(1000)], verbose_name='price of riding longer (percent)')),
            ],
            options={
                'verbose_name': 'company',
                'verbose_name_plural': 'companies',
                'constraints': [models.UniqueConstraint(fields=('slug',), name='company_slug_unique'), models.CheckConstraint(condition=models.Q(('depot_lat__gte', -90), ('depot_lat__lte', 90), ('depot_lon__gte', -180), ('depot_lon__lte', 180)), name='company_depot_on_earth'), models.CheckConstraint(condition=models.Q(('speed_kmh__gt', 0), ('speed_kmh__lte', 200)), name='company_speed_sensible'), models.CheckConstraint(condition=models.Q(('circuity__gte', 1), ('circuity__lte', 5)), name='company_circuity_sensible'), models.CheckConstraint(condition=models.Q(('pickup_early_min__lte', 720), ('pickup_late_min__lte', 720), ('return_late_min__lte', 720)), name='company_windows_sensible'), models.CheckConstraint(condition=models.Q(('appointment_margin_min__lte', 120)), name='company_margin_sensible'), models.CheckConstraint(condition=models.Q(('boarding_min__lte', 120), ('boarding_wheelchair_min__lte', 120), ('boarding_stretcher_min__lte', 120), ('alighting_min__lte', 120)), name='company_boarding_sensible'), models.CheckConstraint(condition=models.Q(('max_bookings_per_driver__gte', 1), ('max_bookings_per_driver__lte', 200), ('freeze_min__lte', 1440), ('fairness__lte', 3600), ('emergency_cost_min__lte', 1440)), name='company_policy_sensible'), models.CheckConstraint(condition=models.Q(('correction_hours__lte', 720)), name='company_corrections_sensible'), models.CheckConstraint(condition=models.Q(('forget_after_months__lte', 240)), name='company_forgets_sensibly'), models.CheckConstraint(condition=models.Q(('series_days_ahead__lte', 366)), name='company_days_ahead_sensible'), models.CheckConstraint(condition=models.Q(('expiry_days__lte', 366)), name='company_expiry_sensible'), models.CheckConstraint(condition=models.Q(models.Q(('ride_factor__isnull', True), models.Q(('ride_factor__gte', 1), ('ride_factor__lte', 10)), _connector='OR'), models.Q(('ride_added_min__isnull', True), ('ride_added_min__lte', 720), _connector='OR'), models.Q(('ride_longest_min__isnull', True), models.Q(('ride_longest_min__gte', 1), ('ride_longest_min__lte', 720)), _connector='OR'), ('ride_cost_percent__lte', 1000)), name='company_rides_sensible')],
            },
        ),
        migrations.CreateModel(
            name='Customer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('kind', models.CharField(choices=[('hospital', 'hospital'), ('home', 'home'), ('broker', 'broker'), ('private', 'private'), ('other', 'other')], db_default='other', default='other', max_length=20, verbose_name='kind')),
                ('is_default', models.BooleanField(db_default=False, default=False, editable=False, help_text='Owns the clients and bookings that name no other customer.', verbose_name='default')),
                ('contact', models.CharField(blank=True, db_default='', help_text='Whom to ask.', max_length=100, verbose_name='contact')),
                ('phone', models.CharField(blank=True, db_default='', max_length=40, verbose_name='phone')),
                ('email', models.EmailField(blank=True, db_default='', max_length=254, verbose_name='email address')),
                ('notes', models.TextField(blank=True, db_default='', verbose_name='notes')),
                ('book_ahead_min', models.PositiveIntegerField(db_default=0, default=0, help_text='Minutes, 0 to 43200. How long before the pickup its client system may still book, and change or cancel; dispatchers always may.', validators=[django.core.validators.MaxValueValidator(43200)], verbose_name='book ahead (minutes)')),
                ('margin_min', models.PositiveSmallIntegerField(blank=True, help_text="Minutes, 0 to 120, instead of the company's; a place's own comes first. Empty: the company's.", null=True, validators=[django.core.validators.MaxValueValidator(120)], verbose_name='margin before appointments (minutes)')),
                ('requires_client', models.BooleanField(db_default=False, default=False, help_text='Its client system must name the client of every booking.', verbose_name='requires a client')),
                ('requires_reference', models.BooleanField(db_default=False, default=False, help_text='Its client system must give every booking a reference.', verbose_name='requires a reference')),
                ('requires_appointment', models.BooleanField(db_default=False, default=False, help_text='Its client system must say when the client must arrive, except on the way back.', verbose_name='requires an appointment')),
                ('company', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='customers', to='drivers.company', verbose_name='company')),
            ],
            options={
                'verbose_name': 'customer',
                'verbose_name_plural': 'customers',
                'constraints': [models.UniqueConstraint(fields=('company', 'name'), name='customer_name_unique'), models.UniqueConstraint(condition=models.Q(('is_default', True)), fields=('company',), name='customer_one_is_default'), models.CheckConstraint(condition=models.Q(('book_ahead_min__lte', 43200)), name='customer_ahead_sensible'), models.CheckConstraint(condition=models.Q(('margin_min__isnull', True), ('margin_min__lte', 120), _connector='OR'), name='customer_margin_sensible'), models.CheckConstraint(condition=models.Q(('kind__in', ['hospital', 'home', 'broker', 'private', 'other'])), name='customer_kind_known')],
            },
        ),
        migrations.CreateModel(
            name='Driver',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('folded_name', drivers.db.folding.FoldedField(blank=True, db_default='', editable=False)),
                ('phone', models.CharField(blank=True, max_length=40, verbose_name='phone')),
                ('kind', models.CharField(choices=[('regular', 'regular'), ('emergency', 'reserve')], default='regular', max_length=20, verbose_name='kind')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('is_available', models.BooleanField(default=True, verbose_name='available')),
                ('skills', models.JSONField(blank=True, default=list, validators=[drivers.models.values.validate_tags], verbose_name='skills')),
                ('max_bookings', models.PositiveSmallIntegerField(blank=True, help_text="Leave empty to use the company's number.", null=True, verbose_name='bookings per day')),
                ('licence_until', models.DateField(blank=True, help_text='The last day of the licence.', null=True, verbose_name='licence until')),
                ('permit_until', models.DateField(blank=True, help_text='The last day of the permit to transport passengers.', null=True, verbose_name='permit until')),
                ('home_lat', models.FloatField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(-90), django.core.validators.MaxValueValidator(90)], verbose_name='home latitude')),
                ('home_lon', models.FloatField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(-180), django.core.validators.MaxValueValidator(180)], verbose_name='home longitude')),
                ('last_lat', models.FloatField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(-90), django.core.validators.MaxValueValidator(90)], verbose_name='last latitude')),
                ('last_lon', models.FloatField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(-180), django.core.validators.MaxValueValidator(180)], verbose_name='last longitude')),
                ('last_position_at', models.DateTimeField(blank=True, null=True, verbose_name='last position at')),
                ('company', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='drivers', to='drivers.company', verbose_name='company')),
                ('user', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='driver', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'driver',
                'verbose_name_plural': 'drivers',
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('home_lat__isnull', True), ('home_lon__isnull', True)), models.Q(('home_lat__isnull', False), ('home_lon__isnull', False), ('home_lat__gte', -90), ('home_lat__lte', 90), ('home_lon__gte', -180), ('home_lon__lte', 180)), _connector='OR'), name='driver_home_on_earth'), models.CheckConstraint(condition=models.Q(models.Q(('last_lat__isnull', True), ('last_lon__isnull', True)), models.Q(('last_lat__isnull', False), ('last_lon__isnull', False), ('last_lat__gte', -90), ('last_lat__lte', 90), ('last_lon__gte', -180), ('last_lon__lte', 180)), _connector='OR'), name='driver_last_on_earth'), models.CheckConstraint(condition=models.Q(('kind__in', ['regular', 'emergency'])), name='driver_kind_known'), models.CheckConstraint(condition=models.Q(('last_position_at__gte', datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)), ('last_position_at__lt', datetime.datetime(2100, 1, 1, 0, 0, tzinfo=datetime.timezone.utc))), name='driver_last_position_in_years')],
            },
        ),
        migrations.CreateModel(
            name='Device',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(blank=True, max_length=60, verbose_name='name')),
                ('link_digest', models.CharField(editable=False, max_length=64)),
                ('link_ends_at', models.DateTimeField(verbose_name='link expires at')),
                ('digest', models.CharField(editable=False, max_length=64, null=True)),
                ('made_at', models.DateTimeField(verbose_name='link made at')),
                ('paired_at', models.DateTimeField(blank=True, null=True, verbose_name='connected at')),
                ('last_seen_at', models.DateTimeField(blank=True, null=True, verbose_name='last seen at')),
                ('revoked_at', models.DateTimeField(blank=True, null=True, verbose_name='revoked at')),
                ('made_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='link made by')),
                ('driver', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='devices', to='drivers.driver', verbose_name='driver')),
            ],
            options={
                'verbose_name': "driver's phone",
                'verbose_name_plural': "drivers' phones",
                'constraints': [models.UniqueConstraint(fields=('link_digest',), name='device_link_unique'), models.UniqueConstraint(fields=('digest',), name='device_digest_unique'), models.CheckConstraint(condition=models.Q(('made_at__lt', models.F('link_ends_at'))), name='device_link_ends_later'), models.CheckConstraint(condition=models.Q(models.Q(('digest', None), ('paired_at', None)), models.Q(('digest__isnull', False), ('paired_at__isnull', False)), _connector='OR'), name='device_has_key_once_connected')],
            },
        ),
        migrations.CreateModel(
            name='Absence',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('start_at', models.DateTimeField(verbose_name='start')),
                ('end_at', models.DateTimeField(verbose_name='end')),
                ('reason', models.CharField(choices=[('holiday', 'holiday'), ('sick', 'sick'), ('training', 'training'), ('other', 'other')], default='other', max_length=20, verbose_name='reason')),
                ('note', models.CharField(blank=True, max_length=200, verbose_name='note')),
                ('driver', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='absences', to='drivers.driver', verbose_name='driver')),
            ],
            options={
                'verbose_name': 'absence',
                'verbose_name_plural': 'absences',
                'constraints': [models.CheckConstraint(condition=models.Q(('start_at__lt', models.F('end_at'))), name='absence_starts_before_end'), models.CheckConstraint(condition=models.Q(('start_at__gte', datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)), ('start_at__lt', datetime.datetime(2100, 1, 1, 0, 0, tzinfo=datetime.timezone.utc))), name='absence_start_in_years'), models.CheckConstraint(condition=models.Q(('end_at__gte', datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)), ('end_at__lt', datetime.datetime(2100, 1, 1, 0, 0, tzinfo=datetime.timezone.utc))), name='absence_end_in_years')],
            },
        ),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('email', models.EmailField(max_length=150, verbose_name='e-mail address')),
                ('role', models.CharField(choices=[('owner', 'owner'), ('dispatcher', 'dispatcher'), ('viewer', 'viewer'), ('driver', 'driver'), ('client_api', 'client system')], max_length=20, verbose_name='role')),
                ('digest', models.CharField(editable=False, max_length=64)),
                ('created_at', models.DateTimeField(verbose_name='created at')),
                ('sent_at', models.DateTimeField(verbose_name='last sent at')),
                ('expires_at', models.DateTimeField(verbose_name='ends at')),
                ('accepted_at', models.DateTimeField(blank=True, null=True, verbose_name='accepted at')),
                ('revoked_at', models.DateTimeField(blank=True, null=True, verbose_name='withdrawn at')),
                ('accepted_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='accepted by')),
                ('company', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='invitations', to='drivers.company', verbose_name='company')),
                ('customer', models.ForeignKey(blank=True, help_text='Of a client system: the customer whose clients and bookings it has.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='drivers.customer', verbose_name='customer')),
                ('invited_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='invited by')),
            ],
            options={
                'verbose_name': 'invitation',
                'verbose_name_plural': 'invitations',
                'constraints': [models.UniqueConstraint(fields=('digest',), name='invitation_digest_unique'), models.UniqueConstraint(condition=models.Q(('accepted_at', None), ('revoked_at', None)), fields=('company', 'email'), name='invitation_waits_once'), models.CheckConstraint(condition=models.Q(('role__in', ['owner', 'dispatcher', 'viewer', 'driver', 'client_api'])), name='invitation_role_known'), models.CheckConstraint(condition=models.Q(('sent_at__lt', models.F('expires_at'))), name='invitation_ends_later'), models.CheckConstraint(condition=models.Q(models.Q(('customer__isnull', False), ('role', 'client_api')), models.Q(models.Q(('role', 'client_api'), _negated=True), ('customer__isnull', True)), _connector='OR'), name='invitation_customer_of_client_system')],
            },
        ),
        migrations.CreateModel(
            name='Membership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('owner', 'owner'), ('dispatcher', 'dispatcher'), ('viewer', 'viewer'), ('driver', 'driver'), ('client_api', 'client system')], max_length=20, verbose_name='role')),
                ('company', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='drivers.company', verbose_name='company')),
                ('customer', models.ForeignKey(blank=True, help_text='Of a client system: the customer whose clients and bookings it has.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='memberships', to='drivers.customer', verbose_name='customer')),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'membership',
                'verbose_name_plural': 'memberships',
                'constraints': [models.UniqueConstraint(fields=('user', 'company'), name='membership_once'), models.CheckConstraint(condition=models.Q(('role__in', ['owner', 'dispatcher', 'viewer', 'driver', 'client_api'])), name='membership_role_known'), models.CheckConstraint(condition=models.Q(models.Q(('customer__isnull', False), ('role', 'client_api')), models.Q(models.Q(('role', 'client_api'), _negated=True), ('customer__isnull', True)), _connector='OR'), name='membership_customer_of_client_system')],
            },
        ),
        migrations.CreateModel(
            name='ApiToken',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('owner', 'owner'), ('dispatcher', 'dispatcher'), ('viewer', 'viewer'), ('driver', 'driver'), ('client_api', 'client system')], max_length=20, verbose_name='role')),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('digest', models.CharField(editable=False, max_length=64)),
                ('ending', models.CharField(editable=False, max_length=4, verbose_name='ends with')),
                ('created_at', models.DateTimeField(verbose_name='created at')),
                ('expires_at', models.DateTimeField(verbose_name='expires at')),
                ('revoked_at', models.DateTimeField(blank=True, null=True, verbose_name='revoked at')),
                ('last_used_at', models.DateTimeField(blank=True, help_text='Accurate to the hour.', null=True, verbose_name='last used at')),
                ('customer', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='tokens', to='drivers.customer', verbose_name='customer')),
                ('membership', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tokens', to='drivers.membership', verbose_name='membership')),
            ],
            options={
                'verbose_name': 'API token',
                'verbose_name_plural': 'API tokens',
                'constraints': [models.UniqueConstraint(fields=('digest',), name='api_token_digest_unique'), models.CheckConstraint(condition=models.Q(('created_at__lt', models.F('expires_at'))), name='api_token_expires_later'), models.CheckConstraint(condition=models.Q(('role__in', ['owner', 'dispatcher', 'viewer', 'driver', 'client_api'])), name='api_token_role_known'), models.CheckConstraint(condition=models.Q(models.Q(('customer__isnull', False), ('role', 'client_api')), models.Q(models.Q(('role', 'client_api'), _negated=True), ('customer__isnull', True)), _connector='OR'), name='api_token_customer_of_client_system')],
            },
        ),
        migrations.CreateModel(
            name='StoredAnswer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('caller', models.CharField(max_length=40)),
                ('key', models.CharField(max_length=255)),
                ('fingerprint', models.CharField(max_length=64)),
                ('begun_at', models.DateTimeField()),
                ('status', models.PositiveSmallIntegerField(null=True)),
                ('headers', models.JSONField(default=dict)),
                ('body', models.JSONField(null=True)),
                ('company', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='drivers.company', verbose_name='company')),
            ],
            options={
                'verbose_name': 'stored answer',
                'verbose_name_plural': 'stored answers',
                'constraints': [models.UniqueConstraint(fields=('company', 'caller', 'key'), name='stored_answer_key_unique')],
            },
        ),
        migrations.CreateModel(
            name='TrafficVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('made_at', models.DateTimeField(verbose_name='made at')),
                ('actor', models.CharField(blank=True, max_length=100, verbose_name='by')),
                ('source', models.CharField(choices=[('learned', 'learned from completed trips'), ('edited', 'entered by hand'), ('restored', 'restored')], max_length=20, verbose_name='source')),
                ('factors', models.JSONField(validators=[drivers.models.traffic.validate_factors], verbose_name='factors')),
                ('learned', models.JSONField(blank=True, default=dict, verbose_name='learned from')),
                ('company', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='drivers.company', verbose_name='company')),
                ('user', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'traffic',
                'verbose_name_plural': 'traffic',
                'constraints': [models.CheckConstraint(condition=models.Q(('source__in', ['learned', 'edited', 'restored'])), name='traffic_source_known')],
            },
        ),
        migrations.CreateModel(
            name='Vehicle',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('plate', models.CharField(max_length=20, verbose_name='plate')),
                ('seats', models.PositiveSmallIntegerField(default=4, verbose_name='seats')),
                ('wheelchair_places', models.PositiveSmallIntegerField(default=0, verbose_name='wheelchair places')),
                ('skills', models.JSONField(blank=True, default=list, validators=[drivers.models.values.validate_tags], verbose_name='equipment')),
                ('insurance_until', models.DateField(blank=True, help_text='The last day of the insurance.', null=True, verbose_name='insured until')),
                ('inspection_until', models.DateField(blank=True, help_text='The last day for which the inspection is valid.', null=True, verbose_name='inspected until')),
                ('handover_lat', models.FloatField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(-90), django.core.validators.MaxValueValidator(90)], verbose_name='handover latitude')),
                ('handover_lon', models.FloatField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(-180), django.core.validators.MaxValueValidator(180)], verbose_name='handover longitude')),
                ('company', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='vehicles', to='drivers.company', verbose_name='company')),
            ],
            options={
                'verbose_name': 'vehicle',
                'verbose_name_plural': 'vehicles',
                'constraints': [models.UniqueConstraint(fields=('company', 'plate'), name='vehicle_plate_unique'), models.CheckConstraint(condition=models.Q(('seats__lte', 100), ('wheelchair_places__lte', 20)), name='vehicle_size_sensible'), models.CheckConstraint(condition=models.Q(models.Q(('handover_lat__isnull', True), ('handover_lon__isnull', True)), models.Q(('handover_lat__isnull', False), ('handover_lon__isnull', False), ('handover_lat__gte', -90), ('handover_lat__lte', 90), ('handover_lon__gte', -180), ('handover_lon__lte', 180)), _connector='OR'), name='vehicle_handover_on_earth')],
            },
        ),
        migrations.CreateModel(
            name='ShiftTemplate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('weekday', models.PositiveSmallIntegerField(choices=[(0, 'Monday'), (1, 'Tuesday'), (2, 'Wednesday'), (3, 'Thursday'), (4, 'Friday'), (5, 'Saturday'), (6, 'Sunday')], verbose_name='weekday')),
                ('start', models.TimeField(verbose_name='start')),
                ('end', models.TimeField(help_text='A time that is not after the start is on the next day.', verbose_name='end')),
                ('break_min', models.PositiveSmallIntegerField(default=0, help_text='0 means no break.', verbose_name='break (minutes)')),
                ('break_from', models.TimeField(blank=True, help_text='Leave empty for the start of the shift.', null=True, verbose_name='break not before')),
                ('break_until', models.TimeField(blank=True, help_text='Leave empty for the end of the shift.', null=True, verbose_name='break ends by')),
                ('driver', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='shift_templates', to='drivers.driver', verbose_name='driver')),
                ('vehicle', models.ForeignKey(blank=True, help_text="Leave empty for the driver's vehicle.", null=True, on_delete=django.db.models.deletion.PROTECT, related_name='shift_templates', to='drivers.vehicle', verbose_name='vehicle')),
            ],
            options={
                'verbose_name': 'weekly shift',
                'verbose_name_plural': 'weekly shifts',
                'constraints': [models.UniqueConstraint(fields=('driver', 'weekday', 'start'), name='shift_template_once', violation_error_message='The driver already has a shift that starts at this time.'), models.CheckConstraint(condition=models.Q(('weekday__lte', 6)), name='shift_template_weekday_known'), models.CheckConstraint(condition=models.Q(('start', models.F('end')), _negated=True), name='shift_template_not_empty', violation_error_message='The end must differ from the start.'), models.CheckConstraint(condition=models.Q(('break_min__lte', 480)), name='shift_template_break_sensible')],
            },
        ),
        migrations.CreateModel(
            name='Shift',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('start_at', models.DateTimeField(verbose_name='start')),
                ('end_at', models.DateTimeField(verbose_name='end')),
                ('break_min', models.PositiveSmallIntegerField(default=0, verbose_name='break (minutes)')),
                ('break_from_at', models.DateTimeField(blank=True, null=True, verbose_name='break not before')),
                ('break_until_at', models.DateTimeField(blank=True, null=True, verbose_name='break ends by')),
                ('break_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='planned break')),
                ('driver', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='shifts', to='drivers.driver', verbose_name='driver')),
                ('vehicle', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='shifts', to='drivers.vehicle', verbose_name='vehicle')),
            ],
            options={
                'verbose_name': 'shift',
                'verbose_name_plural': 'shifts',
                'constraints': [models.CheckConstraint(condition=models.Q(('start_at__lt', models.F('end_at'))), name='shift_starts_before_end'), models.CheckConstraint(condition=models.Q(('start_at__gte', datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)), ('start_at__lt', datetime.datetime(2100, 1, 1, 0, 0, tzinfo=datetime.timezone.utc))), name='shift_start_in_years'), models.CheckConstraint(condition=models.Q(('end_at__gte', datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)), ('end_at__lt', datetime.datetime(2100, 1, 1, 0, 0, tzinfo=datetime.timezone.utc))), name='shift_end_in_years'), models.CheckConstraint(condition=models.Q(('break_from_at__gte', datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)), ('break_from_at__lt', datetime.datetime(2100, 1, 1, 0, 0, tzinfo=datetime.timezone.utc))), name='shift_break_from_in_years'), models.CheckConstraint(condition=models.Q(('break_until_at__gte', datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)), ('break_until_at__lt', datetime.datetime(2100, 1, 1, 0, 0, tzinfo=datetime.timezone.utc))), name='shift_break_until_in_years'), models.CheckConstraint(condition=models.Q(('end_at__lte', django.db.models.expressions.CombinedExpression(models.F('start_at'), '+', models.Value(datetime.timedelta(days=1))))), name='shift_within_24_hours'), models.CheckConstraint(condition=models.Q(('break_min', 0), models.Q(('break_from_at__gte', models.F('start_at')), ('break_from_at__isnull', False), ('break_from_at__lt', models.F('break_until_at')), ('break_until_at__isnull', False), ('break_until_at__lte', models.F('end_at'))), _connector='OR'), name='shift_break_inside')],
            },
        ),
        migrations.AddField(
            model_name='driver',
            name='vehicle',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='drivers', to='drivers.vehicle', verbose_name='vehicle'),
        ),
        migrations.CreateModel(
            name='VehicleAbsence',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('start_at', models.DateTimeField(verbose_name='start')),
                ('end_at', models.DateTimeField(verbose_name='end')),
                ('reason', models.CharField(choices=[('workshop', 'workshop'), ('inspection', 'inspection'), ('other', 'other')], default='workshop', max_length=20, verbose_name='reason')),
                ('note', models.CharField(blank=True, max_length=200, verbose_name='note')),
                ('vehicle', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='absences', to='drivers.vehicle', verbose_name='vehicle')),
            ],
            options={
                'verbose_name': 'vehicle absence',
                'verbose_name_plural': 'vehicle absences',
                'constraints': [models.CheckConstraint(condition=models.Q(('start_at__lt', models.F('end_at'))), name='vehicle_absence_starts_before_end'), models.CheckConstraint(condition=models.Q(('start_at__gte', datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)), ('start_at__lt', datetime.datetime(2100, 1, 1, 0, 0, tzinfo=datetime.timezone.utc))), name='vehicle_absence_start_in_years'), models.CheckConstraint(condition=models.Q(('end_at__gte', datetime.datetime(2000, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)), ('end_at__lt', datetime.datetime(2100, 1, 1, 0, 0, tzinfo=datetime.timezone.utc))), name='vehicle_absence_end_in_years')],
            },
        ),
        migrations.AddConstraint(
            model_name='customer',
            constraint=models.UniqueConstraint(fields=('id', 'company'), name='customer_of_company'),
        ),
        migrations.AddIndex(
            model_name='vehicleabsence',
            index=drivers.db.indexes.Index(fields=['vehicle', 'end_at'], name='idx_vehicle_absence_end'),
        ),
        migrations.AddIndex(
            model_name='driver',
            index=drivers.db.indexes.Index(fields=['company', 'name'], name='idx_driver_company_name'),
        ),
        migrations.AddIndex(
            model_name='driver',
            index=drivers.db.indexes.Index(condition=models.Q(('is_active', True), ('is_available', True)), fields=['company'], name='idx_driver_company_available'),
        ),
        migrations.AddIndex(
            model_name='shift',
            index=drivers.db.indexes.PostgresqlIndex(fields=['start_at'], name='idx_shift_start'),
        ),
        migrations.AddIndex(
            model_name='shift',
            index=drivers.db.indexes.Index(fields=['vehicle', 'end_at'], name='idx_shift_vehicle_end'),
        ),
        migrations.AddIndex(
            model_name='shift',
            index=drivers.db.indexes.Index(fields=['driver', 'end_at'], name='idx_shift_driver_end'),
        ),
        migrations.AddIndex(
            model_name='trafficversion',
            index=drivers.db.indexes.Index(fields=['company', 'id'], name='idx_traffic_company'),
        ),
        migrations.AddIndex(
            model_name='absence',
            index=drivers.db.indexes.Index(fields=['driver', 'end_at'], name='idx_absence_driver_end'),
        ),
        migrations.AddConstraint(
            model_name='company',
            constraint=drivers.db.references.HasDefaultCustomer(name='company_has_default_customer'),
        ),
        migrations.AddConstraint(
            model_name='invitation',
            constraint=drivers.db.references.SameOwner(fields=('customer', 'company'), name='invitation_customer_of_company', to_fields=('id', 'company')),
        ),
        migrations.AddConstraint(
            model_name='membership',
            constraint=drivers.db.references.SameOwner(fields=('customer', 'company'), name='membership_customer_of_company', to_fields=('id', 'company')),
        ),
        migrations.AddConstraint(
            model_name='shift',
            constraint=drivers.db.constraints.NoOverlap(end='end_at', name='shift_no_overlap', owner='driver', start='start_at'),
        ),
        migrations.AddConstraint(
            model_name='shift',
            constraint=drivers.db.constraints.NoOverlap(end='end_at', name='shift_vehicle_no_overlap', owner='vehicle', start='start_at'),
        ),
        migrations.AddConstraint(
            model_name='driver',
            constraint=drivers.db.folding.KeepsFolded(folded='folded_name', name='driver_folds_name', source='name'),
        ),
    ]
