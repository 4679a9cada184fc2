"""``{{ etiology|in_language }}``: a label in the reader's language."""

from django import template

from readerstudy.reading.label_translations import in_language

register = template.Library()
register.filter("in_language", in_language)
