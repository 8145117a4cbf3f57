"""scikit-learn: a search over cross-validation whose candidates are the trials of a study, and whose folds its steps.

`search` is what users see; `space` says what is searched, `folds` trains, `results` tabulates, `refitted` answers by
the best estimator, `engine` opens the client.
"""

from lrtune.trainers.integrations.extras import absent

try:
    import sklearn  # noqa: F401
except ImportError as error:
    raise absent("sklearn", error) from error
