"""`field__any_of=[...]`: membership in a list of any length with one bound parameter.

Django's `__in` binds one parameter per value: SQLite refuses more than its variable limit,
and PostgreSQL sees a new statement for every length. Here the list is one value: an array on
PostgreSQL, a JSON text on SQLite. `DriversConfig` registers both lookups: `AnyOf` for whole
numbers, `AnyOfTexts` for texts.
"""

import json

from django.db.models.lookups import Lookup

from drivers.db.arrays import array_literal


class AnyOf(Lookup):
    lookup_name = "any_of"
    prepare_rhs = False

    def get_prep_lookup(self):
        return [int(value) for value in self.rhs]

    def as_postgresql(self, compiler, connection):
        column, params = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s::bigint[])", [*params, array_literal(self.rhs)]

    def as_sqlite(self, compiler, connection):
        column, params = self.process_lhs(compiler, connection)
        return f"{column} IN (SELECT value FROM json_each(%s))", [*params, json.dumps(self.rhs)]


class AnyOfTexts(AnyOf):
    def get_prep_lookup(self):
        return [str(value) for value in self.rhs]

    def as_postgresql(self, compiler, connection):
        column, params = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s::text[])", [*params, array_literal(self.rhs)]
