"""Who may do what. Pure, and of the standard library alone, for every cold start reads the setting.

policy   a caller, and what it may do
setting  the text of MAILER_CALLERS to callers
"""
