"""``{{ etiology|told }}``: a label in the reader's language."""

from django import template

from readerstudy.reading.labels import told

register = template.Library()
register.filter("told", told)
