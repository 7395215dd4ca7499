"""What the sets of long videos share: intervals, survey, faces, crops, builder, and reading a built set."""
