"""File formats: text in, rows and faults out. Plain Python: no ORM, no settings, no HTTP.

table = read_table(content, "rows.csv", limits=Limits())
"""

from optimizer.files.cells import Limits
from optimizer.files.faults import FileFaultError
from optimizer.files.reassigning import reassigned
from optimizer.files.roles import Assignment
from optimizer.files.rows import read_table
from optimizer.files.table import Row, Source, Table, table_of_pairs

__all__ = [
    "Assignment",
    "FileFaultError",
    "Limits",
    "Row",
    "Source",
    "Table",
    "read_table",
    "reassigned",
    "table_of_pairs",
]
