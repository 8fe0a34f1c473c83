"""`make scale`: N hosts with their real workers on one storage account, a mix of priorities, forced 429s, a kill."""
