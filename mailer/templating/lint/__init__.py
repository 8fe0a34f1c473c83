"""What is wrong with templates, before a mail is.

check       renders every template in every language and names each fault
contract    the variables that a template asks for: trace walks the trees of its source,
            expressions, filtered, values, uses tell what is what
filenames   what each file of a template is
"""
