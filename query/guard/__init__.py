"""The guard of SQL that users bring: what is not on a list is refused, with its place in the text.

PostgreSQL's own parser reads the text, so that nothing is judged that the server would read in another way, and the text
is sent as it was judged. It is a convenience: the boundary is the role that runs it. See docs/adr/0014.
"""
