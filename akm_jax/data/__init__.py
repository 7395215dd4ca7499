"""Clips from disk to device: reading, leave-one-subject-out folds, batches, augmentation."""
