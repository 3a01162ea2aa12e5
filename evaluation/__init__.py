"""The paper's metrics on people that the base model was never shown: scores, tables, plots.

``python -m evaluation --out OUT`` leaves behind::

    OUT/
      suite.json      what was measured: see below
      scores.csv      one row a picture: see below
      tables.json     the figures of every table, with 95 % intervals; tables.md: the same to read
      timing.json     seconds per identity, of `--experiments timing`
      plots/          lambda.png, kv-count.png
      pairs/          two people in one picture, of `--experiments pairs`: :mod:`evaluation.pairs`
      gallery.npy     [256, E] faces of the source images of people from `first` on: with the raw
                      scores, all that figures are computed from
      sources/0007.png                     the one image that person 7 is learned from
      identities/<key>/0007.safetensors    person 7 as a method learned it; its `training` record
                                           has `config`, `seconds`, `losses` [steps, 3]: its total,
                                           and the means of its batch of denoising and attention
      scores/<key>/0007-1.npz              raw scores of person 7, seed index 1, all prompts
      scores/plain/0000-1.npz              the same with the class noun in the identity's place
      pictures/<key>/0007.png              seed index 0 of person 7, one 8-bit RGB strip
                                           [prompts * H, W] in the order of `prompts`, of the
                                           first `--pictures` people
      pictures/plain/0000.png              the same of the class noun

``suite.json``::

    {"settings": {"base_model": "sha256:...", "class_noun": "person", "first": 0,
                  "prompts": [{"level": "face", "text": "a photo of the face of {}",
                               "threshold": 0.65}, ...],
                  "sampling": {"steps": 20, "guidance": 7.5, "scheduler": "ddim"},
                  "judge": "...", "sources": "..."},        # no figure outlives a change of these
     "identities": 32, "seeds": 4, "image_size": [64, 64], "face_threshold": 0.31,
     "ceiling": {"id": 0.9, "nearest_256": 1.0, "detect": 1.0},  # of further real pictures, or null
     "methods": {"5kv-all": {"key": "0a1b...", "config": {...}, "trained": 1408, "added": 1280}},
     "experiments": {"lambda": {"title": "...", "rows": {"0.1": "lambda 0.1", "1": "5kv-all"},
                                "identities": 16, "seeds": 1}}}   # rows: label -> method

``scores.csv``: ``method, person, level, prompt, seed, score, met, plain_score, plain_met, detect,
id, id_p, nearest, nearest_256, false_matches, verified``. ``method`` is a key of ``methods``,
``prompt`` has ``{}`` for the subject, flags are 0 or 1; :mod:`evaluation.scores` says what each is.

Everything is written aside and renamed, so the same command goes on wherever it was stopped.
"""
