"""The exercises of the notebooks: what is asked, which wrong answers are known, and what is said to them.

``notebook_1``, ``notebook_2``, ``notebook_3``, ``your_own_network`` and ``a_network_that_does_not_care`` hold one entry for
each exercise, with everything about it; they hold the answers too.
"""

from helpers.exercises.checker import check, tally
