"""A template's files in, what a mail says out. Nothing here knows of queues or of Graph.

templates       all templates of a source, by id
template        one version of a template: all that a mail says, and all that is wrong; faults says it for people
sandbox         the Jinja environment, with formats (Babel), images and chart; page is the file being rendered
variables       paths of variables, missing and mistyped ones; schema the optional JSON Schema
styles          inlines CSS; plain_text reads HTML as text
sources         a folder; versions and good_versions go on with the last good one
preview         a template shown; lint what is wrong with a folder of them
"""
