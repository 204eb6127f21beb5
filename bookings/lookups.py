"""`reference__any_of=[...]`: the lookup of `drivers.lookups`, for texts."""

from drivers.arrays import array_literal
from drivers.lookups import AnyOf


class AnyOfTexts(AnyOf):
    def get_prep_lookup(self):
        return [str(value) for value in self.rhs]

    def as_postgresql(self, compiler, connection):
        column, params = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s::text[])", [*params, array_literal(self.rhs)]
