"""The auditor's pages: the log of one study, or of the site, as it is written."""
