"""A constant of the size of rtml's answer: what a server costs when nothing is scored."""

CONSTANT = b'{"service":"churn","version":1,"predictions":[{"propensity":0.24312345678901235}],"request_id":"0123456789abcdef"}'
