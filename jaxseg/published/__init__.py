"""What papers print: tables as data, each row with what is known of its protocol."""

from jaxseg.published.row import Row as Row
from jaxseg.published.row import Table as Table
from jaxseg.published.table import TABLES as TABLES
from jaxseg.published.table import table as table
