"""What every notebook needs: TensorFlow and seeds, exercises that check themselves, figures, and widgets."""

from helpers.course.backend import keras, set_seeds, tf
from helpers.course.exercises import is_right, self_check
from helpers.course.figures import show, use_course_style
from helpers.course.widgets import explore, progress_bar
