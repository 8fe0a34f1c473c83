"""A template's files in, what a mail says out. Nothing here knows of queues or of Graph.

templates       all templates of a source, by id
template        one version of a template: all that a mail says, and all that is wrong; faults says it for people
sandbox         the Jinja environment; compiling rewrites its sources; filters and own_filters (formats with Babel)
page            the file being rendered and what it has cost; growth what it may not ask for; null is blank everywhere
variables       paths of variables, missing and mistyped ones; schema the optional JSON Schema
styles          inlines CSS, with stylesheet and markup; plain_text reads HTML as text; images, inline_images and chart
sources         a folder; versions and good_versions go on with the last good one
preview         a template shown; lint what is wrong with a folder of them
"""
