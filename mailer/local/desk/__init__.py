"""The template desk: every template in every language on one page of this machine, drawn anew when a file is saved."""
