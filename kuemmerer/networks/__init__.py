"""Connectors: the code for each network, usable without Django's ORM.

`base` says what a connector is, `registry` knows them all, `contract` is the suite each of them passes.
"""
