"""What render.py is made of: a template's files in, what a mail says out. Nothing here knows of queues or of Graph.

template        one version of a template: all that a mail says, and all that is wrong; faults says it for people
sandbox         the Jinja environment, with formats (Babel), images and chart; page is the file being rendered
variables       paths of variables, missing and mistyped ones; schema the optional JSON Schema
characters      what has no place in a mail; styles inlines CSS
sources         a folder; template_blobs a container; versions and good_versions go on with the last good one
preview, check  a template shown, and a folder of them examined, by what contract knows of the variables that a source
                asks for: trace walks it, expressions, values and uses tell what is what; filenames what each file is
"""
