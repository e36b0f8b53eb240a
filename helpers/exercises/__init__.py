"""The exercises of the notebooks: what is asked, which wrong answers are known, and what is said to them.

``notebook_1`` to ``notebook_3``, and a module for each further notebook, hold one entry for each exercise, with everything
about it; they hold the answers too.
"""

from helpers.exercises.checker import check, tally
