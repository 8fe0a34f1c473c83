"""infra/*.bicep checked without a compiler: parsed by pycep, held to Azure/bicep-types-az (MIT).

Found: an unknown type or version; an unknown, read-only or missing property; a value of the wrong type or outside the
named ones; an undeclared or unused symbol; a module with wrong parameters. Not found: what only the compiler or Azure
itself knows.
"""
