"""What goes on inside the default method: three studies of people that an evaluation learned.

``python -m evaluation.studies --out OUT`` adds to an evaluation's folder::

    OUT/
      stages/              the identity in some stages, or in keys or values only (paper Fig. 4, 12)
        k1,0,..._v....png  pictures of one setting, an RGB strip [people * prompts * seeds * H, W]
        settings.json      who and what was drawn
        scores.csv         one row a picture
        table.csv          means with 95 % intervals over people; table.md: the same to read
        grid.png           one person in every setting
      attention/0000.npz   attention maps of each token per stage, of one person (paper Fig. 3, 13)
      curves/<key>.csv     losses, token norm and scores over the steps of a training
"""
