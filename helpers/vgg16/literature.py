"""Two figures from published numbers: VGG16's place in the ImageNet challenge, and a small map of the field.

Errors and depths are those of Russakovsky et al. 2015 (arXiv:1409.0575; entries that used the challenge's own data),
Simonyan and Zisserman 2014 (arXiv:1409.1556), Szegedy et al. 2014 (arXiv:1409.4842) and He et al. 2015 (arXiv:1512.03385).
The years of the methods are those of their first publication.
"""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from helpers.course.figures import COLOURS, LARGEST_WIDTH

CHALLENGE = (  # year, entry, layers with weights (0: features made by hand), % of test pictures missed by five guesses
    (2010, "NEC-UIUC", 0, 28.2),
    (2011, "XRCE", 0, 25.8),
    (2012, "AlexNet", 8, 16.4),
    (2013, "Clarifai", 8, 11.7),
    (2014, "VGG", 19, 7.3),
    (2014, "GoogLeNet", 22, 6.7),
    (2015, "ResNet", 152, 3.57),
)
ONE_PERSON = 5.1  # %: a trained person on 1,500 of the test pictures, in Russakovsky et al. 2015

FIELD = {  # question: methods and years
    "What would change the score?": (("gradient", 2013), ("SmoothGrad", 2017), ("integrated gradients", 2017)),
    "What is the score made of?": (("LRP", 2015), ("CAM", 2016), ("DeepLIFT", 2017), ("AttnLRP", 2024)),
    "What if a part is missing?": (("occlusion", 2013), ("LIME", 2016), ("SHAP", 2017), ("RISE", 2018)),
    "Which concepts count?": (("TCAV", 2017), ("concept bottleneck", 2020), ("CRP, CRAFT", 2022)),
    "What else would change the answer?": (("counterfactuals", 2017), ("diffusion counterfactuals", 2022)),
    "Which training data are behind it?": (("influence", 2017), ("TracIn", 2020), ("TRAK", 2023)),
    "What does a part compute?": (
        ("feature pictures", 2013),
        ("circuits", 2020),
        ("sparse autoencoders", 2023),
        ("attribution graphs", 2025),
    ),
    "Is the explanation true?": (("sanity checks", 2018), ("CLEVR-XAI", 2020), ("Quantus", 2022), ("FunnyBirds", 2023)),
}
IN_THE_COURSE = {
    *("gradient", "SmoothGrad", "integrated gradients", "LRP", "CAM", "occlusion", "TCAV", "sanity checks"),
}


def challenge() -> Figure:
    """Errors of well-known entries of the ImageNet challenge, with the number of their layers."""
    figure, axis = plt.subplots(figsize=(6.5, 2.6))
    names = [f"{name}\n{year}" for year, name, _, _ in CHALLENGE]
    ours = [name == "VGG" for _, name, _, _ in CHALLENGE]
    errors = [error for *_, error in CHALLENGE]
    bars = axis.bar(names, errors, color=[COLOURS["vermilion" if own else "blue"] for own in ours])
    labels = [f"{layers} layers" if layers else "by hand" for _, _, layers, _ in CHALLENGE]
    axis.bar_label(bars, labels, fontsize=8, padding=2, bbox={"facecolor": "white", "linewidth": 0, "pad": 0.5})
    axis.axhline(ONE_PERSON, color="0.4", linestyle="--", linewidth=1, zorder=0)
    axis.text(len(names) - 0.4, ONE_PERSON, " one person", va="center", fontsize=8, color="0.3")
    axis.set(ylabel="error of five guesses, %", ylim=(0, 33))
    axis.tick_params(axis="x", labelsize=8)
    return figure


def field_map() -> Figure:
    """Methods of explanation by the question that they answer and the year in which they came."""
    figure, axis = plt.subplots(figsize=(LARGEST_WIDTH, 5.2))
    for row, methods in enumerate(FIELD.values()):
        axis.axhline(row, color="0.9", linewidth=1, zorder=0)
        for place, (name, year) in enumerate(methods):
            known = name in IN_THE_COURSE
            axis.plot(year, row, "o" if known else "D", color=COLOURS["vermilion" if known else "blue"], markersize=6)
            above = place % 2 == 0
            axis.annotate(
                name,
                (year, row),
                (0, 6 if above else -6),
                textcoords="offset points",
                ha="left" if year < 2015 else "center",
                va="bottom" if above else "top",
                fontsize=8,
            )
    axis.set_yticks(range(len(FIELD)), FIELD)
    axis.set(ylim=(len(FIELD) - 0.4, -0.6), xlim=(2012.4, 2026.6), xlabel="year")
    axis.set_xticks(range(2013, 2027, 2))
    handles = [
        plt.Line2D([], [], linestyle="", marker=marker, color=COLOURS[colour], label=label)
        for marker, colour, label in (("o", "vermilion", "in this course"), ("D", "blue", "elsewhere"))
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=2, fontsize=8)
    return figure
