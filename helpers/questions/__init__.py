"""Questions about pictures: scenes, questions in plain English, a network that sees and reads, and what it answered by."""

from helpers.questions.asked import ask_scenes, part_of, stored_question_table
from helpers.questions.explained import explain_question, least_on_visited, removals
from helpers.questions.figures import explained_scene, explained_scene_alt, score_chart, score_chart_alt
from helpers.questions.network import question_network
from helpers.questions.relevance import METHODS
from helpers.questions.scenes import draw_scenes
from helpers.questions.widgets import ask_about_a_picture
