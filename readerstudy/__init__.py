"""The Django project, and the study itself."""
