"""One self-contained HTML page of an evaluation's output folder.

A section is a function from :class:`~evaluation.report.results.Results` to what its template in
``templates/`` shows, or None where the folder lacks what it needs.
"""
