"""What comes back: who gets no mail any more.

suppressions           the list, and the copy of it that a worker looks into before each mail
hashes                 many hashes in few bytes
suppression_requests   what callers ask of it
"""
