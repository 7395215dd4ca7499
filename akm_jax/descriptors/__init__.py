"""Handcrafted descriptors, one file each: settings as a frozen dataclass that turns a clip into numbers.

`transformers` has the same for scikit-learn, `svm` the classifier that all of them end in. Axes: T frames of a clip,
H W pixels; p r c are the block's part in time, row and column.
"""
