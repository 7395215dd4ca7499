"""What methods see of a clip: pure functions of its frames, computed once a set and kept on disk."""
