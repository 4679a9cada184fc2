"""A run's results as files, and the study's data for other programs.

Pure functions of the document of results (tidy CSV, XLSX, LaTeX) or of StudyData (casewise files);
the same input gives the same bytes.
"""
