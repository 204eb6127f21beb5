"""What must be found of each planted fault: its kind, its line, its cure.

Numbers are those of the list of 36 faults that the workbench is judged by: 1-14 loops, 15-26
indexes, 27-36 what is read, how long is waited, and what goes to disk. 37 and 38 came later.
"""

from dataclasses import dataclass

from perf.recording.finding import (
    BLOAT,
    COLUMNS,
    COVERED,
    DUPLICATES,
    EAGER,
    FEW,
    HELD,
    INDEX,
    LOCKED,
    OFFSET,
    READS,
    ROWS,
    SAVEPOINTS,
    SPILL,
    STATISTICS,
    UNSERVED,
    UNUSED,
    WRITES,
)

HERE = "tests.perf.planted"
ALL_ROWS = 36


@dataclass(frozen=True)
class Fault:
    """`place` is a mark ("# fault NAME" ends the line) or the class and part without a line.

    `cure` must stand in the finding's cure; `also` in its whole text. A fault without a `path` is
    of the tables themselves. `only` names the database that it is a fault of, or that tells.
    """

    number: str
    path: str
    kind: str
    place: str
    cure: str
    also: str = ""
    only: str = ""

    @property
    def row(self):
        """Return which of the 36 it is part of."""
        return int(self.number.split()[0])

    def __str__(self):
        return f"{self.number} {self.path}".strip()


FAULTS = [
    Fault(
        "1",
        "api/MethodFieldBooks",
        READS,
        "method_field",
        f"select_related(“author”) to the Book queryset of {HERE}.api.MethodFieldBooks.",
    ),
    Fault(
        "2",
        "api/ReverseMethodFieldBooks",
        READS,
        "reverse_method_field",
        f"prefetch_related(“reviews”) to the Book queryset of {HERE}.api.ReverseMethodFieldBooks",
    ),
    Fault(
        "3",
        "api/NestedBooks",
        READS,
        f"{HERE}.api.Nested.to_representation[author]",
        f"select_related(“author__publisher”) to the Book queryset of {HERE}.api.NestedBooks.",
        f"{HERE}.api.AuthorSerializer.to_representation[publisher]",
    ),
    Fault(
        "3 many",
        "api/NestedManyBooks",
        READS,
        f"{HERE}.api.NestedMany.to_representation[reviews]",
        f"prefetch_related(“reviews”) to the Book queryset of {HERE}.api.NestedManyBooks",
    ),
    Fault(
        "4",
        "admin/AuthorColumn/planted/book",
        READS,
        "admin_column",
        f"“author” to list_select_related of {HERE}.admin.AuthorColumn.",
    ),
    Fault(
        "4 count",
        "admin/CountColumn/planted/book",
        READS,
        "admin_count",
        "annotate(Count(“reviews”)) the Book queryset",
        f"{HERE}.admin.CountColumn",
    ),
    Fault(
        "5",
        "admin/PathColumn/planted/book",
        READS,
        f"{HERE}.admin.PathColumn.list_display[author__publisher__name]",
        f"Add “author__publisher” to list_select_related of {HERE}.admin.PathColumn.",
    ),
    Fault(
        "6 admin",
        "admin/StrColumn/planted/book",
        READS,
        "str",
        f"“author__publisher” to list_select_related of {HERE}.admin.StrColumn.",
        "list_display[author]",
    ),
    Fault(
        "6",
        "str_in_template",
        READS,
        "str",
        "select_related(“publisher”) to the Author queryset of tests/perf/planted/views.py:",
        "{str_in_template}",
    ),
    Fault(
        "7",
        "property_in_template",
        READS,
        "property",
        "select_related(“author”) to the Book queryset of tests/perf/planted/views.py:",
        "{property_in_template}",
    ),
    Fault(
        "7 key",
        "fk_in_template",
        READS,
        "fk_in_template",
        "select_related(“author”) to the Book queryset of tests/perf/planted/views.py:",
    ),
    Fault(
        "7 wrapped",
        "wrapped",
        READS,
        "fk_in_template",
        "select_related(“author”) to the Book queryset of tests/perf/planted/views.py:",
    ),
    Fault(
        "8",
        "prefetch_filter",
        READS,
        "prefetch_filter",
        "filter reviews.all() in Python, or Prefetch(“reviews”, queryset=Review.objects.filter(…)",
        "views.py",
    ),
    Fault("9", "count_loop", READS, "count_loop", "annotate(Count(“reviews”)) the Book queryset"),
    Fault(
        "10",
        "exists_loop",
        READS,
        "exists_loop",
        "Exists(Review.objects.filter(book=OuterRef(“pk”), …))",
    ),
    Fault("11", "save_loop", WRITES, "save_loop", "Book.objects.bulk_update(rows", "12 statements"),
    Fault(
        "11 read",
        "read_and_write_loop",
        WRITES,
        "read_and_write_loop",
        "Book.objects.in_bulk(ids)",
        "12 reads and 12 writes",
    ),
    Fault(
        "12",
        "get_or_create_loop",
        WRITES,
        "get_or_create_loop",
        "Publisher.objects.bulk_create(missing)",
    ),
    Fault("13", "raw_loop", READS, "raw_loop", "ask once for all of them, with IN or = ANY(%s)"),
    Fault("14", "savepoint_loop", SAVEPOINTS, "savepoint_loop", "one atomic() around the loop"),
    Fault("14 update", "savepoint_loop", WRITES, "update_loop", "filter(id__in=ids).update(…)"),
    Fault("27", "offset", OFFSET, "offset", "filter(id__gt=last).order_by(“id”)[:n]", "1500 rows"),
    Fault("28", "everything", ROWS, "everything", "iterator(chunk_size=2000)"),
    Fault("29", "length", ROWS, "length", "queryset.count()"),
    Fault("29 bool", "truth", ROWS, "truth", "queryset.exists()"),
    Fault("30", "columns", COLUMNS, "columns", "defer(“scan”, “blurb”)"),
    Fault("31", "same_place", DUPLICATES, "three_places", "Keep the result of the first"),
    Fault(
        "31 places",
        "three_places",
        DUPLICATES,
        "three_places",
        "Keep the result of the first",
        "dearest, tests/perf/planted/views.py",
    ),
    Fault(
        "31 admin",
        "admin/CountedTwice/planted/book",
        DUPLICATES,
        f"{HERE}.admin.CountedTwice.get_results",
        f"Set show_full_result_count = False in {HERE}.admin.CountedTwice.",
    ),
    Fault(
        "32",
        "two_lines",
        READS,
        "two_lines",
        "select_related(“author”, “editor”) to the Book queryset",
        "4 statements",
    ),
    Fault(
        "33",
        "held_transaction",
        HELD,
        "held_transaction",
        "transaction.on_commit(…)",
        "locks on planted_publisher",
    ),
    Fault(
        "36",
        "unused_select_related",
        EAGER,
        "unused_select_related",
        "Take “editor” out of select_related()",
    ),
    Fault(
        "36 prefetch",
        "unused_prefetch",
        EAGER,
        "unused_prefetch",
        "Take “reviews” out of prefetch_related()",
    ),
]
LOCK = Fault(
    "34",
    "lock_wait",
    LOCKED,
    "lock_wait",
    "nowait=True",
    'UPDATE "planted_publisher" SET',
    only="postgresql",
)
# Of indexes and plans: asked by a profile that tries indexes.
PLANS = [
    Fault("15", "filter_and_order", INDEX, "filter_and_order", 'fields=["reader", "-seen_at"]'),
    Fault("16", "order", INDEX, "order", 'Index(fields=["-due_at"], '),
    Fault(
        "17",
        "part_of_a_date",
        UNSERVED,
        "part_of_a_date",
        "seen_at__gte=start, seen_at__lt=end",
    ),
    Fault("17 Lower", "function", UNSERVED, "function", 'Index(Lower("email"), '),
    Fault("18", "contains", UNSERVED, "contains", "a GIN index of trigrams", only="postgresql"),
    Fault("18 SQLite", "contains", UNSERVED, "contains", "FTS5", only="sqlite"),
    Fault("19", "negation", UNSERVED, "negation", "status__in=[…]"),
    Fault(
        "20",
        "either",
        UNSERVED,
        "either",
        '"email"], name="idx_planted_loan_email") + Index(fields=["phone"], ',
    ),
    Fault(
        "21",
        "wrong_order",
        INDEX,
        "wrong_order",
        "It stands in for visit_at_library: take that out",
        'Index(fields=["library", "at"], ',
    ),
    Fault("22", "company_and_day", INDEX, "company_and_day", 'fields=["library", "due_at"]'),
    Fault("23", "foreign_key", INDEX, "foreign_key", 'fields=["shelf"], '),
    Fault("35", "spill", SPILL, "spill", "raise work_mem", "A sort wrote", only="postgresql"),
    Fault(
        "37",
        "old_statistics",
        STATISTICS,
        "old_statistics",
        "run ANALYZE",
        "rows were expected and 0 came",
        only="postgresql",
    ),
]
# What the database says of the tables of `Loan`, `Visit` and `Stamp`.
TABLES = [
    Fault("24", "", COVERED, "prefix", "Take visit_reader out", "visit_reader_at"),
    Fault("25", "", COVERED, "twin", "Take visit_phone_again out: ", "visit_phone covers it"),
    Fault("26", "", UNUSED, "unused_index", "Take visit_note out", only="postgresql"),
    Fault("26 few", "", FEW, "few_values", "Take visit_door out", "4 different values"),
    Fault("37 table", "", STATISTICS, "planted_stamp", "ANALYZE planted_stamp", "rows changed",
          only="postgresql"),
    Fault("38", "", BLOAT, "planted_stamp", "VACUUM planted_stamp", "12000 dead rows",
          only="postgresql"),
]  # fmt: skip
EVERY = [*FAULTS, LOCK, *PLANS, *TABLES]

# In these nothing may be found.
CLEAN = [
    "str_in_template_clean",
    "fk_in_template_clean",
    "api/MethodFieldClean",
    "api/ReverseMethodFieldClean",
    "api/NestedClean",
    "api/NestedManyClean",
    "admin/CleanColumns/planted/book",
    "prefetch_filter_clean",
    "count_loop_clean",
    "exists_loop_clean",
    "save_loop_clean",
    "get_or_create_clean",
    "two_lines_clean",
    "once_and_again_after_a_write",
    "once_and_again_after_a_lock",
    "probe",
    "offset_clean",
    "everything_clean",
    "length_clean",
    "length_and_rows",
    "truth_clean",
    "columns_clean",
    "columns_read",
    "used_eagerly",
    "held_transaction_clean",
]
# In these neither what is recorded nor the plans show anything.
CLEAN_PLANS = [
    "filter_and_order_clean",
    "order_clean",
    "company_and_day_clean",
    "foreign_key_clean",
    "wrong_order_clean",
    "part_of_a_date_clean",
    "function_clean",
    "contains_clean",
    "negation_clean",
    "negation_of_few",
    "negation_of_a_small_table",
    "either_clean",
    "spill_clean",
]
# Faults and twins that need more rows than the twelve of the others.
MANY = {
    "offset",
    "everything",
    "everything_clean",
    "length",
    "length_clean",
    "length_and_rows",
    "truth",
    "truth_clean",
    "columns",
    "columns_clean",
    "columns_read",
    "offset_clean",
    "probe",
}
