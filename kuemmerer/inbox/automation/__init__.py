"""Automation: conditions of new words, and what is done with them by itself.

`conditions` and `actions` say what a rule is made of, `rules` keeps them, `run` lets them act on what comes
in, `trial` tries one on what came in before, `spam` carries out at the networks what cannot be done here,
`shown` says all of it in words.

Rules run once on each new word, in their order, in one pass and in the transaction that takes the word in.
What a rule does is seen by the rules after it and sets off none again, so no rules can go round in circles.
"""
