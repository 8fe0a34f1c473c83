"""What the product costs and how fast it is, beside a script of twenty lines that does the same without it.

    python -m tests.benchmarks [--quick] [PART …]        (make bench)

mail_cost    processor time of a whole queue mail, an acceptance, the send path: x a requests.Session loop
first_mail   processor time of a fresh process up to its first mail: x a fresh script
templates    packaged templates: x plain Jinja2
throughput   mails a second where Graph takes 200 ms: of what is possible
memory       after 1,000 and 10,000 mails
latency      from the acceptance of a mail to Graph's 202, by each door

Ratios and counts are what counts: both sides run in turn, in one run, on one machine. docs/performance.md has them.
By themselves: cold_start (imports alone), waiting (what the host's scaler counts), clean_up, lists.
"""
