"""Any data of one's own: a table of clips, list files of the released program, or folders by subject and label."""
