"""What the figures of the notebooks show, in words: for those who do not see them.

A cell names its figure, ``show(figure, alt="toy events")``; the description stands here, under that name. Words in braces
are replaced by the values of the controls. Figures whose description depends on what was computed bring their own.
"""

NOTEBOOK_1 = {
    "toy events": (
        "Left: two overlapping clouds of events, signal up right and background down left. Right: the network's "
        "response, mostly near 1 for signal and near 0 for background"
    ),
    "four judgements": (
        "Four judgements of four inputs. The first principal component consists of x3 and x4, the second of x1 and x2; "
        "leaving one out costs next to nothing for any input; t(x) is large for x1 and x2 and nearly zero for x3 and x4"
    ),
    "exact copies": (
        "t(x) of an input, of its exact copy, and their sum, for three starts of the training: the two share differently "
        "each time, the sum stays at 0.2"
    ),
    "gradient arrows": (
        "The response rises from 0 at the lower left to 1 at the upper right. Arrows of the gradient point along the "
        "diagonal, long in the middle and vanishing in both corners"
    ),
    "four tasks": (
        "Five Taylor coefficients for each of four tasks, bars for the network with errors over three trainings and "
        "lines for the exact values, which agree. In b the pair x1, x2 leads, in d the two squares follow the single "
        "inputs"
    ),
    "maps of b": (
        "Maps for task b. The response has the pattern of a saddle. The slope in x1 changes sign across x2 = 0. The "
        "mixed derivative is positive in the middle with negative wings. The squares have a sign pattern in each "
        "quadrant"
    ),
    "maps of {task}": "Maps of the response and its five derivatives, {source}, for task {task}",
    "learning curves": (
        "Coefficients of task c against gradient steps. t(x1) and t(x2) reach their exact values within some 50 "
        "steps; t(x1, x2) waits on a plateau at half of its value and reaches it after some 250 steps"
    ),
    "after 50 steps": "After 50 steps the border between the classes is a straight line; the best possible one bends",
    "after {step} steps": "Response of the network after {step} gradient steps beside the best possible one",
    "Higgs variables": (
        "Histograms of six variables for signal and background. The estimated mass of the signal peaks near 125 GeV, "
        "that of the background lower near 90; tau_phi is flat for both"
    ),
    "Higgs ranking": (
        "The 20 largest of 495 coefficients as bars. DER_mass_MMC alone leads, followed by combinations of the masses "
        "and of the angle between tau and lepton"
    ),
    "ROC curves": (
        "ROC curves of thirteen networks. Those on all 30 variables leave least background, those on the variables of the "
        "top 5 % nearly as little where much signal is kept and more where little is; random ones leave more background, "
        "the bottom ones most"
    ),
    "response, logit, remainder": (
        "The eight largest pairs at second order: in the response, in the logit, and what remains of the response without "
        "the curve of the sigmoid. Mass with visible mass and mass with angle lead in all three, the others shrink"
    ),
    "mass and angle": (
        "Share of signal against the distance of tau and lepton. Near the mass of the Higgs boson it falls from 0.9 to "
        "0.6, near that of the Z it rises from 0.1 to 0.4"
    ),
    "one event": (
        "Nine leading variables, left the slope of the response at one event, with signs, right the mean of the absolute "
        "slope over all events: another order"
    ),
    "predicted changes": (
        "The change of the response as predicted against the exact one, for 5,000 events. At first order the events "
        "scatter closely around the diagonal, at second order they lie on it, but for a few"
    ),
    "carried changes": (
        "Left the coefficients of 29 variables, led by the distance of tau and lepton. Right their share in the change: "
        "only nine have one, most of it the visible mass, the ratio of momenta and the momentum of the tau"
    ),
    "response bands": (
        "Expected signal and background events in bins of the response, with narrow bands between minus and plus three "
        "per cent. Below, the numbers of events above a threshold relative to nominal: the bands grow with the threshold, "
        "unsteadily, to ten per cent and more for background and some eight for signal"
    ),
    "two rankings": (
        "Two rankings of 30 variables side by side. The two masses and the distance of tau and lepton are at the head "
        "of both, in another order, and the phi angles at the end"
    ),
    "Higgs matrix": (
        "Heat map of the second-order coefficients of 30 variables, with the first order as a row above. Rows and "
        "columns of the masses, the distance of tau and lepton, and the lepton momentum are bright; all phi angles "
        "are dark"
    ),
}
NOTEBOOK_2 = {
    "fourth place": (
        "A 5 by 5 picture of zeros and ones with a frame around the 3 by 3 pixels on which the filter lies; the "
        "filter, shaped like an X; the product of the two; and the first four of nine sums: 4, 3, 4 and 2"
    ),
    "place {step}": "The filter at place {step} of nine, the product there, and the sums so far",
    "edge filters": (
        "A cup of coffee and the responses of two edge filters: the sides of the cup stand out in one, its rim and "
        "the lower edge of the saucer in the other"
    ),
    "ImageNet challenge": (
        "Errors of seven entries of the ImageNet challenge as bars, from 28 % in 2010, with features made by hand, to "
        "16 % for AlexNet in 2012, 7 % for VGG in 2014 and below 4 % for ResNet with 152 layers in 2015; one person "
        "made 5 %"
    ),
    "VGG16's blocks": (
        "VGG16 as a row of blocks: maps get smaller from 224 to 7 pixels while channels grow from 64 to 512, then "
        "comes the head"
    ),
    "top classes": (
        "A cat, a cup of coffee, an officer and a koala in the corner of a meadow, each with the five classes that "
        "the network finds most probable as bars"
    ),
    "first filters": (
        "The 64 filters of VGG16's first layer as 3 by 3 pixel pictures: light-dark edges in several directions, and "
        "patches of a colour"
    ),
    "maps of block1_conv2": (
        "The cat, and the twelve feature maps of the second convolution with the largest mean: the cat as if drawn by "
        "edge and colour filters"
    ),
    "maps of {layer}": (
        "The cat, and the twelve feature maps of {layer} with the largest mean, each with its largest value"
    ),
    "strongest maps": (
        "The cat and the strongest feature map at the end of each block: from a sharp picture of fur and eyes to a "
        "coarse pattern of 14 by 14 values"
    ),
    "four gradient maps": (
        "Gradient maps of the four pictures: almost noise on the cat; denser inside the cup, on the band of the "
        "officer's cap and both lapels, and on the koala in its corner"
    ),
    "SmoothGrad maps": (
        "The plain gradient of the cat and SmoothGrad maps from 1 and 8 noisy copies: with noise the map gathers on "
        "eyes and nose, with more copies it gets calmer"
    ),
    "four CAMs": (
        "Class activation maps over the four pictures on one scale: red above the cat's eyes, deep red in the cup, "
        "pale on the officer's jacket, and red on the koala in its corner"
    ),
    "Grad-CAM by block": (
        "The coffee and its Grad-CAM at the end of each block: scattered edges and spots in the first blocks, one "
        "patch on the cup in the last"
    ),
    "Grad-CAM of {photo}": "The photograph {photo} and Grad-CAM of {label} at the end of each block",
    "cat against second": (
        "The cat, the class activation maps of its best two classes, which look alike, and their difference: pale, "
        "red in some places and blue in others"
    ),
    "{first} against {second}": (
        "A picture, the class activation maps of {first} and {second}, and their difference: red speaks for the "
        "first, blue for the second"
    ),
    "occlusion maps": (
        "Occlusion maps of the cat, the officer and the koala on one scale: deep red around the cat's right eye, pale "
        "all over the officer, and deep red in the koala's corner only"
    ),
    "closure test": (
        "The officer with the squares that four maps choose, and a histogram of how far the logit falls for all 49 "
        "squares: gradient and CAM chose squares in the middle of it, the centre one at its upper end"
    ),
    "the collage": "A collage of an elephant and a green pepper on gravel, and the five most probable classes as bars",
    "collage Grad-CAM": (
        "Grad-CAM for each of the two classes on the collage, with the outline of the thing it should lie on: each "
        "map is brightest on its own thing"
    ),
    "photograph explained": (
        "A photograph and Grad-CAM for the three most probable classes on one scale, with their probabilities and "
        "logits"
    ),
    "upload explained": "The uploaded photograph and Grad-CAM for its three most probable classes on one scale",
    "active shares": (
        "Share of active values over the thirteen convolutions: about half to two thirds in blocks 1 and 2, then with "
        "ups and downs about a tenth at the last"
    ),
    "full Grad-CAM": "Grad-CAM of the full VGG16 for the best class of each of the four pictures",
    "the field": (
        "Methods of explanation as points over the years 2013 to 2025, in eight rows, one for each question that they "
        "answer; those of this course are marked"
    ),
}
NOTEBOOK_3 = {
    "the riddle": (
        "A horse and its relevance maps by two networks A and B: in A's map the lower left corner is red, in B's "
        "the horse's body"
    ),
    "six neurons": (
        "Three inputs, two hidden neurons and the score 5, with their values and relevances: 6, 3 and -4 at the "
        "inputs, 8 and -3 at the hidden neurons"
    ),
    "three rules": (
        "The network of six neurons under alpha2 beta1, epsilon 1 and gamma 1: the inputs have the largest "
        "relevances under alpha2 beta1, and the weakest blue under gamma"
    ),
    "rules with knobs": (
        "Relevances in the network of six neurons under alpha {alpha}, epsilon {epsilon_value} and gamma {gamma_value}"
    ),
    "the nearest 4": (
        "A handwritten 4, the probabilities of the ten classes, and two relevance maps: why 4, and why 4 and not 9"
    ),
    "strokes explained": (
        "A 4 drawn with straight strokes, the class probabilities, and relevance for the best class and against the "
        "second"
    ),
    "drawing explained": (
        "Your drawing, its class probabilities, and relevance for the best class and against the second"
    ),
    "4 to 9": (
        "How far three maps move at each of 200 steps from a 4 to a 9: the gradient and gradient times input jump "
        "often and far, LRP moves little, with a few jumps"
    ),
    "five rules": (
        "The collage of an elephant and a green pepper, and the relevance of its pixels for the elephant under five "
        "choices of rules, with the outline of the elephant"
    ),
    "coffee by LRP": "A cup of coffee and the relevance of its pixels for the most probable class",
    "upload by LRP": "The uploaded photograph and the relevance of its pixels for its most probable class",
    "five methods": (
        "The cat, five explanations of its class, and Sobel's edges: guided backpropagation and LRP follow the "
        "outlines as Sobel does"
    ),
    "cascade": "Maps of the cat by five methods, one row each; from left to right more and more layers are random",
    "cascade in numbers": (
        "Likeness of the maps to those of the trained network, by method, as layers are re-drawn from the logits "
        "down, with and without sign, with bands of one standard deviation"
    ),
    "coats and concepts": (
        "Four animals, one in each of the coats plain, striped, spotted and patched; four pictures of stripes and "
        "four random ones without any animal"
    ),
    "CAV in two": "Activations of striped and of random pictures, the line between them, and the CAV across it",
    "four concepts": (
        "TCAV scores of four concepts for four classes: striped high for the striped class, spotted for the spotted "
        "class"
    ),
    "tag and loss": (
        "Against the share of tagged horses in the training: the TCAV score of the tag, its mean derivative, and "
        "the loss of accuracy and of the logit when the tag is removed"
    ),
}
WHY = {
    "test digit 14": (
        "Test digit 14, the probabilities of the ten classes, and two relevance maps: why 4, and why 4 and not 9"
    ),
    "digit {number}": (
        "Test digit {number}, its class probabilities, and relevance for {first} and for {first} and not {second}"
    ),
    "elephant and pepper": (
        "EpsilonPlusFlat on the collage for the elephant, for the pepper, and for the elephant against the pepper"
    ),
}
SIDE = {
    "eleven methods": (
        "The cat and eleven explanations of its class side by side: gradients and their relatives, guided "
        "backpropagation, deconvnet, deep Taylor, three kinds of LRP, and Grad-CAM"
    ),
    "methods on {photo}": "The photograph {photo} and eleven explanations of its class side by side",
    "edges and maps": (
        "The cat, the edges that the Sobel operator draws of it, and two maps: guided backpropagation draws the same "
        "lines, the gradient is grainy"
    ),
}
TRUTH = {
    "shuffled labels": (
        "A handwritten 4 and its maps by four methods, above for the network with true labels, below for that with "
        "shuffled ones"
    ),
    "two things": (
        "Sixteen methods, each with a dot for the thing that its maps explain and a cross for the other: the share of "
        "positive relevance there, and how often the maximum lies there, with chance. For the baselines the two coincide"
    ),
}
WORDS = {
    "five sentences": (
        "Five sentences from the paper of Arras and others, each word on the colour of its relevance with the "
        "number under it"
    ),
    "four sentences": (
        "Four held-out sentences with coloured words: the two of which the network is surest, and two that it gets "
        "wrong"
    ),
    "my sentence": (
        "A typed sentence about a plot that is not bad and an ending that is a mess, its words coloured by relevance"
    ),
    "word valences": (
        "Rank correlation, sign agreement, and rank correlation of sizes of four methods with the valences of "
        "words, with the band of chance in grey"
    ),
    "deleted words": (
        "Share of right verdicts against the number of deleted words: falling where the most relevant words go "
        "first in sentences first right, rising where the least relevant go first in sentences first wrong"
    ),
}
CONCEPTS = {
    "scores over depth": (
        "TCAV scores of striped and of spotted for both classes over the five convolutions, with the random bands; "
        "marks are filled where significant"
    ),
    "most and least": "The six most spotted and the six least spotted pictures of the world according to the CAV",
    "drawn stripes": "A drawn tile of black stripes and three pieces cut from it in other colours and directions",
    "stripes scored": "TCAV scores of the drawn stripes for the four coats: high for striped",
    "own concept scored": "TCAV scores of your own concept for the four coats",
    "concepts of VGG16": "TCAV scores of five concepts for bell pepper, pomegranate and elephant on VGG16-GAP",
    "grass and gravel": "The same elephant at the same place, on grass and on gravel",
}
DETECTIVE = {
    "suspect's map": "A horse with a tag and the relevance of its pixels for one of the five networks",
}
ROBUST = {
    "toy price": (
        "AUC against the places that an event moves. Five networks follow an exact curve, from 0.94 at 8 per cent without "
        "a penalty down to 0.77 near 0 with the largest"
    ),
    "both ends": (
        "Five coefficients without and with a large penalty, close to the exact values. Without it t(x1) is twice t(x2); "
        "with it t(x1) is nearly zero and t(x2) has grown"
    ),
    "Higgs price": (
        "AUC against the places that an event moves. From no penalty to 300 the motion falls by nearly half at nearly the "
        "same AUC; at 1000 the AUC falls, and without the nine variables far more"
    ),
    "terms before, after": (
        "Coefficients of the nine variables that move, and their terms, without a penalty and with 300. The visible mass "
        "and the momentum of the tau stay, the ratio of momenta halves"
    ),
}
ALT_TEXTS = NOTEBOOK_1 | NOTEBOOK_2 | NOTEBOOK_3 | WHY | SIDE | TRUTH | WORDS | CONCEPTS | DETECTIVE | ROBUST
