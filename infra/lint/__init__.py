"""The rules of this repository that no general linter knows.

A rule is a function from a file to what is wrong in it. A rule that was broken
once becomes a function here, with a good and a bad sample in tests/unit.
"""
