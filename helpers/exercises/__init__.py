"""The exercises of the notebooks: what is asked, which wrong answers are known, and what is said to them.

One module a notebook holds one entry for each exercise, with everything about it; they hold the answers too.
"""

from helpers.exercises.checker import check, tally
